from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from evalh.stats.cells import Cells, collect
from evalh.stats.summary import summarise
from stats.frames import comparison, results, review, score


def column(cells: Cells, table: str, name: str) -> list[float]:
    return getattr(getattr(cells, table), name).tolist()


def same(one: Cells, other: Cells) -> bool:
    """Whether two tables hold the same numbers."""
    tables = [(one.comparisons, other.comparisons), (one.scores, other.scores)]
    equal = [np.allclose(getattr(a, f.name), getattr(b, f.name), equal_nan=True) for a, b in tables for f in fields(a)]
    return all(equal) and one.models == other.models and one.unscored_by_status == other.unscored_by_status


ROWS = [
    comparison("q1", "b", "a", 1.0, category="coding"),
    comparison("q1", "b", "a", 0.5, category="coding", swapped=True),
    comparison("q2", "a", "c", 0.0, category="math"),
    comparison("q2", "a", "c", None, category="math", swapped=True),
    score("q1", "a", 8, category="coding"),
    score("q1", "a", 4, category="coding", turn=2),
    score("q2", "a", None, category="math", status="refused"),
    score("q2", "b", 10, category="math"),
]


def test_rows_are_summed_by_pair_and_question() -> None:
    """A pair is seen from the model whose name sorts first, whichever way round its rows name it."""
    cells = collect(results(ROWS))
    assert cells.models == ("a", "b", "c")
    assert cells.comparisons.pairs.tolist() == [[0, 1], [0, 2]]
    assert column(cells, "comparisons", "question") == [0, 1]
    assert column(cells, "comparisons", "weight") == [2, 1]
    assert column(cells, "comparisons", "outcome") == [0.5, 0]
    assert column(cells, "comparisons", "ties") == [1, 0]
    assert column(cells, "comparisons", "left_out") == [0, 1]
    assert column(cells, "comparisons", "unscored") == [0, 1]


def test_scores_are_summed_by_model_and_turn() -> None:
    """Each turn of a question is a unit; the smallest gap between scores sets the step."""
    cells = collect(results(ROWS))
    assert column(cells, "scores", "total") == [8, 4, 0, 10]
    assert cells.scores.unit_turn[cells.scores.unit].tolist() == [1, 2, 1, 1]
    assert cells.score_step == 2
    assert cells.unscored_by_status == {"no_verdict": 1, "refused": 1}


def test_the_order_of_rows_does_not_matter() -> None:
    """Shuffled rows fold to the same cells."""
    shuffled = list(ROWS)
    random.Random(4).shuffle(shuffled)
    assert same(collect(results(ROWS)), collect(results(shuffled)))


def test_a_pair_may_be_named_both_ways_round() -> None:
    """Naming the pair the other way round, with the outcome and the order mirrored, is the same row."""
    mirrored = [
        row
        | {"model_a": row["model_b"], "model_b": row["model_a"], "outcome": 1 - row["outcome"], "swapped": not row["swapped"]}
        if row["model_b"]
        else row
        for row in ({"swapped": False} | row for row in ROWS)
    ]
    assert same(collect(results(ROWS)), collect(results(mirrored)))


def test_two_score_totals_follow_the_pair() -> None:
    """Totals of a review belong to their models, whichever is named first."""
    cells = collect(results([review("q", "z", "y", 9, 2), review("q2", "y", "z", 3, 8)]))
    assert column(cells, "comparisons", "total_a") == [2, 3]
    assert column(cells, "comparisons", "total_b") == [9, 8]
    assert column(cells, "comparisons", "losses") == [1, 1]
    assert cells.score_step == 1


def test_a_category_is_a_subset_of_questions() -> None:
    """A category's cells are those that its rows alone would give."""
    whole = collect(results(ROWS))
    coding = whole.of_category("coding")
    assert column(coding, "comparisons", "question") == [0]
    assert column(coding, "scores", "total") == [8, 4]
    assert not len(whole.of_category("nonsense").comparisons.pair)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": float("nan")},
        {"weight": 0.0},
        {"weight": float("nan")},
        {"weight": float("inf")},
        {"weight": -1.0},
    ],
)
def test_values_that_cannot_be_used_are_unscored(change: dict) -> None:  # type: ignore[type-arg]
    """A row that claims to be scored without a usable value or weight counts as unscored."""
    cells = collect(results([comparison("q", "a", "b", 1.0) | change]))
    assert column(cells, "comparisons", "scored") == [0]
    assert column(cells, "comparisons", "unscored") == [1]
    assert cells.unscored_by_status == {"no_verdict": 1}


