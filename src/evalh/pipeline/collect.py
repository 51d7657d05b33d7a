"""Store -> results frame. The only place where the order in which a judge saw two answers is undone (`unfold.py`).

Of several records of one unit (attempts, or a failure that a later run mended) the last decides. A comparison is seen from the
model whose name comes first, `model_a`; `swapped` says that it was shown second.

An answer that is scored in several aspects, in one reply or in one for each, gets one row more, of the aspect "overall" (see
`evalh.judges.overall`). It is scored only if every aspect that the judge is asked for is: a mean over whichever could be read
would be another figure for each answer.

A million judgments are read, not ten: records stay in columns from the file to the frame, and no object is made of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import islice
from typing import Any, Final

import numpy as np

from evalh.core.records import EMPTY, Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.core.wire import Columns
from evalh.judges import overall
from evalh.judges.scale import OVERALL
from evalh.pipeline import sidecar
from evalh.pipeline.gather import Answers, AnswersRead, JudgmentsRead
from evalh.pipeline.unfold import unfold
from evalh.stats.frame import Factor, Results

INCOMPLETE: Final = "incomplete"
"""The status of an overall score of which some aspect has not been asked for yet, as in a run that was interrupted."""
_FIELDS: Final = tuple(f.name for f in fields(Judgment))
_BLOCK: Final = 1000


def collect(folder: RunFolder, look: Callable[[Columns], None] | None = None) -> Results:
    """The results of a run folder.

    Args:
        look: told about every answer and every judgment as it is read, superseded ones included, some hundred at a time: field
            -> its values. Judgments have a field more, `shown`: what `answers` holds, one after the other, as the places that
            those answers had among all that were read, -1 for one that is not there.

    Raises:
        CorruptRecord: names file and line.
    """
    if look is not None:
        return _read(folder, look)
    before = sidecar.state(folder)
    key = sidecar.key_of(folder) if sidecar.pays(before) else None
    kept = sidecar.load(folder, key) if key is not None else None
    if kept is not None:
        return kept
    results = _read(folder, None)
    if key is not None and sidecar.state(folder) == before:  # else somebody wrote to it meanwhile
        sidecar.save(folder, key, results)
    return results


def _read(folder: RunFolder, look: Callable[[Columns], None] | None) -> Results:
    """The results as the records give them."""
    read = AnswersRead()
    for block in folder.columns(Answer):
        if look is not None:
            look(block)
        read.add(block["answer_id"], block["model"], [list(map(len, turns)) for turns in block["turns"]])
    answers = read.done()
    categories: dict[str, str] = {}
    for block in folder.columns(Question):
        categories.update(zip(block["question_id"], block["category"], strict=True))
    judgments = JudgmentsRead(answers)
    for block in folder.columns(Judgment):
        shown = judgments.add(block)
        if look is not None:
            look({**block, "shown": shown})  # type: ignore[dict-item]  # an array is a sequence of whole numbers
    return _whole(judgments, answers, categories, folder.manifest().get("judges") or {})


def frame_of(
    judgments: Iterable[Judgment],
    answers: Mapping[str, tuple[str, tuple[int, ...]]],
    categories: Mapping[str, str],
    judges: Mapping[str, Mapping[str, Any]] = EMPTY,
) -> Results:
    """Rows of judgments.

    Args:
        judgments: in file order; later records of a unit supersede earlier ones.
        answers: answer id -> (model, characters up to each turn).
        categories: question id -> category.
        judges: judge -> what the manifest says of it; of that, which aspects it scores, which figure stands for all, and how
            often a strong verdict counts.
    """
    known = AnswersRead()
    models, lengths = [model for model, _ in answers.values()], [each for _, each in answers.values()]
    known.add(list(answers), models, [np.diff(each, prepend=0).tolist() for each in lengths])
    found = known.done()
    read = JudgmentsRead(found)
    records = iter(judgments)
    while block := list(islice(records, _BLOCK)):
        read.add({name: [getattr(j, name) for j in block] for name in _FIELDS} | {"scores": [dict(j.scores) for j in block]})
    return _whole(read, found, categories, judges)


def _whole(
    read: JudgmentsRead, answers: Answers, categories: Mapping[str, str], judges: Mapping[str, Mapping[str, Any]]
) -> Results:
    """All rows: of the judgments, and of what is made of their aspects."""
    results = unfold(read.done(), answers, categories, judges)
    return _with_overall(results, judges)


def _with_overall(results: Results, judges: Mapping[str, Mapping[str, Any]]) -> Results:
    """One row more for each answer that was scored in aspects, none of which is "overall", by one judge in one sample."""
    rated = results.mode.where("absolute") & results.model_b.where("")
    by_itself = results.aspect.where(OVERALL)
    judge = results.judge.codes
    several = np.setdiff1d(judge[rated & ~by_itself], judge[rated & by_itself & results.status.where("scored")])
    rows = np.flatnonzero(rated & np.isin(judge, several)) if len(several) else several
    if not len(rows):
        return results
    labels = results.aspect.labels
    keys = [results.judge.codes, results.question_id.codes, results.turn, results.model_a.codes, results.sample]
    taken = [column[rows].tolist() for column in (results.aspect.codes, *keys)]
    units: dict[tuple[int, ...], dict[str, int]] = {}
    for row, aspect, *key in zip(rows.tolist(), *taken, strict=True):
        units.setdefault(tuple(key), {})[labels[aspect]] = row
    asked: dict[tuple[int, ...], dict[str, None]] = {}  # the aspects of a question's turn, whichever model was asked about
    for unit, found in units.items():
        asked.setdefault(unit[:3], {}).update(dict.fromkeys(found))
    made: list[tuple[int, str, str, float]] = []
    for unit, found in units.items():
        if OVERALL in found:  # what could not be read, and does not say which aspect it was to be
            continue
        about = judges.get(results.judge.labels[unit[0]], EMPTY)
        needed = [a for a in dict.fromkeys([*overall.expected(about, unit[2]), *asked[unit[:3]]]) if a != OVERALL]
        made.append(_derived(results, found, needed, str(about.get("overall", overall.MEAN))))
    return _appended(results, made)


def _derived(results: Results, found: Mapping[str, int], needed: Sequence[str], rule: str) -> tuple[int, str, str, float]:
    """The overall row of one answer, from the rows of its aspects: (row that it is like, protocol, status, score)."""

    def text(column: Factor, row: int) -> str:
        return column.labels[int(column.codes[row])]

    said = {aspect: text(results.status, row) for aspect, row in found.items()}
    missing = next((said[a] for a in needed if a in said and said[a] != "scored"), None)
    status = missing or ("scored" if all(a in found for a in needed) else INCOMPLETE)
    taken = needed if rule == overall.MEAN else [rule] if rule in needed else []
    points = [float(results.score_a[found[a]]) for a in taken if a in found]
    points = [p for p in points if not np.isnan(p)]  # an aspect that does not apply has none
    like = next(iter(found.values()))
    protocols = {text(results.protocol, row) for row in found.values()}
    protocol = text(results.protocol, like)
    if len(protocols) > 1:
        protocol = f"{protocol.partition('/')[0]}/overall"
    return like, protocol, status, sum(points) / len(points) if status == "scored" and points else np.nan


def _appended(results: Results, made: Sequence[tuple[int, str, str, float]]) -> Results:
    """The rows with overall rows behind them, each like another row but for its aspect, protocol, status and score."""
    like, protocols, statuses, scores = (list(column) for column in zip(*made, strict=True)) if made else ([], [], [], [])
    longer = results.take(np.concatenate([np.arange(len(results)), np.array(like, dtype=np.int64)]))
    return replace(
        longer,
        aspect=_extended(results.aspect, [OVERALL] * len(made)),
        protocol=_extended(results.protocol, protocols),
        status=_extended(results.status, statuses),
        score_a=np.concatenate([results.score_a, np.array(scores, dtype=np.float64)]),
    )


def _extended(factor: Factor, values: Sequence[str]) -> Factor:
    """A factor with more rows."""
    place = {label: i for i, label in enumerate(dict.fromkeys([*factor.labels, *values]))}
    added = np.array([place[v] for v in values], dtype=np.int32)
    return Factor(np.concatenate([factor.codes, added]), tuple(place))
