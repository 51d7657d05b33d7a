"""What one endpoint lets through: a number of requests at a time, and so many a minute.

A refusal for overload (429, 503) delays the request that met it; the gate narrows only when such refusals are a sustained share
of recent replies, and widens again within seconds once they stop.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from evalh.core.config import Limits

RECENT: Final = 64  # replies over which the share of refusals is taken
SUSTAINED: Final = 0.5  # above this share the endpoint is overloaded
PAUSE: Final = 1.0  # seconds between two narrowings, and until the first widening


class Gate:
    """Admission to one endpoint; all times are monotonic seconds."""

    def __init__(self, limits: Limits, concurrency: int) -> None:
        self.most = min(concurrency, limits.concurrency or concurrency)
        self.allowed = float(self.most)
        self.inside = 0
        self.answered = False
        self._rate = (limits.requests_per_minute or 0.0) / 60.0
        self._tokens = max(1.0, self._rate) if self._rate else 0.0
        self._filled_at: float | None = None
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._changed_at = float("-inf")

    def open(self, now: float) -> bool:
        """Whether another request may go in."""
        self._widen(now)
        return self.inside < max(1, int(self.allowed)) and self._fill(now) >= 1.0

    def delay(self, now: float) -> float | None:
        """Seconds until the gate may open by itself, or None if that depends on a request coming out."""
        if self.inside < max(1, int(self.allowed)):
            tokens = self._fill(now)
            return None if tokens >= 1.0 else (1.0 - tokens) / self._rate
        return PAUSE if self.allowed < self.most else None

    def enter(self, now: float) -> None:
        """A request goes in."""
        self.inside += 1
        if self._rate:
            self._fill(now)
            self._tokens -= 1.0

    def leave(self) -> None:
        """A request has come out."""
        self.inside -= 1

    def note(self, good: bool, now: float) -> None:
        """Remember how a request ended; narrow the gate when refusals are a sustained share."""
        self._recent.append(good)
        refused = len(self._recent) - sum(self._recent) if not good else 0
        if refused > SUSTAINED * RECENT and now - self._changed_at > PAUSE:
            self.allowed = max(1.0, self.allowed / 2)
            self._changed_at = now
            self._recent.clear()

    def _widen(self, now: float) -> None:
        if self.allowed < self.most and now - self._changed_at > PAUSE:
            self.allowed = min(float(self.most), self.allowed * 2)
            self._changed_at = now

    def _fill(self, now: float) -> float:
        """Requests that the per-minute limit lets through now; 1 where there is none. At most a second's worth is saved."""
        if not self._rate:
            return 1.0
        if self._filled_at is not None:
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return self._tokens
