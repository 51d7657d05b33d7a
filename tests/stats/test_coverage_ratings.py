"""Nominal 95 % intervals of `evalh rate` cover the truth, by simulation (docs/ratings.md has the figures)."""

from __future__ import annotations

import pytest

from stats.simulated_ratings import FIGURES, QUESTIONS, Regime, covered, truth

CASES = [(name, regime) for name, figure in FIGURES.items() for regime in figure.regimes]
NAMES = [f"{name}, {regime.name}" for name, regime in CASES]


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize(("name", "regime"), CASES, ids=NAMES)
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Over 2,000 evaluations 93.5 to 96.5 % of the intervals hold the truth, give or take twice the error of that."""
    figure = FIGURES[name]
    ratings, coefficients, _ = covered(figure.rated, regime, questions, figure.evaluations)
    error = 2 * (0.95 * 0.05 / (figure.evaluations * len(regime.settings))) ** 0.5
    for share in (ratings, coefficients):
        assert share is None or 0.935 - error <= share <= 0.965 + error


@pytest.mark.parametrize(("name", "regime"), CASES, ids=NAMES)
def test_a_short_run_of_the_simulation(name: str, regime: Regime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation itself works: a few evaluations do not under-cover grossly."""
    monkeypatch.setattr("stats.simulated_ratings.TRUTH_QUESTIONS", 4_000)
    monkeypatch.setattr("stats.simulated_ratings.ROUNDS", 100)
    truth.cache_clear()
    assert covered(FIGURES[name].rated, regime, 10, 8)[0] > 0.8
    truth.cache_clear()
