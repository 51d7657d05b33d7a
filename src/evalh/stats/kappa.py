"""Agreement of two sides on the same comparisons: the raw share, what chance alone would give, and Cohen's kappa.

All of them are functions of one table: how often the first side said k where the second said l. It is summed per question, and
intervals leave out one question at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.resample import interval
from evalh.stats.voting import Matched

OUTCOMES: Final = (1, 0, -1)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sides agree on some comparisons.

    Attributes:
        value: the share of the same outcome, with an interval by question; its n counts questions.
        agree, n: the counts behind it: of n pairs of outcomes, `agree` are the same.
        expected: the share that two sides with these numbers of wins, ties and losses would agree on by chance. A property of
            the counts at hand, without an interval; kappa's holds its uncertainty.
        kappa: Cohen's; None where chance alone would agree always.
    """

    value: Estimate
    agree: int
    n: int
    expected: float
    kappa: Estimate | None


def confusion(matched: Matched, *, symmetric: bool = False) -> np.ndarray:
    """Counts per question of (first side's outcome, second side's), shape (questions, 9), outcomes in the order of OUTCOMES.

    Args:
        symmetric: count each pair half in either order, where nobody is the first by nature (two raters).

    Questions without a pair are left out.
    """
    key = matched.question * 9 + (1 - matched.first) * 3 + (1 - matched.second)
    table = np.bincount(key, minlength=9 * len(matched.questions)).reshape(-1, 3, 3).astype(np.float64)
    if symmetric:
        table = (table + table.transpose(0, 2, 1)) / 2.0
    return table.reshape(-1, 9)[table.any(axis=(1, 2))]


def share(sums: np.ndarray) -> np.ndarray:
    """The share of the same outcome; (..., 9) -> (...)."""
    value: np.ndarray = sums[..., ::4].sum(axis=-1) / sums.sum(axis=-1)
    return value


def pairs_each(sums: np.ndarray) -> float:
    """Pairs of outcomes per question, on average; one of them moves a question's share by so much less. (questions, 9)."""
    return float(sums.sum()) / len(sums)


def expected(sums: np.ndarray) -> np.ndarray:
    """The share of the same outcome that the two margins would give by chance; (..., 9) -> (...)."""
    table = sums.reshape(*sums.shape[:-1], 3, 3)
    both = table.sum(axis=-1) * table.sum(axis=-2)
    value: np.ndarray = both.sum(axis=-1) / sums.sum(axis=-1) ** 2
    return value


def kappa(sums: np.ndarray) -> np.ndarray:
    """Cohen's kappa, the share of the same outcome beyond chance; (..., 9) -> (...), NaN where chance leaves no room.

    Source: J. Cohen (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20, 37-46.
    """
    by_chance = expected(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        value: np.ndarray = np.where(by_chance < 1.0 - 1e-12, (share(sums) - by_chance) / (1.0 - by_chance), np.nan)
    return value


def agreement(matched: Matched, *, ties: str = "kept", symmetric: bool = False) -> Agreement:
    """Agreement of two sides with its interval, the share expected by chance, and kappa.

    Args:
        matched: pairs of outcomes.
        ties: "kept" (three outcomes), or "dropped": a pair counts only if neither side ties.
        symmetric: see `confusion`.

    Raises:
        TooFewData: no pair is left.
        StatsError: `ties` is neither.

    Source: the two setups of Zheng et al. (2023), "Judging LLM-as-a-judge with MT-bench and Chatbot Arena", section 4.2;
    intervals as `evalh.stats.resample`.
    """
    if ties not in ("kept", "dropped"):
        raise StatsError(f"ties must be kept or dropped, not {ties!r}")
    if ties == "dropped":
        matched = matched.take((matched.first != 0) & (matched.second != 0))
    if not len(matched):
        raise TooFewData("there is no comparison that both sides decided" + (" without a tie" if ties == "dropped" else ""))
    sums = confusion(matched, symmetric=symmetric)
    total = sums.sum(axis=0)
    by_chance = float(expected(total))
    value = interval(sums, share, share=True, parts=pairs_each(sums))
    return Agreement(value, round(float(total[::4].sum())), len(matched), by_chance, _kappa(sums, by_chance))


def _kappa(sums: np.ndarray, by_chance: float) -> Estimate | None:
    """Kappa with its interval, which allows for one more question on which half a pair of outcomes differs."""
    if by_chance >= 1.0 - 1e-12:
        return None
    found = interval(sums, kappa, allowance=float(room(sums.sum(axis=0), len(sums))))
    return found if found.high is None else replace(found, high=min(1.0, found.high))


def room(sums: np.ndarray, questions: int | np.ndarray) -> np.ndarray:
    """How far one question's pseudo-value of kappa moves, squared, if half a pair of outcomes differs; (..., 9) -> (...)."""
    value: np.ndarray = (questions * 0.5 / (sums.sum(axis=-1) * (1.0 - expected(sums)))) ** 2
    return value


def brier(matched: Matched) -> tuple[Estimate, float]:
    """The mean squared difference between the judge's preference and the vote, a tie counted as a half.

    Returns:
        (the score, 0 best and 1 worst, with an interval by question that allows for one more pair of outcomes on which the
        squared difference is another by a third; that of always saying what the votes say on average).

    Raises:
        TooFewData: there is no pair.

    Source: G. W. Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1-3,
    in the form for one event (half of his).
    """
    if not len(matched):
        raise TooFewData("there is no comparison that both sides decided")
    outcome = (matched.second + 1) / 2.0
    wrong = (matched.preference - outcome) ** 2
    size = len(matched.questions)
    sums = np.stack([np.bincount(matched.question, wrong, size), np.bincount(matched.question, minlength=size)], axis=1)
    sums = sums[sums[:, 1] > 0]
    found = interval(sums, lambda s: s[..., 0] / s[..., 1], allowance=float(brier_room(len(matched), len(sums))))
    if found.low is not None and found.high is not None:
        found = replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
    return found, float(np.mean((outcome - outcome.mean()) ** 2))


def brier_room(pairs: np.ndarray | int, questions: np.ndarray | int) -> np.ndarray:
    """How far one question's mean squared difference moves, squared, if one of its pairs of outcomes moves by a third."""
    value: np.ndarray = np.square(np.divide(questions, 3.0 * np.asarray(pairs)))
    return value
