"""Nominal 95 % intervals cover the truth, by simulation (docs/intervals.md has the figures)."""

from __future__ import annotations

import pytest

from stats.regimes import RATINGS, Regime
from stats.simulated import FIGURES, QUESTIONS, covered, ratings_covered

CASES = [(name, regime) for name, figure in FIGURES.items() for regime in figure.regimes]
NAMES = [f"{name}, {regime.name}" for name, regime in CASES]


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize(("name", "regime"), CASES, ids=NAMES)
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Averaged over the settings, the intervals shown cover 93.5 to 96.5 %, and none has zero width."""
    assert 0.935 <= covered(FIGURES[name], regime, questions)[0] <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize("regime", RATINGS, ids=lambda regime: regime.name)
def test_intervals_of_ratings_cover(regime: Regime, questions: int) -> None:
    """The same for ratings, an open end reaching to infinity."""
    assert 0.935 <= ratings_covered(regime, questions)[0] <= 0.965


@pytest.mark.parametrize(("name", "regime"), CASES, ids=NAMES)
def test_a_short_run_of_the_simulation(name: str, regime: Regime) -> None:
    """The simulation itself works: a few hundred evaluations do not under-cover grossly."""
    assert covered(FIGURES[name], regime, 10, 40, 8_000)[0] > 0.85
