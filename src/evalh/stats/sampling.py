"""Whether what people voted on is a random sample of what was judged, as far as that can be told.

A sample that was picked (the hard questions, the pairs with a favourite model, what looked wrong) makes the votes' mean a
figure about what was picked. Nobody can see that from the votes; but where the judge's verdicts, the categories, models or
turns of what was voted on differ from those of everything by more than chance, it was not drawn at random, and nothing is
claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.stats.paired import holm

LEVEL: Final = 0.01
"""The adjusted p-value below which a sample is not taken for a random one: one honest sample in a hundred is refused."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Adjusted p-values (Holm) by what was looked at; `differs` names what speaks against a random sample."""

    p_values: Mapping[str, float]
    differs: tuple[str, ...] = ()

    @property
    def random(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.differs


def sampled(cluster: np.ndarray, drawn: np.ndarray, features: Mapping[str, np.ndarray]) -> Sampled:
    """Compare what was drawn with everything, in each of several respects.

    Args:
        cluster: (I,) whole numbers, equal for items that move together.
        drawn: (I,) weights of the items that were drawn (by inclusion probability where that is known); 0 elsewhere.
        features: name -> (I, K) numbers known of every item.

    Returns:
        Sampled. A respect in which all items are equal has the p-value 1.

    The difference of the weighted mean over the drawn from the mean over all is compared with what it varies by if, in each
    question that was drawn from, that many items are taken at random, and the questions too (variance components within and
    between questions, chi-squared with one degree of freedom for each independent column).
    """
    names = list(features)
    adjusted = holm([_p_value(cluster, drawn, np.asarray(features[name], dtype=np.float64)) for name in names])
    p_values = {name: float(p or 0.0) for name, p in zip(names, adjusted, strict=True)}
    return Sampled(p_values, tuple(name for name in names if p_values[name] < LEVEL))


def _p_value(cluster: np.ndarray, drawn: np.ndarray, x: np.ndarray) -> float:
    from scipy.special import gammaincc

    size, total = int(cluster.max()) + 1, float(drawn.sum())
    count = np.bincount(cluster, minlength=size)
    centred = x - x.mean(axis=0)
    moved = (drawn[:, None] * centred).sum(axis=0) / total
    means = np.stack([np.bincount(cluster, column, size) for column in centred.T], axis=1) / np.maximum(count, 1)[:, None]
    inside = centred - means[cluster]
    freedom = len(x) - int((count > 0).sum())
    within = inside.T @ inside / freedom if freedom > 0 else np.zeros((x.shape[1],) * 2)
    there = count > 0
    between = np.atleast_2d(np.cov(means[there].T)) if there.sum() > 1 else np.zeros_like(within)
    weight, squares = np.bincount(cluster, drawn, size) / total, np.bincount(cluster, drawn**2, size) / total**2
    # given how much was drawn from each question: questions might as well change places, and items within them
    apart = float(((weight - count / len(x)) ** 2).sum())
    mixed = float((squares - weight**2 / np.maximum(count, 1)).sum())
    variance = between * apart + within * mixed
    values, vectors = np.linalg.eigh((variance + variance.T) / 2.0)
    along = vectors.T @ moved
    spread = np.diag(np.atleast_2d(centred.T @ centred)).sum() / len(x)
    known = values > 1e-9 * max(spread, 1e-300)
    if float(np.abs(along[~known]).max(initial=0.0)) > 1e-6 * max(spread, 1e-300) ** 0.5 and spread > 0:
        return 0.0  # it differs where chance leaves no room
    if not known.any():
        return 1.0
    statistic = float((along[known] ** 2 / values[known]).sum())
    return float(gammaincc(known.sum() / 2.0, statistic / 2.0))
