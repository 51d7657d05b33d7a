"""Wins, ties and losses of every pair: a bar each for a few models, a matrix of small bars for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evalh.reports import drawing as d
from evalh.reports.leaderboard import Leaderboard, PairRow
from evalh.reports.numbers import MISSING, WIN_RATE, count, things
from evalh.reports.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from evalh.reports.drawing import Sheet

BAR_PAIRS: Final = 15
MATRIX_MODELS: Final = 20
WIN, TIE, LOSS = (d.BLUE, ""), (d.NEUTRAL, ""), (d.ORANGE, "////")
INKS: Final = (d.ON_DARK, d.ON_LIGHT, d.ON_LIGHT)


def pairs(board: Leaderboard) -> Canvas | None:
    """Wins, ties and losses: a bar per pair up to six models, else a matrix of the highest twenty; None without comparisons."""
    found = _by_rank(board)
    if not any(p.win_rate_a is not None for p in found):
        return None
    with d.style():
        return _bars(board, found) if len(found) <= BAR_PAIRS else _matrix(board, found)


def _by_rank(board: Leaderboard) -> list[PairRow]:
    """Pairs in the order of the leaderboard, each seen from its higher model."""
    place = {row.model: i for i, row in enumerate(board.overall.models)}
    last = len(place)
    seen = [p if place.get(p.model_a, last) <= place.get(p.model_b, last) else _turned(p) for p in board.overall.pairs]
    return sorted(seen, key=lambda p: (place.get(p.model_a, last), place.get(p.model_b, last), p.model_a, p.model_b))


def _turned(p: PairRow) -> PairRow:
    """The same pair seen from its other model; only what is drawn is turned."""
    from evalh.stats.estimate import Estimate

    e = p.win_rate_a
    if e is not None and e.value is not None:
        low, high = (None if x is None else 1 - x for x in (e.high, e.low))
        e = Estimate(1 - e.value, low, high, e.n, e.standard_error)
    return PairRow(p.model_b, p.model_a, p.wins_b, p.ties, p.wins_a, win_rate_a=e, scored=p.scored, unscored=p.unscored)


def _bars(board: Leaderboard, found: list[PairRow]) -> Canvas:
    """One bar per pair, the names of both models above its ends."""
    top, step, left = 0.72, 0.52, d.EDGE
    labels = [WIN_RATE.full(p.win_rate_a) for p in found]
    right = d.width([*labels, "win rate of the first"], d.SMALL) + 0.14 + d.EDGE
    names = [(shorten(p.model_a), shorten(p.model_b)) for p in found]
    span = max(5.0, max(d.width([a]) + d.width([b]) for a, b in names) + 1.6)
    rule = " · one comparison per question; where both orders were asked, a win needs both"
    lines = d.wrap(d.source(board) + rule, left + span + right - 2 * d.EDGE)
    top += d.LEAD * (len(lines) - 1)
    sheet = d.Sheet(left + span + right, top + step * len(found) + 0.12)
    sheet.title("Wins, ties and losses by pair", lines)
    sheet.text(left + span + 0.14, top + 0.04, "win rate of the first", d.SMALL, color=d.MUTED)
    for i, p in enumerate(found):
        y = top + step * i
        _stack(sheet, p, left, y + 0.22, span, 0.2)
        games = p.wins_a + p.ties + p.wins_b
        for name, n, x, side in ((names[i][0], p.wins_a, left, "left"), (names[i][1], p.wins_b, left + span, "right")):
            # A count that finds no place in its part of the bar stands beside the name.
            beside = f" ({things(n, 'win')})" if games and not _fitting(n, "win", span * n / games) else ""
            sheet.text(x, y + 0.12, name + beside, ha=side)
        sheet.text(left + span + 0.14, y + 0.32, labels[i], d.SMALL)
    return sheet.canvas


def _stack(sheet: Sheet, p: PairRow, x: float, y: float, span: float, tall: float) -> None:
    """Wins of the first from the left, wins of the second up to the right, ties between, each with its count and word."""
    games = p.wins_a + p.ties + p.wins_b
    if not games:
        sheet.bar(x, y, span, tall, d.PAPER, "////", edgecolor=d.GRID)
        behind = {"facecolor": d.PAPER, "edgecolor": "none", "pad": 1.2}
        sheet.text(x + span / 2, y + tall / 2, "not scored", d.SMALL, ha="center", color=d.MUTED, style="italic", bbox=behind)
        return
    for k, n, word in ((0, p.wins_a, "win"), (1, p.ties, "tie"), (2, p.wins_b, "win")):
        wide = span * n / games
        color, hatch = (WIN, TIE, LOSS)[k]
        sheet.bar(x, y, wide, tall, color, hatch, linewidth=0.8)
        if words := _fitting(n, word, wide):
            box = {"facecolor": color, "edgecolor": "none", "pad": 1.0} if hatch else None
            sheet.text(x + wide / 2, y + tall / 2, words, d.SMALL, ha="center", color=INKS[k], bbox=box)
        x += wide


def _fitting(n: int, word: str, inches: float) -> str:
    """A count with its word, or alone, or nothing, as the place allows."""
    shown = (things(n, word), count(n))
    return next((w for w in shown if d.width([w], d.SMALL) + 0.1 <= inches), "")


def _matrix(board: Leaderboard, found: list[PairRow]) -> Canvas:
    """Row against column: the row's win rate in percent over a small bar of its wins, ties and losses."""
    models = [row.model for row in board.overall.models][:MATRIX_MODELS]
    names = [shorten(m) for m in models]
    cell, tall, top = 0.4, 0.36, 1.04
    left = d.EDGE + d.width(names) + 0.45
    below = d.source(board) + " · win rate of the row against the column in percent; columns are numbered as rows"
    if len(board.overall.models) > len(models):
        below += f"; the {len(models)} highest of {things(len(board.overall.models), 'model')}"
    lines = d.wrap(below, left + cell * len(models) - d.EDGE)
    top += d.LEAD * (len(lines) - 1)
    sheet = d.Sheet(left + cell * len(models) + d.EDGE + 0.1, top + tall * len(models) + 0.12)
    sheet.title("Wins, ties and losses of row against column", lines)
    _legend(sheet, d.EDGE, top - 0.36)
    by_pair = {(p.model_a, p.model_b): p for p in found} | {(p.model_b, p.model_a): _turned(p) for p in found}
    for i, name in enumerate(names):
        y = top + tall * i
        sheet.text(left - 0.38, y + tall / 2, name, ha="right")
        sheet.text(left - 0.1, y + tall / 2, str(i + 1), d.SMALL, ha="right", color=d.MUTED)
        sheet.text(left + cell * (i + 0.5), top - 0.12, str(i + 1), d.SMALL, ha="center", color=d.MUTED)
        for j, other in enumerate(models):
            if i != j:
                _small(sheet, by_pair.get((models[i], other)), left + cell * j, y, cell, tall)
    return sheet.canvas


