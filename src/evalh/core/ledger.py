"""What was paid for: every raw response, under the key of its request.

The ledger is one SQLite file in the user's data folder, shared by all runs and safe for several processes at once. A response
is committed before anything is read from it; whatever dies afterwards, the next run finds it here instead of paying again. It
holds all that depends on when and how a reply came (time, latency, tries, request id, served model), so that a run folder need
not. Failures are journalled beside it and never served.

Durability is against the death of the process: WAL without a disk flush per commit, so that many replies share one commit
(`commit` waits for the group it is in).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from evalh.core import resources
from evalh.core.ledger_rows import SCHEMA, TABLES, BatchLine, BatchRow, Paid, Spent
from evalh.core.records import RawReply, Usage
from evalh.errors import StoreError

PATIENCE: Final = 30.0  # seconds that a process waits for another one to finish writing
CLAIM_LASTS: Final = 1800.0  # seconds after which a claim counts as forgotten, whoever holds it
CHECKPOINT: Final = (
    8000  # pages of 4 kB after which the log is copied into the file: a wait for the disk, during which nothing is sent
)
UNFINISHED: Final = ("planned", "uploaded", "created")
_IN_NO_BATCH: Final = "NOT EXISTS (SELECT 1 FROM batch_lines WHERE key = ?)"


class Ledger:
    """The open ledger. One connection, used from the event loop's thread only.

    Raises:
        StoreError: the file cannot be opened, is not a ledger, or the disk is full.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or resources.user_data() / "ledger.sqlite3"
        self._waiting: list[tuple[str, tuple[Any, ...], asyncio.Future[int] | None]] = []
        self._me = (os.getpid(), platform.node())
        self._fresh: dict[str, RawReply | None] = {}  # what waits to be written; None where it is to be deleted
        self._group: asyncio.Future[None] | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None
        deadline = time.monotonic() + PATIENCE
        try:
            while not self._ready(deadline):
                time.sleep(0.01)
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from None
        except StoreError:
            self._db.close()
            raise

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self.path}: the ledger cannot be opened ({error}); set EVALH_HOME or --ledger to a folder that can be written"
        )

    def _ready(self, deadline: float) -> bool:
        """Set the file up. False where another process is at it too: SQLite does not wait for that by itself."""
        try:
            self._set_up()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            return False
        return True

    def _set_up(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            raise StoreError(
                f"{self.path}: this ledger (schema {version}) was written by a newer evalh;"
                " upgrade evalh or choose another --ledger"
            )
        if version < SCHEMA:
            self._db.executescript(TABLES)
            self._db.execute(f"PRAGMA user_version={SCHEMA}")

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the ledger cannot be read ({error})") from None

    def get(self, key: str) -> RawReply | None:
        """The response to a request, or None if none was ever received."""
        if key in self._fresh:
            return self._fresh[key]
        for body, adapted, latency, name, run in self._rows(
            "SELECT body, adapted, latency, request_id, run FROM responses WHERE key = ?", key
        ):
            return RawReply(body, tuple(json.loads(adapted)) if adapted else (), latency, name, run=run)
        return None

    async def claim(self, key: str) -> bool:
        """Say that this process is about to send a request; False while another living process has said so.

        Nobody gets the claim on a request that is in a batch (`pending`): it has been sent, whoever sent it.
        Whoever gets the claim has to look into the ledger once more: the reply may have come in between.
        """
        now = time.time()
        made = f"INSERT OR IGNORE INTO claims SELECT ?, ?, ?, ? WHERE {_IN_NO_BATCH}"
        if await self._counted(made, (key, *self._me, now, key)):
            return True
        for pid, host, at in self._rows("SELECT pid, host, at FROM claims WHERE key = ?", key):
            if (pid, host) == self._me:
                return True
            if now - at < CLAIM_LASTS and (host != self._me[1] or _alive(pid)):
                return False
            unchanged = "key = ? AND pid = ? AND host = ? AND at = ?"
            taken = f"UPDATE claims SET pid = ?, host = ?, at = ? WHERE {unchanged} AND {_IN_NO_BATCH}"
            return bool(await self._counted(taken, (*self._me, now, key, pid, host, at, key)))
        return False  # released a moment ago, or in a batch: ask again

    def release(self, key: str) -> None:
        """Give a claim back; joins the next group."""
        self._add("DELETE FROM claims WHERE key = ? AND pid = ? AND host = ?", (key, *self._me))

    async def renew_claims(self) -> None:
        """Say that this process still means what it has claimed; who waits for hours says it now and then."""
        await self._counted("UPDATE claims SET at = ? WHERE pid = ? AND host = ?", (time.time(), *self._me))

    async def commit(self, paid: Paid) -> None:
        """Store a response; returns when it is safe from the death of the process."""
        self.store(paid)
        await self.settled()

    def store(self, paid: Paid) -> None:
        """Store a response with the next group."""
        r = paid.reply
        adapted = json.dumps(r.adapted) if r.adapted else None
        row = (
            paid.key,
            time.time(),
            paid.label,
            paid.endpoint,
            paid.model,
            paid.stage,
            paid.run,
            r.body,
            adapted,
            r.latency,
            paid.tries,
            r.request_id,
        )
        self._fresh[paid.key] = r
        self._add("INSERT OR REPLACE INTO responses VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", row)

    def account(
        self,
        paid_key: str,
        run: str,
        stage: str,
        label: str,
        usage: Usage | None,
        usd: float | None,
        served: str | None,
        fingerprint: str | None,
    ) -> None:
        """Note what a response cost, once it has been read; joins the next group."""
        row = (
            paid_key,
            run,
            stage,
            label,
            usage and usage.input_tokens,
            usage and usage.output_tokens,
            usd,
            served,
            fingerprint,
        )
        self._add("INSERT OR IGNORE INTO usage VALUES (?,?,?,?,?,?,?,?,?)", row)

    def fail(
        self,
        key: str,
        label: str,
        stage: str,
        run: str,
        kind: str,
        message: str,
        body: bytes | None = None,
        usd: float | None = None,
    ) -> None:
        """Journal a failure, with what it may have cost.

        If a body was stored for this key and proved useless, it is moved here and never served again.
        """
        row = (time.time(), key, label, stage, run, kind, message, body, usd)
        self._add("INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)", row)
        if body is not None:
            self._fresh[key] = None
            self._add("DELETE FROM responses WHERE key = ?", (key,))

    def _add(self, statement: str, row: tuple[Any, ...], counted: asyncio.Future[int] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._waiting.append((statement, row, counted))
        if self._group is None or self._group.get_loop() is not loop:  # a loop may have ended before its group was written
            self._group = loop.create_future()
            loop.call_soon(self._flush)

    async def settled(self) -> None:
        """Wait until all that has been added so far is written."""
        if self._group is not None:
            await asyncio.shield(self._group)

    async def _counted(self, statement: str, row: tuple[Any, ...]) -> int:
        """Run a statement in the next group; the number of rows it changed."""
        counted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._add(statement, row, counted)
        await self.settled()
        return counted.result()

    def _flush(self) -> None:
        """Write everything that waits in one transaction."""
        group, self._group = self._group, None
        try:
            self.flush()
        except Exception as error:  # whatever it is, those who wait must hear of it
            if group is not None:
                group.set_exception(error)
                group.exception()  # whoever waits raises it; nobody may be waiting
            return
        if group is not None:
            group.set_result(None)

    def flush(self) -> None:
        """Write what waits, now. Raises StoreError where the disk refuses; what waits is kept for another try."""
        if not self._waiting:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, row, counted in self._waiting:
                cursor = self._db.execute(statement, row)
                if counted is not None and not counted.done():
                    counted.set_result(cursor.rowcount)
            self._db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error):
                raise
            raise StoreError(
                f"{self.path}: the ledger cannot be written ({error});"
                " free some space or choose another --ledger, then run the same command again"
            ) from None
        self._waiting.clear()
        self._fresh.clear()

    # -- batches ----------------------------------------------------------------------------------------------------------

    async def plan_batch(self, row: BatchRow, lines: Sequence[BatchLine]) -> set[str]:
        """Note, before anything is sent, which requests a batch is to hold.

        Returns:
            The keys that are in it now. A key stands in one batch at a time: one that is missing is in another.
        """
        facts = (row.intent, time.time(), row.endpoint, row.label, row.model, row.run, len(lines), row.state, None, None)
        self._add("INSERT INTO batches VALUES (?,?,?,?,?,?,?,?,?,?)", facts)
        for line in lines:
            values = (line.key, row.intent, line.stage, json.dumps(line.adapted), line.tries, line.aside)
            self._add("INSERT OR IGNORE INTO batch_lines VALUES (?,?,?,?,?,?)", values)
        await self.settled()
        return {key for (key,) in self._rows("SELECT key FROM batch_lines WHERE intent = ?", row.intent)}

    async def advance_batch(self, intent: str, state: str, *, file: str | None = None, batch: str | None = None) -> None:
        """Note how far a batch has come; returns when that is safe."""
        update = "UPDATE batches SET state = ?, file = coalesce(?, file), batch = coalesce(?, batch) WHERE intent = ?"
        self._add(update, (state, file, batch, intent))
        await self.settled()

    async def end_batch(self, intent: str, state: str) -> None:
        """A batch has ended, and every reply in it is stored: its other requests may be sent again."""
        self.drop_batch(intent, state)
        await self.settled()

    def drop_batch(self, intent: str, state: str = "abandoned") -> None:
        """The same with the next group, for a batch that was never begun at the server."""
        self._add("UPDATE batches SET state = ? WHERE intent = ?", (state, intent))
        self._add("DELETE FROM batch_lines WHERE intent = ?", (intent,))

    async def claim_batch(self, intent: str) -> bool:
        """Say that this process looks after a batch; False while another living process does."""
        return await self.claim(f"batch:{intent}")

    def release_batch(self, intent: str) -> None:
        """Give that claim back; joins the next group."""
        self.release(f"batch:{intent}")

    def batch(self, intent: str) -> BatchRow | None:
        """A batch that has not ended, by our name of it."""
        return next(iter(self._batches("intent = ?", intent)), None)

    def batches(self, run: str) -> list[BatchRow]:
        """The batches of a run that have not ended, oldest first."""
        return self._batches("run = ?", run)

    def _batches(self, which: str, *values: Any) -> list[BatchRow]:
        columns = "intent, endpoint, label, model, run, requests, state, file, batch, at"
        states = ",".join(f"'{state}'" for state in UNFINISHED)
        rows = self._rows(f"SELECT {columns} FROM batches WHERE {which} AND state IN ({states}) ORDER BY at", *values)
        return [BatchRow(*row) for row in rows]

    def lines(self, intent: str) -> list[BatchLine]:
        """The requests of a batch that has not ended."""
        rows = self._rows("SELECT key, stage, adapted, tries, aside FROM batch_lines WHERE intent = ? ORDER BY key", intent)
        return [BatchLine(key, stage, tuple(json.loads(adapted)), tries, aside) for key, stage, adapted, tries, aside in rows]

    def pending(self, key: str) -> str | None:
        """The intent of the batch that a request is in, or None."""
        return next((intent for (intent,) in self._rows("SELECT intent FROM batch_lines WHERE key = ?", key)), None)

    # -- money ------------------------------------------------------------------------------------------------------------

    def spent(self, run: str) -> list[Spent]:
        """What a run has paid, by stage and model."""
        rows = self._rows(
            "SELECT stage, label, count(*), sum(coalesce(input_tokens, 0)), sum(coalesce(output_tokens, 0)),"
            " sum(usd), sum(usd IS NULL)"
            " FROM usage WHERE run = ? GROUP BY stage, label ORDER BY stage, label",
            run,
        )
        return [Spent(*row) for row in rows]

    def unaccounted(self, run: str) -> list[tuple[str, str, str, RawReply]]:
        """(key, label, stage, reply) of what a run has paid for without noting the cost: the process died in between."""
        rows = self._rows(
            "SELECT r.key, r.label, r.stage, r.body, r.adapted FROM responses r LEFT JOIN usage u ON u.key = r.key"
            " WHERE r.run = ? AND u.key IS NULL",
            run,
        )
        return [(k, label, stage, RawReply(body, tuple(json.loads(a)) if a else ())) for k, label, stage, body, a in rows]

    def knows(self, label: str, stage: str) -> bool:
        """Whether any response of a model at a stage is stored."""
        return bool(self._rows("SELECT 1 FROM usage WHERE label = ? AND stage = ? LIMIT 1", label, stage))

    def typical(self, label: str, stage: str) -> tuple[int, float, float]:
        """(replies seen, mean output tokens, mean latency in seconds) of up to 500 replies of a model at a stage."""
        rows = self._rows(
            "SELECT u.output_tokens, r.latency FROM usage u JOIN responses r ON r.key = u.key"
            " WHERE u.label = ? AND u.stage = ? AND u.output_tokens IS NOT NULL LIMIT 500",
            label,
            stage,
        )
        tokens, latencies = [t for t, _ in rows], [x for _, x in rows if x is not None]
        return len(rows), sum(tokens) / max(1, len(tokens)), sum(latencies) / max(1, len(latencies))

    def doubtful(self, run: str) -> float:
        """Dollars that a run's failed requests may have cost: replies that never came whole."""
        [(usd,)] = self._rows("SELECT sum(usd) FROM failures WHERE run = ?", run)
        return float(usd or 0.0)

    def reserved(self, run: str) -> float:
        """Dollars that the batches of a run that have not ended may cost at the most."""
        [(usd,)] = self._rows("SELECT sum(aside) FROM batch_lines JOIN batches USING (intent) WHERE run = ?", run)
        return float(usd or 0.0)

    def served(self, run: str) -> dict[str, list[tuple[str | None, str | None]]]:
        """label -> the (served model, fingerprint) pairs that answered for it within a run."""
        rows = self._rows("SELECT DISTINCT label, served_model, fingerprint FROM usage WHERE run = ? ORDER BY 1, 2, 3", run)
        found: dict[str, list[tuple[str | None, str | None]]] = {}
        for label, model, fingerprint in rows:
            found.setdefault(label, []).append((model, fingerprint))
        return found

    def info(self) -> dict[str, Any]:
        """Counts and size, for `evalh ledger info`."""
        [(count,)] = self._rows("SELECT count(*) FROM responses")
        [(failures,)] = self._rows("SELECT count(*) FROM failures")
        [(usd,)] = self._rows("SELECT sum(usd) FROM usage")
        size = os.path.getsize(self.path)
        return {
            "schema": SCHEMA,
            "path": str(self.path),
            "responses": count,
            "failures": failures,
            "usd": usd or 0.0,
            "bytes": size,
        }

    def close(self) -> None:
        """Write what waits and close the file."""
        try:
            self.flush()
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("DELETE FROM claims WHERE pid = ? AND host = ?", self._me)
        finally:
            self._db.close()


def _alive(pid: int) -> bool:
    """Whether a process of this machine exists."""
    if os.name == "nt":  # pragma: no cover - untested here; a claim then lasts for its time
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
