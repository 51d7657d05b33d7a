"""Report -> text: the terminal, plain lines, markdown and CSV.

Every name and every note passes through `text.line`, and rich is given `Text` objects only, so that nothing that a model or a
judge is called can act as markup or move the cursor.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from evalh.reports import aspects, card_words, words
from evalh.reports.document import Report
from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table
from evalh.reports.numbers import (
    FIGURES,
    LENGTH_CONTROLLED,
    MEAN_SCORE,
    MISSING,
    WIN_RATE,
    Figure,
    count,
    p_value,
    rank,
    sample_size,
    things,
    total,
)
from evalh.reports.text import line, md, shorten
from evalh.stats.estimate import Estimate

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

MOST_FIGURES = 4
SHOWN_MODELS = 6
"""Models up to which every pair is shown in the terminal; beyond, only the pairs among the highest ones."""


def terminal(report: Report) -> Group:
    """The leaderboard, what was left out and what to know before citing it, for a rich console."""
    from rich.console import Group
    from rich.text import Text

    run = report.run
    heading = Text(line(run.name), style="bold")
    heading.append(f" · {line(run.questions)}, {things(run.question_count, 'question')}", style="not bold")
    parts: list[Text | RichTable] = [heading]
    if report.partial:
        parts.append(Text(f"Partial: {line(report.partial)}", style="bold yellow"))
    for judge, board in report.leaderboards.items():
        parts.extend(_judge_parts(report, judge, board))
    if agreed := words.agreement(report):
        parts.append(Text(agreed))
    parts += [Text(f"{name[:1].upper()}{name[1:]}: {shown}.") for name, shown in words.servers(report)]
    parts.append(Text(" · ".join(f"{name} {shown}" for name, shown in words.cost(report.cost)), style="dim"))
    return Group(*parts)


def plain(report: Report, width: int = 80) -> str:
    """The same without colours or control codes, for pipes and files."""
    from rich.console import Console

    out = io.StringIO()
    # Everything that rich would ask the environment for is given, so that the text depends on the report and width alone.
    fixed: dict[str, Any] = {"color_system": None, "force_terminal": False, "force_jupyter": False, "legacy_windows": False}
    console = Console(file=out, width=width, height=1000, _environ={}, **fixed)
    console.print(terminal(report))
    return "\n".join(text.rstrip() for text in out.getvalue().splitlines()) + "\n"


def _judge_parts(report: Report, judge: str, board: Leaderboard) -> Iterator[Text | RichTable]:
    """Everything that the terminal shows of one judge."""
    from rich.text import Text

    yield Text(f"\n{words.judged_by(report, judge)}", style="bold")
    if note := report.judge_notes.get(judge, ""):
        yield Text(line(note), style="yellow")
    yield Text()
    yield _models_table(board)
    yield Text()
    if told := words.groups(board.overall):
        yield Text(told, style="dim")
        yield Text()
    if turns := words.turns(board.overall):
        yield _turns_table(board, turns)
        yield Text()
    if _apart(words.figures(board.overall)):
        yield _lengths_table(board)
        yield Text()
    for table in aspects.terminal(board.overall):
        yield table
        yield Text()
    pairs, left_out = _shown_pairs(board.overall)
    if pairs:
        yield _pairs_table(pairs)
        yield Text()
    if left_out:
        yield Text(left_out, style="dim")
    found = words.unscored_sentence(board, words.unit(report, judge))
    yield Text(found, style="dim" if not words.unscored(board) else "yellow")
    for text in (*words.voices(report, judge), *words.card(report, judge)):
        yield Text(text)
    for text in board.notes:
        yield Text(f"Note: {line(text)}")


def _models_table(board: Leaderboard) -> RichTable:
    """One row of two lines per model: figures above, what they rest on below."""
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    figures = words.figures(board.overall)
    figures = [f for f in figures if f not in _apart(figures)]
    table.add_column(_two("#", ""), no_wrap=True)
    table.add_column(_two("model", "wins/ties/losses"), overflow="fold", min_width=16)
    for f in figures:
        table.add_column(_two(f.title, "interval"), justify="right", no_wrap=True)
    table.add_column(_two("n", "unscored"), justify="right", no_wrap=True)
    for row in board.overall.models:
        shown = [(f, getattr(row, f.field)) for f in figures]
        table.add_row(
            _two(rank(row.rank), row.groups or ""),
            _two(line(row.model), _record(row)),
            *(_two(f.value(e), _below(f, e, row.model == board.reference)) for f, e in shown),
            _two(sample_size(e for _, e in shown), count(row.unscored)),
        )
    return table


def _turns_table(board: Leaderboard, turns: list[str]) -> RichTable:
    """Scores by turn, apart from the other figures so that neither table outgrows a terminal."""
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("score by turn", overflow="fold", min_width=16)
    for turn in turns:
        table.add_column(f"turn {line(turn)}", justify="right")
    for row in board.overall.models:
        estimates = [row.turns.get(turn) for turn in turns]
        table.add_row(_two(line(row.model), ""), *(_two(MEAN_SCORE.value(e), MEAN_SCORE.interval(e)) for e in estimates))
    return table


def _apart(figures: list[Figure]) -> list[Figure]:
    """Of the figures, those that get a table of their own because a terminal has no room for five beside each other."""
    return [f for f in figures if f is LENGTH_CONTROLLED] if len(figures) > MOST_FIGURES else []


def _lengths_table(board: Leaderboard) -> RichTable:
    """Length-controlled win rates, apart from the other figures."""
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("if answers were equally long", overflow="fold", min_width=16)
    for title in (LENGTH_CONTROLLED.title, "n"):
        table.add_column(title, justify="right")
    for row in board.overall.models:
        e = row.length_controlled_win_rate
        table.add_row(line(row.model), LENGTH_CONTROLLED.full(e), sample_size([e]))
    return table


def _pairs_table(pairs: list[PairRow]) -> RichTable:
    """One row of two lines per pair, a line for each of its models."""
    from rich import box
    from rich.table import Table as RichTable

    sums = words.has_totals(tuple(pairs))
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("pair", no_wrap=True)
    compared = any(pair.win_rate_a is not None for pair in pairs)  # else p is of scores, and there is nothing else to show
    for title in ["wins", "ties"] * compared + ["total"] * sums:
        table.add_column(title, justify="right", no_wrap=True)
    for upper, lower in [("win rate", "interval")] * compared + [("p", "p, Holm"), ("n" * compared, "unscored")]:
        table.add_column(_two(upper, lower), justify="right", no_wrap=True)
    for pair in pairs:
        # Two lines exactly, or the numbers would no longer stand beside their names; the table above has them in full.
        cells = [_two(shorten(pair.model_a, 32), "  " + shorten(pair.model_b, 30), dim=False)]
        if compared:
            cells += [_two(count(pair.wins_a), count(pair.wins_b), dim=False), _two(count(pair.ties), "")]
        if sums:
            cells.append(_two(total(pair.total_a), total(pair.total_b), dim=False))
        e = pair.win_rate_a
        if compared:
            cells.append(_two(WIN_RATE.value(e), WIN_RATE.interval(e)))
        cells.append(_two(p_value(pair.p_value), p_value(pair.p_adjusted)))
        cells.append(_two(sample_size([e]) * compared, count(pair.unscored)))
        table.add_row(*cells)
    return table


def _two(upper: str, lower: str, dim: bool = True) -> Text:
    """A cell of two lines."""
    from rich.text import Text

    text = Text(upper)
    if lower:
        text.append("\n" + lower, style="dim" if dim else "")
    return text


def _record(row: ModelRow) -> str:
    """Wins, ties and losses; nothing where a model was never compared."""
    return f"{count(row.wins)}/{count(row.ties)}/{count(row.losses)}" if row.wins + row.ties + row.losses else ""


def _below(f: Figure, e: Estimate | None, is_reference: bool) -> str:
    """The interval under a figure; the model that all others relate to has none by definition."""
    if f.field == "relative_score" and is_reference and e is not None and e.low is None:
        return "reference"
    return f.interval(e)


def _shown_pairs(table: Table) -> tuple[list[PairRow], str]:
    """The pairs that a terminal shows, and a sentence on the others."""
    top = {row.model for row in table.models[:SHOWN_MODELS]}
    shown, which = [pair for pair in table.pairs if {pair.model_a, pair.model_b} <= top], "among"
    if not shown:  # all were compared with a model that is not among them
        shown, which = [pair for pair in table.pairs if {pair.model_a, pair.model_b} & top], "with one of"
    if len(shown) == len(table.pairs):
        return shown, ""
    return shown, (
        f"{count(len(shown))} of {things(len(table.pairs), 'pair')}: those {which} the {SHOWN_MODELS} highest models; "
        "leaderboard.md has them all."
    )


def markdown(report: Report) -> str:
    """The whole leaderboard as markdown, with every pair and every category."""
    run = report.run
    out = [f"# {md(run.name)}", ""]
    if report.partial:
        out += [f"**Partial:** {md(report.partial)}", ""]
    out += [f"- {name}: {md(shown)}" for name, shown in words.facts(report)[1:]]
    out += [f"- {name}: {md(shown)}" for name, shown in words.cost(report.cost)]
    out += ["", "Figures are shown with 95% intervals; n is the number of questions that they rest on.", ""]
    if agreed := words.agreement(report):
        out += [md(agreed), ""]
    for judge, board in report.leaderboards.items():
        out += [f"## {md(words.judged_by(report, judge))}", ""]
        if note := report.judge_notes.get(judge):
            out += [f"> {md(note)}", ""]
        out += _md_table(board.overall, board.reference)
        out += [md(words.unscored_sentence(board, words.unit(report, judge))), ""]
        for text in words.voices(report, judge):
            out += [md(text), ""]
        for text in board.notes:
            out += [f"Note: {md(text)}", ""]
        out += _md_card(report, judge)
        for name, table in board.categories.items():
            out += [f"### {md(name)}", "", *_md_table(table, board.reference)]
    return "\n".join(out).rstrip("\n") + "\n"


def _md_table(table: Table, reference: str | None) -> list[str]:
    """Models and pairs of one table as markdown lines."""
    figures, turns = words.figures(table), words.turns(table)
    grouped = words.grouped(table)
    head = ["#", *["group"] * grouped, "model", *(f.title for f in figures), *(f"turn {turn}" for turn in turns)]
    rows = []
    for row in table.models:
        shown = [(f, getattr(row, f.field)) for f in figures] + [(MEAN_SCORE, row.turns.get(turn)) for turn in turns]
        cells = [
            rank(row.rank),
            *[row.groups or MISSING] * grouped,
            row.model,
            *(f.full(e) for f, e in shown),
            sample_size(e for _, e in shown),
        ]
        cells += [count(x) for x in (row.wins, row.ties, row.losses, row.scored, row.unscored)]
        rows.append(cells)
    out = _md_rows([*head, "n", "wins", "ties", "losses", "scored", "unscored"], rows, left=2 + grouped)
    if told := words.groups(table):
        out += [told, ""]
    if reference is not None and any(f.field == "relative_score" for f in figures):
        out += [f"Relative to {md(reference)}.", ""]
    if aspects.names(table):
        head, *rows = aspects.rows(table)
        out += ["Scores by aspect:", "", *_md_rows(head, rows, left=1)]
    if table.pairs:
        out += _md_pairs(table.pairs)
    return out


def _md_card(report: Report, judge: str) -> list[str]:
    """A judge's card as markdown lines; none where it has no card."""
    card = (report.judge_card or {}).get(judge)
    if card is None:
        return []
    rows = [[r.title, r.value, r.interval, r.n, r.basis, r.meaning] for r in card_words.rows(card)]
    out = ["### Judge card", "", *_md_rows(["figure", "value", "interval", "n", "of", "meaning"], rows, left=1, right=3)]
    notes = [md(text) for texts in card_words.notes(card).values() for text in texts]
    return [*out, *(f"- {text}" for text in notes), *([""] if notes else [])]