def test_an_infinite_score_is_unscored() -> None:
    """A score that is not a number never enters a mean."""
    cells = collect(results([score("q", "a", float("inf")), score("q2", "a", 5)]))
    assert column(cells, "scores", "unscored") == [1, 0]
    assert cells.score_step == pytest.approx(5 / 9)  # of 5, the only score


def test_overall_aspect_counts_alone() -> None:
    """Where there is an overall score, other aspects are left out."""
    rows = [score("q", "a", 7), score("q", "a", 1, aspect="depth"), score("q2", "a", None, aspect="depth")]
    cells = collect(results(rows))
    assert column(cells, "scores", "total") == [7]
    assert cells.unscored_by_status == {}


def test_an_overall_aspect_counts_alone_even_if_it_is_unscored() -> None:
    """A judge of whose overall scores none could be read has no mean of its other aspects instead."""
    rows = [score("q", "a", None), score("q", "a", 3, aspect="depth")]
    cells = collect(results(rows))
    assert column(cells, "scores", "total") == [0]
    assert cells.unscored_by_status == {"no_verdict": 1}


def test_every_aspect_has_scores_of_its_own() -> None:
    """Beside the overall score each aspect is kept, with its own step; one that does not apply to an answer is not there."""
    rows = [score("q", "a", 7), score("q", "a", 1, aspect="depth"), score("q2", "a", None, aspect="depth", status="scored")]
    rows += [score("q", "b", 5, aspect="depth"), score("q", "b", 2, aspect="style")]
    cells = collect(results(rows))
    assert sorted(cells.aspects) == ["depth", "style"]
    depth, step = cells.aspects["depth"]
    assert (depth.total.tolist(), depth.model.tolist(), step) == ([1, 0, 5], [0, 0, 1], 4)
    assert sorted(cells.of_category("none").aspects) == ["depth", "style"]
    assert not len(cells.of_category("none").aspects["depth"][0].model)


def _ranked(question: str, names: str, **more: Any) -> list[dict[str, Any]]:
    """The rows of one ranking in which each model beats those behind it."""
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return [comparison(question, a, b, 1.0, mode="ranking", group_id=f"{question}/{names}", **more) for a, b in pairs]


def test_a_ranking_is_one_judgment_of_each_model() -> None:
    """Six pairs of four models come from one reply: it counts once for each, and once where it is missing."""
    unread = [row | {"outcome": float("nan"), "status": "truncated"} for row in _ranked("q3", "abcd")]
    cells = collect(results([*_ranked("q", "abcd"), *_ranked("q2", "ab"), *unread]))
    assert cells.unscored_by_status == {"truncated": 1}
    found = summarise(cells)
    assert found.judged.tolist() == [2, 2, 1, 1]
    assert found.missing.tolist() == [1, 1, 1, 1]
    assert [(p.scored, p.unscored) for p in found.pairs if (p.model_a, p.model_b) in (("a", "b"), ("c", "d"))] == [
        (2, 1),
        (1, 1),
    ]
    assert found.counts.tolist() == [[4, 0, 0], [2, 0, 2], [1, 0, 2], [0, 0, 3]]


def test_a_ranking_in_both_orders_is_two_judgments() -> None:
    """The second order is a reply of its own, about the same group."""
    twice = [*_ranked("q", "abc"), *_ranked("q", "abc", swapped=True)]
    cells = collect(results(twice))
    assert summarise(cells).judged.tolist() == [2, 2, 2]
    assert column(cells, "comparisons", "wins") == [1, 1, 1]


