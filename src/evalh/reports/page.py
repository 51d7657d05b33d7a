"""Report -> one HTML file that needs nothing else: no network, no font, no file beside it.

Three walls stand between a hostile text and the reader. Every expression of a template is escaped and passes through
`text.visible` (the environment's `finalize`), so forgetting one is not possible. Plots are parsed as XML and rebuilt from what
was understood. And a Content-Security-Policy allows the page's own script and style by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from evalh.reports import aspects, card_words, drawing, numbers, words
from evalh.reports.document import Report
from evalh.reports.leaderboard import Leaderboard, ModelRow, Table
from evalh.reports.page_answers import browse
from evalh.reports.plots import PLOTS
from evalh.reports.text import line, visible
from evalh.stats.estimate import Estimate

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_COLORS: Final = {
    drawing.INK: "var(--ink)",
    drawing.MUTED: "var(--muted)",
    drawing.GRID: "var(--rule)",
    drawing.PAPER: "var(--paper)",
    drawing.BAR: "var(--bar)",
}
_COLOR: Final = re.compile("|".join(_COLORS))


def page(report: Report, plots: Mapping[str, Mapping[str, bytes]] | None = None) -> str:
    """The report as a page; `plots` maps a judge and the name of a plot to SVG."""
    env = _environment()
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    plots = plots or {}
    judges = [
        _judge_view(f"j{i}", report, judge, board, plots.get(judge, {}))
        for i, (judge, board) in enumerate(report.leaderboards.items())
    ]
    return env.get_template("page.html").render(
        report=report,
        run=report.run,
        judges=judges,
        facts=words.facts(report),
        cost=words.cost(report.cost),
        agreement=words.agreement(report),
        categories=browse(report.sheets),
        style=_trusted(style),
        script=_trusted(script),
        policy=policy(style, script),
    )


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this style and this script, style attributes (plots have them), and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            "style-src 'unsafe-inline'",  # for browsers that know neither of the next two
            f"style-src-elem '{_hash(style)}'",
            "style-src-attr 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def inline_svg(svg: bytes, ident: str, title: str, description: str) -> str:
    """A plot as part of a page: named for readers who cannot see it, in the page's colours, with ids of its own."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style sheet that matplotlib writes would apply to the whole page.
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        if element.get("id") == "patch_1":
            # The sheet of paper itself: what lies behind it shows that there is more to scroll to.
            element.clear()
        for name, value in element.attrib.items():
            element.set(name, _attribute(name, value, ident))
    # A page has margins of its own: the plot's left one is cut off, so that its words stand under the page's.
    left, top, across, down = (float(x) for x in root.attrib["viewBox"].split())
    edge = 72 * drawing.EDGE - 1
    root.set("viewBox", f"{left + edge:g} {top:g} {across - edge:g} {down:g}")
    wide = (across - edge) * 4 / 3
    for name in ("height", "version"):
        root.attrib.pop(name, None)
    root.attrib.update({"width": f"{wide:.0f}", "style": f"min-width:{0.8 * wide:.0f}px"})
    root.attrib.update({"role": "img", "aria-labelledby": f"{ident}-t {ident}-d"})
    for at, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{ident}-{tag[0]}"})
        element.text = text
        root.insert(at, element)
    return ElementTree.tostring(root, encoding="unicode")


def _attribute(name: str, value: str, ident: str) -> str:
    """One attribute of a plot, with its id or reference made unique on the page and its colours exchanged."""
    if name == "id":
        return f"{ident}-{value}"
    if name.endswith("href"):
        return f"#{ident}-{value.removeprefix('#')}"
    if name in ("style", "fill", "stroke"):
        value = _COLOR.sub(lambda m: _COLORS[m[0]], value)
    return value.replace("url(#", f"url(#{ident}-") if "url(" in value else value


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval as a small drawing of 100 units; ends are None where the interval is open or not defined."""

    at: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a figure to its place in a small drawing."""

    figure: numbers.Figure | None
    bottom: float = 0.0
    top: float = 1.0

    def whisker(self, row: ModelRow) -> Whisker:
        e: Estimate | None = getattr(row, self.figure.field) if self.figure else None
        if e is None:
            return Whisker(None, None, None)
        return Whisker(self._place(e.value), self._place(e.low), self._place(e.high))

    def _place(self, x: float | None) -> float | None:
        if x is None or not math.isfinite(x):
            return None
        share = (x - self.bottom) / (self.top - self.bottom) if self.top > self.bottom else 0.5
        return round(4 + 92 * min(1.0, max(0.0, share)), 1)


