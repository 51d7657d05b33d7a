"""A published figure, computed from an imported run: the report's own functions, and what only the original's report shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from evalh.agreeing import agreed
from evalh.assemble import report_of
from evalh.core.records import Answer, Judgment
from evalh.core.store import RunFolder
from evalh.errors import BadConfig, StatsError, TooFewData, UnknownName
from evalh.pipeline.collect import collect
from evalh.published.alpaca_lengths import Tables, length_controlled, tables_of
from evalh.published.catalogue import PublishedFigure
from evalh.reports.agreement import Agreed
from evalh.reports.leaderboard import Leaderboard, Table
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.kappa import kappa as kappa_of
from evalh.stats.resample import interval

STEP: Final = 50.0
"""WildVision's reward of a verdict, times its strength: 100, 50, 0, -50, -100."""


class Desk:
    """An imported run, read once for all of its figures.

    Args:
        folder: the run.
        files: the set's files, where a figure needs more of them than a run keeps.
    """

    def __init__(self, folder: RunFolder, files: Path) -> None:
        self.folder, self.files = folder, files
        self._boards: dict[str, Mapping[str, Leaderboard]] = {}
        self._agreed: dict[tuple[str, str], Agreed] = {}

    @cached_property
    def results(self) -> Results:
        """The results frame."""
        return collect(self.folder)

    @cached_property
    def tables(self) -> Tables | None:
        """What AlpacaEval's length control needs beside the run; None where the files do not hold it."""
        return tables_of(self.files)

    def boards(self, reference: str) -> Mapping[str, Leaderboard]:
        """The leaderboards with this reference; with the default one where it is empty."""
        if reference not in self._boards:
            self._boards[reference] = report_of(self.folder, reference or None, sheets=False).leaderboards
        return self._boards[reference]

    def agreed(self, judge: str, raters: str) -> Agreed:
        """The judge against the votes in the run."""
        if (judge, raters) not in self._agreed:
            self._agreed[judge, raters] = agreed(self.folder, None, judge, raters or None)
        return self._agreed[judge, raters]

    def rows(self, judge: str, category: str = "") -> Results:
        """The rows of one judge and category."""
        chosen = self.results.judge.where(judge)
        return self.results.take(np.flatnonzero(chosen & self.results.category.where(category) if category else chosen))


