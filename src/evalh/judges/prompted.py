"""A judge that asks a model: a JudgeSpec put behind the Judge protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from evalh.core.records import EMPTY, Completion, JudgeTask, Mode, Question, Reading, Request
from evalh.errors import BadJudge
from evalh.judges import guard, json_reply, structured
from evalh.judges.fence import Block, code, enclose, shown
from evalh.judges.guard import Seen, guarded
from evalh.judges.overall import described
from evalh.judges.parse import READERS, parse
from evalh.judges.prompt import NOT_GIVEN, fill
from evalh.judges.scale import label
from evalh.judges.spec import SHOWN, JudgeSpec, load_spec
from evalh.judges.structured import FORMS, FREE, IGNORED, Constraint, Form
from evalh.judges.variant import ReadingName, Variant
from evalh.judges.voice import separate

CUT_OFF: Final = ("length", "max_tokens")
FILTERED: Final = "content_filter"
REFUSED: Final = "refusal"


class PromptedJudge:
    """Asks a model with the prompts of a judge folder and reads its replies.

    Args:
        spec: the judge as its folder describes it.
        label: the name under which judgments are stored; the folder's by default.
        model: another judge model than the folder's, as a model spec.
        params: generation parameters that go before the folder's.
        attempts: how often an unreadable reply is asked for at the most; the folder's by default.
        reading: "published" reads every reply as the protocol's authors did, for replays.
        form: the form that every reply is to be held to, or "none"; goes before the server's and the folder's.
        server: what the model's server can hold a reply to, or "none": used where a variant can be put so.
    """

    def __init__(
        self,
        spec: JudgeSpec,
        label: str | None = None,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        attempts: int | None = None,
        reading: ReadingName | None = None,
        form: str | None = None,
        server: str | None = None,
    ) -> None:
        self.spec = spec if reading is None else spec.with_reading(reading)
        self.name = label or spec.name
        self.model = model or spec.model
        self.params = EMPTY if params is None else params
        self.attempts = spec.attempts if attempts is None else attempts
        self.note = spec.note
        self.about = described(spec.overall, spec.variants.values())
        if spec.strong_weight != 1:
            self.about["strong_weight"] = spec.strong_weight
        self._hashes: dict[str, str] = {}
        self.modes: tuple[Mode, ...] = tuple(dict.fromkeys(v.mode for v in spec.variants.values()))
        if not self.model:
            raise BadJudge(
                f'judge {spec.name!r} names no model; add model = "provider:name" to its judge.toml, or pass --judge-model'
            )
        self._form, self._server = form, server
        self._held: dict[tuple[str, int], Constraint | None] = {}
        if form not in (None, FREE):
            self._check_form(form)

    def _check_form(self, form: Any) -> None:
        """Refuse a form that a variant cannot be held to."""
        faults = [
            f"variant {v.name}: {wrong}"
            for v in self.spec.variants.values()
            if (wrong := structured.unfit(form, v.scale, v.reader, v.reading, self.parameters(v.name)))
        ]
        if faults:
            raise BadJudge(f"judge {self.name!r}, structured:\n" + "\n".join(f"  - {fault}" for fault in faults))

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        label: str | None = None,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        attempts: int | None = None,
        reading: ReadingName | None = None,
        form: str | None = None,
        server: str | None = None,
    ) -> PromptedJudge:
        """Read a judge folder.

        Raises:
            BadJudge: with every fault of the folder.
        """
        return cls(load_spec(path), label, model, params, attempts, reading, form, server)

    def variants(self, question: Question, mode: Mode, turn: int) -> tuple[str, ...]:
        """The variants that serve a question, one for each set of aspects that the judge asks for.

        One made for its category goes first, then one that shows the reference there is, then one that shows the checklist. A
        variant that shows a reference, a checklist or a rubric serves no question without it.
        """
        fitting = [
            v
            for v in self.spec.variants.values()
            if v.mode == mode
            and v.turns == turn <= len(question.turns)
            and (not v.categories or question.category in v.categories)
            and (not v.reference or question.reference_for(turn))
            and (checklist(question) or "checklist" not in v.prompt.fields)
            and (rubric(question) or v.rubric or "rubric" not in v.prompt.fields)
        ]
        best: dict[tuple[str, ...], Variant] = {}
        for v in sorted(fitting, key=lambda v: (bool(v.categories), v.reference, "checklist" in v.prompt.fields), reverse=True):
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
        v = self.spec.variants[variant]
        held = self._constraint(replace(v, scale=structured.counted(v.scale)))
        return self.spec.hash(variant, self.model, self.params, EMPTY if held is None else {"ask": held.ask, **held.params})

    def _hash(self, variant: str) -> str:
        """The same, computed once: every fenced request needs it."""
        if variant not in self._hashes:
            self._hashes[variant] = self.hash(variant)
        return self._hashes[variant]

    def _constraint(self, variant: Variant) -> Constraint | None:
        """What the reply of a variant is held to; None where it stays text."""
        key = variant.name, variant.scale.count
        if key not in self._held:
            form = cast("Form", self._form or self._server or variant.structured or FREE)
            params = self.parameters(variant.name)
            free = form not in FORMS or structured.unfit(form, variant.scale, variant.reader, variant.reading, params)
            room = params.get("max_completion_tokens", params.get("max_tokens"))
            self._held[key] = None if free else structured.constraint(form, variant.scale, variant.reader, room)
        return self._held[key]

    def requests(self, task: JudgeTask) -> tuple[Request, ...]:
        """One request: the variant's prompt, filled.

        Raises:
            ValueError: no variant serves the task; see `variant`.
        """
        variant = self._variant(task)
        values = _values(variant, task, self._hash(variant.name))
        parts = (("system", variant.prompt.system), ("user", variant.prompt.user))
        params = self.spec.parameters(variant.name, self.params)
        if held := self._constraint(variant):
            params |= held.params
            values["scale"] = held.scale_words or values["scale"]
        messages = [{"role": role, "content": fill(text, values)} for role, text in parts if text]
        if held and held.ask:
            messages[-1]["content"] += f"\n\n{held.ask}"
        return (Request(tuple(messages), params, sample=task.sample, question_id=task.question.question_id, turn=task.turn),)

    def read(self, task: JudgeTask, replies: Sequence[Completion]) -> Reading:
        """What the reply says. A filter that stepped in is a refusal, a reply cut off before its verdict is truncated."""
        if not replies:
            return Reading("empty")
        variant, reply = self._variant(task), replies[0]
        if variant.reading == "strict" and (reply.finish_reason == FILTERED or REFUSED in reply.flags):
            return Reading("refused", flags=(FILTERED,) if reply.finish_reason == FILTERED else (), explanation=reply.text)
        held = self._constraint(variant)
        answers = guard.seen(variant, task)
        reading = _read(variant, reply, held, answers)
        flags = [*reading.flags, *(["thinking"] if reply.reasoning and "thinking" not in reading.flags else [])]
        markers = [READERS[variant.reader].markers, *([json_reply.MARKERS] if held and held.form == "json_schema" else [])]
        flags += guard.flags(variant, answers, markers)
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


def _read(variant: Variant, reply: Completion, held: Constraint | None, answers: tuple[tuple[Seen, ...], ...]) -> Reading:
    """What one reply says, by the form that was asked for, or else by the text; a form that was ignored is a flag."""
    cut_off = reply.finish_reason in CUT_OFF
    as_json = held is not None and held.form == "json_schema"
    found = json_reply.read_json(reply.text, variant.scale, cut_off) if as_json else None
    if found is not None:
        reading, kept = guard.unless_repeated(found.reading, reply.text, answers), found.kept
    else:
        read = partial(_parse, variant, reply)
        published = variant.reading == "published"
        markers = READERS[variant.reader].markers
        reading = read(reply.text, cut_off) if published else guarded(read, reply.text, cut_off, answers, markers)
        own = separate(reply.text)[0]
        kept = held is None or not own.strip() or (not as_json and (cut_off or held.kept(own)))
    flags = reading.flags if held is None or kept else (*reading.flags, IGNORED[held.form])
    # Thinking that the server kept apart is stored where other servers leave it: in the judge's full text, before its words.
    thought = f"<think>\n{reply.reasoning}\n</think>\n\n" if reply.reasoning else ""
    return replace(reading, flags=flags, explanation=thought + reading.explanation)


def _parse(variant: Variant, reply: Completion, text: str, cut_off: bool) -> Reading:
    """The reader's word on a text, all of the reply or a part of it."""
    name, how = variant.reader, variant.reading
    return parse(name, text, variant.scale, reading=how, truncated=cut_off, logprobs=reply.logprobs)


