"""Mean scores and scores relative to a reference model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.cells import PairCells, ScoreCells
from evalh.stats.estimate import Estimate
from evalh.stats.resample import estimates, interval, jackknife


def mean_scores(cells: ScoreCells, models: int, step: float, turn: int | None = None) -> list[Estimate | None]:
    """Weighted mean over all scored absolute judgments (rows, not means of means), of one turn or of all.

    Args:
        cells: absolute scores.
        models: how many models the table has.
        step: how far one question may differ although none did, in points (`Cells.score_step`).
        turn: only judgments of this turn, counted from 1.

    Returns:
        One estimate per model in points of the judge's scale (n = questions), None where nothing was scored.
    """
    chosen = cells.weight > 0
    if turn is not None:
        chosen &= cells.unit_turn[cells.unit] == turn
    cells = cells.take(chosen)
    question = cells.question
    questions = int(question.max(initial=0)) + 1
    key, cell = np.unique(cells.model * questions + question, return_inverse=True)
    weight = np.bincount(cell, weights=cells.weight, minlength=len(key))
    total = np.bincount(cell, weights=cells.total, minlength=len(key))
    model = key // questions
    weights = np.bincount(model, weights=weight, minlength=models)
    totals = np.bincount(model, weights=total, minlength=models)
    n = np.bincount(model, minlength=models)
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = np.where(n[model] > 1, (totals[model] - total) / (weights[model] - weight), np.nan)
        value = totals / weights
    found = estimates(value, jackknife(left_out, model, models), allowance=step**2)
    return [e if e.n else None for e in found]


@dataclass(frozen=True, slots=True)
class UnitMeans:
    """Scores of M models on the U units (a question's turn, in one aspect) that anybody was scored on; repeats averaged.

    Attributes:
        means: (M, U) points, NaN where a model was not scored.
        question: (U,) question index of each unit.
    """

    means: np.ndarray
    question: np.ndarray

    @classmethod
    def of(cls, cells: ScoreCells, models: int) -> UnitMeans:
        """Spread the cells of `models` models out."""
        cells = cells.take(cells.weight > 0)
        units, unit = np.unique(cells.unit, return_inverse=True)
        means = np.full((models, len(units)), np.nan)
        means[cells.model, unit] = cells.total / cells.weight
        return cls(means, cells.unit_question[units])

    def sums(self, model_a: int, model_b: int) -> np.ndarray:
        """Sums of both models' scores on the units scored for both, per question; shape (questions, 2)."""
        both = self.means[[model_a, model_b]]
        shared = np.isfinite(both).all(axis=0)
        index, position = np.unique(self.question[shared], return_inverse=True)
        return np.stack([np.bincount(position, weights=row[shared], minlength=len(index)) for row in both], axis=1)


def paired_differences(scores: UnitMeans, model_a: int, model_b: int) -> np.ndarray:
    """Score of a minus score of b per question, summed over the turns and aspects scored for both, in points.

    Returns:
        (questions,) one entry per question on which both were scored; repeats of a turn are averaged first.
    """
    sums = scores.sums(model_a, model_b)
    difference: np.ndarray = sums[:, 0] - sums[:, 1]
    return difference


def relative_to(scores: UnitMeans, model: int, reference: int, step: float) -> Estimate:
    """Sum of a model's scores over the sum of the reference's, on what was scored for both.

    Sums run over the turns (and aspects) of questions scored for both; repeats of one are averaged first, so that a model
    judged more often gains nothing. The covariance between the two sums is kept: a question moves both.

    Returns:
        Estimate, a fraction (1 = as good as the reference), n = questions.

    Raises:
        TooFewData: no question was scored for both, or the reference's sum is zero.
    """
    return chained_ratio(scores.sums(model, reference), step)


def pair_totals(cells: PairCells) -> np.ndarray:
    """Sums of the scores that the two models of each pair got in the same reviews; shape (P, 2), NaN without reviews."""
    reviews = cells.per_pair(cells.reviews)
    totals = np.stack([cells.per_pair(cells.total_a), cells.per_pair(cells.total_b)], axis=1)
    totals[reviews == 0] = np.nan
    return totals


def chains(cells: PairCells, models: tuple[str, ...], reference: int) -> dict[int, tuple[int, ...]]:
    """How each model's two-score results are tied to the reference's: model index -> path from the reference to it.

    Two models are linked where they got scores in the same reviews and both sums are positive. Where several paths exist, the
    shortest counts, then the one whose links rest on the most questions in sum, then the first by the models' names.
    """
    totals = pair_totals(cells)
    questions = cells.per_pair(cells.reviews > 0)
    links: dict[int, dict[int, int]] = {}
    for (a, b), n, pair_total in zip(cells.pairs.tolist(), questions.tolist(), totals.tolist(), strict=True):
        if pair_total[0] > 0 and pair_total[1] > 0:
            links.setdefault(a, {})[b] = n
            links.setdefault(b, {})[a] = n
    best: dict[int, tuple[int, tuple[str, ...], tuple[int, ...]]] = {reference: (0, (), (reference,))}
    ends = [reference]
    while ends:
        reached: dict[int, tuple[int, tuple[str, ...], tuple[int, ...]]] = {}
        for end in ends:
            cost, names, path = best[end]
            for model, n in links.get(end, {}).items():
                if model not in best:
                    candidate = (cost - n, (*names, models[model]), (*path, model))
                    reached[model] = min(reached.get(model, candidate), candidate)
        best.update(reached)
        ends = list(reached)
    return {model: path for model, (_, _, path) in best.items()}


def relative_by_chain(cells: PairCells, path: tuple[int, ...], step: float) -> Estimate:
    """A model's two-score result relative to the reference's, chained through the models between them.

    In each link, the sum of one model's scores over that of the other in the same reviews; the links are multiplied (Vicuna
    2023: LLaMA 513/694, Vicuna 638/693, so LLaMA 0.68053 of ChatGPT). A question that occurs in several links moves all of
    them together.

    Args:
        cells: comparisons of all pairs.
        path: model indices from the reference to the model, as `chains` gives them; at least two.
        step: see `relative_to`.

    Returns:
        Estimate, a fraction, n = questions that occur in any link.

    Source: "Vicuna: an open-source chatbot impressing GPT-4 with 90 % ChatGPT quality", LMSYS blog, 30 March 2023.
    """
    cells = cells.take(cells.reviews > 0)
    columns: list[np.ndarray] = []
    size = int(cells.question.max(initial=0)) + 1
    seen = np.zeros(size, dtype=bool)
    for near, far in pairwise(path):
        link = int(np.flatnonzero((cells.pairs == sorted((near, far))).all(axis=1))[0])
        own = cells.take(cells.pair == link)
        far_total, near_total = (own.total_a, own.total_b) if far < near else (own.total_b, own.total_a)
        columns += [np.bincount(own.question, weights=t, minlength=size) for t in (far_total, near_total)]
        seen[own.question] = True
    sums = np.stack(columns, axis=1)[seen]
    return chained_ratio(sums, step)


def chained_ratio(sums: np.ndarray, step: float) -> Estimate:
    """Product of sum(column 0) / sum(column 1), sum(column 2) / sum(column 3) ..., one factor per link of a chain.

    Args:
        sums: (questions, 2 x links) points; 0 where a question does not occur in a link.
        step: how far one question may differ in each link although none did, in points.

    Returns:
        Estimate, a fraction, n = questions; its lower limit is not below 0 where no sum is.

    Raises:
        TooFewData: no question, or a sum to divide by is zero.
        StatsError: a sum is not finite.
    """
    n = len(sums)
    if not n:
        raise TooFewData("no question was scored for both the model and the reference")
    totals = sums.sum(axis=0)
    if not np.isfinite(totals).all():
        raise StatsError("the scores to compare must be finite numbers")
    if (totals[1::2] == 0).any():
        raise TooFewData("the scores to compare with sum to zero")

    found = interval(sums, chain_product, allowance=float(chain_allowance(totals, n, step)))
    if found.low is not None and found.low < 0 and (sums >= 0).all():
        return replace(found, low=0.0)  # no sum of such scores is below zero, so their ratio is not either
    return found


def chain_product(totals: np.ndarray) -> np.ndarray:
    """Product of column 0 / column 1, column 2 / column 3 ...; shape (..., 2 x links) -> (...)."""
    product: np.ndarray = np.prod(totals[..., 0::2] / totals[..., 1::2], axis=-1)
    return product


def chain_allowance(totals: np.ndarray, n: int, step: float | np.ndarray) -> np.ndarray:
    """What `skew_limits` is to allow for in a chained ratio: one question of n that differs by one step in each link.

    Half of a step's variance is given to either side of a link.

    Args:
        totals: (..., 2 x links) points.
        n: questions.
        step: points; a number, or shape (...).

    Returns:
        (...) squared deviation of one jackknife pseudo-value.
    """
    value = chain_product(totals)[..., None]
    shift = np.asarray(n * step)[..., None, None] * np.eye(totals.shape[-1])
    change = chain_product(totals[..., None, :] + shift) - value
    # by the tangent where a column is divided by: a step must not bend the ratio
    change[..., 1::2] = value * np.asarray(n * step)[..., None] / totals[..., 1::2]
    with np.errstate(over="ignore"):  # of scores next to zero
        allowance: np.ndarray = 0.5 * (change**2).sum(axis=-1)
    return allowance
