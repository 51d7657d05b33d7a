"""What a run has to do, as units that are enumerated lazily: pure, and never held in memory as a whole.

An answer unit is one model, one question, one sample. A judgment unit is one judge, one mode, one turn of one question, and the
models whose answers are shown, in the order shown. Both refer to models and questions by index, so that a plan of a million
units costs nothing until a unit is due.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from evalh.core.ids import digest
from evalh.core.protocols import Judge
from evalh.core.records import Mode, Question
from evalh.errors import ConfigError, UnknownName

COMPARISONS: Final[tuple[Mode, ...]] = ("pairwise", "two-score")
"""Modes in which a judge compares two answers."""
MODES: Final[dict[str, tuple[Mode, ...]]] = {
    "absolute": ("absolute", "checklist"),
    "pairwise": ("pairwise", "two-score", "ranking"),
    "both": ("absolute", "checklist", "pairwise", "two-score", "ranking"),
}


@dataclass(frozen=True, slots=True)
class AnswerUnit:
    """One model's answer to one question; indices into the plan's models and questions."""

    model: int
    question: int
    sample: int


@dataclass(frozen=True, slots=True)
class JudgmentUnit:
    """One judgment: `models` are indices in the order shown, `order` counts the orders of one comparison."""

    judge: int
    mode: Mode
    variant: str
    question: int
    turn: int
    models: tuple[int, ...]
    order: int
    sample: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run asks for.

    `pairs` are index pairs, the first shown first in the first order. `samples` is the number of repeats; `answer_samples`
    says how many of them each model has answers for (a recorded answer file may hold one only). `seed` draws the orders in
    which many answers are shown for a ranking.
    """

    questions: tuple[Question, ...]
    models: tuple[str, ...]
    judges: tuple[Judge, ...]
    modes: tuple[Mode, ...]
    pairs: tuple[tuple[int, int], ...]
    swap: bool
    samples: int
    answer_samples: tuple[int, ...]
    seed: int = 0

    def answer_units(self, model: int) -> Iterator[AnswerUnit]:
        """The answers of one model, question by question."""
        for question in range(len(self.questions)):
            for sample in range(self.answer_samples[model]):
                yield AnswerUnit(model, question, sample)

    def judgment_units(self, judge: int) -> Iterator[JudgmentUnit]:
        """The judgments of one judge, question by question."""
        for question in range(len(self.questions)):
            yield from self.judgments_of(judge, question)

    def judgments_of(self, judge: int, question: int, model: int | None = None) -> Iterator[JudgmentUnit]:
        """The judgments of one judge about one question; of those, only the ones that show `model` where it is given."""
        asked = self.questions[question]
        for mode in self.modes:
            if mode not in self.judges[judge].modes:
                continue
            for turn in range(1, len(asked.turns) + 1):
                for variant in self.judges[judge].variants(asked, mode, turn):
                    orders = self.judges[judge].orders(variant)
                    for sample in range(self.samples):
                        for shown, order in self._shown(mode, orders, model, (asked.question_id, turn, sample)):
                            yield JudgmentUnit(judge, mode, variant, question, turn, shown, order, sample)

    def _shown(
        self, mode: Mode, orders: int, model: int | None, what: tuple[object, ...]
    ) -> Iterator[tuple[tuple[int, ...], int]]:
        if mode in ("absolute", "checklist"):
            for m in range(len(self.models)) if model is None else (model,):
                yield (m,), 0
        elif mode in ("pairwise", "two-score"):
            for a, b in self.pairs:
                if model is None or model in (a, b):
                    yield (a, b), 0
                    if orders == 2 and self.swap:
                        yield (b, a), 1
        elif len(self.models) > 1:
            # Of many answers not every order can be asked for: each order is one of many, drawn anew for every question.
            shuffled = list(range(len(self.models)))
            random.Random(digest([self.seed, *what])).shuffle(shuffled)
            yield tuple(shuffled), 0
            if orders == 2 and self.swap:
                yield tuple(reversed(shuffled)), 1

    def answer_sample(self, model: int, sample: int) -> int:
        """Which answer of a model a judgment's repeat looks at: its own where there is one, else the first."""
        return sample if sample < self.answer_samples[model] else 0

    def count(self) -> tuple[int, dict[str, int]]:
        """(answer units, judgment units by judge), without walking a plan unit by unit where questions are alike."""
        answers = len(self.questions) * sum(self.answer_samples)
        judgments: dict[str, int] = {}
        for j, judge in enumerate(self.judges):
            cells: dict[tuple[object, ...], int] = {}
            total = 0
            for i, question in enumerate(self.questions):
                shape = (
                    len(question.turns),
                    bool(question.reference),
                    question.reference_for(len(question.turns)) is None,
                    question.category,
                    "checklist" in question.metadata,
                    "rubric" in question.metadata,
                )
                if shape not in cells:
                    cells[shape] = sum(1 for _ in self.judgments_of(j, i))
                total += cells[shape]
            judgments[judge.name] = total
        return answers, judgments


def pairs_of(models: Sequence[str], rule: str) -> tuple[tuple[int, int], ...]:
    """Index pairs of "all" or "baseline:MODEL" (the baseline shown first, as published reviews did).

    Raises:
        UnknownName: the baseline is not one of the models, or the rule is none.
    """
    if rule == "all":
        return tuple(combinations(range(len(models)), 2))
    kind, _, name = rule.partition(":")
    if kind != "baseline":
        raise UnknownName("--pairs rule", rule, ("all", "baseline:MODEL"))
    if name not in models:
        raise UnknownName("baseline (it must be one of --models)", name, tuple(models))
    base = list(models).index(name)
    return tuple((base, i) for i in range(len(models)) if i != base)


def check(plan: Plan) -> None:
    """Refuse a plan in which a judge would have nothing to do.

    Raises:
        ConfigError: names the judge and why.
    """
    for judge in plan.judges:
        usable = [m for m in plan.modes if m in judge.modes]
        if not usable:
            raise ConfigError(f"judge {judge.name} judges in mode {' and '.join(judge.modes)} only; choose --mode accordingly")
        if all(m in ("pairwise", "two-score", "ranking") for m in usable) and len(plan.models) < 2:
            raise ConfigError(
                f"judge {judge.name} compares models, and there is only one ({', '.join(plan.models)});"
                " name a second with --models"
            )
        for question in plan.questions:
            if not any(judge.variants(question, m, t) for m in usable for t in range(1, len(question.turns) + 1)):
                raise ConfigError(
                    f"judge {judge.name} has no variant for question {question.question_id} ({_told(question)});"
                    " judge questions that it serves (--categories, --questions), or choose another judge"
                )


def _told(question: Question) -> str:
    """What decides about the variant for a question, in words."""
    turns = len(question.turns)
    told = [f"{turns} turn" if turns == 1 else f"{turns} turns", f"category {question.category}"]
    has = {"reference": any(question.reference), "metadata.checklist": question.metadata.get("checklist")}
    has["metadata.rubric"] = question.metadata.get("rubric")
    return ", ".join([*told, *(f"{'with' if there else 'without'} {name}" for name, there in has.items())])
