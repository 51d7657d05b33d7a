"""AlpacaEval 2's length-controlled win rate, exactly: its model, its objective at the true optimum, its cross-validation.

A judge that likes long answers gives long-winded models wins that their content does not deserve. For each model a logistic
regression says how likely its output i is to be preferred to the baseline's,

    P(y_i = 1) = sigmoid(length x_i1 + difficulty x_i2 + model x_i3),

with x_i1 = tanh((characters of the baseline's output - characters of the model's) / their standard deviation over the model's
rows), x_i2 a number that the instruction has for all models, x_i3 = 1. The length-controlled win rate is the mean of what that
predicts where both outputs are equally long (x_i1 = 0). Two prompts that make the baseline itself terse and wordy add rows
with x_i3 = 0, so that length alone can hardly raise a model.

Here the objective is solved to its optimum and the optimum is checked, where the original stops liblinear early: the win rates
of its leaderboard differ from the optimum by up to 0.016 points.

Source: Y. Dubois, B. Galambosi, P. Liang & T. Hashimoto (2024), "Length-controlled AlpacaEval: a simple way to debias automatic
evaluators", arXiv:2404.04475; constants as in alpaca_eval 0.6, "length_controlled_v1".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.errors import NotConverged, StatsError, TooFewData

STRENGTHS: Final = tuple((10.0 ** np.linspace(-4, 4, 10)).tolist())
"""C, among which cross-validation chooses: the larger, the less the weights are held back."""
FOLDS: Final = 5
GAMED_WEIGHT: Final = 0.1
"""What a row of the gamed baselines weighs: lambda = 0.2, shared by two of them."""
TOLERANCE: Final = 1e-9
"""How far the gradient may be from 0, relative to its largest possible size, before a fit counts as not converged."""
FINEST: Final = 1e-4
"""Steps are taken until the violation is that part of the tolerance, or `MOST_STEPS` are."""
MOST_STEPS: Final = 60
FOLD_TOLERANCE: Final = 1e-5
"""For the fits that only choose C: what it changes in a score is of its square."""


@dataclass(frozen=True, slots=True)
class GlmWeights:
    """The coefficients of one model, in log odds: of tanh(length difference), of the instruction's difficulty, and its own."""

    length: float
    difficulty: float
    model: float


