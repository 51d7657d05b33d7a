"""How much of its scale a judge uses: a judge that gives the same to nearly everything cannot tell answers apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from evalh.stats.bias import share
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.orders import EVEN, OVERALL, names_of, of_aspect, recoded, usable

LISTED: Final = 101
"""Distinct scores up to which each is counted by itself: whole points of 0 to 100."""


@dataclass(frozen=True, slots=True)
class ScaleUse:
    """What one judge gave in one mode.

    Attributes:
        verdicts: scored rows of comparisons; `ties` is the share of ties among them, None without any.
        scores: scores given, two for a reply that scores both answers.
        lowest, highest, distinct: of the scores; None and 0 without any.
        top: share of the scores that are the highest one given.
        entropy: of the scores, in bits: 0 where all are equal, log2 of their number of values where each is given as often.
        deviation: standard deviation of the scores, in points. Entropy and deviation describe; they have no interval.
        counts: how often each score was given, ascending; empty where there are more than `LISTED`.
    """

    verdicts: int = 0
    ties: Estimate | None = None
    scores: int = 0
    lowest: float | None = None
    highest: float | None = None
    distinct: int = 0
    top: Estimate | None = None
    entropy: Estimate | None = None
    deviation: Estimate | None = None
    counts: dict[float, int] = field(default_factory=dict)


def scale_use(rows: Results) -> dict[str, ScaleUse]:
    """Use of the scale by mode, in the order of the modes' names; modes of which nothing was scored are left out.

    Args:
        rows: of one judge. Where it scores several aspects, the aspects' scores count and not what was made of them.
    """
    names = names_of(rows)
    first, second = recoded(rows.model_a, names), recoded(rows.model_b, names)
    fine = usable(rows) & (first >= 0)
    games = of_aspect(rows.aspect, fine & (second >= 0) & (first != second) & np.isfinite(rows.outcome))
    single = fine & rows.model_b.where("") & np.isfinite(rows.score_a)
    parts = single & ~rows.aspect.where(OVERALL)
    single = parts if bool(parts.any()) else single
    found: dict[str, ScaleUse] = {}
    for code in sorted(range(len(rows.mode.labels)), key=rows.mode.labels.__getitem__):
        of_mode = rows.mode.codes == code
        if not (of_mode & (games | single)).any():
            continue
        compared = np.flatnonzero(games & of_mode)
        alone = np.flatnonzero(single & of_mode)
        given = np.concatenate([rows.score_a[alone], rows.score_a[compared], rows.score_b[compared]])
        question = rows.question_id.codes[np.concatenate([alone, compared, compared])]
        there = np.isfinite(given)
        tied = np.abs(rows.outcome[compared] - 0.5) <= EVEN
        said = ScaleUse(verdicts=len(compared), ties=share(rows.question_id.codes[compared], tied))
        found[rows.mode.labels[code]] = _with_scores(said, given[there], question[there])
    return found


def _with_scores(said: ScaleUse, given: np.ndarray, question: np.ndarray) -> ScaleUse:
    """The same with what there is to say of scores; given (n,) finite, question (n,)."""
    if not len(given):
        return said
    values, times = np.unique(given, return_counts=True)
    questions = len(np.unique(question))
    p = times / len(given)
    return replace(
        said,
        scores=len(given),
        lowest=float(values[0]),
        highest=float(values[-1]),
        distinct=len(values),
        top=share(question, given == values[-1]),
        entropy=Estimate(max(0.0, float(-(p * np.log2(p)).sum())), n=questions),
        deviation=Estimate(float(given.std()), n=questions),
        counts=dict(zip(values.tolist(), times.tolist(), strict=True)) if len(values) <= LISTED else {},
    )
