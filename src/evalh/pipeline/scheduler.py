"""Keeps units going: up to so many requests in flight, each behind the gate of its endpoint.

A run is a set of lanes (one per answering model, one per judge). A lane hands out units that are ready. A unit holds a slot
only while its request is on the wire: not while it backs off, nor while its reply is stored and read. So a slow model, or a
storm of refusals, holds up nobody else, and the number of live tasks is bounded however long the plan.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from evalh.core.config import Limits
from evalh.errors import EvalhError
from evalh.pipeline.gate import Gate

if TYPE_CHECKING:
    from evalh.pipeline.batch import Collector

GRACE: Final = 5.0  # seconds that requests in flight are waited for after Ctrl-C


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

    __slots__ = ("_scheduler", "gate", "held")

    def __init__(self, scheduler: Scheduler, gate: Gate) -> None:
        self._scheduler = scheduler
        self.gate = gate
        self.held = True

    async def acquire(self) -> None:
        """Wait for a free slot, ahead of units that have not begun."""
        if not self.held:
            await self._scheduler._reacquire(self)

    def release(self) -> None:
        """Give the slot back; another unit may start at once."""
        if self.held:
            self.held = False
            self._scheduler._release(self)


class Scheduler:
    """Runs units; what a unit does is none of its business.

    Args:
        concurrency: requests in flight at the most, over all endpoints.
        limits: what each endpoint allows, by its address.
    """

    def __init__(self, concurrency: int, limits: Mapping[str, Limits] | None = None) -> None:
        self.concurrency = concurrency
        self.tally = Tally()
        self.batches: Collector | None = None  # where it is set, requests travel in batches
        self.stopping = False
        self._blocked = 0
        self._limits = limits or {}
        self._gates: dict[str, Gate] = {}
        self._lanes: Sequence[Lane] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[Any]] = set()
        self._waiters: deque[tuple[Slot, asyncio.Future[None]]] = deque()
        self._done: asyncio.Future[None] | None = None
        self._fatal: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_lane = 0

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
