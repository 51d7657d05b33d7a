"""Ratings from battles, folded to counts per pair and outcome, so that cost follows the pairs and not the battles.

A battle is one game of two models: won, lost or tied. Three models of ties are fitted by maximum likelihood (`ties.py`), with
two kinds of interval beside each other: the closed-form sandwich, and a bootstrap that draws battles or, where they are
clustered (several battles of one question or one rater), whole clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.bradley_terry import ELO_MEAN, ELO_SCALE, connected, rating_limits
from evalh.stats.estimate import Estimate
from evalh.stats.quantiles import t_quantile
from evalh.stats.resample import bootstrap_counts
from evalh.stats.ties import Ties, fit, fit_rounds, scores, win_matrices

_BLOCKS: Final = 500  # clusters are drawn in at most this many blocks
_SLICE: Final = 2_000_000  # entries of the cluster-by-model table of gradients that are held at a time


@dataclass(frozen=True, slots=True)
class Battles:
    """Battles of M models, folded.

    Attributes:
        models: names, sorted.
        pairs: (P, 2) indices of the models of each pair that met, the smaller first.
        counts: (P, 3) battles that the first of the pair won, tied and lost.
        cluster: (E,) index of the cluster of an entry; None where every battle is a cluster of its own.
        cell: (E,) pair * 3 + outcome of an entry.
        weight: (E,) battles of an entry.
    """

    models: tuple[str, ...]
    pairs: np.ndarray
    counts: np.ndarray
    cluster: np.ndarray | None = None
    cell: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Independent units: clusters, or battles where there are none."""
        return int(self.counts.sum()) if self.cluster is None else int(self.cluster.max(initial=-1)) + 1

    def record(self) -> np.ndarray:
        """(M, 3) battles won, tied and lost by each model."""
        found = np.zeros((len(self.models), 3))
        np.add.at(found, self.pairs[:, 0], self.counts)
        np.add.at(found, self.pairs[:, 1], self.counts[:, ::-1])
        return found


