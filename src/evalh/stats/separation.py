"""Ranks of ratings: which models a set of battles can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalh.stats.paired import holm
from evalh.stats.ranks import ranks


def rank_ranges(models: Sequence[str], strength: np.ndarray, covariance: np.ndarray, n: int) -> list[tuple[int, int]]:
    """[1 + models significantly better, M - models significantly worse] for each of M models.

    Two models are told apart where Student's test of the difference of their log strengths, n - 1 degrees of freedom, has
    an adjusted p (Holm over all pairs) of at most 0.05.

    Args:
        models: M different names.
        strength: (M,) log strengths.
        covariance: (M, M) of them, infinite where there is none.
        n: clusters, or battles, that it rests on.
    """
    from scipy.special import stdtr

    first, second = np.triu_indices(len(models), 1)
    lead = strength[first] - strength[second]
    if n < 2 or not np.isfinite(covariance).all():
        p = np.ones(len(lead))
    else:
        variance = covariance[first, first] + covariance[second, second] - 2.0 * covariance[first, second]
        p = 2.0 * stdtr(n - 1, -np.abs(lead) / np.sqrt(np.maximum(variance, 1e-300)))
    pairs = {
        (models[i], models[j]): (float(gap), float(q or 0.0))
        for i, j, gap, q in zip(first.tolist(), second.tolist(), lead, holm(p.tolist()), strict=True)
    }
    found = ranks(models, pairs)
    return [found[model] for model in models]
