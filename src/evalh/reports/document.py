"""What a report is made of, before anyone decides how it looks. No I/O here.

records ──▶ Leaderboard ┐
run.json, ledger        ├──▶ Report ──▶ terminal, markdown, CSV, JSON, page, plots
questions, judgments    ┘
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalh.core.records import Answer, Judgment, Question
from evalh.reports import card_words
from evalh.reports.aspects import by_name
from evalh.reports.judge_card import JudgeCard, card_json
from evalh.reports.juries import JuryPart, RepeatsPart, described_json, jury_json, repeats_json
from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table
from evalh.reports.noticed import Flags, Served, flags_json, served_json
from evalh.reports.steering import Steered, steering_json
from evalh.reports.stopping import stopping_json
from evalh.stats.estimate import Estimate


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was run, and with what. Times are ISO 8601 texts as stored; `inputs` maps a name to its SHA-256."""

    name: str
    judges: tuple[str, ...]
    models: tuple[str, ...]
    questions: str
    question_count: int
    started_at: str | None = None
    finished_at: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the run took. `usd` is None where no price is known at all; `unpriced` names the models without a price."""

    usd: float | None = None
    requests: int = 0
    cached: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    unpriced: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Cost:
        """From the `cost` of run.json; an imported run has none."""
        return cls(
            usd=stored.get("usd"),
            requests=stored.get("requests", 0),
            cached=stored.get("cached", 0),
            input_tokens=stored.get("input_tokens"),
            output_tokens=stored.get("output_tokens"),
            unpriced=tuple(stored.get("unpriced") or ()),
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """One question with all its answers and all that judges said about them, in the order to be shown."""

    question: Question
    answers: tuple[Answer, ...] = ()
    judgments: tuple[Judgment, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the judge agrees with something known beforehand; `sentence` says with what."""

    estimate: Estimate
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report shows.

    `leaderboards` holds one per jury and judge, in the order to be shown; `juries` tells which of them are juries, and how
    they came to their rulings, `repeats` what became of repeats, by judge, `judge_card` what they tell of their biases.
    `partial` is a sentence on why figures rest on less than was asked for (a budget, an interruption), None for a complete
    run. `judge_notes` says in plain words what a reader has to know about a judge. `judge_flags` and `answer_flags` count the
    flags of records, by judge and by model; `served` names the models that replied under another name than was asked for,
    `changed` those of which another version replied in the course of the run; `steering` counts answers that may try to steer
    a judge, by judge and model. `sheets` may be empty: the page then shows figures only. `left_out` says what
    `sheets` lack of a large run.
    """

    run: RunFacts
    leaderboards: Mapping[str, Leaderboard]
    cost: Cost = field(default_factory=Cost)
    partial: str | None = None
    judge_notes: Mapping[str, str] = field(default_factory=dict)
    sheets: tuple[Sheet, ...] = ()
    left_out: str = ""
    judge_card: Mapping[str, JudgeCard] | None = None
    agreement: Agreement | None = None
    juries: Mapping[str, JuryPart] = field(default_factory=dict)
    repeats: Mapping[str, RepeatsPart] = field(default_factory=dict)
    judge_flags: Mapping[str, Flags] = field(default_factory=dict)
    answer_flags: Mapping[str, Flags] = field(default_factory=dict)
    served: tuple[Served, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steering: Mapping[str, Mapping[str, Steered]] = field(default_factory=dict)

    @property
    def chief(self) -> Leaderboard | None:
        """The leaderboard that stands for the run: the only jury's, or where there is none the only judge's; else None."""
        names = list(self.juries or self.leaderboards)
        return self.leaderboards.get(names[0]) if len(names) == 1 else None


def to_json(report: Report) -> dict[str, Any]:
    """The object of `evalh report --format json`, as docs and scripts know it: nothing is ever left out, only null.

    Beyond the promised fields: why the run is partial, what stayed unscored by status, notes, juries, repeats, and
    agreement with votes.
    """
    run, cost, chief = report.run, report.cost, report.chief
    references = {board.reference for board in ([chief] if chief else report.leaderboards.values())}
    return {
        "schema": 1,
        "run": {
            "name": run.name,
            "judges": list(run.judges),
            "models": list(run.models),
            "questions": run.questions,
            "question_count": run.question_count,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "versions": dict(run.versions),
            "partial": report.partial,
            "juries": {name: described_json(jury) for name, jury in report.juries.items()},
        },
        **(_board(chief) if chief else {"models": None, "pairs": None, "aspects": None, "categories": None, "stopping": None}),
        "by_judge": {
            judge: {
                **_board(board),
                "unscored_by_status": dict(board.unscored_by_status),
                "notes": list(board.notes),
                "length_controlled_against": board.opponent,
                "jury": jury_json(report.juries.get(judge), estimate_json),
                "repeats": repeats_json(report.repeats.get(judge), estimate_json),
                **flags_json(report.judge_flags.get(judge)),
                "flagged_answers": steering_json(report.steering.get(judge)),
            }
            for judge, board in report.leaderboards.items()
        },
        "agreement": None
        if report.agreement is None
        else {"agreement": estimate_json(report.agreement.estimate), "with": report.agreement.sentence},
        "judge_card": None
        if report.judge_card is None
        else {
            judge: plain(card_json(card, card_words.notes(card), estimate_json)) for judge, card in report.judge_card.items()
        },
        "answers": {model: flags_json(flags) for model, flags in report.answer_flags.items()},
        "served": served_json(report.served),
        "changed": {label: list(versions) for label, versions in report.changed.items()},
        "cost": {
            "usd": _number(cost.usd),
            "requests": cost.requests,
            "cached": cost.cached,
            "input_tokens": cost.input_tokens,
            "output_tokens": cost.output_tokens,
            "unpriced": list(cost.unpriced),
        },
        # Several judges may relate their scores to different models; then no single name would be true.
        "reference": references.pop() if len(references) == 1 else None,
    }


def _board(board: Leaderboard) -> dict[str, Any]:
    return {
        **_table(board.overall),
        "stopping": stopping_json(board.stopping),
        "categories": {name: _table(table) for name, table in board.categories.items()},
    }


def _table(table: Table) -> dict[str, Any]:
    aspects = {name: {m: estimate_json(e) for m, e in scores.items()} for name, scores in by_name(table).items()}
    return {"models": [_model(row) for row in table.models], "pairs": [_pair(row) for row in table.pairs], "aspects": aspects}


def _model(row: ModelRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "rank": list(row.rank) if row.rank else None,
        "mean_score": estimate_json(row.mean_score),
        "relative_score": estimate_json(row.relative_score),
        "win_rate": estimate_json(row.win_rate),
        "length_controlled_win_rate": estimate_json(row.length_controlled_win_rate),
        "rating": estimate_json(row.rating),
        "turns": {turn: estimate_json(estimate) for turn, estimate in sorted(row.turns.items())},
        "wins": row.wins,
        "ties": row.ties,
        "losses": row.losses,
        "scored": row.scored,
        "unscored": row.unscored,
        "groups": row.groups,
    }


def _pair(row: PairRow) -> dict[str, Any]:
    return {
        "model_a": row.model_a,
        "model_b": row.model_b,
        "wins_a": row.wins_a,
        "ties": row.ties,
        "wins_b": row.wins_b,
        "total_a": _number(row.total_a),
        "total_b": _number(row.total_b),
        "win_rate_a": estimate_json(row.win_rate_a),
        "p_value": _number(row.p_value),
        "p_adjusted": _number(row.p_adjusted),
        "scored": row.scored,
        "unscored": row.unscored,
        "p_bh": _number(row.p_bh),
    }


def estimate_json(e: Estimate | None) -> dict[str, Any] | None:
    """A figure as every JSON document of ours shows it; what is not finite is null."""
    if e is None:
        return None
    return {
        "value": _number(e.value),
        "low": _number(e.low),
        "high": _number(e.high),
        "n": int(e.n),
        "standard_error": _number(e.standard_error),
    }


def _number(x: float | None) -> float | None:
    """A number as JSON can hold it: what is not finite is null, and numpy's types become Python's."""
    return None if x is None or not math.isfinite(x) else float(x)


def plain(value: Any) -> Any:
    """Any mapping or sequence as what JSON is made of."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return _number(value) if isinstance(value, float) else value
