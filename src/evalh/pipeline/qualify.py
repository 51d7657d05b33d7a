"""A run over the planted cases -> what the judge made of each, as `evalh.stats.qualification` takes it.

The cases are the built-in question set `planted`, with two recorded answers to each; asking a judge about them is a run like
any other, so it is planned, budgeted, paid for once and continued like one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalh.core import resources
from evalh.core.protocols import Judge
from evalh.core.records import Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import BadQuestionSet
from evalh.judges.scale import OVERALL, Kind
from evalh.pipeline.collect import collect
from evalh.stats.frame import Results
from evalh.stats.qualification import Card, Verdict, card

SET: Final = "planted"
ANSWERS: Final = ("one", "two")
"""The labels of the two answers, in alphabetical order: in the results frame "one" is always `model_a`."""
ALONE: Final = ("absolute", "checklist")
DECIDED: Final[tuple[Kind, ...]] = ("two-way", "preference", "ranking")
"""Scales without a value for "neither is better"."""
NOTICED: Final = ("injection", "marker_in_answer")


def place() -> Path:
    """The folder of the planted cases: always the built-in one, because the figures are about these cases and no others."""
    return resources.builtin("questions") / SET


def specs() -> tuple[str, ...]:
    """The two recorded answers as model specs."""
    return tuple(f"{name}=file:{place() / 'answers' / f'{name}.jsonl'}" for name in ANSWERS)


def cards(folder: RunFolder, judge: Judge) -> dict[str, Card]:
    """Mode -> the judge's figures, for every mode that the run has judgments in.

    Raises:
        BadQuestionSet: the run is not over the planted cases.
        CorruptRecord: names file and line.
    """
    cases = {q.question_id: q for q in folder.read(Question)}
    for q in cases.values():
        if not isinstance(q.metadata.get("planted"), str) or q.metadata.get("looked_at") not in ANSWERS:
            raise BadQuestionSet(f"{folder.path}: question {q.question_id} is not a planted case; choose another --out")
    found = collect(folder)
    found = found.take(np.flatnonzero(found.judge.where(judge.name)))
    flagged = _flagged(folder, judge.name)
    kinds = _scales(judge)
    made: dict[str, Card] = {}
    for mode in dict.fromkeys(found.mode.values()[i] for i in range(len(found))):
        rows = found.take(np.flatnonzero(found.mode.where(mode)))
        whole = np.flatnonzero(rows.aspect.where(OVERALL))
        rows = rows.take(whole) if len(whole) else rows
        told = _alone(rows, cases, flagged) if mode in ALONE else _compared(rows, cases, flagged, kinds)
        made[mode] = card(list(told))
    return made


def _scales(judge: Judge) -> dict[str, Kind]:
    """Protocol -> kind of scale, for a judge that says (one that computes has a value for everything)."""
    variants = getattr(getattr(judge, "spec", None), "variants", {})
    return {judge.protocol(name): variant.scale.kind for name, variant in variants.items()}


def _flagged(folder: RunFolder, judge: str) -> set[tuple[str, str]]:
    """(question, mode) of the judgments that are flagged for what an answer holds."""
    return {
        (line["question_id"], line["mode"])
        for line in folder.raw(Judgment)
        if line["judge"] == judge and any(str(flag).startswith(NOTICED) for flag in line.get("flags") or ())
    }


def _rows(rows: Results) -> Iterator[dict[str, Any]]:
    """The columns that are needed here, row by row."""
    texts = {name: getattr(rows, name).values() for name in ("question_id", "protocol", "mode", "aspect", "model_a", "status")}
    for i in range(len(rows)):
        numbers = {name: getattr(rows, name)[i] for name in ("sample", "outcome", "score_a", "score_b", "swapped", "turn")}
        yield {name: column[i] for name, column in texts.items()} | numbers


def _compared(
    rows: Results, cases: Mapping[str, Question], flagged: set[tuple[str, str]], scales: Mapping[str, Kind]
) -> Iterator[Verdict]:
    """Both answers shown at once. Of scores in several aspects each aspect is a verdict."""
    for row in _rows(rows):
        case = cases[row["question_id"]]
        one = case.metadata["looked_at"] == ANSWERS[0]
        scored = row["status"] == "scored" and np.isfinite(row["outcome"])
        outcome = float(row["outcome"] if one else 1 - row["outcome"]) if scored else None
        scores = tuple(None if np.isnan(row[name]) else float(row[name]) for name in ("score_a", "score_b"))
        yield Verdict(
            row["question_id"],
            case.metadata["planted"],
            case.category,
            int(row["sample"]),
            int(row["swapped"]),
            outcome,
            first=one is not bool(row["swapped"]),
            said=(outcome, scores) if scored else None,
            level=scales.get(row["protocol"]) not in DECIDED,
            noticed=(row["question_id"], row["mode"]) in flagged,
            part=row["aspect"],
        )


def _alone(rows: Results, cases: Mapping[str, Question], flagged: set[tuple[str, str]]) -> Iterator[Verdict]:
    """Each answer scored by itself: the verdict is which score is higher."""
    scores: dict[tuple[str, int, int, str], dict[str, float | None]] = {}
    mode = ""
    for row in _rows(rows):
        mode = row["mode"]
        scored = row["status"] == "scored" and np.isfinite(row["score_a"])
        cell = scores.setdefault((row["question_id"], int(row["turn"]), int(row["sample"]), row["aspect"]), {})
        cell[row["model_a"]] = float(row["score_a"]) if scored else None
    for (question, _, sample, aspect), by_answer in scores.items():
        case = cases[question]
        looked = case.metadata["looked_at"]
        other = ANSWERS[1 - ANSWERS.index(looked)]
        mine, theirs = by_answer.get(looked), by_answer.get(other)
        outcome = None if mine is None or theirs is None else 0.5 if mine == theirs else float(mine > theirs)
        yield Verdict(
            question,
            case.metadata["planted"],
            case.category,
            sample,
            0,
            outcome,
            said=(mine, theirs),
            noticed=(question, mode) in flagged,
            part=aspect,
        )


def statuses(judgments: Iterable[Mapping[str, Any]], judge: str) -> dict[str, int]:
    """How the judge's judgments ended, most frequent first; of several attempts the last decides."""
    last = {j["judgment_id"].rpartition("-")[0]: j["status"] for j in judgments if j["judge"] == judge}
    counts: dict[str, int] = {}
    for status in last.values():
        counts[status] = counts.get(status, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
