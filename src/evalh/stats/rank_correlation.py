"""Whether two leaderboards order the models alike: rank correlations, and the pairs of models that both tell apart.

A rank correlation of two leaderboards is no smooth function of sums: where two models are nearly equal, their order is nearly
a toss of a coin, and resampled correlations pile up below the true one. So their intervals are those of the ranks: every
correlation that is possible while all differences that are significant, in either leaderboard, keep their sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.cells import PairCells, collect
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.quantiles import t_quantile
from evalh.stats.winrate import model_win_rates

LEVEL: Final = 0.95
UNSEEN: Final = 0.1  # squared difference in win rate of one more question, so that equal ones are not taken for certainty


@dataclass(frozen=True, slots=True)
class Board:
    """Win rates of M models, by name.

    Attributes:
        models: names, sorted.
        rates: their win rates with intervals (each opponent counts equally).
        left_out: (Q, M) win rates without each of the Q questions.
    """

    models: tuple[str, ...]
    rates: tuple[Estimate, ...]
    left_out: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """(M,) win rates."""
        return np.array([e.value for e in self.rates], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Separability:
    """Pairs of models whose intervals do not overlap (Li et al. 2024, "From crowdsourced data to high-quality benchmarks").

    Attributes:
        pairs: how many pairs of models there are.
        first, second: how many of them either leaderboard tells apart.
        both: how many both do; `agree` of these in the same order.
        agreement: Li et al.'s agreement with confidence: mean over all pairs of 1 (both tell them apart, in the same order),
            -1 (in opposite orders) and 0 (one of them does not).
    """

    pairs: int
    first: int
    second: int
    both: int
    agree: int

    @property
    def agreement(self) -> float:
        """From -1 to 1."""
        return (2 * self.agree - self.both) / self.pairs


@dataclass(frozen=True, slots=True)
class Correlations:
    """Spearman's rho and Kendall's tau-b of two leaderboards over the same models; None with the reason in `note`."""

    models: tuple[str, ...]
    spearman: Estimate | None
    kendall: Estimate | None
    separability: Separability | None
    note: str = ""


def board(rows: Results, models: Sequence[str]) -> Board:
    """The leaderboard of one voice's comparisons among some models.

    Args:
        rows: comparisons of one judge, or votes as a frame.
        models: those to be ranked; rows about others do not count.

    Raises:
        TooFewData: a model was not compared with any of the others.
    """
    wanted = set(models)
    inside = [np.array([name in wanted for name in f.labels] or [False])[f.codes] for f in (rows.model_a, rows.model_b)]
    rows = rows.take(np.flatnonzero(inside[0] & inside[1]))
    cells = collect(rows, models)
    rates = model_win_rates(cells.comparisons, len(cells.models))
    missing = [name for name, e in zip(cells.models, rates, strict=True) if e is None]
    if missing:
        raise TooFewData(f"nothing was decided about {', '.join(missing)}")
    return Board(cells.models, tuple(e for e in rates if e is not None), _left_out(cells.comparisons, len(cells.models)))


def _left_out(cells: PairCells, size: int) -> np.ndarray:
    """(Q, M) win rates without each question; a pair that met on that question only is left out with it."""
    cells = cells.take(cells.weight > 0)
    asked, question = np.unique(cells.question, return_inverse=True)
    pairs, shape = len(cells.pairs), (len(asked), len(cells.pairs))
    key = question * pairs + cells.pair
    weight = np.bincount(key, cells.weight, shape[0] * pairs).reshape(shape)
    outcome = np.bincount(key, cells.outcome, shape[0] * pairs).reshape(shape)
    rest, earned = weight.sum(axis=0) - weight, outcome.sum(axis=0) - outcome
    met = rest > 1e-9 * np.maximum(weight.sum(axis=0), 1.0)
    rate = np.where(met, earned / np.where(met, rest, 1.0), 0.0)
    lost = np.where(met, 1.0 - rate, 0.0)
    total, games = np.zeros((shape[0], size)), np.zeros((shape[0], size))
    for side, points in ((0, rate), (1, lost)):
        np.add.at(total.T, cells.pairs[:, side], points.T)
        np.add.at(games.T, cells.pairs[:, side], met.T.astype(np.float64))
    return np.where(games > 0, total / np.maximum(games, 1.0), 0.5)


def correlations(first: Board, second: Board) -> Correlations:
    """Rank correlations of two leaderboards, and the pairs that both tell apart.

    Args:
        first, second: leaderboards over the same models, by name.

    The intervals are rank intervals: they hold the correlation of the two true orders in at least 95 % of evaluations, and
    usually in more. n counts the questions of the leaderboard that has fewer.

    Source: C. Spearman (1904), Am. J. Psychol. 15, 72-101; M. G. Kendall (1945), "The treatment of ties in ranking problems",
    Biometrika 33, 239-251.
    """
    models = first.models
    if len(models) < 2:
        return Correlations(models, None, None, None, "one model alone has no order")
    told = separability(first, second)
    if len(models) < 3:
        return Correlations(models, None, None, told, "two models have no more than one order: look at the win rates")
    a, b = first.values, second.values
    n = min(len(first.left_out), len(second.left_out))
    rho, tau = spearman(a, b), kendall(a, b)
    if rho is None or tau is None:
        return Correlations(models, None, None, told, "all models have the same win rate in one of the leaderboards")
    tests = len(models) * (len(models) - 1)
    signs = significant(first, tests), significant(second, tests)
    found = Estimate(rho, *_spearman_limits(*signs), n), Estimate(tau, *_kendall_limits(*signs), n)
    held = [replace(e, low=min(e.low or 0.0, e.value or 0.0), high=max(e.high or 0.0, e.value or 0.0)) for e in found]
    return Correlations(models, held[0], held[1], told)


def ranks(values: np.ndarray) -> np.ndarray:
    """(M,) ranks from 1, the lowest value first; equal values share the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: np.ndarray = (last - (counts - 1) / 2.0)[index.reshape(-1)]
    return shared


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rho of two sets of M values: the correlation of their ranks; None where one side is all equal."""
    x, y = ranks(a) - (len(a) + 1) / 2.0, ranks(b) - (len(b) + 1) / 2.0
    spread = float(x @ x) * float(y @ y)
    return float(x @ y) / spread**0.5 if spread > 0 else None


def kendall(a: np.ndarray, b: np.ndarray) -> float | None:
    """Kendall's tau-b of two sets of M values; None where one side is all equal."""
    x, y = np.sign(a[:, None] - a[None, :]), np.sign(b[:, None] - b[None, :])
    spread = float((x * x).sum()) * float((y * y).sum())
    return float((x * y).sum()) / spread**0.5 if spread > 0 else None