def _md_pairs(pairs: tuple[PairRow, ...]) -> list[str]:
    """Pairs as markdown lines; win rate and totals are seen from model a."""
    sums = words.has_totals(pairs)
    head = ["model a", "model b", "a wins", "ties", "b wins", *(["total a", "total b"] if sums else [])]
    rows = []
    for p in pairs:
        cells = [p.model_a, p.model_b, count(p.wins_a), count(p.ties), count(p.wins_b)]
        if sums:
            cells += [total(p.total_a), total(p.total_b)]
        cells += [WIN_RATE.full(p.win_rate_a), p_value(p.p_value), p_value(p.p_adjusted), p_value(p.p_bh)]
        cells.append(sample_size([p.win_rate_a]))
        rows.append([*cells, count(p.scored), count(p.unscored)])
    return _md_rows([*head, "win rate of a", "p", "p (Holm)", "p (BH)", "n", "scored", "unscored"], rows, left=2)


def _md_rows(head: list[str], rows: Iterable[list[str]], left: int, right: int | None = None) -> list[str]:
    """A markdown table; columns after the first `left`, all of them or `right` many, hold numbers and are set to the right."""
    numbers = range(left, len(head) if right is None else left + right)
    rule = ["---:" if i in numbers else "---" for i in range(len(head))]
    shown = [head, *rows]
    out = ["| " + " | ".join(md(cell) for cell in cells) + " |" for cells in shown]
    return [out[0], "| " + " | ".join(rule) + " |", *out[1:], ""]