def test_without_an_overall_aspect_all_count_as_one_judgment() -> None:
    """Scores of several aspects all enter the mean, and their judgment is counted once."""
    rows = [score("q", "a", 7, aspect="depth"), score("q", "a", 3, aspect="style"), score("q2", "a", None, aspect="depth")]
    cells = collect(results(rows))
    assert sum(column(cells, "scores", "total")) == 10
    assert sum(column(cells, "scores", "scored")) == 1
    assert sum(column(cells, "scores", "unscored")) == 1
    assert cells.unscored_by_status == {"no_verdict": 1}


def test_a_judgment_with_one_scored_aspect_is_scored() -> None:
    """A judgment of which one aspect could not be read is not missing."""
    rows = [score("q", "a", None, aspect="depth"), score("q", "a", 3, aspect="style")]
    cells = collect(results(rows))
    assert sum(column(cells, "scores", "scored")) == 1
    assert sum(column(cells, "scores", "unscored")) == 0


def test_a_model_against_itself_is_no_comparison() -> None:
    """Rows that compare a model with itself are left out."""
    assert not len(collect(results([comparison("q", "a", "a", 1.0)])).comparisons.pair)


@pytest.mark.parametrize(
    ("given", "step"),
    [([8, 9, 10], 1), ([1, 10], 9), ([7.5, 8, 10], 0.5), ([1, 1.5, 10], 1), ([0.11, 0.12, 0.56], 0.05), ([0, 1, 1], 1)],
)
def test_the_step_of_a_scale(given: list[float], step: float) -> None:
    """It is the smallest gap between scores, but at least a ninth of their range."""
    assert collect(results(score(f"q{i}", "a", x) for i, x in enumerate(given))).score_step == pytest.approx(step)


def test_equal_scores_take_their_step_from_their_size() -> None:
    """Where all scores are equal a step is a ninth of them; where all are 0, a ninth of a point; without any, one point."""
    assert collect(results([score("q", "a", 9)])).score_step == 1
    assert collect(results([score("q", "a", 0)])).score_step == pytest.approx(1 / 9)
    assert collect(results([comparison("q", "a", "b", 1.0)])).score_step == 1


def test_no_rows_at_all() -> None:
    """An empty frame folds to empty cells, with the models asked for."""
    cells = collect(results([]), ["b", "a"])
    assert cells.models == ("a", "b")
    assert not len(cells.comparisons.pair)
    assert not len(cells.scores.model)
    assert cells.comparisons.per_pair(cells.comparisons.weight).dtype == np.float64


def test_weights_multiply() -> None:
    """A row of weight 2 counts as two rows."""
    twice = [comparison("q", "a", "b", 1.0, weight=2.0), score("q", "a", 6, weight=2.0)]
    cells = collect(results(twice))
    assert column(cells, "comparisons", "weight") == [2]
    assert column(cells, "comparisons", "outcome") == [2]
    assert column(cells, "scores", "total") == [12]
    assert column(cells, "scores", "scored") == [1]


def test_repeats_of_a_comparison_are_folded_to_one() -> None:
    """Repeats make one comparison per question, pair and turn, whatever their group."""
    rows = [comparison("q", "a", "b", o, sample=i, group_id=str(i)) for i, o in enumerate([1.0, 1.0, 0.0])]
    cells = collect(results([*rows, comparison("q", "a", "b", 0.0, turn=2)]))
    assert column(cells, "comparisons", "wins") == [1]
    assert column(cells, "comparisons", "losses") == [1]
    assert column(cells, "comparisons", "scored") == [4]


def test_modes_are_folded_apart() -> None:
    """A pairwise and a two-score verdict on one question are two comparisons."""
    cells = collect(results([comparison("q", "a", "b", 1.0), review("q", "a", "b", 3, 5)]))
    assert (column(cells, "comparisons", "wins"), column(cells, "comparisons", "losses")) == ([1], [1])
    assert column(cells, "comparisons", "reviews") == [1]


def test_labels_that_no_row_holds_are_ignored() -> None:
    """A subset of a frame keeps its labels; models that are only labels do not take part."""
    frame = results(ROWS)
    cells = collect(frame.take(np.flatnonzero(frame.question_id.where("q1"))))
    assert cells.models == ("a", "b")
    assert same(cells, replace(cells))
