"""Battles folded from tables in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError, TooFewData
from evalh.stats.battles import rate
from evalh.stats.folding import fold, from_frame
from evalh.stats.frame import as_results

ROWS = {
    "model_a": ["x", "y", "x", "z", "x"],
    "model_b": ["y", "z", "z", "x", "y"],
    "winner": ["model_a", "model_b", "tie", "tie (bothbad)", "model_b"],
    "question_id": ["q1", "q1", "q2", "q3", "q3"],
}


def same(one: object, other: object) -> bool:
    """Whether two foldings hold the same counts and clusters."""
    fields = ("pairs", "counts", "cluster", "cell", "weight")
    return one.models == other.models and all(  # type: ignore[attr-defined]
        np.array_equal(getattr(one, f), getattr(other, f)) for f in fields if getattr(one, f) is not None
    )


@pytest.mark.parametrize("cluster", [None, "question_id"])
def test_every_kind_of_table_folds_to_the_same(cluster: str | None) -> None:
    """Lists, a DataFrame of text or of categories, outcomes as numbers, and a results frame: the same counts."""
    folded = from_frame(ROWS, cluster)
    assert folded.models == ("x", "y", "z")
    assert folded.counts.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 1]]
    frame = pd.DataFrame(ROWS)
    numbers = frame.drop(columns="winner").assign(outcome=[1.0, 0.0, 0.5, 0.5, 0.0])
    results = as_results(numbers.assign(mode="pairwise"))
    for other in (frame, frame.astype("category"), frame.astype(object), numbers, results):
        assert same(folded, from_frame(other, cluster))


def test_rows_that_are_no_battles_are_counted() -> None:
    """No winner, another winner, no name and a model against itself are left out and counted; none is a tie."""
    more = [("x", "y", None, "q"), ("x", "y", "error", "q"), ("x", "x", "model_a", "q"), (None, "y", "tie", "q")]
    more += [("x", "", "tie", "q"), ("x", "y", "", "q"), ("x", "y", float("nan"), "q")]
    frame = {name: [*values, *(row[i] for row in more)] for i, (name, values) in enumerate(ROWS.items())}
    for table in (frame, pd.DataFrame(frame)):
        folded = from_frame(table)
        assert folded.counts.sum() == 5
        assert folded.left_out == {
            "no winner": 3,
            "winner 'error'": 1,
            "a model without a name": 2,
            "a model against itself": 1,
        }
    scored = from_frame({"model_a": ["x", "x"], "model_b": ["y", "y"], "outcome": [np.nan, 1.0]})
    assert (scored.counts.tolist(), scored.left_out) == ([[1, 0, 0]], {"no winner": 1})


def test_many_kinds_of_winner_do_not_fill_the_memory() -> None:
    """Beyond twenty different reasons rows are counted together."""
    count = 50
    table = {"model_a": ["x"] * count, "model_b": ["y"] * count, "winner": ["model_a", *(f"w{i}" for i in range(count - 1))]}
    left_out = from_frame(table).left_out
    assert len(left_out) == 21
    assert left_out["other winners"] == 29


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"winner": None}, StatsError, "no column outcome"),
        ({"model_b": None}, StatsError, "no column model_b"),
        ({"question_id": ["a", "b", None, "c", "d"]}, StatsError, "1 battles have no question_id"),
        ({"winner": ["?"] * 5}, TooFewData, r"no battle to rate \(5 rows with winner '\?'\)"),
        ({"winner": None, "outcome": [1, 0, 0.7, 1, 0]}, StatsError, "row 2: an outcome of 0.7"),
        ({"winner": None, "outcome": [1, 0, 1, float("inf"), 0]}, StatsError, "row 3: an outcome of inf"),
    ],
)
def test_what_cannot_be_folded_is_named(change: dict[str, object], error: type[Exception], said: str) -> None:
    """A missing column, a battle without a cluster, weighted preferences, no battle at all."""
    table = {k: v for k, v in {**ROWS, **change}.items() if v is not None}
    with pytest.raises(error, match=said):
        from_frame(table, "question_id")


def test_an_empty_table_is_said() -> None:
    """No row: an error, not an empty table of ratings."""
    for table in ({"model_a": [], "model_b": [], "winner": []}, pd.DataFrame(columns=["model_a", "model_b", "winner"])):
        with pytest.raises(TooFewData):
            from_frame(table)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**32), st.booleans())
def test_folding_counts_every_battle_once(size: int, count: int, seed: int, sparse: bool) -> None:
    """Counts of pairs and clusters add up, whatever the numbers of the clusters, and equal those counted one by one."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, size, count)) % size
    outcome, group = rng.integers(0, 3, count), rng.integers(0, 9, count) * (10**9 if sparse else 1)
    folded = fold([f"m{i}" for i in range(size)], a, b, outcome, group)
    assert folded.cluster is not None
    assert folded.cell is not None
    assert folded.weight is not None
    counted: dict[tuple[int, int, int, int], int] = {}
    for one, other, result, cluster in zip(a.tolist(), b.tolist(), outcome.tolist(), group.tolist(), strict=True):
        key = (cluster, min(one, other), max(one, other), result if one < other else 2 - result)
        counted[key] = counted.get(key, 0) + 1
    names = sorted({k[0] for k in counted})
    found = {
        (names[c], *folded.pairs[cell // 3].tolist(), cell % 3): int(w)
        for c, cell, w in zip(folded.cluster.tolist(), folded.cell.tolist(), folded.weight.tolist(), strict=True)
    }
    assert found == counted
    assert folded.n == len(names)
    assert np.bincount(folded.cell, folded.weight, folded.counts.size) == pytest.approx(folded.counts.ravel())


def test_a_frame_is_rated_as_its_rows() -> None:
    """Ratings of a folded frame do not depend on the order of its rows."""
    frame = pd.DataFrame(ROWS)
    frame = pd.concat([frame, frame.assign(model_a=frame.model_b, model_b=frame.model_a)])
    one, other = (rate(from_frame(f)) for f in (frame, frame.iloc[::-1]))
    assert [e.value for e in one] == pytest.approx([e.value for e in other])
