"""One answer unit: a question, turn by turn -> Answer. A failed request becomes a Failure record, and the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalh.core.ids import answer_id
from evalh.core.records import Answer, Failure, Question, Request, Usage
from evalh.errors import BackendError, EndsRun
from evalh.pipeline.asking import Asker, Target
from evalh.pipeline.omissions import noticed
from evalh.pipeline.scheduler import Slot


async def answer(
    engine: Asker,
    slot: Slot | None,
    target: Target,
    question: Question,
    sample: int,
    params: Mapping[str, Any],
    system: str | None = None,
) -> Answer:
    """Ask a model every turn of a question; each reply is the context of the next turn.

    Raises:
        EndsRun: every further request would fail too.
        Incomplete: --offline, and a reply is missing.
    """
    messages: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
    turns: list[str] = []
    flags: list[str] = []
    tokens: list[Usage] = []
    finish: str | None = None
    failure: Failure | None = None
    for turn, text in enumerate(question.turns, 1):
        messages.append({"role": "user", "content": text})
        request = Request(tuple(messages), params, sample, 0, question.question_id, turn)
        try:
            completion = noticed(request, await engine.ask(slot, target, request, "answer"), target)
        except EndsRun:
            raise
        except BackendError as error:
            failure = Failure(error.kind, str(error))
            break
        turns.append(completion.text)
        messages.append({"role": "assistant", "content": completion.text})
        finish = completion.finish_reason
        flags += [f"{finish}:{turn}"] if finish not in ("stop", None) else []
        flags += [f"empty:{turn}"] if not completion.text.strip() else []
        flags += [flag for flag in completion.flags if flag not in flags]
        if completion.usage is not None:
            tokens.append(completion.usage)
    return Answer(
        answer_id(question.question_id, target.label, params, sample, turns),
        question.question_id,
        target.label,
        params,
        sample,
        tuple(turns),
        finish,
        total(tokens),
        tuple(flags),
        failure,
    )


def total(parts: list[Usage]) -> Usage | None:
    """Tokens of several replies together; None where none reported any."""
    if not parts:
        return None
    return Usage(sum(u.input_tokens or 0 for u in parts), sum(u.output_tokens or 0 for u in parts))
