from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalh.errors import StatsError
from evalh.stats.frame import COLUMNS, Factor, as_results
from stats.frames import comparison, results, score


def test_defaults() -> None:
    """Only question, mode and model are required; the rest is one scored turn of weight 1, each row a group of its own."""
    rows = as_results({"question_id": ["q1", "q2"], "mode": ["absolute"] * 2, "model_a": ["a", None]})
    assert rows.turn.tolist() == [1, 1]
    assert rows.weight.tolist() == [1.0, 1.0]
    assert rows.status.values().tolist() == ["scored", "scored"]
    assert rows.model_a.values().tolist() == ["a", ""]
    assert rows.group_id.values().tolist() == ["0", "1"]
    assert not rows.swapped.any()
    assert np.isnan(rows.outcome).all()


def test_frames_survive_pandas() -> None:
    """A frame turned into a DataFrame and back holds the same values in the same columns."""
    rows = results([comparison("q", "a", "b", 0.5, category="math"), score("q", "a", None)])
    frame = rows.to_frame()
    assert tuple(frame.columns) == COLUMNS
    back = as_results(frame)
    for name in COLUMNS:
        one, other = getattr(rows, name), getattr(back, name)
        if isinstance(one, Factor):
            one, other = one.values(), other.values()
            assert one.tolist() == other.tolist()
        else:
            assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_results_pass_through() -> None:
    """What is already a `Results` is returned as it is, and factors are taken over."""
    rows = results([score("q", "a", 1)])
    assert as_results(rows) is rows
    again = as_results({"question_id": rows.question_id, "mode": ["absolute"], "model_a": ["a"]} | {"turn": [2]})
    assert again.question_id is rows.question_id


def test_missing_values_of_a_dataframe() -> None:
    """None and NaN in a text column are the empty string."""
    frame = pd.DataFrame({"question_id": ["q", "q"], "mode": "pairwise", "model_a": "a", "model_b": [None, float("nan")]})
    assert as_results(frame).model_b.values().tolist() == ["", ""]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"mode": [], "model_a": []}, "question_id"),
        ({"question_id": ["q"], "mode": ["absolute"], "model_a": ["a"], "turn": [1, 2]}, "2 rows"),
        ({"question_id": ["q"], "mode": ["pairwise"], "model_a": ["a"], "outcome": [1.5]}, "1.5"),
    ],
)
def test_faults_are_named(columns: dict, message: str) -> None:  # type: ignore[type-arg]
    """A missing column, columns of different length and an impossible outcome are named."""
    with pytest.raises(StatsError, match=message):
        as_results(columns)


def test_subsets_keep_labels() -> None:
    """A subset of rows keeps the codes, so that subsets can be compared."""
    rows = results([score("q1", "a", 1), score("q2", "b", 2)])
    taken = rows.take(np.array([False, True]))
    assert len(taken) == 1
    assert taken.model_a.labels == ("a", "b", "") or taken.model_a.labels == ("a", "b")
    assert taken.model_a.where("b").tolist() == [True]
    assert taken.model_a.where("nobody").tolist() == [False]
