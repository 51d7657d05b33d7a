"""Prediction-powered inference: few votes of people and many verdicts of a judge, made into one figure about people.

The mean of the votes is right but rests on few; the judge speaks about everything but may be wrong. The votes' mean plus lambda
times what the judge gives on everything less what it gives where people voted is right whatever the judge is worth, as long
as what was voted on is a random sample; lambda is tuned to the least variance (PPI++), so that a poor judge does no harm.

Everything that belongs to one question moves together: variances are sums over questions.

Source: A. N. Angelopoulos, J. C. Duchi & T. Zrnic (2023), "PPI++: efficient prediction-powered inference", arXiv:2311.01453.
Weights by inclusion probability after D. G. Horvitz & D. J. Thompson (1952), JASA 47, 663-685, normalised (Hajek 1971).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.resample import Moments, estimates

TOO_POOR: Final = "the judge is too poor to help beside these votes: they alone are as precise"
ALL_VOTED: Final = "every comparison was voted on, so the judge has nothing to add"
LEAST: Final = 3  # labelled questions from which there is an interval: two for its variance, and one for lambda


@dataclass(frozen=True, slots=True)
class Items:
    """I judged items (comparisons, answers), some of them labelled by people; all arrays have shape (I,).

    Attributes:
        cluster: whole numbers from 0, equal for items that move together (one question).
        judge: what the judge says, on any scale.
        label: what people say, in the figure's unit; NaN where nobody was asked.
        weight: how much an item counts in the figure; positive.
        probability: the chance with which the item was drawn to be labelled, up to a common factor; used where labelled.
    """

    cluster: np.ndarray
    judge: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(
        cls,
        cluster: np.ndarray,
        judge: np.ndarray,
        label: np.ndarray,
        weight: np.ndarray | None = None,
        probability: np.ndarray | None = None,
    ) -> Items:
        """Check and complete; weights and probabilities are 1 where they are left out.

        Raises:
            StatsError: arrays differ in length, or hold what they cannot.
        """
        size = len(judge)
        one = np.ones(size)
        columns = [np.asarray(judge, float), np.asarray(label, float)]
        columns += [np.asarray(weight, float) if weight is not None else one]
        columns += [np.asarray(probability, float) if probability is not None else one]
        index = np.unique(np.asarray(cluster), return_inverse=True)[1].reshape(-1)
        if any(len(c) != size for c in (index, *columns)):
            raise StatsError("items: cluster, judge, label, weight and probability must have one entry per item")
        if not np.isfinite(columns[0]).all() or np.isinf(columns[1]).any():
            raise StatsError("items: what the judge says, and every label that is there, must be a finite number")
        if not (np.isfinite(columns[2]).all() and (columns[2] > 0).all()):
            raise StatsError("items: weights must be positive numbers")
        drawn = columns[3][~np.isnan(columns[1])]
        if not (np.isfinite(drawn).all() and (drawn > 0).all()):
            raise StatsError("items: the probability of every labelled item must be a positive number")
        return cls(index, *columns)

    @property
    def labelled(self) -> np.ndarray:
        """(I,) bool."""
        mask: np.ndarray = ~np.isnan(self.label)
        return mask

    def drawn(self) -> np.ndarray:
        """(I,) weights of the labelled items, by their inclusion probability; 0 elsewhere."""
        given = self.labelled
        safe = np.where(given, self.probability, 1.0)
        weights: np.ndarray = np.where(given, self.weight / safe, 0.0)
        return weights


@dataclass(frozen=True, slots=True)
class Powered:
    """A figure about people.

    Attributes:
        estimate: from votes and judge together; n = questions with a vote.
        people: from the votes alone.
        judge: the judge's own figure over all items, which the judge's mistakes are part of.
        tuning: lambda; 0 where the judge is not used.
        correlation: of votes and judge over questions, as far as the figure is concerned.
        note: why the judge is not used, or nothing.
    """

    estimate: Estimate
    people: Estimate
    judge: Estimate
    tuning: float
    correlation: float | None
    note: str = ""


def powered_mean(items: Items, *, share: bool = False) -> Powered:
    """The mean label of all items (a win rate, a mean score), from the labels there are and the judge's verdicts on all items.

    Args:
        items: see `Items`. What is labelled must be a random sample of them, given `probability` (see `sampled`).
        share: the figure lies between 0 and 1 by definition (`share_limits`), else `skew_limits`.

    Returns:
        Powered. The interval is never wider than that of the votes alone: where it would be, the judge is not used. With one
        question's labels there is no interval.

    Raises:
        TooFewData: nothing is labelled.
    """
    if not items.labelled.any():
        raise TooFewData("nobody voted on anything that was judged")
    own, drawn = items.weight, items.drawn()
    size = int(items.cluster.max()) + 1
    label = np.where(items.labelled, items.label, 0.0)
    voted, u = _ratio(items.cluster, size, drawn * label, drawn)
    judged_there, f = _ratio(items.cluster, size, drawn * items.judge, drawn)
    judged, a = _ratio(items.cluster, size, own * items.judge, own)
    n, d = len(np.unique(items.cluster[items.labelled])), f - a
    step = 1.0 if share else _step(items.label[items.labelled])
    room = 0.0 if share else step**2
    worth = _worth(n, drawn[items.labelled])
    more = unseen(n) * step**2 * (n / worth) ** 2
    people = _estimate(voted, u, n, share, 1.0, room if worth == n else max(room, more), worth)
    judge = _estimate(judged, a, size, share, 1.0, room, _worth(size, own))
    spread = float(d @ d)
    if items.labelled.all():
        return Powered(people, people, judge, 0.0, _correlation(u, f), ALL_VOTED)
    if n < LEAST:
        return Powered(people, people, judge, 0.0, None, f"votes on {n} question{'s' * (n > 1)} cannot tune the judge's weight")
    tuning = float(u @ d) / spread if spread > 1e-18 else 0.0
    left = u - tuning * d
    lost = (n - 1.0) / (n - 2.0)  # one more parameter is estimated
    value = voted - tuning * (judged_there - judged)
    found = _estimate(value, left, n, share, lost, max(room, more if worth == n else 2.0 * more), worth)
    if tuning <= 0 or _width(found) >= _width(people):
        return Powered(people, people, judge, 0.0, _correlation(u, f), TOO_POOR)
    return Powered(found, people, judge, tuning, _correlation(u, f))


def unseen(n: int) -> float:
    """What is added to the sum of n squared differences of votes and judge, for one that has not been seen yet.

    Ten votes with which the judge agrees do not make it infallible. The amount was found by simulation (docs/agreement.md);
    it vanishes beside n, so that the width becomes what theory allows.
    """
    return 1.0 / math.sqrt(n)


def _step(labels: np.ndarray) -> float:
    """One step of the labels' scale: the smallest gap between two of them, at least a ninth of their range."""
    distinct = np.unique(labels)
    if len(distinct) < 2:
        return float(abs(distinct[0])) / 9.0
    return max(float(np.diff(distinct).min()), float(distinct[-1] - distinct[0]) / 9.0)


