"""What a plugin must be: two narrow seams, each a few lines to fake.

A backend answers chat requests (entry-point group `evalh.backends`, a callable `(ModelSpec) -> Backend`). A judge says what to
ask and reads what came back (group `evalh.judges`, a callable `(JudgeOptions) -> Judge`). Only the engine waits: judges are
pure, so requests are known before anything is sent, and stored replies can be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from evalh.core.records import Completion, JudgeTask, Mode, Question, RawReply, Reading, Request


@runtime_checkable
class Backend(Protocol):
    """Something that replies to a chat request."""

    async def generate(self, request: Request) -> Completion:
        """Reply to one request.

        Raises:
            BackendError: by its class the engine decides whether to try again.
        """
        ...


@runtime_checkable
class RawBackend(Backend, Protocol):
    """A backend whose replies arrive as bytes, so that they can be stored before anything is read from them."""

    async def send(self, request: Request) -> RawReply:
        """The body of a successful response, as received. Raises BackendError."""
        ...

    def read(self, raw: RawReply) -> Completion:
        """Read what `send` returned, now or years ago. Raises ServerFault if it is not a completion."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Something that says what to ask about answers, and reads the replies. Both are pure.

    Attributes:
        name: the label under which its judgments are stored.
        modes: the modes it can judge in.
        attempts: how many times an unreadable reply is asked for at the most.

    A judge that gives scores may say between which two numbers they lie, by mode, in `bounds`; only then does a jury take its
    scores together with those of other judges.
    """

    name: str
    modes: tuple[Mode, ...]
    attempts: int

    def variants(self, question: Question, mode: Mode, turn: int) -> tuple[str, ...]:
        """Which of the judge's variants serve this question: several where aspects are asked for one by one, or none."""
        ...

    def orders(self, variant: str) -> int:
        """How many orders of a comparison are asked for: 2, or 1 where the protocol fixes the order."""
        ...

    def protocol(self, variant: str) -> str:
        """What a judgment calls its protocol: "judge-folder/variant"."""
        ...

    def hash(self, variant: str) -> str:
        """Names everything that is fixed about a request of this variant."""
        ...

    def requests(self, task: JudgeTask) -> tuple[Request, ...]:
        """What has to be asked for this task; empty for a judge that computes."""
        ...

    def read(self, task: JudgeTask, replies: Sequence[Completion]) -> Reading:
        """One reading from the replies to `requests(task)`, in their order. Never raises on any text."""
        ...