BASELINE: Final = GlmWeights(0.0, 0.0, 0.0)
"""The baseline against itself: one half, by definition."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the regression; all arrays have shape (n,).

    Attributes:
        outcome: preference for the model, 0..1; NaN where there is none (left out of the fit, not of the prediction).
        length, difficulty, model: the three terms; `model` is 1, and 0 for rows of gamed baselines.
        weight: of each row.
    """

    outcome: np.ndarray
    length: np.ndarray
    difficulty: np.ndarray
    model: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model.

    Attributes:
        weights: at the optimum.
        strength: C, as given or as chosen.
        objective: |w|_1 + C sum of weight x cross-entropy, in nats.
        residual: largest violation of the conditions of the optimum, in units of the gradient of the objective.
    """

    weights: GlmWeights
    strength: float
    objective: float
    residual: float


def rows_of(outcome: np.ndarray, length: np.ndarray, baseline_length: np.ndarray, difficulty: np.ndarray) -> Rows:
    """The rows of one model.

    Args:
        outcome: (n,) preference for the model, 0..1; NaN where the judge gave none.
        length, baseline_length: (n,) characters of both outputs.
        difficulty: (n,) of each row's instruction.

    Raises:
        StatsError: arrays differ in length, or a length or difficulty is missing.
        TooFewData: fewer than two rows, or all length differences are equal, so that they have no standard deviation.
    """
    columns = [np.asarray(c, dtype=np.float64) for c in (outcome, length, baseline_length, difficulty)]
    y, own, other, hard = columns
    if len({len(c) for c in columns}) > 1:
        raise StatsError(f"outcomes, lengths and difficulties differ in number: {[len(c) for c in columns]}")
    if not np.isfinite(np.stack(columns[1:])).all():
        raise StatsError("a length or an instruction's difficulty is missing; every row needs both lengths and its difficulty")
    if ((y < 0) | (y > 1)).any():
        raise StatsError("an outcome lies outside 0..1")
    difference = other - own
    spread = float(np.std(difference, ddof=1)) if len(y) > 1 else 0.0
    if not spread > 0:
        raise TooFewData("length control needs two rows or more whose length differences are not all the same")
    ones = np.ones(len(y))
    return Rows(y, np.tanh(difference / spread), hard, ones, ones)


def gamed_rows(outcome: np.ndarray, difference: np.ndarray, difficulty: np.ndarray) -> Rows:
    """Rows of the baseline made terse and wordy, which every fit shares.

    Args:
        outcome: (n,) preference for the gamed output, 0..1.
        difference: (n,) length difference in standard deviations, before tanh.
        difficulty: (n,) of each row's instruction.
    """
    y, x, hard = (np.asarray(c, dtype=np.float64) for c in (outcome, difference, difficulty))
    return Rows(y, np.tanh(x), hard, np.zeros(len(y)), np.full(len(y), GAMED_WEIGHT))


def predictions(weights: GlmWeights, difficulty: np.ndarray) -> np.ndarray:
    """(n,) preference for the model, 0..1, on each instruction if both outputs were equally long."""
    return _sigmoid(weights.difficulty * np.asarray(difficulty, dtype=np.float64) + weights.model)


def win_rate(weights: GlmWeights, difficulty: np.ndarray) -> float:
    """The length-controlled win rate against the baseline, 0..1: the mean prediction over a model's rows.

    Raises:
        TooFewData: there is no row.
    """
    if not len(difficulty):
        raise TooFewData("there is no instruction to predict for")
    return float(predictions(weights, difficulty).mean())


def spread_of_predictions(weights: GlmWeights, difficulty: np.ndarray) -> float:
    """What AlpacaEval prints as lc_standard_error (0..1): the predictions' standard deviation / sqrt(n).

    It says how much instructions differ in difficulty and holds no chance of the model's own: it is not the standard error of
    the length-controlled win rate, and no interval can be made of it.
    """
    p = predictions(weights, difficulty)
    return float(np.std(p, ddof=1) / np.sqrt(len(p))) if len(p) > 1 else float("nan")


def against(weights: GlmWeights, other: GlmWeights, difficulty: np.ndarray) -> float:
    """The length-controlled win rate of one model against another, 0..1, from the weights of both against one baseline."""
    apart = GlmWeights(0.0, weights.difficulty - other.difficulty, weights.model - other.model)
    return win_rate(apart, difficulty)


def fit(rows: Rows, gamed: Rows | None, strength: float, *, difficulty: bool = True) -> Fit:
    """The optimum for one C.

    Args:
        rows: of the model.
        gamed: of the gamed baselines ("length_controlled_v1"); None leaves them out ("length_controlled_noreg").
        strength: C > 0.
        difficulty: whether the model has the term; without it and without gamed rows, "length_controlled_minimal".

    Raises:
        TooFewData: no row has an outcome.
        NotConverged: the optimum was not reached; its conditions are checked, not assumed.
    """
    if not strength > 0:
        raise StatsError(f"the strength C must be above 0, not {strength:g}")
    x, y, s = _stacked(rows, gamed, difficulty)
    c = np.array([strength])
    w, residual = _solve(x, (s * y) @ x, s, c, np.zeros((1, x.shape[1])))
    return _fitted(x, y, s, w[0], strength, float(residual[0]), difficulty)


def cross_validated(
    rows: Rows, gamed: Rows | None, *, difficulty: bool = True, strengths: Sequence[float] = STRENGTHS, folds: int = FOLDS
) -> Fit:
    """The optimum for the C that predicts held-out rows best, refitted on all rows.

    Rows, those of the gamed baselines first, are dealt to the folds in turn from the last to the first. The score of a C is the
    mean over folds of minus the mean over held-out rows of weight x cross-entropy; of equal ones the smallest C is taken.

    Args:
        rows, gamed, difficulty: as in `fit`.
        strengths: C, in ascending order.
        folds: how many parts.

    Raises:
        TooFewData: fewer rows than folds, or no row has an outcome.
        NotConverged: an optimum was not reached.
    """
    x, y, s = _stacked(rows, gamed, difficulty)
    if len(y) < folds:
        raise TooFewData(f"{len(y)} rows cannot be divided into {folds} parts")
    c = np.asarray(strengths, dtype=np.float64)
    whole, residual = _path(x, (s * y) @ x, s, c)
    part = (len(y) - 1 - np.arange(len(y))) % folds
    score = np.zeros(len(c))
    for k in range(folds):
        kept, held = part != k, part == k
        inside, w_inside = x[kept], s[kept]
        found, _ = _solve(inside, (w_inside * y[kept]) @ inside, w_inside, c, whole, FOLD_TOLERANCE)
        z = x[held] @ found.T
        score -= ((_softplus(z) - y[held, None] * z) * s[held, None]).mean(axis=0)
    best = int(score.argmax())
    return _fitted(x, y, s, whole[best], float(c[best]), float(residual[best]), difficulty)


def _stacked(rows: Rows, gamed: Rows | None, difficulty: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms (n, 3), or (n, 2) without difficulty, outcomes (n,) and weights (n,) of the rows that have an outcome."""
    parts = [rows] if gamed is None else [gamed, rows]
    columns = [
        np.concatenate([getattr(p, name) for p in parts]) for name in ("outcome", "length", "difficulty", "model", "weight")
    ]
    there = np.isfinite(columns[0])
    y, length, hard, model, s = (column[there] for column in columns)
    if not np.isfinite(rows.outcome).any():
        raise TooFewData("no row of the model has an outcome")
    terms = (length, hard, model) if difficulty else (length, model)
    return np.stack(terms, axis=1), y, s


