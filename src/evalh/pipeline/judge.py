"""One judgment unit: answers in the order shown -> Judgment records, one for each attempt.

An unreadable reply is asked again, as a fresh sample under a key of its own, up to the judge's number of attempts; every
attempt is kept, and the last one decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from evalh.core.ids import group_id, judgment_id
from evalh.core.protocols import Judge
from evalh.core.records import Completion, Failure, JudgeTask, Judgment, Reading, Request
from evalh.errors import BackendError, EndsRun, NotServed, Refused
from evalh.pipeline.answer import total
from evalh.pipeline.asking import Asker, Target
from evalh.pipeline.omissions import noticed
from evalh.pipeline.scheduler import Slot

DECIDED: Final = ("scored", "refused", "failed")
"""Statuses after which asking again is not worth its price."""


async def judge(
    engine: Asker, slot: Slot | None, judge: Judge, target: Target | None, task: JudgeTask, blank: Judgment
) -> list[Judgment]:
    """Judge answers, asking again while the reply can't be read.

    Args:
        target: the judge's model; None for a judge that computes.
        blank: what `unjudged` says of the task.

    Raises:
        EndsRun: every further request would fail too.
        Incomplete: --offline, and a reply is missing.
    """
    requests = judge.requests(task)
    records: list[Judgment] = []
    for attempt in range(judge.attempts if requests else 1):
        replies, failure = await _ask(engine, slot, judge, target, requests, task, attempt)
        if failure is None:
            reading = judge.read(task, replies)
        else:
            reading = Reading("refused" if failure.kind == Refused.kind else "failed")
        records.append(_filled(blank, reading, replies, failure, attempt))
        if reading.status in DECIDED:
            break
    return records


async def _ask(
    engine: Asker,
    slot: Slot | None,
    judge: Judge,
    target: Target | None,
    requests: tuple[Request, ...],
    task: JudgeTask,
    attempt: int,
) -> tuple[list[Completion], Failure | None]:
    """The replies to one attempt; those before a failed request, and why it failed."""
    replies: list[Completion] = []
    for request in requests:
        asked = request
        if attempt or request.sample != task.sample:
            asked = replace(request, sample=task.sample, attempt=attempt)
        try:
            assert target is not None, f"judge {judge.name} asks, but has no model"
            replies.append(noticed(asked, await engine.ask(slot, target, asked, "judge"), target))
        except NotServed as error:
            hint = "Choose another model behind the judge with --judge-model"
            raise NotServed(f"{error}. {hint}", status=error.status) from None
        except EndsRun:
            raise
        except BackendError as error:
            return replies, Failure(error.kind, str(error))
    return replies, None


def unjudged(judge: Judge, variant: str, mark: str, task: JudgeTask, unit: str) -> Judgment:
    """The record of a unit whose answers could not be had; also the blank that a judged one is filled into.

    Args:
        mark: the variant's hash.
        unit: the unit's id.
    """
    ids = tuple(a.answer_id for a in task.answers)
    identity = task.question.question_id
    group = unit if len(ids) == 1 else group_id(judge.name, mark, identity, task.mode, task.turn, ids, task.sample)
    return Judgment(
        judgment_id=judgment_id(unit, 0),
        group_id=group,
        question_id=identity,
        turn=task.turn,
        judge=judge.name,
        judge_hash=mark,
        protocol=judge.protocol(variant),
        mode=task.mode,
        answers=ids,
        status="no_answer",
        sample=task.sample,
    )


def _filled(blank: Judgment, reading: Reading, replies: list[Completion], failure: Failure | None, attempt: int) -> Judgment:
    """The record of one attempt."""
    flags = dict.fromkeys(reading.flags)
    for reply in replies:
        flags |= dict.fromkeys(reply.flags)
    return Judgment(
        judgment_id=blank.judgment_id if not attempt else judgment_id(blank.judgment_id.rpartition("-")[0], attempt),
        group_id=blank.group_id,
        question_id=blank.question_id,
        turn=blank.turn,
        judge=blank.judge,
        judge_hash=blank.judge_hash,
        protocol=blank.protocol,
        mode=blank.mode,
        answers=blank.answers,
        status=reading.status,
        verdict=reading.verdict,
        strength=reading.strength,
        preference=reading.preference,
        scores=reading.scores,
        ranking=reading.ranking,
        sample=blank.sample,
        attempt=attempt,
        flags=tuple(flags),
        explanation=reading.explanation,
        usage=total([r.usage for r in replies if r.usage is not None]),
        failure=failure,
    )
