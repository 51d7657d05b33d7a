"""Comparisons of one judge, each with what it said in either order: what the figures on its biases are made of.

Rows count as in `evalh.stats.cells`: only the aspect "overall" where any comparison has it; scored are those with the status
"scored", a finite outcome and a positive weight. Weights themselves do not matter here: a verdict is a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from evalh.stats.frame import Factor, Results

OVERALL: Final = "overall"
EVEN: Final = 1e-9  # an outcome this close to one half is a tie


@dataclass(frozen=True, slots=True)
class Compared:
    """G comparisons, one per question, pair, turn and mode, in the order of their keys; all arrays have shape (G,).

    Attributes:
        question: code of the question, as in the results given.
        low, high: codes of the two models in `names_of(results)`; low's name sorts first.
        turn: from 1.
        first, second: mean outcome for `low` where it was shown first, and where it was shown second; NaN where that order was
            not asked or nothing of it was scored.
        orders: in how many orders it was asked, 1 or 2.
        ratio: log2 of low's length over high's, the mean over the scored rows; NaN where a length is missing or zero.
    """

    question: np.ndarray
    low: np.ndarray
    high: np.ndarray
    turn: np.ndarray
    first: np.ndarray
    second: np.ndarray
    orders: np.ndarray
    ratio: np.ndarray

    def __len__(self) -> int:
        return len(self.question)

    def take(self, mask: np.ndarray) -> Compared:
        """The comparisons of a boolean mask or an index array."""
        return replace(self, **{f.name: getattr(self, f.name)[mask] for f in fields(self)})

    @property
    def heard(self) -> np.ndarray:
        """(G,) in how many orders something was scored."""
        count: np.ndarray = np.isfinite(self.first).astype(np.int64) + np.isfinite(self.second)
        return count

    @property
    def complete(self) -> np.ndarray:
        """(G,) whether every order that was asked was scored; the others have no outcome."""
        mask: np.ndarray = self.heard == self.orders
        return mask

    @property
    def outcome(self) -> np.ndarray:
        """(G,) for `low`: the mean over the orders asked, so that where both were asked neither position gains; else NaN."""
        total = np.nan_to_num(self.first) + np.nan_to_num(self.second)
        return np.where(self.complete, total / self.orders, np.nan)


def names_of(results: Results) -> tuple[str, ...]:
    """The models that a frame knows of, sorted; rows taken from one frame share them."""
    return tuple(sorted({*results.model_a.labels, *results.model_b.labels} - {""}))


def recoded(factor: Factor, names: tuple[str, ...]) -> np.ndarray:
    """Every row's index into `names`, -1 for any other label; shape (n,)."""
    place = {name: i for i, name in enumerate(names)}
    codes: np.ndarray = np.array([place.get(label, -1) for label in factor.labels] or [-1], dtype=np.int64)[factor.codes]
    return codes


def of_aspect(aspect: Factor, rows: np.ndarray) -> np.ndarray:
    """Those of the rows of a mask (n,) whose aspect counts: "overall" where any of them has it, else all."""
    overall = aspect.where(OVERALL) & rows
    return overall if bool(overall.any()) else rows


def usable(rows: Results) -> np.ndarray:
    """Mask (n,) of the rows with the status "scored" and a positive finite weight."""
    mask: np.ndarray = rows.status.where("scored") & np.isfinite(rows.weight) & (rows.weight > 0)
    return mask


def compared(rows: Results) -> Compared:
    """The comparisons of one judge.

    Args:
        rows: of one judge; rows of several would be pooled.

    Returns:
        Every comparison that was asked for, scored or not. An order that was asked several times says the mean of its replies.
    """
    names = names_of(rows)
    first, second = recoded(rows.model_a, names), recoded(rows.model_b, names)
    chosen = of_aspect(rows.aspect, (first >= 0) & (second >= 0) & (first != second))
    rows, first, second = some(rows, chosen), first[chosen], second[chosen]
    turned = first > second
    low, high = np.minimum(first, second), np.maximum(first, second)
    key = key_of(low, high, rows.question_id.codes, rows.turn, rows.mode.codes)
    ids, head, game = np.unique(key, return_index=True, return_inverse=True)
    size = len(ids)
    outcome = np.where(turned, 1.0 - rows.outcome, rows.outcome)
    ok = usable(rows) & np.isfinite(outcome)
    later = rows.swapped ^ turned
    side = 2 * game + later
    asked = np.bincount(side, minlength=2 * size).reshape(size, 2) > 0
    by_order = _means(outcome, side, ok, 2 * size).reshape(size, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where((rows.length_a > 0) & (rows.length_b > 0), np.log2(rows.length_a) - np.log2(rows.length_b), np.nan)
    ratio = np.where(turned, -length, length)
    return Compared(
        question=rows.question_id.codes[head].astype(np.int64),
        low=low[head],
        high=high[head],
        turn=rows.turn[head],
        first=by_order[:, 0],
        second=by_order[:, 1],
        orders=asked.sum(axis=1),
        ratio=_means(ratio, game, ok & np.isfinite(ratio), size),
    )


def leaning(outcome: np.ndarray) -> np.ndarray:
    """1 for a win, 0 for a tie, -1 for a loss; a mean that is one half but for rounding is a tie. Any shape, no NaN."""
    sign: np.ndarray = np.where(np.abs(outcome - 0.5) <= EVEN, 0.0, np.sign(outcome - 0.5))
    return sign


def by_question(question: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """Sums of columns (G,) by question, shape (questions that occur, columns)."""
    index = numbered(question)
    return np.stack([np.bincount(index, weights=c) for c in columns], axis=1).astype(np.float64)


def numbered(key: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 in place of others, in their order and without gaps; shape (n,), nowhere negative.

    What `np.unique` gives as the inverse, without sorting where the numbers lie close enough to be counted.
    """
    size = int(key.max(initial=-1)) + 1
    if size > 4 * len(key) + 1_000_000:
        inverse: np.ndarray = np.unique(key, return_inverse=True)[1]
        return inverse
    there = np.zeros(size, dtype=bool)
    there[key] = True
    place: np.ndarray = np.cumsum(there)[key] - 1
    return place


def some(rows: Results, mask: np.ndarray) -> Results:
    """The rows of a mask (n,): the very same ones where it holds everywhere."""
    return rows if bool(mask.all()) else rows.take(np.flatnonzero(mask))


def key_of(*parts: np.ndarray) -> np.ndarray:
    """Whole numbers that are equal where all parts are, shape (n,)."""
    key = np.zeros(len(parts[0]), dtype=np.int64)
    span = 1
    for part in parts:
        size = int(part.max(initial=0)) + 1
        if span * size >= 2**62:
            key = numbered(key)
            span = int(key.max(initial=0)) + 1
        key, span = key * size + part, span * size
    return key


def _means(values: np.ndarray, index: np.ndarray, ok: np.ndarray, size: int) -> np.ndarray:
    """Mean by index over the rows of a mask, shape (size,); NaN where there is none."""
    count = np.bincount(index[ok], minlength=size)
    total = np.bincount(index[ok], weights=values[ok], minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
