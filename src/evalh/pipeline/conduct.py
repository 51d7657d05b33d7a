"""Carry out a prepared run: open the folder, start the engine, keep the manifest true, and put the records in order.

Whatever ends a run early (an error, Ctrl-C, a budget), the folder it leaves behind is a valid one, and the same command goes on
from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from evalh.core.ledger import Ledger
from evalh.core.records import Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import EvalhError, Incomplete, RunMismatch
from evalh.pipeline import manifest as manifests
from evalh.pipeline.book import Book
from evalh.pipeline.budget import Budget
from evalh.pipeline.engine import Engine
from evalh.pipeline.estimate import Estimate, Line
from evalh.pipeline.lanes import AnswerLane, JudgeLane
from evalh.pipeline.plan import COMPARISONS
from evalh.pipeline.separate import Rounds, ask_in_rounds
from evalh.pipeline.settle import settle
from evalh.pipeline.setup import Prepared


class Watcher(Protocol):
    """Shows progress; told everything, decides nothing."""

    def plan(self, lines: list[Line]) -> None:
        """What is still to be sent, before it is."""
        ...

    def start(self, engine: Engine, book: Book, answers: int, judgments: int) -> None:
        """The run begins: so many answers and judgments are asked for in all."""
        ...

    def last(self) -> None:
        """Nothing is left to send: only replies that are on their way are awaited."""
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
    batches: tuple[str, ...] = ()  # those that go on at a server

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
        outcome.set_aside = str(folder.set_aside() if asks else _set_judgments_aside(folder, prepared))
    mended: list[str] = []

    def mend(text: str) -> None:
        mended.append(text)
        watcher.log(text)

    with folder.writing(mend):
        if folder.exists():
            manifest, old = manifests.read(folder), list(folder.read(Question))
        else:
            manifest, old = manifests.create(prepared, folder.name), []
        manifest, questions = manifests.merge(manifest, prepared, old, asks)
        if prepared.config.until_separated:
            _check_whole(manifest, questions, prepared)
        if prepared.config.fresh:
            manifest["fresh"] = secrets.token_hex(4)
        before = dict(manifest)
        manifest["finished_at"] = None
        folder.write_questions(questions)
        folder.write_manifest(manifest)
        book = Book(prepared.plan, folder, asks)
        engine = Engine(
            ledger,
            manifest["run_id"],
            prepared.config.concurrency,
            prepared.config.limits,
            offline=prepared.config.offline,
            fresh=manifest["fresh"],
            budget=Budget(prepared.config.budget),
            served={label: pairs[0][0] for label, pairs in manifest["served"].items() if pairs and pairs[0][0]},
            accept_model_change=prepared.config.accept_model_change,
            log=watcher.log,
        )
        try:
            _to_its_end(_drive(prepared, book, engine, watcher, asks, outcome, manifest))
            if not prepared.config.until_separated and not outcome.interrupted:
                _forget_separation(manifest, questions, prepared)
        except EvalhError as error:
            outcome.error = error
        ledger.flush()
        outcome.sent, outcome.cached = engine.tally.sent, engine.tally.cached
        outcome.batches = tuple(row.batch or f"a batch of {row.label}" for row in ledger.batches(engine.run))
        quiet = not (set(book.counts) - {"judgments kept"}) and outcome.error is None and not outcome.interrupted
        if quiet and before["finished_at"] and not mended:
            outcome.counts = before["counts"]
            folder.write_manifest(before)  # nothing was missing: the run finished when it finished
        else:
            _finish(folder, manifest, engine, ledger, outcome)
    return outcome


def _set_judgments_aside(folder: RunFolder, prepared: Prepared) -> Path:
    """Copy the folder aside and forget what the judges of this run have said: the answers stay to be judged again."""
    judges = {j.judge.name for j in prepared.judges}
    with folder.writing():
        copy = next(p for n in itertools.count(1) if not (p := folder.path.with_name(f"{folder.path.name}.old-{n}")).exists())
        shutil.copytree(folder.path, copy)
        place = itertools.count()
        folder.rewrite(Judgment, lambda j: None if j["judge"] in judges else (next(place),))
        manifest = folder.manifest()
        manifest["judges"] = {name: judge for name, judge in manifest["judges"].items() if name not in judges}
        manifest["separation"] = {n: told for n, told in manifest.get("separation", {}).items() if n not in judges}
        named = {jury.name for jury in prepared.config.juries}
        manifest["juries"] = {name: jury for name, jury in manifest.get("juries", {}).items() if name not in named}
        folder.write_manifest(manifest)
    return copy


def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, also from within a running event loop, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, work).result()


async def _drive(
    prepared: Prepared,
    book: Book,
    engine: Engine,
    watcher: Watcher,
    asks: bool,
    outcome: Outcome,
    manifest: dict[str, Any],
) -> None:
    """Build the lanes and drain them."""
    everyone = (*prepared.targets, *(j.target for j in prepared.judges))
    engine.recover({target.label: target for target in everyone if target is not None})
    engine.budget.spent = already_spent(engine.ledger, engine.run)
    if prepared.config.batch and not prepared.config.offline:
        from evalh.pipeline.batch import Collector, first_look

        engine.batches = Collector(engine, [t for t in everyone if t is not None], watcher.log, first_look())
        engine.batches.take_up()
    else:
        engine.budget.spent += engine.ledger.reserved(engine.run)
    chosen = prepared.config.until_separated
    judges = [JudgeLane(book, i, j.target, prepared.config.seed, chosen=chosen) for i, j in enumerate(prepared.judges)]
    answers = [
        AnswerLane(book, i, target, prepared.params(spec), spec.system)
        for i, (target, spec) in enumerate(zip(prepared.targets, prepared.config.models, strict=bool(asks)))
        if asks
    ]
    for lane in answers:
        lane.judges = () if chosen else tuple(judges)
        lane.engine = engine
    for judge in judges:
        judge.engine = engine
    total, judged = prepared.plan.count()
    unanswered = any(lane.waiting() for lane in answers)
    rounds = _rounds(prepared, book, judges, manifest) if chosen and not unanswered else []
    offered = [found.offer() for found in rounds]  # all of them, for all to be counted
    if unanswered or any(offered) or any(lane.waiting() for lane in judges):
        if chosen:
            watcher.log("--until-separated asks comparisons alone, and stops early; what would be sent is the most it can be")
        watcher.plan(Estimate(prepared, book, engine.ledger, sample=8).lines(survey=False))
    watcher.start(engine, book, total, sum(judged.values()))
    engine.on_last = watcher.last
    try:
        with _interrupt(engine, outcome):
            if chosen:
                await engine.drain(answers)
                if not engine.stopping:
                    await _separate(engine, rounds or _rounds(prepared, book, judges, manifest), manifest)
            else:
                await engine.drain([*answers, *judges])
    finally:
        watcher.stop()
        for target in everyone:
            if target is not None and hasattr(target.backend, "aclose"):
                await target.backend.aclose()


def _rounds(prepared: Prepared, book: Book, judges: list[JudgeLane], manifest: dict[str, Any]) -> list[Rounds]:
    """The rounds of every judge, over the answers that there are."""
    config = prepared.config
    return [
        Rounds(book, lane, i, manifest["judges"][opened.judge.name], config.indifference, config.seed)
        for i, (opened, lane) in enumerate(zip(prepared.judges, judges, strict=True))
    ]


async def _separate(engine: Engine, rounds: list[Rounds], manifest: dict[str, Any]) -> None:
    """Ask comparisons in rounds; how far they went stands in the manifest, however they end."""
    try:
        await ask_in_rounds(engine, rounds)
    finally:
        manifest["separation"] = {**manifest["separation"], **{found.judge: found.told() for found in rounds}}


def _check_whole(manifest: dict[str, Any], questions: list[Question], prepared: Prepared) -> None:
    """Refuse to separate a part of a run: its leaderboard is that of all its models and questions."""
    models = [name for name in manifest["models"] if name not in prepared.plan.models]
    left = len(questions) - len(prepared.plan.questions)
    if models or left:
        what = " and ".join([f"models {', '.join(models)}"] * bool(models) + [f"{left} questions"] * bool(left))
        raise RunMismatch(
            f"run {manifest['name']} also holds {what}, and --until-separated separates the leaderboard of a whole run: name"
            " all of its models and questions, or write to another folder with --out"
        )


def _forget_separation(manifest: dict[str, Any], questions: list[Question], prepared: Prepared) -> None:
    """Once everything has been asked after all, nothing of a run depends any more on when it was stopped before."""
    plan, config = prepared.plan, prepared.config
    whole = set(plan.models) == set(manifest["models"]) and len(questions) == len(plan.questions) and config.pairs == "all"
    if whole and set(COMPARISONS) & set(plan.modes):
        asked = {j.judge.name for j in prepared.judges}
        manifest["separation"] = {name: told for name, told in manifest["separation"].items() if name not in asked}


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
        "cached": engine.tally.cached + manifest["cost"].get("cached", 0),
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
    manifest["served"] = _merged(manifest["served"], engine.seen)
    manifest["partial"] = None if complete else "interrupted" if outcome.interrupted else str(outcome.error).split("\n")[0]
    manifest["finished_at"] = manifests.now() if complete else None
    folder.write_manifest(manifest)


def already_spent(ledger: Ledger, run: str) -> float:
    """Dollars that a run has cost so far, replies that never came whole included."""
    ledger.flush()
    return sum(s.usd or 0.0 for s in ledger.spent(run)) + ledger.doubtful(run)


def _merged(before: dict[str, Any], seen: dict[str, dict[tuple[str | None, str | None], None]]) -> dict[str, Any]:
    """label -> [served model, fingerprint] pairs, in the order of their first reply."""
    merged = {label: [list(pair) for pair in pairs] for label, pairs in before.items()}
    for label, pairs in seen.items():
        known = merged.setdefault(label, [])
        known += [list(pair) for pair in pairs if list(pair) not in known]
    return dict(sorted(merged.items()))
