"""Every exception that evalh raises on purpose, named by what the reader can do next.

    EvalhError
    ├── ConfigError                 fix the input; nothing was sent
    │   ├── UnknownName             a name nobody owns, with the nearest ones
    │   ├── BadConfig               evalh.toml or an option does not say something valid
    │   ├── BadQuestionSet          file and line
    │   ├── BadJudge                file and what is wrong in it
    │   ├── BadImport               a file of another tool that cannot be read as what it claims to be
    │   ├── MissingExtra            what to install
    │   └── MissingCredential       what to set
    ├── BackendError                about one request; becomes a Failure record
    │   ├── TransientError          trying again may help
    │   │   ├── RateLimited         with the delay that the server asked for
    │   │   ├── TimedOut
    │   │   ├── ServerFault
    │   │   └── Expired             its batch ended before its turn came
    │   ├── PermanentError          trying again will not help
    │   │   ├── Refused             a content filter or policy said no
    │   │   ├── TooLong             the prompt does not fit the context
    │   │   └── BadRequest
    │   └── EndsRun                 every further request would fail too
    │       ├── AuthFailed          the key
    │       ├── NotServed           the server does not know the model
    │       ├── Unreachable         nothing has ever answered there
    │       └── BatchFailed         the Batch API refused a whole batch, or somebody cancelled it
    ├── UnreadableVerdict           keeps the reply
    ├── FetchFailed                 a published file that cannot be had, or is not what was published
    ├── BudgetReached               the next request could pass --budget
    ├── ModelChanged                one label, two served models
    ├── StoreError
    │   ├── CorruptRecord           file and line
    │   ├── UnsupportedSchema       written by a newer evalh
    │   ├── RunMismatch             the run folder holds another configuration
    │   ├── RunLocked               another process holds the run folder
    │   ├── BatchPending            a batch holds what is needed: go on with --batch
    │   └── Incomplete              --offline, and records are missing
    └── StatsError
        ├── Disconnected            models that were never compared
        ├── NotConverged
        └── TooFewData

A message says what happened, to which item, and what to do. Anything outside this tree is a bug of ours and keeps its
traceback. Exit codes are chosen in one place, `evalh.cli.main`.
"""

from __future__ import annotations


class EvalhError(Exception):
    """Base of every error that evalh raises on purpose."""


class ConfigError(EvalhError):
    """The input has to be changed; nothing was sent."""


class UnknownName(ConfigError):
    """A name that nobody owns.

    Args:
        kind: what was looked for, as a reader calls it ("judge", "question set", "category").
        name: what was asked for.
        known: the names there are; the nearest ones are suggested.
        hint: one more sentence on how to supply it.
    """

    def __init__(self, kind: str, name: str, known: list[str] | tuple[str, ...] = (), hint: str = "") -> None:
        import difflib

        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        if near:
            tail = f" Did you mean {' or '.join(repr(n) for n in near)}?"
        elif known:
            shown = ", ".join(sorted(known)[:12])
            tail = f" There are: {shown}{', …' if len(known) > 12 else ''}."
        else:
            tail = ""
        super().__init__(f"unknown {kind} {name!r}.{tail}{' ' + hint if hint else ''}")
        self.kind = kind
        self.name = name
        self.suggestions = near


class BadConfig(ConfigError):
    """evalh.toml, or an option, does not say something valid."""


class BadQuestionSet(ConfigError):
    """A question file cannot be used; the message lists file, line and fault, one per line."""


class BadJudge(ConfigError):
    """A judge folder cannot be used; the message names the file and the fault."""


class BadImport(ConfigError):
    """A file of another tool cannot be read as what it claims to be; names file and line."""


class MissingExtra(ConfigError):
    """An optional dependency is not installed; the message says what to install."""


class MissingCredential(ConfigError):
    """A key or an endpoint is missing; the message says how to supply it."""


class BackendError(EvalhError):
    """One request failed. `kind` is the word stored in the Failure record; `body` a paid reply that proved useless."""

    kind = "backend"
    body: bytes | None = None

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TransientError(BackendError):
    """Trying again may help."""

    kind = "transient"


class RateLimited(TransientError):
    """HTTP 429. `retry_after` is the delay in seconds that the server asked for, or None."""

    kind = "rate_limited"

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = 429) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class TimedOut(TransientError):
    """No complete reply within the time allowed; the server may still have charged for it."""

    kind = "timed_out"


class ServerFault(TransientError):
    """HTTP 5xx, a broken connection, or a reply that is not what the protocol promises."""

    kind = "server_fault"

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class Expired(TransientError):
    """The batch that a request was in ended before its turn came; it was not charged for."""

    kind = "expired"


class PermanentError(BackendError):
    """Trying the same request again will not help."""

    kind = "permanent"


class Refused(PermanentError):
    """A content filter or policy refused the request."""

    kind = "refused"


class TooLong(PermanentError):
    """The prompt does not fit the model's context."""

    kind = "too_long"


class BadRequest(PermanentError):
    """The server rejects the request itself (400, 404, 422)."""

    kind = "bad_request"


class EndsRun(BackendError):
    """Every further request to this endpoint would fail too, so the run ends at once; nothing already done is lost."""

    kind = "ends_run"


class AuthFailed(EndsRun):
    """HTTP 401 or 403, or no credit left: the key cannot be used."""

    kind = "auth"


class NotServed(EndsRun):
    """HTTP 404: the server does not know the model (withdrawn, or misspelt) or the path."""

    kind = "not_served"


class Unreachable(EndsRun):
    """Nothing has ever answered at the address."""

    kind = "unreachable"


class BatchFailed(EndsRun):
    """The Batch API refused a whole batch, or somebody cancelled it."""

    kind = "batch_failed"


class UnreadableVerdict(EvalhError):
    """A judge's reply from which no verdict can be read. `reply` is its full text."""

    def __init__(self, message: str, reply: str) -> None:
        super().__init__(message)
        self.reply = reply


class BudgetReached(EvalhError):
    """The worst case of the next request would pass --budget; nothing more is sent."""


class ModelChanged(EvalhError):
    """One label was served by two different models within a run."""


class FetchFailed(EvalhError):
    """A file of a published set cannot be had, or is not what was published; names the address and the remedy."""


class StoreError(EvalhError):
    """A run folder or the ledger cannot be used as it is."""


class CorruptRecord(StoreError):
    """A line of a record file is not a record; names file and line."""


class UnsupportedSchema(StoreError):
    """A record was written by a newer evalh than this one."""


class RunMismatch(StoreError):
    """The run folder holds another configuration than the one asked for."""


class RunLocked(StoreError):
    """Another process is writing to the run folder."""


class BatchPending(StoreError):
    """What is needed is in a batch that has not ended, and this run sends no batches."""


class Incomplete(StoreError):
    """--offline, and the ledger does not hold everything that is needed."""


class StatsError(EvalhError):
    """A figure cannot be computed from this frame; the message says what is missing."""


class Disconnected(StatsError):
    """Ratings need every model to be comparable with every other; `components` lists the groups."""

    def __init__(self, message: str, components: tuple[tuple[str, ...], ...] = ()) -> None:
        super().__init__(message)
        self.components = components


class NotConverged(StatsError):
    """An iteration did not reach its tolerance."""


class TooFewData(StatsError):
    """Nothing, or too little, was scored."""
