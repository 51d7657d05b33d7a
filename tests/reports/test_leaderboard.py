from __future__ import annotations

import random
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.errors import UnknownName
from evalh.reports.leaderboard import Leaderboard, ModelRow, Table, build
from evalh.stats.estimate import Estimate
from stats.frames import comparison, results, review, score

Rows = list[dict[str, Any]]


def board(rows: Rows, **options: Any) -> Leaderboard:
    return build(results(rows), **options)["judge"]


def by_model(table: Table) -> dict[str, ModelRow]:
    return {row.model: row for row in table.models}


def both_modes(questions: int = 12, seed: int = 0) -> Rows:
    """Three models, scored and compared in both orders on questions of two categories; a is best, c worst."""
    drawn = np.random.default_rng(seed)
    rows: Rows = []
    for q in range(questions):
        more = {"category": ("coding", "math")[q % 2]}
        points = dict(zip("abc", (drawn.normal([8, 6.5, 5], 1.2)).round().tolist(), strict=True))
        rows += [score(f"q{q:02}", m, p, **more) for m, p in points.items()]
        for a, b in ("ab", "ac", "bc"):
            for swapped in (False, True):
                lead = points[a] - points[b] + drawn.normal(0, 2)
                rows.append(comparison(f"q{q:02}", a, b, float(np.sign(lead) / 2 + 0.5), swapped=swapped, **more))
    return rows


