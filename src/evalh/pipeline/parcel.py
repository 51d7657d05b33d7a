"""What a batch is made of: requests that wait, the file they travel in, and what comes back for each."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

from evalh.backends.batches import line
from evalh.core.ledger_rows import BatchLine, BatchRow
from evalh.core.records import RawReply, Request
from evalh.errors import StoreError
from evalh.pipeline.asking import Target

MOST_LINES: Final = 50_000  # requests that the API takes in one file
MOST_BYTES: Final = 200_000_000  # and bytes
Place = tuple[str, str, str]
"""What the requests of one batch have in common: endpoint, label and model."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came back for one request: a reply and its price, or the status and body of a refusal."""

    status: int
    body: bytes
    reply: RawReply | None = None
    usd: float = 0.0


@dataclass(slots=True, eq=False)
class Waiting:
    """A request of a unit that waits for it."""

    target: Target
    request: Request
    key: str
    stage: str
    tries: int
    aside: float
    future: asyncio.Future[Arrived]
    form: tuple[Any, ...] = ()  # in which it was sent


@dataclass(slots=True, eq=False)
class Job:
    """A batch that this process looks after, or waits for; `open` are the requests whose fate is not known yet."""

    row: BatchRow
    target: Target
    open: dict[str, BatchLine]
    waiting: dict[str, Waiting] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    held: float = 0.0  # set aside in this run's budget for a batch of an earlier process
    usd: float = 0.0
    collecting: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def place_of(target: Target) -> Place:
    """Where the requests to a model gather."""
    return target.endpoint, target.label, str(target.backend.identity["model"])


def packed(
    lines: Iterable[Waiting], most: int = MOST_LINES, size: int = MOST_BYTES
) -> Iterator[tuple[list[Waiting], IO[bytes]]]:
    """Files of requests, each within the limits of the API; a request that is too large by itself goes alone.

    The files are temporary ones without a name, and rewound by whoever reads them.

    Raises:
        StoreError: the folder for temporary files is full or cannot be written.
    """
    inside: list[Waiting] = []
    content: IO[bytes] | None = None
    length = 0
    try:
        for waiting in lines:
            waiting.form = waiting.target.backend.form
            data = line(waiting.key, waiting.target.backend.encoded(waiting.request))
            if content is not None and (len(inside) >= most or length + len(data) > size):
                yield inside, content
                inside, content, length = [], None, 0
            if content is None:
                content = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who submits it
            content.write(data)
            inside.append(waiting)
            length += len(data)
    except OSError as error:
        raise StoreError(f"{tempfile.gettempdir()}: a batch cannot be written there ({error.strerror or error})") from None
    if content is not None:
        yield inside, content
