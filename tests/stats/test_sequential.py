"""Limits that may be looked at after every question: what they rule out, and that they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError
from evalh.stats.sequential import STEP, Bettors
from stats.peeked import EVALUATIONS, QUESTIONS, REGIMES, Regime, held


def heard(outcomes: list[float], questions: int, *, weight: float = 1.0, rows: float = 1.0, unlimited: bool = False) -> Bettors:
    """One pair's questions."""
    bettors = Bettors(1, questions, rows, unlimited=unlimited)
    for x in outcomes:
        bettors.hear(np.array([0]), np.array([weight]), np.array([weight * x]))
    return bettors


def ends(bettors: Bettors) -> tuple[float, float]:
    """The limits of one pair."""
    low, high = bettors.limits()
    return float(low[0]), float(high[0])


def test_nothing_heard_rules_nothing_out() -> None:
    """Before the first question the limits are 0 and 1."""
    assert ends(heard([], 10)) == (0.0, 1.0)
    assert np.isnan(heard([], 10).value()[0])


def test_what_is_known_for_certain() -> None:
    """What the questions left cannot change is ruled out; after the last question the value is known exactly."""
    low, high = ends(heard([1.0] * 9, 10))
    assert 0.9 - STEP - 1e-9 <= low <= 0.9
    assert high == 1.0
    assert ends(heard([1.0, 0.5, 0.0, 1.0], 4)) == (0.625, 0.625)
    assert ends(heard([1.0, 0.5, 0.0, 1.0], 4, unlimited=True)) != (0.625, 0.625)


def test_no_unlimited_limits_without_width() -> None:
    """However many questions all go one way, more of them might not: the limits keep a width."""
    low, high = ends(heard([1.0] * 80, 80, unlimited=True))
    assert (0.8 < low < 1.0, high) == (True, 1.0)
    low, high = ends(heard([0.5] * 80, 80, unlimited=True))
    assert low < 0.5 < high


def test_capital_worked_by_hand() -> None:
    """Three wins against a candidate of one half, N without end: the capital is half of (1 + bet / 2)^3 and (1 - bet / 2)^3."""
    bettors = Bettors(1, 1_000_000, 1.0, unlimited=True)
    for _ in range(3):
        bettors.hear(np.array([0]), np.array([1.0]), np.array([1.0]))
    half = int(np.flatnonzero(bettors.grid == 0.5)[0])
    capital = (bettors._large[0, half] + bettors._small[0, half]) / 2
    sizes = []
    for i, (square, mean) in enumerate(zip((0.5, 0.75, 1.0), (0.0, 0.5, 1.0), strict=True)):
        variance = square / (2 + i) - (mean / (2 + i)) ** 2
        sizes.append(np.sqrt(2 * np.log(2 * bettors.bar) / (variance * 250_000)))
    expected = np.prod([1 + s / 2 for s in sizes]) / 2 + np.prod([1 - s / 2 for s in sizes]) / 2
    assert capital == pytest.approx(expected, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=20), st.booleans(), st.integers(0, 5))
def test_the_other_side_is_the_mirror(outcomes: list[float], unlimited: bool, left: int) -> None:
    """Seen from the other model, limits are one minus the limits."""
    questions = len(outcomes) + left
    low, high = ends(heard(outcomes, questions, unlimited=unlimited))
    other_low, other_high = ends(heard([1 - x for x in outcomes], questions, unlimited=unlimited))
    assert (other_low, other_high) == (pytest.approx(1 - high), pytest.approx(1 - low))
    assert 0 <= low <= high <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=25), st.booleans())
def test_limits_only_ever_narrow(outcomes: list[float], unlimited: bool) -> None:
    """What was ruled out once stays ruled out."""
    bettors = Bettors(1, len(outcomes) + 3, 1.0, unlimited=unlimited)
    before = (0.0, 1.0)
    for x in outcomes:
        bettors.hear(np.array([0]), np.array([1.0]), np.array([x]))
        low, high = ends(bettors)
        assert low >= before[0] - STEP - 1e-9
        assert high <= before[1] + STEP + 1e-9
        before = (low, high)


def test_a_question_that_is_unscored_says_nothing_about_who_won() -> None:
    """Unscored questions leave the value as it is and the limits about it, with what is scored as the whole."""
    bettors = heard([1.0, 1.0, 0.0], 6)
    for _ in range(3):
        bettors.hear(np.array([0]), np.array([0.0]), np.array([0.0]))
    assert bettors.value()[0] == pytest.approx(2 / 3)
    assert ends(bettors) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    nothing = Bettors(1, 4, 2.0)
    for _ in range(4):
        nothing.hear(np.array([0]), np.array([0.0]), np.array([0.0]))
    assert ends(nothing) == (0.0, 1.0)


def test_more_judgments_than_were_bet_about() -> None:
    """A question with more judgments than the bets are bounded for is an error, never a limit that does not hold."""
    with pytest.raises(StatsError, match="weight 3"):
        Bettors(1, 10, 2.0).hear(np.array([0]), np.array([3.0]), np.array([1.0]))


def test_more_pairs_take_more_evidence() -> None:
    """The level is shared: with 190 pairs the limits of each are wider than with one."""
    one, many = Bettors(1, 40, 1.0), Bettors(190, 40, 1.0)
    for x in [1.0, 1.0, 0.0, 1.0] * 6:
        one.hear(np.array([0]), np.array([1.0]), np.array([x]))
        many.hear(np.array([7]), np.array([1.0]), np.array([x]))
    assert many.limits()[0][7] < one.limits()[0][0]
    assert (many.limits()[0][8], many.limits()[1][8]) == (0.0, 1.0)


@pytest.mark.parametrize("unlimited", [False, True])
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.name)
def test_a_short_run_of_the_simulation(regime: Regime, unlimited: bool) -> None:
    """Looked at after every question, the limits of all pairs hold in nearly all of a few evaluations."""
    assert held(regime, 16, 60, unlimited=unlimited)[0] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("unlimited", [False, True])
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.name)
def test_limits_hold_under_continuous_looking(regime: Regime, questions: int, unlimited: bool) -> None:
    """In at least 95 % of evaluations, less what simulation leaves open, no limit of any pair is wrong at any moment."""
    assert held(regime, questions, EVALUATIONS, unlimited=unlimited)[0] >= 0.94
