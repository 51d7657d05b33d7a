"""A run folder -> Report: records, manifest and votes brought together, from the folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evalh.core.families import family_of
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.core.wire import Columns
from evalh.errors import StatsError, UnknownName
from evalh.pipeline import manifest as manifests
from evalh.pipeline.collect import collect
from evalh.pipeline.excerpt import RECORDS, Excerpt, Sizes, excerpt
from evalh.pipeline.omissions import renamed
from evalh.reports.document import Agreement, Cost, Report, RunFacts, Sheet
from evalh.reports.judge_card import INCONSISTENT, Known, Strengths, cards, inconsistent_by_question
from evalh.reports.juries import RepeatsPart, Voices, hear, repeats_part
from evalh.reports.leaderboard import Leaderboard, Table, build
from evalh.reports.noticed import Served, Tally, versions_of
from evalh.reports.numbers import WIN_RATE, count, things
from evalh.reports.steering import Watch
from evalh.reports.stopping import of_run
from evalh.stats.agreement import agreement
from evalh.stats.frame import Results


def leaderboards(
    folder: RunFolder, results: Results, manifest: Mapping[str, Any], reference: str | None = None
) -> Mapping[str, Leaderboard]:
    """The leaderboard of every jury, then of every judge.

    Raises:
        UnknownName: the reference is not a model of the run.
    """
    return _boards(folder, _voices(results, manifest), manifest, reference)


def _voices(results: Results, manifest: Mapping[str, Any]) -> Voices:
    """What juries and judges said, by the rules in run.json."""
    return hear(results, manifest["judges"], manifest.get("juries") or {})


def _boards(folder: RunFolder, voices: Voices, manifest: Mapping[str, Any], reference: str | None) -> Mapping[str, Leaderboard]:
    models = list(manifest["models"])
    if reference is not None and reference not in models:
        raise UnknownName("reference (it must be a model of the run)", reference, tuple(models))
    categories = list(dict.fromkeys(c for block in folder.columns(Question) for c in block["category"]))
    seed = int(manifest.get("seed") or 0)
    boards = build(voices.results, categories=categories, reference=reference, models=models, seed=seed)
    return of_run(boards, voices.results, manifest.get("separation") or {}, seed, list(voices.juries))


def table_rows(table: Table) -> list[dict[str, Any]]:
    """One flat row per model: each figure as NAME, NAME_low, NAME_high, NAME_n and NAME_standard_error; else None."""
    rows: list[dict[str, Any]] = []
    for m in table.models:
        row: dict[str, Any] = {"model": m.model, "rank_best": m.rank and m.rank[0], "rank_worst": m.rank and m.rank[1]}
        row["groups"] = m.groups
        figures = {"mean_score": m.mean_score, "relative_score": m.relative_score, "win_rate": m.win_rate}
        figures |= {"length_controlled_win_rate": m.length_controlled_win_rate, "rating": m.rating}
        aspects = {f"aspect_{name}": e for name, e in m.aspects.items()}
        for name, e in {**figures, **{f"turn_{t}": e for t, e in m.turns.items()}, **aspects}.items():
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
    seen, watch, strengths = Tally(), Watch(), Strengths()
    sizes = Sizes(folder) if sheets else None

    def look(found: Columns) -> None:
        seen.note(found)
        watch.note(found)
        if sizes is not None:
            sizes.note(found)
        strengths.note(found)

    results = collect(folder, look)
    voices = _voices(results, manifest)
    boards = _boards(folder, voices, manifest, reference)
    notes = {name: jury.note for name, jury in voices.juries.items()}
    notes |= {name: j.get("note", "") for name, j in manifest["judges"].items()}
    questions = sum(len(block["question_id"]) for block in folder.columns(Question))
    shown = excerpt(folder, sizes, questions) if sizes is not None else Excerpt(())
    repeated = _repeats(folder, results, manifest)
    known = _known(folder, manifest, seen, strengths, repeated)
    return Report(
        run=_facts(manifest, questions),
        leaderboards=boards,
        cost=Cost.of(manifest.get("cost") or {}),
        partial=manifest.get("partial"),
        judge_notes={name: note for name, note in notes.items() if note},
        sheets=tuple(_sheet(shown, question) for question in shown.questions),
        left_out=_left_out(shown),
        agreement=_agreement(folder, voices),
        juries=voices.juries,
        repeats=repeated,
        judge_card=cards(voices.results, results, known, int(manifest.get("seed") or 0)),
        judge_flags=seen.judges,
        steering=watch.judges,
        answer_flags=seen.models,
        served=tuple(Served(*found) for found in renamed(manifest)),
        changed={
            label: versions
            for label, pairs in (manifest.get("served") or {}).items()
            if len(versions := versions_of(pairs)) > 1
        },
    )


def _facts(manifest: Mapping[str, Any], questions: int) -> RunFacts:
    """What was run, and with what."""
    return RunFacts(
        name=manifest["name"],
        judges=tuple(manifest["judges"]),
        models=tuple(manifest["models"]),
        questions=str((manifest.get("questions") or {}).get("set") or ""),
        question_count=questions,
        started_at=manifest.get("started_at"),
        finished_at=manifest.get("finished_at"),
        versions=manifest.get("versions") or {},
        inputs=manifest.get("inputs") or {},
    )


def _known(
    folder: RunFolder, manifest: Mapping[str, Any], seen: Tally, strengths: Strengths, repeats: Mapping[str, RepeatsPart]
) -> Known:
    """What judge cards need to know beside the rows."""
    judges, served = manifest["judges"], manifest.get("served") or {}
    inconsistent = [name for name, flags in seen.judges.items() if INCONSISTENT in flags.counts]
    return Known(
        judges={name: family_of(name, entry.get("model")) for name, entry in judges.items()},
        models={name: family_of(name, entry) for name, entry in manifest["models"].items()},
        juries={name: tuple(jury["members"]) for name, jury in (manifest.get("juries") or {}).items()},
        votes=folder.votes(),
        flags={name: flags.counts for name, flags in seen.judges.items()},
        strengths=strengths.judges,
        inconsistent={name: inconsistent_by_question(folder.raw(Judgment), name) for name in inconsistent},
        repeats=repeats,
        served={
            name: tuple((pair[0], pair[1]) for pair in served.get(entry.get("asks"), ())) for name, entry in judges.items()
        },
    )


def _repeats(folder: RunFolder, results: Results, manifest: Mapping[str, Any]) -> dict[str, RepeatsPart]:
    """What is to be said of every judge's repeats; empty where nothing was asked twice."""
    if not (results.sample > 0).any():
        return {}
    of_answers = any(a["sample"] for a in folder.raw(Answer))
    rules = {name: str(entry.get("repeats", "each")) for name, entry in manifest["judges"].items()}
    parts = {name: repeats_part(results, name, rule, of_answers) for name, rule in rules.items()}
    return {name: part for name, part in parts.items() if part is not None}


