"""A judge beside votes, or another judge: in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from evalh.reports.corrected import corrected_json, corrected_lines
from evalh.reports.document import estimate_json
from evalh.reports.numbers import count, fixed, interval, percent, share, things
from evalh.reports.text import line
from evalh.stats.correction import Correction
from evalh.stats.estimate import Estimate
from evalh.stats.kappa import Agreement
from evalh.stats.rank_correlation import Correlations
from evalh.stats.voting import LeftOut

Setups = Mapping[str, Agreement | None]
"""Ties "kept" or "dropped" -> agreement; None where no comparison is left."""
NAMED: Final = 8  # unknown models and questions that are named in text


@dataclass(frozen=True, slots=True)
class Agreed:
    """How far a judge agrees with others.

    Attributes:
        run, judge: whose judgments.
        other: what they are held against, as it was named; `other_judge` where it is a judge, else `raters` who voted.
        votes, comparisons: votes there are, and comparisons that were both judged and voted on.
        overall, turns: agreement over all turns, and by turn.
        raters_overall, raters_turns: the same of every two votes on one comparison; None and empty beside a judge.
        alpha: Krippendorff's, of the judge and everybody who voted, by level; `raters_alpha` of the latter alone.
        brier, brier_base: of the judge's preference against the votes; and of always saying what they say on average.
        correlations: of the two leaderboards.
        corrected: win rates and ratings as people would have them; None beside a judge, or for the reason in `uncorrected`.
        left_out, unread: what the figures do not rest on; rows of the file that are no votes, by reason.
        notes: plain sentences that a reader must know.
    """

    run: str
    judge: str
    other: str
    other_judge: str | None
    raters: tuple[str, ...]
    votes: int
    comparisons: int
    overall: Setups
    turns: Mapping[int, Setups]
    raters_overall: Setups | None
    raters_turns: Mapping[int, Setups]
    alpha: Mapping[str, Estimate | None]
    raters_alpha: Mapping[str, Estimate | None] | None
    brier: Estimate
    brier_base: float
    correlations: Correlations
    corrected: Correction | None = None
    uncorrected: str = ""
    left_out: LeftOut = field(default_factory=LeftOut)
    unread: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kappa(self) -> Estimate | None:
        """Cohen's kappa over all turns, ties kept."""
        kept = self.overall["kept"]
        return None if kept is None else kept.kappa


def to_json(found: Agreed) -> dict[str, Any]:
    """The object of `evalh agree --format json`; docs/agreement.md describes it. Fractions are not rounded."""
    c = found.correlations
    told = c.separability
    return {
        "schema": 1,
        "run": found.run,
        "judge": found.judge,
        "with": {
            "name": found.other,
            "judge": found.other_judge,
            "raters": list(found.raters),
            "votes": found.votes,
            "comparisons": found.comparisons,
        },
        "agreement": _entries(found.turns),
        "overall": _entries({None: found.overall}),
        "kappa": estimate_json(found.kappa),
        "raters": None
        if found.raters_overall is None
        else {
            "agreement": _entries(found.raters_turns),
            "overall": _entries({None: found.raters_overall}),
            "alpha": _levels(found.raters_alpha or {}),
        },
        "alpha": _levels(found.alpha),
        "brier": {"score": estimate_json(found.brier), "base": found.brier_base},
        "leaderboards": {
            "models": list(c.models),
            "spearman": estimate_json(c.spearman),
            "kendall": estimate_json(c.kendall),
            "separability": told
            and {
                "pairs": told.pairs,
                "judge": told.first,
                "votes": told.second,
                "both": told.both,
                "agree": told.agree,
                "agreement_with_confidence": told.agreement,
            },
            "note": c.note or None,
        },
        "corrected": corrected_json(found.corrected),
        "left_out": {
            "comparisons_without_vote": found.left_out.unvoted,
            "votes_without_judgment": found.left_out.unjudged,
            "unknown_models": dict(found.left_out.models),
            "unknown_questions": dict(found.left_out.questions),
            "rows": dict(found.unread),
        },
        "notes": list(found.notes),
    }


def _entries(by_turn: Mapping[Any, Setups]) -> list[dict[str, Any]]:
    return [_entry(turn, ties, a) for turn, setups in sorted(by_turn.items()) for ties, a in setups.items()]


def _entry(turn: int | None, ties: str, a: Agreement | None) -> dict[str, Any]:
    """`n` counts pairs of outcomes, so that `agree` / `n` is `value`; `questions` is what the interval rests on."""
    e = a.value if a is not None else Estimate(None)
    return {
        "turn": turn,
        "ties": ties,
        "value": e.value,
        "low": e.low,
        "high": e.high,
        "standard_error": e.standard_error,
        "agree": a.agree if a is not None else 0,
        "n": a.n if a is not None else 0,
        "questions": e.n,
        "expected": a.expected if a is not None else None,
        "kappa": estimate_json(a.kappa) if a is not None else None,
    }


