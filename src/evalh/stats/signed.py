"""Paired tests beside the sign-flip test: Wilcoxon's signed ranks, and McNemar's test of which questions were won."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalh.errors import StatsError
from evalh.stats.paired import fair_binomial, sign_flip_limit

EXACT_RANKS = 200  # non-zero differences up to which Wilcoxon's distribution is computed exactly


def signed_rank_test(differences: np.ndarray) -> float:
    """Wilcoxon's two-sided signed-rank test: are differences of one sign ranked higher by size than those of the other?

    Sizes are ranked with the zeros among them, which then fall out (Pratt); ties share the mean of their ranks. The
    distribution over all patterns of signs is exact for up to 200 non-zero differences, ties and zeros included; beyond, the
    normal limit with its first correction.

    Args:
        differences: (questions,) one per question, in any unit. Sizes that differ by less than a part in 10^9 are ties.

    Returns:
        p, unadjusted; 1.0 where no difference is left (no question, or all of them zero).

    Raises:
        StatsError: a difference is not finite.

    Source: F. Wilcoxon (1945), Biometrics 1, 80-83; J. W. Pratt (1959), "Remarks on zeros and ties in the Wilcoxon signed rank
    procedures", JASA 54, 655-667.
    """
    differences = _finite(differences)
    largest = float(np.abs(differences).max(initial=0.0))
    if largest == 0.0:
        return 1.0
    # what differs by rounding only is a tie, or 0.3 - 0.2 would outrank 0.2 - 0.1
    sizes = np.rint(np.abs(differences) / largest * 1e9)
    _, place, times = np.unique(sizes, return_inverse=True, return_counts=True)
    twice = (2 * np.cumsum(times) - times + 1)[place]  # twice the mean rank, a whole number
    kept = sizes > 0
    ranks, signs = twice[kept], np.sign(differences[kept])
    observed = abs(int((ranks * signs).sum()))
    if len(ranks) > EXACT_RANKS:
        step = float(np.gcd.reduce(ranks))
        return sign_flip_limit(ranks.astype(np.float64), float(observed), step)
    distribution = np.ones(1)  # of the sum of the ranks whose sign is +
    for rank in np.sort(ranks).tolist():
        longer = np.zeros(len(distribution) + rank)
        longer[: len(distribution)] = 0.5 * distribution
        longer[rank:] += 0.5 * distribution
        distribution = longer
    if observed == 0:
        return 1.0
    least = (int(ranks.sum()) + observed) // 2
    return min(1.0, 2.0 * float(distribution[least:].sum()))


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test.

    Attributes:
        first, second: questions on which the one, or the other, did better; those on which neither did say nothing.
        p_value: exact two-sided (conditional binomial).
        mid_p: the same with half of the observed pattern's probability: closer to its level, but not guaranteed to keep it.
    """

    first: int
    second: int
    p_value: float
    mid_p: float


def mcnemar_test(differences: np.ndarray) -> McNemar:
    """McNemar's exact test of verdicts by question: on how many was the one better, on how many the other?

    Args:
        differences: (questions,) positive where the second model did better, negative where the first did, 0 where neither;
            only signs count.

    Returns:
        McNemar; both p are 1.0 where no question tells the two apart.

    Raises:
        StatsError: a difference is not finite.

    Source: Q. McNemar (1947), Psychometrika 12, 153-157; mid-p: Fagerland, Lydersen & Laake (2013), BMC Med. Res. Methodol.
    13, 91.
    """
    differences = _finite(differences)
    largest = float(np.abs(differences).max(initial=0.0))
    told = np.sign(differences[np.abs(differences) > 1e-9 * largest])
    second = int(np.count_nonzero(told > 0))
    first = len(told) - second
    if not len(told):
        return McNemar(0, 0, 1.0, 1.0)
    probability = fair_binomial(len(told))
    fewer = min(first, second)
    tail = float(probability[: fewer + 1].sum())
    return McNemar(first, second, min(1.0, 2.0 * tail), min(1.0, 2.0 * tail - float(probability[fewer])))


def _finite(differences: np.ndarray) -> np.ndarray:
    differences = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise StatsError("paired differences must be finite numbers")
    return differences
