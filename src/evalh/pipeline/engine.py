"""The only place that waits: requests go to the ledger first, then to the wire.

A run is a set of lanes (one per answering model, one per judge). A lane hands out units that are ready; the engine keeps up to
`concurrency` of them in flight, each behind the gate of its endpoint. A unit holds a slot only while its request is on the
wire: not while it backs off, nor while its reply is stored and read. So a slow model, or a storm of refusals, holds up nobody
else, and the number of live tasks is bounded however long the plan.

Retrying is decided by the error's class (`errors.py`) and happens here alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from evalh.core.config import Limits, Price
from evalh.core.ledger import Ledger, Paid, request_key
from evalh.core.protocols import RawBackend
from evalh.core.records import Completion, Request
from evalh.errors import (
    BackendError,
    BatchPending,
    BudgetReached,
    EndsRun,
    EvalhError,
    Expired,
    Incomplete,
    ModelChanged,
    RateLimited,
    ServerFault,
    TransientError,
    Unreachable,
)
from evalh.pipeline.budget import Budget, worst_case
from evalh.pipeline.gate import Gate

if TYPE_CHECKING:
    from evalh.pipeline.batch import Collector

DEADLINE: Final = 600.0  # seconds that one request may take, all tries together
NEVER_ANSWERED: Final = 10.0  # the same for an endpoint that has not answered anything yet: it is probably not there
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 20.0
ELSEWHERE: Final = 0.05  # seconds between looks at a request that another process is sending
GRACE: Final = 5.0  # seconds that requests in flight are waited for after Ctrl-C


@dataclass(frozen=True, slots=True)
class Target:
    """A model to be asked, under the label that its records carry."""

    label: str
    backend: Any  # a RawBackend, or one that is not paid for
    price: Price | None = None

    @property
    def endpoint(self) -> str:
        """What limits are kept for."""
        return str(self.backend.endpoint)


@dataclass(slots=True)
class Tally:
    """What has happened so far; read by whoever shows progress."""

    sent: int = 0
    cached: int = 0
    retries: int = 0
    in_flight: int = 0
    batches: dict[str, str] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: set[str] = field(default_factory=set)
    errors: dict[str, int] = field(default_factory=dict)


class Asker(Protocol):
    """Something that has replies: the engine, or the ledger alone."""

    async def ask(self, slot: Any, target: Target, request: Request, stage: str) -> Completion:
        """The reply to a request."""
        ...


class Lane(Protocol):
    """A source of units for one endpoint."""

    endpoint: str

    def take(self) -> Callable[[Slot], Awaitable[None]] | None:
        """The next unit that can start now, or None."""
        ...

    def waiting(self) -> bool:
        """Whether a unit is left that can start now."""
        ...


class Slot:
    """A unit's right to have one request on the wire; taken and given back as often as the unit needs."""

    __slots__ = ("_engine", "gate", "held")

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine = engine
        self.gate = gate
        self.held = True

    async def acquire(self) -> None:
        """Wait for a free slot, ahead of units that have not begun."""
        if not self.held:
            await self._engine._reacquire(self)

    def release(self) -> None:
        """Give the slot back; another unit may start at once."""
        if self.held:
            self.held = False
            self._engine._release(self)


