"""The ledger as a whole: what is in it, whether it is sound, what may go, and how it travels.

What travels is one JSON line for each response, with what is known about how it came and what it cost; the body is carried to
the byte. Claims, batches under way and the journal of failures stay: they mean something to one machine only.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import itertools
import json
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import SCHEMA
from evalh.core.store import write_atomic
from evalh.errors import BadConfig, StoreError

DAY: Final = 86_400.0
GROUP: Final = 1000  # lines that are read before they are written together
RESPONSE: Final = ("key", "at", "label", "endpoint", "model", "stage", "run", "latency", "tries", "request_id")
COST: Final = ("run", "stage", "label", "input_tokens", "output_tokens", "usd", "served_model", "fingerprint")
_KEY: Final = re.compile(r"[0-9a-f]{40}")
_NONE: Final = type(None)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("key", "label", "endpoint", "model", "stage", "run"), (str,)),
    **dict.fromkeys(("request_id", "served_model", "fingerprint"), (str, _NONE)),
    **dict.fromkeys(("tries", "input_tokens", "output_tokens"), (int, _NONE)),
    **dict.fromkeys(("latency", "usd"), (int, float, _NONE)),
    "at": (int, float),
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is to go: responses and failures that fit all that is given, or failures alone."""

    older_than: float | None = None  # days
    label: str | None = None
    failures: bool = False

    def where(self, now: float) -> tuple[str, list[Any]]:
        """A condition on `at` and `label`, and its values."""
        parts = {"at < ?": None if self.older_than is None else now - self.older_than * DAY, "label = ?": self.label}
        given = {text: value for text, value in parts.items() if value is not None}
        return " AND ".join(given) or "1", list(given.values())


@dataclass(frozen=True, slots=True)
class Pruned:
    """What is, or would be, gone."""

    responses: int
    failures: int
    bytes: int  # of bodies
    usd: float  # what the responses cost


@dataclass(slots=True)
class Taken:
    """What came of an import: responses taken, those that were there already, and what is wrong with which line."""

    new: int = 0
    known: int = 0
    faults: tuple[str, ...] = ()


