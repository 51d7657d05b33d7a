"""Leaderboard -> matplotlib figures. Nothing is saved here, and pyplot is never touched.

A function returns None where there is nothing to draw. What is missing is drawn as missing: an en dash, a hatched cell, a gap.
Colour never carries anything alone: every bar, line and cell has a label, a hatch or a marker of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from evalh.reports import drawing as d
from evalh.reports.leaderboard import Leaderboard, ModelRow
from evalh.reports.numbers import (
    MEAN_SCORE,
    MISSING,
    RELATIVE_SCORE,
    WIN_RATE,
    Figure,
    sample_size,
    things,
)
from evalh.reports.plots_pairs import pairs
from evalh.reports.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from evalh.reports.drawing import Sheet

RADAR_MODELS: Final = 5
PROFILE: Final = (MEAN_SCORE, RELATIVE_SCORE, WIN_RATE)
TITLES: Final[Mapping[str, str]] = {
    "relative_score": "Relative score",
    "mean_score": "Mean score",
    "win_rate": "Win rate",
}


def scores(board: Leaderboard) -> Canvas | None:
    """Bars with 95% intervals: relative scores, or mean scores or win rates where there are none."""
    f = d.chosen(board)
    if f is None:
        return None
    with d.style():
        rows = board.overall.models
        names = [shorten(row.model) for row in rows]
        labels = [_bar_label(row, f, board.reference) for row in rows]
        left = d.EDGE + d.width(names) + 0.12
        right = d.width(labels, d.SMALL) + 0.12 + d.EDGE
        span = max(2.6, d.WIDTH - left - right)
        step, top = 0.3, 0.68
        sheet = d.Sheet(left + span + right, top + step * len(rows) + 0.42)
        ns = [getattr(row, f.field).n for row in rows if d.value(row, f) is not None]
        related = f" · relative to {shorten(board.reference)}" if board.reference and f is RELATIVE_SCORE else ""
        sheet.title(f"{TITLES[f.field]} with 95% interval", [d.source(board, ns) + related])
        scale = _axis(sheet, f, rows, left, span, top, top + step * len(rows))
        for i, row in enumerate(rows):
            y = top + step * (i + 0.5)
            sheet.text(left - 0.1, y, names[i], ha="right")
            _bar(sheet, row, f, left, scale, y, is_reference=row.model == board.reference)
            sheet.text(left + span + 0.12, y, labels[i], d.SMALL)
    return sheet.canvas


def _bar_label(row: ModelRow, f: Figure, reference: str | None) -> str:
    """The number that stands beside a bar, with its interval and, where rows differ, its n."""
    e = getattr(row, f.field)
    if f is RELATIVE_SCORE and row.model == reference and e is not None and e.low is None:
        return f"{f.value(e)} (reference)"
    return f.full(e)


def _axis(sheet: Sheet, f: Figure, rows: Sequence[ModelRow], left: float, span: float, top: float, bottom: float) -> float:
    """Grid, numbers and scale (inches per unit) of the bars."""
    ends = [x for row in rows if (e := getattr(row, f.field)) for x in (e.value, e.high) if x is not None and math.isfinite(x)]
    marks = d.ticks(max([*ends, 1.0 if f is not MEAN_SCORE else 0.0]))
    scale = span / marks[-1]
    for mark in marks:
        x = left + mark * scale
        sheet.line([x, x], [top, bottom], d.GRID, 0.8, zorder=0)
        sheet.text(x, bottom + 0.14, _mark(mark, f), d.SMALL, ha="center", color=d.MUTED)
    if f is WIN_RATE:
        sheet.line([left + scale / 2] * 2, [top, bottom], d.MUTED, 1.0, linestyle=(0, (3, 2)))
    return scale


def _mark(mark: float, f: Figure) -> str:
    """A number on an axis: as short as it can be."""
    return f"{mark:g}" if f is MEAN_SCORE else f"{100 * mark:g}%"


def _bar(sheet: Sheet, row: ModelRow, f: Figure, left: float, scale: float, y: float, is_reference: bool) -> None:
    """One bar and its interval; an open end is drawn without a stop."""
    v, e = d.value(row, f), getattr(row, f.field)
    if v is None:
        sheet.text(left + 0.06, y, "not scored", d.SMALL, color=d.MUTED, style="italic")
        return
    sheet.bar(left, y - 0.085, max(0.0, v) * scale, 0.17, d.BAR, "////" if is_reference else "")
    low, high = e.low if e.low is not None else v, e.high if e.high is not None else v
    if low < high:
        sheet.line([left + max(0.0, low) * scale, left + high * scale], [y, y], d.INK, 1.3)
        for end in (e.low, e.high):
            if end is not None:
                sheet.line([left + max(0.0, end) * scale] * 2, [y - 0.05, y + 0.05], d.INK, 1.3)


def radar(board: Leaderboard) -> Canvas | None:
    """The profile of the highest models over the categories; at least three categories are needed to make a shape."""
    f = d.chosen(board, PROFILE)
    if f is None or len(board.categories) < 3:
        return None
    rows = [row for row in board.overall.models if d.value(row, f) is not None]
    shown = rows[:RADAR_MODELS]
    with d.style():
        names, categories = [shorten(row.model) for row in shown], [shorten(c, 24) for c in board.categories]
        radius, margin = 1.75, d.width(categories, d.SMALL) + 0.3
        lines = [f"{d.source(board)} · centre 0 · intervals: see the tables"]
        if len(shown) < len(rows):
            lines.append(f"the {len(shown)} highest of {things(len(board.overall.models), 'model')}")
        elif len(rows) < len(board.overall.models):
            lines.append(f"{len(rows)} of {things(len(board.overall.models), 'model')}; the others have no score")
        table = [[_in_category(board, c, row.model, f) for c in board.categories] for row in shown]
        if any(v is None for values in table for v in values):
            lines.append("a gap is a missing value")
        width = max(2 * (radius + margin), d.width(names) + 0.9, d.width(lines, d.SMALL), 4.6) + 2 * d.EDGE
        top = 0.5 + 0.18 * len(lines) + 0.3
        sheet = d.Sheet(width, top + 2 * radius + 0.45 + 0.24 * len(names) + d.EDGE)
        sheet.title(f"{TITLES[f.field]} by category", lines)
        centre = (width / 2, top + radius)
        spokes = _Spokes(sheet, centre, radius, len(categories))
        spokes.grid(max((v for values in table for v in values if v is not None), default=1.0), f, categories)
        for i, values in enumerate(table):
            spokes.series(values, i)
            _key(sheet, i, names[i], top + 2 * radius + 0.5 + 0.24 * i, centre[0] - (d.width(names) + 0.45) / 2)
    return sheet.canvas


def _in_category(board: Leaderboard, category: str, model: str, f: Figure) -> float | None:
    """A figure of one model in one category."""
    return d.value(next((row for row in board.categories[category].models if row.model == model), None), f)


def _key(sheet: Sheet, i: int, name: str, y: float, x: float) -> None:
    """One line of the legend."""
    color, dash, marker = d.SERIES[i]
    sheet.line([x, x + 0.34], [y, y], color, 1.6, linestyle=dash)
    sheet.line([x + 0.17], [y], color, marker=marker, markersize=4.5)
    sheet.text(x + 0.45, y, name)


class _Spokes:
    """Polar coordinates on a sheet: the first category at the top, the others clockwise."""

    def __init__(self, sheet: Sheet, centre: tuple[float, float], radius: float, n: int) -> None:
        self.sheet, self.centre, self.radius, self.n, self.top = sheet, centre, radius, n, 1.0

    def at(self, k: int, share: float) -> tuple[float, float]:
        angle = 2 * math.pi * k / self.n
        return self.centre[0] + self.radius * share * math.sin(angle), self.centre[1] - self.radius * share * math.cos(angle)

    def grid(self, top: float, f: Figure, categories: list[str]) -> None:
        """Rings at round values, spokes and the names of the categories; the highest value lies just inside."""
        marks = d.ticks(top)
        # One value far above the others must not shrink them further: the last ring is drawn only if it is near.
        self.top = marks[-1] if marks[-1] <= 1.25 * top or top <= 0 else 1.02 * top
        for mark in (mark for mark in marks[1:] if mark <= self.top):
            ring = [self.at(k % self.n, mark / self.top) for k in range(self.n + 1)]
            self.sheet.line([x for x, _ in ring], [y for _, y in ring], d.GRID, 0.8, zorder=0)
            # Between two spokes, where no line of a model has a corner.
            angle, reach = math.pi / self.n, mark / self.top * math.cos(math.pi / self.n) * self.radius
            x, y = self.centre[0] + reach * math.sin(angle), self.centre[1] - reach * math.cos(angle)
            box = {"facecolor": d.PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
            self.sheet.text(x, y, _mark(mark, f), 7.0, ha="center", color=d.MUTED, bbox=box, zorder=5)
        for k, name in enumerate(categories):
            x, y = self.at(k, 1.0)
            self.sheet.line([self.centre[0], x], [self.centre[1], y], d.GRID, 0.8, zorder=0)
            lx, ly = self.at(k, 1.0 + 0.13 / self.radius)
            side = math.sin(2 * math.pi * k / self.n)
            self.sheet.text(lx, ly, name, d.SMALL, ha="center" if abs(side) < 0.1 else "left" if side > 0 else "right")

    def series(self, values: list[float | None], i: int) -> None:
        """One model; where a category has no value its line has a gap."""
        color, dash, marker = d.SERIES[i]
        points = [(math.nan, math.nan) if v is None else self.at(k, max(0.0, v) / self.top) for k, v in enumerate(values)]
        points.append(points[0])
        x, y = [p[0] for p in points], [p[1] for p in points]
        self.sheet.line(x, y, color, 1.6, linestyle=dash, marker=marker, markersize=4.5, zorder=3)


def heat_map(board: Leaderboard) -> Canvas | None:
    """Categories by models, the number in every cell; a cell without a value is hatched."""
    f = d.chosen(board, PROFILE)
    if f is None or not board.categories:
        return None
    with d.style():
        rows = board.overall.models
        names = [shorten(row.model) for row in rows]
        heads = ["overall", *(shorten(c, 24) for c in board.categories)]
        columns = [{row.model: row for row in table.models} for table in (board.overall, *board.categories.values())]
        left = d.EDGE + max(d.width(names), d.width(["questions"], 7.5)) + 0.12
        cell, tall, gap = 0.6, 0.3, 0.1
        lean = d.width(heads, d.SMALL) * math.sqrt(0.5)
        top = 0.68 + lean + 0.12
        right = left + cell * len(heads) + gap
        title, below = f"{TITLES[f.field]} by category", f"{d.source(board)} · darker is higher · intervals: see the tables"
        width = max(right + lean, d.EDGE + d.width([below], d.SMALL)) + d.EDGE
        sheet = d.Sheet(width, top + tall * len(rows) + 0.36)
        sheet.title(title, [below])
        shade = _shade([v for column in columns for row in column.values() if (v := d.value(row, f)) is not None])
        for j, column in enumerate(columns):
            x = left + cell * j + (gap if j else 0.0)
            leaning = {"rotation": 45, "rotation_mode": "anchor", "va": "baseline", "weight": "normal" if j else "bold"}
            sheet.text(x + cell * 0.42, top - 0.06, heads[j], d.SMALL, **leaning)
            for i, row in enumerate(rows):
                v = d.value(column.get(row.model), f)
                _cell(sheet, (x, top + tall * i, cell, tall), v, f, d.PAPER if v is None else shade(v))
            ns = sample_size(getattr(row, f.field) for row in column.values())
            sheet.text(x + cell / 2, top + tall * len(rows) + 0.15, ns, 7.5, ha="center", color=d.MUTED)
        for i, name in enumerate(names):
            sheet.text(left - 0.1, top + tall * (i + 0.5), name, ha="right")
        sheet.text(left - 0.1, top + tall * len(rows) + 0.15, "questions", 7.5, ha="right", color=d.MUTED)
    return sheet.canvas


def _shade(values: list[float]) -> Callable[[float], str]:
    """From a value to the colour of its cell; even the darkest leaves a dark number readable.

    The colours span the values without their outliers (by Tukey's fences): one extreme cell must not make all others alike.
    """
    import numpy as np

    lower, upper = np.quantile(values, (0.25, 0.75)).tolist() if values else (0.0, 1.0)
    fence = 1.5 * (upper - lower)
    low, high = max(min(values, default=0.0), lower - fence), min(max(values, default=1.0), upper + fence)
    light, dark = (0xF3, 0xF7, 0xFB), (0x5F, 0xA0, 0xD3)

    def shade(v: float) -> str:
        share = min(1.0, max(0.0, (v - low) / (high - low))) if high > low else 0.5
        return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(light, dark, strict=True))

    return shade


def _cell(sheet: Sheet, place: tuple[float, float, float, float], v: float | None, f: Figure, fill: str) -> None:
    """One cell, a hair smaller than its place."""
    x, y, wide, tall = place
    box = (x + 0.012, y + 0.012, wide - 0.024, tall - 0.024)
    if v is None:
        sheet.bar(*box, fill, "////", edgecolor=d.GRID)
        sheet.text(x + wide / 2, y + tall / 2, MISSING, d.SMALL, ha="center", color=d.MUTED)
        return
    sheet.bar(*box, fill)
    sheet.text(x + wide / 2, y + tall / 2, f.end(v), d.SMALL, ha="center", color=d.ON_LIGHT)


PLOTS: Final[Mapping[str, tuple[str, Callable[[Leaderboard], Canvas | None]]]] = {
    "relative-score": ("Scores of all models with 95% intervals", scores),
    "pairs": ("Wins, ties and losses of every pair", pairs),
    "radar": ("Profile of the highest models over the categories", radar),
    "heatmap": ("Scores by category and model", heat_map),
}
"""File name -> what the plot shows, and the function that draws it."""
