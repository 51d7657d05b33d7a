"""Keeps units going: up to so many requests in flight, each behind the gate of its endpoint.

A run is a set of lanes (one per answering model, one per judge). A lane hands out units that are ready. A unit holds a slot
only while its request is on the wire: not while it gets ready (its prompt, its key, a look into the ledger), nor while it backs
off, nor while its reply is stored and read. So a slow model, or a storm of refusals, holds up nobody else; when a reply comes,
another request is waiting to take its place; and the number of live tasks is bounded however long the plan.
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
    from evalh.pipeline.asking import Batches

STEP: Final = 8  # one in so many of those who wait behind the others goes on in a round of the loop
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

    __slots__ = ("_scheduler", "fresh", "gate", "held")

    def __init__(self, scheduler: Scheduler, gate: Gate) -> None:
        self._scheduler = scheduler
        self.gate = gate
        self.held = False
        self.fresh = True  # it has not been held yet, and counts among those that get ready

    async def acquire(self) -> None:
        """Wait for a free slot; whoever has held one before goes first."""
        if not self.held:
            await self._scheduler._acquire(self)

    def release(self) -> None:
        """Give the slot back, or the place among those that get ready; another unit takes it at once."""
        if self.held or self.fresh:
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
        self.batches: Batches | None = None  # where it is set, requests travel in batches
        self.stopping = False
        self.on_last: Callable[[], None] | None = None  # called once, when nothing is left to send
        self._blocked = 0
        self._limits = limits or {}
        self._gates: dict[str, Gate] = {}
        self._lanes: Sequence[Lane] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[Any]] = set()
        self._done: asyncio.Future[None] | None = None
        self._fatal: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_lane = 0
        self._next_gate = 0
        self._due = False
        self._behind: deque[asyncio.Future[None]] = deque()

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
        for gate in self._gates.values():
            for _, future in gate.waiters:
                future.cancel()
            gate.waiters.clear()
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

    async def behind(self) -> None:
        """Let whoever can send go first: work on a reply that is safe can wait.

        Those who wait here go on one by one, a round of the loop each, so that replies that have come meanwhile are seen to in
        between; by larger steps when many wait.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._behind.append(turn)
        if len(self._behind) == 1:
            asyncio.get_running_loop().call_soon(self._step)
        await turn

    def _step(self) -> None:
        for _ in range(1 + len(self._behind) // STEP):
            turn = self._behind.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
        if self._behind:
            asyncio.get_running_loop().call_soon(self._step)

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
        """Start units soon: called whenever one may start, heeded once for all that happens in a round of the loop.

        So what can be sent at once goes before what has to get ready first.
        """
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._due = False
        if self.stopping or self._done is None or self._done.done():
            return
        now = time.monotonic()
        self._serve_waiters(now)
        while len(self._tasks) < self._most_alive:
            lane = self._pick()
            if lane is None:
                break
            unit = lane.take()
            if unit is None:
                continue
            gate = self._gate(lane.endpoint)
            gate.ready += 1
            task = asyncio.get_running_loop().create_task(self._unit(unit, Slot(self, gate)))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if any(lane.waiting() for lane in self._lanes):
            self._wake_when_a_gate_opens(now)
        elif not self._tasks:
            self._finish()
        else:
            tell = self.on_last
            if tell is not None and not any(gate.ready for gate in self._gates.values()):
                self.on_last = None
                tell()
            self._wake_when_a_gate_opens(now)

    def _pick(self) -> Lane | None:
        """The next lane, in turn, that has a unit, and not too many that only wait for a slot."""
        count = len(self._lanes)
        room = max(1, self.concurrency // max(1, sum(gate.used for gate in self._gates.values())))
        for step in range(count):
            lane = self._lanes[(self._next_lane + step) % count]
            if self._gate(lane.endpoint).ready < room and lane.waiting():
                self._next_lane = (self._next_lane + step + 1) % count
                return lane
        return None

    def _serve_waiters(self, now: float) -> None:
        """Give free slots to those who wait, to each endpoint in turn."""
        gates = [gate for gate in self._gates.values() if gate.waiters]
        if len(gates) > 1:
            self._next_gate = (self._next_gate + 1) % len(gates)
            gates = gates[self._next_gate :] + gates[: self._next_gate]
        while gates and self.tally.in_flight < self.concurrency:
            gates = [gate for gate in gates if self._serve(gate, now)]

    def _serve(self, gate: Gate, now: float) -> bool:
        """Let one request in; False where none waits any more, or the gate is closed."""
        while gate.waiters and gate.waiters[0][1].done():
            gate.waiters.popleft()
        if not gate.waiters or self.tally.in_flight >= self.concurrency or not gate.open(now):
            return False
        slot, future = gate.waiters.popleft()
        self._enter(slot, now)
        future.set_result(None)
        return bool(gate.waiters)

    def _wake_when_a_gate_opens(self, now: float) -> None:
        delays = [gate.delay(now) for gate in self._gates.values()]
        pending = [d for d in delays if d is not None and d > 0]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pending:
            self._timer = asyncio.get_running_loop().call_later(min(pending), self._pump)

    def _enter(self, slot: Slot, now: float) -> None:
        slot.gate.ready -= slot.fresh
        slot.fresh = False
        slot.held = True
        slot.gate.enter(now)
        self.tally.in_flight += 1

    def _release(self, slot: Slot) -> None:
        if slot.held:
            slot.held = False
            slot.gate.leave()
            self.tally.in_flight -= 1
        else:
            slot.fresh = False
            slot.gate.ready -= 1
        if not self.stopping:
            self._serve_waiters(time.monotonic())
        self._pump()

    async def _acquire(self, slot: Slot) -> None:
        if self.stopping:
            raise asyncio.CancelledError
        now = time.monotonic()
        if not slot.gate.waiters and self.tally.in_flight < self.concurrency and slot.gate.open(now):
            self._enter(slot, now)
            self._pump()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if slot.fresh:
            slot.gate.waiters.append((slot, future))
        else:
            slot.gate.waiters.appendleft((slot, future))
        self._pump()
        await future
        if self.stopping:  # since it was woken
            raise asyncio.CancelledError

    async def _unit(self, unit: Callable[[Slot], Awaitable[None]], slot: Slot) -> None:
        try:
            await self.behind()
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
