"""--batch: requests gather until nothing else can go on, travel together through a Batch API, and come back to their units.

The engine hands over every request that would have gone on the wire. When all live units wait here (or for another process) and
none can start, what has gathered is submitted, one batch per model. A batch then goes through these steps, each noted in the
ledger before the next one begins:

    planned     which requests it holds is on disk; nothing is at the server
    uploaded    the file is there; the batch may be, and then carries our name of it (`intent`) in its metadata
    created     the server's name of it is known
    (ended)     every reply in it is stored; its other requests may be sent again

So a process may die anywhere: the next one finds the batch, at the server if need be, and never submits it twice. No two
processes look after one batch at the same time (they claim it), and a request stands in one batch at a time.

A server that refuses a batch because too many tokens wait already (`token_limit_exceeded`) has processed none of it: from then
on that model's batches are half as large, and submitted one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import IO, Final, TypeVar

from evalh.backends.batches import BatchService, BatchState, LineReply, read_line
from evalh.backends.openai import FORMS
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import BatchLine, BatchRow, Paid
from evalh.core.records import RawReply, Request
from evalh.errors import (
    BackendError,
    BadConfig,
    BatchFailed,
    Expired,
    NotServed,
    RateLimited,
    ServerFault,
    StoreError,
    TransientError,
    Unreachable,
)
from evalh.pipeline.asking import FIRST_DELAY, LONGEST_DELAY, NEVER_ANSWERED, Target
from evalh.pipeline.engine import Engine
from evalh.pipeline.parcel import MOST_LINES, Arrived, Job, Place, Waiting, packed, place_of

MOST_WAITING: Final = 20_000  # units alive at a time: each holds its request in memory
MOST_TRIES: Final = 5  # batches that one request may be in
FIRST_LOOK: Final = 1.0  # seconds until a batch is first looked at
LONGEST_LOOK: Final = 60.0  # and between two looks at the most
GROWTH: Final = 1.5
CALM: Final = 0.05  # seconds that nothing else may have gone on before what has gathered is submitted
PATIENCE: Final = 3600.0  # seconds for which a server may be away
GONE: Final = 48 * 3600.0  # seconds after which a batch that the server does not know has surely ended
DOWNLOADS: Final = 3  # of one file, where it does not hold what was promised
CHUNK: Final = 500  # replies stored in one go
TOO_MUCH: Final = "token_limit_exceeded"
LOOK_VARIABLE: Final = "EVALH_BATCH_POLL"
T = TypeVar("T")


class Collector:
    """Where an engine's requests gather. One per run.

    Args:
        engine: whose; it is told here too.
        targets: everybody who may be asked.
        log: told about every batch.
        first: seconds until a batch is first looked at.
    """

    most = MOST_WAITING
    most_tries = MOST_TRIES

    def __init__(
        self, engine: Engine, targets: Iterable[Target], log: Callable[[str], None], first: float = FIRST_LOOK
    ) -> None:
        self._engine = engine
        self._ledger: Ledger = engine.ledger
        self._targets = {place_of(t): t for t in targets if t.backend.paid}
        self.endpoints = frozenset(t.endpoint for t in self._targets.values())
        self._log = log
        self._first = first
        self._gathered: list[Waiting] = []
        self._kept: dict[str, Arrived] = {}  # refusals in the batches of earlier processes
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: dict[tuple[str, str, str], BatchService] = {}
        self._answered: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._calm_before = False
        self._most: dict[Place, int] = {}  # lines in a batch, where the server does not take all at once

    # -- what the engine calls --------------------------------------------------------------------------------------------

    async def send(
        self, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> tuple[RawReply, float]:
        """The reply to a request, committed, and what it cost; it may take a day.

        Raises:
            BackendError: as a live request would.
        """
        for _ in range(FORMS):
            waiting = Waiting(target, request, key, stage, tries, aside, asyncio.get_running_loop().create_future())
            waiting.form = target.backend.form
            came = self._kept.pop(key, None) or await self._gather(waiting)
            if came.reply is not None:
                return came.reply, came.usd
            if not target.backend.adapts(request, waiting.form, came.status, came.body):
                break
        refusal: BackendError = target.backend.refusal(came.status, came.body, {})
        raise refusal

    async def elsewhere(self, key: str, pause: float) -> None:
        """Wait for a request that somebody else has sent, or is about to send."""
        intent = self._ledger.pending(key)
        if intent is None:
            await asyncio.sleep(pause)
            return
        job = self._jobs.get(intent)
        if job is None:
            row = self._ledger.batch(intent)
            if row is None:  # it has ended in between
                return
            job = self._take_up(row)
        await job.ended.wait()

    def take_up(self) -> None:
        """Look after the batches that earlier processes of this run have left, and set aside what they may cost."""
        for row in self._ledger.batches(self._engine.run):
            aside = sum(entry.aside for entry in self._ledger.lines(row.intent))
            if (row.endpoint, row.label, row.model) in self._targets:
                self._engine.budget.hold(aside)
                self._take_up(row).held = aside
            else:
                self._engine.budget.spent += aside

    def stop(self) -> None:
        """Look after no batch any more; they go on at the server."""
        for task in self._tasks:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    async def aclose(self) -> None:
        """See to it that batches whose replies are here are noted as ended, stop, and close the connections."""
        while not self._engine.stopping and (last := [job for job in self._jobs.values() if job.collecting]):
            await last[0].ended.wait()
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for service in self._services.values():
            await service.aclose()

    # -- gathering --------------------------------------------------------------------------------------------------------

    async def _gather(self, waiting: Waiting) -> Arrived:
        self._gathered.append(waiting)
        self._calm_before = False
        self._look_soon()
        return await waiting.future

    def _look_soon(self) -> None:
        if self._timer is None and not self._engine.stopping:
            self._timer = asyncio.get_running_loop().call_later(CALM, self._look_around)

    def _look_around(self) -> None:
        """Submit what has gathered once all has been calm at two looks in a row."""
        self._timer = None
        calm = self._engine.calm() and not any(job.collecting for job in self._jobs.values())
        try:
            if calm and self._calm_before:
                self._submit()
        except Exception as error:  # nobody awaits this: without it the units would wait for ever
            self._engine.fail(error)
        self._calm_before = calm
        if self._gathered and not (calm and self._calm_before and self._busy()):
            self._look_soon()

    def _busy(self) -> bool:
        """Whether all that has gathered waits for the end of a batch: that looks around again."""
        under_way = self._under_way()
        return all(place_of(w.target) in under_way for w in self._gathered)

    def _under_way(self) -> set[Place]:
        """Models that take one batch at a time, and have one."""
        return {place for job in self._jobs.values() if (place := place_of(job.target)) in self._most}

    def _submit(self) -> None:
        gathered, self._gathered = self._gathered, []
        gathered.sort(key=lambda w: (place_of(w.target), w.key))
        under_way = self._under_way()
        for place, group in itertools.groupby(gathered, key=lambda w: place_of(w.target)):
            if place in under_way:
                self._gathered += group
                continue
            target, most = self._targets[place], self._most.get(place)
            for lines, content in packed(group, most or MOST_LINES):
                row = BatchRow(secrets.token_hex(16), *place, run=self._engine.run, requests=len(lines))
                planned = {w.key: BatchLine(w.key, w.stage, target.backend.adapted(w.request), w.tries, w.aside) for w in lines}
                job = Job(row, target, planned, {w.key: w for w in lines})
                self._start(job, partial(self._submitted, job, content))
                if most is not None:  # the others wait for its end; `packed` has looked at one of them already
                    self._gathered += [w for w in gathered if place_of(w.target) == place and w.key not in planned]
                    break

    def _start(self, job: Job, work: Callable[[], Awaitable[None]]) -> None:
        self._jobs[job.row.intent] = job
        task = asyncio.get_running_loop().create_task(self._looked_after(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_up(self, row: BatchRow) -> Job:
        """Look after a batch that another process has begun, or wait for it."""
        job = Job(row, self._targets[row.endpoint, row.label, row.model], {})
        self._start(job, partial(self._followed, job))
        return job

    async def _looked_after(self, job: Job, work: Callable[[], Awaitable[None]]) -> None:
        """See a batch to its end, whatever it be."""
        try:
            await work()
        except Exception as error:
            self._engine.fail(error)
        finally:
            self._jobs.pop(job.row.intent, None)
            if not self._engine.stopping:  # else the last line of progress says what goes on at the server
                self._engine.tally.batches.pop(job.row.intent, None)
            self._ledger.release_batch(job.row.intent)
            job.ended.set()
            if self._gathered:
                self._look_soon()

    # -- one batch, step by step ------------------------------------------------------------------------------------------

    async def _submitted(self, job: Job, content: IO[bytes]) -> None:
        """A new batch, from its plan to its end."""
        row = job.row
        await self._ledger.claim_batch(row.intent)
        with content:
            held = await self._ledger.plan_batch(row, list(job.open.values()))
            if len(held) < len(job.open):
                await self._ledger.end_batch(row.intent, "abandoned")
                raise StoreError("another process has put the same requests into a batch; run the same command again")

            async def upload() -> str:
                content.seek(0)
                return await self._service(job).upload(f"evalh-{row.intent}.jsonl", content)

            try:
                file = await self._steadily(job, upload)
            except (BackendError, asyncio.CancelledError):
                self._ledger.drop_batch(row.intent)  # a file without a batch costs nothing
                raise
        await self._ledger.advance_batch(row.intent, "uploaded", file=file)
        await self._ended(job, await self._created(job, file))

    async def _followed(self, job: Job) -> None:
        """A batch of another process: wait while that lives, then go on from where it stopped."""
        pause = self._first
        while not await self._ledger.claim_batch(job.row.intent):
            if self._ledger.batch(job.row.intent) is None:
                break
            self._engine.tally.batches[job.row.intent] = f"{_name(job.row)} of another process"
            await self._ledger.renew_claims()
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK, pause * GROWTH)
        try:
            row = self._ledger.batch(job.row.intent)
            if row is not None:
                job.row = row
                job.open = {entry.key: entry for entry in self._ledger.lines(row.intent)}
                await self._resumed(job)
        finally:
            if job.held:
                self._engine.budget.settle(job.held, job.usd)

    async def _resumed(self, job: Job) -> None:
        """Go on with a batch from the step that is noted in the ledger."""
        row = job.row
        if row.batch is not None:
            self._log(f"batch {row.batch} of {row.label}: taken up, {row.requests} requests")
            await self._ended(job, await self._steadily(job, lambda: self._look(job)))
            return
        state = None
        if row.file is not None:
            state = await self._steadily(job, lambda: self._service(job).find(row.intent))
            if state is None and row.run == self._engine.run and not self._engine.budget.passed:
                state = await self._created(job, row.file)
        if state is None:  # nothing was begun at the server: its requests gather again
            await self._ledger.end_batch(row.intent, "abandoned")
        else:
            await self._note_created(job, state)
            await self._ended(job, state)

    async def _created(self, job: Job, file: str) -> BatchState:
        """Start the batch over its file; where it is not known whether a try succeeded, look for it first."""
        service, intent = self._service(job), job.row.intent
        unclear = False

        async def once() -> BatchState:
            nonlocal unclear
            found = await service.find(intent) if unclear else None
            if found is not None:
                return found
            try:
                return await service.create(file, intent)
            except TransientError:
                unclear = True
                raise
            except BackendError:
                await self._ledger.end_batch(intent, "refused")
                raise

        state = await self._steadily(job, once)
        await self._note_created(job, state)
        return state

    async def _note_created(self, job: Job, state: BatchState) -> None:
        await self._ledger.advance_batch(job.row.intent, "created", batch=state.id)
        if job.row.batch is None:
            self._log(f"batch {state.id} of {job.row.label}: {job.row.requests} requests submitted")
        job.row = replace(job.row, batch=state.id)

    async def _ended(self, job: Job, state: BatchState) -> None:
        """Wait for the end of a batch and take in what came of it."""
        row, pause = job.row, self._first
        self._show(job, state)
        while not state.ended:
            await self._ledger.renew_claims()
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK, pause * GROWTH)
            state = await self._steadily(job, lambda: self._look(job))
            self._show(job, state)
        if state.status == "failed":
            await self._ledger.end_batch(row.intent, "failed")
            if any(TOO_MUCH in fault for fault in state.faults) and row.requests > 1:
                self._halve(job)
                return
            why = "; ".join(state.faults[:5]) or "no reason given"
            raise BatchFailed(
                f"batch {row.batch} of {row.label} ({row.requests} requests at {row.endpoint}) was refused as a whole: {why}"
            )
        job.collecting = True
        await self._collect(job, state)
        await self._ledger.end_batch(row.intent, state.status)
        answered = row.requests - len(job.open) - len(job.lost)
        self._log(f"batch {row.batch} of {row.label}: {state.status}, {answered} of {row.requests} requests done")
        if state.status == "cancelled":
            raise BatchFailed(
                f"batch {row.batch} of {row.label} was cancelled at {row.endpoint}; the {answered} replies that it had are kept"
            )
        job.collecting = False
        self._lose(job, state)

    def _halve(self, job: Job) -> None:
        """Let the requests of a refused batch gather again, for smaller ones."""
        row, place = job.row, place_of(job.target)
        self._most[place] = min(self._most.get(place, MOST_LINES), -(-row.requests // 2))
        self._log(
            f"batch {row.batch} of {row.label}: more than the server lets wait at once; its {row.requests} requests go in"
            f" batches of {self._most[place]}, one after the other"
        )
        self._gathered += [waiting for waiting in job.waiting.values() if not waiting.future.done()]

    async def _look(self, job: Job) -> BatchState:
        row = job.row
        assert row.batch is not None
        try:
            return await self._service(job).look(row.batch)
        except NotServed:
            if row.at and time.time() - row.at > GONE:
                return BatchState(row.batch, "expired")
            raise BatchFailed(
                f"batch {row.batch} of {row.label} is not known at {row.endpoint}: was it submitted with the key of another"
                " project?"
            ) from None

    def _show(self, job: Job, state: BatchState) -> None:
        counts = f" {state.done}/{state.total or job.row.requests}" + (f", {state.failed} failed" if state.failed else "")
        self._engine.tally.batches[job.row.intent] = f"{_name(job.row)} {state.status}{counts}"

    # -- replies ----------------------------------------------------------------------------------------------------------

    async def _collect(self, job: Job, state: BatchState) -> None:
        """Bring down both files of a batch and store every reply; whole files are needed before anything counts as lost."""
        for file, promised in ((state.output, state.done), (state.errors, 0)):
            if file is None:
                continue
            for attempt in range(1, DOWNLOADS + 1):
                count = await self._steadily(job, lambda f=file: self._download(job, f))  # type: ignore[misc]
                if count >= promised or attempt == DOWNLOADS:
                    break

    async def _download(self, job: Job, file: str) -> int:
        """Store the replies in a file; how many lines it holds."""
        count = 0
        chunk: list[LineReply] = []
        async with contextlib.aclosing(self._service(job).lines(file)) as lines:
            async for data in lines:
                chunk.append(read_line(data))
                count += 1
                if len(chunk) == CHUNK:
                    await self._store(job, chunk)
                    chunk = []
        await self._store(job, chunk)
        return count

    async def _store(self, job: Job, chunk: list[LineReply]) -> None:
        """Commit replies, with what they cost, then hand them to those who wait for them."""
        row, backend = job.row, job.target.backend
        known = [(reply, job.open[reply.key]) for reply in chunk if reply.key in job.open]
        came: dict[str, Arrived] = {}
        for reply, entry in known:
            job.open.pop(reply.key, None)
            raw = None
            if reply.status == 200:
                raw = RawReply(reply.body, entry.adapted, None, reply.request_id)
                paid = Paid(entry.key, raw, row.label, row.endpoint, row.model, entry.stage, row.run, entry.tries)
                self._ledger.store(paid)
            if reply.status:
                came[entry.key] = Arrived(reply.status, reply.body, raw, entry.aside)
            else:
                job.lost[reply.key] = reply.lost
        for _, entry in known:  # in the same group as the replies, so that none is ever without its price
            arrived = came.get(entry.key)
            if arrived is None or arrived.reply is None:
                continue
            with contextlib.suppress(ServerFault):  # whoever waits for it will meet the same fault, and ask again
                completion = backend.read(arrived.reply)
                usd = self._engine.account(entry.key, job.target, entry.stage, completion, entry.aside, row.run)
                came[entry.key] = replace(arrived, usd=usd)
        await self._ledger.settled()
        for key, arrived in came.items():
            job.usd += arrived.usd if arrived.reply is not None else 0.0
            waiting = job.waiting.get(key)
            if waiting is not None and not waiting.future.done():
                waiting.future.set_result(arrived)
            elif waiting is None and arrived.reply is None:
                self._kept[key] = arrived

    def _lose(self, job: Job, state: BatchState) -> None:
        """Tell those whose requests came back without any reply; the engine has them ask again."""
        for key, waiting in job.waiting.items():
            if waiting.future.done():
                continue
            said = job.lost.get(key)
            if state.status == "expired" and (said is None or "batch_expired" in said):
                waiting.future.set_exception(Expired(f"batch {job.row.batch} expired before its turn came"))
            elif said is not None:
                waiting.future.set_exception(ServerFault(f"batch {job.row.batch}: {said}"))
            else:
                waiting.future.set_exception(ServerFault(f"batch {job.row.batch} came back without this request"))

    # -- the server -------------------------------------------------------------------------------------------------------

    def _service(self, job: Job) -> BatchService:
        place = place_of(job.target)
        if place not in self._services:
            self._services[place] = job.target.backend.open_batches()
        return self._services[place]

    async def _steadily(self, job: Job, call: Callable[[], Awaitable[T]]) -> T:
        """One call, tried again while that may help and the server is not away for too long."""
        began = time.monotonic()
        tries = 0
        while True:
            tries += 1
            try:
                result = await call()
                self._answered.add(job.row.endpoint)
                return result
            except TransientError as error:
                if error.status is not None:
                    self._answered.add(job.row.endpoint)
                asked = error.retry_after if isinstance(error, RateLimited | ServerFault) else None
                delay = asked if asked is not None else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (tries - 1))
                known = job.row.endpoint in self._answered
                if time.monotonic() - began + delay > (PATIENCE if known else NEVER_ANSWERED):
                    hint = "" if known else ", and nothing has ever answered there in this run: is the address right?"
                    raise Unreachable(f"{error}{hint}") from None
                self._log(f"batch of {job.row.label}: {error}; try {tries + 1} in {delay:.1f} s")
                await self._ledger.renew_claims()
                await asyncio.sleep(delay)


def first_look(env: Mapping[str, str] = os.environ) -> float:
    """Seconds until a batch is first looked at: EVALH_BATCH_POLL, or a second.

    Raises:
        BadConfig: the variable holds no such number.
    """
    text = env.get(LOOK_VARIABLE, "").strip()
    try:
        seconds = float(text) if text else FIRST_LOOK
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= LONGEST_LOOK:
        raise BadConfig(f"{LOOK_VARIABLE} must be a number of seconds, at most {LONGEST_LOOK:g}, not {text!r}")
    return seconds


def _name(row: BatchRow) -> str:
    return f"{row.batch or 'batch'} ({row.label})"
