"""Length-controlled win rates on any question set: what a model's win rate against one opponent would be at equal length.

Judges tend to like long answers. The comparisons of a model with the opponent are described by a logistic regression,

    P(preferred) = sigmoid(model + length x + difficulty d),

with x = tanh(how much longer the model's answer is, in standard deviations of that difference over its comparisons), and d how
hard the question was for the other models. The figure is the mean prediction with x = 0. It is the idea of AlpacaEval 2 (see
`evalh.stats.length_control_alpaca` for that figure itself) without what is tied to AlpacaEval: no table of difficulties, no
rows of other systems; and it has an interval.

- d is the mean of the other models' outcomes on the question, each less its own mean, shrunk as if one more model had shown
  nothing, in standard deviations. With fewer than `OTHERS` other models it is left out.
- Both slopes have a normal prior with standard deviation `PRIOR` (4 in log odds; AlpacaEval's models show about 2), so that ten
  questions give a figure and a thousand do not notice. The model's own term has none.
- The variance is that of the regression, times how much the questions scatter about it compared with win-or-lose games
  (residuals are summed by question first, so pairs, turns, orders and repeats move together), and that of which questions were
  asked. The interval is that of a win rate over as many win-or-lose games as this variance is worth: fewer where all answers
  are long, for equal length is then far away.

Source: Dubois et al. (2024), arXiv:2404.04475; the scatter: R. W. M. Wedderburn (1974), "Quasi-likelihood functions,
generalized linear models, and the Gauss-Newton method", Biometrika 61, 439-447; the interval: `share_limits` in
`evalh.stats.resample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.errors import NotConverged
from evalh.stats.cells import PairCells, comparison_rows
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.resample import Moments, estimates, unequal

LEAST: Final = 10
"""Questions below which there is no figure."""
OTHERS: Final = 3
"""Other models that have to have met the opponent for difficulty to be estimated from them."""
PRIOR: Final = 4.0
TOLERANCE: Final = 1e-8
MOST_STEPS: Final = 100
LONGEST_STEP: Final = 2.0  # in log odds
_PRIOR: Final = np.diag([0.0, PRIOR**-2, PRIOR**-2])


@dataclass(frozen=True, slots=True)
class LengthRows:
    """Comparisons of M models with one opponent, R rows; all arrays have shape (R,).

    Attributes:
        model: index, 0..M-1.
        question: index, equal numbers being the same question.
        outcome: for the model, 0..1.
        longer: characters by which the model's answer is the longer one.
        weight: positive.
        category: index, equal numbers being the same category.
    """

    model: np.ndarray
    question: np.ndarray
    outcome: np.ndarray
    longer: np.ndarray
    weight: np.ndarray
    category: np.ndarray

    def take(self, chosen: np.ndarray) -> LengthRows:
        """The rows of a mask or of indices."""
        columns = (self.model, self.question, self.outcome, self.longer, self.weight, self.category)
        return LengthRows(*(column[chosen] for column in columns))


def length_rows(results: Results, opponent: str, models: Sequence[str]) -> LengthRows:
    """The scored comparisons of every model with the opponent in which the lengths of both answers are known.

    Args:
        results: rows of one judge.
        opponent: the model against which win rates are to be.
        models: M names; the opponent may be among them.
    """
    index = {name: i for i, name in enumerate(models)}
    first, second = (
        np.array([index.get(label, -1) for label in f.labels] or [-1], dtype=np.int64)[f.codes]
        for f in (results.model_a, results.model_b)
    )
    met_first, met_second = results.model_a.where(opponent), results.model_b.where(opponent)
    longer = results.length_a - results.length_b
    chosen = comparison_rows(results) & (met_first ^ met_second) & np.isfinite(longer)
    model = np.where(met_first, second, first)
    rows = np.flatnonzero(chosen & (model >= 0))
    turned = met_first[rows]
    outcome = results.outcome[rows]
    return LengthRows(
        model[rows],
        results.question_id.codes[rows].astype(np.int64),
        np.where(turned, 1.0 - outcome, outcome),
        np.where(turned, -longer[rows], longer[rows]),
        results.weight[rows],
        results.category.codes[rows],
    )


def opponent_of(cells: PairCells, models: Sequence[str], default: str | None) -> str | None:
    """The model that length-controlled win rates are against: the one that all comparisons have in common, else the default."""
    met = cells.pairs[np.unique(cells.pair[cells.weight > 0])]
    common = [name for i, name in enumerate(models) if len(met) > 1 and (met == i).any(axis=1).all()]
    return common[0] if len(common) == 1 else default


def against(rows: LengthRows, models: Sequence[str], opponent: str) -> list[Estimate | None]:
    """What `length_controlled` gives, and the opponent's own: one half by definition, without limits, where anybody has one."""
    found = length_controlled(rows, len(models))
    n = max((e.n for e in found if e is not None), default=0)
    return [Estimate(0.5, n=n) if name == opponent and n else e for name, e in zip(models, found, strict=True)]