class Engine:
    """Sends requests. One per run.

    Args:
        ledger: where responses are sought and stored.
        run: the run's id, noted beside what it pays for.
        concurrency: requests in flight at the most, over all endpoints.
        limits: what each endpoint allows, by its address.
        offline: answer from the ledger alone.
        fresh: the token of a run that asks again for what the ledger holds already.
        budget: what may be spent; by default any amount.
        served: label -> the model that has answered for it in this run so far.
        accept_model_change: go on when another model answers for a label.
        log: told about every retry and its reason.
        seed: of the jitter of retry delays.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        concurrency: int = 16,
        limits: Mapping[str, Limits] | None = None,
        *,
        offline: bool = False,
        fresh: str | None = None,
        budget: Budget | None = None,
        served: Mapping[str, str] | None = None,
        accept_model_change: bool = False,
        log: Callable[[str], None] = lambda _: None,
        seed: int | None = None,
    ) -> None:
        self.ledger = ledger
        self.run = run
        self.concurrency = concurrency
        self.tally = Tally()
        self.offline = offline
        self.fresh = fresh
        self.budget = budget or Budget(None)
        self.served = dict(served or {})
        self.seen: dict[str, dict[tuple[str | None, str | None], None]] = {}
        self.gaps: set[str] = set()
        self.batches: Collector | None = None  # where it is set, requests travel in batches
        self._blocked = 0
        self._accept = accept_model_change
        self._limits = limits or {}
        self._gates: dict[str, Gate] = {}
        self._lanes: Sequence[Lane] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[Any]] = set()
        self._waiters: deque[tuple[Slot, asyncio.Future[None]]] = deque()
        self._asking: dict[str, asyncio.Future[None]] = {}
        self._done: asyncio.Future[None] | None = None
        self._fatal: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_lane = 0
        self._log = log
        self._random = random.Random(seed)
        self.stopping = False

    # -- units ------------------------------------------------------------------------------------------------------------

    async def drain(self, lanes: Sequence[Lane]) -> None:
        """Run every unit that the lanes hand out, until none is left.

        Raises:
            EvalhError: what ended the run early; units in flight have been waited for.
        """
        self._lanes = lanes
        self._done = asyncio.get_running_loop().create_future()
        self._pump()
        try:
            await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self._settle()
            if self.batches is not None:
                await self.batches.aclose()
        if self._fatal is not None:
            raise self._fatal

    def stop(self) -> None:
        """Start nothing more and send nothing more; what is in flight is waited for."""
        self.stopping = True
        for _, future in self._waiters:
            future.cancel()
        self._waiters.clear()
        for task in self._resting:
            task.cancel()
        if self.batches is not None:
            self.batches.stop()
        self._finish()

    def fail(self, error: BaseException) -> None:
        """End the run with an error, unless another has ended it already."""
        self._fatal = self._fatal or error
        self.stop()

    def calm(self) -> bool:
        """Whether nothing goes on but waiting for batches and other processes, and nothing more can start."""
        more = len(self._tasks) < self._most_alive and any(lane.waiting() for lane in self._lanes)
        return self._blocked == len(self._tasks) and not more

    @property
    def _most_alive(self) -> int:
        if self.batches is not None:
            return self.batches.most
        return 4 * self.concurrency + 64  # backing-off units hold no slot, but they are not free either

    @contextlib.contextmanager
    def _idle(self, *, blocked: bool = True) -> Iterator[None]:
        """A unit waits for something that is not a reply: a stop need not wait for it.

        Args:
            blocked: whether the wait may be a long one, so that a batch is not held up for this unit.
        """
        if self.stopping:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._resting.add(task)
        self._blocked += blocked
        try:
            yield
        finally:
            self._blocked -= blocked
            self._resting.discard(task)

    def recover(self, targets: Mapping[str, Target]) -> None:
        """Note the cost of replies that were stored for this run when the process died before they were read."""
        for key, label, stage, raw in self.ledger.unaccounted(self.run):
            if label in targets:
                try:
                    completion = targets[label].backend.read(raw)
                except ServerFault as error:
                    self.ledger.fail(key, label, stage, self.run, error.kind, str(error), raw.body)
                else:
                    self.account(key, targets[label], stage, completion)

    async def _settle(self) -> None:
        """Wait for the units in flight, for GRACE seconds at the most after a stop."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=GRACE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def wake(self) -> None:
        """Something has become ready."""
        self._pump()

    def _gate(self, endpoint: str) -> Gate:
        if endpoint not in self._gates:
            limits = self._limits.get(endpoint.rstrip("/"), Limits())
            if self.batches is not None and endpoint in self.batches.endpoints:
                limits = Limits()  # they are those of live requests
            self._gates[endpoint] = Gate(limits, self.concurrency)
        return self._gates[endpoint]

    def _pump(self) -> None:
        """Start units while there are slots; called whenever a slot or a unit may have become free."""
        if self.stopping or self._done is None or self._done.done():
            return
        now = time.monotonic()
        self._serve_waiters(now)
        while self.tally.in_flight < self.concurrency and len(self._tasks) < self._most_alive:
            lane = self._pick(now)
            if lane is None:
                break
            unit = lane.take()
            if unit is None:
                continue
            gate = self._gate(lane.endpoint)
            gate.enter(now)
            self.tally.in_flight += 1
            task = asyncio.get_running_loop().create_task(self._unit(unit, Slot(self, gate)))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if not self._tasks and not any(lane.waiting() for lane in self._lanes):
            self._finish()
        else:
            self._wake_when_a_gate_opens(now)

    def _pick(self, now: float) -> Lane | None:
        """The next lane, in turn, that has a unit and whose gate is open."""
        count = len(self._lanes)
        for step in range(count):
            lane = self._lanes[(self._next_lane + step) % count]
            if lane.waiting() and self._gate(lane.endpoint).open(now):
                self._next_lane = (self._next_lane + step + 1) % count
                return lane
        return None

    def _serve_waiters(self, now: float) -> None:
        for _ in range(len(self._waiters)):
            if self.tally.in_flight >= self.concurrency:
                return
            slot, future = self._waiters.popleft()
            if future.done():
                continue
            if not slot.gate.open(now):
                self._waiters.append((slot, future))
                continue
            self._enter(slot, now)
            future.set_result(None)

    def _wake_when_a_gate_opens(self, now: float) -> None:
        delays = [gate.delay(now) for gate in self._gates.values()]
        pending = [d for d in delays if d is not None and d > 0]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pending:
            self._timer = asyncio.get_running_loop().call_later(min(pending), self._pump)

    def _enter(self, slot: Slot, now: float) -> None:
        slot.held = True
        slot.gate.enter(now)
        self.tally.in_flight += 1

    def _release(self, slot: Slot) -> None:
        slot.gate.leave()
        self.tally.in_flight -= 1
        self._pump()

    async def _reacquire(self, slot: Slot) -> None:
        if self.stopping:
            raise asyncio.CancelledError
        now = time.monotonic()
        if self.tally.in_flight < self.concurrency and slot.gate.open(now):
            self._enter(slot, now)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((slot, future))
        self._wake_when_a_gate_opens(now)
        await future

    async def _unit(self, unit: Callable[[Slot], Awaitable[None]], slot: Slot) -> None:
        try:
            await unit(slot)
        except EvalhError as error:
            self.fail(error)
        finally:
            slot.release()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fatal = self._fatal or task.exception()
            self.stop()
        self._pump()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    # -- requests ---------------------------------------------------------------------------------------------------------

    async def ask(self, slot: Slot, target: Target, request: Request, stage: str) -> Completion:
        """The reply to a request: from the ledger if it was ever paid for, else from the wire.

        Raises:
            BackendError: the request can't succeed, or did not within its deadline.
            Incomplete: --offline, and the ledger does not hold it.
        """
        if not target.backend.paid:
            completion: Completion = await target.backend.generate(request)
            return completion
        key = request_key(target.backend.identity, request, self.fresh)
        while (twin := self._asking.get(key)) is not None:  # the same request is on its way already: pay once
            slot.release()
            with self._idle():
                await asyncio.shield(twin)
        found = self._cached(key, target, stage)
        if found is not None:
            return found
        if self.offline:
            self.gaps.add(key)
            raise Incomplete(f"{stage} {target.label}, question {request.question_id}: not in the ledger")
        self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._claimed(slot, target, request, stage, key)
        finally:
            self._asking.pop(key).set_result(None)

    def _cached(self, key: str, target: Target, stage: str) -> Completion | None:
        raw = self.ledger.get(key)
        if raw is None:
            return None
        try:
            completion: Completion = target.backend.read(raw)
        except ServerFault as error:  # stored, and the process died before it was found to be useless
            self.ledger.fail(key, target.label, stage, self.run, error.kind, str(error), raw.body)
            return None
        self._check_served(target, completion)
        self.tally.cached += raw.run != self.run
        return completion

    async def _claimed(self, slot: Slot, target: Target, request: Request, stage: str, key: str) -> Completion:
        """Send a request unless another process is about to; then wait for what it gets."""
        if self.batches is not None:
            slot.release()  # who waits for a batch is not in anybody's way
        pause = ELSEWHERE
        while not await self.ledger.claim(key):
            slot.release()
            with self._idle():
                if self.batches is not None:
                    await self.batches.elsewhere(key, pause)
                    pause = min(LONGEST_DELAY, 2 * pause)
                else:
                    await self._check_pending(key)
                    await asyncio.sleep(pause)
            found = self._cached(key, target, stage)
            if found is not None:
                return found
        try:
            return self._cached(key, target, stage) or await self._send(slot, target, request, stage, key)
        finally:
            self.ledger.release(key)

    async def _send(self, slot: Slot, target: Target, request: Request, stage: str, key: str) -> Completion:
        """Try until a reply can be read, the error says that trying is in vain, or time is up."""
        began = time.monotonic()
        tries = 0
        while True:
            aside = await self._afford(slot, target, request)
            tries += 1
            try:
                if self.batches is not None:
                    return await self._try_in_batch(self.batches, target, request, stage, key, tries, aside)
                await slot.acquire()
                return await self._try(slot, target, request, stage, key, tries, aside)
            except TransientError as error:
                self._journal(key, target, stage, error, None if _free(error) else aside)
                delay = self._delay(error, tries)
                if self.stopping:
                    raise
                if self.batches is not None:
                    if tries >= self.batches.most_tries:
                        raise
                elif time.monotonic() - began + delay > (DEADLINE if slot.gate.answered else NEVER_ANSWERED):
                    if slot.gate.answered:
                        raise
                    hint = "and nothing has ever answered there in this run: is the server up, and the address right?"
                    raise Unreachable(f"{error}, {hint}") from None
                self.tally.retries += 1
                self._log(f"{stage} {target.label}, question {request.question_id}: {error}; try {tries + 1} in {delay:.1f} s")
                with self._idle(blocked=False):
                    await asyncio.sleep(delay)
            except BackendError as error:
                self._journal(key, target, stage, error)
                raise

    async def _try(
        self, slot: Slot, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> Completion:
        """One request on the wire, its reply committed before anything is read from it."""
        backend: RawBackend = target.backend
        self.tally.sent += 1
        actual = aside  # until more is known: it may have been charged for
        try:
            slot.gate.tokens(sum(len(m["content"]) for m in request.messages) / 4)
            raw = await backend.send(request)
            now = time.monotonic()
            slot.gate.answered = True
            slot.gate.note(True, now)
            slot.gate.learn(raw.headers, now)
            slot.release()
            await self.ledger.commit(Paid(key, raw, target.label, target.endpoint, _model(target), stage, self.run, tries))
            try:
                completion = backend.read(raw)
            except ServerFault as error:
                error.body = raw.body
                raise
            actual = self.account(key, target, stage, completion, aside)
            slot.gate.tokens((completion.usage.output_tokens or 0) if completion.usage else 0)
            self._check_served(target, completion)
            return completion
        except BackendError as error:
            now = time.monotonic()
            slot.gate.answered = slot.gate.answered or error.status is not None
            slot.gate.note(not _overload(error), now)
            if error.status is not None:  # refused with a status: not charged for
                actual = 0.0
            if isinstance(error, EndsRun):
                self.stopping = True  # before the slot is free: nothing more is sent
            raise
        finally:
            slot.release()
            self.budget.settle(aside, actual)

    async def _try_in_batch(
        self, batches: Collector, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> Completion:
        """One request in a batch; its reply has been committed when it arrives here."""
        self.tally.sent += 1
        actual = aside
        try:
            with self._idle():
                raw, actual = await batches.send(target, request, stage, key, tries, aside)
            try:
                completion: Completion = target.backend.read(raw)
            except ServerFault as error:
                error.body = raw.body
                raise
            self._check_served(target, completion)
            return completion
        except BackendError as error:
            if _free(error):
                actual = 0.0
            raise
        finally:
            self.budget.settle(aside, actual)

    async def _check_pending(self, key: str) -> None:
        """Refuse to wait in silence, perhaps for a day, for a request that is in a batch."""
        intent = self.ledger.pending(key)
        if intent is None:
            return
        mine = await self.ledger.claim_batch(intent)
        row = self.ledger.batch(intent)
        if mine and row is not None and row.state == "planned":  # its process died before anything was at the server
            await self.ledger.end_batch(intent, "abandoned")
            row = None
        if mine:
            self.ledger.release_batch(intent)
        if row is not None:
            raise BatchPending(
                f"{row.requests} requests to {row.label} are in a batch that has not ended ({row.batch or 'just submitted'},"
                f" at {row.endpoint}), and nothing is sent twice. Run the same command with --batch to wait for it"
            )

    async def _afford(self, slot: Slot, target: Target, request: Request) -> float:
        """Set the worst case of a request aside; waits while requests on their way may still release some.

        Raises:
            BudgetReached: it does not fit any more.
        """
        if self.budget.cap is None or target.price is None:
            self.budget.take(0.0)
            return 0.0
        cost = worst_case(target.price, request, output_cap(target, request.params) or 0) * self._share(target.price)
        while not self.budget.take(cost):
            slot.release()
            if not self.budget.pending:
                raise BudgetReached(
                    f"--budget ${self.budget.cap:g}: ${self.budget.spent:.4f} is spent, and the next request"
                    f" ({target.label}) could cost ${cost:.4f}. Raise the budget and run the same command again to go on"
                )
            with self._idle():
                await self.budget.change()
        return cost

    def _journal(self, key: str, target: Target, stage: str, error: BackendError, usd: float | None = None) -> None:
        self.tally.errors[error.kind] = self.tally.errors.get(error.kind, 0) + 1
        self.ledger.fail(key, target.label, stage, self.run, error.kind, str(error), error.body, usd)

    def _check_served(self, target: Target, completion: Completion) -> None:
        """Refuse to mix two models under one label in silence; remember what has answered, with its fingerprint."""
        name = completion.served_model
        self.seen.setdefault(target.label, {})[name, completion.fingerprint] = None
        if name is None:
            return
        before = self.served.setdefault(target.label, name)
        if before != name and not self._accept:
            raise ModelChanged(
                f"{target.label}: the server now answers as {name!r}, and has answered as {before!r} before in this run."
                ' Give the new one a name of its own (revision = "…" in evalh.toml and another label),'
                " or accept the mixture with --accept-model-change"
            )

    def _delay(self, error: TransientError, tries: int) -> float:
        """Seconds until the next try: what the server asked for, else exponential with full jitter above a half."""
        asked = error.retry_after if isinstance(error, RateLimited | ServerFault) else None
        if asked is not None:
            return asked
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (tries - 1))
        return delay * (0.5 + 0.5 * self._random.random())

    def _share(self, price: Price) -> float:
        """What a request costs, as a share of the list price."""
        return price.batch if self.batches is not None else 1.0

    def account(
        self, key: str, target: Target, stage: str, completion: Completion, aside: float = 0.0, run: str | None = None
    ) -> float:
        """Note what a reply cost; dollars, or what was set aside for it where the server does not say.

        Args:
            run: who pays for it; by default this run.
        """
        usage = completion.usage
        tally = self.tally if run in (None, self.run) else Tally()
        usd = None
        if usage is not None:
            given, made = usage.input_tokens or 0, usage.output_tokens or 0
            tally.input_tokens += given
            tally.output_tokens += made
            if target.price is not None:
                usd = target.price.of(given, made) * self._share(target.price)
                tally.usd += usd
        if usd is None:
            tally.unpriced.add(target.label)
        self.ledger.account(
            key, run or self.run, stage, target.label, usage, usd, completion.served_model, completion.fingerprint
        )
        return aside if usd is None else usd


def output_cap(target: Target, params: Mapping[str, Any]) -> int | None:
    """Output tokens that a request may cost at the most, or None where nothing caps them."""
    extra = getattr(getattr(target.backend, "spec", None), "extra_body", {})
    for source in (extra, params):
        for name in ("max_completion_tokens", "max_tokens"):
            if isinstance(source.get(name), int):
                return int(source[name])
    return None


def _free(error: BackendError) -> bool:
    """Whether a failed request is known to cost nothing."""
    return error.status is not None or isinstance(error, Expired)


def _overload(error: BackendError) -> bool:
    return isinstance(error, RateLimited) or error.status == 503


def _model(target: Target) -> str:
    return str(target.backend.spec.model) if hasattr(target.backend, "spec") else target.label