def _legend(sheet: Sheet, x: float, y: float) -> None:
    """The three colours and hatches by name."""
    for (color, hatch), word in ((WIN, "wins"), (TIE, "ties"), (LOSS, "losses")):
        sheet.bar(x, y - 0.05, 0.24, 0.1, color, hatch)
        sheet.text(x + 0.3, y, word, d.SMALL)
        x += 0.3 + d.width([word], d.SMALL) + 0.2


def _small(sheet: Sheet, p: PairRow | None, x: float, y: float, cell: float, tall: float) -> None:
    """One cell of the matrix."""
    games = p.wins_a + p.ties + p.wins_b if p else 0
    if p is None or not games:
        sheet.text(x + cell / 2, y + tall / 2, MISSING, d.SMALL, ha="center", color=d.MUTED)
        return
    e = p.win_rate_a
    rate = MISSING if e is None or e.value is None else f"{100 * e.value:.0f}"
    sheet.text(x + cell / 2, y + 0.13, rate, d.SMALL, ha="center")
    start, span = x + 0.04, cell - 0.08
    for (color, hatch), n in ((WIN, p.wins_a), (TIE, p.ties), (LOSS, p.wins_b)):
        wide = span * n / games
        if wide:
            sheet.bar(start, y + 0.235, wide, 0.075, color, hatch)
        start += wide
