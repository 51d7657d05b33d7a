"""Intervals by resampling questions: what an unlimited supply of questions like these would give.

Questions are the independent units: whatever was asked about one question moves together. Every figure here is a smooth
function of sums over questions, so leaving one question out (the jackknife) costs one evaluation per question, is exact, and
needs no random numbers. Percentile bootstraps of the same sums (`evalh.stats.bootstrap`) cover only 72-92 % at the 10 questions
of a category; the two forms below cover 93.5-96.5 % there. docs/intervals.md has the simulation and the reasons:

- `skew_limits`, for figures without natural ends: Student's t on the jackknife standard error, corrected for skewness by
  Hall's cubic transformation and for what the fourth moment tells of that correction.
- `share_limits`, for figures between 0 and 1: Wilson's score interval at the number of independent games that the jackknife
  standard error is worth.

Both allow for one more question that differs by a stated small amount, so that ten equal answers are not taken for certainty;
the allowance fades once questions are seen to differ by as much.
Ratings have no finite jackknife near separation; `expanded_levels` gives the percentiles for their bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.quantiles import normal_cdf, normal_quantile, t_quantile

Statistic = Callable[[np.ndarray], np.ndarray]
"""Sums of the sufficient statistics, shape (..., k) -> the figure, shape (...)."""

LEVEL = 0.95
SHARE_PRIOR = 0.1  # weight of the pseudo-questions at 0 and at 1 in the variance of a share
SKEW_QUESTIONS = 4.0  # questions at which half of the skewness seen is believed
HEAVY, TWO_VALUED = 20.0, 3.6  # how the quantile answers to the fourth moment (docs/intervals.md)


@dataclass(frozen=True, slots=True)
class Moments:
    """Spread of G figures over their questions.

    Attributes:
        n: (G,) questions that each figure rests on.
        squares: (G,) sum over questions of the squared deviation of its jackknife pseudo-value, (n - 1)(mean - left out).
        cubes, fourths: (G,) the same with third and fourth powers.
    """

    n: np.ndarray
    squares: np.ndarray
    cubes: np.ndarray
    fourths: np.ndarray

    def standard_error(self) -> np.ndarray:
        """(G,) jackknife standard error, NaN for fewer than two questions (Efron & Stein 1981)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            error: np.ndarray = np.sqrt(self.squares / (self.n - 1) / self.n)
        return np.where(self.n > 1, error, np.nan)


