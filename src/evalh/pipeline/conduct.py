"""Carry out a prepared run: open the folder, start the engine, keep the manifest true, and put the records in order.

Whatever ends a run early (an error, Ctrl-C, a budget), the folder it leaves behind is a valid one, and the same command goes on
from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from evalh.core.ledger import Ledger
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import EvalhError, Incomplete
from evalh.pipeline import manifest as manifests
from evalh.pipeline.engine import Engine
from evalh.pipeline.lanes import AnswerLane, Book, JudgeLane
from evalh.pipeline.setup import Prepared


class Watcher(Protocol):
    """Shows progress; told everything, decides nothing."""

    def start(self, engine: Engine, book: Book, answers: int, judgments: int) -> None:
        """The run begins: so many answers and judgments are asked for in all."""
        ...

    def log(self, text: str) -> None:
        """One line worth knowing (a retry and its reason)."""
        ...

    def stop(self) -> None:
        """The run has ended."""
        ...


@dataclass(slots=True)
class Outcome:
    """How a run ended."""

    folder: RunFolder
    counts: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    error: EvalhError | None = None
    sent: int = 0
    cached: int = 0
    set_aside: str | None = None

    @property
    def lost(self) -> tuple[int, int]:
        """(units that failed or stayed unscored, units in all)."""
        c = self.counts
        return c["answers_failed"] + c["judgments_unscored"], c["answers"] + c["judgments"]


def conduct(prepared: Prepared, folder: RunFolder, ledger: Ledger, watcher: Watcher, *, asks: bool = True) -> Outcome:
    """Run what is missing of a prepared run.

    Args:
        asks: whether models are asked for answers (False: judge what there is).

    Raises:
        RunMismatch, RunLocked, StoreError: the folder cannot be used; nothing was sent.
    """
    outcome = Outcome(folder)
    if prepared.config.fresh and folder.exists():
        outcome.set_aside = str(folder.set_aside())
    with folder.writing(watcher.log):
        if folder.exists():
            manifest, old = folder.manifest(), list(folder.read(Question))
        else:
            manifest, old = manifests.create(prepared, folder.name), []
        manifest, questions = manifests.merge(manifest, prepared, old, asks)
        before = dict(manifest)
        manifest["finished_at"] = None
        folder.write_questions(questions)
        folder.write_manifest(manifest)
        book = Book(prepared.plan, folder)
        engine = Engine(
            ledger,
            manifest["run_id"],
            prepared.config.concurrency,
            prepared.config.limits,
            offline=prepared.config.offline,
            log=watcher.log,
        )
        try:
            asyncio.run(_drive(prepared, book, engine, watcher, asks, outcome))
        except EvalhError as error:
            outcome.error = error
        ledger.flush()
        outcome.sent, outcome.cached = engine.tally.sent, engine.tally.cached
        _finish(folder, manifest, engine, ledger, outcome)
        if (
            before["finished_at"]
            and outcome.error is None
            and not outcome.interrupted
            and not (set(book.counts) - {"judgments kept"})
        ):
            folder.write_manifest(before)  # nothing was missing: the run finished when it finished
    return outcome


async def _drive(prepared: Prepared, book: Book, engine: Engine, watcher: Watcher, asks: bool, outcome: Outcome) -> None:
    """Build the lanes and drain them."""
    judges = [JudgeLane(book, i, j.target, prepared.config.seed) for i, j in enumerate(prepared.judges)]
    answers = [
        AnswerLane(book, i, target, prepared.params(spec), spec.system)
        for i, (target, spec) in enumerate(zip(prepared.targets, prepared.config.models, strict=bool(asks)))
        if asks
    ]
    for lane in answers:
        lane.judges = tuple(judges)
        lane.engine = engine
    for judge in judges:
        judge.engine = engine
    total, judged = prepared.plan.count()
    watcher.start(engine, book, total, sum(judged.values()))
    try:
        with _interrupt(engine, outcome):
            await engine.drain([*answers, *judges])
    finally:
        watcher.stop()
        for target in (*prepared.targets, *(j.target for j in prepared.judges)):
            if target is not None and hasattr(target.backend, "aclose"):
                await target.backend.aclose()


@contextlib.contextmanager
def _interrupt(engine: Engine, outcome: Outcome) -> Iterator[None]:
    """Ctrl-C once: send nothing more and wait for what is in flight; twice: stop now."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def once() -> None:
        if outcome.interrupted and main is not None:
            main.cancel()
        outcome.interrupted = True
        engine.stop()

    handled: list[Callable[[], object]] = []
    for sign in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(sign, once)
            handled.append(lambda s=sign: loop.remove_signal_handler(s))  # type: ignore[misc]
        except (NotImplementedError, ValueError, RuntimeError):  # Windows, or not in the main thread
            continue
    try:
        yield
    except asyncio.CancelledError:
        if not outcome.interrupted:
            raise
    finally:
        for undo in handled:
            undo()


