"""The closed-form covariance of ratings: robust to battles that depend on each other within a cluster.

With few clusters the plain sandwich is too narrow, because every cluster pulls the fit towards itself. Up to a number of them
each one's gradient is therefore corrected for its leverage (CR2); beyond, the difference is lost in the figure's own
uncertainty. There, too, intervals of ratings are those of the score and not of log odds (`limits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from evalh.stats.estimate import Estimate
from evalh.stats.folding import Battles
from evalh.stats.quantiles import normal_quantile, t_quantile
from evalh.stats.rating_limits import ALLOWANCE
from evalh.stats.ties import Ties, scores

CORRECTED: Final = 200  # clusters, or battles where there are none, up to which each one's leverage is taken out
_HALVINGS: Final = 14  # of the bracket around an end, which is then taken for straight: to some 1e-9 of it
_SLICE: Final = 2_000_000  # entries of the cluster-by-model table of gradients that are held at a time


def sandwich(battles: Battles, ties: Ties, strength: np.ndarray, parameter: float) -> np.ndarray:
    """Covariance of the M log strengths, shape (M, M).

    Inverse information times the sum over clusters of the outer products of their gradients times inverse information; with
    more than 200 clusters K with the small-sample factor K / (K - 1), up to there with each gradient corrected for the
    cluster's leverage instead. Up to a fifth of a cluster whose battles of a pair all say the same is added (`allowed`).
    Infinite where leaving out one cluster leaves models that never met.

    Source: H. White (1982), Econometrica 50, 1-25; K.-Y. Liang & S. Zeger (1986), Biometrika 73, 13-22; the correction by
    R. Bell & D. McCaffrey (2002), Survey Methodology 28, 169-181.
    """
    size, n = len(battles.models), battles.n
    gradient, curvature, information = scores(battles.pairs, battles.counts, size, ties, strength, parameter)
    bread = np.linalg.inv(information)
    if n <= CORRECTED:
        meat, factor = _corrected(battles, gradient, curvature, bread), 1.0
    else:
        meat, factor = _plain(battles, gradient), n / (n - 1)
    if not np.isfinite(meat).all():
        return np.full((size, size), np.inf)
    meat = allowed(meat, information, ALLOWANCE * together(battles) / n)
    covariance: np.ndarray = (factor * bread @ meat @ bread)[:size, :size]
    return covariance


def _plain(battles: Battles, gradient: np.ndarray) -> np.ndarray:
    """Sum over clusters of the outer products of their gradients; `gradient` (3 P, W) is one battle's, by cell."""
    if battles.cluster is None or battles.cell is None or battles.weight is None:
        plain: np.ndarray = (gradient * battles.counts.reshape(-1, 1)).T @ gradient
        return plain
    width = gradient.shape[1]
    meat = np.zeros((width, width))
    step = max(1, _SLICE // width)
    columns = np.concatenate(
        [battles.pairs.repeat(3, axis=0), np.full((len(gradient), width - len(battles.models)), width - 1)], axis=1
    )
    values = np.take_along_axis(gradient, columns, axis=1)
    for first in range(0, battles.n, step):
        part = slice(*np.searchsorted(battles.cluster, (first, first + step)).tolist())
        rows, cell = min(step, battles.n - first), battles.cell[part]
        # a battle's gradient is zero but for its two models and the parameter
        key = (battles.cluster[part].astype(np.int64) - first)[:, None] * width + columns[cell]
        by_row = (values[cell] * battles.weight[part, None]).ravel()
        summed = np.bincount(key.ravel(), weights=by_row, minlength=rows * width).reshape(rows, width)
        meat += summed.T @ summed
    return meat


def _corrected(battles: Battles, gradient: np.ndarray, curvature: np.ndarray, bread: np.ndarray) -> np.ndarray:
    """The same with the leverage of each cluster taken out of its gradient, as `without_leverage` does."""
    width = len(bread)
    if battles.cluster is None or battles.cell is None or battles.weight is None:
        cells = np.flatnonzero(battles.counts.ravel())
        held, times = [(cells[[i]], np.ones(1)) for i in range(len(cells))], battles.counts.ravel()[cells]
    else:
        ends = np.searchsorted(battles.cluster, np.arange(battles.n + 1)).tolist()
        parts = [slice(*pair) for pair in pairwise(ends)]
        held, times = [(battles.cell[p], battles.weight[p]) for p in parts], np.ones(battles.n)
    pulls = []
    for (cell, weight), count in zip(held, times.tolist(), strict=True):
        own = _information(battles.pairs[cell // 3], curvature[cell] * weight[:, None], width, len(battles.models))
        pulls.append((weight @ gradient[cell], own, count))
    return without_leverage(pulls, bread)


def without_leverage(pulls: Sequence[tuple[np.ndarray, np.ndarray, float]], bread: np.ndarray) -> np.ndarray:
    """Sum of times * outer product of (1 - H A)^(-1/2) g over clusters (g, H, times): gradient, information, how many such.

    A, `bread`, is the inverse of everybody's information. If the model held exactly, the sandwich of it would have no bias,
    whatever the number of clusters. Infinite where a cluster leaves nothing to the others.
    """
    root = np.linalg.cholesky(bread)
    gradient = np.stack([g for g, _, _ in pulls]) @ root
    leverage, axes = np.linalg.eigh(root.T @ np.stack([h for _, h, _ in pulls]) @ root)
    if leverage.max() > 1.0 - 1e-9:
        return np.full(bread.shape, np.inf)
    along = np.einsum("kij,ki->kj", axes, gradient) / np.sqrt(1.0 - leverage)
    pulled = np.einsum("kij,kj->ki", axes, along)
    back = np.linalg.inv(root)
    meat: np.ndarray = back.T @ (pulled.T * np.array([times for _, _, times in pulls])) @ pulled @ back
    return meat


def allowed(meat: np.ndarray, information: np.ndarray, share: float) -> np.ndarray:
    """The sum of gradients' squares (W, W), with a share of the information added in directions in which too little was seen.

    In each direction e of the sum, relative to the information, grows by share * exp(-e / (2 share)): all of it where no
    cluster differs, so that ties alone are no certainty, next to nothing where clusters are seen to differ by as much.
    """
    root = np.linalg.cholesky(information)
    back = np.linalg.inv(root)
    seen, axes = np.linalg.eigh(back @ meat @ back.T)
    more = share * np.exp(-np.maximum(seen, 0.0) / (2.0 * share))
    spread = root @ axes
    found: np.ndarray = meat + (spread * more) @ spread.T
    return found


def interval(
    value: np.ndarray,
    contrast: np.ndarray,
    covariance: np.ndarray,
    n: int,
    known: int | None,
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Estimate]:
    """Estimates of G linear figures with 95 % intervals.

    Args:
        value: (G,) the figures.
        contrast: (G, W) what they are of the parameters.
        covariance: (W, W) of the parameters; infinite where there is none.
        n: clusters, or battles: Student quantiles with n - 1 degrees of freedom.
        known: index of a figure that is fixed, without an interval.
        ends: (G,) each, of intervals relative to the figures, in place of those from the quantiles.
    """
    if n < 2 or not np.isfinite(covariance).all():
        return [Estimate(float(v), None, None, n) for v in value]
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", contrast, covariance, contrast), 0.0))
    reach = t_quantile(0.975, n - 1) * error
    low, high = (-reach, reach) if ends is None else ends
    columns = zip(value.tolist(), (value + low).tolist(), (value + high).tolist(), error.tolist(), strict=True)
    return [Estimate(v, None, None, n) if i == known else Estimate(v, a, b, n, e) for i, (v, a, b, e) in enumerate(columns)]


def limits(
    battles: Battles, ties: Ties, strength: np.ndarray, parameter: float, contrast: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95 % limits of G linear figures of log strengths, relative to their values, each (G,); for few clusters.

    Log odds are skewed where few games go to the weaker. So the figure is moved by d, all else with it as the information
    has it, and U, what games would be won otherwise, is held against the error that they would have then: the interval holds
    every d with |U(d)| <= quantile * error * sqrt(I(0) I(d)), with the information I. Of two models that is Wilson's interval
    at the games that the sandwich's error is worth, in log odds +- 2 asinh(quantile * error / 2). The quantile goes from the
    normal one, where a cluster's games all say the same and so their variance is known, to Student's with n - 1 degrees of
    freedom.

    Args:
        contrast: (G, M) what the figures are of the strengths.
        covariance: (M, M) `sandwich` of the same battles, finite.

    Source: C. R. Rao (1948), Proc. Cambridge Phil. Soc. 44, 50-57, generalised by D. D. Boos (1992), Am. Statist. 46, 327-333.
    """
    size = len(battles.models)
    _, second, information = scores(battles.pairs, battles.counts, size, ties, strength, parameter)
    moved = contrast @ np.linalg.inv(information)[:size]  # (G, W) how parameters move with a figure
    along = moved[:, battles.pairs[:, 0]] - moved[:, battles.pairs[:, 1]]
    variance = np.maximum(np.einsum("ij,jk,ik->i", contrast, covariance, contrast), 0.0)
    most = _one_game(battles, second, moved)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.where(most > 0, np.minimum(variance / most, 1.0), 0.0)
    normal = normal_quantile(0.975)
    reach = (normal + (t_quantile(0.975, battles.n - 1) - normal) * (1.0 - known)) * np.sqrt(variance)
    scale = np.einsum("ij,ij->i", contrast, moved[:, :size])
    along = np.divide(along, scale[:, None], out=np.zeros_like(along), where=scale[:, None] > 0)
    lead, games = strength[battles.pairs[:, 0]] - strength[battles.pairs[:, 1]], battles.counts.sum(axis=1)
    below, above = np.split(_crossing(lead, games, np.concatenate([along, -along]), np.tile(reach, 2)), 2)
    return -below, above


def _one_game(battles: Battles, curvature: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Variance (G,) of the figures if the games of each cluster were all one win-or-lose game."""
    size = len(battles.models)
    along = np.repeat(moved[:, battles.pairs[:, 0]] - moved[:, battles.pairs[:, 1]], 3, axis=1)
    square = along**2 * curvature[:, 0]
    if moved.shape[1] > size:
        square += 2.0 * along * moved[:, [size]] * curvature[:, 1] + moved[:, [size]] ** 2 * curvature[:, 2]
    error = np.sqrt(np.maximum(square, 0.0))
    if battles.cluster is None or battles.cell is None or battles.weight is None:
        alone: np.ndarray = error**2 @ battles.counts.ravel()
        return alone
    parts = [slice(*ends) for ends in pairwise(np.searchsorted(battles.cluster, np.arange(battles.n + 1)).tolist())]
    found: np.ndarray = np.square([error[:, battles.cell[part]] @ battles.weight[part] for part in parts]).sum(axis=0)
    return found


def _crossing(lead: np.ndarray, games: np.ndarray, along: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The d >= 0, (G,), at which U(d) / sqrt(I(0) I(d)) is `reach` where pairs' log odds `lead` fall by d * `along` (G, P)."""

    def apart(d: np.ndarray) -> np.ndarray:
        share = 0.5 * (1.0 + np.tanh(0.5 * (lead - d[:, None] * along)))
        otherwise = ((here - share) * pull).sum(axis=1)
        information = (share * (1.0 - share) * pull * along).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = otherwise / np.sqrt(first * information)
        return np.where(reach > 0, found, 0.0)

    here, pull = 0.5 * (1.0 + np.tanh(0.5 * lead)), games * along
    first = (here * (1.0 - here) * pull * along).sum(axis=1)
    low, high = np.zeros_like(reach), reach.copy()
    while (short := apart(high) < reach).any():
        low, high = np.where(short, high, low), np.where(short, 2.0 * high, high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        short = apart(middle) < reach
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    below, above = apart(low), apart(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (reach - below) / (above - below)
    found: np.ndarray = low + np.where(np.isfinite(part), np.clip(part, 0.0, 1.0), 1.0) * (high - low)
    return found


def _information(pairs: np.ndarray, curvature: np.ndarray, width: int, size: int) -> np.ndarray:
    """Information (W, W) of battles of pairs (E, 2) with the second derivatives (E, 3): xx, xp and pp."""
    lead = np.zeros((len(pairs), width))
    rows = np.arange(len(pairs))
    lead[rows, pairs[:, 0]], lead[rows, pairs[:, 1]] = 1.0, -1.0
    found: np.ndarray = (lead * curvature[:, [0]]).T @ lead
    if width > size:
        cross = curvature[:, 1] @ lead
        found[size] += cross
        found[:, size] += cross
        found[size, size] += curvature[:, 2].sum()
    return found


def together(battles: Battles) -> float:
    """How many battles of the same pair a cluster holds, on average."""
    if battles.cluster is None or battles.cell is None:
        return 1.0
    met = battles.cluster.astype(np.int64) * len(battles.pairs) + battles.cell // 3
    return float(battles.counts.sum() / (1 + np.count_nonzero(np.diff(np.sort(met)))))