def jackknife(left_out: np.ndarray, group: np.ndarray | None = None, groups: int = 1) -> Moments:
    """Moments of figures from their values with one question left out.

    Args:
        left_out: (C,) the figure without one of its questions; one entry per figure and question.
        group: (C,) index of the figure; all 0 if None.
        groups: number of figures, G.

    Returns:
        Moments; a figure that is not finite without one of its questions has NaN in `squares`.
    """
    index = np.zeros(len(left_out), dtype=np.int64) if group is None else group
    n = np.bincount(index, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = np.bincount(index, weights=left_out, minlength=groups) / n
        deviation = (n[index] - 1) * (mean[index] - left_out)
        square = deviation * deviation
        squares, cubes, fourths = (
            np.bincount(index, weights=power, minlength=groups) for power in (square, square * deviation, square * square)
        )
    return Moments(n, squares, cubes, fourths)


def skew_limits(
    value: np.ndarray, moments: Moments, allowance: np.ndarray | float = 0.0, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of figures that have no natural ends (mean scores, ratios of sums).

    With T the Student statistic and a = skewness / sqrt(n), T + a T^2 / 3 + a^2 T^3 / 27 + a / 6 is free of skewness to
    O(1/n) and, being monotone, can be solved for the figure; n - 1 degrees of freedom. The skewness seen is shrunk by
    n / (n + 4) and the quantile answers to the fourth moment (`_quantile_factor`): the constants come from the simulation of
    docs/intervals.md.

    Args:
        value: (G,) the figures.
        moments: of the same figures.
        allowance: (G,) or number; squared deviation added to `moments.squares` where no question differs, in units of the
            figure squared: how far one question may differ although none did. It fades where questions are seen to differ.
        level: nominal coverage.

    Returns:
        low, high, each (G,); NaN where there are fewer than two questions.

    Source: P. Hall (1992), "On the removal of skewness by transformation", J. R. Statist. Soc. B 54, 221-228.
    """
    n = moments.n.astype(np.float64)
    added = _faded(np.broadcast_to(np.asarray(allowance, dtype=np.float64), n.shape), moments.squares, 2.0)
    squares = moments.squares + added
    with np.errstate(over="ignore", invalid="ignore"):
        fourths = moments.fourths + added**2
    quantile = _t_quantiles(moments.n, level) * _quantile_factor(n, squares, moments.cubes, fourths)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        spread = np.sqrt(squares / (n - 1))
        skewness = moments.cubes / n / spread**3 * (n * n / ((n - 1) * (n - 2)))
        a = np.where((n > 2) & (spread > 0), skewness / np.sqrt(n), 0.0) * n / (n + SKEW_QUESTIONS)
        error = spread / np.sqrt(n)
        low = value - error * _untransform(quantile, a)
        high = value - error * _untransform(-quantile, a)
    return np.where(n > 1, low, np.nan), np.where(n > 1, high, np.nan)


def _quantile_factor(n: np.ndarray, squares: np.ndarray, cubes: np.ndarray, fourths: np.ndarray) -> np.ndarray:
    """What Student's quantile is multiplied by, (G,), from the fourth moment of the questions.

    Heavy tails (excess kurtosis k above -1/2, as unequal numbers of rows per question give) hide in few questions: longer, by
    20 (k + 1/2) / n^2. In samples of two values the skewness seen moves against the mean (the slope, k - 3/2 skewness^2, is -2
    or less), and correcting for it makes the interval too long: shorter, by 3.6 times what the slope is below -1.4, over n; not
    below five questions, where any sample looks so, and in full from ten.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kurtosis = n * fourths / squares**2 - 3.0
        slope = kurtosis - 1.5 * n * cubes**2 / squares**3
        seen = np.clip((n - 4.0) / 6.0, 0.0, 1.0)
        longer = HEAVY / n * np.maximum(kurtosis + 0.5, 0.0)
        factor = 1.0 + (longer - TWO_VALUED * seen * np.maximum(-slope - 1.4, 0.0)) / n
    return np.where(np.isfinite(factor), np.clip(factor, 0.6, 1.4), 1.0)


def _faded(allowance: np.ndarray, squares: np.ndarray, rate: float) -> np.ndarray:
    """What is left of an allowance (G,) where the squared deviations seen are `squares`: less, the more is seen."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        left = allowance * np.exp(-squares / (rate * allowance))
    return np.where(allowance > 0, left, 0.0)


def share_limits(
    value: np.ndarray,
    moments: Moments,
    level: float = LEVEL,
    most: np.ndarray | float = 1.0,
    factor: np.ndarray | float = 1.0,
    parts: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of figures between 0 and 1 (win rates), never outside, and inside them wherever a question is left to chance.

    The score interval of Wilson (1927) with n / d independent games in place of n. d is the variance of a question's share
    relative to that of one win-or-lose game (the design effect of Kish 1965, at most 1 per question). So that equal shares do
    not mean certainty, it is estimated with w pseudo-questions at 0 and w at 1, where w is 0.1 per part and fades to nothing
    where questions are seen to differ. The quantile moves from the normal one (d = 1: the binomial variance is known) to
    Student's t with n - 1 degrees of freedom (d = 0: it is estimated).

    Questions that weigh differently are worth fewer of equal weight, n / m (Kish's `most`, m): d may then reach m, the
    pseudo-questions weigh m times as much, the degrees of freedom are those of n / m, and the quantile stays by a factor of m^2
    nearer to Student's, since which questions weigh much is a matter of chance as well.

    Args:
        value: (G,) in 0..1.
        moments: of the same figures.
        level: nominal coverage.
        most: (G,) or number; n sum w^2 / (sum w)^2 over the weights of a figure's questions, 1 where they are equal.
        factor: (G,) or number; how many times the variance of a share of win-or-lose games that of the figure is where every
            question is one such game: 1 for a share itself, more for a prediction away from the questions seen.
        parts: (G,) or number; of how many win rates the figure is the mean (a model's opponents), so that one game moves it
            by so much less.

    Returns:
        low, high, each (G,); NaN where there are fewer than two questions.

    Source: E. B. Wilson (1927), JASA 22, 209-212; with an effective sample size as in N. Dean & M. Pagano (2015),
    "Evaluating confidence interval methods for binomial proportions in clustered surveys", J. Surv. Stat. Methodol. 3, 484-503.
    """
    n = moments.n.astype(np.float64)
    w = most * _faded(np.broadcast_to(SHARE_PRIOR / np.maximum(parts, 1.0), n.shape), moments.squares, 1.0)
    total = n + 2 * w
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (n * value + w) / total
        squares = moments.squares + n * (value - centre) ** 2 + w * ((1 - centre) ** 2 + centre**2)
        design = np.minimum(squares / (total - 1) / (centre * (1 - centre)), np.multiply(most, factor))
        normal = normal_quantile(0.5 + level / 2)
        worth = np.where(moments.n > 1, np.maximum(np.floor(n / most + 1e-9), 2), n).astype(np.int64)
        quantile = normal + (_t_quantiles(worth, level) - normal) * (1 - np.minimum(design / factor, 1.0) / np.square(most))
        z2 = quantile**2 * design / n
        middle = (value + z2 / 2) / (1 + z2)
        half = np.sqrt(z2 * value * (1 - value) + z2**2 / 4) / (1 + z2)
        low = np.clip(np.minimum(middle - half, value), 0.0, 1.0)
        high = np.clip(np.maximum(middle + half, value), 0.0, 1.0)
    return np.where(n > 1, low, np.nan), np.where(n > 1, high, np.nan)


def interval(
    sums: np.ndarray,
    statistic: Statistic,
    *,
    share: bool = False,
    allowance: float = 0.0,
    parts: float = 1.0,
    level: float = LEVEL,
) -> Estimate:
    """A figure with its interval, from sufficient statistics per question.

    Args:
        sums: (questions, k) sufficient statistics; one row per question that the figure rests on.
        statistic: smooth function of their sums over questions, (..., k) -> (...).
        share: whether the figure lies between 0 and 1 by definition (`share_limits`), else `skew_limits`.
        allowance: see `skew_limits`; not used for shares.
        parts: see `share_limits`; used for shares only.
        level: nominal coverage.

    Returns:
        Estimate in the figure's unit with n = questions. Limits are None for fewer than two questions, or where the figure is
        not defined without one of them.

    Raises:
        TooFewData: no question, or the figure is not a finite number.
    """
    sums = np.asarray(sums, dtype=np.float64)
    if not len(sums):
        raise TooFewData("no question was scored")
    totals = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(statistic(totals), dtype=np.float64).reshape(1)
        left_out = np.asarray(statistic(totals - sums), dtype=np.float64)
    if not np.isfinite(value[0]):
        raise TooFewData("the figure is not defined on the questions scored (a sum it divides by is zero)")
    moments = jackknife(left_out)
    return estimates(value, moments, share=share, allowance=allowance, parts=parts, level=level)[0]


def estimates(
    value: np.ndarray,
    moments: Moments,
    *,
    share: bool = False,
    allowance: np.ndarray | float = 0.0,
    level: float = LEVEL,
    most: np.ndarray | float = 1.0,
    factor: np.ndarray | float = 1.0,
    parts: np.ndarray | float = 1.0,
) -> list[Estimate]:
    """G figures with their intervals; see `interval` and `share_limits` for the arguments.

    A figure that is not finite has the value None.
    """
    if share:
        limits = share_limits(value, moments, level, most, factor, parts)
    else:
        limits = skew_limits(value, moments, allowance, level)
    columns = [np.asarray(c).tolist() for c in (value, *limits, moments.n, moments.standard_error())]
    return [
        Estimate(_finite(v), _finite(low), _finite(high), int(n), _finite(error))
        for v, low, high, n, error in zip(*columns, strict=True)
    ]


def unequal(weight: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """n sum w^2 / (sum w)^2 of each group's weights, shape (groups,): how many times fewer equal ones they are worth.

    Args:
        weight: (C,) positive; one per figure and question.
        group: (C,) index of the figure. A group without weights has 1.

    Source: L. Kish (1965), *Survey sampling*, section 11.7.
    """
    weight = weight / weight.max(initial=0.0) if weight.any() else weight  # only their proportions matter
    n, total, squares = (np.bincount(group, weights=w, minlength=groups) for w in (np.ones(len(weight)), weight, weight**2))
    weighed = total > 0
    most: np.ndarray = np.where(weighed, n * squares, 1.0) / np.where(weighed, total, 1.0) ** 2
    most = np.maximum(most, 1.0)
    return most


def expanded_levels(n: int, level: float = LEVEL) -> tuple[float, float]:
    """Percentiles at which a bootstrap over n >= 2 questions is cut, in place of (2.5 %, 97.5 %).

    A bootstrap distribution is too narrow by sqrt((n - 1) / n) and has normal, not Student, tails; cutting it further out
    makes good for both.

    Source: T. Hesterberg (2015), "What teachers should know about the bootstrap", Am. Statist. 69, 371-386.
    """
    tail = normal_cdf(-t_quantile(0.5 + level / 2, n - 1) * (n / (n - 1)) ** 0.5)
    return tail, 1.0 - tail


def bootstrap_counts(n: int, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n questions is drawn in each round of a bootstrap, shape (rounds, n); rows sum to n."""
    drawn = rng.integers(0, n, size=(rounds, n)) + np.arange(rounds)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=rounds * n).reshape(rounds, n).astype(np.float64)


def _untransform(x: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Solve T + a T^2 / 3 + a^2 T^3 / 27 + a / 6 = x for T; the left side is ((1 + a T / 3)^3 - 1) / a + a / 6."""
    small = np.abs(a) < 1e-6
    safe = np.where(small, 1.0, a)
    root = 3.0 * (np.cbrt(1.0 + safe * (x - safe / 6.0)) - 1.0) / safe
    return np.where(small, x, root)


def _t_quantiles(n: np.ndarray, level: float) -> np.ndarray:
    """Student quantiles with n - 1 degrees of freedom, NaN for n < 2; same shape as n."""
    distinct, index = np.unique(n, return_inverse=True)
    found = [t_quantile(0.5 + level / 2, int(k) - 1) if k > 1 else np.nan for k in distinct.tolist()]
    return np.array(found, dtype=np.float64)[index]


def _finite(x: float) -> float | None:
    """None in place of NaN and infinities."""
    return x if np.isfinite(x) else None