def significant(of: Board, tests: int) -> np.ndarray:
    """(M, M) signs of the differences in win rate that are significant when `tests` of them are made; 0 elsewhere.

    Student's t on the jackknife standard error, each at 0.05 / `tests` (Bonferroni), with some room for one
    more question that differs.
    """
    n, size = len(of.left_out), len(of.models)
    sign = np.zeros((size, size))
    if n < 2:
        return sign
    quantile = t_quantile(1.0 - (1.0 - LEVEL) / (2.0 * tests), n - 1)
    shift = (n - 1.0) * (of.left_out.mean(axis=0) - of.left_out)
    for i, j in combinations(range(size), 2):
        squares = float(((shift[:, i] - shift[:, j]) ** 2).sum()) + UNSEEN
        gap = of.values[i] - of.values[j]
        if abs(gap) > quantile * (squares / (n - 1) / n) ** 0.5:
            sign[i, j], sign[j, i] = np.sign(gap), -np.sign(gap)
    return sign


def _kendall_limits(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Kendall's tau if every pair that is not told apart by both were in the worst, or the best, order."""
    size = len(x)
    upper = np.triu_indices(size, 1)
    both = (x * y)[upper]
    return float(np.where(both > 0, 1.0, -1.0).mean()), float(np.where(both < 0, -1.0, 1.0).mean())


def _spearman_limits(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Spearman's rho if every model's two ranks were as far apart, or as close, as its significant differences allow."""
    size = len(x)
    ranges = [(1.0 + (s > 0).sum(axis=1), size - (s < 0).sum(axis=1)) for s in (x, y)]
    (low_a, high_a), (low_b, high_b) = ranges
    furthest = np.maximum(high_a - low_b, high_b - low_a)
    closest = np.maximum(np.maximum(low_a - high_b, low_b - high_a), 0.0)
    scale = 6.0 / (size * (size**2 - 1.0))
    return max(-1.0, 1.0 - scale * float((furthest**2).sum())), min(1.0, 1.0 - scale * float((closest**2).sum()))


def separability(first: Board, second: Board) -> Separability:
    """Which pairs of models the intervals of two leaderboards tell apart, and whether in the same order."""
    orders = []
    for of in (first, second):
        low = np.array([-np.inf if e.low is None else e.low for e in of.rates])
        high = np.array([np.inf if e.high is None else e.high for e in of.rates])
        above = low[:, None] > high[None, :]
        orders.append(above.astype(np.int64) - above.T)
    upper = np.triu_indices(len(first.models), 1)
    x, y = (order[upper] for order in orders)
    both = (x != 0) & (y != 0)
    told = int((x != 0).sum()), int((y != 0).sum()), int(both.sum()), int((x * y > 0).sum())
    return Separability(len(x), *told)
