"""Nominal 95 % intervals of agreement cover the truth, by simulation (docs/agreement.md has the figures)."""

from __future__ import annotations

import pytest

from stats import simulated_agreement, simulated_orders
from stats.simulated_agreement import EVALUATIONS, QUESTIONS, REGIMES, STATISTICS, Regime, covered, settings


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.name)
@pytest.mark.parametrize("name", list(STATISTICS))
def test_intervals_cover(name: str, regime: Regime, questions: int) -> None:
    """Averaged over the settings, intervals of agreement, kappa, alpha and Brier score cover 93.5 to 96.5 %, or nearly so."""
    error = 2 * (0.95 * 0.05 / (EVALUATIONS * len(settings(name, regime)))) ** 0.5
    assert 0.935 - error <= covered(name, regime, questions, EVALUATIONS)[0] <= 0.965 + error


@pytest.mark.slow
@pytest.mark.parametrize("questions", simulated_orders.QUESTIONS)
@pytest.mark.parametrize("regime", simulated_orders.REGIMES, ids=lambda r: r.name)
def test_rank_intervals_cover(regime: simulated_orders.Regime, questions: int) -> None:
    """Rank intervals of Spearman's and Kendall's correlation hold that of the true orders in 95 % of evaluations or more."""
    found = simulated_orders.covered(regime, questions, simulated_orders.EVALUATIONS)
    assert min(found[:2]) >= 0.95


@pytest.mark.parametrize("name", ["agreement", "kappa", "alpha nominal", "Brier score"])
def test_a_short_run_of_the_simulation(name: str) -> None:
    """The simulation itself works: a hundred evaluations do not under-cover grossly."""
    regime = Regime("short", settings=(0.7,))
    assert simulated_agreement.covered(name, regime, 10, 100)[0] > 0.85


def test_a_short_run_of_the_orders() -> None:
    """The same for rank correlations."""
    regime = simulated_orders.Regime("short", models=4, settings=(0.3,))
    assert min(simulated_orders.covered(regime, 10, 20)[:2]) > 0.85
