"""What stands in the ledger: its tables, the name of a request, and a row of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evalh.core.ids import digest
from evalh.core.records import RawReply, Request

SCHEMA: Final = 1
# Long rows have row numbers: a new one is then appended, while by key it would be put among long ones somewhere in the middle,
# which costs more than twice as much.
TABLES: Final = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, at REAL, label TEXT, endpoint TEXT, model TEXT, stage TEXT, run TEXT,
    body BLOB, adapted TEXT, latency REAL, tries INTEGER, request_id TEXT);
CREATE TABLE IF NOT EXISTS usage (
    key TEXT PRIMARY KEY, run TEXT, stage TEXT, label TEXT, input_tokens INTEGER, output_tokens INTEGER, usd REAL,
    served_model TEXT, fingerprint TEXT);
CREATE TABLE IF NOT EXISTS failures (
    at REAL, key TEXT, label TEXT, stage TEXT, run TEXT, kind TEXT, message TEXT, body BLOB, usd REAL);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, pid INTEGER, host TEXT, at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    intent TEXT PRIMARY KEY, at REAL, endpoint TEXT, label TEXT, model TEXT, run TEXT, requests INTEGER,
    state TEXT, file TEXT, batch TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_lines (
    key TEXT PRIMARY KEY, intent TEXT, stage TEXT, adapted TEXT, tries INTEGER, aside REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lines_of_batch ON batch_lines (intent);
CREATE INDEX IF NOT EXISTS usage_of_run ON usage (run);
CREATE INDEX IF NOT EXISTS usage_of_label ON usage (label, stage);
CREATE INDEX IF NOT EXISTS responses_of_run ON responses (run);
"""


def request_key(identity: Mapping[str, Any], request: Request, fresh: str | None = None) -> str:
    """The name of a request: everything that is sent, whom to, and which repeat it is; never a credential.

    Args:
        identity: what the backend says it is (endpoint, model, fixed body, label, revision).
        request: what is asked.
        fresh: the token of a run begun with --fresh, which asks again for what the ledger holds already.
    """
    # A temperature written 0 in one file and 0.0 in another is one temperature.
    params = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in request.params.items()}
    whole = [dict(identity), [dict(m) for m in request.messages], params, request.sample, request.attempt]
    return digest([*whole, fresh] if fresh else whole, digits=40)


@dataclass(frozen=True, slots=True)
class Paid:
    """One response about to be committed, with what is known about it from outside."""

    key: str
    reply: RawReply
    label: str
    endpoint: str
    model: str
    stage: str
    run: str
    tries: int


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch that has not ended, as far as it has come.

    `intent` is our own name of it, known before anything is sent; `state` is "planned" (nothing is at the server), "uploaded"
    (the file is there, and the batch may be) or "created".
    """

    intent: str
    endpoint: str
    label: str
    model: str
    run: str
    requests: int = 0
    state: str = "planned"
    file: str | None = None
    batch: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One request of a batch that has not ended; `aside` is what it may cost at the most, in dollars."""

    key: str
    stage: str
    adapted: tuple[str, ...] = ()
    tries: int = 1
    aside: float = 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has paid for at one stage and model."""

    stage: str
    label: str
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None  # None where the model has no price
    unpriced: int  # replies without a price
