"""The scheduler: no more on the wire than allowed, the next one always ready, and nobody in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evalh.core.config import Limits
from evalh.errors import BudgetReached
from evalh.pipeline.scheduler import Scheduler, Slot

Job = Callable[[Slot], Awaitable[None]]


class Lane:
    """Hands out so many units, each doing the same."""

    def __init__(self, endpoint: str, count: int, job: Job) -> None:
        self.endpoint = endpoint
        self.left = count
        self.taken = 0
        self._job = job

    def waiting(self) -> bool:
        """Whether a unit is left."""
        return self.left > 0

    def take(self) -> Job:
        """The next one."""
        self.left -= 1
        self.taken += 1
        return self._job


def run(scheduler: Scheduler, *lanes: Lane) -> None:
    """Drain the lanes."""
    asyncio.run(asyncio.wait_for(scheduler.drain(lanes), 20))


def test_the_next_unit_is_ready_before_a_slot_is_free() -> None:
    """While one request is on the wire another one waits, ready; it is on the wire before the first one's reply is read."""
    said: list[str] = []
    scheduler = Scheduler(1)

    async def job(slot: Slot) -> None:
        number = lane.taken
        said.append(f"ready {number}")
        await slot.acquire()
        said.append(f"sent {number}")
        await asyncio.sleep(0.01)
        slot.release()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        said.append(f"read {number}")

    lane = Lane("x", 3, job)
    run(scheduler, lane)
    for before, after in (("sent 1", "ready 2"), ("ready 2", "sent 2"), ("sent 2", "read 1"), ("sent 3", "read 2")):
        assert said.index(before) < said.index(after), said


def test_no_more_on_the_wire_than_allowed() -> None:
    """The run's concurrency bounds all endpoints together, an endpoint's own limit that one; live units are bounded too."""
    scheduler = Scheduler(8, {"small": Limits(concurrency=2)})
    inside = {"small": 0, "large": 0}
    most = {"small": 0, "large": 0, "all": 0, "alive": 0}

    def job(name: str) -> Job:
        async def work(slot: Slot) -> None:
            await slot.acquire()
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            most["all"] = max(most["all"], sum(inside.values()))
            most["alive"] = max(most["alive"], len(scheduler._tasks))
            await asyncio.sleep(0.002)
            inside[name] -= 1
            slot.release()

        return work

    run(scheduler, Lane("small", 40, job("small")), Lane("large", 200, job("large")))
    assert most["small"] == 2
    assert most["all"] == 8
    assert most["alive"] <= 4 * 8 + 64
    assert scheduler.tally.in_flight == 0
    assert all(gate.inside == gate.ready == 0 for gate in scheduler._gates.values())


def test_a_closed_endpoint_is_in_nobody_s_way() -> None:
    """Units of an endpoint that lets one request through a minute wait; those of another one all run meanwhile."""
    scheduler = Scheduler(4, {"slow": Limits(requests_per_minute=1)})
    done = []

    async def slow(slot: Slot) -> None:
        await slot.acquire()
        slot.release()
        done.append("slow")

    async def quick(slot: Slot) -> None:
        await slot.acquire()
        await asyncio.sleep(0)
        slot.release()
        done.append("quick")
        if done.count("quick") == 300:
            scheduler.stop()

    run(scheduler, Lane("slow", 50, slow), Lane("quick", 300, quick))
    assert done.count("slow") == 1


def test_who_held_a_slot_before_goes_first() -> None:
    """A unit that tries again is served before units that have not been on the wire yet."""
    order: list[str] = []
    scheduler = Scheduler(1)

    async def job(slot: Slot) -> None:
        number = lane.taken
        await slot.acquire()
        order.append(f"{number}")
        slot.release()
        if number == 1:
            await slot.acquire()
            order.append("1 again")
            await asyncio.sleep(0.001)
            slot.release()

    lane = Lane("x", 4, job)
    run(scheduler, lane)
    assert order.index("1 again") <= 2
    assert sorted(order) == ["1", "1 again", "2", "3", "4"]


def test_units_that_need_no_slot_run_all_the_same() -> None:
    """Answers from a file, judgments that are computed and replies from the ledger never touch the wire."""
    done = []
    scheduler = Scheduler(2)

    async def job(slot: Slot) -> None:
        await asyncio.sleep(0)
        done.append(slot.held)

    run(scheduler, Lane("file", 100, job))
    assert done == [False] * 100


def test_after_an_error_that_ends_the_run_nothing_is_sent() -> None:
    """Who was woken in the same moment does not send either, and nothing stays held."""
    sent = []
    scheduler = Scheduler(2)

    async def job(slot: Slot) -> None:
        await slot.acquire()
        sent.append(1)
        await asyncio.sleep(0.001)
        try:
            raise BudgetReached("enough")
        finally:
            slot.release()

    with pytest.raises(BudgetReached, match="enough"):
        run(scheduler, Lane("x", 50, job))
    assert len(sent) == 2
    assert scheduler.tally.in_flight == 0


def test_nobody_gets_a_slot_after_a_stop() -> None:
    """A unit that asks for a slot when the run has been stopped ends there."""
    scheduler = Scheduler(1)
    got = []

    async def job(slot: Slot) -> None:
        scheduler.stop()
        await slot.acquire()
        got.append(1)

    run(scheduler, Lane("x", 3, job))
    assert got == []
