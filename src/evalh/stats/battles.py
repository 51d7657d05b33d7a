"""Ratings from battles, folded to counts per pair and outcome, so that cost follows the pairs and not the battles.

A battle is one game of two models: won, lost or tied. Three models of ties are fitted by maximum likelihood (`ties.py`), with
two kinds of interval beside each other: the closed-form sandwich (`sandwich.py`), and a bootstrap that draws battles or, where
they are clustered (several battles of one question or one rater), whole clusters (`rounds.py`).
"""

from __future__ import annotations

import numpy as np

from evalh.stats.bradley_terry import ELO_MEAN, ELO_SCALE, connected
from evalh.stats.estimate import Estimate
from evalh.stats.folding import Battles
from evalh.stats.rating_limits import least_error, rating_limits, widen
from evalh.stats.rounds import clustered, refits, reweighted
from evalh.stats.sandwich import CORRECTED, interval, limits, sandwich, together
from evalh.stats.separation import rank_ranges
from evalh.stats.ties import Ties, fit, win_matrices


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
    if not rounds or battles.n < 2:
        size = len(point)
        contrast = np.eye(size) - (1.0 / size if anchor is None else np.eye(size)[anchor])
        covariance = sandwich(battles, ties, strength, parameter) if battles.n > 1 else np.full((size, size), np.inf)
        ends = None
        if battles.n <= CORRECTED and np.isfinite(covariance).all():
            below, above = limits(battles, ties, strength, parameter, contrast, covariance)
            ends = ELO_SCALE * below, ELO_SCALE * above
        return interval(point, ELO_SCALE * contrast, covariance, battles.n, anchor, ends)
    if rng is None:
        raise ValueError("a bootstrap needs a generator")
    low, high, error = _bootstrap(battles, ties, strength, parameter, rounds, rng, anchor)
    return [Estimate(float(p), low[i], high[i], battles.n, error[i]) for i, p in enumerate(point)]


def rank_intervals(battles: Battles, ties: Ties = "half") -> list[tuple[int, int]]:
    """The range of ranks of every model, from the sandwich (see `rank_ranges`); raises as `rate`."""
    connected(win_matrices(battles.pairs, battles.counts[None], len(battles.models))[0], battles.models)
    strength, parameter = fit(battles.pairs, battles.counts, len(battles.models), ties)
    size = len(strength)
    covariance = sandwich(battles, ties, strength, parameter) if battles.n > 1 else np.full((size, size), np.inf)
    return rank_ranges(battles.models, strength, covariance, battles.n)


def _bootstrap(
    battles: Battles,
    ties: Ties,
    strength: np.ndarray,
    parameter: float,
    rounds: int,
    rng: np.random.Generator,
    anchor: int | None,
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    if battles.cluster is None or battles.cell is None or battles.weight is None:
        draw = reweighted(battles.counts, rng)
    else:
        draw = clustered(len(battles.pairs), battles.cluster, battles.cell, battles.weight, battles.n, rng)
    made = refits(battles.pairs, battles.counts, draw, rounds, ties, strength, parameter)
    low, high, error = rating_limits(_placed(made.strength, anchor), made.finite, made.above, made.below, battles.n)
    wins = win_matrices(battles.pairs, battles.counts[None], len(strength))[0]
    least = ELO_SCALE * least_error(wins, strength, together(battles), battles.n, anchor)
    widen(_placed(strength[None], anchor)[0], low, high, error, least, battles.n)
    if anchor is not None:
        low[anchor] = high[anchor] = error[anchor] = None
    return low, high, error


def _placed(strength: np.ndarray, anchor: int | None) -> np.ndarray:
    """Log strengths (B, M) as Elo points: mean 1000, or 0 at the anchor."""
    zero = strength.mean(axis=1, keepdims=True) if anchor is None else strength[:, [anchor]]
    points: np.ndarray = (ELO_MEAN if anchor is None else 0.0) + ELO_SCALE * (strength - zero)
    return points