class WholeLedger(Ledger):
    """A ledger, opened to be looked after."""

    def survey(self) -> dict[str, Any]:
        """Counts, tokens and dollars, in all and by label and endpoint; failures by label and kind; as `ledger info` has it."""
        rows = self._rows(
            "SELECT r.label, r.endpoint, count(*), sum(coalesce(u.input_tokens, 0)), sum(coalesce(u.output_tokens, 0)),"
            " sum(u.usd), sum(u.usd IS NULL), min(r.at), max(r.at)"
            " FROM responses r LEFT JOIN usage u ON u.key = r.key GROUP BY r.label, r.endpoint ORDER BY r.label, r.endpoint"
        )
        names = ("label", "endpoint", "responses", "input_tokens", "output_tokens", "usd", "unpriced")
        models = [dict(zip(names, row, strict=False)) | {"oldest": _day(row[-2]), "newest": _day(row[-1])} for row in rows]
        journal = self._rows("SELECT label, kind, count(*) FROM failures GROUP BY label, kind ORDER BY label, kind")
        priced = [row[5] for row in rows if row[5] is not None]
        return {
            "schema": SCHEMA,
            "path": str(self.path),
            "bytes": sum(p.stat().st_size for p in (self.path, Path(f"{self.path}-wal")) if p.exists()),
            "responses": sum(row[2] for row in rows),
            "failures": sum(count for _, _, count in journal),
            "input_tokens": sum(row[3] for row in rows),
            "output_tokens": sum(row[4] for row in rows),
            "usd": sum(priced) if priced else None,
            "unpriced": sum(row[6] for row in rows),
            "oldest": _day(min((row[-2] for row in rows), default=None)),
            "newest": _day(max((row[-1] for row in rows), default=None)),
            "models": models,
            "failed": [{"label": label, "kind": kind, "count": count} for label, kind, count in journal],
        }

    def verify(self) -> tuple[int, list[str]]:
        """(responses looked at, what is wrong: with the file, and with which keys)."""
        faults = [f"the file: {text}" for (text,) in self._rows("PRAGMA integrity_check") if text != "ok"]
        count = 0
        for key, body in self._each("SELECT key, body FROM responses ORDER BY key"):
            count += 1
            if not isinstance(body, bytes) or not _is_json(body):
                faults.append(f"{key}: its body is not JSON")
        return count, faults

    def would_prune(self, criteria: Criteria) -> Pruned:
        """What `prune` would take away."""
        where, values = criteria.where(time.time())
        [(failures, size)] = self._rows(f"SELECT count(*), coalesce(sum(length(body)), 0) FROM failures WHERE {where}", *values)
        if criteria.failures:
            return Pruned(0, failures, size, 0.0)
        [(responses, more)] = self._rows(
            f"SELECT count(*), coalesce(sum(length(body)), 0) FROM responses WHERE {where}", *values
        )
        cost = f"SELECT coalesce(sum(usd), 0) FROM usage WHERE key IN (SELECT key FROM responses WHERE {where})"
        [(usd,)] = self._rows(cost, *values)
        return Pruned(responses, failures, size + more, float(usd))

    def prune(self, criteria: Criteria) -> bool:
        """Take away what fits, with the note of what it cost, and give the room back to the disk.

        Returns:
            Whether the file has shrunk; it does not while another process uses it.

        Raises:
            StoreError: the ledger cannot be written.
        """
        where, values = criteria.where(time.time())
        statements = [(f"DELETE FROM failures WHERE {where}", values)]
        if not criteria.failures:
            statements = [
                (f"DELETE FROM usage WHERE key IN (SELECT key FROM responses WHERE {where})", values),
                (f"DELETE FROM responses WHERE {where}", values),
                *statements,
            ]
        self._write(statements)
        try:
            self._db.execute("VACUUM")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error:  # in use, or no room for a second copy: what was to go has gone all the same
            return False
        return not busy

    def export(self, path: Path) -> int:
        """Write every response to a file of JSON lines, compressed where its name ends in .gz; the number of responses.

        Raises:
            StoreError: the file cannot be written.
        """
        count = itertools.count()
        lines = (_line(row) for row, _ in zip(self._each(_EXPORT), count, strict=False))
        write_atomic(path, _zipped(lines) if path.suffix == ".gz" else lines)
        return next(count)

    def take(self, path: Path) -> Taken:
        """Take in an exported file; what is known already stays as it is, and lines that are none are named and left out.

        Raises:
            BadConfig: the file cannot be opened.
            StoreError: the ledger cannot be written.
        """
        taken = Taken()
        faults: list[str] = []
        rows: list[tuple[tuple[Any, ...], tuple[Any, ...] | None]] = []
        for number, line in _numbered(path, faults):
            try:
                rows.append(_row(line))
            except ValueError as error:
                faults.append(f"{path}:{number}: {error}")
            if len(rows) >= GROUP:
                self._insert(rows, taken)
                rows.clear()
        self._insert(rows, taken)
        taken.faults = tuple(faults)
        return taken

    def _insert(self, rows: list[tuple[tuple[Any, ...], tuple[Any, ...] | None]], taken: Taken) -> None:
        [(before,)] = self._rows("SELECT count(*) FROM responses")
        self._write(
            (statement, values)
            for response, cost in rows
            for statement, values in (
                # The note of a cost first, while it can be seen that the response is new.
                (_COST, (*cost, response[0]) if cost else None),
                (_RESPONSE, response),
            )
            if values is not None
        )
        [(after,)] = self._rows("SELECT count(*) FROM responses")
        taken.new += after - before
        taken.known += len(rows) - (after - before)

    def _each(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Rows one by one: a ledger may be larger than memory."""
        try:
            yield from self._db.execute(query)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the ledger cannot be read ({error})") from None

    def _write(self, statements: Iterable[tuple[str, Iterable[Any]]]) -> None:
        """All of these, or none."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                self._db.execute(statement, tuple(values))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self.path}: the ledger cannot be written ({error}); nothing was changed") from None


