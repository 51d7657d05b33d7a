"""Judgments -> rows of the results frame, all judgments of one shape at once. Here the order shown is undone.

A judgment becomes one row per aspect that was scored, and one per pair of the answers that it compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from evalh.core.records import EMPTY
from evalh.judges import overall
from evalh.judges.scale import OVERALL
from evalh.pipeline.gather import Answers, Codes, Judgments, Shape
from evalh.stats.frame import Factor, Results

STRONG: Final = 2
"""The strength of A>>B; that of A>B is 1."""
_NONE, _VERDICT, _SCORES, _RANKS = range(4)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row that every judgment of a shape becomes: positions among its answers, and among its scores (-1 where none)."""

    aspect: str
    first: int
    second: int = -1
    outcome: int = _NONE
    score_a: int = -1
    score_b: int = -1


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to be filled in, r of them: the judgment of each, and indices into `Judgments.shown`, `scores` and `ranks`."""

    judgment: np.ndarray
    aspect: np.ndarray
    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    score_a: np.ndarray
    score_b: np.ndarray
    rank_a: np.ndarray
    rank_b: np.ndarray


def unfold(
    found: Judgments, answers: Answers, categories: Mapping[str, str], judges: Mapping[str, Mapping[str, Any]]
) -> Results:
    """The rows of the judgments that count: of several records of one unit the last, in the place of the first.

    Args:
        categories: question id -> category.
        judges: judge -> what the manifest says of it.
    """
    aspects = Codes()
    sizes = {name: np.array([_size(s, name) for s in found.shapes], dtype=np.int64) for name in ("shown", "scores", "ranks")}
    starts = {name: _starts(size[found.shape]) for name, size in sizes.items()}
    whole = np.ones(len(found.shape), dtype=bool)  # else it is of an answer that has been replaced since
    owner = np.repeat(np.arange(len(found.shape)), sizes["shown"][found.shape]) if (found.shown < 0).any() else None
    if owner is not None:
        whole[owner[found.shown < 0]] = False
    rows = _laid_out(found, _decisive(found, np.flatnonzero(whole)), starts, aspects, judges)
    return _filled(found, rows, answers, tuple(aspects), categories, judges)


def _size(shape: Shape, what: str) -> int:
    """How many answers, scores or ranks a judgment of this shape holds."""
    return {"shown": shape.answers, "scores": sum(n for _, n in shape.scores), "ranks": shape.ranks}[what]


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Where each judgment's part begins."""
    starts: np.ndarray = np.cumsum(sizes) - sizes
    return starts


def _decisive(found: Judgments, kept: np.ndarray) -> np.ndarray:
    """Of the judgments `kept` (indices, ascending) the last of every unit, in the order in which the units first appear."""
    unit = found.unit[kept]
    in_order = np.sort(unit)
    twice = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    if not len(twice):
        return kept
    position = np.arange(len(kept))
    last = np.ones(len(kept), dtype=bool)
    blocks = np.cumsum([0, *map(len, found.units)])
    first: dict[str, int] = {}
    latest: dict[str, int] = {}
    for at in np.flatnonzero(np.isin(unit, twice)).tolist():  # equal hashes: the names tell
        index = int(kept[at])
        block = int(np.searchsorted(blocks, index, side="right")) - 1
        name = found.units[block][index - int(blocks[block])]
        if name in latest:
            last[latest[name]] = False
        latest[name] = at
        position[at] = first.setdefault(name, at)
    chosen: np.ndarray = kept[last][np.argsort(position[last], kind="stable")]
    return chosen


def _laid_out(
    found: Judgments,
    chosen: np.ndarray,
    starts: Mapping[str, np.ndarray],
    aspects: Codes,
    judges: Mapping[str, Mapping[str, Any]],
) -> _Rows:
    """The rows of the judgments `chosen` (indices), in that order."""
    shape = found.shape[chosen]
    parts: list[list[np.ndarray]] = []
    keys: list[np.ndarray] = []
    layouts = {s: list(_layout(found.shapes[s], judges.get(found.shapes[s].judge, EMPTY))) for s in _present(shape)}
    most = max(map(len, layouts.values()), default=0)
    for s, layout in layouts.items():
        at = np.flatnonzero(shape == s)
        own = chosen[at]
        shown, scores, ranks = (starts[name][own] for name in ("shown", "scores", "ranks"))
        for number, row in enumerate(layout):
            none = np.full(len(own), -1)
            ranked = row.outcome == _RANKS
            keys.append(at * most + number)
            parts.append(
                [
                    own,
                    np.full(len(own), aspects[row.aspect]),
                    shown + row.first,
                    none if row.second < 0 else shown + row.second,
                    np.full(len(own), row.outcome, dtype=np.int8),
                    none if row.score_a < 0 else scores + row.score_a,
                    none if row.score_b < 0 else scores + row.score_b,
                    ranks + row.first if ranked else none,
                    ranks + row.second if ranked else none,
                ]
            )
    if not parts:
        return _Rows(*(np.zeros(0, dtype=np.int64) for _ in range(9)))
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable") if len(parts) > 1 else slice(None)
    return _Rows(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))


