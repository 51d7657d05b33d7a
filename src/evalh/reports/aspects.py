"""Scores by aspect, for judges that give several: one table beside the leaderboard, in every form of a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from evalh.reports.leaderboard import ModelRow, Table
from evalh.reports.numbers import MEAN_SCORE, sample_size
from evalh.reports.text import line
from evalh.stats.estimate import Estimate

if TYPE_CHECKING:
    from rich.table import Table as RichTable

ABREAST: Final = 5
"""Aspects in one table of a terminal; more stand in further tables below it."""


def names(table: Table) -> list[str]:
    """The aspects that at least one model of a table has a score in; empty for a judge that gives one score."""
    return sorted({name for row in table.models for name in row.aspects})


def by_name(table: Table) -> dict[str, dict[str, Estimate | None]]:
    """Aspect -> model -> mean score; None for a model without one."""
    return {name: {row.model: row.aspects.get(name) for row in table.models} for name in names(table)}


def _cells(row: ModelRow, shown: list[str]) -> list[Estimate | None]:
    return [row.aspects.get(name) for name in shown]


def terminal(table: Table) -> Iterator[RichTable]:
    """Tables of two lines per model: mean scores above, intervals below, and the questions that they rest on."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    def two(upper: str, lower: str) -> Text:
        text = Text(upper)
        text.append("\n" + lower, style="dim")
        return text

    every = names(table)
    for start in range(0, len(every), ABREAST):
        shown = every[start : start + ABREAST]
        grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        grid.add_column("score by aspect", overflow="fold", min_width=14)
        for name in shown:
            grid.add_column(Text(line(name)), justify="right", overflow="fold", min_width=9)
        grid.add_column("n", justify="right", no_wrap=True)
        for row in table.models:
            cells = _cells(row, shown)
            figures = (two(MEAN_SCORE.value(e), MEAN_SCORE.interval(e)) for e in cells)
            grid.add_row(Text(line(row.model)), *figures, sample_size(cells))
        yield grid


def rows(table: Table) -> list[list[str]]:
    """Head and rows of the same as texts: the model, a figure with its interval for each aspect, n."""
    shown = names(table)
    head = ["model", *shown, "n"]
    each = [(row, _cells(row, shown)) for row in table.models]
    return [head, *([row.model, *map(MEAN_SCORE.full, cells), sample_size(cells)] for row, cells in each)]


def view(table: Table) -> dict[str, Any]:
    """The same for the page."""
    shown = names(table)
    each = [(row, _cells(row, shown)) for row in table.models]
    return {
        "names": shown,
        "figure": MEAN_SCORE,
        "rows": [{"model": row.model, "cells": cells, "n": sample_size(cells)} for row, cells in each],
    }
