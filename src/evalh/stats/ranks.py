"""Ranks with the uncertainty that comparisons leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SIGNIFICANT = 0.05


def ranks(models: Iterable[str], pairs: Mapping[tuple[str, str], tuple[float, float]]) -> dict[str, tuple[int, int]]:
    """The range of ranks that each model may have: [1 + models significantly better, M - models significantly worse].

    Args:
        models: the M models that were scored.
        pairs: (model, other) -> (lead of the first over the second, any sign and unit; p adjusted over all pairs). Each pair
            once, in either order; a pair that is missing was not tested, and counts as not separated.

    Returns:
        model -> (best, worst), 1 the best. (1, M) for all where nothing is significant at 0.05.

    Source: the confidence sets of ranks from pairwise tests of Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91,
    476-518, with Holm's adjustment.
    """
    better = dict.fromkeys(models, 0)
    worse = dict.fromkeys(better, 0)
    for (first, second), (lead, p) in pairs.items():
        if p <= SIGNIFICANT and lead != 0:
            winner, loser = (first, second) if lead > 0 else (second, first)
            better[loser] += 1
            worse[winner] += 1
    return {model: (1 + better[model], len(better) - worse[model]) for model in better}
