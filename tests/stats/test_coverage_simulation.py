"""Nominal 95 % intervals cover the truth, by simulation (docs/intervals.md has the figures)."""

from __future__ import annotations

import pytest

from stats.simulated import EVALUATIONS, FIGURES, QUESTIONS, Regime

CASES = [(name, regime) for name, (regimes, _) in FIGURES.items() for regime in regimes]


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize(("name", "regime"), CASES, ids=[f"{name}, {regime.name}" for name, regime in CASES])
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Averaged over the settings, the intervals shown cover at least 93.5 %, and none has zero width."""
    covered = FIGURES[name][1]
    assert covered(regime, questions, EVALUATIONS)[0] >= 0.935


@pytest.mark.parametrize(
    ("name", "regime"), [case for case in CASES if case[0] != "rating"], ids=lambda x: getattr(x, "name", x)
)
def test_a_short_run_of_the_simulation(name: str, regime: Regime) -> None:
    """The simulation itself works: a few hundred evaluations do not under-cover grossly."""
    covered = FIGURES[name][1]
    assert covered(regime, 10, 40)[0] > 0.85
