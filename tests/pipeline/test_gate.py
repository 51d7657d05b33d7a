"""The gate of an endpoint: what goes in at once, what goes in per minute, and when it narrows and widens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.config import Limits
from evalh.pipeline.gate import PAUSE, RECENT, Gate


def test_no_more_at_once_than_allowed() -> None:
    """The smaller of --concurrency and the endpoint's own limit; each that comes out lets another in."""
    gate = Gate(Limits(concurrency=2), 8)
    for _ in range(2):
        assert gate.open(0.0)
        gate.enter(0.0)
    assert not gate.open(0.0)
    assert gate.delay(0.0) is None  # that depends on somebody coming out
    gate.leave()
    assert gate.open(0.0)
    assert Gate(Limits(concurrency=9), 3).most == 3
    assert Gate(Limits(), 3).most == 3


@settings(deadline=None)
@given(per_minute=st.integers(1, 6000), steps=st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_more_per_minute_than_allowed(per_minute: int, steps: list[float]) -> None:
    """However irregularly one knocks, what goes in within a time is the rate times it, and a second's worth at the most."""
    gate, now, entered = Gate(Limits(requests_per_minute=per_minute), 10**6), 0.0, 0
    for step in steps:
        now += step
        while gate.open(now):
            gate.enter(now)
            gate.leave()
            entered += 1
    assert entered <= per_minute / 60 * now + max(1.0, per_minute / 60) + 1e-6


@settings(deadline=None)
@given(per_minute=st.integers(1, 6000))
def test_the_delay_is_when_it_opens(per_minute: int) -> None:
    """After the delay that the gate names, it is open; shortly before, it is not."""
    gate = Gate(Limits(requests_per_minute=per_minute), 10**6)
    while gate.open(0.0):
        gate.enter(0.0)
    delay = gate.delay(0.0)
    assert delay is not None
    assert not gate.open(delay * 0.99)
    assert gate.open(delay + 1e-6)


def _refusals(gate: Gate, share: float, count: int, now: float) -> None:
    """So many replies, of which a share are refusals, evenly spread."""
    for i in range(count):
        gate.note(int((i + 1) * share) == int(i * share), now)


def test_a_sprinkle_of_refusals_costs_nothing() -> None:
    """One reply in five refused, for ever: the gate stays as wide as it was."""
    gate = Gate(Limits(), 64)
    for second in range(20):
        _refusals(gate, 0.2, 50, float(second))
    assert gate.allowed == 64


def test_sustained_refusals_narrow_it_by_halves() -> None:
    """Everything refused: half as many at a time, no more than once in a pause, and never none."""
    gate = Gate(Limits(), 64)
    _refusals(gate, 1.0, RECENT, 10.0)
    assert gate.allowed == 32
    _refusals(gate, 1.0, RECENT, 10.0 + PAUSE / 2)
    assert gate.allowed == 32
    for n in range(1, 20):
        _refusals(gate, 1.0, RECENT, 10.0 + n * (PAUSE + 0.1))
    assert gate.allowed == 1
    assert gate.open(1000.0)


def test_it_widens_again_within_seconds() -> None:
    """Once refusals stop it doubles with each pause, up to what it was, and tells when to look again."""
    gate = Gate(Limits(), 64)
    for n in range(20):
        _refusals(gate, 1.0, RECENT, n * (PAUSE + 0.1))
    for _ in range(gate.most):
        gate.enter(30.0)
    assert gate.delay(30.0) == PAUSE
    widths = []
    for n in range(1, 9):
        gate.open(30.0 + n * (PAUSE + 0.01))
        widths.append(gate.allowed)
    assert widths[-1] == 64
    assert widths == sorted(widths)
