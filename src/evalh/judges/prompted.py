"""A judge that asks a model: a JudgeSpec put behind the Judge protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from evalh.core.records import EMPTY, Completion, JudgeTask, Mode, Question, Reading, Request
from evalh.errors import BadJudge
from evalh.judges.parse import READERS, parse
from evalh.judges.prompt import NOT_GIVEN, fill
from evalh.judges.scale import label
from evalh.judges.spec import SHOWN, JudgeSpec, ReadingName, Variant, load_spec

CUT_OFF: Final = ("length", "max_tokens")
FILTERED: Final = "content_filter"


class PromptedJudge:
    """Asks a model with the prompts of a judge folder and reads its replies.

    Args:
        spec: the judge as its folder describes it.
        label: the name under which judgments are stored; the folder's by default.
        model: another judge model than the folder's, as a model spec.
        params: generation parameters that go before the folder's.
        attempts: how often an unreadable reply is asked for at the most; the folder's by default.
        reading: "published" reads every reply as the protocol's authors did, for replays.
    """

    def __init__(
        self,
        spec: JudgeSpec,
        label: str | None = None,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        attempts: int | None = None,
        reading: ReadingName | None = None,
    ) -> None:
        self.spec = spec if reading is None else spec.with_reading(reading)
        self.name = label or spec.name
        self.model = model or spec.model
        self.params = EMPTY if params is None else params
        self.attempts = spec.attempts if attempts is None else attempts
        self.note = spec.note
        self.modes: tuple[Mode, ...] = tuple(dict.fromkeys(v.mode for v in spec.variants.values()))
        if not self.model:
            raise BadJudge(
                f'judge {spec.name!r} names no model; add model = "provider:name" to its judge.toml, or pass --judge-model'
            )

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        label: str | None = None,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        attempts: int | None = None,
        reading: ReadingName | None = None,
    ) -> PromptedJudge:
        """Read a judge folder.

        Raises:
            BadJudge: with every fault of the folder.
        """
        return cls(load_spec(path), label, model, params, attempts, reading)

    def variants(self, question: Question, mode: Mode, turn: int) -> tuple[str, ...]:
        """The variants that serve a question, one for each set of aspects that the judge asks for.

        One made for its category goes first, then one that shows the reference there is.
        """
        fitting = [
            v
            for v in self.spec.variants.values()
            if v.mode == mode
            and v.turns == turn <= len(question.turns)
            and (not v.categories or question.category in v.categories)
            and (not v.reference or question.reference_for(turn))
            and (v.mode != "checklist" or checklist(question))
        ]
        best: dict[tuple[str, ...], Variant] = {}
        for v in sorted(fitting, key=lambda v: (bool(v.categories), v.reference), reverse=True):
            best.setdefault(v.scale.aspects, v)
        return tuple(v.name for v in fitting if best[v.scale.aspects] is v)

    def orders(self, variant: str) -> int:
        """2 where the answers are shown in both orders, 1 where the protocol fixes the order or shows one answer."""
        return self.spec.variants[variant].orders

    def protocol(self, variant: str) -> str:
        """What a judgment calls its protocol: "judge-folder/variant"."""
        return f"{self.spec.name}/{variant}"

    def parameters(self, variant: str) -> dict[str, Any]:
        """Generation parameters of a variant's requests."""
        return dict(self.spec.parameters(variant, self.params))

    def hash(self, variant: str) -> str:
        """Names everything that is fixed about a request of this variant, and how its reply is read."""
        return self.spec.hash(variant, self.model, self.params)

    def requests(self, task: JudgeTask) -> tuple[Request, ...]:
        """One request: the variant's prompt, filled.

        Raises:
            ValueError: no variant serves the task; see `variant`.
        """
        variant = self._variant(task)
        values = _values(variant, task)
        parts = (("system", variant.prompt.system), ("user", variant.prompt.user))
        messages = tuple({"role": role, "content": fill(text, values)} for role, text in parts if text)
        params = self.spec.parameters(variant.name, self.params)
        return (Request(messages, params, sample=task.sample, question_id=task.question.question_id, turn=task.turn),)

    def read(self, task: JudgeTask, replies: Sequence[Completion]) -> Reading:
        """What the reply says. A filter that stepped in is a refusal, a reply cut off before its verdict is truncated."""
        if not replies:
            return Reading("empty")
        variant, reply = self._variant(task), replies[0]
        if reply.finish_reason == FILTERED and variant.reading == "strict":
            return Reading("refused", flags=(FILTERED,), explanation=reply.text)
        cut_off = reply.finish_reason in CUT_OFF
        reading = parse(
            variant.reader,
            reply.text,
            variant.scale,
            reading=variant.reading,
            truncated=cut_off,
            logprobs=reply.logprobs,
        )
        flags = [*reading.flags, *(["thinking"] if reply.reasoning and "thinking" not in reading.flags else [])]
        flags += [f"marker_in_answer:{position}" for position in _marked(variant, task)]
        return replace(reading, flags=tuple(flags))

    def _variant(self, task: JudgeTask) -> Variant:
        names = (task.variant,) if task.variant else self.variants(task.question, task.mode, task.turn)
        if not names:
            raise ValueError(
                f"judge {self.name!r} has no {task.mode} variant for turn {task.turn} of {task.question.question_id!r}"
            )
        variant = self.spec.variants[names[0]]
        count = {"ranking": len(task.answers), "checklist": len(checklist(task.question))}.get(task.mode, 0)
        return replace(variant, scale=replace(variant.scale, count=count)) if count else variant


def _values(variant: Variant, task: JudgeTask) -> dict[str, str]:
    """Every field that the variant's prompt may use. A turn that was not answered shows as nothing."""
    question = task.question
    values = {
        "category": question.category,
        "scale": variant.scale.asks(),
        "aspect": ", ".join(variant.scale.aspects),
        "rubric": rubric(question) or variant.rubric,
        "checklist": "\n".join(f"{i}. {item}" for i, item in enumerate(checklist(question), 1)),
    }
    for turn in range(1, variant.turns + 1):
        texts = {"question": question.turns[turn - 1], "reference": question.reference_for(turn) or NOT_GIVEN}
        given = [answer.turns[turn - 1] if len(answer.turns) >= turn else "" for answer in task.answers]
        if variant.mode == "ranking":
            texts["answers"] = "\n\n".join(f"Answer {label(i)}:\n{text}" for i, text in enumerate(given))
        else:
            texts |= dict(zip(SHOWN[variant.mode], given, strict=True))
        values |= {f"{field}_{turn}": text for field, text in texts.items()}
        values |= texts  # the last turn is the one that is judged
    return values


def checklist(question: Question) -> tuple[str, ...]:
    """The yes-or-no items of a question: the texts of `metadata.checklist`."""
    items = question.metadata.get("checklist")
    return tuple(item for item in items if isinstance(item, str)) if isinstance(items, list | tuple) else ()


def rubric(question: Question) -> str:
    """The question's own rubric (`metadata.rubric`), which goes before the judge's."""
    text = question.metadata.get("rubric")
    return text if isinstance(text, str) else ""


def _marked(variant: Variant, task: JudgeTask) -> list[str]:
    """Positions of the answers that hold what would be a verdict: the judge may only have repeated it."""
    markers = READERS[variant.reader].markers
    return [
        label(at) for at, answer in enumerate(task.answers) if any(markers.search(text) for text in answer.turns[: task.turn])
    ]