def _width(e: Estimate) -> float:
    return float("inf") if e.low is None or e.high is None else e.high - e.low


def _ratio(cluster: np.ndarray, size: int, top: np.ndarray, bottom: np.ndarray) -> tuple[float, np.ndarray]:
    """A ratio of sums, and per cluster what it adds to it: (number of clusters - 1) / number x (ratio - ratio without it)."""
    tops, bottoms = np.bincount(cluster, top, size), np.bincount(cluster, bottom, size)
    value = float(tops.sum() / bottoms.sum())
    there = bottoms > 0
    n = int(there.sum())
    rest = bottoms.sum() - bottoms
    alone = ~(rest > 1e-12 * bottoms.sum())
    left_out = np.where(alone, value, (tops.sum() - tops) / np.where(alone, 1.0, rest))
    added = np.where(there, (value - left_out) * (n - 1.0) / n, 0.0)
    return value, added - np.where(there, added.sum() / n, 0.0)


def _worth(n: int, weights: np.ndarray) -> int:
    """How many equally weighted questions n with these weights of items are worth (Kish 1965); n if all are equal."""
    part = float(weights.sum()) ** 2 / float((weights**2).sum()) / len(weights)
    return n if part > 1.0 - 1e-9 else min(n, max(2, round(n * part)))


def _estimate(value: float, added: np.ndarray, n: int, share: bool, factor: float, room: float, worth: int) -> Estimate:
    """A figure with its limits, from what each of n clusters adds to it; its limits see as many as they are `worth`."""
    scale = float(n * n) if worth == n else worth * (worth - 1.0) * n / (n - 1.0)
    squares = np.array([float(added @ added) * scale * factor + room])
    cubes, fourths = (np.array([float((added**power).sum()) * float(worth) ** power]) for power in (3, 4))
    kept = min(max(value, 0.0), 1.0) if share else value
    moments = Moments(np.array([worth]), squares, cubes, fourths)
    found = estimates(np.array([kept]), moments, share=share)[0]
    if worth == n:
        return found
    if share and found.low is not None and found.high is not None:
        # what was seldom drawn may also vary more: that the variance is a coin's, which a share's limits build on, is not known
        free = estimates(np.array([kept]), moments)[0]
        low, high = min(found.low, free.low or 0.0), max(found.high, 1.0 if free.high is None else free.high)
        found = replace(found, low=max(low, 0.0), high=min(high, 1.0))
    return replace(found, n=n)


def _correlation(u: np.ndarray, f: np.ndarray) -> float | None:
    spread = float(u @ u) * float(f @ f)
    return float(u @ f) / spread**0.5 if spread > 1e-30 else None