def fold(
    models: Sequence[str], first: np.ndarray, second: np.ndarray, outcome: np.ndarray, cluster: np.ndarray | None = None
) -> Battles:
    """Fold N battles to counts.

    Args:
        models: M different names.
        first, second: (N,) indices into `models`, different from each other in every battle.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        cluster: (N,) whole numbers; battles with the same number move together in intervals.

    Raises:
        TooFewData: there is no battle.
    """
    if not len(first):
        raise TooFewData("there is no battle to rate")
    order = sorted(range(len(models)), key=lambda i: models[i])
    place = np.empty(len(models), dtype=np.int64)
    place[order] = np.arange(len(models))
    a, b = place[first], place[second]
    size = len(models)
    swap = a > b
    key = (np.where(swap, b, a) * size + np.where(swap, a, b)) * 3 + np.where(swap, 2 - outcome, outcome)
    table = np.bincount(key, minlength=size * size * 3).reshape(-1, 3)
    met = np.flatnonzero(table.any(axis=1))
    pairs = np.stack([met // size, met % size], axis=1)
    names = tuple(models[i] for i in order)
    if cluster is None:
        return Battles(names, pairs, table[met].astype(np.float64))
    row = np.full(size * size, -1)
    row[met] = np.arange(len(met))
    cell = row[key // 3] * 3 + key % 3
    _, group = np.unique(cluster, return_inverse=True)
    entry, weight = np.unique(group.astype(np.int64) * (len(met) * 3) + cell, return_counts=True)
    where = entry // (len(met) * 3)
    return Battles(names, pairs, table[met].astype(np.float64), where, entry % (len(met) * 3), weight.astype(np.float64))


def rate(
    battles: Battles, ties: Ties = "half", rounds: int = 0, rng: np.random.Generator | None = None, anchor: int | None = None
) -> list[Estimate]:
    """Ratings of all models with 95 % intervals, in Elo points.

    Args:
        battles: folded battles.
        ties: "half" (a tie is half a win to each, Bradley & Terry 1952), "davidson" (1970) or "rao-kupper" (1967).
        rounds: bootstrap rounds; 0 gives sandwich intervals (White 1982), with Student quantiles for the number of clusters.
        rng: source of the bootstrap's draws.
        anchor: index of a model whose rating the others are relative to: it gets 0 and no interval. Mean 1000 without one.

    Returns:
        One estimate per model; n = clusters, or battles. An end of a bootstrap interval is None where the ratings of too many
        rounds are not finite.

    Raises:
        TooFewData: fewer than two models, or every battle tied under a model with a parameter for ties.
        Disconnected: ratings are not defined; names the groups.
        NotConverged: Newton's method did not reach its tolerance.
    """
    connected(win_matrices(battles.pairs, battles.counts[None], len(battles.models))[0], battles.models)
    strength, parameter = fit(battles.pairs, battles.counts, len(battles.models), ties)
    point = _placed(strength[None], anchor)[0]
    if rounds and battles.n > 1:
        if rng is None:
            raise ValueError("a bootstrap needs a generator")
        low, high, error = _bootstrap(battles, ties, strength, parameter, rounds, rng, anchor)
    else:
        low, high, error = _sandwich_limits(battles, ties, strength, parameter, point, anchor)
    return [Estimate(float(p), low[i], high[i], battles.n, error[i]) for i, p in enumerate(point)]


def sandwich(battles: Battles, ties: Ties, strength: np.ndarray, parameter: float) -> np.ndarray:
    """Covariance of the M log strengths, shape (M, M): robust to battles that depend on each other within a cluster.

    Inverse information times the sum over clusters of the outer products of their gradients times inverse information, with
    the small-sample factor K / (K - 1) for K clusters.

    Source: H. White (1982), Econometrica 50, 1-25; K.-Y. Liang & S. Zeger (1986), Biometrika 73, 13-22.
    """
    size = len(battles.models)
    gradient, information = scores(battles.pairs, battles.counts, size, ties, strength, parameter)
    width = gradient.shape[1]
    if battles.cluster is None:
        meat = (gradient * battles.counts.reshape(-1, 1)).T @ gradient
    else:
        assert battles.cell is not None
        assert battles.weight is not None
        meat = np.zeros((width, width))
        step = max(1, _SLICE // width)
        for first in range(0, battles.n, step):
            part = slice(*np.searchsorted(battles.cluster, (first, first + step)).tolist())
            summed = np.zeros((min(step, battles.n - first), width))
            np.add.at(summed, battles.cluster[part] - first, gradient[battles.cell[part]] * battles.weight[part, None])
            meat += summed.T @ summed
    bread = np.linalg.inv(information)
    factor = battles.n / max(battles.n - 1, 1)
    covariance: np.ndarray = (factor * bread @ meat @ bread)[:size, :size]
    return covariance


def _sandwich_limits(
    battles: Battles, ties: Ties, strength: np.ndarray, parameter: float, point: np.ndarray, anchor: int | None
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    size = len(battles.models)
    if battles.n < 2:
        return [None] * size, [None] * size, [None] * size
    covariance = sandwich(battles, ties, strength, parameter)
    contrast = np.eye(size) - (1.0 / size if anchor is None else np.eye(size)[anchor])
    variance = np.einsum("ij,jk,ik->i", contrast, covariance, contrast)
    error = ELO_SCALE * np.sqrt(np.maximum(variance, 0.0))
    reach = t_quantile(0.975, battles.n - 1) * error
    known = [i != anchor for i in range(size)]
    return (
        [float(x) if k else None for x, k in zip(point - reach, known, strict=True)],
        [float(x) if k else None for x, k in zip(point + reach, known, strict=True)],
        [float(x) if k else None for x, k in zip(error, known, strict=True)],
    )


def _bootstrap(
    battles: Battles,
    ties: Ties,
    strength: np.ndarray,
    parameter: float,
    rounds: int,
    rng: np.random.Generator,
    anchor: int | None,
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    drawn = _drawn(battles, rounds, rng)
    fitted, finite, above, below = fit_rounds(battles.pairs, drawn, len(battles.models), ties, strength, parameter)
    low, high, error = rating_limits(_placed(fitted, anchor), finite, above, below, battles.n)
    if anchor is not None:
        low[anchor] = high[anchor] = error[anchor] = None
    return low, high, error


def _drawn(battles: Battles, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of bootstrap rounds, (rounds, P, 3): battles, or clusters, drawn with replacement."""
    shape = battles.counts.shape
    if battles.cluster is None:
        total = battles.counts.sum()
        found = rng.multinomial(round(total), battles.counts.ravel() / total, size=rounds)
        return found.reshape(rounds, *shape).astype(np.float64)
    assert battles.cell is not None
    # Blocks of clusters drawn at random are as independent as clusters, and hundreds of them as good for an interval.
    blocks = min(battles.n, _BLOCKS)
    block = (rng.permutation(battles.n) % blocks)[battles.cluster]
    size = shape[0] * shape[1]
    table = np.bincount(block * size + battles.cell, weights=battles.weight, minlength=blocks * size).reshape(blocks, size)
    return (bootstrap_counts(blocks, rounds, rng) @ table).reshape(rounds, *shape)


def _placed(strength: np.ndarray, anchor: int | None) -> np.ndarray:
    """Log strengths (B, M) as Elo points: mean 1000, or 0 at the anchor."""
    zero = strength.mean(axis=1, keepdims=True) if anchor is None else strength[:, [anchor]]
    points: np.ndarray = (ELO_MEAN if anchor is None else 0.0) + ELO_SCALE * (strength - zero)
    return points
