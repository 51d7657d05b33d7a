"""Limits of ratings of few clusters, and what is allowed for where clusters agree."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.stats.battles import rate
from evalh.stats.bradley_terry import ELO_SCALE
from evalh.stats.folding import Battles, fold
from evalh.stats.quantiles import normal_quantile, t_quantile
from evalh.stats.sandwich import allowed, limits, sandwich
from evalh.stats.ties import Ties, fit


def _pair(won: int, games: int) -> Battles:
    """Two models that met once per question."""
    outcome = np.where(np.arange(games) < won, 0, 2)
    return fold(["a", "b"], np.zeros(games, int), np.ones(games, int), outcome, np.arange(games))


@pytest.mark.parametrize(("won", "games"), [(5, 10), (1, 10), (19, 24)])
def test_two_models_have_wilsons_interval(won: int, games: int) -> None:
    """With one win-or-lose game per question the win rate that the ends imply is Wilson's at one question fewer."""
    first = rate(_pair(won, games))[0]
    ends = [1.0 / (1.0 + np.exp(-2.0 * (float(end or 0.0) - 1000.0) / ELO_SCALE)) for end in (first.low, first.high)]
    share, z2, n = won / games, normal_quantile(0.975) ** 2, games - 1
    half = np.sqrt(z2 * share * (1 - share) / n + (z2 / n) ** 2 / 4)
    assert ends == pytest.approx(np.array([share + z2 / n / 2 - half, share + z2 / n / 2 + half]) / (1 + z2 / n), abs=1e-6)


@pytest.mark.parametrize("ties", ["half", "davidson", "rao-kupper"])
def test_limits_are_nearer_than_students_on_log_odds(ties: Ties) -> None:
    """Of two models they are as far on either side, by 2 asinh(q e / 2) for an error e of log odds; an anchor has none."""
    rng = np.random.default_rng(3)
    a = np.zeros(60, int)
    battles = fold(["strong", "weak"], a, a + 1, rng.choice([0, 1, 2], 60, p=[0.75, 0.15, 0.1]), np.arange(60) // 2)
    strong, weak = rate(battles, ties, anchor=0)
    assert (strong.low, strong.high) == (None, None)
    value, low, high, error = (float(x or 0.0) / ELO_SCALE for x in (weak.value, weak.low, weak.high, weak.standard_error))
    assert value - low == pytest.approx(high - value)
    least, most = (2.0 * np.arcsinh(q * error / 2.0) for q in (normal_quantile(0.975), t_quantile(0.975, 29)))
    assert least <= high - value + 1e-9 <= most + 2e-9


def test_limits_do_not_depend_on_how_battles_are_held() -> None:
    """Battles that stand alone, and clusters of one battle each, have the same limits."""
    rng = np.random.default_rng(9)
    a = rng.integers(0, 3, 40)
    b, outcome = (a + rng.integers(1, 3, 40)) % 3, rng.integers(0, 3, 40)
    contrast = np.eye(3) - 1.0 / 3.0
    found = []
    for battles in (fold(list("abc"), a, b, outcome), fold(list("abc"), a, b, outcome, np.arange(40))):
        strength, parameter = fit(battles.pairs, battles.counts, 3, "half")
        covariance = sandwich(battles, "half", strength, parameter)
        found.append(limits(battles, "half", strength, parameter, contrast, covariance))
    assert found[0][0] == pytest.approx(found[1][0])
    assert found[0][1] == pytest.approx(found[1][1])


def test_the_allowance_fades_in_the_directions_that_were_seen() -> None:
    """All of it where clusters agree in everything, nothing where they differ by much, each direction for itself."""
    information = np.diag([2.0, 3.0])
    assert allowed(np.zeros((2, 2)), information, 0.04) == pytest.approx(0.04 * information)
    seen = np.diag([2.0, 0.0])
    assert allowed(seen, information, 0.04) == pytest.approx(seen + np.diag([0.0, 0.12]))