def length_controlled(rows: LengthRows, models: int) -> list[Estimate | None]:
    """The length-controlled win rate of every model against the opponent.

    Args:
        rows: as from `length_rows`.
        models: M.

    Returns:
        One estimate per model (0..1, n = questions). None for a model with fewer than `LEAST` questions, and for one whose
        answers all differ from the opponent's by the same length: what they would win at equal length cannot be told.

    Raises:
        NotConverged: a regression did not reach its optimum.
    """
    none: list[Estimate | None] = [None] * models
    rows, spread = _usable(rows, models)
    if not len(rows.model):
        return none
    cell_ids, cell = np.unique(rows.model * (int(rows.question.max()) + 1) + rows.question, return_inverse=True)
    if (np.diff(cell) < 0).any():
        rows, cell = rows.take(order := np.argsort(cell, kind="stable")), cell[order]
    owner = cell_ids // (int(rows.question.max()) + 1)
    n = np.bincount(owner, minlength=models)
    weight = rows.weight * (n / np.maximum(_sums(rows.weight, rows.model, models), 1e-300))[rows.model]
    x = np.tanh(rows.longer / spread[rows.model])
    d = _difficulty(rows, cell_ids, cell, models)[cell]
    value, variance, factor, most = _figures(rows.outcome, x, d, weight, cell, owner, models)
    shown = np.flatnonzero(n)
    k = n[shown]
    nothing = np.zeros(len(k))  # higher moments do not enter the interval of a share
    moments = Moments(k, variance[shown] * k * (k - 1), nothing, nothing)
    found = estimates(value[shown], moments, share=True, most=most[shown], factor=factor[shown])
    for model, estimate in zip(shown.tolist(), found, strict=True):
        none[model] = estimate
    return none


