"""Small questions, answers, judgments and a judge that does nothing, for the tests of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalh.core.ids import answer_id, judgment_id
from evalh.core.records import Answer, Completion, Failure, JudgeTask, Judgment, Mode, Question, Reading, Request
from evalh.pipeline.plan import Plan


class Idle:
    """A judge whose modes, orders and variants can be chosen."""

    def __init__(
        self,
        modes: tuple[Mode, ...] = ("absolute", "pairwise"),
        orders: int = 2,
        name: str = "idle",
        turns: tuple[int, ...] = (1, 2),
    ) -> None:
        self.name = name
        self.modes = modes
        self.attempts = 1
        self._orders = orders
        self._turns = turns

    def variants(self, question: Question, mode: Mode, turn: int) -> tuple[str, ...]:
        """One variant per mode and turn."""
        return (f"{mode}-{turn}",) if mode in self.modes and turn in self._turns else ()

    def orders(self, variant: str) -> int:
        """As chosen."""
        return 1 if variant.startswith("absolute") else self._orders

    def protocol(self, variant: str) -> str:
        """Judge and variant."""
        return f"{self.name}/{variant}"

    def hash(self, variant: str) -> str:
        """The variant's own name."""
        return variant

    def requests(self, task: JudgeTask) -> tuple[Request, ...]:
        """Nothing is asked."""
        return ()

    def read(self, task: JudgeTask, replies: Sequence[Completion]) -> Reading:
        """Nothing is read."""
        return Reading("empty")


def question(name: str = "q1", category: str = "math", turns: int = 1, reference: tuple[str | None, ...] = ()) -> Question:
    """A question with so many turns."""
    return Question(name, category, tuple(f"{name}, turn {t}?" for t in range(1, turns + 1)), reference)


def plan(questions: int = 2, models: int = 3, judges: tuple[Idle, ...] = (Idle(),), **changes: Any) -> Plan:
    """A plan over all pairs, both orders, one sample."""
    names = tuple("abcdefgh"[:models])
    pairs = tuple((i, j) for i in range(models) for j in range(i + 1, models))
    settings: dict[str, Any] = {
        "questions": tuple(question(f"q{i}") for i in range(questions)),
        "models": names,
        "judges": judges,
        "modes": ("absolute", "pairwise"),
        "pairs": pairs,
        "swap": True,
        "samples": 1,
        "answer_samples": (1,) * models,
    }
    return Plan(**{**settings, **changes})


def answer(
    model: str, of: str = "q1", *turns: str, sample: int = 0, failure: str | None = None, name: str | None = None
) -> Answer:
    """An answer, or a failure."""
    texts = turns if turns or failure else (f"{model} on {of}",)
    lost = None if failure is None else Failure("server_fault", failure)
    return Answer(name or answer_id(of, model, {}, sample, texts), of, model, {}, sample, texts, failure=lost)


def judgment(*shown: Answer, unit: str | None = None, attempt: int = 0, **changes: Any) -> Judgment:
    """A judgment of these answers, in this order; scored, with a tie or a 5, unless said otherwise."""
    ids = tuple(a.answer_id for a in shown)
    mode: Mode = changes.pop("mode", "absolute" if len(ids) == 1 else "pairwise")
    told: dict[str, Any] = {"scores": {"overall": (5.0,)}} if mode == "absolute" else {"verdict": "tie"}
    if changes.get("status", "scored") != "scored" or {"scores", "verdict", "preference", "ranking"} & set(changes):
        told = {}
    name = unit or "-".join(("u", mode, *ids, str(changes.get("turn", 1)), str(changes.get("sample", 0))))
    fields: dict[str, Any] = {
        "judgment_id": judgment_id(name, attempt),
        "group_id": "-".join(sorted(ids)),
        "question_id": shown[0].question_id,
        "turn": 1,
        "judge": "idle",
        "judge_hash": "h",
        "protocol": f"idle/{mode}",
        "mode": mode,
        "answers": ids,
        "status": "scored",
        "attempt": attempt,
    }
    return Judgment(**{**fields, **told, **changes})
