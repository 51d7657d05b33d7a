"""Battles that say little or nothing: a stated result or an error that says what is missing, never NaN, never no width."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import Disconnected, StatsError, TooFewData
from evalh.stats.battles import rank_intervals, rate
from evalh.stats.bradley_terry import rating_estimates
from evalh.stats.cells import PairCells
from evalh.stats.elo import online_elo
from evalh.stats.estimate import Estimate
from evalh.stats.folding import fold, from_frame
from evalh.stats.style import relative_differences, style_control
from evalh.stats.ties import Ties
from stats.simulated import league_cells

TIES: tuple[Ties, ...] = ("half", "davidson", "rao-kupper")


def check(found: list[Estimate] | tuple[Estimate, ...], anchor: int | None = None) -> None:
    """Every number is finite; intervals have a width; standard errors are positive."""
    for i, e in enumerate(found):
        assert e.value is not None
        for x in (e.value, e.low, e.high, e.standard_error):
            assert x is None or math.isfinite(x)
        assert e.low is None or e.low < e.value or i == anchor
        assert e.high is None or e.value < e.high or i == anchor
        assert e.standard_error is None or e.standard_error > 0


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 12),
    st.sampled_from([(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)]),
    st.integers(0, 2**32),
    st.sampled_from(TIES),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([0, 40]),
    st.booleans(),
)
def test_a_few_battles_of_any_kind(
    size: int, count: int, outcomes: tuple[int, ...], seed: int, ties: Ties, clusters: int, rounds: int, held: bool
) -> None:
    """One to four models, one to a dozen battles, any outcomes: finite numbers with open or real intervals, or an error."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, max(size, 2), count)) % max(size, 2)
    names = [f"m{i}" for i in range(max(size, 2))]
    outcome = rng.choice(outcomes, count)
    group = rng.integers(0, clusters, count) if clusters else None
    anchor = 0 if held else None
    folded = fold(names, a, b, outcome, group)
    with suppress(Disconnected, TooFewData):
        check(rate(folded, ties, rounds, rng, anchor), anchor)
        assert all(1 <= low <= high <= len(names) for low, high in rank_intervals(folded, ties))
    features = (
        relative_differences(rng.integers(0, 9, (count, 1)), np.arange(1, count + 1)[:, None] ** 2) if count > 3 else None
    )
    if features is not None:
        with suppress(Disconnected, TooFewData):
            styled = style_control(names, a, b, outcome, features, ("length",), group, anchor)
            check(styled.ratings, anchor)
            check(styled.coefficients)


@pytest.mark.parametrize("ties", ["davidson", "rao-kupper"])
def test_games_that_agree_have_no_parameter_for_ties(ties: Ties) -> None:
    """A win and ties that a scale of strengths explains without error: the error says so; one contradiction mends it."""
    a, b, outcome = np.array([0, 0, 1, 2]), np.array([1, 1, 2, 0]), np.array([0, 1, 1, 1])
    with pytest.raises(TooFewData, match="no model lost to one that it beat"):
        rate(fold("xyz", a, b, outcome), ties)
    circle = [np.append(a, [1, 2]), np.append(b, [2, 0]), np.append(outcome, [0, 0])]
    check(rate(fold("xyz", *circle), ties))
    check(rate(fold("xyz", *circle), ties, 100, np.random.default_rng(0)))


@pytest.mark.parametrize("rounds", [0, 200])
@pytest.mark.parametrize("anchor", [None, 1])
def test_ties_alone_are_equal_but_not_certain(rounds: int, anchor: int | None) -> None:
    """Where every battle is a tie, all ratings are equal, and intervals narrow with the number of battles."""
    widths = []
    for count in (4, 16, 64):
        a = np.zeros(count, dtype=int)
        found = rate(fold("xy", a, a + 1, a + 1), "half", rounds, np.random.default_rng(0), anchor)
        check(found, anchor)
        assert len({e.value for e in found}) == 1
        assert found[0].high is not None
        assert found[0].low is not None
        widths.append(found[0].high - found[0].low)
    assert widths[0] > 1.9 * widths[1] > 3.6 * widths[2]


def test_a_leaderboard_of_ties_has_ratings_with_a_width() -> None:
    """Ratings of a report, which are bootstrapped by question, too."""
    sums = np.tile([1.0, 2.0], (12, 1))  # one pair, both orders contradict each other on all twelve questions
    cells: PairCells = league_cells(sums, np.array([[0, 1]]))
    found = rating_estimates(cells, ["x", "y"], np.random.default_rng(0), 100)
    for e in found:
        assert e is not None
        assert e.low is not None
        assert e.high is not None
        assert e.low < 1000.0 < e.high


def test_a_model_that_wins_everything_has_no_number() -> None:
    """Whatever the model of ties and the interval: the group that cannot be placed is named."""
    a, b = np.array([0, 0, 0, 1, 2]), np.array([1, 2, 1, 2, 1])
    outcome = np.array([0, 0, 0, 0, 1])
    for ties in TIES:
        with pytest.raises(Disconnected, match="king") as caught:
            rate(fold(["king", "b", "c"], a, b, outcome), ties)
        assert caught.value.components == (("b", "c"), ("king",))


def test_one_cluster_has_ratings_and_no_interval() -> None:
    """All battles in one question say where models stand, not how sure that is; ranks are then open."""
    a, b = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    folded = fold("xy", a, b, np.array([0, 0, 0, 2]), np.zeros(4, dtype=int))
    for rounds in (0, 100):
        for e in rate(folded, "half", rounds, np.random.default_rng(0)):
            assert (e.low, e.high, e.standard_error, e.n) == (None, None, None, 1)
    assert rank_intervals(folded) == [(1, 2), (1, 2)]


def test_a_cluster_that_alone_ties_models_together_leaves_intervals_open() -> None:
    """Without it the two halves never met, so nothing is known of how far they are apart."""
    a, b = np.array([0, 0, 2, 2, 1, 3]), np.array([1, 1, 3, 3, 2, 0])
    folded = fold("wxyz", a, b, np.array([0, 2, 0, 2, 1, 1]), np.array([0, 1, 2, 3, 4, 4]))
    assert [(e.low, e.high) for e in rate(folded)] == [(None, None)] * 4


def test_no_battle_and_no_model_are_errors() -> None:
    """Nothing to rate, winners that are NaN or infinite, and Elo of nothing."""
    for winner in ([float("nan")] * 2, [None, None]):
        with pytest.raises(TooFewData, match="2 rows with no winner"):
            from_frame({"model_a": ["x", "y"], "model_b": ["y", "x"], "winner": winner})
    with pytest.raises(StatsError, match="outcome of inf"):
        from_frame({"model_a": ["x"], "model_b": ["y"], "outcome": [float("inf")]})
    with pytest.raises(TooFewData, match="two models"):
        rate(fold("x", np.array([0]), np.array([0]), np.array([1])))
    nothing = np.array([], dtype=int)
    assert online_elo(nothing, nothing, nothing, 2).tolist() == [1000.0, 1000.0]
