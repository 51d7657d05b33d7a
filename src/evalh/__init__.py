"""evalh: LLM-as-judge evaluation.

The public names, and nothing that runs: each is loaded on first use, so that importing evalh costs nothing.

    import evalh

    run = evalh.load("results/core-80--baseline")
    run.leaderboard()      # one row per model: scores, win rates, ratings with intervals and n
    run.frame              # one row per comparison or score
    run.answers, run.judgments
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from evalh.api import Run, load, run
    from evalh.core.protocols import Backend, Judge, RawBackend
    from evalh.core.records import Answer, Completion, Failure, JudgeTask, Judgment, Question, RawReply, Reading, Request, Usage
    from evalh.errors import EvalhError
    from evalh.interop import export_run, fetch, import_run, replay
    from evalh.reports.schemas import schema
    from evalh.stats.estimate import Estimate

_HOMES = {
    "Run": "evalh.api",
    "load": "evalh.api",
    "run": "evalh.api",
    "Backend": "evalh.core.protocols",
    "Judge": "evalh.core.protocols",
    "RawBackend": "evalh.core.protocols",
    "Answer": "evalh.core.records",
    "Completion": "evalh.core.records",
    "Failure": "evalh.core.records",
    "Judgment": "evalh.core.records",
    "JudgeTask": "evalh.core.records",
    "Question": "evalh.core.records",
    "RawReply": "evalh.core.records",
    "Reading": "evalh.core.records",
    "Request": "evalh.core.records",
    "Usage": "evalh.core.records",
    "EvalhError": "evalh.errors",
    "export_run": "evalh.interop",
    "fetch": "evalh.interop",
    "import_run": "evalh.interop",
    "replay": "evalh.interop",
    "schema": "evalh.reports.schemas",
    "Estimate": "evalh.stats.estimate",
}

__all__ = [
    "Answer",
    "Backend",
    "Completion",
    "Estimate",
    "EvalhError",
    "Failure",
    "Judge",
    "JudgeTask",
    "Judgment",
    "Question",
    "RawBackend",
    "RawReply",
    "Reading",
    "Request",
    "Run",
    "Usage",
    "__version__",
    "export_run",
    "fetch",
    "import_run",
    "load",
    "replay",
    "run",
    "schema",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evalh' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
