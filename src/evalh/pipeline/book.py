"""What exists of a run: which answers and judgments are on disk, and where new ones are written."""

from __future__ import annotations

from evalh.core.ids import unit_id
from evalh.core.records import Answer, Judgment
from evalh.core.store import RunFolder
from evalh.pipeline.plan import JudgmentUnit, Plan

REDO = ("failed", "no_answer")
"""Statuses of a judgment that is tried again by the next run."""


class Book:
    """Answers by (model, question, sample) and the ids of judgment units that are done; it also writes what is new.

    Answers that failed count as missing at the start of a run, and as settled once they have been tried again in it; where
    no model is asked (`asks` false) they are settled from the start, and what was to be judged of them has no answer.
    """

    def __init__(self, plan: Plan, folder: RunFolder, asks: bool = True) -> None:
        self.plan = plan
        self.folder = folder
        self.answers: dict[tuple[int, int, int], Answer] = {}
        self.judged: set[str] = set()
        self.counts: dict[str, int] = {}
        self._marks: dict[tuple[int, str], str] = {}
        models = {name: i for i, name in enumerate(plan.models)}
        questions = {q.question_id: i for i, q in enumerate(plan.questions)}
        for a in folder.read(Answer):
            if (a.failure is None or not asks) and a.model in models and a.question_id in questions:
                self.answers[models[a.model], questions[a.question_id], a.sample] = a
        for line in folder.raw(Judgment):
            unit = line["judgment_id"].rpartition("-")[0]
            if line["status"] in REDO:
                self.judged.discard(unit)
            else:
                self.judged.add(unit)

    def mark(self, judge: int, variant: str) -> str:
        """The hash of a judge's variant, computed once."""
        found = self._marks.get((judge, variant))
        if found is None:
            found = self._marks[judge, variant] = self.plan.judges[judge].hash(variant)
        return found

    def shown(self, unit: JudgmentUnit) -> tuple[Answer, ...] | None:
        """The answers of a judgment unit, in the order shown, or None while one is missing."""
        found = []
        for model in unit.models:
            a = self.answers.get((model, unit.question, self.plan.answer_sample(model, unit.sample)))
            if a is None:
                return None
            found.append(a)
        return tuple(found)

    def name(self, unit: JudgmentUnit, answers: tuple[Answer, ...]) -> str:
        """The id of a judgment unit over these answers."""
        return unit_id(
            self.plan.judges[unit.judge].name,
            self.mark(unit.judge, unit.variant),
            self.plan.questions[unit.question].question_id,
            unit.mode,
            unit.turn,
            [a.answer_id for a in answers],
            unit.sample,
        )

    def count(self, what: str, n: int = 1) -> None:
        """Count an outcome, for progress."""
        self.counts[what] = self.counts.get(what, 0) + n
