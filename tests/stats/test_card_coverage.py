"""Nominal 95 % intervals of the judge card cover the truth, by simulation (docs/judge-card.md has the figures)."""

from __future__ import annotations

import pytest

from stats.simulated_card import EVALUATIONS, FIGURES, QUESTIONS, Regime, covered

CASES = [(name, regime) for name, regimes in FIGURES.items() for regime in regimes]
NAMES = [f"{name}, {regime.name}" for name, regime in CASES]


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize(("name", "regime"), CASES, ids=NAMES)
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Averaged over the settings, the intervals shown cover 93.5 to 96.5 %, give or take the simulation's own error."""
    evaluations = EVALUATIONS * (len(regime.settings) if regime.shares is not None else 1)
    error = 2 * (0.95 * 0.05 / evaluations) ** 0.5
    assert 0.935 - error <= covered(regime, questions)[0] <= 0.965 + error


@pytest.mark.parametrize(("name", "regimes"), FIGURES.items(), ids=list(FIGURES))
def test_a_short_run_of_the_simulation(name: str, regimes: tuple[Regime, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation itself works: a few dozen evaluations do not under-cover grossly."""
    monkeypatch.setattr("stats.simulated_card.TRUTH_QUESTIONS", 20_000)
    assert covered(regimes[0], 30, 40)[0] > 0.8