def _finish(folder: RunFolder, manifest: dict[str, Any], engine: Engine, ledger: Ledger, outcome: Outcome) -> None:
    """Put the records in plan order and write what came of the run into its manifest."""
    outcome.counts = settle(folder, manifest)
    complete = outcome.error is None and not outcome.interrupted
    if engine.gaps and complete:
        outcome.error = Incomplete(
            f"--offline: {len(engine.gaps)} replies are not in the ledger; run without --offline to pay for them"
        )
        complete = False
    spent = ledger.spent(manifest["run_id"])
    manifest["counts"] = outcome.counts
    manifest["cost"] = {
        "usd": None if spent and all(s.unpriced == s.requests for s in spent) else sum(s.usd or 0.0 for s in spent),
        "requests": sum(s.requests for s in spent),
        "cached": max(engine.tally.cached, manifest.get("cost", {}).get("cached", 0)),
        "input_tokens": sum(s.input_tokens for s in spent),
        "output_tokens": sum(s.output_tokens for s in spent),
        "unpriced": sorted({s.label for s in spent if s.unpriced}),
        "stages": [
            {
                "stage": s.stage,
                "model": s.label,
                "requests": s.requests,
                "input_tokens": s.input_tokens,
                "output_tokens": s.output_tokens,
                "usd": None if s.unpriced == s.requests else s.usd,
            }
            for s in spent
        ],
    }
    manifest["served"] = {label: [list(pair) for pair in pairs] for label, pairs in ledger.served(manifest["run_id"]).items()}
    manifest["partial"] = None if complete else "interrupted" if outcome.interrupted else str(outcome.error).split("\n")[0]
    manifest["finished_at"] = manifests.now() if complete else None
    folder.write_manifest(manifest)


def settle(folder: RunFolder, manifest: dict[str, Any]) -> dict[str, Any]:
    """Rewrite both record files in plan order, leaving out what has been superseded, and count what is there."""
    questions = {q.question_id: i for i, q in enumerate(folder.read(Question))}
    models = {name: i for i, name in enumerate(manifest["models"])}
    judges = {name: i for i, name in enumerate(manifest["judges"])}
    unknown = 1 << 40
    position: dict[str, tuple[int, int]] = {}
    good: set[tuple[str, str, int]] = set()
    failed: dict[tuple[str, str, int], str] = {}
    for a in folder.read(Answer):
        place = (a.model, a.question_id, a.sample)
        position[a.answer_id] = (models.get(a.model, unknown), a.sample)
        if a.failure is None:
            good.add(place)
        else:
            failed[place] = a.answer_id
    dropped = {name for place, name in failed.items() if place in good}

    def answer_order(a: Answer) -> tuple[Any, ...] | None:
        if a.answer_id in dropped:
            return None
        return (
            questions.get(a.question_id, unknown),
            models.get(a.model, unknown),
            a.model,
            a.sample,
            a.answer_id if a.failure is None else "",
        )

    attempts: dict[str, int] = {}

    def judgment_order(j: Judgment) -> tuple[Any, ...] | None:
        if any(a in dropped or a not in position for a in j.answers):
            return None
        shown = tuple(position[a] for a in j.answers)
        unit, _, attempt = j.judgment_id.rpartition("-")
        return (
            questions.get(j.question_id, unknown),
            judges.get(j.judge, unknown),
            j.judge,
            j.mode,
            j.turn,
            tuple(sorted(shown)),
            shown,
            j.sample,
            unit,
            int(attempt),
        )

    count = {"answers": folder.rewrite(Answer, answer_order), "answers_failed": len(set(failed) - good)}
    folder.rewrite(Judgment, judgment_order)
    statuses: dict[str, str] = {}
    for j in folder.read(Judgment):
        unit = j.judgment_id.rpartition("-")[0]
        statuses[unit] = j.status
        attempts[unit] = max(attempts.get(unit, 0), j.attempt)
    by_status: dict[str, int] = {}
    for status in statuses.values():
        by_status[status] = by_status.get(status, 0) + 1
    return {
        **count,
        "judgments": len(statuses),
        "judgments_unscored": len(statuses) - by_status.get("scored", 0),
        "asked_again": sum(attempts.values()),
        "by_status": dict(sorted(by_status.items())),
    }
