"""What a fake server is told: its models, its scripted faults, its limits and its batch queue.

Everything here is plain data that survives a round trip through JSON, because
the server runs in a process of its own and is steered over a pipe or HTTP.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar, get_args

from .kinds import FAULT_KINDS, LATENCY_KINDS, REPLY_KINDS, BatchOutcome

_T = TypeVar("_T")


def _build(cls: type[_T], data: dict[str, Any]) -> _T:
    """Make ``cls`` from a mapping and name every field it does not know."""
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"{cls.__name__} does not know {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return cls(**data)


@dataclass(frozen=True)
class Latency:
    """How long a reply takes, drawn afresh for each try of each body from the seed."""

    kind: str = "fixed"
    seconds: float = 0.0  # fixed
    low: float = 0.0  # uniform
    high: float = 0.0
    median: float = 0.0  # lognormal
    sigma: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a distribution that nobody draws from."""
        if self.kind not in LATENCY_KINDS:
            raise ValueError(f"latency kind {self.kind!r} is none of {', '.join(LATENCY_KINDS)}")

    @classmethod
    def of(cls, value: float | dict[str, Any] | Latency) -> Latency:
        """Accept a number of seconds, a mapping, or a ready latency."""
        if isinstance(value, Latency):
            return value
        if isinstance(value, dict):
            return _build(cls, value)
        return cls(seconds=float(value))


