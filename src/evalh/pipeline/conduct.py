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
from evalh.core.records import Question
from evalh.core.store import RunFolder
from evalh.errors import EvalhError, Incomplete
from evalh.pipeline import manifest as manifests
from evalh.pipeline.book import Book
from evalh.pipeline.engine import Engine
from evalh.pipeline.lanes import AnswerLane, JudgeLane
from evalh.pipeline.settle import settle
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
    mended: list[str] = []

    def mend(text: str) -> None:
        mended.append(text)
        watcher.log(text)

    with folder.writing(mend):
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
        quiet = not (set(book.counts) - {"judgments kept"}) and outcome.error is None and not outcome.interrupted
        if quiet and before["finished_at"] and not mended:
            outcome.counts = before["counts"]
            folder.write_manifest(before)  # nothing was missing: the run finished when it finished
        else:
            _finish(folder, manifest, engine, ledger, outcome)
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
