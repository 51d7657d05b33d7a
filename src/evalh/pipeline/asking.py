"""Who is asked, who has replies, what carries requests in batches, and how long to wait between two tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from evalh.core.config import Price
from evalh.core.records import Completion, RawReply, Request

NEVER_ANSWERED: Final = 10.0  # seconds for an endpoint that has not answered anything yet: it is probably not there
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 20.0


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


class Asker(Protocol):
    """Something that has replies: the engine, or the ledger alone."""

    async def ask(self, slot: Any, target: Target, request: Request, stage: str) -> Completion:
        """The reply to a request."""
        ...


class Batches(Protocol):
    """What the engine and its scheduler need of whoever gathers requests for a Batch API (`pipeline/batch.py`)."""

    most: int
    most_tries: int
    endpoints: frozenset[str]

    async def send(
        self, target: Target, request: Request, stage: str, key: str, tries: int, aside: float
    ) -> tuple[RawReply, float]:
        """The reply to a request, committed, and what it cost."""
        ...

    async def elsewhere(self, key: str, pause: float) -> None:
        """Wait for a request that somebody else has sent, or is about to send."""
        ...

    def take_up(self) -> None:
        """Look after the batches that earlier processes of this run have left."""
        ...

    def stop(self) -> None:
        """Look after no batch any more."""
        ...

    async def aclose(self) -> None:
        """Note what has ended, stop, and close the connections."""
        ...