def _usable(rows: LengthRows, models: int) -> tuple[LengthRows, np.ndarray]:
    """The rows of models that can have a figure, and the standard deviation of the length differences, (M,)."""
    pairs = np.unique(rows.model * (int(rows.question.max(initial=0)) + 1) + rows.question)
    n = np.bincount(pairs // (int(rows.question.max(initial=0)) + 1), minlength=models)
    count = np.maximum(np.bincount(rows.model, minlength=models), 1)
    mean = _sums(rows.longer, rows.model, models) / count
    squares = _sums((rows.longer - mean[rows.model]) ** 2, rows.model, models)
    spread = np.sqrt(squares / np.maximum(count - 1, 1))
    fine = (n >= LEAST) & (spread > 1e-9)
    return rows.take(fine[rows.model]), spread


def _difficulty(rows: LengthRows, cell_ids: np.ndarray, cell: np.ndarray, models: int) -> np.ndarray:
    """(C,) how well the other models did on each cell's question, in standard deviations; 0 where too few of them did it."""
    questions = int(rows.question.max()) + 1
    owner, question = cell_ids // questions, cell_ids % questions
    weight = _sums(rows.weight, cell, len(cell_ids))
    mean = _sums(rows.weight * rows.outcome, cell, len(cell_ids)) / weight
    n = np.bincount(owner, minlength=models)
    apart = mean - (_sums(mean, owner, models) / np.maximum(n, 1))[owner]
    total, met = _sums(apart, question, questions), np.bincount(question, minlength=questions)
    others = met[question] - 1
    found = (total[question] - apart) / (others + 1.0)
    if int((n > 0).sum()) - 1 < OTHERS:
        return np.zeros(len(cell_ids))
    found -= (_sums(found, owner, models) / np.maximum(n, 1))[owner]
    spread = np.sqrt(_sums(found**2, owner, models) / np.maximum(n - 1, 1))
    return np.where(spread[owner] > 1e-9, found / np.maximum(spread, 1e-9)[owner], 0.0)


def _figures(
    y: np.ndarray, x: np.ndarray, d: np.ndarray, weight: np.ndarray, cell: np.ndarray, owner: np.ndarray, models: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each model, all (M,): value, its squared standard error, `factor` and `most` (see `share_limits`).

    Args:
        y, x, d, weight: (R,) outcome, terms and weights; a model's weights sum to its number of questions.
        cell: (R,) index of each row's cell, in ascending order; owner: (C,) the model of each cell.
    """
    model, cells = owner[cell], len(owner)
    n = np.maximum(np.bincount(owner, minlength=models), 1).astype(np.float64)
    won = _sums(weight * y, model, models)
    certain = (won < 1e-9) | (won > n - 1e-9)  # nothing but wins, or losses: no slope can be told, nor need be
    terms = (np.ones(len(y)), x, d)
    beta, information = _regression(y, terms, weight, model, models, certain)
    level = _sigmoid(beta[model, 0] + beta[model, 2] * d)
    value = np.where(certain, won / n, _sums(weight * level, model, models) / n)

    curve = weight * level * (1.0 - level)
    slope = np.zeros((models, 3))
    slope[:, 0], slope[:, 2] = _sums(curve, model, models) / n, _sums(curve * d, model, models) / n
    regression_variance = np.einsum("mi,mi->m", slope, _solved(information, slope))
    held_back = np.trace(_solved(information, np.broadcast_to(_PRIOR, information.shape).copy()), axis1=1, axis2=2)
    spent = 1.0 + 0.5 * np.clip(2.0 - held_back, 0.0, 2.0)  # its own term, and half of each slope that was fitted freely

    p = _sigmoid(_linear(beta, terms, model))
    share = _sums(weight, cell, cells)
    error = _sums(weight * (y - p), cell, cells)
    by_chance = _sums(weight * p * (1.0 - p), cell, cells) * share
    dispersion = _sums(error**2, owner, models) / np.maximum(_sums(by_chance, owner, models), 1e-300)
    dispersion = np.minimum(dispersion * n / np.maximum(n - spent, 1.0), 1.0)
    most = unequal(share / np.bincount(cell, minlength=cells), owner, models)
    drawn = _sums(weight * (level - value[model]) ** 2, model, models) / n**2  # which questions were asked
    variance = np.where(certain, 0.0, (dispersion * regression_variance + drawn) * most)
    alone = np.where(certain, 1.0, value * (1.0 - value)) / n
    return value, variance, np.where(certain, 1.0, np.maximum((regression_variance + drawn) / alone, 1.0)), most


def _regression(
    y: np.ndarray, terms: tuple[np.ndarray, ...], weight: np.ndarray, model: np.ndarray, models: int, certain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (M, 3) at the optimum, and the information there (M, 3, 3); those of `certain` models stay at 0."""
    n = np.maximum(np.bincount(model, weights=weight, minlength=models), 1.0)
    start = np.clip(_sums(weight * y, model, models) / n, 0.01, 0.99)
    beta = np.zeros((models, 3))
    beta[:, 0] = np.where(certain, 0.0, np.log(start / (1.0 - start)))
    before, violation = beta.copy(), np.full(models, np.inf)
    gradient, information = np.zeros((models, 3)), np.zeros((models, 3, 3))
    settled = certain | (np.bincount(model, minlength=models) == 0)
    empty = np.diag([1.0, 0.0, 0.0]) * np.where(settled, 1.0, 1e-12)[:, None, None]
    for _ in range(MOST_STEPS):
        p = _sigmoid(_linear(beta, terms, model))
        now = np.stack([_sums(weight * (p - y) * t, model, models) for t in terms], axis=1) + beta @ _PRIOR
        now[settled] = 0.0
        size = np.abs(now).max(axis=1)
        worse = size > np.maximum(violation, TOLERANCE * n)
        beta[worse] = 0.5 * (beta[worse] + before[worse])  # the step went too far
        if worse.any():
            continue
        violation, gradient = size, now
        information = _outer(weight * p * (1.0 - p), terms, model, models) + _PRIOR + empty
        if (violation <= TOLERANCE * n).all():
            return beta, information
        step = _solved(information, gradient)
        step *= np.minimum(1.0, LONGEST_STEP / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        before = beta.copy()
        beta = beta - step
    raise NotConverged(f"the length-controlled regression did not reach its optimum (violation {violation.max():.1e})")


def _outer(curve: np.ndarray, terms: tuple[np.ndarray, ...], group: np.ndarray, groups: int) -> np.ndarray:
    """Sums over each group of curve x term x term, (groups, 3, 3)."""
    found = np.empty((groups, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            found[:, i, j] = found[:, j, i] = _sums(curve * terms[i] * terms[j], group, groups)
    return found


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of K systems of three equations; right sides (K, 3) or (K, 3, any)."""
    if right.ndim < matrix.ndim:
        return _solved(matrix, right[..., None])[..., 0]
    solution: np.ndarray = np.linalg.solve(matrix, right)
    return solution


def _linear(beta: np.ndarray, terms: tuple[np.ndarray, ...], model: np.ndarray) -> np.ndarray:
    total: np.ndarray = sum((beta[model, i] * t for i, t in enumerate(terms)), np.zeros(len(model)))
    return total


def _sums(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Sum of the values of every group, (groups,)."""
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    half: np.ndarray = 0.5 + 0.5 * np.tanh(0.5 * z)
    return half
