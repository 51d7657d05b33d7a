"""Nominal 95 % intervals of `evalh rate` cover the truth, by simulation (docs/ratings.md has the figures)."""

from __future__ import annotations

import pytest

from stats.simulated_ratings import EVALUATIONS, FIGURES, QUESTIONS, Regime, covered

CASES = [(name, regime) for name, (regimes, _) in FIGURES.items() for regime in regimes]


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize(("name", "regime"), CASES, ids=[f"{name}, {regime.name}" for name, regime in CASES])
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Over 2,000 evaluations at least 93.5 % of the intervals shown hold the truth; the test allows for its own error."""
    share, _ = covered(regime, questions, EVALUATIONS, FIGURES[name][1])
    assert share >= 0.935 - 2 * (0.95 * 0.05 / (EVALUATIONS * len(regime.settings))) ** 0.5


@pytest.mark.parametrize(("name", "regime"), CASES, ids=[f"{name}, {regime.name}" for name, regime in CASES])
def test_a_short_run_of_the_simulation(name: str, regime: Regime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation itself works: a few evaluations do not under-cover grossly."""
    monkeypatch.setattr("stats.simulated_ratings.TRUTH_QUESTIONS", 4_000)
    monkeypatch.setattr("stats.simulated_ratings.ROUNDS", 100)
    assert covered(regime, 10, 15, FIGURES[name][1])[0] > 0.8
