"""Rows of the results frame folded into sufficient statistics: one cell per (pair, question) or (model, question, turn).

Every figure of a leaderboard is a function of these sums, and a category is a subset of the questions, so rows are read once
and cost follows the number of distinct cells. Questions are the clusters of every interval: whatever was asked about one
question (pairs, turns, orders, repeats) stays together.

Which rows count:

- A row with `model_b` is a comparison, a row without is a score of one answer; a model compared with itself is neither.
- A row is scored when its status is "scored", its value (outcome, or score_a) is finite and its weight is finite and above 0.
  Every other row is unscored: counted, never a tie, never a zero.
- Where any row has the aspect "overall", scored or not, only rows of that aspect count; else those of all aspects do, and a
  judgment that holds several aspects is still counted once in `scored` and `unscored`. Comparisons and scores decide each for
  themselves.
- Scores of every other aspect are kept apart from that, for figures by aspect.
- A ranking of k answers is k(k-1)/2 comparisons and one judgment: of each answer in it, and of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from evalh.stats.coding import distinct
from evalh.stats.frame import Factor, Results
from evalh.stats.games import LEFT_OUT, LOSS, TIE, WIN, fold

OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class PairCells:
    """Comparisons, summed per pair and question; C cells sorted by pair, then question; P pairs sorted by name.

    Attributes:
        pairs: (P, 2) indices into the table's models; the first model's name sorts before the second's.
        pair, question: (C,) indices; questions in the order of their ids.
        weight: (C,) sum of the weights of scored rows.
        outcome: (C,) sum of weight x outcome, seen from the pair's first model.
        total_a, total_b: (C,) sums of weight x score in two-score rows.
        reviews: (C,) number of scored two-score rows.
        wins, ties, losses: (C,) comparisons after the both-orders rule (see `evalh.stats.games.fold`).
        left_out: (C,) comparisons with an order that was not scored.
        scored, unscored: (C,) judgments in which the pair was compared.
        judged, missed: (C,) the same as they count for either model: a ranking compares each of k answers with k-1 others, and
            is one judgment.
    """

    pairs: np.ndarray
    pair: np.ndarray
    question: np.ndarray
    weight: np.ndarray
    outcome: np.ndarray
    total_a: np.ndarray
    total_b: np.ndarray
    reviews: np.ndarray
    wins: np.ndarray
    ties: np.ndarray
    losses: np.ndarray
    left_out: np.ndarray
    scored: np.ndarray
    unscored: np.ndarray
    judged: np.ndarray
    missed: np.ndarray

    def take(self, mask: np.ndarray) -> PairCells:
        """The cells of a boolean mask of shape (C,); pairs keep their indices."""
        kept = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "pairs"}
        return replace(self, **kept)

    def per_pair(self, column: np.ndarray) -> np.ndarray:
        """Sums of a cell column by pair, shape (P,)."""
        # bincount of nothing is of whole numbers, whatever the weights
        return np.bincount(self.pair, weights=column, minlength=len(self.pairs)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class ScoreCells:
    """Absolute scores, summed per model and unit (a question's turn, in one aspect); C cells sorted by model, then unit.

    Attributes:
        unit_question, unit_turn: (U,) the question index and the turn of each unit.
        model, unit: (C,) indices.
        weight: (C,) sum of the weights of scored rows.
        total: (C,) sum of weight x score, in points of the judge's scale.
        scored, unscored: (C,) judgments.
    """

    unit_question: np.ndarray
    unit_turn: np.ndarray
    model: np.ndarray
    unit: np.ndarray
    weight: np.ndarray
    total: np.ndarray
    scored: np.ndarray
    unscored: np.ndarray

    @property
    def question(self) -> np.ndarray:
        """(C,) question index of each cell."""
        index: np.ndarray = self.unit_question[self.unit]
        return index

    def take(self, mask: np.ndarray) -> ScoreCells:
        """The cells of a boolean mask of shape (C,); units keep their indices."""
        columns = ("model", "unit", "weight", "total", "scored", "unscored")
        return replace(self, **{name: getattr(self, name)[mask] for name in columns})


@dataclass(frozen=True, slots=True)
class Cells:
    """Everything a leaderboard needs of one judge's rows.

    `models` are sorted by name and index every other table; `categories` holds one name per question, shape (questions,).
    `score_step` is one step of the scale, judged from the scores given: the difference that intervals of scores allow for
    where the data show none. `aspects` holds the scores of each aspect other than "overall", with a step of its own.
    """

    models: tuple[str, ...]
    categories: np.ndarray
    comparisons: PairCells
    scores: ScoreCells
    unscored_by_status: dict[str, int]
    score_step: float
    aspects: dict[str, tuple[ScoreCells, float]] = field(default_factory=dict)

    def of_category(self, name: str) -> Cells:
        """The cells of one category's questions."""
        wanted = self.categories == name
        return replace(
            self,
            comparisons=self.comparisons.take(wanted[self.comparisons.question]),
            scores=self.scores.take(wanted[self.scores.question]),
            aspects={name: (cells.take(wanted[cells.question]), step) for name, (cells, step) in self.aspects.items()},
        )


def collect(results: Results, models: Sequence[str] = ()) -> Cells:
    """Fold the rows of one judge into cells.

    Args:
        results: rows of one judge, n of them; rows of several judges would be pooled.
        models: models that take part even where no row names them.

    Returns:
        Cells over the models named by `models` or by any row, sorted by name.
    """
    names = sorted({*models, *_used(results.model_a), *_used(results.model_b)} - {""})
    index = {name: i for i, name in enumerate(names)}
    index[""] = -1
    first, second = (_recode(factor, index) for factor in (results.model_a, results.model_b))
    question, categories = _questions(results)
    fine = np.isfinite(results.weight) & (results.weight > 0) & results.status.where("scored")
    compared = (second >= 0) & (first >= 0) & (first != second)
    rated = (second < 0) & (first >= 0)
    compared_ok = fine & compared & np.isfinite(results.outcome)
    rated_ok = fine & rated & np.isfinite(results.score_a)
    aspects = _by_aspect(results, rated, rated_ok, question, first)
    compared &= _aspects(results.aspect, compared)
    rated &= _aspects(results.aspect, rated)
    compared_ok &= compared
    rated_ok &= rated
    answers = _answers(results, compared, first, second)
    comparisons = _pair_cells(results, np.flatnonzero(compared), compared_ok, question, first, second, answers)
    scores = _score_cells(results, np.flatnonzero(rated), rated_ok, question, first)
    given = np.concatenate([results.score_a[compared_ok | rated_ok], results.score_b[compared_ok]])
    return Cells(
        tuple(names),
        categories,
        comparisons,
        scores,
        _statuses(results, np.flatnonzero(compared | rated), compared_ok | rated_ok, answers),
        score_step(given),
        aspects,
    )


def comparison_rows(results: Results) -> np.ndarray:
    """Mask (n,) of the scored comparisons that count in win rates, but for those of a model with itself."""
    compared = ~(results.model_a.where("") | results.model_b.where(""))
    compared &= _aspects(results.aspect, compared)
    fine = np.isfinite(results.weight) & (results.weight > 0) & results.status.where("scored")
    counted: np.ndarray = fine & compared & np.isfinite(results.outcome)
    return counted


def _by_aspect(
    results: Results, rated: np.ndarray, ok: np.ndarray, question: np.ndarray, model: np.ndarray
) -> dict[str, tuple[ScoreCells, float]]:
    """Scores of every aspect but "overall", and the step of each, in the order of the names; all arrays (n,)."""
    names = sorted(label for label in _used(results.aspect.take(ok)) if label != OVERALL)
    found: dict[str, tuple[ScoreCells, float]] = {}
    for name in names:
        rows = rated & results.aspect.where(name)
        cells = _score_cells(results, np.flatnonzero(rows), ok, question, model)
        found[name] = (cells, score_step(results.score_a[rows & ok]))
    return found


def _answers(results: Results, compared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many answers the judgment of each row is about, shape (n,): 2, or as many as a ranking orders."""
    answers = np.full(len(results), 2)
    rows = np.flatnonzero(compared & results.mode.where("ranking"))
    if len(rows):
        group = results.group_id.codes[rows].astype(np.int64)
        width = int(max(first[rows].max(), second[rows].max())) + 1
        members = np.unique(np.concatenate([group * width + first[rows], group * width + second[rows]])) // width
        answers[rows] = np.bincount(members)[group]
    return answers


def _pair_cells(
    results: Results,
    rows: np.ndarray,
    ok: np.ndarray,
    question: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    answers: np.ndarray,
) -> PairCells:
    """Cells of the comparison rows (indices `rows`); `ok`, `question`, `first`, `second` and `answers` cover all rows."""
    ok, question, first, second = ok[rows], question[rows], first[rows], second[rows]
    flipped = first > second  # a pair is always seen from the model whose name sorts first
    low, high = np.minimum(first, second), np.maximum(first, second)
    width = int(high.max(initial=0)) + 1
    pair_ids, pair = distinct(low.astype(np.int64) * width + high)
    pairs = np.stack([pair_ids // width, pair_ids % width], axis=1)
    questions = int(question.max(initial=0)) + 1
    cell_ids, cell = distinct(pair * questions + question)
    size = len(cell_ids)

    weight = np.where(ok, results.weight[rows], 0.0)
    outcome = np.where(ok, np.where(flipped, 1.0 - results.outcome[rows], results.outcome[rows]), 0.0)
    given_a, given_b = results.score_a[rows], results.score_b[rows]
    review = ok & np.isfinite(given_a) & np.isfinite(given_b) & results.mode.where("two-score")[rows]
    score_a = np.where(review, np.where(flipped, given_b, given_a), 0.0)
    score_b = np.where(review, np.where(flipped, given_a, given_b), 0.0)
    turns, turn = distinct(results.turn[rows])
    game_key = ((cell * max(len(turns), 1) + turn) * len(results.mode.labels) + results.mode.codes[rows]) * len(
        results.aspect.labels
    ) + results.aspect.codes[rows]
    games = fold(game_key, results.swapped[rows] ^ flipped, outcome, weight, ok)
    game_cell = cell[games.row]
    counted = _once(results.take(rows), ok)
    part = 1.0 / (answers[rows] - 1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, weights=values, minlength=size)

    def count(mask: np.ndarray, of: np.ndarray = cell) -> np.ndarray:
        return np.bincount(of[mask], minlength=size)

    return PairCells(
        pairs=pairs,
        pair=cell_ids // questions,
        question=cell_ids % questions,
        weight=total(weight),
        outcome=total(weight * outcome),
        total_a=total(weight * score_a),
        total_b=total(weight * score_b),
        reviews=count(review),
        wins=count(games.verdict == WIN, game_cell),
        ties=count(games.verdict == TIE, game_cell),
        losses=count(games.verdict == LOSS, game_cell),
        left_out=count(games.verdict == LEFT_OUT, game_cell),
        scored=count(ok & counted),
        unscored=count(~ok & counted),
        judged=total(np.where(ok & counted, part, 0.0)),
        missed=total(np.where(~ok & counted, part, 0.0)),
    )


def _score_cells(results: Results, rows: np.ndarray, ok: np.ndarray, question: np.ndarray, model: np.ndarray) -> ScoreCells:
    """Cells of the absolute rows (indices `rows`); `ok`, `question` and `model` cover all rows."""
    ok, question, model = ok[rows], question[rows], model[rows].astype(np.int64)
    turns, turn = distinct(results.turn[rows])
    aspects = max(len(results.aspect.labels), 1)
    key = (question * max(len(turns), 1) + turn) * aspects + results.aspect.codes[rows]
    unit_ids, unit = distinct(key)
    cell_ids, cell = distinct(model * len(unit_ids) + unit)
    size = len(cell_ids)
    units = max(len(unit_ids), 1)
    score = np.where(ok, results.score_a[rows], 0.0)
    weight = np.where(ok, results.weight[rows], 0.0)
    counted = _once(results.take(rows), ok)
    return ScoreCells(
        unit_question=unit_ids // aspects // max(len(turns), 1),
        unit_turn=turns[unit_ids // aspects % max(len(turns), 1)] if len(rows) else np.zeros(0, dtype=np.int64),
        model=cell_ids // units,
        unit=cell_ids % units,
        weight=np.bincount(cell, weights=weight, minlength=size),
        total=np.bincount(cell, weights=weight * score, minlength=size),
        scored=np.bincount(cell[ok & counted], minlength=size),
        unscored=np.bincount(cell[~ok & counted], minlength=size),
    )


def _questions(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Question index of every row, shape (n,), in the order of the ids, and the category name of every question.

    The order of ids, not of rows, so that shuffling the rows changes no random draw.
    """
    labels = results.question_id.labels
    order = sorted(range(len(labels)), key=labels.__getitem__)
    position = np.empty(len(labels), dtype=np.int64)
    position[order] = np.arange(len(labels))
    question = position[results.question_id.codes]
    categories = np.full(len(labels), "", dtype=object)
    categories[question[::-1]] = results.category.values()[::-1]  # the first row of a question names its category
    return question, categories


def _aspects(aspect: Factor, rows: np.ndarray) -> np.ndarray:
    """Mask (n,) of the rows whose aspect counts, given the mask of the rows that are comparisons, or scores."""
    overall = aspect.where(OVERALL)
    return overall if bool((overall & rows).any()) else np.ones(len(rows), dtype=bool)


def _once(results: Results, ok: np.ndarray) -> np.ndarray:
    """Mask (n,) of one row per judgment, a scored one where there is one; all rows unless there are several aspects."""
    if len(distinct(results.aspect.codes)[0]) < 2:
        return np.ones(len(ok), dtype=bool)
    columns = (results.question_id, results.group_id, results.judge, results.model_a, results.model_b)
    parts = [c.codes for c in columns] + [results.turn, results.sample, results.swapped]
    key = np.zeros(len(ok), dtype=np.int64)
    for part in parts:
        _, key = distinct(key * (int(np.max(part)) + 1) + part)
    order = np.argsort(~ok, kind="stable")
    chosen = np.zeros(len(ok), dtype=bool)
    chosen[order[np.unique(key[order], return_index=True)[1]]] = True
    return chosen


def _statuses(results: Results, rows: np.ndarray, ok: np.ndarray, answers: np.ndarray) -> dict[str, int]:
    """Number of unscored judgments by status, of the rows (indices) that count; `ok` and `answers` cover all rows.

    A row that claims "scored" without a usable value counts as "no_verdict".
    """
    missing = rows[~ok[rows] & _once(results.take(rows), ok[rows])]
    status = results.status
    part = 2.0 / (answers[missing] * (answers[missing] - 1))  # of a ranking, every pair is a row
    counts = np.rint(np.bincount(status.codes[missing], weights=part, minlength=len(status.labels))).astype(np.int64)
    found: dict[str, int] = {}
    for label, count in zip(status.labels, counts.tolist(), strict=True):
        if count:
            name = "no_verdict" if label == "scored" else label
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items()))


def score_step(given: np.ndarray) -> float:
    """The smallest gap between two different scores, or a ninth of their range, whichever is larger.

    Scores of 1-10 in whole points give one point, however few of the points are used; scores without a grid, a ninth of their
    range. Where all are equal: a ninth of their size, or of one point.
    """
    given = np.unique(given[np.isfinite(given)])
    if not len(given):
        return 1.0
    if len(given) == 1:
        return (abs(float(given[0])) or 1.0) / 9.0
    return max(float(np.diff(given).min()), float(given[-1] - given[0]) / 9.0)


def _used(factor: Factor) -> list[str]:
    """Labels that some row holds."""
    return [factor.labels[i] for i in distinct(factor.codes)[0]]


def _recode(factor: Factor, index: dict[str, int]) -> np.ndarray:
    """Codes of a factor as indices into the table's models, shape (n,)."""
    table = np.array([index.get(label, -1) for label in factor.labels] or [-1], dtype=np.int64)
    codes: np.ndarray = table[factor.codes]
    return codes