@dataclass(frozen=True)
class Model:
    """One model the server plays; see ``replies.py`` for what each kind answers."""

    kind: str = "quality"
    text: str = ""  # kind "text"
    target: str = ""  # kind "function": "package.module:function"
    low: int = 1  # kind "quality": the range its tags fall in
    high: int = 10
    words: int = 40  # how long the made-up texts are
    vary: bool = False  # a repeated body gets another text
    first_bonus: float = 0.0  # kind "judge": position bias added to the first answer of a pair
    two_score_marker: str = "two scores"
    quoting: str = "marks"  # how a judge quotes a hostile answer, see `hostile.py`
    untagged: str = "unreadable"  # or "hash": what a judge says of answers without a tag
    reasoning: bool = False  # refuses max_tokens and a temperature other than 1
    reasoning_tokens: int = 0
    served: str = ""  # the model name in the reply; the one asked for if empty
    served_later: str = ""  # the name from request number `later_after` + 1 on
    fingerprint: str | None = "fp_fake_1"
    fingerprint_later: str = ""
    later_after: int = 0
    context: int = 0  # most prompt tokens; 0 is no limit
    honour_n: bool = False
    logprobs: bool = True  # or left out of the reply, whatever was asked for
    tools: bool = True  # or a forced call is answered in text
    honour_schema: bool = True  # or a JSON schema, a grammar or a choice is ignored in silence
    usage: bool = True  # or left out of the reply
    thinks: str = ""  # thinking text, kept apart as reasoning_content
    latency: Latency | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that nobody plays."""
        if self.kind not in REPLY_KINDS:
            raise ValueError(f"model kind {self.kind!r} is none of {', '.join(REPLY_KINDS)}")

    @classmethod
    def of(cls, value: str | dict[str, Any] | Model) -> Model:
        """Accept a kind, a mapping, or a ready model."""
        if isinstance(value, Model):
            return value
        if isinstance(value, str):
            return cls(kind=value)
        latency = value.get("latency")
        return _build(cls, {**value, "latency": None if latency is None else Latency.of(latency)})


@dataclass(frozen=True)
class Rule:
    """One scripted fault and when it strikes.

    With ``share`` it strikes that share of the tries (a draw from seed, body
    hash and how often the body was seen; the shares of several rules never
    overlap), at most the first ``tries`` of a body if that is set. With
    ``tries`` alone it strikes the first so many tries of every body. Otherwise
    it strikes by count: request number ``start`` (from 1, among those that fit
    the filters), then every ``every``-th, ``count`` times (0: for ever).
    """

    kind: str
    share: float = 0.0
    tries: int = 0
    start: int = 1
    every: int = 1
    count: int = 0
    model: str = "*"  # pattern as in fnmatch
    path: str = "/chat/completions"  # part of the path
    where: str = "live"  # live, batch or both
    status: int = 0  # kind "status"
    code: str = ""  # error code in the JSON body
    retry_after: float | None = None
    retry_after_ms: float | None = None
    retry_after_date: bool = False  # Retry-After as a date instead of seconds
    seconds: float = 1.0  # drip, slow, refuse
    pieces: int = 10  # drip
    size: int = 5_000_000  # huge
    text: str = ""  # unreadable, null_content: another text than the built-in one

    def __post_init__(self) -> None:
        """Refuse a fault that nobody plays."""
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"fault kind {self.kind!r} is none of {', '.join(sorted(FAULT_KINDS))}")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share of {self.kind} must be within 0..1, not {self.share}")
        if self.kind == "status" and not 100 <= self.status <= 599:
            raise ValueError("a rule of kind 'status' needs its status")

    @classmethod
    def of(cls, value: str | dict[str, Any] | Rule) -> Rule:
        """Accept a kind, a mapping, or a ready rule."""
        if isinstance(value, Rule):
            return value
        return cls(value) if isinstance(value, str) else _build(cls, value)


@dataclass(frozen=True)
class RateLimit:
    """Token buckets for requests and tokens; 0 leaves that one out."""

    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    burst_seconds: float = 1.0  # a full bucket holds this many seconds' worth, at least one request
    retry_after: bool = True


@dataclass(frozen=True)
class Capacity:
    """Overload that comes with load: more than ``concurrent`` requests in flight are turned away."""

    concurrent: int = 0
    status: int = 503
    retry_after: float | None = None


@dataclass(frozen=True)
class Batch:
    """How the batch queue behaves."""

    polls: int = 1  # polls a batch stays in each stage ...
    stage_seconds: float = 0.0  # ... and seconds, whichever is longer
    outcomes: tuple[BatchOutcome, ...] = ("completed",)  # of the 1st, 2nd, ... batch; the last one repeats
    done_share: float = 0.5  # lines done when a batch expires
    fail_code: str = "token_limit_exceeded"
    max_lines: int = 50_000
    max_waiting: int = 0  # lines of a model that may wait in all its batches together; 0 is any number

    def __post_init__(self) -> None:
        """Refuse an ending that no batch has."""
        bad = [name for name in self.outcomes if name not in get_args(BatchOutcome)]
        if bad or not self.outcomes:
            raise ValueError(f"batch outcomes {bad or 'are empty'}; choose from {get_args(BatchOutcome)}")


@dataclass(frozen=True)
class Settings:
    """Everything a server is told at its start or later."""

    models: dict[str, Model] = field(default_factory=dict)
    strict: bool = False  # 404 for a model that is not named; else it answers like `Model()`
    api_key: str = ""
    echo_key: bool = False  # the 401 body repeats the whole key, as careless gateways do
    seed: int = 0
    latency: Latency = field(default_factory=Latency)
    rules: tuple[Rule, ...] = ()
    rate_limit: RateLimit = field(default_factory=RateLimit)
    capacity: Capacity = field(default_factory=Capacity)
    batch: Batch = field(default_factory=Batch)
    chunked: bool = False  # replies in chunked transfer coding
    requests_per_connection: int = 0  # hang up unannounced after so many replies
    log_size: int = 5_000

    @classmethod
    def of(cls, data: dict[str, Any]) -> Settings:
        """Build settings from JSON-like data, naming what is not understood."""
        return cls().changed(data)

    def changed(self, data: dict[str, Any]) -> Settings:
        """Return a copy with the named fields replaced."""
        ready = {name: _CONVERT.get(name, _same)(value) for name, value in data.items()}
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return _build(Settings, {**kept, **ready})

    def to_json(self) -> dict[str, Any]:
        """Return JSON-like data from which `of` builds the same settings."""
        return asdict(self)


def _same(value: Any) -> Any:
    return value


def _batch(value: dict[str, Any] | Batch) -> Batch:
    if isinstance(value, Batch):
        return value
    return _build(Batch, {**value, "outcomes": tuple(value.get("outcomes", ("completed",)))})


_CONVERT: dict[str, Any] = {
    "models": lambda value: {name: Model.of(model) for name, model in value.items()},
    "latency": Latency.of,
    "rules": lambda value: tuple(Rule.of(rule) for rule in value),
    "rate_limit": lambda value: value if isinstance(value, RateLimit) else _build(RateLimit, value),
    "capacity": lambda value: value if isinstance(value, Capacity) else _build(Capacity, value),
    "batch": _batch,
}