def _scale(board: Leaderboard, table: Table) -> _Scale:
    """The scale of one table; a common one would let the widest interval of a small category flatten all others."""
    figure = drawing.chosen(board)
    estimates = [getattr(row, figure.field) for row in table.models] if figure else []
    ends = [x for e in estimates if e for x in (e.low, e.value, e.high) if x is not None and math.isfinite(x)]
    return _Scale(figure, min(ends, default=0.0), max(ends, default=1.0))


def _judge_view(ident: str, report: Report, judge: str, board: Leaderboard, plots: Mapping[str, bytes]) -> dict[str, Any]:
    """Everything that the page shows of one judge, ready for the template."""
    below = "The numbers are in the tables of this page."
    return {
        "id": ident,
        "name": line(judge),
        "heading": words.judged_by(report, judge),
        "note": report.judge_notes.get(judge, ""),
        "unit": words.unit(report, judge),
        "voices": words.voices(report, judge),
        "card": _card_view(report, judge),
        "headline": words.headline(board),
        "told": words.groups(board.overall),
        "board": board,
        "overall": _table_view(board.overall, _scale(board, board.overall)),
        "categories": {name: _table_view(table, _scale(board, table)) for name, table in board.categories.items()},
        "unscored": words.unscored(board),
        "unscored_total": sum(n for _, n in words.unscored(board)),
        "plots": {
            name: _trusted(inline_svg(plots[name], f"{ident}-{name}", f"{title}, judged by {line(judge)}", below))
            for name, (title, _) in PLOTS.items()
            if name in plots
        },
    }


def _card_view(report: Report, judge: str) -> dict[str, Any] | None:
    """A judge's card; None where it has none."""
    card = (report.judge_card or {}).get(judge)
    if card is None:
        return None
    notes = [text for texts in card_words.notes(card).values() for text in texts]
    return {"rows": card_words.rows(card), "notes": notes}


def _table_view(table: Table, scale: _Scale) -> dict[str, Any]:
    figures, turns = words.figures(table), words.turns(table)
    rows: list[dict[str, Any]] = []
    for row in table.models:
        estimates = [getattr(row, f.field) for f in figures] + [row.turns.get(turn) for turn in turns]
        rows.append({"row": row, "cells": estimates, "n": numbers.sample_size(estimates), "whisker": scale.whisker(row)})
    return {
        "figures": [(f.title, f) for f in figures] + [(f"turn {turn}", numbers.MEAN_SCORE) for turn in turns],
        "drawn": scale.figure.title if scale.figure else "",
        "rows": rows,
        "aspects": aspects.view(table),
        "pairs": table.pairs,
        "grouped": words.grouped(table),
        "totals": words.has_totals(table.pairs),
        "questions": max((e.n for shown in rows for e in shown["cells"] if e is not None), default=0),
    }


@cache
def _environment() -> Environment:
    """The templates, with every rule for showing a number at hand."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(
        count=numbers.count,
        total=numbers.total,
        percent=numbers.percent,
        p_value=numbers.p_value,
        rank=numbers.rank,
        line=line,
        status=words.status_words,
        key=_sort_key,
    )
    env.globals.update(things=numbers.things, win_rate=numbers.WIN_RATE, definitions=numbers.FIGURES, n=numbers.sample_size)
    return env


def _sort_key(x: float | None) -> str:
    """A number as the page's script compares it; empty where there is none."""
    return "" if x is None or not math.isfinite(x) else repr(float(x))


def _trusted(text: str) -> Any:
    """Text of our own making that is not to be escaped."""
    from markupsafe import Markup

    return Markup(text)  # nothing from outside comes here unparsed


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