def _fitted(
    x: np.ndarray, y: np.ndarray, s: np.ndarray, w: np.ndarray, strength: float, residual: float, difficulty: bool
) -> Fit:
    z = x @ w
    objective = float(np.abs(w).sum() + strength * (s * (_softplus(z) - y * z)).sum())
    length, hard, model = w.tolist() if difficulty else (w[0].item(), 0.0, w[1].item())
    return Fit(GlmWeights(length, hard, model), strength, objective, residual)


def _path(x: np.ndarray, xy: np.ndarray, s: np.ndarray, strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Optima (K, k) for every C on the same rows; all start from the optimum for the middle one."""
    middle, _ = _solve(x, xy, s, strengths[[len(strengths) // 2]], np.zeros((1, x.shape[1])))
    return _solve(x, xy, s, strengths, np.repeat(middle, len(strengths), axis=0))


def _solve(
    x: np.ndarray, xy: np.ndarray, s: np.ndarray, strengths: np.ndarray, start: np.ndarray, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise |w|_1 + C (sum s softplus(x w) - w xy) for K values of C at once: proximal Newton with step halving.

    Args:
        x: (n, k) terms; xy: (k,) sum of s y x; s: (n,) weights.
        strengths: (K,); start: (K, k).
        tolerance: largest violation of the optimum's conditions, relative to the size of the gradient.

    Returns:
        (K, k) optima, and (K,) the violations.

    Raises:
        NotConverged: a violation is above `tolerance`.
    """
    k = x.shape[1]
    upper = np.triu_indices(k)
    weighted = np.ascontiguousarray(s[:, None] * x)
    products = np.ascontiguousarray(weighted[:, upper[0]] * x[:, upper[1]])
    across = np.ascontiguousarray(x.T)
    scale = 1.0 + strengths * float((np.abs(xy) + 0.5 * s @ np.abs(x)).max())
    w, residual = start.copy(), np.full(len(strengths), np.inf)
    before = w.copy()
    left = np.arange(len(strengths))
    for _ in range(MOST_STEPS):
        p = _sigmoid(w[left] @ across)
        gradient = strengths[left, None] * (p @ weighted - xy)
        violation = _violation(gradient, w[left])
        worse = violation > np.maximum(residual[left], tolerance * scale[left])
        for i in np.flatnonzero(worse):  # the step went too far; the objective decides how far it may go
            w[left[i]] = _halved(x, xy, s, float(strengths[left[i]]), before[left[i]], w[left[i]])
        if worse.any():
            p[worse] = _sigmoid(w[left[worse]] @ across)
            gradient[worse] = strengths[left[worse], None] * (p[worse] @ weighted - xy)
            violation[worse] = _violation(gradient[worse], w[left[worse]])
        residual[left] = violation
        going = violation > FINEST * tolerance * scale[left]
        if not going.any():
            break
        left, gradient, p = left[going], gradient[going], p[going]
        p -= np.square(p)
        hessian = np.empty((len(left), k, k))
        hessian[:, upper[0], upper[1]] = hessian[:, upper[1], upper[0]] = strengths[left, None] * (p @ products)
        hessian[:, range(k), range(k)] += 1e-12 * scale[left, None]
        before[left] = w[left]
        w[left] = _quadratic(hessian, gradient, w[left])
    if (residual > tolerance * scale).any():
        raise NotConverged(f"the length-controlled fit did not reach its optimum (violation {residual.max():.1e})")
    return w, residual


def _violation(gradient: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(K,) how far 0 is from the subgradient: gradient + sign(w), or what of the gradient exceeds 1 where w is 0."""
    apart = np.where(w == 0, np.maximum(np.abs(gradient) - 1.0, 0.0), np.abs(gradient + np.sign(w)))
    worst: np.ndarray = apart.max(axis=1)
    return worst


def _quadratic(hessian: np.ndarray, gradient: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The minimum of g d + d H d / 2 + |w + d|_1 as a new w, (K, k).

    Where the signs stay as they are it is one linear system; the others are found among all patterns of signs.
    """
    right = gradient - np.einsum("bij,bj->bi", hessian, w)  # the quadratic is u H u / 2 + right u in u = w + d
    sign = np.sign(w)
    found = np.linalg.solve(hessian, -(right + sign)[..., None])[..., 0]
    good = (np.sign(found) == sign).all(axis=1) & (sign != 0).all(axis=1)
    rest = np.flatnonzero(~good)
    if len(rest):
        found[rest] = _by_pattern(hessian[rest], right[rest])
    return found


def _by_pattern(h: np.ndarray, r: np.ndarray) -> np.ndarray:
    """The minimum of u h u / 2 + r u + |u|_1 over every pattern of signs of u; (K, k, k) and (K, k) -> (K, k)."""
    k = r.shape[1]
    signs = np.array(list(np.ndindex(*(3,) * k)), dtype=np.float64) - 1.0  # (patterns, k)
    free = signs != 0
    both = free[:, :, None] & free[:, None, :]
    system = np.where(both, h[:, None], np.eye(k))
    u = np.linalg.solve(system, np.where(free, -(r[:, None] + signs), 0.0)[..., None])[..., 0]
    value = 0.5 * np.einsum("bpi,bij,bpj->bp", u, h, u) + np.einsum("bi,bpi->bp", r, u) + np.abs(u).sum(axis=2)
    value[(np.sign(u) != signs).any(axis=2)] = np.inf
    best: np.ndarray = u[np.arange(len(r)), value.argmin(axis=1)]
    return best


def _halved(x: np.ndarray, xy: np.ndarray, s: np.ndarray, c: float, w: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The point 1, 1/2, 1/4 … of the way from w to `target` at which the objective is no higher than at w; (k,)."""

    def value(at: np.ndarray) -> float:
        return float(np.abs(at).sum() + c * (_softplus(x @ at) @ s - at @ xy))

    least = value(w)
    for halvings in range(40):
        new: np.ndarray = w + (target - w) * 0.5**halvings
        if value(new) <= least + 1e-14 * abs(least):
            return new
    return w


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), without overflow."""
    p: np.ndarray = np.minimum(-z, 700.0)
    np.exp(p, out=p)
    p += 1.0
    np.reciprocal(p, out=p)
    return p


def _softplus(z: np.ndarray) -> np.ndarray:
    """log(1 + exp(z)), without overflow."""
    found: np.ndarray = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    return found
