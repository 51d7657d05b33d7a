"""A loopback OpenAI-compatible server with scripted faults, for tests and benchmarks.

    with FakeServer(models={"vicuna": "quality", "gpt-4": "judge"}, latency=0.1) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="any")
        ...
        assert server.stats()["bodies"]["repeated"] == {}

`settings.py` lists all that can be told, `kinds.py` the faults there are,
`replies.py` the rule by which every answer and verdict can be computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .completion import output_tokens, prompt_tokens
from .kinds import FAULT_KINDS, HARMLESS
from .replies import TAG, quality
from .settings import Batch, Capacity, Latency, Model, RateLimit, Rule, Settings

if TYPE_CHECKING:
    from .client import FakeServer

__all__ = [
    "FAULT_KINDS",
    "HARMLESS",
    "TAG",
    "Batch",
    "Capacity",
    "FakeServer",
    "Latency",
    "Model",
    "RateLimit",
    "Rule",
    "Settings",
    "output_tokens",
    "prompt_tokens",
    "quality",
]


def __getattr__(name: str) -> Any:
    """Import the client's side on first use: the server's own process starts a third faster without it."""
    if name == "FakeServer":
        from .client import FakeServer

        return FakeServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
