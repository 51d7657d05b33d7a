"""Votes beside a judge's decisions, comparison by comparison."""

from __future__ import annotations

import pytest

from evalh.errors import StatsError
from evalh.stats.voting import Decision, Vote, as_frame, between_raters, decisions, match, votes_of
from stats.frames import comparison, results, score


def test_a_judge_decides_by_both_orders_and_prefers_by_their_mean() -> None:
    """The verdict is MT-bench's; the preference keeps what the two orders said, and an unscored order leaves both out."""
    rows = [
        comparison("1", "a", "b", 1.0),
        comparison("1", "a", "b", 0.0, swapped=True),
        comparison("2", "a", "b", 1.0),
        comparison("2", "a", "b", 0.5, swapped=True),
        comparison("3", "a", "b", 1.0),
        comparison("3", "a", "b", None, swapped=True),
    ]
    assert decisions(results(rows)) == {("1", "a", "b", 1): Decision(0, 0.5), ("2", "a", "b", 1): Decision(0, 0.75)}


def test_scores_decide_where_nothing_was_compared() -> None:
    """Of absolute scores the higher one wins, with a preference of 1, 0.5 or 0."""
    rows = [score("1", "a", 8.0), score("1", "b", 6.0), score("2", "a", 5.0), score("2", "b", 5.0)]
    assert decisions(results(rows)) == {("1", "a", "b", 1): Decision(1, 1.0), ("2", "a", "b", 1): Decision(0, 0.5)}


def test_whatever_has_no_counterpart_is_counted_and_named() -> None:
    """Comparisons nobody voted on, votes the judge did not decide, votes on unknown models and questions."""
    said = {("1", "a", "b", 1): Decision(1, 1.0), ("2", "a", "b", 1): Decision(-1, 0.0)}
    votes = [
        Vote("1", "b", "a", -1, "x"),
        Vote("1", "a", "b", 1, "x", turn=2),
        Vote("1", "a", "c", 1, "x"),
        Vote("9", "a", "b", 1, "x"),
        Vote("9", "c", "d", 1, "x"),
    ]
    matched, left_out = match(said, votes)
    assert (matched.first.tolist(), matched.second.tolist()) == ([1], [1])
    assert (left_out.unvoted, left_out.unjudged) == (1, 1)
    assert left_out.models == {"c": 2, "d": 1}
    assert left_out.questions == {"9": 1}


def test_every_two_votes_on_one_comparison_are_a_pair() -> None:
    """Three votes make three pairs; votes on another turn or pair make none with them."""
    votes = [
        Vote("1", "a", "b", 1, "x"),
        Vote("1", "b", "a", -1, "y"),
        Vote("1", "a", "b", 0, "z"),
        Vote("1", "a", "b", 1, "x", 2),
    ]
    pairs = between_raters(votes)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(1, 1), (1, 0), (1, 0)]


def test_a_judge_can_be_held_against_another() -> None:
    """Decisions become votes of one rater."""
    (vote,) = votes_of({("1", "a", "b", 2): Decision(-1, 0.25)}, "other")
    assert vote == Vote("1", "a", "b", -1, "other", 2)


def test_votes_make_a_frame() -> None:
    """One row a vote, models in the order of their names; without a vote there is nothing to make a leaderboard of."""
    frame = as_frame([Vote("1", "b", "a", 1, "x"), Vote("1", "a", "b", 0, "y")])
    assert frame.outcome.tolist() == [0.0, 0.5]
    with pytest.raises(StatsError):
        as_frame([])
