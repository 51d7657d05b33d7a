"""A run folder -> Report: records, manifest and votes brought together, from the folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import StatsError, UnknownName
from evalh.pipeline import manifest as manifests
from evalh.pipeline.collect import collect
from evalh.reports.document import Agreement, Cost, Report, RunFacts, Sheet
from evalh.reports.leaderboard import Leaderboard, Table, build
from evalh.reports.numbers import WIN_RATE
from evalh.stats.agreement import agreement
from evalh.stats.frame import Results


def leaderboards(
    folder: RunFolder, results: Results, manifest: Mapping[str, Any], reference: str | None = None
) -> Mapping[str, Leaderboard]:
    """The leaderboard of every judge.

    Raises:
        UnknownName: the reference is not a model of the run.
    """
    models = list(manifest["models"])
    if reference is not None and reference not in models:
        raise UnknownName("reference (it must be a model of the run)", reference, tuple(models))
    categories = list(dict.fromkeys(q.category for q in folder.read(Question)))
    return build(results, categories=categories, reference=reference, models=models, seed=int(manifest.get("seed") or 0))


def table_rows(table: Table) -> list[dict[str, Any]]:
    """One flat row per model: each figure as NAME, NAME_low, NAME_high, NAME_n and NAME_standard_error; else None."""
    rows: list[dict[str, Any]] = []
    for m in table.models:
        row: dict[str, Any] = {"model": m.model, "rank_best": m.rank and m.rank[0], "rank_worst": m.rank and m.rank[1]}
        figures = {"mean_score": m.mean_score, "relative_score": m.relative_score, "win_rate": m.win_rate, "rating": m.rating}
        for name, e in {**figures, **{f"turn_{t}": e for t, e in m.turns.items()}}.items():
            row[name] = e and e.value
            for part in ("low", "high", "n", "standard_error"):
                row[f"{name}_{part}"] = e and getattr(e, part)
        rows.append(row | {k: getattr(m, k) for k in ("wins", "ties", "losses", "scored", "unscored")})
    return rows


def report_of(folder: RunFolder, reference: str | None = None, *, sheets: bool = True) -> Report:
    """Everything that a report shows.

    Args:
        reference: the model that relative scores relate to; by default the best.
        sheets: whether answers and judgments are shown too (the page needs them, the terminal does not).

    Raises:
        StoreError: the folder is not a run, or a record in it cannot be read.
        UnknownName: the reference is not a model of the run.
    """
    manifest = manifests.read(folder)
    results = collect(folder)
    questions = list(folder.read(Question))
    cost = manifest.get("cost") or {}
    return Report(
        run=RunFacts(
            name=manifest["name"],
            judges=tuple(manifest["judges"]),
            models=tuple(manifest["models"]),
            questions=str((manifest.get("questions") or {}).get("set") or ""),
            question_count=len(questions),
            started_at=manifest.get("started_at"),
            finished_at=manifest.get("finished_at"),
            versions=manifest.get("versions") or {},
            inputs=manifest.get("inputs") or {},
        ),
        leaderboards=leaderboards(folder, results, manifest, reference),
        cost=Cost(
            usd=cost.get("usd"),
            requests=cost.get("requests", 0),
            cached=cost.get("cached", 0),
            input_tokens=cost.get("input_tokens"),
            output_tokens=cost.get("output_tokens"),
            unpriced=tuple(cost.get("unpriced") or ()),
        ),
        partial=manifest.get("partial"),
        judge_notes={name: j["note"] for name, j in manifest["judges"].items() if j.get("note")},
        sheets=_sheets(folder, questions) if sheets else (),
        agreement=_agreement(folder, results),
    )


def _sheets(folder: RunFolder, questions: Sequence[Question]) -> tuple[Sheet, ...]:
    answers: dict[str, list[Answer]] = {}
    judgments: dict[str, list[Judgment]] = {}
    for a in folder.read(Answer):
        answers.setdefault(a.question_id, []).append(a)
    for j in folder.read(Judgment):
        judgments.setdefault(j.question_id, []).append(j)
    return tuple(Sheet(q, tuple(answers.get(q.question_id, ())), tuple(judgments.get(q.question_id, ()))) for q in questions)


def _agreement(folder: RunFolder, results: Results) -> Agreement | None:
    """How often the first judge agrees with the verdicts recorded in the folder, where there are any."""
    votes = folder.votes()
    if not votes or not results.judge.labels:
        return None
    judge = results.judge.labels[0]
    rows = results.take(np.flatnonzero(results.judge.where(judge)))
    raters = sorted({str(v.get("rater") or "people") for v in votes})
    who = raters[0] if len(raters) == 1 else f"{len(raters)} raters"
    try:
        kept, n = agreement(rows, votes)
    except StatsError:
        return None
    sentence = f"judge {judge} names the same outcome (win, tie or loss) as {who} in this share of {n} comparisons"
    try:
        decided, m = agreement(rows, votes, ties="dropped")
    except StatsError:
        return Agreement(kept, sentence)
    return Agreement(kept, f"{sentence}; among the {m} that neither side calls a tie, {WIN_RATE.full(decided)}")
