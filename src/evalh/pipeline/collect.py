"""Store -> results frame. The only place where the order in which a judge saw two answers is undone.

Of several records of one unit (attempts, or a failure that a later run mended) the last decides. A comparison is seen from the
model whose name comes first, `model_a`; `swapped` says that it was shown second.

An answer that is scored in several aspects, in one reply or in one for each, gets one row more, of the aspect "overall" (see
`evalh.judges.overall`). It is scored only if every aspect that the judge is asked for is: a mean over whichever could be read
would be another figure for each answer.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np

from evalh.core.records import EMPTY, Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.judges import overall
from evalh.judges.scale import OVERALL
from evalh.stats.frame import COLUMNS, INTEGERS, TEXT, Factor, Results

Row = tuple[Any, ...]
"""The values of `COLUMNS`, in their order."""
AT: Final = {name: position for position, name in enumerate(COLUMNS)}
STRONG: Final = 2
"""The strength of A>>B; that of A>B is 1."""
INCOMPLETE: Final = "incomplete"
"""The status of an overall score of which some aspect has not been asked for yet, as in a run that was interrupted."""


def collect(folder: RunFolder, look: Callable[[Mapping[str, Any]], None] | None = None) -> Results:
    """The results of a run folder.

    Args:
        look: told about every answer and every judgment as it is read, superseded ones included.

    Raises:
        CorruptRecord: names file and line.
    """
    answers = {a["answer_id"]: (a["model"], _lengths(a["turns"])) for a in _seen(folder.checked(Answer), look)}
    categories = {q["question_id"]: q["category"] for q in folder.checked(Question)}
    # A namespace has the fields of the record under the same names, and takes a tenth of the time to build.
    judgments = (cast(Judgment, SimpleNamespace(**j)) for j in _seen(folder.checked(Judgment), look))
    return frame_of(judgments, answers, categories, folder.manifest().get("judges") or {})


def _seen(records: Iterator[dict[str, Any]], look: Callable[[Mapping[str, Any]], None] | None) -> Iterator[dict[str, Any]]:
    for record in records:
        if look is not None:
            look(record)
        yield record


def _lengths(turns: Iterable[str]) -> tuple[int, ...]:
    """Characters up to and including each turn."""
    return tuple(itertools.accumulate(map(len, turns)))


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
    latest: dict[str, list[Row]] = {}  # rows, not judgments: of a long explanation nothing is kept
    for j in judgments:
        if all(a in answers for a in j.answers):  # else it is of an answer that has been replaced since
            about = judges.get(j.judge, EMPTY)
            latest[j.judgment_id.rpartition("-")[0]] = list(_rows(j, answers, categories.get(j.question_id, ""), about))
    rows = list(itertools.chain.from_iterable(latest.values()))
    rows += _overall(rows, judges)
    columns = zip(*rows, strict=True) if rows else itertools.repeat(())
    built: dict[str, Any] = {}
    for name, values in zip(COLUMNS, columns, strict=False):
        if name in TEXT:
            built[name] = Factor.of(values)
        elif name in INTEGERS:
            built[name] = np.array(values, dtype=np.int64)
        else:
            built[name] = np.array(values, dtype=bool if name == "swapped" else np.float64)
    return Results(**built)


def _rows(
    j: Judgment, answers: Mapping[str, tuple[str, tuple[int, ...]]], category: str, about: Mapping[str, Any] = EMPTY
) -> Iterator[Row]:
    """The rows of one judgment: one per aspect, and per pair of a ranking; of a checklist the share of yes alone."""
    shown = [answers[a] for a in j.answers]
    length = [float(lengths[min(j.turn, len(lengths)) - 1]) if lengths else np.nan for _, lengths in shown]
    if len(shown) == 1:
        aspects = tuple(j.scores) or overall.asked(about, j.protocol) or (OVERALL,)
        for aspect in aspects if j.mode != "checklist" else (OVERALL,):
            score = j.scores[aspect][0] if j.status == "scored" and aspect in j.scores else None
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
            weight = float(about.get("strong_weight", 1)) if j.strength == STRONG else 1.0
            yield _row(j, category, "overall", names, (outcome, None, None), swapped, lengths, weight)


def _row(
    j: Judgment,
    category: str,
    aspect: str,
    models: tuple[str, str],
    values: tuple[float, float | None, float | None],
    swapped: bool,
    lengths: tuple[float, float],
    weight: float = 1.0,
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
        weight,
        j.group_id,
        swapped,
        *lengths,
        same(j.status),
    )


def _overall(rows: Sequence[Row], judges: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """One row for each answer that was scored in aspects, none of which is "overall", by one judge in one sample."""
    at_mode, at_judge, at_aspect = AT["mode"], AT["judge"], AT["aspect"]
    rated = [row for row in rows if row[at_mode] == "absolute" and not row[AT["model_b"]]]
    several = {row[at_judge] for row in rated if row[at_aspect] != OVERALL}
    several -= {row[at_judge] for row in rated if row[at_aspect] == OVERALL and row[AT["status"]] == "scored"}
    units: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in rated if several else ():
        if row[at_judge] in several:
            key = tuple(row[AT[name]] for name in ("judge", "question_id", "turn", "model_a", "sample"))
            units.setdefault(key, {})[row[at_aspect]] = row
    asked: dict[tuple[Any, ...], dict[str, None]] = {}  # the aspects of a question's turn, whichever model was asked about
    for key, found in units.items():
        asked.setdefault(key[:3], {}).update(dict.fromkeys(found))
    for key, found in units.items():
        if OVERALL in found:  # what could not be read, and does not say which aspect it was to be
            continue
        about = judges.get(key[0], EMPTY)
        needed = [a for a in dict.fromkeys([*overall.expected(about, key[2]), *asked[key[:3]]]) if a != OVERALL]
        yield _derived(found, needed, str(about.get("overall", overall.MEAN)))


def _derived(found: Mapping[str, Row], needed: Sequence[str], rule: str) -> Row:
    """The overall row of one answer from those of its aspects."""
    missing = next((found[a][AT["status"]] for a in needed if a in found and found[a][AT["status"]] != "scored"), None)
    status = missing or ("scored" if all(a in found for a in needed) else INCOMPLETE)
    taken = needed if rule == overall.MEAN else [rule] if rule in needed else []
    points = [found[a][AT["score_a"]] for a in taken if a in found]
    points = [p for p in points if not np.isnan(p)]  # an aspect that does not apply has none
    row = list(next(iter(found.values())))
    protocols = {r[AT["protocol"]] for r in found.values()}
    row[AT["aspect"]] = OVERALL
    shared = protocols.pop() if len(protocols) == 1 else f"{row[AT['protocol']].partition('/')[0]}/overall"
    row[AT["protocol"]] = sys.intern(shared)
    row[AT["status"]] = sys.intern(status)
    row[AT["score_a"]] = sum(points) / len(points) if status == "scored" and points else np.nan
    return tuple(row)


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
