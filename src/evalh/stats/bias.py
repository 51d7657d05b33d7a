"""Position bias of a judge: how its verdicts change with the order in which two answers are shown.

A comparison is one question, pair of models, turn and mode. Only those of which both orders were scored can tell a liking for
a position from the quality of what stood there: between them quality cancels.

Source of the terms (consistency, biased toward first, toward second): Zheng et al. (2023), "Judging LLM-as-a-judge with
MT-bench and Chatbot Arena", section 3.3 and table 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalh.stats.estimate import Estimate
from evalh.stats.orders import Compared, by_question, leaning
from evalh.stats.resample import interval


@dataclass(frozen=True, slots=True)
class Position:
    """Position bias of one judge; every estimate is a share, clustered by question, None where there is nothing to take it of.

    Attributes:
        comparisons: those with both orders scored, of which the next five are shares.
        flips: the verdict (win, tie or loss) is not the same in both orders.
        to_first, to_second: it is not, and it leans to whichever answer is shown first, or second; they add up to `flips`.
        reversals: both orders name a winner, and not the same.
        first_shown: mean outcome of the answer shown first, a tie one half; one half is no preference.
        one_order: scored comparisons that were asked in one order only.
        first_one_order: mean outcome of the answer shown first in these. It holds the quality of what was shown first.
        left_out: comparisons asked for of which an order, or the only one, was not scored.
    """

    comparisons: int
    flips: Estimate | None
    to_first: Estimate | None
    to_second: Estimate | None
    reversals: Estimate | None
    first_shown: Estimate | None
    one_order: int
    first_one_order: Estimate | None
    left_out: int


def position(games: Compared) -> Position:
    """Position bias from the comparisons of one judge.

    Args:
        games: G comparisons, scored or not.
    """
    complete = games.complete
    both = games.take(complete & (games.orders == 2))
    lean = leaning(both.first), leaning(both.second)
    # `first` and `second` are seen from one model: it gains by being shown first where the first is higher.
    change = lean[0] - lean[1]
    alone = games.take(complete & (games.orders == 1))
    shown_first = np.where(np.isfinite(alone.first), alone.first, 1.0 - alone.second)
    return Position(
        comparisons=len(both),
        flips=share(both.question, change != 0),
        to_first=share(both.question, change > 0),
        to_second=share(both.question, change < 0),
        reversals=share(both.question, np.abs(change) == 2),
        first_shown=share(both.question, (1.0 + both.first - both.second) / 2.0),
        one_order=len(alone),
        first_one_order=share(alone.question, shown_first),
        left_out=int((~complete).sum()),
    )


def recorded_flips(rows: np.ndarray) -> Estimate | None:
    """The share of comparisons that an original marked as decided otherwise in the other order, where it kept one verdict only.

    Args:
        rows: (questions, 2), marked comparisons and all comparisons of each question.
    """
    rows = np.asarray(rows, dtype=np.float64).reshape(-1, 2)
    rows = rows[rows[:, 1] > 0]
    return interval(rows, ratio, share=True, parts=float(rows[:, 1].mean())) if len(rows) else None


def share(question: np.ndarray, value: np.ndarray) -> Estimate | None:
    """Mean of numbers in 0..1, clustered by question; None where there are none.

    Args:
        question: (n,) whole numbers from 0.
        value: (n,) numbers or booleans.
    """
    if not len(question):
        return None
    sums = by_question(question, value.astype(np.float64), np.ones(len(value)))
    return interval(sums, ratio, share=True, parts=len(value) / len(sums))


def ratio(sums: np.ndarray) -> np.ndarray:
    """The first sum over the second, (..., 2) -> (...)."""
    quotient: np.ndarray = sums[..., 0] / sums[..., 1]
    return quotient