def _levels(by_level: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {level: estimate_json(e) for level, e in by_level.items()}


def text(found: Agreed) -> str:
    """For a terminal or a log."""
    other = f"judge {found.other_judge}" if found.other_judge else things(len(found.raters), "rater")
    counts = f"{things(found.votes, 'vote')}, {things(found.comparisons, 'comparison')} that both sides decided"
    lines = [line(f"judge {found.judge} and {other} ({found.other}): {counts}"), ""]
    lines += _table("judge and votes" if not found.other_judge else "both judges", found.turns, found.overall)
    if found.raters_overall is not None and found.raters_overall["kept"] is not None:
        lines += ["", *_table("two raters", found.raters_turns, found.raters_overall)]
    lines += ["", *_alpha_lines(found)]
    lines.append(
        f"Brier score of the judge's preference: {_two(found.brier, 3)}; "
        f"of always saying what the votes say on average: {fixed(found.brier_base, 3)}"
    )
    lines += _board_lines(found)
    lines += corrected_lines(found.corrected)
    lines += [f"no corrected figures: {line(found.uncorrected)}"] if found.uncorrected else []
    lines += [f"left out: {line(said)}" for said in _left_out(found)]
    lines += [f"note: {line(note)}" for note in found.notes]
    return "\n".join(lines)


def _table(title: str, turns: Mapping[int, Setups], overall: Setups) -> list[str]:
    """Agreement by turn, then over all turns where there are several."""
    rows = [(title, "ties", "agreement", "same", "by chance", "kappa")]
    named = {f"turn {turn}": setups for turn, setups in sorted(turns.items())}
    named |= {"all turns": overall} if len(turns) > 1 else {}
    for name, setups in named.items():
        for ties, a in setups.items():
            rows.append((name, ties, *_cells(a)))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(a: Agreement | None) -> tuple[str, str, str, str]:
    if a is None:
        return ("–", "0 of 0", "–", "–")
    ends = interval(a.value.low, a.value.high, share)
    shown = percent(a.value.value) + (f" ({ends})" if ends != "–" else "")
    return shown, f"{count(a.agree)} of {count(a.n)}", percent(a.expected), _two(a.kappa)


def _two(e: Estimate | None, digits: int = 2) -> str:
    """A figure with its interval, as a plain number."""
    if e is None:
        return "–"
    ends = interval(e.low, e.high, lambda x: fixed(x, digits))
    return fixed(e.value, digits) + (f" ({ends})" if ends != "–" else "")


def _alpha_lines(found: Agreed) -> list[str]:
    voices = "both judges" if found.other_judge else "the judge and all raters"
    rows = [(voices, found.alpha)] + ([("the raters alone", found.raters_alpha)] if found.raters_alpha else [])
    rows = [(name, by_level) for name, by_level in rows if any(by_level.values())]
    return [
        f"Krippendorff's alpha of {name}: {', '.join(f'{level} {_two(e)}' for level, e in by_level.items())}"
        for name, by_level in rows
    ]


def _board_lines(found: Agreed) -> list[str]:
    c = found.correlations
    lines = []
    if c.spearman is not None or c.kendall is not None:
        lines.append(
            f"order of {things(len(c.models), 'model')} (rank intervals): "
            f"Spearman {_two(c.spearman)}, Kendall {_two(c.kendall)}"
        )
    told = c.separability
    if told is not None:
        lines.append(
            f"pairs of models told apart, of {told.pairs}: {told.first} by the judge, {told.second} by the votes, "
            f"{told.both} by both and of these {told.agree} in the same order "
            f"(agreement with confidence {fixed(told.agreement, 2)})"
        )
    return lines + ([f"no rank correlation: {line(c.note)}"] if c.note else [])


def _left_out(found: Agreed) -> Iterable[str]:
    lost = found.left_out
    if lost.unvoted:
        yield f"{things(lost.unvoted, 'comparison')} of the judge without a vote"
    if lost.unjudged:
        yield f"{things(lost.unjudged, 'vote')} on comparisons that the judge did not decide"
    for what, known in (("models", lost.models), ("questions", lost.questions)):
        if known:
            named = ", ".join(f"{name} ({count(n)})" for name, n in list(known.items())[:NAMED])
            more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
            yield f"votes on {what} that the judge knows nothing of: {named}{more}"
    for reason, n in found.unread.items():
        yield f"{things(n, 'row')} with {reason}"
