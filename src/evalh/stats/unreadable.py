"""Whether what a judge left unscored falls on all models alike. If not, figures rest on a selection that favours somebody."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.stats.bias import ratio
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.orders import names_of, numbered, of_aspect, recoded, usable
from evalh.stats.resample import interval

NOT_ASKED: Final = ("no_answer", "incomplete")
"""Statuses of what the judge was not asked, or not yet: no silence of its own."""
DRAWS: Final = 999
_DRAWN: Final = (
    2_000  # cells (models times questions that differ) up to which permutations are drawn; beyond, the limit is as good
)
_LEAST: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stayed unscored, by model.

    Attributes:
        models: share of a model's rows that are unscored, clustered by question; a comparison is a row of both its models.
        asked, missing: rows that the judge was asked for, and the unscored ones of them.
        left_out: rows for which it was not asked (`NOT_ASKED`).
        p_value: of one test over all models; None where there is nothing to test.
        tested: questions that bear on the test: something is missing in them, and not of every model alike.
    """

    models: dict[str, Estimate]
    asked: int
    missing: int
    left_out: int
    p_value: float | None
    tested: int


def unreadable(rows: Results, rng: np.random.Generator) -> Unreadable:
    """Unscored shares by model, and a test of whether they are the same.

    Args:
        rows: of one judge.
        rng: draws the permutations of the test.
    """
    names = names_of(rows)
    first, second = recoded(rows.model_a, names), recoded(rows.model_b, names)
    games = of_aspect(rows.aspect, (first >= 0) & (second >= 0) & (first != second))
    single = of_aspect(rows.aspect, (first >= 0) & rows.model_b.where(""))
    ok = usable(rows) & np.isfinite(np.where(single, rows.score_a, rows.outcome))
    passed = np.isin(rows.status.codes, [i for i, s in enumerate(rows.status.labels) if s in NOT_ASKED])
    asked = (games | single) & (ok | ~passed)
    at, against = np.flatnonzero(asked), np.flatnonzero(asked & games)
    model = np.concatenate([first[at], second[against]])
    index = np.concatenate([at, against])
    question, missing = rows.question_id.codes[index].astype(np.int64), ~ok[index]
    cell = numbered(model * (int(question.max(initial=0)) + 1) + question)
    sums = np.stack([np.bincount(cell, weights=missing), np.bincount(cell)], axis=1)
    of_cell = np.zeros(len(sums), dtype=np.int64)
    of_cell[cell] = model
    shares = {names[code]: interval(sums[of_cell == code], ratio, share=True) for code in np.unique(of_cell).tolist()}
    p_value, tested = even(model, question, missing, rng)
    return Unreadable(shares, len(at), int((~ok[at]).sum()), int(((games | single) & ~asked).sum()), p_value, tested)


def even(
    model: np.ndarray, question: np.ndarray, missing: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float | None, int]:
    """One test of whether it matters for being missing whose answer it is about.

    Within a question, models that were asked for equally often could as well have changed places. Over all such changes the
    models' missing rows have known expectations E and covariances V; the statistic is (O - E)' V^- (O - E), Cochran's Q where
    each model is asked once. It is held against permutations within questions, counting the observed one, or for very much
    data against its chi-square limit.

    Args:
        model, question: (n,) whole numbers from 0; missing: (n,) bool.
        rng: draws the permutations.

    Returns:
        (p, or None where no question can tell; the number of questions that can).

    Source: W. G. Cochran (1950), "The comparison of percentages in matched samples", Biometrika 37, 256-266.
    """
    if not missing.any():
        return None, 0
    bearing = np.zeros(int(question.max()) + 1, dtype=bool)
    bearing[question[missing]] = True  # nothing is missing in the others
    model, question, missing = model[bearing[question]], question[bearing[question]], missing[bearing[question]]
    questions = int(question.max()) + 1
    ids, cell = np.unique(model * questions + question, return_inverse=True)
    asked, gone = np.bincount(cell), np.bincount(cell[missing], minlength=len(ids))
    who, where = ids // questions, ids % questions
    # a stratum is a question's models that were asked for equally often
    stratum = numbered(where * (int(asked.max()) + 1) + asked)
    size, total = np.bincount(stratum), np.bincount(stratum, weights=gone)
    squares = np.bincount(stratum, weights=gone.astype(np.float64) ** 2)
    spread = squares / size - (total / size) ** 2
    telling = (spread > _LEAST)[stratum]
    if not telling.any():
        return None, 0
    who, where, stratum, gone = np.unique(who[telling], return_inverse=True)[1], where[telling], stratum[telling], gone[telling]
    kept, stratum = np.unique(stratum, return_inverse=True)
    size, total, spread = size[kept], total[kept], spread[kept]
    models = int(who.max()) + 1
    expected = np.bincount(who, weights=(total / size)[stratum], minlength=models)
    inverse, rank = _inverse_covariance(who, stratum, size, spread, models)

    def statistic(counts: np.ndarray) -> np.ndarray:
        away = counts - expected
        value: np.ndarray = ((away @ inverse) * away).sum(axis=-1)
        return value

    observed = float(statistic(np.bincount(who, weights=gone, minlength=models)))
    tested = len(np.unique(where))
    if len(who) > _DRAWN:
        return chi_square_tail(observed, rank), tested
    drawn = statistic(_permuted(who, stratum, gone, models, rng, draws))
    return (1 + int((drawn >= observed * (1 - 1e-9)).sum())) / (1 + draws), tested


def chi_square_tail(x: float, freedom: int) -> float:
    """P(X >= x) of the chi-square distribution with a whole number of degrees of freedom, from 1.

    The finite series of Abramowitz & Stegun (1964), 26.4.4 and 26.4.5, whose terms are taken as logarithms so that none
    overflows; scipy's would take longer to import than all the rest.
    """
    if x <= 0.0:
        return 1.0
    half = x / 2.0
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    for k in range((freedom + 1) // 2 - odd):
        power = k + 0.5 * odd
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1.0))
    return min(1.0, tail)


def _inverse_covariance(
    who: np.ndarray, stratum: np.ndarray, size: np.ndarray, spread: np.ndarray, models: int
) -> tuple[np.ndarray, int]:
    """Pseudo-inverse and rank of the covariance (models, models) of the missing rows by model."""
    factor = spread / (size - 1)  # places are changed without putting back: the variance of one draw, times size / (size - 1)
    covariance: np.ndarray = np.diag(np.bincount(who, weights=(factor * size)[stratum], minlength=models))
    step = max(1, 4_000_000 // models)
    for start in range(0, len(size), step):
        rows = (stratum >= start) & (stratum < start + step)
        taking_part = np.zeros((min(step, len(size) - start), models))
        taking_part[stratum[rows] - start, who[rows]] = np.sqrt(factor[stratum[rows]])
        covariance -= taking_part.T @ taking_part
    inverse: np.ndarray = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    return inverse, int(np.linalg.matrix_rank(covariance, tol=1e-9 * float(np.abs(covariance).max()), hermitian=True))


def _permuted(
    who: np.ndarray, stratum: np.ndarray, gone: np.ndarray, models: int, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """Missing rows by model when they change places within strata, shape (draws, models)."""
    order = np.argsort(stratum, kind="stable")
    who, stratum, gone = who[order], stratum[order], gone[order]
    counts = np.empty((draws, models))
    for i in range(draws):
        shuffled = gone[np.argsort(stratum + rng.random(len(stratum)))]
        counts[i] = np.bincount(who, weights=shuffled, minlength=models)
    return counts
