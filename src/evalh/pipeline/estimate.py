"""What a run would take, before anything is sent: requests, tokens, dollars and time, by stage and model.

Requests are counted exactly, and so is what is done already or waits in the ledger. Tokens are estimated: prompts from the
texts themselves (a token is 3 to 6 bytes of text, 4 in the middle), replies from what the ledger has seen of the model at this
stage, or else between a short reply and the output cap. Prompts are looked at for a sample of questions, so that a plan of a
million units costs no more than a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Final, TypeVar

from evalh.core.ids import answer_id
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import request_key
from evalh.core.records import Answer, Completion, JudgeTask, Question, Request
from evalh.errors import Incomplete
from evalh.pipeline.answer import answer
from evalh.pipeline.asking import Target
from evalh.pipeline.book import Book
from evalh.pipeline.engine import output_cap
from evalh.pipeline.judge import judge, unjudged
from evalh.pipeline.plan import JudgmentUnit
from evalh.pipeline.setup import Prepared

SAMPLE: Final = 40  # questions whose prompts are looked at
ENOUGH: Final = 5  # replies in the ledger from which a mean is taken
BYTES: Final = (6.0, 4.0, 3.0)  # of text per token: for the low, the middle and the high estimate
UNSEEN: Final = {
    "answer": (60.0, 350.0),
    "judge": (40.0, 250.0),
}  # tokens of a short and of a usual reply; the cap is the high end
SPREAD: Final = (0.7, 1.0, 1.4)  # around the mean length of replies seen
T = TypeVar("T")
Three = tuple[float, float, float]
"""Low, middle and high estimate."""


@dataclass(frozen=True, slots=True)
class Line:
    """One model at one stage.

    Attributes:
        requests: in all; `done` of them are on disk, `cached` in the ledger, `to_send` neither.
        input_tokens, output_tokens: of the requests to send: low, middle, high.
        usd: likewise, or None where the model has no price.
        seconds: likewise, or None where nothing is known about how long a reply takes.
    """

    stage: str
    model: str
    requests: int
    done: int
    cached: int
    input_tokens: Three
    output_tokens: Three
    usd: Three | None
    seconds: Three | None

    @property
    def to_send(self) -> int:
        """Requests that would be paid for."""
        return self.requests - self.done - self.cached


class LedgerOnly:
    """Asks the ledger and nobody else; stands in for the engine."""

    def __init__(self, ledger: Ledger, fresh: str | None = None) -> None:
        self.ledger = ledger
        self.fresh = fresh

    async def ask(self, slot: Any, target: Target, request: Request, stage: str) -> Completion:
        """The stored reply. Raises Incomplete where there is none."""
        if not target.backend.paid:
            completion: Completion = await target.backend.generate(request)
            return completion
        raw = self.ledger.get(request_key(target.backend.identity, request, self.fresh))
        if raw is None:
            raise Incomplete(f"{stage} {target.label}: not in the ledger")
        found: Completion = target.backend.read(raw)
        return found


def _now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("it waited")  # pragma: no cover - the ledger alone never does


class Estimate:
    """Estimates a prepared run against its folder and the ledger."""

    def __init__(self, prepared: Prepared, book: Book, ledger: Ledger, sample: int = SAMPLE, fresh: str | None = None) -> None:
        self.prepared = prepared
        self.plan = prepared.plan
        self.book = book
        self.ledger = ledger
        self._fresh = fresh
        questions = self.plan.questions
        step = max(1, len(questions) // sample)
        self._sample = range(0, len(questions), step)
        self._answer_tokens: dict[int, Three] = {}

    def lines(self, *, survey: bool = True) -> list[Line]:
        """One line per model and per judge.

        Args:
            survey: look for every request in the ledger; otherwise only what is on disk counts as done.
        """
        for i, target in enumerate(self.prepared.targets):
            self._answer_tokens[i] = self._answer_length(i, target)
        found = [self._answers(i, t, survey) for i, t in enumerate(self.prepared.targets) if t.backend.paid]
        found += [self._judgments(j, survey) for j, opened in enumerate(self.prepared.judges) if opened.target is not None]
        return found

    # -- answers ----------------------------------------------------------------------------------------------------------

    def _params(self, model: int) -> Callable[[Question], dict[str, Any]]:
        return self.prepared.params(self.prepared.config.models[model])

    def _answer_length(self, model: int, target: Target) -> Three:
        """Tokens of one turn of an answer."""
        if not target.backend.paid:
            sizes = [len(a.turns[0]) / BYTES[1] for (m, _, _), a in self.book.answers.items() if m == model and a.turns][
                :SAMPLE
            ]
            mean = fmean(sizes) if sizes else 200.0
            return mean, mean, mean
        params = self._params(model)
        caps = [output_cap(target, params(self.plan.questions[q])) or 1024 for q in self._sample]
        return self._reply(target, "answer", fmean(caps))

    def _reply(self, target: Target, stage: str, cap: float) -> Three:
        count, mean, _ = self.ledger.typical(target.label, stage)
        low, middle, high = (s * mean for s in SPREAD) if count >= ENOUGH else (*UNSEEN[stage], cap)
        return min(low, cap), min(middle, cap), min(high, cap)

    def _answers(self, model: int, target: Target, survey: bool) -> Line:
        plan, params = self.plan, self._params(model)
        spec = self.prepared.config.models[model]
        turns = sum(len(q.turns) for q in plan.questions)
        done = sum(len(plan.questions[q].turns) for m, q, _ in self.book.answers if m == model)
        cached = 0
        if survey and self.ledger.knows(target.label, "answer"):
            asker = LedgerOnly(self.ledger, self._fresh)
            for unit in plan.answer_units(model):
                place = unit.model, unit.question, unit.sample
                if place not in self.book.answers:
                    question = plan.questions[unit.question]
                    try:
                        made = _now(answer(asker, None, target, question, unit.sample, params(question), spec.system))
                    except Incomplete:
                        continue
                    self.book.answers[place] = made
                    cached += len(question.turns)
        given = [self._prompt_of(plan.questions[q], model) for q in self._sample]
        return self._line("answer", target, turns * plan.answer_samples[model], done, cached, given, self._answer_tokens[model])

    def _prompt_of(self, question: Question, model: int) -> Three:
        """Mean input tokens of one turn's request: everything said before is sent again."""
        sizes = [len(t.encode()) for t in question.turns]
        before = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        grown = [i * self._answer_tokens[model][k] for k in range(3) for i in (fmean(range(len(sizes))),)]
        mean = fmean(before)
        return tuple(mean / b + g for b, g in zip(BYTES, grown, strict=True))  # type: ignore[return-value]

    # -- judgments --------------------------------------------------------------------------------------------------------

    def _judgments(self, index: int, survey: bool) -> Line:
        opened = self.prepared.judges[index]
        target = opened.target
        assert target is not None
        _, by_judge = self.plan.count()
        total = by_judge[opened.judge.name]
        done, cached = self._judged(index, target, survey)
        prompts, caps = [], []
        for q in self._sample:
            for unit in self.plan.judgments_of(index, q):
                for request in opened.judge.requests(self._task(unit)):
                    size = sum(len(m["content"].encode("utf-8", "replace")) for m in request.messages)
                    prompts.append(_three((size + self._longer(unit, k)) / BYTES[k] for k in range(3)))
                    caps.append(output_cap(target, request.params) or 1024)
        reply = self._reply(target, "judge", fmean(caps) if caps else 1024.0)
        return self._line("judge", target, total, done, cached, prompts, reply, opened.judge.name)

    def _judged(self, index: int, target: Target, survey: bool) -> tuple[int, int]:
        """(judgments on disk, judgments that the ledger can decide)."""
        known = bool(self.book.judged), survey and self.ledger.knows(target.label, "judge")
        done = cached = 0
        if not any(known):
            return 0, 0
        asker = LedgerOnly(self.ledger, self._fresh)
        opened = self.prepared.judges[index]
        for unit in self.plan.judgment_units(index):
            answers = self.book.shown(unit)
            if answers is None:
                continue
            name = self.book.name(unit, answers)
            if name in self.book.judged:
                done += 1
            elif known[1]:
                task = self._task(unit, answers)
                blank = unjudged(opened.judge, unit.variant, self.book.mark(index, unit.variant), task, name)
                try:
                    _now(judge(asker, None, opened.judge, target, task, blank))
                except Incomplete:
                    continue
                cached += 1
        return done, cached

    def _task(self, unit: JudgmentUnit, answers: tuple[Answer, ...] | None = None) -> JudgeTask:
        """A judge's task; answers that are not there yet are stood in for by a text of the expected length."""
        question = self.plan.questions[unit.question]
        shown = answers or tuple(self._stand_in(m, unit, question) for m in unit.models)
        return JudgeTask(question, shown, unit.mode, unit.turn, unit.sample, self.prepared.config.seed, unit.variant)

    def _longer(self, unit: JudgmentUnit, k: int) -> float:
        """Bytes by which the answers not there yet are longer at an estimate's end than in its middle."""
        lengths = [self._answer_tokens[m] for m in unit.models if not self._there(m, unit) and m in self._answer_tokens]
        return sum((tokens[k] - tokens[1]) * BYTES[1] * unit.turn for tokens in lengths)

    def _there(self, model: int, unit: JudgmentUnit) -> Answer | None:
        return self.book.answers.get((model, unit.question, self.plan.answer_sample(model, unit.sample)))

    def _stand_in(self, model: int, unit: JudgmentUnit, question: Question) -> Answer:
        there = self._there(model, unit)
        if there is not None:
            return there
        tokens = self._answer_tokens.get(model, (200.0, 200.0, 200.0))[1]
        text = ("some words of an answer " * (int(tokens * BYTES[1]) // 24 + 1))[: int(tokens * BYTES[1])]
        turns = (text,) * len(question.turns)
        label = self.plan.models[model]
        return replace(Answer("", question.question_id, label, {}, 0, turns), answer_id=answer_id("", label, {}, 0, ()))

    # -- one line ---------------------------------------------------------------------------------------------------------

    def _line(
        self, stage: str, target: Target, total: int, done: int, cached: int, prompts: list[Three], reply: Three, name: str = ""
    ) -> Line:
        left = max(0, total - done - cached)
        given = _three(left * (fmean(p[k] for p in prompts) if prompts else 0.0) for k in range(3))
        made = _three(left * reply[k] for k in range(3))
        usd = None
        if target.price is not None:
            share = target.price.batch if self.prepared.config.batch else 1.0
            usd = _three(share * (given[k] * target.price.input + made[k] * target.price.output) / 1e6 for k in range(3))
        return Line(stage, name or target.label, total, done, cached, given, made, usd, self._seconds(target, stage, left))

    def _seconds(self, target: Target, stage: str, left: int) -> Three | None:
        """Time at the given limits: by requests a minute, and by the latency that the ledger has seen."""
        limits = self.prepared.config.limits.get(target.endpoint.rstrip("/"))
        per_minute = limits.requests_per_minute if limits else None
        floor = 60.0 * left / per_minute if per_minute else 0.0
        count, _, latency = self.ledger.typical(target.label, stage)
        if count >= ENOUGH and latency:
            at_once = min(
                self.prepared.config.concurrency, int((limits and limits.concurrency) or self.prepared.config.concurrency)
            )
            return _three(max(floor, s * left * latency / at_once) for s in SPREAD)
        return (floor, floor, floor) if floor else None


def _three(values: Iterator[float] | Any) -> Three:
    low, middle, high = values
    return low, middle, high
