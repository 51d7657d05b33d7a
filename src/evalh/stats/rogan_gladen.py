"""Rogan and Gladen's correction of a win rate: the judge's counts, turned back through its mistakes.

How often the judge says win, tie or loss where people say win, tie or loss is one matrix; what it says on the whole is that
matrix times what people would say. Turned round, the second gives the third. It needs no random sample of outcomes, only that
the judge's mistakes are the same where people voted and elsewhere; in return its interval is wider than that of
prediction-powered inference, and the less the judge can tell win from loss, the wider.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.ppi import unseen
from evalh.stats.resample import Moments, estimates

WINS: Final = np.array([1.0, 0.5, 0.0])
"""What an outcome counts in a win rate: win, tie, loss."""
SINGULAR: Final = 1e-6
_NOTHING: Final = 1e-12


def corrected_win_rate(
    cluster: np.ndarray, said: np.ndarray, votes: np.ndarray, weight: np.ndarray, drawn: np.ndarray
) -> Estimate:
    """The win rate that people would give, from the judge's verdicts on all items and both sides' on some.

    Args:
        cluster: (I,) whole numbers, equal for items of one question.
        said: (I,) the judge's outcomes: 1, 0 or -1.
        votes: (I, 3) shares of win, tie and loss among the votes on an item; used where `drawn` is above 0.
        weight: (I,) how much an item counts in the judge's figure.
        drawn: (I,) how much it counts in the matrix; 0 where nobody voted.

    Returns:
        Estimate, 0 to 1, n = questions with a vote. The interval holds the error of the matrix (delta method, clustered by
        question). None for its ends where all of one outcome is from a single question.

    Raises:
        TooFewData: nothing was voted on, or people named one outcome only, so that the judge's mistakes about the other are not
            known.
        StatsError: sensitivity + specificity <= 1 for wins, losses or (where people named any) ties, or the matrix cannot be
            turned round.

    Source: W. J. Rogan & B. Gladen (1978), "Estimating prevalence from the results of a screening test", Am. J. Epidemiol. 107,
    71-76; for more than two outcomes J. P. Buonaccorsi (2010), "Measurement error", section 2.4.
    """
    sums = tables(cluster, said, votes, weight, drawn)
    total = sums.sum(axis=0)
    refuse(total[:9].reshape(3, 3))
    value = float(win_rate(total))
    if not np.isfinite(value):
        raise StatsError("the matrix of the judge's mistakes cannot be turned round: some of its columns say nearly the same")
    n = int((sums[:, :9].sum(axis=1) > 0).sum())
    seen = (sums[:, :9].reshape(-1, 3, 3).sum(axis=1) > 0).sum(axis=0)
    if (seen == 1).any():
        return Estimate(min(max(value, 0.0), 1.0), None, None, n)
    added = n * _added(sums, seen / np.maximum(seen - 1.0, 1.0))
    moments = Moments(np.array([n]), *(np.array([float((added**power).sum())]) for power in (2, 3, 4)))
    room = unseen(n) / _slope(total) ** 2
    found = estimates(np.array([value]), moments, allowance=room)[0]
    kept, low, high = (None if x is None else min(max(x, 0.0), 1.0) for x in (found.value, found.low, found.high))
    return Estimate(kept, low, high, found.n, found.standard_error)


def _added(sums: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """What each question adds to the corrected win rate: the derivative of `win_rate` along its sums, (Q, 12) -> (Q,).

    Args:
        factor: (3,) for each outcome of people's, c / (c - 1) with c questions that hold it: its column is estimated from them.
    """
    matrix, heard = sums[:, :9].reshape(-1, 3, 3), sums[:, 9:]
    total = matrix.sum(axis=0)
    given = total.sum(axis=0)
    columns = total / np.where(given > 0, given, 1.0)
    shares = heard.sum(axis=0) / heard.sum()
    wrong = (matrix - columns * matrix.sum(axis=1, keepdims=True)) * factor / np.where(given > 0, given, 1.0)
    moved = (heard - shares * heard.sum(axis=1, keepdims=True)) / heard.sum()
    if given[1] > _NOTHING:
        turned = np.linalg.solve(columns.T, WINS)
        people = np.linalg.solve(columns, shares)
        found: np.ndarray = (moved - wrong @ people) @ turned
        return found
    mean = WINS @ columns
    value = (shares @ WINS - mean[2]) / (mean[0] - mean[2])
    found = (moved @ WINS - (WINS @ wrong) @ np.array([value, 0.0, 1.0 - value])) / (mean[0] - mean[2])
    return found


def tables(cluster: np.ndarray, said: np.ndarray, votes: np.ndarray, weight: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Sums per question, shape (questions, 12): the matrix (judge's outcome, people's), then the judge's outcomes of all items.

    Outcomes are in the order win, tie, loss.
    """
    size, row = int(cluster.max(initial=-1)) + 1, 1 - np.asarray(said)
    sums = np.zeros((size, 12))
    np.add.at(sums, (cluster, 9 + row), weight)
    for outcome in range(3):
        share = np.where(drawn > 0, votes[:, outcome], 0.0)
        np.add.at(sums, (cluster, 3 * row + outcome), drawn * share)
    return sums


