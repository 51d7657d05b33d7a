"""What one endpoint lets through: so many requests at a time, so many requests and tokens a minute.

Limits come from evalh.toml, and from the rate-limit headers of the endpoint's own replies: when they say that nothing remains,
the gate closes until they say it is filled again. A refusal for overload (429, 503) delays the request that met it; the gate
narrows only when such refusals are a sustained share of recent replies, and widens again within seconds once they stop.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from evalh.core.config import Limits

RECENT: Final = 64  # replies over which the share of refusals is taken
SUSTAINED: Final = 0.5  # above this share the endpoint is overloaded
PAUSE: Final = 1.0  # seconds between two narrowings, and until the first widening
LONGEST_WAIT: Final = 60.0  # seconds that a header may close the gate for
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Bucket:
    """A token bucket that holds one second's worth; `rate` is per second, 0 for no limit. It may be overdrawn."""

    def __init__(self, per_minute: float | None) -> None:
        self.rate = (per_minute or 0.0) / 60.0
        self._level = max(1.0, self.rate)
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until there is at least one token in it; 0 where there is one now."""
        if not self.rate:
            return 0.0
        if self._at is not None:
            self._level = min(max(1.0, self.rate), self._level + (now - self._at) * self.rate)
        self._at = now
        return max(0.0, (1.0 - self._level) / self.rate)

    def draw(self, amount: float) -> None:
        """Take tokens out, below nothing if need be."""
        self._level -= amount


class Gate:
    """Admission to one endpoint; all times are monotonic seconds."""

    def __init__(self, limits: Limits, concurrency: int) -> None:
        self.most = min(concurrency, int(limits.concurrency or concurrency))
        self.allowed = float(self.most)
        self.inside = 0
        self.ready = 0  # units that have begun and have not been inside yet
        self.waiters: deque[tuple[Any, asyncio.Future[None]]] = deque()
        self.used = False
        self.answered = False
        self._requests = Bucket(limits.requests_per_minute)
        self._tokens = Bucket(limits.tokens_per_minute)
        self._metered = bool(limits.requests_per_minute or limits.tokens_per_minute)
        self._closed_until = float("-inf")
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._refused = 0
        self._changed_at = float("-inf")

    def open(self, now: float) -> bool:
        """Whether another request may go in."""
        if self.allowed < self.most:
            self._widen(now)
        return self.inside < max(1, int(self.allowed)) and self._wait(now) == 0.0

    def delay(self, now: float) -> float | None:
        """Seconds until the gate may open by itself, or None if that depends on a request coming out."""
        if self.inside < max(1, int(self.allowed)):
            return self._wait(now) or None
        return PAUSE if self.allowed < self.most else None

    def _wait(self, now: float) -> float:
        if not self._metered and now >= self._closed_until:  # asked several times for every request
            return 0.0
        return max(self._requests.wait(now), self._tokens.wait(now), self._closed_until - now, 0.0)

    def enter(self, now: float) -> None:
        """A request goes in."""
        self.used = True
        self.inside += 1
        self._requests.draw(1.0)

    def leave(self) -> None:
        """A request has come out."""
        self.inside -= 1

    def tokens(self, amount: float) -> None:
        """So many tokens have been sent or received."""
        self._tokens.draw(amount)

    def note(self, good: bool, now: float) -> None:
        """Remember how a request ended; narrow the gate when refusals are a sustained share."""
        if len(self._recent) == RECENT:
            self._refused -= not self._recent[0]
        self._recent.append(good)
        self._refused += not good
        if self._refused > SUSTAINED * RECENT and now - self._changed_at > PAUSE:
            self.allowed = max(1.0, self.allowed / 2)
            self._changed_at = now
            self._recent.clear()
            self._refused = 0

    def _widen(self, now: float) -> None:
        if now - self._changed_at > PAUSE:
            self.allowed = min(float(self.most), self.allowed * 2)
            self._changed_at = now

    def learn(self, headers: Mapping[str, str], now: float) -> None:
        """Heed rate-limit headers (lower-case names) that say nothing remains."""
        for what in ("requests", "tokens"):
            if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
                wait = seconds(headers.get(f"x-ratelimit-reset-{what}", ""))
                self._closed_until = max(self._closed_until, now + min(wait, LONGEST_WAIT))


def seconds(text: str) -> float:
    """`6m0s`, `1.5s`, `20ms` or a bare number of seconds; 0 for anything else."""
    parts = _PART.findall(text)
    if parts:
        return float(sum(float(n) * _SECONDS[unit] for n, unit in parts))
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
