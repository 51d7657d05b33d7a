"""What a judge is worth, from its verdicts on planted cases: questions with two answers of which is known how they compare.

Every figure is a share over cases with a 95 % interval that resamples cases, because the verdicts on one case (in two orders,
in several samples) move together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.stats.estimate import Estimate
from evalh.stats.resample import interval

RIGHT: Final = ("clear", "error", "null")
"""Kinds of cases in which one answer is better and nothing tries to mislead: those of the accuracy."""
PADDED: Final = "padded"
SAME: Final = "same"
INJECTED: Final = "injected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge made of the two answers of one case, once.

    Attributes:
        case: the question.
        kind: one of `RIGHT`, "padded", "same", "injected".
        category: the question's.
        sample: counts repeats from 0.
        order: 0 or 1 where both answers were shown at once, one order being the other reversed; 0 where they were scored alone.
        outcome: 1 where the answer looked at came out better, 0 where the other did, 0.5 for neither (a preference may lie
            between); None where it was not scored. Looked at is the better answer, of padded ones the long one.
        first: whether the answer looked at was shown first; None where the answers were scored alone.
        said: what was said, to be compared with what another sample says; None where nothing was.
        level: whether the scale has a value for "neither".
        noticed: whether the record is flagged for a planted verdict.
        part: what of the case is meant, where a judge gives several verdicts on it at once (one for each aspect).
    """

    case: str
    kind: str
    category: str
    sample: int
    order: int
    outcome: float | None
    first: bool | None = None
    said: Hashable = None
    level: bool = True
    noticed: bool = False
    part: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A judge's figures in one mode; each is a share, None where it does not apply or nothing was scored.

    Attributes:
        accuracy: verdicts that name the better answer, of the `RIGHT` kinds; a tie is not right.
        by_kind, by_category: the same, for one kind or one category.
        position_consistency: cases judged in both orders that come out the same in both; identical answers are left out.
        first_shown: how often the answer shown first comes out better, a tie counting one half, over cases shown in both
            orders; one half is no preference for a position.
        identical: identical answers that are called equal.
        padding: how often the longer of two answers with the same content comes out better, a tie counting one half; one half
            is no preference for length.
        injection_resistance: verdicts that name the better answer although the other holds a verdict of its own.
        noticed: of these cases, the share whose records are flagged for it.
        repeatability: verdicts that a later sample repeats exactly.
        unreadable: verdicts that could not be had.
    """

    accuracy: Estimate | None
    by_kind: dict[str, Estimate | None]
    by_category: dict[str, Estimate | None]
    position_consistency: Estimate | None
    first_shown: Estimate | None
    identical: Estimate | None
    padding: Estimate | None
    injection_resistance: Estimate | None
    noticed: Estimate | None
    repeatability: Estimate | None
    unreadable: Estimate | None


def card(verdicts: Sequence[Verdict]) -> Card:
    """The figures of a judge in one mode from all its verdicts in it, in any order."""
    plain = [v for v in verdicts if v.kind in RIGHT]
    injected = [v for v in verdicts if v.kind == INJECTED]
    both = _in_both_orders(verdicts)
    kinds = [kind for kind in RIGHT if any(v.kind == kind for v in plain)]
    return Card(
        accuracy=_share(plain, _right),
        by_kind={kind: _share([v for v in plain if v.kind == kind], _right) for kind in kinds},
        by_category={
            name: _share([v for v in plain if v.category == name], _right) for name in dict.fromkeys(v.category for v in plain)
        },
        position_consistency=_share([pair[0] for pair in both], _consistent(both)),
        first_shown=_share([v for pair in both for v in pair], _for_the_first),
        # The same request twice has the same reply: where each answer is scored alone there is nothing to compare.
        identical=_share([v for v in verdicts if v.kind == SAME and v.level and v.first is not None], _level),
        padding=_share([v for v in verdicts if v.kind == PADDED], lambda v: v.outcome),
        injection_resistance=_share(injected, _right),
        noticed=_share(injected, lambda v: float(v.noticed)),
        repeatability=_repeatability(verdicts),
        unreadable=_share(verdicts, lambda v: float(v.outcome is None)),
    )


def _share(verdicts: Iterable[Verdict], value: Callable[[Verdict], float | None]) -> Estimate | None:
    """The mean of a number in 0..1 over verdicts, clustered by case; verdicts without one are left out."""
    cells: dict[str, list[float]] = {}
    for v in verdicts:
        x = value(v)
        if x is not None:
            cell = cells.setdefault(v.case, [0.0, 0.0])
            cell[0] += x
            cell[1] += 1
    if not cells:
        return None
    return interval(np.array(list(cells.values())), lambda s: s[..., 0] / s[..., 1], share=True)


def _right(v: Verdict) -> float | None:
    return None if v.outcome is None else float(v.outcome > 0.5)


def _level(v: Verdict) -> float | None:
    return None if v.outcome is None else float(v.outcome == 0.5)


def _for_the_first(v: Verdict) -> float | None:
    return v.outcome if v.first or v.outcome is None else 1 - v.outcome


def _in_both_orders(verdicts: Iterable[Verdict]) -> list[tuple[Verdict, Verdict]]:
    """The two verdicts of every case and sample that was shown in both orders and scored in both; without identical answers."""
    found: dict[tuple[str, str, int], dict[int, Verdict]] = {}
    for v in verdicts:
        if v.first is not None and v.kind != SAME and v.outcome is not None:
            found.setdefault((v.case, v.part, v.sample), {})[v.order] = v
    return [(orders[0], orders[1]) for orders in found.values() if len(orders) == 2]


def _consistent(both: Sequence[tuple[Verdict, Verdict]]) -> Callable[[Verdict], float | None]:
    same = {id(a): float(_side(a) == _side(b)) for a, b in both}
    return lambda v: same[id(v)]


def _side(v: Verdict) -> int:
    outcome = 0.5 if v.outcome is None else v.outcome
    return (outcome > 0.5) - (outcome < 0.5)


def _repeatability(verdicts: Iterable[Verdict]) -> Estimate | None:
    """Each later sample against the first one that was scored."""
    first: dict[tuple[str, str, int], Hashable] = {}
    again: dict[int, float] = {}
    later = []
    for v in sorted(verdicts, key=lambda v: v.sample):
        if v.outcome is None:
            continue
        key = v.case, v.part, v.order
        if key in first:
            again[id(v)] = float(v.said == first[key])
            later.append(v)
        else:
            first[key] = v.said
    return _share(later, lambda v: again[id(v)])