_EXPORT: Final = (
    f"SELECT {', '.join(f'r.{name}' for name in RESPONSE)}, r.adapted, r.body, u.key IS NOT NULL,"
    f" {', '.join(f'u.{name}' for name in COST)} FROM responses r LEFT JOIN usage u ON u.key = r.key ORDER BY r.key"
)
_RESPONSE: Final = f"INSERT OR IGNORE INTO responses ({', '.join(RESPONSE)}, adapted, body) VALUES ({', '.join('?' * 12)})"
_COST: Final = (
    f"INSERT OR IGNORE INTO usage (key, {', '.join(COST)}) SELECT {', '.join('?' * 9)}"
    " WHERE NOT EXISTS (SELECT 1 FROM responses WHERE key = ?)"
)


def _day(at: float | None) -> str | None:
    """A moment as it is shown: UTC, whole seconds."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            json.loads(body)  # takes lone surrogates and NaN, which some servers write
        except (ValueError, RecursionError):
            return False
    return True


def _line(row: tuple[Any, ...]) -> bytes:
    """A response as it travels."""
    data: dict[str, Any] = {"schema": SCHEMA, **dict(zip(RESPONSE, row, strict=False))}
    adapted, body, accounted, *cost = row[len(RESPONSE) :]
    data["adapted"] = json.loads(adapted) if adapted else []
    try:
        data["body"] = body.decode("utf-8")
    except UnicodeDecodeError:
        data["body_base64"] = base64.b64encode(body).decode("ascii")
    data["cost"] = dict(zip(COST, cost, strict=True)) if accounted else None
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


def _row(line: bytes) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """(values of a response, values of its cost). Raises ValueError, saying what is wrong."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    if not isinstance(data.get("schema"), int):
        raise ValueError("no line of a ledger: it carries no schema number")
    if data["schema"] > SCHEMA:
        raise ValueError(f"schema {data['schema']} was written by a newer evalh")
    response = _typed(data, RESPONSE)
    if not _KEY.fullmatch(response[0]):
        raise ValueError("key must be 40 hexadecimal digits")
    adapted, cost = data.get("adapted"), data.get("cost")
    if not isinstance(adapted, list) or not all(isinstance(a, str) for a in adapted):
        raise ValueError("adapted must be a list of texts")
    if cost is not None and not isinstance(cost, dict):
        raise ValueError("cost must be an object or null")
    values = (*response, json.dumps(adapted) if adapted else None, _body(data))
    return values, None if cost is None else (response[0], *_typed(cost, COST))


def _typed(data: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    for name in names:
        value = data.get(name)
        if type(value) not in _TYPES[name]:
            raise ValueError(f"{name} is missing" if name not in data else f"{name} cannot be {value!r:.40}")
        if type(value) is int and not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{name} is out of range")
    return tuple(data.get(name) for name in names)


def _body(data: dict[str, Any]) -> bytes:
    """The body, to the byte."""
    text, coded = data.get("body"), data.get("body_base64")
    try:
        body = text.encode("utf-8") if isinstance(text, str) else base64.b64decode(coded or "", validate=True)
    except (TypeError, binascii.Error):
        raise ValueError("body_base64 is not base64") from None
    if not _is_json(body):
        raise ValueError("the body is not JSON")
    return body


def _zipped(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Compressed, without a time or a name in it: the same ledger gives the same file."""
    pack = zlib.compressobj(wbits=31)
    for line in lines:
        yield pack.compress(line)
    yield pack.flush()


def _numbered(path: Path, faults: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty; where a compressed one breaks off is one of the faults."""
    number = 0
    try:
        with path.open("rb") as f:
            packed = f.read(2) == b"\x1f\x8b"
            f.seek(0)
            for number, line in enumerate(gzip.GzipFile(fileobj=f) if packed else f, 1):
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        faults.append(f"{path}:{number + 1}: the compressed file is damaged from here on ({error})")
    except OSError as error:
        raise BadConfig(f"{path}: cannot be read ({error.strerror or error})") from None
