"""Ends of the intervals of bootstrapped ratings."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from evalh.stats.quantiles import t_quantile
from evalh.stats.resample import expanded_levels

ALLOWANCE: Final = 0.2  # clusters that may differ although none did: without it, ties alone would be certainty


def rating_limits(
    points: np.ndarray, finite: np.ndarray, above: np.ndarray, below: np.ndarray, n: int
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    """Lower ends, upper ends and standard errors from the ratings of bootstrap rounds.

    Args:
        points: (B, M) ratings in Elo points, NaN where a round gave none.
        finite, above, below: as `existence` returns them: a round without a maximum counts as infinite.
        n: questions (clusters) that were drawn from, at least 2.
    """
    rounds, size = points.shape
    lowest, highest = np.empty((rounds, size)), np.empty((rounds, size))
    for table, sign, away in ((lowest, -np.inf, above), (highest, np.inf, below)):
        table[finite] = np.where(np.isnan(points[finite]), sign, points[finite])
        table[~finite] = np.where(away[~finite], -sign, sign)
    tail = expanded_levels(n)[0]
    rank = min(max(round(tail * (rounds + 1)) - 1, 0), rounds - 1)
    low = np.partition(lowest, rank, axis=0)[rank]
    high = np.partition(highest, rounds - 1 - rank, axis=0)[rounds - 1 - rank]
    spread = np.full(size, np.nan) if np.isnan(points).any() else points.std(axis=0, ddof=1)
    return _known(low), _known(high), _known(spread)


def least_error(wins: np.ndarray, strength: np.ndarray, together: float, n: int, anchor: int | None = None) -> np.ndarray:
    """Standard errors (M,) of log strengths if n clusters all said the same: a fifth of one may differ.

    Args:
        wins: (M, M), connected.
        strength: (M,) log strengths.
        together: games of one pair that a cluster holds, on average: they may all differ together.
        anchor: index of the model that ratings are relative to; their mean without one.
    """
    size = len(wins)
    curvature = (wins + wins.T) / (2.0 + 2.0 * np.cosh(strength[:, None] - strength[None, :]))
    total = curvature.sum(axis=1)
    inverse = np.linalg.inv(total.mean() / size - curvature + np.diag(total))
    centred = np.eye(size) - (1.0 / size if anchor is None else np.eye(size)[anchor])
    variance = ALLOWANCE * together / n * np.einsum("ij,jk,ik->i", centred, inverse, centred)
    found: np.ndarray = np.sqrt(np.maximum(variance, 0.0))
    return found


def widen(
    point: np.ndarray,
    low: list[float | None],
    high: list[float | None],
    error: list[float | None],
    least: np.ndarray,
    n: int,
) -> None:
    """Give intervals of bootstraps in which all rounds agreed a width, in place: no value is known for certain.

    An end at the value itself, where all that was drawn on its side is infinite or the same, is open.
    """
    for i, smallest in enumerate(least.tolist()):
        spread, value = error[i], float(point[i])
        if spread is not None and spread < 1e-6:
            reach = t_quantile(0.975, n - 1) * smallest
            low[i], high[i], error[i] = value - reach, value + reach, smallest
            continue
        low[i] = None if (end := low[i]) is None or end > value - 1e-6 else end
        high[i] = None if (end := high[i]) is None or end < value + 1e-6 else end


def _known(values: np.ndarray) -> list[float | None]:
    """None in place of NaN and infinities."""
    return [x if math.isfinite(x) else None for x in values.tolist()]
