"""Bootstrap intervals over questions, and standard errors clustered by question: what other tools show, for comparison.

No figure of a report uses these intervals: with the 10 to 30 questions of a category they cover less than they claim
(docs/intervals.md has the figures). `evalh.stats.resample` has the ones that reports show.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.quantiles import normal_cdf, normal_quantile
from evalh.stats.resample import LEVEL, Statistic, bootstrap_counts, jackknife

Method = Literal["percentile", "bca"]
_BLOCK = 4_000_000  # counts that are held at a time


def bootstrap(
    sums: np.ndarray,
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    method: Method = "percentile",
    rounds: int = 2000,
    level: float = LEVEL,
) -> Estimate:
    """A figure with a bootstrap interval, from sufficient statistics per question.

    Every round draws as many questions as there are, with replacement: counts from a multinomial distribution, multiplied into
    the sums. "percentile" cuts the figures of the rounds at both ends; "bca" moves the cuts by the bias of the rounds and by
    the acceleration (how the standard error moves with the figure, from the jackknife).

    Args:
        sums: (questions, k) sufficient statistics; one row per question that the figure rests on.
        statistic: smooth function of their sums over questions, (..., k) -> (...).
        rng: source of the draws.
        method: "percentile" or "bca".
        rounds: how many, at least 100.
        level: nominal coverage.

    Returns:
        Estimate in the figure's unit, n = questions; the standard error is that of the rounds. Limits are None for fewer than
        two questions, where the figure is not defined in some round, and where no round differs from another: a bootstrap
        knows nothing of questions that it has not seen.

    Raises:
        TooFewData: no question, or the figure is not a finite number.
        StatsError: an unknown method, or fewer than 100 rounds.

    Source: Efron (1979), Ann. Statist. 7, 1-26; Efron (1987), "Better bootstrap confidence intervals", JASA 82, 171-185.
    """
    if method not in ("percentile", "bca"):
        raise StatsError(f'bootstrap method {method}: there are "percentile" and "bca"')
    if rounds < 100:
        raise StatsError(f"{rounds} bootstrap rounds are too few for an interval; take 100 or more")
    sums = np.asarray(sums, dtype=np.float64)
    n = len(sums)
    if not n:
        raise TooFewData("no question was scored")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = float(statistic(sums.sum(axis=0)))
        found = _rounds(sums, statistic, rng, rounds)
    if not np.isfinite(value):
        raise TooFewData("the figure is not defined on the questions scored (a sum it divides by is zero)")
    if n < 2 or not np.isfinite(found).all() or np.ptp(found) <= 1e-12 * max(abs(value), 1.0):
        return Estimate(value, n=n)
    tails = ((1 - level) / 2, (1 + level) / 2)
    if method == "bca":
        tails = _corrected(tails, sums, statistic, value, found)
    low, high = np.quantile(found, tails)
    size = float(np.abs(found).max())
    return Estimate(value, float(low), float(high), n, size * float((found / size).std(ddof=1)))


def _rounds(sums: np.ndarray, statistic: Statistic, rng: np.random.Generator, rounds: int) -> np.ndarray:
    """The figure in every round, (rounds,)."""
    block = max(1, _BLOCK // len(sums))
    parts = [
        statistic(bootstrap_counts(len(sums), min(block, rounds - first), rng) @ sums) for first in range(0, rounds, block)
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def _corrected(
    tails: tuple[float, float], sums: np.ndarray, statistic: Statistic, value: float, found: np.ndarray
) -> tuple[float, float]:
    """Where BCa cuts instead of at `tails`; rounds equal to the estimate count half on either side (the grid of verdicts)."""
    below = (np.count_nonzero(found < value) + 0.5 * np.count_nonzero(found == value)) / len(found)
    bias = normal_quantile(min(max(below, 0.5 / len(found)), 1 - 0.5 / len(found)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moments = jackknife(np.asarray(statistic(sums.sum(axis=0) - sums), dtype=np.float64))
        acceleration = float(moments.cubes[0] / (6.0 * moments.squares[0] ** 1.5))
    if not np.isfinite(acceleration):  # not defined without one of its questions
        acceleration = 0.0
    moved = []
    for tail in tails:
        z = bias + normal_quantile(tail)
        room = 1.0 - acceleration * z
        moved.append(normal_cdf(bias + z / room) if room > 0 else float(z > 0))
    return moved[0], moved[1]


def clustered_error(values: np.ndarray, weights: np.ndarray, question: np.ndarray) -> float:
    """Standard error of the weighted mean of rows that belong to questions: rows of one question move together.

    The sandwich (linearisation) with the factor n / (n - 1) for n questions. With one row per question of equal weight it is
    s / sqrt(n). The jackknife's (`evalh.stats.resample.Moments.standard_error`), which reports show, agrees with it in the
    limit and is a little larger for few questions.

    Args:
        values: (rows,) in any unit; finite.
        weights: (rows,) not negative.
        question: (rows,) index of each row's question, any whole numbers.

    Returns:
        In the unit of the values.

    Raises:
        TooFewData: fewer than two questions with weight.
        StatsError: a value or weight is not finite, or a weight negative.

    Source: Liang & Zeger (1986), Biometrika 73, 13-22; Cameron & Miller (2015), J. Human Resources 50, 317-372.
    """
    values, weights = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(values).all() and np.isfinite(weights).all()) or (weights < 0).any():
        raise StatsError("values and weights must be finite numbers, and no weight negative")
    used = weights > 0
    _, cluster = np.unique(np.asarray(question)[used], return_inverse=True)
    n = int(cluster.max(initial=-1)) + 1
    if n < 2:
        raise TooFewData(f"a clustered standard error needs two questions; {n} were scored")
    total = weights[used].sum()
    mean = (weights[used] * values[used]).sum() / total
    scores = np.bincount(cluster, weights=weights[used] * (values[used] - mean))
    largest = float(np.abs(scores).max()) or 1.0  # squares of what is left cannot overflow
    return largest * float(np.sqrt(n / (n - 1) * ((scores / largest) ** 2).sum()) / total)
