"""Bradley-Terry ratings by prediction-powered inference: few votes of people, many verdicts of a judge.

The loss of PPI++ is that of the votes, plus lambda times the judge's on everything less the judge's where people voted. All
three are Bradley-Terry's, which see counts only, so the whole is fitted from one table of (weighted) wins per pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.bradley_terry import ELO_MEAN, ELO_SCALE, connected, maximum
from evalh.stats.estimate import Estimate
from evalh.stats.ppi import ALL_VOTED, LEAST, TOO_POOR, Items
from evalh.stats.quantiles import t_quantile


@dataclass(frozen=True, slots=True)
class PoweredRatings:
    """Ratings of M models in Elo points (mean 1000), one entry per model in each column.

    Attributes:
        estimates: from votes and judge together; `people`: from the votes alone; `judge`: from all the judge's verdicts. Each
            is None where such ratings are not defined.
        tuning: lambda; 0 where the judge is not used.
        note: why the judge is not used or ratings are missing, or nothing.
    """

    estimates: tuple[Estimate, ...] | None
    people: tuple[Estimate, ...] | None
    judge: tuple[Estimate, ...] | None
    tuning: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Fit:
    """What is fitted: items, the models they compare, and normalised weights of everything and of what was drawn."""

    items: Items
    pairs: np.ndarray
    models: int
    own: np.ndarray
    drawn: np.ndarray
    label: np.ndarray

    def wins(self, tuning: float) -> np.ndarray:
        """(M, M) wins of the loss with this lambda; entries may be negative where the judge is corrected."""
        outcome = self.drawn * (self.label - tuning * self.items.judge) + tuning * self.own * self.items.judge
        games = (1.0 - tuning) * self.drawn + tuning * self.own
        table = np.zeros((self.models, self.models))
        np.add.at(table, (self.pairs[:, 0], self.pairs[:, 1]), outcome)
        np.add.at(table, (self.pairs[:, 1], self.pairs[:, 0]), games - outcome)
        return table

    def information(self, strength: np.ndarray, tuning: float) -> np.ndarray:
        """Pseudo-inverse of the Hessian, on strengths of mean 0; (M, M)."""
        games = self.wins(tuning)
        games = games + games.T
        gap = strength[:, None] - strength[None, :]
        curvature = games / (2.0 + 2.0 * np.cosh(gap))
        hessian = np.diag(curvature.sum(axis=1)) - curvature
        inverse: np.ndarray = np.linalg.pinv(hessian, hermitian=True, rcond=1e-10)
        return inverse

    def scores(self, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Per cluster, (Q, M): the votes' score, and the judge's where drawn less its own on everything."""
        gap = strength[self.pairs[:, 0]] - strength[self.pairs[:, 1]]
        chance = 0.5 * (1.0 + np.tanh(0.5 * gap))
        size = int(self.items.cluster.max()) + 1
        found = []
        for value in (self.drawn * (self.label - chance), (self.drawn - self.own) * (self.items.judge - chance)):
            table = np.zeros((size, self.models))
            np.add.at(table, (self.items.cluster, self.pairs[:, 0]), value)
            np.add.at(table, (self.items.cluster, self.pairs[:, 1]), -value)
            found.append(table)
        return found[0], found[1]


def powered_ratings(items: Items, pairs: np.ndarray, models: tuple[str, ...]) -> PoweredRatings:
    """Ratings from the labels there are and the judge's verdicts on all comparisons.

    Args:
        items: comparisons; judge and labels are outcomes of the pair's first model, 0 to 1. What is labelled must be a random
            sample of them, given `probability`.
        pairs: (I, 2) indices into `models`.
        models: names, M of them.

    Returns:
        PoweredRatings. Intervals are sandwiches clustered by question, with Student's quantiles for the number of questions
        with a vote. lambda, within 0..1, has the least summed variance of all ratings; where the judge does not lower it, it
        is not used.

    Raises:
        TooFewData: nothing is labelled.

    Source: Angelopoulos, Duchi & Zrnic (2023), sections 3 and 6; Bradley & Terry (1952), Biometrika 39, 324-345.
    """
    drawn = items.drawn()
    if not drawn.any():
        raise TooFewData("nobody voted on anything that was judged")
    label = np.where(items.labelled, items.label, 0.0)
    fit = _Fit(items, pairs, len(models), items.weight / items.weight.sum(), drawn / drawn.sum(), label)
    everything = _Fit(items, pairs, len(models), fit.own, fit.own, items.judge)
    clusters = int(items.cluster.max()) + 1
    n = len(np.unique(items.cluster[items.labelled]))
    judge, _ = _rated(everything, 0.0, models, clusters, 1.0)
    people, reason = _rated(fit, 0.0, models, n, 1.0)
    if people is None or items.labelled.all() or n < LEAST:
        note = reason or (ALL_VOTED if items.labelled.all() else f"votes on {n} questions cannot tune the judge's weight")
        return PoweredRatings(people, people, judge, 0.0, note)
    tuning = _tuned(fit, models)
    lost = (n - 1.0) / (n - 2.0)
    found, reason = _rated(fit, tuning, models, n, lost) if tuning > 0 else (None, TOO_POOR)
    if found is None or _summed(found) >= _summed(people):
        return PoweredRatings(people, people, judge, 0.0, reason or TOO_POOR)
    return PoweredRatings(found, people, judge, tuning)


def _rated(fit: _Fit, tuning: float, models: tuple[str, ...], n: int, factor: float) -> tuple[tuple[Estimate, ...] | None, str]:
    """Ratings with sandwich limits; or None and the reason."""
    wins = fit.wins(tuning)
    try:
        if tuning == 0.0:
            connected(wins, models)
        strength = maximum(wins)
    except StatsError as reason:
        return None, str(reason)
    voted, apart = fit.scores(strength)
    left = voted - tuning * apart
    inverse = fit.information(strength, tuning)
    points = ELO_MEAN + ELO_SCALE * strength
    if n < 2:
        return tuple(Estimate(float(x), None, None, n) for x in points), ""
    added = left @ inverse
    error = ELO_SCALE * np.sqrt((added**2).sum(axis=0) * n / (n - 1.0) * factor)
    reach = t_quantile(0.975, n - 1) * error
    columns = zip(points.tolist(), reach.tolist(), error.tolist(), strict=True)
    return tuple(Estimate(x, x - r, x + r, n, e) if r > 0 else Estimate(x, None, None, n) for x, r, e in columns), ""


def _tuned(fit: _Fit, models: tuple[str, ...]) -> float:
    """lambda with the least summed variance of the ratings, within 0..1, at the ratings of the votes alone."""
    strength = maximum(fit.wins(0.0))
    voted, apart = fit.scores(strength)
    inverse = fit.information(strength, 0.0)
    u, d = voted @ inverse, apart @ inverse
    spread = float((d * d).sum())
    return min(max(float((u * d).sum()) / spread, 0.0), 1.0) if spread > 1e-18 else 0.0


def _summed(ratings: tuple[Estimate, ...]) -> float:
    return sum((e.high - e.low) ** 2 if e.low is not None and e.high is not None else float("inf") for e in ratings)
