"""Ranks with the uncertainty that comparisons leave, and the groups of models that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

SIGNIFICANT = 0.05
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

Pairs = Mapping[tuple[str, str], tuple[float, float]]
"""(model, other) -> (lead of the first over the second, any sign and unit; p adjusted over all pairs)."""


def ranks(models: Iterable[str], pairs: Pairs) -> dict[str, tuple[int, int]]:
    """The range of ranks that each model may have: [1 + models significantly better, M - models significantly worse].

    Args:
        models: the M models that were scored.
        pairs: each pair once, in either order; a pair that is missing was not tested, and counts as not separated.

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


def groups(models: Sequence[str], pairs: Pairs) -> dict[str, str] | None:
    """Letters of every model, such that two models share a letter exactly where they cannot be told apart.

    A letter is a largest group of models of which no two are significantly different at 0.05 (adjusted). Groups overlap: a
    model between two others may be told from neither, although these are told from each other.

    Args:
        models: in the order of the table, which is that of the letters.
        pairs: as for `ranks`.

    Returns:
        model -> its letters in order, a to z and then A to Z; None where more than 52 groups would be needed, or where a pair
        is missing (`untested`): two models that never met would share a letter with nothing to show for it.

    Source: H.-P. Piepho (2004), "An algorithm for a letter-based representation of all-pairwise comparisons", J. Comput. Graph.
    Statist. 13, 456-466 (insert and absorb).
    """
    if untested(models, pairs):
        return None
    bit = {model: 1 << i for i, model in enumerate(models)}
    columns = [(1 << len(models)) - 1] if models else []
    for (first, second), (lead, p) in pairs.items():
        if p > SIGNIFICANT or lead == 0 or first not in bit or second not in bit:
            continue
        both = bit[first] | bit[second]
        kept = [c for c in columns if c & both != both]
        split = {c & ~b for c in columns if c & both == both for b in (bit[first], bit[second])}
        for part in sorted(split, key=int.bit_count, reverse=True):
            if not any(part & other == part for other in kept):
                kept.append(part)
        columns = kept
        if len(columns) > 20 * len(LETTERS):  # far from any display; more would only take time
            return None
    if len(columns) > len(LETTERS):
        return None
    columns.sort(key=lambda c: [i for i in range(len(models)) if c >> i & 1])
    return {model: "".join(letter for letter, c in zip(LETTERS, columns, strict=False) if c & bit[model]) for model in models}


def untested(models: Sequence[str], pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs of `models`, in the order of these, that are not among `pairs` in either order."""
    return [pair for pair in combinations(models, 2) if pair not in pairs and pair[::-1] not in pairs]