def _sheet(shown: Excerpt, question: Question) -> Sheet:
    """One question of an excerpt with all that is shown of it."""
    name = question.question_id
    return Sheet(question, tuple(shown.answers.get(name, ())), tuple(shown.judgments.get(name, ())))


def _left_out(shown: Excerpt) -> str:
    """A sentence on what the page does not show one by one; nothing where it shows all."""
    left = shown.left_out
    if left is None:
        return ""
    missing = [things(left.questions, "question"), things(left.answers, "answer")]
    return (
        f"Of a run this large the page shows the beginning: {', '.join(missing)} and {things(left.judgments, 'judgment')} are "
        f"left out here, since it holds at most {count(RECORDS)} of them together. Every figure rests on all of them; they "
        "stand in questions.jsonl, answers.jsonl and judgments.jsonl of the run."
    )


def _agreement(folder: RunFolder, voices: Voices) -> Agreement | None:
    """How often the first jury, or else the first judge, agrees with the votes in the folder, where there are any."""
    votes, results = folder.votes(), voices.results
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
    name = f"{'jury' if judge in voices.juries else 'judge'} {judge}"
    sentence = f"{name} names the same outcome (win, tie or loss) as {who} in this share of {n} comparisons"
    try:
        decided, m = agreement(rows, votes, ties="dropped")
    except StatsError:
        return Agreement(kept, sentence)
    return Agreement(kept, f"{sentence}; among the {m} that neither side calls a tie, {WIN_RATE.full(decided)}")
