"""How often a judge and recorded votes say the same."""

from __future__ import annotations

from typing import Any

import pytest

from evalh.errors import TooFewData
from evalh.stats.agreement import Verdicts, agreement, alpha, between, verdicts
from evalh.stats.frame import Results, as_results


def _pairwise(rows: list[tuple[str, float, bool]], mode: str = "pairwise") -> Results:
    """Comparisons of a with b: (question, outcome for a, swapped)."""
    return as_results(
        {
            "question_id": [q for q, _, _ in rows],
            "mode": [mode] * len(rows),
            "model_a": ["a"] * len(rows),
            "model_b": ["b"] * len(rows),
            "outcome": [o for _, o, _ in rows],
            "swapped": [s for _, _, s in rows],
        }
    )


def _vote(question: str, winner: str, a: str = "a", b: str = "b") -> dict[str, Any]:
    return {"question_id": question, "model_a": a, "model_b": b, "winner": winner, "turn": 1}


def test_both_orders_make_one_verdict() -> None:
    """A model wins only where both orders name it; anything else is a tie."""
    rows = [("1", 1.0, False), ("1", 1.0, True), ("2", 1.0, False), ("2", 0.0, True), ("3", 0.0, False)]
    assert verdicts(_pairwise(rows)) == {("1", "a", "b", 1): 1, ("2", "a", "b", 1): 0, ("3", "a", "b", 1): -1}


def test_two_setups() -> None:
    """With ties kept three outcomes are compared; with ties dropped a comparison counts only if neither side ties."""
    frame = _pairwise([("1", 1.0, False), ("2", 0.5, False), ("3", 0.0, False), ("4", 1.0, False)])
    votes = [
        _vote("1", "model_a"),
        _vote("2", "tie"),
        _vote("3", "model_a"),
        _vote("4", "tie (inconsistent)"),
        _vote("9", "tie"),
    ]
    kept, n = agreement(frame, votes)
    assert (kept.value, kept.n, n) == (0.5, 4, 4)
    dropped, m = agreement(frame, votes, ties="dropped")
    assert (dropped.value, m) == (0.5, 2)


def test_the_order_of_names_does_not_matter() -> None:
    """A vote that names the models the other way round says the same."""
    frame = _pairwise([("1", 1.0, False), ("2", 0.0, False)])
    straight, _ = agreement(frame, [_vote("1", "model_a"), _vote("2", "model_b")])
    turned, _ = agreement(frame, [_vote("1", "model_b", "b", "a"), _vote("2", "model_a", "b", "a")])
    assert straight == turned
    assert straight.value == 1.0


def test_votes_of_one_question_move_together() -> None:
    """Many raters of one question are one cluster: n counts questions, and the number of votes is told apart."""
    frame = _pairwise([("1", 1.0, False), ("2", 0.0, False)])
    estimate, n = agreement(frame, [_vote("1", "model_a")] * 5 + [_vote("2", "model_a")])
    assert (estimate.n, n) == (2, 6)
    assert estimate.value == pytest.approx(5 / 6)


def test_scores_stand_in_where_nothing_was_compared() -> None:
    """Absolute scores alone: the higher mean is the verdict, equal ones are a tie; unscored rows are left out."""
    frame = as_results(
        {
            "question_id": ["1", "1", "2", "2", "3"],
            "mode": ["absolute"] * 5,
            "model_a": ["a", "b", "a", "b", "a"],
            "score_a": [8.0, 6.0, 5.0, 5.0, 9.0],
            "status": ["scored"] * 4 + ["no_verdict"],
        }
    )
    assert verdicts(frame) == {("1", "a", "b", 1): 1, ("2", "a", "b", 1): 0}


def test_nothing_to_compare_is_said() -> None:
    """Votes about other questions, or only ties to drop, are too few data, not a zero."""
    frame = _pairwise([("1", 0.5, False)])
    with pytest.raises(TooFewData, match="no vote is about"):
        agreement(frame, [_vote("2", "model_a")])
    with pytest.raises(TooFewData):
        agreement(frame, [_vote("1", "model_a")], ties="dropped")


def _said(values: str) -> Verdicts:
    """Verdicts on questions 0, 1, 2 … of one pair; "." where there is none."""
    return {(str(i), "a", "b", 1): int(x) for i, x in enumerate(values) if x != "."}


def test_two_judges_agree_where_both_decided() -> None:
    """What only one of them decided does not count; n counts questions, the number comparisons."""
    first, second = _said("1010."), _said("100.1")
    estimate, count = between(first, second)
    assert (estimate.value, estimate.n, count) == (pytest.approx(2 / 3), 3, 3)
    assert between(second, first) == (estimate, count)
    twice = {**first, ("0", "a", "c", 1): 0}
    estimate, count = between(twice, {**second, ("0", "a", "c", 1): 1})
    assert (estimate.value, estimate.n, count) == (0.5, 3, 4)
    with pytest.raises(TooFewData):
        between(_said("1."), _said(".1"))


@pytest.mark.parametrize(
    ("judges", "value"),
    [
        (("0100000010", "1110010000"), 0.095),
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
    ],
)
def test_alpha_of_published_examples(judges: tuple[str, ...], value: float) -> None:
    """The two worked examples of nominal data in Krippendorff (2011), the second with gaps."""
    estimate = alpha([_said(j) for j in judges])
    assert estimate.value == pytest.approx(value, abs=5e-4)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < value < estimate.high <= 1.0


def test_alpha_at_its_ends() -> None:
    """Perfect agreement is 1, with room for one question that differs; where all say one thing nothing is left to chance."""
    same = alpha([_said("10100110"), _said("10100110"), _said("10100110")])
    assert same.value == same.high == 1.0
    assert same.low is not None
    assert same.low < 1.0
    assert alpha([_said("1010"), _said("0101")]).value == pytest.approx(-0.75)
    for judges in ((_said("1111"), _said("1111")), (_said("1."), _said(".1"))):
        with pytest.raises(TooFewData):
            alpha(judges)
