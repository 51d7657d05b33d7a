"""A judge's liking for its family: a difference to what others say, and never a number from one judge alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from evalh.stats.frame import Results
from evalh.stats.self_preference import Outcomes, Preference, outcomes, outcomes_of_votes, preference
from stats.frames import comparison, results, score

OWN, OTHER = ("gpt",), ("claude", "llama")


def _of(frame: Results, judge: str) -> Outcomes:
    return outcomes(frame.take(np.flatnonzero(frame.judge.where(judge))), OWN, OTHER)


def _against(frame: Results, judge: str, *others: str) -> Preference | None:
    return preference(_of(frame, judge), [_of(frame, name) for name in others])


def _said(judge: str, outcome: float | None, questions: range = range(6), **more: Any) -> list[Any]:
    return [comparison(str(q), "claude", "gpt", outcome, judge=judge, **more) for q in questions]


def test_the_difference_is_seen_from_the_family() -> None:
    """Where the judge lets its family win and the other calls a tie, it favours it by one half."""
    found = _against(results(_said("own", 0.0) + _said("other", 0.5)), "own", "other")
    assert found is not None
    assert (found.difference.value, found.by_judge.value, found.by_others.value) == (0.5, 1.0, 0.5)
    assert (found.comparisons, found.difference.n) == (6, 6)
    assert found.difference.low < 0.5 < found.difference.high  # type: ignore[operator]


def test_only_what_both_decided_counts() -> None:
    """Comparisons that one of them left unscored, or was not asked for, and those within or outside the family, do not."""
    rows = _said("own", 0.0) + _said("other", 1.0, range(2, 4)) + _said("other", None, range(4, 6))
    more = [comparison(str(q), "claude", "llama", 1.0, judge=j) for q in range(6) for j in ("own", "other")]
    found = _against(results(rows + more), "own", "other")
    assert found is not None
    assert (found.comparisons, found.difference.value) == (2, 1.0)


def test_several_others_count_as_their_mean() -> None:
    """Two other judges that disagree are one that calls a tie."""
    found = _against(results(_said("own", 0.0) + _said("x", 0.0) + _said("y", 1.0)), "own", "x", "y")
    assert found is not None
    assert found.difference.value == 0.5


def test_one_judge_alone_has_no_figure() -> None:
    """Without another's word on the same comparisons there is none; nor without a model of the family."""
    frame = results(_said("own", 0.0) + _said("other", 0.5, range(10, 12)))
    assert _against(frame, "own") is None
    assert _against(frame, "own", "other") is None
    assert preference(outcomes(frame, (), OTHER), [outcomes(frame, (), OTHER)]) is None
    assert _against(results([]), "own", "other") is None


def test_scores_of_single_answers_are_compared() -> None:
    """A judge that only gives scores says which of two answers got more; points of different scales never meet."""
    rows = [score(str(q), m, p, judge="own") for q in range(4) for m, p in (("gpt", 9.0), ("claude", 7.0), ("llama", 9.0))]
    rows += [score(str(q), m, p, judge="other") for q in range(4) for m, p in (("gpt", 40.0), ("claude", 55.0))]
    frame = results(rows)
    own = _of(frame, "own")
    assert sorted(own.outcome.tolist()) == [0.5] * 4 + [1.0] * 4
    found = _against(frame, "own", "other")
    assert found is not None
    assert (found.comparisons, found.difference.value) == (4, 1.0)


def test_scores_and_verdicts_can_be_held_against_each_other() -> None:
    """One judge scores, the other compares: the comparison is the same."""
    rows = _said("own", 0.0, range(4))
    rows += [score(str(q), m, p, judge="other") for q in range(4) for m, p in (("gpt", 5.0), ("claude", 8.0))]
    found = _against(results(rows), "own", "other")
    assert found is not None
    assert (found.comparisons, found.difference.value) == (4, 1.0)


def test_votes_are_others_too() -> None:
    """Votes of people meet the judge by question, pair and turn, in either order of names; several are their mean."""
    frame = results(_said("own", 0.0, range(3)))
    vote = {"question_id": "0", "model_a": "gpt", "model_b": "claude", "winner": "tie", "turn": 1}
    votes = [vote, {**vote, "question_id": "1", "model_a": "claude", "model_b": "gpt", "winner": "model_a"}]
    votes += [{**vote, "question_id": "1", "winner": "model_a"}, {**vote, "question_id": "nowhere"}, {**vote, "model_b": "x"}]
    people = outcomes_of_votes(votes, frame, OWN, OTHER)
    assert sorted(people.outcome.tolist()) == [0.5, 0.5]
    found = preference(_of(frame, "own"), [people])
    assert found is not None
    assert (found.comparisons, found.difference.value) == (2, 0.5)
    assert preference(_of(frame, "own"), [outcomes_of_votes([], frame, OWN, OTHER)]) is None


def test_limits_stay_between_minus_one_and_one() -> None:
    """A difference of outcomes cannot be larger than one."""
    found = _against(results(_said("own", 0.0, range(3)) + _said("other", 1.0, range(3))), "own", "other")
    assert found is not None
    assert (found.difference.value, found.difference.high) == (1.0, 1.0)
    assert found.difference.low < 1.0  # type: ignore[operator]
