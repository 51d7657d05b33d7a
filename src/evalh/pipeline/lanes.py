"""From a plan and what is on disk to units that are ready: one lane per answering model, one per judge.

There is no barrier between the stages. A judgment is ready when the last of its answers exists: those whose answers were all
there at the start come from a backlog that is enumerated lazily, the others are handed over by the answer that completes them.
When more judgments are ready than a bound, answers wait, so that memory does not grow with the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from evalh.core.ids import comparison_ids
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.pipeline.answer import answer
from evalh.pipeline.engine import Engine, Slot, Target
from evalh.pipeline.judge import judge, unjudged
from evalh.pipeline.plan import AnswerUnit, JudgmentUnit, Plan

MOST_READY: Final = 20_000
REDO: Final = ("failed", "no_answer")
"""Statuses of a judgment that is tried again by the next run."""

Job = Callable[[Slot], Awaitable[None]]


class Book:
    """What exists of a run: answers by (model, question, sample), judgment units by id; it also writes what is new.

    Answers that failed count as missing at the start of a run, and as settled once they have been tried again in it.
    """

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self.plan = plan
        self.folder = folder
        self.answers: dict[tuple[int, int, int], Answer] = {}
        self.judged: set[str] = set()
        self.counts: dict[str, int] = {}
        models = {name: i for i, name in enumerate(plan.models)}
        questions = {q.question_id: i for i, q in enumerate(plan.questions)}
        for a in folder.read(Answer):
            if a.failure is None and a.model in models and a.question_id in questions:
                self.answers[models[a.model], questions[a.question_id], a.sample] = a
        for j in folder.read(Judgment):
            unit = j.judgment_id.rpartition("-")[0]
            if j.status in REDO:
                self.judged.discard(unit)
            else:
                self.judged.add(unit)

    def shown(self, unit: JudgmentUnit) -> tuple[Answer, ...] | None:
        """The answers of a judgment unit, in the order shown, or None while one is missing."""
        found = []
        for model in unit.models:
            a = self.answers.get((model, unit.question, self.plan.answer_sample(model, unit.sample)))
            if a is None:
                return None
            found.append(a)
        return tuple(found)

    def done(self, unit: JudgmentUnit, answers: tuple[Answer, ...]) -> bool:
        """Whether a judgment is on disk already."""
        asked = self.plan.judges[unit.judge]
        question = self.plan.questions[unit.question]
        ids = [a.answer_id for a in answers]
        name, _ = comparison_ids(
            asked.name, asked.hash(unit.variant), question.question_id, unit.mode, unit.turn, ids, unit.sample
        )
        return name in self.judged

    def count(self, what: str, n: int = 1) -> None:
        """Count an outcome, for progress."""
        self.counts[what] = self.counts.get(what, 0) + n


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
    """The missing judgments of one judge."""

    def __init__(self, book: Book, index: int, target: Target | None, seed: int) -> None:
        self.endpoint = "local" if target is None else target.endpoint
        self._book = book
        self._index = index
        self._target = target
        self._seed = seed
        self.engine: Engine | None = None
        self.ready: deque[tuple[JudgmentUnit, tuple[Answer, ...]]] = deque()
        self._present = frozenset(book.answers)  # what was there at the start: those judgments come from the backlog
        self._backlog = self._enumerate()
        self._next = next(self._backlog, None)

    def _enumerate(self) -> Iterator[tuple[JudgmentUnit, tuple[Answer, ...]]]:
        plan = self._book.plan
        for unit in plan.judgment_units(self._index) if self._present else ():
            if all((m, unit.question, plan.answer_sample(m, unit.sample)) in self._present for m in unit.models):
                answers = self._book.shown(unit)
                if answers is not None and not self._book.done(unit, answers):
                    yield unit, answers
                elif answers is not None:
                    self._book.count("judgments kept")

    def answered(self, made: AnswerUnit) -> None:
        """An answer has come: the judgments that it completes are ready."""
        plan = self._book.plan
        for unit in plan.judgments_of(self._index, made.question, made.model):
            if plan.answer_sample(made.model, unit.sample) != made.sample:
                continue
            answers = self._book.shown(unit)
            if answers is not None and not self._book.done(unit, answers):
                self.ready.append((unit, answers))

    def waiting(self) -> bool:
        """Whether a judgment can start."""
        return bool(self.ready) or self._next is not None

    def take(self) -> Job | None:
        """The next judgment that is ready."""
        if self.ready:
            unit, answers = self.ready.popleft()
        elif self._next is not None:
            unit, answers = self._next
            self._next = next(self._backlog, None)
        else:
            return None

        async def job(slot: Slot) -> None:
            assert self.engine is not None
            asked = self._book.plan.judges[unit.judge]
            question = self._book.plan.questions[unit.question]
            if any(a.failure is not None and len(a.turns) < unit.turn for a in answers):
                records = [unjudged(asked, unit.variant, question, answers, unit.mode, unit.turn, unit.sample)]
            else:
                records = await judge(
                    self.engine,
                    slot,
                    asked,
                    self._target,
                    unit.variant,
                    question,
                    answers,
                    unit.mode,
                    unit.turn,
                    unit.sample,
                    self._seed,
                )
            self._book.folder.append(records)
            self._book.count("judgments")
            if records[-1].status != "scored":
                self._book.count("unscored")
            self._book.count("asked again", len(records) - 1)

        return job
