"""Results frame -> leaderboard: every figure of a report, computed once, shown by `render.py` and `plots.py`.

What each figure means is defined in docs/figures.md; the shape is that of `evalh report --format json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from evalh.errors import Disconnected, StatsError, UnknownName
from evalh.stats.cells import Cells, collect
from evalh.stats.coding import distinct
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.length_control import LengthRows, against, length_rows, opponent_of
from evalh.stats.ranks import groups, untested
from evalh.stats.summary import Summary, default_reference, leads, relative_scores, summarise

if TYPE_CHECKING:
    from evalh.reports.stopped import Stopping


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of a leaderboard. Figures that do not apply are None (an Estimate, where there is one, carries its own n).

    Two models of a table have a letter of `groups` in common exactly where they cannot be told apart; None where nothing of the
    model was scored, where two models of the table were never compared, or where there are more groups than letters.
    """

    model: str
    rank: tuple[int, int] | None = None
    mean_score: Estimate | None = None
    relative_score: Estimate | None = None
    win_rate: Estimate | None = None
    rating: Estimate | None = None
    turns: Mapping[str, Estimate] = field(default_factory=dict)
    wins: int = 0
    ties: int = 0
    losses: int = 0
    scored: int = 0
    unscored: int = 0
    groups: str | None = None
    aspects: Mapping[str, Estimate] = field(default_factory=dict)
    length_controlled_win_rate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two models compared; `model_a` < `model_b` by name. Win rate, totals and p are seen from `model_a`."""

    model_a: str
    model_b: str
    wins_a: int = 0
    ties: int = 0
    wins_b: int = 0
    total_a: float | None = None
    total_b: float | None = None
    win_rate_a: Estimate | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    scored: int = 0
    unscored: int = 0
    p_bh: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Models by rank and pairs by name, over one set of questions."""

    models: tuple[ModelRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What one judge (or a jury) says of a run: overall and per category, in the question set's order.

    `reference` is the model that relative scores relate to, None where there are none; `opponent` is the one that win rates at
    equal length are against. `unscored_by_status` counts what is missing from the figures, by named status. `notes` are plain
    sentences that a reader must know before citing a figure (a rating that is not defined and why, for instance).
    `stopping` tells how far a run with --until-separated went.
    """

    judge: str
    overall: Table
    categories: Mapping[str, Table] = field(default_factory=dict)
    reference: str | None = None
    unscored_by_status: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    opponent: str | None = None
    stopping: Stopping | None = None


def build(
    results: Results,
    *,
    categories: Sequence[str] | None = None,
    reference: str | None = None,
    models: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Leaderboard]:
    """Every figure of a report, for each judge.

    Args:
        results: the results frame of a run; judges are kept apart.
        categories: names in the order in which they are to be shown; those of the frame in order of appearance if None.
        reference: the model that relative scores relate to; if None, the highest by rating where there are pairs, else by
            mean score, for each judge.
        models: models that get a row even if nothing of theirs was scored; models of the frame get one anyway.
        seed: of the random draws; the same seed and rows give the same figures.

    Returns:
        Judge name -> leaderboard, in the order of the frame.

    Raises:
        UnknownName: `reference` is neither in `models` nor in the frame.

    A figure that is not defined on these rows is None and explained in `notes`.
    """
    present = distinct(results.judge.codes)[0]
    single = len(present) == 1  # nearly always: all rows are its own
    rows = {results.judge.labels[i]: results if single else results.take(results.judge.codes == i) for i in present.tolist()}
    judged = {judge: collect(own, models or ()) for judge, own in rows.items()}
    known = sorted({*(models or ()), *(name for cells in judged.values() for name in cells.models)})
    if reference is not None and reference not in known:
        raise UnknownName("model", reference, known, hint="A reference has to be one of the run's models.")
    if categories is None:
        used = set(distinct(results.category.codes)[0].tolist())
        categories = [label for i, label in enumerate(results.category.labels) if i in used and label]
    return {judge: _leaderboard(judge, cells, rows[judge], categories, reference, seed) for judge, cells in judged.items()}


def _leaderboard(
    judge: str, cells: Cells, rows: Results, categories: Sequence[str], reference: str | None, seed: int
) -> Leaderboard:
    """One judge's leaderboard."""
    overall = summarise(cells, (seed, judge))
    target = reference or default_reference(overall)
    relative, notes = relative_scores(cells, target)
    opponent = reference or opponent_of(cells.comparisons, cells.models, target)
    lengths = _Lengths(cells.models, rows, opponent)
    tables: dict[str, Table] = {}
    without: dict[str, StatsError] = {}
    for name in categories:
        own = cells.of_category(name)
        summary = summarise(own, (seed, judge, name))
        tables[name] = _table(summary, relative_scores(own, target)[0], lengths.of(name))
        if summary.no_ratings:
            without[name] = summary.no_ratings
    shown = _table(overall, relative, lengths.overall)
    has_relative = any(estimate is not None for estimate in relative)
    return Leaderboard(
        judge=judge,
        overall=shown,
        categories=tables,
        reference=target if has_relative else None,
        unscored_by_status=cells.unscored_by_status,
        notes=(*_rating_notes(overall.no_ratings, without), *_group_notes(shown, tables), *notes, *lengths.notes),
        opponent=opponent if lengths.any else None,
    )


class _Lengths:
    """Length-controlled win rates of one judge's models against one opponent."""

    def __init__(self, models: tuple[str, ...], rows: Results, opponent: str | None) -> None:
        self._models, self._opponent = models, opponent
        self._categories = {label: i for i, label in enumerate(rows.category.labels)}
        self._rows = length_rows(rows, opponent, models) if opponent is not None else None
        self._failed: list[StatsError] = []
        self.overall = self._found(self._rows)
        self.any = any(e is not None for e in self.overall)

    def of(self, category: str) -> list[Estimate | None]:
        """Those of the questions of a category."""
        code = self._categories.get(category, -1)
        return self._found(None if self._rows is None else self._rows.take(self._rows.category == code))

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of them; nothing where there are none."""
        told = f"Length-controlled win rates are against {self._opponent}: what they would be if answers were equally long."
        return (*([told] if self.any else []), *(f"Length-controlled win rates are missing: {e}." for e in self._failed[:1]))

    def _found(self, rows: LengthRows | None) -> list[Estimate | None]:
        if rows is None or self._opponent is None or not len(rows.model):
            return [None] * len(self._models)
        try:
            return against(rows, self._models, self._opponent)
        except StatsError as error:
            self._failed.append(error)
            return [None] * len(self._models)


def _rating_notes(overall: StatsError | None, categories: Mapping[str, StatsError]) -> tuple[str, ...]:
    """Why ratings are missing, in one sentence for the whole run and one for all categories."""
    notes = [f"Ratings are missing: {overall}."] if overall else []
    if categories:
        listed = "; ".join(f"{name} ({_brief(error)})" for name, error in categories.items())
        notes.append(
            "Ratings are missing in categories where models fall into groups, so that no model of one group has both won and "
            f"lost against the others: {listed}."
        )
    return tuple(notes)


def _brief(error: StatsError) -> str:
    """The groups that cannot be compared, or else the message."""
    return " | ".join(", ".join(group) for group in error.components) if isinstance(error, Disconnected) else str(error)


def _group_notes(overall: Table, categories: Mapping[str, Table]) -> tuple[str, ...]:
    """Why there are no letters of models that cannot be told apart, where that is for want of comparisons."""
    if found := _untested(overall):
        ranked = sum(row.rank is not None for row in overall.models)
        missing = f"{len(found)} of {ranked * (ranked - 1) // 2} pairs of models"
        example = " and ".join(found[0])
        return (
            f"No letters say which models cannot be told apart, because {missing} never met ({example}"
            f"{', for one' if len(found) > 1 else ''}); the ranks are as wide as that makes them.",
        )
    if without := [name for name, table in categories.items() if _untested(table)]:
        return (
            f"No letters say which models cannot be told apart in categories where a pair never met: {', '.join(without)}.",
        )
    return ()


def _untested(table: Table) -> list[tuple[str, str]]:
    """Pairs of ranked models without a test."""
    return untested(
        [row.model for row in table.models if row.rank is not None],
        {(pair.model_a, pair.model_b): (0.0, pair.p_adjusted) for pair in table.pairs if pair.p_adjusted is not None},
    )


def _table(summary: Summary, relative: Sequence[Estimate | None], lengths: Sequence[Estimate | None]) -> Table:
    """Rows of a table: models by rank (equal best ranks by rating, win rate, mean score, then name), pairs by name."""
    rows = [
        ModelRow(
            model=model,
            rank=summary.rank[i],
            mean_score=summary.mean_score[i],
            relative_score=relative[i],
            win_rate=summary.win_rate[i],
            length_controlled_win_rate=lengths[i],
            rating=summary.rating[i],
            turns=summary.turns[i],
            wins=int(summary.counts[i, 0]),
            ties=int(summary.counts[i, 1]),
            losses=int(summary.counts[i, 2]),
            scored=int(summary.judged[i]),
            unscored=int(summary.missing[i]),
            aspects=summary.aspects[i],
        )
        for i, model in enumerate(summary.models)
    ]
    pairs = tuple(PairRow(**{f.name: getattr(pair, f.name) for f in fields(PairRow)}) for pair in summary.pairs)
    rows.sort(key=place)
    letters = groups([row.model for row in rows if row.rank is not None], leads(summary.pairs)) or {}
    return Table(tuple(replace(row, groups=letters.get(row.model)) for row in rows), pairs)


def place(row: ModelRow) -> tuple[float, list[float], str]:
    """Sort key of a model's row; figures that are missing come last."""
    figures = [
        e.value if e is not None and e.value is not None else -np.inf for e in (row.rating, row.win_rate, row.mean_score)
    ]
    return (row.rank[0] if row.rank else np.inf, [-figure for figure in figures], row.model)
