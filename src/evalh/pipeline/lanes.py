"""From a plan and what is on disk to units that are ready: one lane per answering model, one per judge.

There is no barrier between the stages. A judgment is ready when the last of its answers exists: those whose answers were all
there at the start come from a backlog that is enumerated lazily, the others are handed over by the answer that completes them.
When more judgments are ready than a bound, answers wait, so that memory does not grow with the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from evalh.core.records import Answer, JudgeTask, Judgment, Question
from evalh.pipeline.answer import answer
from evalh.pipeline.asking import Target
from evalh.pipeline.book import Book
from evalh.pipeline.engine import Engine
from evalh.pipeline.judge import judge, unjudged
from evalh.pipeline.plan import AnswerUnit, JudgmentUnit
from evalh.pipeline.scheduler import Slot

MOST_READY: Final = 20_000
Job = Callable[[Slot], Awaitable[None]]
Ready = tuple[JudgmentUnit, tuple[Answer, ...], str]
"""A judgment that can be made: the unit, the answers in the order shown, and the unit's id."""


class AnswerLane:
    """The missing answers of one model."""

    def __init__(
        self, book: Book, model: int, target: Target, params: Callable[[Question], Mapping[str, Any]], system: str | None
    ) -> None:
        self.endpoint = target.endpoint
        self._book = book
        self._target = target
        self._params = params
        self._system = system
        self._units = (u for u in book.plan.answer_units(model) if (u.model, u.question, u.sample) not in book.answers)
        self._next: AnswerUnit | None = next(self._units, None)
        self.judges: tuple[JudgeLane, ...] = ()
        self.engine: Engine | None = None

    def waiting(self) -> bool:
        """Whether an answer is missing, and judgments are not piling up."""
        return self._next is not None and sum(len(lane.ready) for lane in self.judges) < MOST_READY

    def take(self) -> Job | None:
        """The next missing answer."""
        unit = self._next
        if unit is None:
            return None
        self._next = next(self._units, None)

        async def job(slot: Slot) -> None:
            assert self.engine is not None
            question = self._book.plan.questions[unit.question]
            made = await answer(self.engine, slot, self._target, question, unit.sample, self._params(question), self._system)
            self._book.folder.append([made])
            self._book.answers[unit.model, unit.question, unit.sample] = made
            self._book.count("answers" if made.failure is None else "answers failed")
            for lane in self.judges:
                lane.answered(unit)
            self.engine.wake()

        return job


class JudgeLane:
    """The missing judgments of one judge.

    Args:
        chosen: judgments are put into `ready` by somebody who chooses them, and what comes of them is kept in `heard`.
    """

    def __init__(self, book: Book, index: int, target: Target | None, seed: int, *, chosen: bool = False) -> None:
        self.endpoint = "local" if target is None else target.endpoint
        self._book = book
        self._index = index
        self._target = target
        self._seed = seed
        self.engine: Engine | None = None
        self.ready: deque[Ready] = deque()
        self.heard: list[Judgment] | None = [] if chosen else None
        self._present = (
            frozenset() if chosen else frozenset(book.answers)
        )  # what was there at the start: those judgments come from the backlog
        self._backlog = self._enumerate()
        self._next = next(self._backlog, None)

    def _enumerate(self) -> Iterator[Ready]:
        plan = self._book.plan
        for unit in plan.judgment_units(self._index) if self._present else ():
            if all((m, unit.question, plan.answer_sample(m, unit.sample)) in self._present for m in unit.models):
                answers = self._book.shown(unit)
                assert answers is not None
                name = self._book.name(unit, answers)
                if name not in self._book.judged:
                    yield unit, answers, name
                else:
                    self._book.count("judgments kept")

    def answered(self, made: AnswerUnit) -> None:
        """An answer has come: the judgments that it completes are ready."""
        plan = self._book.plan
        for unit in plan.judgments_of(self._index, made.question, made.model):
            if plan.answer_sample(made.model, unit.sample) != made.sample:
                continue
            answers = self._book.shown(unit)
            if answers is not None:
                name = self._book.name(unit, answers)
                if name not in self._book.judged:
                    self.ready.append((unit, answers, name))

    def waiting(self) -> bool:
        """Whether a judgment can start."""
        return bool(self.ready) or self._next is not None

    def take(self) -> Job | None:
        """The next judgment that is ready."""
        if self.ready:
            unit, answers, name = self.ready.popleft()
        elif self._next is not None:
            unit, answers, name = self._next
            self._next = next(self._backlog, None)
        else:
            return None

        async def job(slot: Slot) -> None:
            assert self.engine is not None
            book = self._book
            asked = book.plan.judges[unit.judge]
            question = book.plan.questions[unit.question]
            task = JudgeTask(question, answers, unit.mode, unit.turn, unit.sample, self._seed, unit.variant)
            blank = unjudged(asked, unit.variant, book.mark(unit.judge, unit.variant), task, name)
            if any(a.failure is not None and len(a.turns) < unit.turn for a in answers):
                records = [blank]
            else:
                records = await judge(self.engine, slot, asked, self._target, task, blank)
            book.folder.append(records)
            if self.heard is not None:
                self.heard += records
            book.count("judgments")
            if records[-1].status != "scored":
                book.count("unscored")
            if len(records) > 1:
                book.count("asked again", len(records) - 1)

        return job