def test_a_complete_table() -> None:
    """Both modes give every figure, overall and per category in the order asked for."""
    found = board(both_modes(), categories=["math", "coding"])
    assert list(found.categories) == ["math", "coding"]
    assert [row.model for row in found.overall.models] == ["a", "b", "c"]
    assert found.reference == "a"
    for table in (found.overall, *found.categories.values()):
        assert [(p.model_a, p.model_b) for p in table.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
        for row in table.models:
            assert row.mean_score is not None
            assert row.win_rate is not None
            assert row.rank is not None
            assert row.turns == {"1": row.mean_score}
            assert row.wins + row.ties + row.losses == row.win_rate.n * 2
            assert (row.scored, row.unscored) == (row.win_rate.n * 5, 0)
    assert all(row.rating is not None for row in found.overall.models)
    assert found.notes == () or all("coding" in note or "math" in note for note in found.notes)


def test_categories_in_order_of_appearance() -> None:
    """Without an order, categories come as the frame has them; rows without one belong to none."""
    rows = [score("1", "a", 5, category="math"), score("2", "a", 5, category=""), score("3", "a", 5, category="coding")]
    assert list(board(rows).categories) == ["math", "coding"]


def test_a_category_without_rows_has_a_table() -> None:
    """A category of which nothing was judged shows its models without figures."""
    table = board(both_modes(), categories=["writing"]).categories["writing"]
    assert [row.model for row in table.models] == ["a", "b", "c"]
    assert all(row == ModelRow(row.model) for row in table.models)
    assert table.pairs == ()


def test_judges_are_kept_apart() -> None:
    """Each judge has a leaderboard of its own, in the order of the frame."""
    rows = [score("1", "a", 5, judge="z"), score("1", "a", 9, judge="b")]
    found = build(results(rows))
    assert list(found) == ["z", "b"]
    assert [by_model(found[j].overall)["a"].mean_score.value for j in found] == [5, 9]  # type: ignore[union-attr]


def test_models_without_a_scored_row_are_shown() -> None:
    """A model that was only asked for, or whose judgments all failed, has a row, without rank or figures."""
    rows = [*both_modes(), score("q00", "d", None, status="refused"), comparison("q00", "a", "d", None)]
    found = board(rows, models=["a", "e"])
    rows_by_model = by_model(found.overall)
    assert list(rows_by_model) == ["a", "b", "c", "d", "e"]
    assert rows_by_model["d"] == ModelRow("d", unscored=2)
    assert rows_by_model["e"] == ModelRow("e")
    assert found.unscored_by_status == {"no_verdict": 1, "refused": 1}
    pair = next(p for p in found.overall.pairs if p.model_b == "d")
    assert (pair.scored, pair.unscored, pair.p_value, pair.p_adjusted, pair.win_rate_a) == (0, 1, None, None, None)


def test_reference_can_be_chosen_and_has_to_exist() -> None:
    """Relative scores relate to the model asked for; a misspelt one is named with its neighbours."""
    found = board(both_modes(), reference="b")
    assert found.reference == "b"
    own = by_model(found.overall)["b"].relative_score
    assert own == Estimate(1.0, None, None, 12, None)
    relative = by_model(found.overall)["a"].relative_score
    assert relative is not None
    assert relative.value is not None
    assert relative.value > 1
    with pytest.raises(UnknownName, match="vicuna-13b"):
        board([score("1", "vicuna-13b", 5)], reference="vicuna13b")


def test_a_reference_that_was_never_scored() -> None:
    """Without a score of the reference there are no relative scores, and no reference is claimed."""
    found = board(both_modes(), models=["d"], reference="d")
    assert found.reference is None
    assert all(row.relative_score is None for row in found.overall.models)


def test_default_reference() -> None:
    """By default the best rating is the reference where there are pairs, else the best mean score."""
    rows = both_modes()
    scores = [r for r in rows if r["mode"] == "absolute"]
    upside_down = [r | {"outcome": 1 - r["outcome"]} for r in rows if r["mode"] == "pairwise"]
    assert board(scores).reference == "a"
    assert board(scores + upside_down).reference == "c"
    # c then wins everything: no ratings, and its win rate tells
    assert board(scores + [comparison(f"q{i:02}", m, "c", 0.0) for i in range(9) for m in "ab"]).reference == "c"


def test_two_score_decides_relative_scores() -> None:
    """Where a run has both absolute and two-score judgments, relative scores are those of the reviews."""
    rows = [score(f"q{i}", m, p) for i in range(6) for m, p in (("a", 9), ("b", 9))]
    rows += [review(f"q{i}", "a", "b", 8 + i % 2, 4) for i in range(6)]
    found = by_model(board(rows, reference="a").overall)
    assert found["b"].relative_score.value == pytest.approx(24 / 51)  # type: ignore[union-attr]
    assert found["a"].relative_score == Estimate(1.0, None, None, 6, None)


def test_chains_are_noted_and_models_out_of_reach_have_no_figure() -> None:
    """A reader is told which relative scores are chained, and through what."""
    rows = [review(f"q{i}", "gpt", "vicuna", 9, 8) for i in range(3)] + [
        review(f"q{i}", "vicuna", "llama", 8, 5) for i in range(3)
    ]
    found = board([*rows, review("q0", "x", "y", 3, 4)], reference="gpt")
    assert [n for n in found.notes if "chained" in n] == [
        "Relative scores chained through vicuna, because the model was not judged beside gpt: llama."
    ]
    assert by_model(found.overall)["x"].relative_score is None


def test_groups_need_every_pair() -> None:
    """Models that were only compared with a baseline get no letters; a note counts the pairs that are missing and names one."""
    star = [comparison(f"q{i}", m, "base", w, category="math") for m, w in (("good", 1.0), ("bad", 0.0)) for i in range(12)]
    found = board(star)
    assert [row.groups for row in found.overall.models] == [None] * 3
    told = [n for n in found.notes if n.startswith("No letters")]
    assert len(told) == 1
    assert "because 1 of 3 pairs of models never met (good and bad);" in told[0]
    elsewhere = [comparison(f"p{i}", "bad", "good", 0.0, category="coding") for i in range(12)]
    found = board(star + elsewhere)
    assert [(row.model, row.groups) for row in found.overall.models] == [("good", "a"), ("base", "b"), ("bad", "c")]
    assert [n for n in found.notes if n.startswith("No letters")] == [
        "No letters say which models cannot be told apart in categories where a pair never met: math."
    ]
    assert not [n for n in board(both_modes()).notes if n.startswith("No letters")]


def test_ratings_that_are_missing_are_explained() -> None:
    """A model that wins everything leaves ratings empty and a note, overall and for the category."""
    found = board([comparison(f"q{i}", "a", "b", 1.0, category="math") for i in range(10)])
    a, b = found.overall.models
    assert (a.model, a.rating, b.rating) == ("a", None, None)
    assert a.win_rate is not None
    assert (a.win_rate.value, a.win_rate.high) == (1.0, 1.0)
    assert a.win_rate.low is not None
    assert 0.6 < a.win_rate.low < 0.8
    assert (a.rank, b.rank) == ((1, 1), (2, 2))
    assert any("never" not in n and "a; b" in n for n in found.notes)
    assert any("math (a | b)" in n for n in found.notes)


def test_one_question() -> None:
    """One question gives figures without intervals, and a category without comparisons of its own gets no rating note."""
    found = board([comparison("q", "a", "b", 1.0), comparison("q", "a", "b", 0.0, swapped=True), score("q", "a", 5)])
    a = by_model(found.overall)["a"]
    assert a.win_rate == Estimate(0.5, None, None, 1, None)
    assert a.rating == Estimate(1000.0, None, None, 1, None)
    assert a.mean_score == Estimate(5.0, None, None, 1, None)
    assert (a.wins, a.ties, a.losses) == (0, 1, 0)


def test_one_model() -> None:
    """One model has a mean score, is first, and is its own reference."""
    found = board([score(f"q{i}", "a", 5 + i % 3) for i in range(9)])
    (a,) = found.overall.models
    assert (a.rank, found.reference, a.win_rate, a.rating) == ((1, 1), "a", None, None)
    assert a.mean_score is not None
    assert a.mean_score.value == 6


def test_all_ties() -> None:
    """Models that always tie share all ranks and 1000 points, within limits."""
    found = board([comparison(f"q{i}", "a", "b", 0.5) for i in range(10)])
    for row in found.overall.models:
        assert row.rank == (1, 2)
        assert row.rating is not None
        assert row.rating.value == pytest.approx(1000)
        assert row.win_rate is not None
        assert row.win_rate.low is not None
        assert row.win_rate.low < 0.5


def test_nothing_scored_at_all() -> None:
    """A run in which every judgment failed has a table of empty rows and says how it failed."""
    rows = [score("q", "a", None, status="failed"), comparison("q", "a", "b", None)]
    found = board(rows)
    assert found.overall.models == (ModelRow("a", unscored=2), ModelRow("b", unscored=1))
    assert found.reference is None
    assert found.unscored_by_status == {"failed": 1, "no_verdict": 1}


def test_no_rows() -> None:
    """A frame without rows has no judges."""
    assert build(results([])) == {}


def test_absolute_scores_rank_where_nothing_was_compared() -> None:
    """Pairs that never met are tested on the differences of their scores, question by question."""
    found = board([r for r in both_modes(60) if r["mode"] == "absolute"])
    assert [(p.model_a, p.model_b) for p in found.overall.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(p.win_rate_a is None and p.p_value is not None and p.total_a is None for p in found.overall.pairs)
    assert by_model(found.overall)["a"].rank == (1, 1)
    assert by_model(found.overall)["c"].rank == (3, 3)


def test_holm_covers_all_pairs_of_a_table() -> None:
    """Adjusted p values are never below the raw ones, and the smallest is multiplied by the number of pairs."""
    pairs = board(both_modes()).overall.pairs
    raw = [p.p_value for p in pairs if p.p_value is not None]
    assert min(p.p_adjusted for p in pairs if p.p_adjusted is not None) == pytest.approx(min(1.0, 3 * min(raw)))
    assert all(p.p_adjusted >= p.p_value for p in pairs)  # type: ignore[operator]


def test_equal_best_ranks_are_ordered_by_figures() -> None:
    """Models that share their best rank stand by rating, win rate, mean score and name."""
    rows = [comparison("q1", "a", "b", 0.0), comparison("q2", "a", "b", 0.5), comparison("q3", "a", "b", 1.0)]
    assert [r.model for r in board([*rows, comparison("q4", "a", "b", 0.0)]).overall.models] == ["b", "a"]
    assert [r.model for r in board(rows).overall.models] == ["a", "b"]


# -- properties ------------------------------------------------------------------------------------------------------------

MODELS = ("ant", "bee", "cow")


@st.composite
def frames(draw: st.DrawFn) -> Rows:
    """Small frames of all kinds: absolute, pairwise and two-score rows, unscored ones, repeats, turns and orders."""
    rows: Rows = []
    for _ in range(draw(st.integers(1, 25))):
        question = f"q{draw(st.integers(0, 5))}"
        more = {
            "category": ("coding", "math")[int(question[1:]) % 2],
            "turn": draw(st.integers(1, 2)),
            "sample": draw(st.integers(0, 1)),
            "weight": draw(st.sampled_from([1.0, 1.0, 2.5])),
        }
        model, other = draw(st.permutations(MODELS))[:2]
        kind = draw(st.sampled_from(["absolute", "pairwise", "two-score"]))
        lost = draw(st.integers(0, 5)) == 0
        if kind == "absolute":
            rows.append(score(question, model, None if lost else draw(st.integers(1, 10)), **more))
        elif kind == "pairwise":
            outcome = None if lost else draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
            rows.append(comparison(question, model, other, outcome, swapped=draw(st.booleans()), **more))
        else:
            rows.append(review(question, model, other, draw(st.integers(1, 10)), draw(st.integers(1, 10)), **more))
    return rows


def numbers(found: Leaderboard) -> dict[str, Any]:
    """Every figure of a leaderboard by place, for comparisons up to rounding."""
    flat: dict[str, Any] = {}

    def walk(place: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{place}/{key}", inner)
        elif isinstance(value, (list, tuple)):
            for i, inner in enumerate(value):
                walk(f"{place}/{inner.get('model', i) if isinstance(inner, dict) else i}", inner)
        else:
            flat[place] = value

    walk("", asdict(found))
    return flat


def close(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one.keys() != other.keys():
        return False
    return all(
        one[k] == pytest.approx(other[k], rel=1e-6, abs=1e-6) if isinstance(one[k], float) else one[k] == other[k] for k in one
    )


calm = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm
@given(frames(), st.randoms())
def test_the_order_of_rows_changes_nothing(rows: Rows, shuffler: random.Random) -> None:
    """Shuffled rows give the same leaderboard."""
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    order = ["coding", "math"]
    assert close(numbers(board(rows, categories=order)), numbers(board(shuffled, categories=order)))


@calm
@given(frames())
def test_naming_pairs_the_other_way_round_changes_nothing(rows: Rows) -> None:
    """Swapping A and B of every row, with outcome, scores and order, gives the same leaderboard."""
    mirrored = []
    for row in rows:
        if row["model_b"]:
            swap = {"model_a": row["model_b"], "model_b": row["model_a"], "outcome": 1 - row["outcome"]}
            swap |= {"swapped": not row.get("swapped", False)}
            if "score_b" in row:
                swap |= {"score_a": row["score_b"], "score_b": row["score_a"]}
            mirrored.append(row | swap)
        else:
            mirrored.append(row)
    assert close(numbers(board(rows)), numbers(board(mirrored)))


@calm
@given(frames())
def test_reversing_every_verdict_mirrors_the_table(rows: Rows) -> None:
    """With every verdict reversed, wins and losses change places, win rates and ratings mirror, p values stay."""
    verdicts = [r for r in rows if r["mode"] == "pairwise"]
    if not verdicts:
        return
    plain, mirror = board(verdicts).overall, board([r | {"outcome": 1 - r["outcome"]} for r in verdicts]).overall
    for row in plain.models:
        other = by_model(mirror)[row.model]
        assert (row.wins, row.ties, row.losses, row.scored) == (other.losses, other.ties, other.wins, other.scored)
        for figure, centre in (("win_rate", 0.5), ("rating", 1000.0)):
            one, two = getattr(row, figure), getattr(other, figure)
            assert (one is None) == (two is None)
            if one is not None:
                assert one.value - centre == pytest.approx(centre - two.value, abs=1e-6)
            if figure == "win_rate" and one is not None and one.low is not None:
                assert (one.low, one.high) == pytest.approx((1 - two.high, 1 - two.low), abs=1e-9)
        if row.rank is not None:
            size = sum(r.rank is not None for r in plain.models)
            assert other.rank == (size + 1 - row.rank[1], size + 1 - row.rank[0])
    assert [p.p_value for p in plain.pairs] == pytest.approx([p.p_value for p in mirror.pairs])


@calm
@given(frames(), st.permutations(("ant", "bee", "cow")))
def test_relabelling_models_changes_nothing_else(rows: Rows, names: list[str]) -> None:
    """Under other names every model keeps its figures (random limits of ratings up to the draws, which are the same)."""
    label = dict(zip(MODELS, names, strict=True)) | {"": ""}
    renamed = [r | {"model_a": label[r["model_a"]], "model_b": label[r["model_b"]]} for r in rows]
    plain = board(rows, reference=rows[0]["model_a"]).overall
    other = by_model(board(renamed, reference=label[rows[0]["model_a"]]).overall)
    for row in plain.models:
        expected = replace(row, model=label[row.model])
        one = numbers(Leaderboard("", Table((expected,))))
        two = numbers(Leaderboard("", Table((other[label[row.model]],))))
        chained = row.relative_score != other[label[row.model]].relative_score  # equally good chains are chosen by name
        assert close(one, two) or chained


@calm
@given(frames(), frames())
def test_unscored_rows_change_counts_and_nothing_else(rows: Rows, lost: Rows) -> None:
    """Adding unscored rows on other questions changes only what counts them."""
    missing = [r | {"status": "failed", "question_id": "z" + r["question_id"], "outcome": float("nan")} for r in lost]
    plain, more = board(rows, models=MODELS), board(rows + missing, models=MODELS)
    for table, longer in (
        (plain.overall, more.overall),
        *zip(plain.categories.values(), more.categories.values(), strict=False),
    ):
        assert [replace(r, unscored=0) for r in table.models] == [replace(r, unscored=0) for r in longer.models]
        judged = [p for p in longer.pairs if p.scored or p.p_value is not None]
        assert [replace(p, unscored=0) for p in table.pairs if p.scored or p.p_value is not None] == [
            replace(p, unscored=0) for p in judged
        ]
    assert sum(more.unscored_by_status.values()) == sum(plain.unscored_by_status.values()) + len(missing)


@calm
@given(frames())
def test_figures_are_numbers_within_their_limits(rows: Rows) -> None:
    """No figure is NaN or infinite; every interval contains its figure and has a width; shares lie within 0..1."""
    found = board(rows)
    for place, value in numbers(found).items():
        assert not isinstance(value, float) or np.isfinite(value), place
    for table in (found.overall, *found.categories.values()):
        figures = [
            (name, getattr(row, name))
            for row in table.models
            for name in ("mean_score", "relative_score", "win_rate", "rating")
        ]
        figures += [("win_rate", pair.win_rate_a) for pair in table.pairs]
        for name, figure in figures:
            if figure is None:
                continue
            assert figure.value is not None
            if figure.low is not None:
                assert figure.low <= figure.value + 1e-6
            if figure.high is not None:
                assert figure.value <= figure.high + 1e-6
            if figure.low is not None and figure.high is not None and name != "rating":
                assert figure.high > figure.low
            if name == "win_rate" and figure.low is not None:
                assert 0 <= figure.low <= figure.high <= 1