def _layout(shape: Shape, about: Mapping[str, Any]) -> Iterator[_Row]:
    """The rows of one judgment: one per aspect, and per pair of a ranking; of a checklist the share of yes alone."""
    begin, at = {}, 0
    for aspect, size in shape.scores:
        begin[aspect], at = (at, size), at + size
    scored = shape.status == "scored"

    def score(aspect: str, answer: int) -> int:
        start, size = begin.get(aspect, (0, 0))
        return start + answer if scored and answer < size else -1

    if shape.answers == 1:
        named = tuple(begin) or overall.asked(about, shape.protocol) or (OVERALL,)
        for aspect in named if shape.mode != "checklist" else (OVERALL,):
            yield _Row(aspect, 0, score_a=score(aspect, 0))
        return
    for a, b in combinations(range(shape.answers), 2):
        if not scored:
            yield _Row(next(iter(begin), OVERALL), a, b)
        elif shape.mode == "two-score":
            for aspect in begin:
                yield _Row(aspect, a, b, _SCORES, score(aspect, a), score(aspect, b))
        else:
            yield _Row(OVERALL, a, b, _RANKS if b < shape.ranks else _VERDICT)


def _filled(
    found: Judgments,
    rows: _Rows,
    answers: Answers,
    aspects: tuple[str, ...],
    categories: Mapping[str, str],
    judges: Mapping[str, Mapping[str, Any]],
) -> Results:
    """The columns of the frame."""
    shape, question = found.shape[rows.judgment], found.question[rows.judgment]
    turn = found.turn[rows.judgment]
    pair = rows.second >= 0
    first = found.shown[rows.first].astype(np.int64)
    second = np.where(pair, found.shown[rows.second], -1).astype(np.int64)
    by_name = np.argsort(np.argsort(np.array(answers.models, dtype=object))) if answers.models else np.zeros(0, dtype=np.int64)
    model = np.append(answers.model, len(answers.models)).astype(np.int64)  # the last entry: no model
    rank = np.append(by_name, len(by_name))
    swapped = pair & (rank[model[first]] > rank[model[second]])
    a, b = np.where(swapped, second, first), np.where(swapped, first, second)
    score_a, score_b = (_at(found.scores, i) for i in _turned(rows.score_a, rows.score_b, swapped))
    outcome = _outcomes(found, rows, swapped, score_a, score_b)
    strong = (found.strength[rows.judgment] == STRONG) & (rows.outcome != _SCORES) & (rows.outcome != _NONE)
    weights = np.array([float(judges.get(s.judge, EMPTY).get("strong_weight", 1)) for s in found.shapes] or [1.0])
    names = (*answers.models, "")
    return Results(
        question_id=_factor(question, found.questions),
        category=_by_label(question, [categories.get(q, "") for q in found.questions]),
        turn=turn,
        judge=_by_label(shape, [s.judge for s in found.shapes]),
        protocol=_by_label(shape, [s.protocol for s in found.shapes]),
        mode=_by_label(shape, [s.mode for s in found.shapes]),
        aspect=_factor(rows.aspect, aspects),
        sample=found.sample[rows.judgment],
        model_a=_factor(model[a], names),
        model_b=_factor(model[b], names),
        outcome=outcome,
        score_a=score_a,
        score_b=score_b,
        weight=np.where(strong, weights[shape], 1.0),
        group_id=_factor(found.group[rows.judgment], found.groups),
        swapped=swapped,
        length_a=_lengths(answers, a, turn),
        length_b=_lengths(answers, b, turn),
        status=_by_label(shape, [s.status for s in found.shapes]),
    )


def _turned(first: np.ndarray, second: np.ndarray, swapped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What belongs to the first answer shown and to the second, as what belongs to `model_a` and to `model_b`."""
    return np.where(swapped, second, first), np.where(swapped, first, second)


def _at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Values at some indices, NaN for the index -1."""
    found: np.ndarray = np.append(values, np.nan)[index]
    return found


def _outcomes(found: Judgments, rows: _Rows, swapped: np.ndarray, score_a: np.ndarray, score_b: np.ndarray) -> np.ndarray:
    """0..1 for `model_a`, a tie 0.5; NaN where it is not scored."""
    outcome = np.full(len(swapped), np.nan)
    said = rows.outcome == _VERDICT
    verdict = found.verdict[rows.judgment[said]]
    outcome[said] = np.where(swapped[said], 1.0 - verdict, verdict)
    for kind, (a, b) in {
        _SCORES: (score_a, score_b),
        _RANKS: tuple(-_at(found.ranks.astype(np.float64), i) for i in _turned(rows.rank_a, rows.rank_b, swapped)),
    }.items():
        known = (rows.outcome == kind) & ~np.isnan(a) & ~np.isnan(b)
        outcome[known] = (np.sign(a[known] - b[known]) + 1.0) / 2.0
    return outcome


def _lengths(answers: Answers, answer: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Characters up to the turn judged, NaN where there is no answer, or no text of it."""
    turns, start = np.append(answers.turns, 0), np.append(answers.start, 0)
    there = turns[answer]
    return _at(answers.lengths, np.where(there > 0, start[answer] + np.clip(turn, 1, np.maximum(there, 1)) - 1, -1))


def _present(codes: np.ndarray) -> list[int]:
    """The codes that occur."""
    return np.flatnonzero(np.bincount(codes)).tolist() if len(codes) else []


def _by_label(codes: np.ndarray, labels: list[str]) -> Factor:
    """A factor of codes of which several may stand for one label."""
    same = Codes()
    table = same.of(labels, len(labels))
    return _factor(table[codes] if len(labels) else codes, tuple(same))


def _factor(codes: np.ndarray, labels: tuple[str, ...]) -> Factor:
    """A factor whose labels stand in order of first appearance, those that no row holds left out."""
    size = len(codes)
    first = np.full(len(labels), size)
    first[codes[::-1]] = np.arange(size)[::-1]
    used = np.argsort(first, kind="stable")[: np.count_nonzero(first < size)]
    place = np.empty(len(labels), dtype=np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    in_order = len(used) == len(labels) and bool((used == np.arange(len(used))).all())
    return Factor(place[codes], labels if in_order else tuple(labels[i] for i in used.tolist()))
