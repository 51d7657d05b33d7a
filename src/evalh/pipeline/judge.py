"""One judgment unit: answers in the order shown -> Judgment records, one for each attempt.

An unreadable reply is asked again, as a fresh sample under a key of its own, up to the judge's number of attempts; every
attempt is kept, and the last one decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from evalh.core.ids import comparison_ids, judgment_id
from evalh.core.protocols import Judge
from evalh.core.records import Answer, Completion, Failure, JudgeTask, Judgment, Mode, Question, Reading
from evalh.errors import BackendError, EndsRun, NotServed, Refused
from evalh.pipeline.answer import total
from evalh.pipeline.engine import Engine, Slot, Target

DECIDED: Final = ("scored", "refused", "failed")
"""Statuses after which asking again is not worth its price."""


async def judge(
    engine: Engine,
    slot: Slot,
    judge: Judge,
    target: Target | None,
    variant: str,
    question: Question,
    answers: tuple[Answer, ...],
    mode: Mode,
    turn: int,
    sample: int,
    seed: int,
) -> list[Judgment]:
    """Judge answers, asking again while the reply can't be read.

    Args:
        target: the judge's model; None for a judge that computes.

    Raises:
        EndsRun: every further request would fail too.
        Incomplete: --offline, and a reply is missing.
    """
    task = JudgeTask(question, answers, mode, turn, sample, seed)
    blank = unjudged(judge, variant, question, answers, mode, turn, sample)
    requests = judge.requests(task)
    records: list[Judgment] = []
    for attempt in range(judge.attempts if requests else 1):
        replies: list[Completion] = []
        failure: Failure | None = None
        for request in requests:
            asked = replace(request, sample=sample, attempt=attempt, question_id=question.question_id, turn=turn)
            try:
                assert target is not None, f"judge {judge.name} asks, but has no model"
                replies.append(await engine.ask(slot, target, asked, "judge"))
            except NotServed as error:
                raise NotServed(
                    f"{error}. Choose another model behind the judge with --judge-model", status=error.status
                ) from None
            except EndsRun:
                raise
            except BackendError as error:
                failure = Failure(error.kind, str(error))
                break
        if failure is None:
            reading = judge.read(task, replies)
        else:
            reading = Reading("refused" if failure.kind == Refused.kind else "failed")
        usage = total([r.usage for r in replies if r.usage is not None])
        flags = (*reading.flags, *(f for r in replies for f in r.flags if f not in reading.flags))
        records.append(
            replace(
                blank,
                judgment_id=judgment_id(blank.judgment_id.rpartition("-")[0], attempt),
                attempt=attempt,
                status=reading.status,
                verdict=reading.verdict,
                strength=reading.strength,
                preference=reading.preference,
                scores=reading.scores,
                ranking=reading.ranking,
                explanation=reading.explanation,
                flags=tuple(dict.fromkeys(flags)),
                usage=usage,
                failure=failure,
            )
        )
        if reading.status in DECIDED:
            break
    return records


def unjudged(
    judge: Judge, variant: str, question: Question, answers: tuple[Answer, ...], mode: Mode, turn: int, sample: int
) -> Judgment:
    """The record of a unit whose answers could not be had; also the blank that a judged one is filled into."""
    ids = tuple(a.answer_id for a in answers)
    mark = judge.hash(variant)
    unit, group = comparison_ids(judge.name, mark, question.question_id, mode, turn, ids, sample)
    return Judgment(
        judgment_id(unit, 0),
        group,
        question.question_id,
        turn,
        judge.name,
        mark,
        f"{judge.name}/{variant}",
        mode,
        ids,
        "no_answer",
        sample=sample,
    )