def csv_text(report: Report) -> str:
    """One row per judge, scope and model with every figure unrounded; an undefined figure is an empty cell."""
    turns = sorted({t for b in report.leaderboards.values() for row in b.overall.models for t in row.turns})
    parts = ("", "_low", "_high", "_n", "_standard_error")
    scored = sorted({name for b in report.leaderboards.values() for name in aspects.names(b.overall)})
    names = [f.field for f in FIGURES] + [f"turn_{line(t)}" for t in turns] + [f"aspect_{line(name)}" for name in scored]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["judge", "scope", "category", "model", "rank_best", "rank_worst", "groups"]
    head += [name + part for name in names for part in parts]
    writer.writerow([*head, "wins", "ties", "losses", "scored", "unscored"])
    for judge, board in report.leaderboards.items():
        scopes = [("overall", "", board.overall), *(("category", name, t) for name, t in board.categories.items())]
        for scope, category, table in scopes:
            for row in table.models:
                estimates = [getattr(row, f.field) for f in FIGURES] + [row.turns.get(t) for t in turns]
                estimates += [row.aspects.get(name) for name in scored]
                numbers = [cell for e in estimates for cell in _csv_estimate(e)]
                named = [line(judge), scope, line(category), line(row.model), *(row.rank or ("", "")), row.groups or ""]
                writer.writerow([*named, *numbers, row.wins, row.ties, row.losses, row.scored, row.unscored])
    return out.getvalue()


def _csv_estimate(e: Estimate | None) -> list[object]:
    """Value, low, high, n and standard error, shortest text that reads back as the same number."""
    if e is None:
        return [""] * 5
    value, low, high, error = (
        repr(float(x)) if x is not None and x == x else "" for x in (e.value, e.low, e.high, e.standard_error)
    )
    return [value, low, high, e.n, error]
