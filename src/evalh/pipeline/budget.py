"""--budget: the worst case of every request is set aside before it is sent, so that the cap cannot be passed.

The worst case of a request is one token per UTF-8 byte of its prompt (no tokenizer makes more), a few tokens per message for
the chat format, and the request's own output cap. On the reply the rest is released. A request whose fate is unknown (it timed
out, or the connection broke) may have been charged for: what was set aside for it stays spent.
"""

from __future__ import annotations

import asyncio
from typing import Final

from evalh.core.config import Price
from evalh.core.records import Request

PER_MESSAGE: Final = 16  # tokens of role names and separators around one message
PER_REQUEST: Final = 16


def worst_case(price: Price, request: Request, cap: int) -> float:
    """Dollars that a request can cost at the most.

    Args:
        price: of the model.
        request: what is asked.
        cap: output tokens at the most.
    """
    prompt = sum(len(m["content"].encode("utf-8", "replace")) + PER_MESSAGE for m in request.messages) + PER_REQUEST
    return price.of(prompt, cap)


class Budget:
    """What may be spent, what is spent, and what is set aside for requests on their way; in dollars.

    Args:
        cap: the most that may be spent; None for no cap (then nothing is ever refused).
        spent: what the run has spent before.
    """

    def __init__(self, cap: float | None, spent: float = 0.0) -> None:
        self.cap = cap
        self.spent = spent
        self._aside = 0.0
        self._requests = 0
        self._changed = asyncio.Event()

    def take(self, cost: float) -> bool:
        """Set `cost` aside; False where it does not fit now."""
        if self.cap is not None and self.spent + self._aside + cost > self.cap:
            return False
        self._aside += cost
        self._requests += 1
        return True

    def hold(self, cost: float) -> None:
        """Set aside what has been sent already, whether it fits or not."""
        self._aside += cost
        self._requests += 1

    @property
    def passed(self) -> bool:
        """Whether what is spent and set aside could pass the cap."""
        return self.cap is not None and self.spent + self._aside > self.cap

    def settle(self, cost: float, actual: float) -> None:
        """What was set aside turned into what it really cost (all of it, where that is unknown)."""
        self._aside -= cost
        self._requests -= 1
        self.spent += actual
        self._changed.set()

    @property
    def pending(self) -> bool:
        """Whether anything set aside may still be released."""
        return self._requests > 0

    async def change(self) -> None:
        """Wait until something set aside has been settled."""
        self._changed.clear()
        await self._changed.wait()