def _values(variant: Variant, task: JudgeTask, judge_hash: str) -> dict[str, str]:
    """Every field that the variant's prompt may use. A turn that was not answered shows as nothing."""
    question = task.question
    values = {
        "category": question.category,
        "scale": variant.scale.asks(),
        "aspect": ", ".join(variant.scale.aspects),
        "rubric": rubric(question) or variant.rubric,
        "checklist": "\n".join(f"{i}. {item}" for i, item in enumerate(checklist(question), 1)),
    }
    show = shown if variant.fenced else str
    turns = range(1, variant.turns + 1)
    asked = [(show(question.turns[turn - 1]), show(question.reference_for(turn) or NOT_GIVEN)) for turn in turns]
    given = [[show(a.turns[turn - 1]) if len(a.turns) >= turn else "" for a in task.answers] for turn in turns]
    mark = ""
    if variant.fenced:
        every = [text for turn in (*asked, *given) for text in turn]
        mark = code(task.seed, judge_hash, question.question_id, task.turn, task.mode, every)
        values["fence"] = mark
    for turn, (question_text, reference), answers in zip(turns, asked, given, strict=True):
        put = partial(_put, mark, f", turn {turn}" if variant.turns > 1 else "")
        texts = {"question": put("question", question_text), "reference": put("reference", reference)}
        names = answer_names(variant.mode, len(answers))
        if variant.mode == "ranking":
            # Without a fence each answer still needs a line that says which it is.
            each = [put(name, text) if mark else f"A{name[1:]}:\n{text}" for name, text in zip(names, answers, strict=True)]
            texts["answers"] = (Block if mark else str)("\n\n".join(each))
        else:
            texts |= {f: put(*pair) for f, *pair in zip(SHOWN[variant.mode], names, answers, strict=True)}
        values |= {f"{field}_{turn}": text for field, text in texts.items()}
        values |= texts  # the last turn is the one that is judged
    return values


def answer_names(mode: Mode, count: int) -> tuple[str, ...]:
    """What the fence lines call the answers: a letter each, a number where two scores are asked for, nothing for one alone."""
    if count == 1:
        return ("answer",)
    return tuple(f"answer {i + 1 if mode == 'two-score' else label(i)}" for i in range(count))


def _put(mark: str, turn: str, name: str, text: str) -> str:
    return enclose(name + turn, text, mark) if mark else text


def checklist(question: Question) -> tuple[str, ...]:
    """The yes-or-no items of a question: the texts of `metadata.checklist`."""
    items = question.metadata.get("checklist")
    return tuple(item for item in items if isinstance(item, str)) if isinstance(items, list | tuple) else ()


def rubric(question: Question) -> str:
    """The question's own rubric (`metadata.rubric`), which goes before the judge's."""
    text = question.metadata.get("rubric")
    return text if isinstance(text, str) else ""