def computed(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """Our value of a published figure; None where the files do not give it."""
    found = OWN.get(figure.figure)
    if found is not None:
        try:
            return found(desk, figure)
        except (StatsError, BadConfig, UnknownName):
            return None
    boards = [b for judge, b in desk.boards(figure.reference).items() if not figure.judge or judge == figure.judge]
    every = [e for board in boards if (e := _of(_table(board, figure.category), figure)) is not None]
    return every[0] if every else None


def _table(board: Leaderboard, category: str) -> Table:
    return board.categories.get(category, Table()) if category else board.overall


def _of(table: Table, figure: PublishedFigure) -> Estimate | None:
    if figure.figure in ("total", "win_rate") and figure.against:
        return _of_pair(table, figure)
    row = next((m for m in table.models if m.model == figure.model), None)
    if row is not None and figure.turn:
        return row.turns.get(str(figure.turn))
    found: Estimate | None = getattr(row, figure.figure, None)
    return found


def _of_pair(table: Table, figure: PublishedFigure) -> Estimate | None:
    first, second = sorted((figure.model, figure.against))
    pair = next((p for p in table.pairs if (p.model_a, p.model_b) == (first, second)), None)
    if pair is None:
        return None
    mine = figure.model == first
    if figure.figure == "total":
        total = pair.total_a if mine else pair.total_b
        n = pair.win_rate_a.n if pair.win_rate_a else 0
        return None if total is None else Estimate(total, n=n)
    rate = pair.win_rate_a
    if rate is None or mine:
        return rate
    value, low, high = (None if x is None else 1.0 - x for x in (rate.value, rate.high, rate.low))
    return Estimate(value, low, high, rate.n, rate.standard_error)


def _verdicts(desk: Desk, figure: PublishedFigure) -> tuple[np.ndarray, np.ndarray]:
    """Outcome (1, 0.5, 0; unscored 0.5, as there) and strength of every comparison of the model with the other one."""
    models = {a.answer_id: a.model for a in desk.folder.read(Answer)}
    outcome, strength = [], []
    for j in desk.folder.read(Judgment):
        shown = [models.get(a, "") for a in j.answers]
        if sorted(shown) == sorted((figure.model, figure.against)):
            won = {"tie": 0.5, "A": 1.0, "B": 0.0}.get(j.verdict or "tie", 0.5)
            outcome.append(won if shown[0] == figure.model else 1.0 - won)
            strength.append(float(j.strength or 0))
    return np.array(outcome), np.array(strength)


def _reward(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """Mean of 100 for much better to -100 for much worse, one comparison per question."""
    outcome, strength = _verdicts(desk, figure)
    points = (2.0 * outcome - 1.0) * STEP * strength
    return interval(np.stack([points, np.ones(len(points))], axis=1), lambda s: s[..., 0] / s[..., 1], allowance=STEP**2)


def _won(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """The share of comparisons that the model won."""
    outcome, _ = _verdicts(desk, figure)
    won = (outcome == 1.0).astype(np.float64)
    return interval(np.stack([won, np.ones(len(won))], axis=1), lambda s: s[..., 0] / s[..., 1], share=True)


def _agreement(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """Judge and raters, or with `model` "raters" the raters among themselves, in one turn."""
    found = desk.agreed(figure.judge, figure.raters)
    setups = (found.raters_turns if figure.model == "raters" else found.turns)[figure.turn]
    own = setups.get(figure.ties)
    return None if own is None else own.value


def _orders(desk: Desk, figure: PublishedFigure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of LLMBar's comparisons, one row each: question index, order (0 as in the set, 1 swapped), and label and winner (2)."""
    first: dict[str, str] = {}
    for a in desk.folder.read(Answer):
        first.setdefault(a.question_id, a.model)
    rows = desk.rows(figure.judge, figure.category)
    if not len(rows):
        raise TooFewData(f"{figure.judge} judged nothing of {figure.category}")
    label = np.array([1.0 if first[q] == "better" else -1.0 for q in rows.question_id.labels])[rows.question_id.codes]
    right = np.where(np.isfinite(rows.outcome), 2.0 * rows.outcome - 1.0, 0.0)
    order = (rows.swapped == (label > 0)).astype(np.int64)
    return rows.question_id.codes.astype(np.int64), order, np.stack([label, label * right], axis=1)


def _accuracy(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """The mean of both orders' shares of right winners; one that could not be read is wrong."""
    question, order, said = _orders(desk, figure)
    sums = np.zeros((int(question.max()) + 1, 4))
    np.add.at(sums, (question, 2 * order), said[:, 0] == said[:, 1])
    np.add.at(sums, (question, 2 * order + 1), 1.0)
    sums = sums[sums.any(axis=1)]
    return interval(sums, lambda s: (s[..., 0] / s[..., 1] + s[..., 2] / s[..., 3]) / 2.0, share=True)


def _kappa(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """The mean of both orders' kappas of winner and label."""
    question, order, said = _orders(desk, figure)
    sums = np.zeros((int(question.max()) + 1, 18))
    place = 9 * order + 3 * (1 - said[:, 0]).astype(np.int64) + (1 - said[:, 1]).astype(np.int64)
    np.add.at(sums, (question, place), 1.0)
    sums = sums[sums.any(axis=1)]
    return interval(sums, lambda s: (kappa_of(s[..., :9]) + kappa_of(s[..., 9:])) / 2.0)


def _lengths(desk: Desk, figure: PublishedFigure) -> Estimate | None:
    """AlpacaEval's own, refitted with C chosen again and every row's own instruction."""
    if desk.tables is None:
        return None
    return length_controlled(desk.folder, desk.rows(figure.judge), figure.model, figure.against, desk.tables)


OWN: Final[Mapping[str, Callable[[Desk, PublishedFigure], Estimate | None]]] = {
    "reward": _reward,
    "won": _won,
    "agreement": _agreement,
    "accuracy": _accuracy,
    "kappa": _kappa,
    "alpaca_length_controlled": _lengths,
}
"""Figures that a report does not show."""
