"""Store -> results frame. The only place where the order in which a judge saw two answers is undone.

Of several records of one unit (attempts, or a failure that a later run mended) the last decides. A comparison is seen from the
model whose name comes first, `model_a`; `swapped` says that it was shown second.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.stats.frame import COLUMNS, INTEGERS, TEXT, Factor, Results

Row = tuple[Any, ...]
"""The values of `COLUMNS`, in their order."""


def collect(folder: RunFolder) -> Results:
    """The results of a run folder.

    Raises:
        CorruptRecord: names file and line.
    """
    answers = {a["answer_id"]: (a["model"], _lengths(a["turns"])) for a in folder.checked(Answer)}
    categories = {q["question_id"]: q["category"] for q in folder.checked(Question)}
    # A namespace has the fields of the record under the same names, and takes a tenth of the time to build.
    judgments = (cast(Judgment, SimpleNamespace(**j)) for j in folder.checked(Judgment))
    return frame_of(judgments, answers, categories)


def _lengths(turns: Iterable[str]) -> tuple[int, ...]:
    """Characters up to and including each turn."""
    return tuple(itertools.accumulate(map(len, turns)))


def frame_of(
    judgments: Iterable[Judgment], answers: Mapping[str, tuple[str, tuple[int, ...]]], categories: Mapping[str, str]
) -> Results:
    """Rows of judgments.

    Args:
        judgments: in file order; later records of a unit supersede earlier ones.
        answers: answer id -> (model, characters up to each turn).
        categories: question id -> category.
    """
    latest: dict[str, list[Row]] = {}  # rows, not judgments: of a long explanation nothing is kept
    for j in judgments:
        if all(a in answers for a in j.answers):  # else it is of an answer that has been replaced since
            latest[j.judgment_id.rpartition("-")[0]] = list(_rows(j, answers, categories.get(j.question_id, "")))
    columns = zip(*itertools.chain.from_iterable(latest.values()), strict=True) if latest else itertools.repeat(())
    built: dict[str, Any] = {}
    for name, values in zip(COLUMNS, columns, strict=False):
        if name in TEXT:
            built[name] = Factor.of(values)
        elif name in INTEGERS:
            built[name] = np.array(values, dtype=np.int64)
        else:
            built[name] = np.array(values, dtype=bool if name == "swapped" else np.float64)
    return Results(**built)


def _rows(j: Judgment, answers: Mapping[str, tuple[str, tuple[int, ...]]], category: str) -> Iterator[Row]:
    """The rows of one judgment: one per aspect, and per pair of a ranking."""
    shown = [answers[a] for a in j.answers]
    length = [float(lengths[min(j.turn, len(lengths)) - 1]) if lengths else 0.0 for _, lengths in shown]
    if len(shown) == 1:
        for aspect, scores in j.scores.items() or [("overall", (None,))]:
            score = scores[0] if j.status == "scored" else None
            yield _row(j, category, aspect, (shown[0][0], ""), (np.nan, score, None), False, (length[0], np.nan))
        return
    for first, second in itertools.combinations(range(len(shown)), 2):
        swapped = shown[first][0] > shown[second][0]
        a, b = (second, first) if swapped else (first, second)
        names, lengths = (shown[a][0], shown[b][0]), (length[a], length[b])
        if j.status != "scored":
            yield _row(j, category, next(iter(j.scores), "overall"), names, (np.nan, None, None), swapped, lengths)
        elif j.mode == "two-score":
            for aspect, scores in j.scores.items():
                points = _by_score(scores[a], scores[b]), scores[a], scores[b]
                yield _row(j, category, aspect, names, points, swapped, lengths)
        else:
            if j.ranking:
                outcome = _by_score(-float(j.ranking[a]), -float(j.ranking[b]))
            else:
                outcome = 1.0 - _outcome(j) if swapped else _outcome(j)
            yield _row(j, category, "overall", names, (outcome, None, None), swapped, lengths)


def _row(
    j: Judgment,
    category: str,
    aspect: str,
    models: tuple[str, str],
    values: tuple[float, float | None, float | None],
    swapped: bool,
    lengths: tuple[float, float],
) -> Row:
    """The values of all columns, in order."""
    outcome, score_a, score_b = values
    same = sys.intern  # texts that stand in very many rows are held once
    return (
        same(j.question_id),
        category,
        j.turn,
        same(j.judge),
        same(j.protocol),
        same(j.mode),
        same(aspect),
        j.sample,
        *models,
        outcome,
        np.nan if score_a is None else score_a,
        np.nan if score_b is None else score_b,
        1.0,
        j.group_id,
        swapped,
        *lengths,
        same(j.status),
    )


def _by_score(a: float | None, b: float | None) -> float:
    """1 where a is higher, 0 where b is, 0.5 where they are equal, NaN where one is missing."""
    if a is None or b is None:
        return float("nan")
    return 1.0 if a > b else 0.0 if a < b else 0.5


def _outcome(j: Judgment) -> float:
    """For the first answer shown: the preference where the judge gave one, else its verdict; NaN where it gave neither."""
    if j.preference is not None:
        return j.preference
    return float("nan") if j.verdict is None else {"A": 1.0, "B": 0.0, "tie": 0.5}[j.verdict]
