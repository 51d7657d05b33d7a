"""Liking of a judge for long answers: how its verdicts and scores move with the difference in length.

Slopes are per doubling of length, by least squares within what is held fixed: for comparisons the pair of models, for scores
the question and the model. So a model that is better and also writes more does not count as a liking for length. What remains
goes with length from question to question, be it that the judge likes length or that longer answers are better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.stats.bias import share
from evalh.stats.cells import score_step
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.orders import Compared, names_of, numbered, of_aspect, recoded, some, usable
from evalh.stats.quantiles import t_quantile

SWEEPS: Final = 500
_TOLERANCE: Final = 1e-12  # of the variance that is there, below which there is none
STEP: Final = 0.15
"""How far the outcome of one more question may differ although none did."""


@dataclass(frozen=True, slots=True)
class LengthPreference:
    """Liking for length of one judge.

    Attributes:
        slope: gain in outcome (0 to 1) per doubling of an answer's length relative to the other's, within pairs of models.
        longer: mean outcome of the longer answer, a tie one half; one half is no preference. Not adjusted for quality.
        comparisons: complete comparisons whose two lengths are known; `equal` of them have two answers of the same length.
        score_slope: gain in points per doubling of an answer's length, within questions and net of the models' levels.
        scores: scored single answers whose length is known.
        left_out: scored comparisons and single answers without a length.
    """

    slope: Estimate | None
    longer: Estimate | None
    comparisons: int
    equal: int
    score_slope: Estimate | None
    scores: int
    left_out: int


def length_preference(rows: Results, games: Compared) -> LengthPreference:
    """Liking for length of the judge whose rows these are.

    Args:
        rows: of one judge.
        games: `compared(rows)`.
    """
    decided = games.take(games.complete)
    known = decided.take(np.isfinite(decided.ratio))
    outcome = known.outcome
    differ = known.ratio != 0
    of_longer = np.where(known.ratio > 0, outcome, 1.0 - outcome)[differ]
    pair = numbered(known.low * (int(known.high.max(initial=0)) + 1) + known.high)
    score_slope, scores, unknown = _scores(rows)
    return LengthPreference(
        slope=slope_within(pair, known.question, known.ratio, outcome),
        longer=share(known.question[differ], of_longer),
        comparisons=len(known),
        equal=int((~differ).sum()),
        score_slope=score_slope,
        scores=scores,
        left_out=len(decided) - len(known) + unknown,
    )


def slope_within(group: np.ndarray, question: np.ndarray, x: np.ndarray, y: np.ndarray) -> Estimate | None:
    """Least-squares slope of y on x with a level for each group, clustered by question (see `_slope` for the interval).

    Args:
        group: (n,) whole numbers from 0. A group that one question alone is about has no slope and counts for nothing.
        question: (n,) whole numbers from 0.
        x, y: (n,) finite.

    Returns:
        The slope in units of y per unit of x, with n the questions that bear on it; None where x never differs within a group.
    """
    if not len(x):
        return None
    kept = _asked(group, question)[group] > 1
    group, question, x, y = group[kept], question[kept], x[kept], y[kept]
    if not len(x):
        return None
    count = np.maximum(np.bincount(group), 1)
    x, y = (v - (np.bincount(group, weights=v) / count)[group] for v in (x, y))
    return _slope(x, y, question, group, STEP)


def _scores(rows: Results) -> tuple[Estimate | None, int, int]:
    """(slope of scores of single answers, answers it is taken from, scored answers without a length)."""
    names = names_of(rows)
    model = recoded(rows.model_a, names)
    scored = of_aspect(rows.aspect, (model >= 0) & rows.model_b.where("")) & usable(rows) & np.isfinite(rows.score_a)
    known = scored & np.isfinite(rows.length_a) & (rows.length_a > 0)
    missing = int((scored & ~known).sum())
    if not known.any():
        return None, 0, missing
    rows, model = some(rows, known), model[known]
    question = numbered(rows.question_id.codes)
    unit = numbered(question * (int(rows.turn.max()) + 1) + rows.turn)
    found = slope_net(unit, model, question, np.log2(rows.length_a), rows.score_a, score_step(rows.score_a))
    return found, len(rows), missing


def slope_net(
    unit: np.ndarray, model: np.ndarray, question: np.ndarray, x: np.ndarray, y: np.ndarray, step: float
) -> Estimate | None:
    """Least-squares slope of y on x with a level for each unit and one for each model, clustered by question.

    Both are swept of unit and model means in turns until nothing changes (for a complete table once is enough), which is the
    regression with all these levels (Frisch & Waugh 1933). See `_slope` for the interval.

    Args:
        unit: (n,) question and turn; model: (n,); question: (n,); whole numbers from 0.
        x, y: (n,) finite.
        step: by how much one more question may differ although none did, in units of y.

    Returns:
        The slope, with n the questions that bear on it; None where x does not differ beyond the levels, or where these could
        not be swept out.
    """
    several = np.bincount(unit)[unit] > 1
    unit, model, question, x, y = (v[several] for v in (unit, model, question, x, y))
    if not len(x):
        return None
    swept = _swept(x, unit, model), _swept(y, unit, model)
    if swept[0] is None or swept[1] is None:
        return None
    spread = float(((x - x.mean()) ** 2).sum())
    if float((swept[0] ** 2).sum()) <= 1e-9 * spread:
        return None
    return _slope(swept[0], swept[1], question, model, step)


def _slope(x: np.ndarray, y: np.ndarray, question: np.ndarray, level: np.ndarray, step: float) -> Estimate | None:
    """Slope of y on x, both without their levels, with an interval for few questions of uneven weight.

    The variance is that of clusters with each question's residuals raised by what it weighs itself, in the slope and in its
    levels (CR2); the quantile is Student's with as many degrees of freedom as questions bear evenly on the slope, 1 / sum of
    their squared shares. A jackknife with n - 1 covers 92 % where lengths differ much on few questions.

    Args:
        x, y: (n,) swept of their levels.
        question, level: (n,) whole numbers from 0.
        step: by how much the y of one more question may differ although none did.

    Source: R. M. Bell & D. F. McCaffrey (2002), "Bias reduction in standard errors for linear regression with multi-stage
    samples", Survey Methodology 28, 169-181.
    """
    xx = float((x * x).sum())
    if xx <= _TOLERANCE * len(x):
        return None
    slope = float((x * y).sum()) / xx
    question = numbered(question)
    questions = int(question.max()) + 1
    push = np.bincount(question, weights=x * (y - slope * x)) / xx
    weight = np.bincount(question, weights=x * x) / xx
    own = 1.0 / _asked(level, question)[level]
    lever = weight + np.bincount(question, weights=own) / np.bincount(question)
    if questions < 2 or float(lever.max()) >= 1.0 - _TOLERANCE:  # without that question there is no slope
        return Estimate(slope, n=questions)
    variance = float((push**2 / (1.0 - lever)).sum()) + step**2 / (len(x) * xx)
    half = t_quantile_between(0.975, 1.0 / float((weight**2).sum())) * math.sqrt(variance)
    return Estimate(slope, slope - half, slope + half, questions, math.sqrt(variance))


def _asked(level: np.ndarray, question: np.ndarray) -> np.ndarray:
    """How many questions each level was met in, shape (levels,); both (n,), whole numbers from 0."""
    width = int(question.max()) + 1
    key = level * width + question
    place = numbered(key)
    of_cell = np.zeros(int(place.max()) + 1, dtype=np.int64)
    of_cell[place] = level
    return np.bincount(of_cell, minlength=int(level.max()) + 1)


def t_quantile_between(p: float, freedom: float) -> float:
    """Student's quantile at 1 or more degrees of freedom, a whole number or not: between its neighbours, in 1 / freedom."""
    below = max(1, math.floor(freedom))
    part = (1.0 / below - 1.0 / max(freedom, 1.0)) / (1.0 / below - 1.0 / (below + 1))
    return t_quantile(p, below) + part * (t_quantile(p, below + 1) - t_quantile(p, below))


def _swept(values: np.ndarray, unit: np.ndarray, model: np.ndarray) -> np.ndarray | None:
    """Values (n,) without the means of units and of models; None where that does not settle."""
    counts = np.maximum(np.bincount(unit), 1), np.maximum(np.bincount(model), 1)
    values = values - values.mean()
    scale = float(np.abs(values).max())
    for _ in range(SWEEPS):
        before = values
        for index, count in zip((unit, model), counts, strict=True):
            values = values - (np.bincount(index, weights=values) / count)[index]
        if float(np.abs(values - before).max()) <= 1e-10 * scale:
            return values
    return None