def refuse(matrix: np.ndarray) -> None:
    """Raise where a matrix of counts (judge, people) does not allow a correction; see `corrected_win_rate`."""
    given = matrix.sum(axis=0)
    if not given.any():
        raise TooFewData("nobody voted on anything that was judged")
    if not (given[0] > 0 and given[2] > 0):
        missing = "wins" if given[0] <= 0 else "losses"
        raise TooFewData(f"people named no {missing}, so what the judge says of them is not known")
    for name, outcome in (("wins", 0), ("ties", 1), ("losses", 2)):
        if not given[outcome] > 0:
            continue
        others = given.sum() - given[outcome]
        sensitivity = matrix[outcome, outcome] / given[outcome]
        false = (matrix[outcome].sum() - matrix[outcome, outcome]) / others
        if sensitivity <= false:
            raise StatsError(
                f"sensitivity + specificity of the judge for {name} is {sensitivity + 1.0 - false:.2f}, not above 1: "
                "it cannot tell them from the rest, so its counts say nothing about them"
            )


def win_rate(sums: np.ndarray) -> np.ndarray:
    """The corrected win rate of sums as in `tables`, (..., 12) -> (...); NaN where the matrix cannot be turned round.

    Where people named no tie, what they would say is a win or a loss, told apart by the judge's mean outcome of either.
    """
    matrix = sums[..., :9].reshape(*sums.shape[:-1], 3, 3)
    given, heard = matrix.sum(axis=-2), sums[..., 9:]
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = matrix / given[..., None, :]
        shares = heard / heard.sum(axis=-1, keepdims=True)
        mean = np.einsum("k,...kl->...l", WINS, columns)
        two = ((shares @ WINS) - mean[..., 2]) / (mean[..., 0] - mean[..., 2])
        tied = given[..., 1] > _NOTHING
        whole = np.isfinite(columns).all(axis=(-2, -1)) & tied
        safe = np.where(whole[..., None, None], columns, np.eye(3))
        fine = np.abs(np.linalg.det(safe)) > SINGULAR
        safe = np.where(fine[..., None, None], safe, np.eye(3))
        three = np.linalg.solve(safe, shares[..., None])[..., 0] @ WINS
    apart = mean[..., 0] - mean[..., 2] > SINGULAR
    value: np.ndarray = np.where(tied, np.where(whole & fine, three, np.nan), np.where(apart, two, np.nan))
    return value


def _slope(total: np.ndarray) -> float:
    """How far the judge's mean outcomes for wins and for losses are apart: its mistakes are divided by it."""
    matrix = total[:9].reshape(3, 3)
    mean = (WINS @ matrix) / np.maximum(matrix.sum(axis=0), 1e-300)
    return max(float(mean[0] - mean[2]), SINGULAR)
