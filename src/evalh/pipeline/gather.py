"""Judgments in columns, coded as numbers while they are read: what the results frame is made of, a few bytes a judgment.

Texts become codes in order of first appearance. Judgments that are alike in all that decides how many rows they become, and
what stands in them (mode, status, judge, protocol, aspects, numbers of answers, scores and ranks), share a `Shape`, of which a
run has few, so that rows are made of all judgments of one shape together (`unfold.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np

from evalh.core.wire import Columns

VERDICTS: Final[Mapping[str | None, float]] = {"A": 1.0, "B": 0.0, "tie": 0.5}
"""A verdict as an outcome of the first answer shown."""


class Shape(NamedTuple):
    """What judgments have in common; `scores` is the length of each aspect's list, in the order of the record."""

    mode: str
    status: str
    judge: str
    protocol: str
    scores: tuple[tuple[str, int], ...]
    answers: int
    ranks: int


class Codes(defaultdict[Any, int]):
    """Value -> its number, in order of first appearance; looking a new one up numbers it."""

    def __init__(self) -> None:
        super().__init__()
        self.default_factory = self.__len__

    def of(self, values: Iterable[Any], count: int) -> np.ndarray:
        """The codes of so many values, int32."""
        return np.fromiter(map(self.__getitem__, values), dtype=np.int32, count=count)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a run, A of them.

    Attributes:
        place: id -> row of the arrays.
        models: labels in order of first appearance; `model` (A,) indexes them.
        lengths: characters up to each turn, of all answers one after the other; those of answer i stand from `start[i]`, as
            many as `turns[i]`.
    """

    place: dict[str, int]
    models: tuple[str, ...]
    model: np.ndarray
    lengths: np.ndarray
    start: np.ndarray
    turns: np.ndarray


class AnswersRead:
    """Answers, a block at a time."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._count = 0
        self._models = Codes()
        self._model: list[np.ndarray] = []
        self._turns: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []

    def add(self, ids: Sequence[str], models: Sequence[str], turns: Sequence[Sequence[int]]) -> None:
        """More answers; `turns` holds the characters of each turn of each."""
        count = len(ids)
        self._place.update(zip(ids, range(self._count, self._count + count), strict=True))
        self._count += count
        self._model.append(self._models.of(models, count))
        self._turns.append(np.fromiter(map(len, turns), dtype=np.int64, count=count))
        self._sizes.append(np.fromiter(chain.from_iterable(turns), dtype=np.int64))

    def done(self) -> Answers:
        """All of them."""
        turns, sizes = _joined(self._turns, np.int64), _joined(self._sizes, np.int64)
        start = np.cumsum(turns) - turns
        total = np.concatenate([[0], np.cumsum(sizes)])
        lengths = (total[1:] - np.repeat(total[start], turns)).astype(np.float64)
        return Answers(self._place, tuple(self._models), _joined(self._model, np.int32), lengths, start, turns)


@dataclass(frozen=True, slots=True)
class Judgments:
    """Judgments in file order, n of them; arrays of shape (n,) unless it says otherwise.

    Attributes:
        unit: the hash of each unit's name; `units` holds the names, in blocks.
        question, group, shape: codes; their labels are in `questions`, `groups` and `shapes`.
        verdict: 0..1 for the first answer shown: the preference where the judge gave one, else its verdict; NaN without either.
        strength: NaN where it has none.
        shown, scores, ranks: of all judgments one after the other, as many each as its shape says; `shown` are rows of
            `Answers`, -1 for one that is not there.
    """

    unit: np.ndarray
    units: list[list[str]]
    question: np.ndarray
    group: np.ndarray
    shape: np.ndarray
    turn: np.ndarray
    sample: np.ndarray
    verdict: np.ndarray
    strength: np.ndarray
    shown: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    questions: tuple[str, ...]
    groups: tuple[str, ...]
    shapes: tuple[Shape, ...]


class JudgmentsRead:
    """Judgments, a block of columns at a time; of their texts nothing is kept."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._units: list[list[str]] = []
        self._questions, self._groups, self._shapes = Codes(), Codes(), Codes()
        self._parts: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, found: Columns) -> np.ndarray:
        """More judgments; returns their part of `Judgments.shown`."""
        count = len(found["judgment_id"])
        units = list(map(itemgetter(0), map(str.rpartition, found["judgment_id"], repeat("-"))))
        self._units.append(units)
        layouts = [tuple(zip(s, map(len, s.values()), strict=True)) if s else () for s in found["scores"]]
        fixed = [_once(found[name]) for name in ("mode", "status", "judge", "protocol")]
        shapes = zip(*fixed, layouts, map(len, found["answers"]), map(len, found["ranking"]), strict=True)
        shown = map(self._answers.place.get, chain.from_iterable(found["answers"]), repeat(-1))
        given = chain.from_iterable(chain.from_iterable(map(dict.values, filter(None, found["scores"]))))
        made = {
            "unit": np.fromiter(map(hash, units), dtype=np.int64, count=count),
            "question": self._questions.of(_once(found["question_id"]), count),
            "group": self._groups.of(found["group_id"], count),
            "shape": self._shapes.of(shapes, count),
            "turn": np.array(found["turn"], dtype=np.int64),
            "sample": np.array(found["sample"], dtype=np.int64),
            "verdict": _verdicts(found["verdict"], found["preference"]),
            "strength": _numbers(found["strength"]),
            "shown": np.fromiter(shown, dtype=np.int32),
            "scores": np.array(list(given), dtype=np.float64),  # None becomes NaN
            "ranks": np.array(list(chain.from_iterable(found["ranking"])), dtype=np.int64),
        }
        for name, part in made.items():
            self._parts[name].append(part)
        return made["shown"]

    def done(self) -> Judgments:
        """All of them."""
        kinds: dict[str, Any] = {"question": np.int32, "group": np.int32, "shape": np.int32, "shown": np.int32}
        kinds |= {"verdict": np.float64, "strength": np.float64, "scores": np.float64}
        arrays = {}
        for name in ("unit", "question", "group", "shape", "turn", "sample", "verdict", "strength", "shown", "scores", "ranks"):
            arrays[name] = _joined(self._parts.pop(name, []), kinds.get(name, np.int64))
        shapes = tuple(Shape(*shape) for shape in self._shapes)
        return Judgments(
            **arrays, units=self._units, questions=tuple(self._questions), groups=tuple(self._groups), shapes=shapes
        )


def _once(column: Sequence[str]) -> Sequence[str]:
    """The same texts; where all are equal, one text that stands there for all, whose hash is then known after the first."""
    return [column[0]] * len(column) if column.count(column[0]) == len(column) else column


def _numbers(column: Sequence[float | None]) -> np.ndarray:
    """Numbers as they are, NaN for None."""
    return np.full(len(column), np.nan) if column.count(None) == len(column) else np.array(column, dtype=np.float64)


def _verdicts(verdict: Sequence[str | None], preference: Sequence[float | None]) -> np.ndarray:
    """Outcomes of the first answer shown; see `Judgments.verdict`."""
    get: Callable[[Any, float], float] = VERDICTS.get
    named = np.fromiter(map(get, verdict, repeat(np.nan)), dtype=np.float64, count=len(verdict))
    weighed = _numbers(preference)
    return np.where(np.isnan(weighed), named, weighed)


def _joined(parts: list[np.ndarray], kind: Any) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
