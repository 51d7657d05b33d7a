"""Which answers and judgments a report shows one by one: all of a small run, the first questions of a large one.

A page with a million judgments would take gigabytes to make, and no browser would open it. So whole questions are taken, in
their order, as long as they and all their records stay within `RECORDS` together, and their texts within `CHARACTERS`; of a
first question that alone is beyond that, as many records as fit. What is left out is counted, and all figures rest on it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from evalh.core import wire
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.core.upgrades import SCHEMA
from evalh.core.wire import Columns

RECORDS: Final = 10_000
"""The most questions, answers and judgments, together, that are shown one by one."""
CHARACTERS: Final = 20_000_000
"""The most characters of their texts."""
R = TypeVar("R", Answer, Judgment)


class Sizes:
    """Counts, while records are read, how many there are of each question that may be shown, and how long their texts are."""

    def __init__(self, folder: RunFolder) -> None:
        self.first = tuple(islice(folder.read(Question), RECORDS))
        self.total = {Answer: 0, Judgment: 0}
        self.answers: Counter[str] = Counter()
        self.judgments: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self._names = {q.question_id for q in self.first}

    def note(self, found: Columns) -> None:
        """Count some answers or judgments, given as field -> values."""
        names, judged = found["question_id"], "judge" in found
        self.total[Judgment if judged else Answer] += len(names)
        if self._names.isdisjoint(names):
            return
        (self.judgments if judged else self.answers).update(filter(self._names.__contains__, names))
        texts = found["explanation"] if judged else ["".join(turns) for turns in found["turns"]]
        for name, text in zip(names, texts, strict=True):
            if name in self._names:
                self.characters[name] += len(text)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much is not shown one by one."""

    questions: int
    answers: int
    judgments: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The questions that are shown, in order, with their records by question id; `left_out` is None where that is all."""

    questions: tuple[Question, ...]
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    judgments: dict[str, list[Judgment]] = field(default_factory=dict)
    left_out: LeftOut | None = None


def excerpt(folder: RunFolder, sizes: Sizes, questions: int) -> Excerpt:
    """What of a run is shown one by one.

    Args:
        sizes: which all answers and judgments of the folder were told to.
        questions: how many there are.

    Raises:
        CorruptRecord: names file and line.
    """
    chosen: list[Question] = []
    records = characters = 0
    for question in sizes.first:
        name = question.question_id
        records += 1 + sizes.answers[name] + sizes.judgments[name]
        characters += sizes.characters[name]
        if chosen and (records > RECORDS or characters > CHARACTERS):
            break
        chosen.append(question)
    names = {q.question_id for q in chosen}
    answers = _taken(folder, Answer, names, sum(sizes.answers[n] for n in names), _turns, 0, 0)
    held = sum(map(len, answers.values())), sum(len(_turns(a)) for some in answers.values() for a in some)
    judgments = _taken(folder, Judgment, names, sum(sizes.judgments[n] for n in names), _explanation, *held)
    left = LeftOut(
        questions - len(chosen),
        sizes.total[Answer] - sum(map(len, answers.values())),
        sizes.total[Judgment] - sum(map(len, judgments.values())),
    )
    return Excerpt(tuple(chosen), answers, judgments, left if left != LeftOut(0, 0, 0) else None)


def _taken(
    folder: RunFolder,
    kind: type[R],
    names: set[str],
    wanted: int,
    text: Callable[[R], str],
    records: int,
    characters: int,
) -> dict[str, list[R]]:
    """The records of some questions, `wanted` in number, as long as the limits allow; what is read after the last is saved."""
    found: dict[str, list[R]] = {}
    for record in _of(folder, kind, names) if wanted else ():
        records, characters, wanted = records + 1, characters + len(text(record)), wanted - 1
        if records <= RECORDS and (characters <= CHARACTERS or records == 1):
            found.setdefault(record.question_id, []).append(record)
        if not wanted:
            break
    return found


def _of(folder: RunFolder, kind: type[R], names: set[str]) -> Iterator[R]:
    """The records of some questions."""
    for block in folder.columns(kind):
        if names.isdisjoint(block["question_id"]):
            continue
        for values in zip(*block.values(), strict=True):
            line = dict(zip(block, values, strict=True))
            if line["question_id"] in names:
                yield wire.from_dict(kind, {"schema": SCHEMA, **line})


def _turns(answer: Answer) -> str:
    return "".join(answer.turns)


def _explanation(judgment: Judgment) -> str:
    return judgment.explanation
