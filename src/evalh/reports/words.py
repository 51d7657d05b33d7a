"""The plain words that every form of a report shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evalh.reports import card_words, noticed, steering
from evalh.reports.document import Cost, Report
from evalh.reports.juries import lines
from evalh.reports.leaderboard import Leaderboard, PairRow, Table
from evalh.reports.numbers import FIGURES, MISSING, WIN_RATE, Figure, count, dollars, moment, things, tokens
from evalh.reports.text import line

STATUS_WORDS: Final[Mapping[str, str]] = {
    "scored": "scored",
    "no_verdict": "without a verdict",
    "conflicting": "with contradictory verdicts",
    "out_of_range": "with a number outside the scale",
    "off_scale": "with a value that the scale does not have",
    "quoted": "with a verdict only inside a quotation",
    "truncated": "cut off before the verdict",
    "empty": "left empty",
    "refused": "declined by the judge",
    "failed": "with a failed request",
    "no_answer": "without an answer to judge",
    "incomplete": "with an aspect not judged yet",
    "no_quorum": "with too few scored voices",
}


FIRST_PLACES: Final = 4
"""Names in a sentence on the first place before the others are only counted."""


def status_words(status: str) -> str:
    """A status in words that follow a number, as in "2 cut off before the verdict"; an unknown one as it is."""
    return STATUS_WORDS.get(status, line(status))


def unscored(board: Leaderboard) -> list[tuple[str, int]]:
    """What is missing from the figures: (words, count), the most frequent first."""
    found = [(status_words(status), n) for status, n in board.unscored_by_status.items() if n and status != "scored"]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def unscored_sentence(board: Leaderboard, noun: str = "judgment") -> str:
    """The same in one sentence."""
    found = unscored(board)
    if not found:
        return f"Unscored {noun}s: none."
    parts = ", ".join(f"{count(n)} {words}" for words, n in found)
    return f"Unscored {noun}s: {count(sum(n for _, n in found))} ({parts}); they count in no figure."


def headline(board: Leaderboard) -> str:
    """What the ranks say about the first place, in one sentence; empty where nothing was ranked."""
    ranked = [row for row in board.overall.models if row.rank is not None]
    first = [row for row in ranked if row.rank and row.rank[0] == 1]
    if len(ranked) < 2 or not first:
        return ""
    if first[0].rank == (1, 1):
        return f"{line(first[0].model)} is significantly better than every other model."
    names = [line(row.model) for row in first[:FIRST_PLACES]]
    if len(first) > len(names):
        names.append(f"{len(first) - len(names)} more")
    if len(names) == 1:
        return f"No other model is significantly better than {names[0]}."
    return f"First place is shared: no model is significantly better than {', '.join(names[:-1])} or {names[-1]}."


def grouped(table: Table) -> bool:
    """Whether models have letters that say which of them cannot be told apart."""
    return any(row.groups for row in table.models)


def groups(table: Table) -> str:
    """What the letters beside the ranks mean; empty where there are none to compare."""
    letters = [row.groups for row in table.models if row.groups]
    if len(letters) < 2:
        return ""
    if len({*letters}) == 1:
        return "No model can be told apart from another (p, Holm, above 0.05)."
    if len({*"".join(letters)}) == sum(map(len, letters)):
        return "Every model can be told apart from every other (p, Holm, at most 0.05)."
    return "Models with a letter in common cannot be told apart (p, Holm, above 0.05)."


def figures(table: Table) -> list[Figure]:
    """The figures that at least one model of a table has, in their fixed order."""
    return [f for f in FIGURES if any(getattr(row, f.field) is not None for row in table.models)]


def turns(table: Table) -> list[str]:
    """The turns that have scores of their own; empty where there is only one."""
    names = sorted({turn for row in table.models for turn in row.turns}, key=lambda t: (len(t), t))
    return names if len(names) > 1 else []


def has_totals(pairs: tuple[PairRow, ...]) -> bool:
    """Whether a judge gave two scores in one reply, so that pairs have sums of scores."""
    return any(pair.total_a is not None or pair.total_b is not None for pair in pairs)


def facts(report: Report) -> list[tuple[str, str]]:
    """The facts of a run as (name, words)."""
    run = report.run
    juries = [f"{line(name)} ({', '.join(line(m) for m in jury.members)})" for name, jury in report.juries.items()]
    shown = [
        ("run", line(run.name)),
        ("models", ", ".join(line(m) for m in run.models)),
        ("judges" if len(run.judges) != 1 else "judge", ", ".join(line(j) for j in run.judges)),
        *([("juries" if len(juries) > 1 else "jury", ", ".join(juries))] if juries else []),
        ("questions", f"{line(run.questions)} ({things(run.question_count, 'question')})"),
        ("started", moment(run.started_at)),
        ("finished", moment(run.finished_at)),
        *servers(report),
    ]
    return [(name, words or MISSING) for name, words in shown]


def servers(report: Report) -> list[tuple[str, str]]:
    """What servers left out of answers, and which replied under another name, as (name, words); empty where none did."""
    return list(noticed.facts(report.answer_flags, report.served, report.changed))


def voices(report: Report, judge: str) -> list[str]:
    """How a jury came to its rulings, what became of a judge's repeats, and what its server left out, in sentences."""
    return [
        *lines(judge, report.juries.get(judge), report.repeats.get(judge)),
        *noticed.judge_lines(report.judge_flags.get(judge)),
        *steering.lines(report.steering.get(judge)),
    ]


def card(report: Report, judge: str) -> list[str]:
    """What a reader should know of a judge's biases, in a few sentences."""
    return card_words.told(report.judge_card, judge)


def unit(report: Report, judge: str) -> str:
    """What is scored or unscored: a judge's judgments, a jury's cases."""
    return "case" if judge in report.juries else "judgment"


def judged_by(report: Report, judge: str) -> str:
    """The heading of a judge's or a jury's part."""
    return f"Judged by {'the jury ' if judge in report.juries else ''}{line(judge)}"


def cost(spent: Cost) -> list[tuple[str, str]]:
    """What the run took, as (name, words)."""
    shown = [
        ("dollars", dollars(spent.usd) if spent.usd is not None else "unknown"),
        ("requests", count(spent.requests)),
        ("from the ledger", count(spent.cached)),
        ("tokens in", tokens(spent.input_tokens)),
        ("tokens out", tokens(spent.output_tokens)),
    ]
    if spent.unpriced:
        shown.append(("no price known for", ", ".join(line(name) for name in spent.unpriced)))
    return shown


def agreement(report: Report) -> str:
    """How far the judge agrees with what was known beforehand, in one sentence; empty where nothing was."""
    if report.agreement is None:
        return ""
    e = report.agreement.estimate
    return f"Agreement {WIN_RATE.full(e)}, {things(e.n, 'question')}: {line(report.agreement.sentence).rstrip('.')}."
