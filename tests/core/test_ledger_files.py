"""The ledger as a whole: counted, checked, cleaned and carried, to the byte and without anything lost or believed blindly."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalh.core import ledger_files as module
from evalh.core.ledger_files import Criteria, WholeLedger
from evalh.core.ledger_rows import Paid
from evalh.core.records import RawReply, Usage
from evalh.errors import BadConfig, StoreError

KEY = "0123456789abcdef0123456789abcdef01234567"


def key(number: int) -> str:
    """A key as requests have them."""
    return f"{number:040x}"


def fill(
    ledger: WholeLedger, *numbers: int, label: str = "vicuna", usd: float | None = 0.25, body: bytes = b'{"a": 1}'
) -> None:
    """Store responses and what they cost."""

    async def go() -> None:
        for n in numbers:
            reply = RawReply(body, ("dropped:seed",) if n % 2 else (), 1.5, f"req-{n}")
            await ledger.commit(Paid(key(n), reply, label, f"http://{label}/v1", "m", "answer", "run-1", 2))
            ledger.account(key(n), "run-1", "answer", label, Usage(10, 3), usd, "m-1", "fp")
        await asyncio.sleep(0)

    asyncio.run(go())
    ledger.flush()


def fail(ledger: WholeLedger, label: str, kind: str) -> None:
    """Journal a failure."""

    async def go() -> None:
        ledger.fail(key(99), label, "answer", "run-1", kind, "said no", b"no")

    asyncio.run(go())
    ledger.flush()


def aged(ledger: WholeLedger, number: int, days: float) -> None:
    """Make a response so old."""
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("UPDATE responses SET at = ? WHERE key = ?", (time.time() - days * 86400, key(number)))


def rows(ledger: WholeLedger, table: str = "responses") -> list[tuple[Any, ...]]:
    """All that a table holds, by key."""
    with contextlib.closing(sqlite3.connect(ledger.path)) as db:
        return db.execute(f"SELECT * FROM {table} ORDER BY key").fetchall()


@pytest.fixture
def ledger() -> Iterator[WholeLedger]:
    """An empty ledger."""
    with contextlib.closing(WholeLedger()) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[WholeLedger]:
    """A second one."""
    with contextlib.closing(WholeLedger(tmp_path / "other.sqlite3")) as opened:
        yield opened


def test_a_survey_counts_by_model_and_endpoint(ledger: WholeLedger) -> None:
    """Responses, tokens, dollars and days of each model, what has no price apart, failures by kind."""
    fill(ledger, 1, 2)
    fill(ledger, 3, label="local", usd=None)
    aged(ledger, 1, 365)
    fail(ledger, "local", "timed_out")
    fail(ledger, "local", "timed_out")
    found = ledger.survey()
    assert (found["responses"], found["failures"], found["input_tokens"], found["output_tokens"]) == (3, 2, 30, 9)
    assert (found["usd"], found["unpriced"]) == (0.5, 1)
    assert found["bytes"] >= ledger.path.stat().st_size
    local, vicuna = found["models"]
    assert (local["label"], local["endpoint"], local["usd"], local["unpriced"]) == ("local", "http://local/v1", None, 1)
    assert (vicuna["label"], vicuna["responses"], vicuna["usd"], vicuna["unpriced"]) == ("vicuna", 2, 0.5, 0)
    assert found["oldest"] == vicuna["oldest"] < vicuna["newest"] <= found["newest"]
    assert found["failed"] == [{"label": "local", "kind": "timed_out", "count": 2}]


def test_an_empty_ledger_has_no_days_and_no_price(ledger: WholeLedger) -> None:
    """Nothing is null or zero, never an error."""
    found = ledger.survey()
    assert (found["responses"], found["usd"], found["oldest"], found["newest"], found["models"]) == (0, None, None, None, [])
    assert ledger.verify() == (0, [])


def test_bodies_that_cannot_be_read_are_named(ledger: WholeLedger) -> None:
    """What no reader could read is named by its key; NaN and lone surrogates, which servers write, are readable."""
    fill(ledger, 1)
    fill(ledger, 2, body=b'{"x": NaN, "y": "\\ud800"}')
    fill(ledger, 3, body=b'{"cut')
    assert ledger.verify() == (3, [f"{key(3)}: its body is not JSON"])


def test_a_damaged_file_is_no_traceback(ledger: WholeLedger) -> None:
    """A file with its pages overwritten ends in an error that names it, or in named faults."""
    fill(ledger, *range(1, 400), body=json.dumps({"x": "y" * 500}).encode())
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(ledger.path.read_bytes())
    data[8192:40960] = b"\x5a" * 32768
    ledger.path.write_bytes(data)
    with contextlib.closing(WholeLedger(ledger.path)) as damaged:
        try:
            faults = damaged.verify()[1]
        except StoreError as error:
            faults = [str(error)]
    assert faults


def test_pruning_takes_what_fits_all_that_is_given(ledger: WholeLedger) -> None:
    """Age and label together; what it cost goes along, and the file shrinks."""
    fill(ledger, 1, 2, body=json.dumps("x" * 50_000).encode())
    fill(ledger, 3, label="local")
    aged(ledger, 1, 31)
    aged(ledger, 3, 31)
    fail(ledger, "vicuna", "timed_out")
    criteria = Criteria(older_than=30, label="vicuna")
    found = ledger.would_prune(criteria)
    assert (found.responses, found.failures, found.bytes, found.usd) == (1, 0, 50_002, 0.25)
    before = ledger.survey()["bytes"]
    assert ledger.prune(criteria)
    assert [row[0] for row in rows(ledger)] == [row[0] for row in rows(ledger, "usage")] == [key(2), key(3)]
    assert len(rows(ledger, "failures")) == 1
    assert ledger.survey()["bytes"] < before


def test_pruning_failures_keeps_every_response(ledger: WholeLedger) -> None:
    """The journal alone, of one model where that is asked; without it responses and failures both go."""
    fill(ledger, 1)
    fail(ledger, "vicuna", "timed_out")
    fail(ledger, "local", "timed_out")
    assert ledger.would_prune(Criteria(label="local", failures=True)).failures == 1
    ledger.prune(Criteria(label="local", failures=True))
    assert [row[2] for row in rows(ledger, "failures")] == ["vicuna"]
    assert len(rows(ledger)) == 1
    ledger.prune(Criteria(label="vicuna"))
    assert rows(ledger) == rows(ledger, "failures") == rows(ledger, "usage") == []


def test_a_ledger_in_use_is_pruned_but_keeps_its_size(ledger: WholeLedger) -> None:
    """Another process that reads keeps the file from shrinking, and nothing else."""
    fill(ledger, 1)
    ledger._db.execute("PRAGMA busy_timeout=50")
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT * FROM responses").fetchall()
        assert not ledger.prune(Criteria(label="vicuna"))
    assert rows(ledger) == []


def test_a_ledger_that_cannot_be_written_is_left_as_it_was(ledger: WholeLedger) -> None:
    """A process that writes for longer than anybody waits: an error that says so, and everything is there."""
    fill(ledger, 1)
    ledger._db.execute("PRAGMA busy_timeout=50")
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"cannot be written .*nothing was changed"):
            ledger.prune(Criteria(label="vicuna"))
        db.execute("ROLLBACK")
    assert len(rows(ledger)) == 1


@pytest.mark.parametrize("name", ["paid.jsonl", "paid.jsonl.gz"])
def test_an_exported_ledger_is_the_same_elsewhere(
    ledger: WholeLedger, other: WholeLedger, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every response and its cost arrive to the byte, whatever the body, in several groups; so does a second export."""
    monkeypatch.setattr(module, "GROUP", 2)
    fill(ledger, 1, 2, 3, body="„ü\u2028\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16").join('""').encode())
    fill(ledger, 4, usd=None, body=b'"\xff"')
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("UPDATE responses SET body = ? WHERE key = ?", (b'{"n": NaN}', key(4)))
        db.execute("DELETE FROM usage WHERE key = ?", (key(3),))
    assert ledger.export(tmp_path / name) == 4
    taken = other.take(tmp_path / name)
    assert (taken.new, taken.known, taken.faults) == (4, 0, ())
    assert rows(other) == rows(ledger)
    assert rows(other, "usage") == rows(ledger, "usage")
    other.export(tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


def test_what_is_known_already_stays_as_it_is(ledger: WholeLedger, other: WholeLedger, tmp_path: Path) -> None:
    """An import may be repeated, and never replaces a reply or adds to what it cost."""
    fill(ledger, 1, 2)
    ledger.export(tmp_path / "x.jsonl")
    fill(other, 1, body=b'"mine"', usd=7.0)
    for new in (1, 0):
        taken = other.take(tmp_path / "x.jsonl")
        assert (taken.new, taken.known) == (new, 2 - new)
    assert other.get(key(1)) is not None
    assert other.survey()["usd"] == 7.25
    twice = (tmp_path / "x.jsonl").read_bytes()
    (tmp_path / "x.jsonl").write_bytes(twice.replace(key(1).encode(), key(5).encode()) * 2)
    assert other.take(tmp_path / "x.jsonl").new == 1
    assert other.survey()["usd"] == 7.5


def test_a_body_that_is_no_text_travels_coded(ledger: WholeLedger, other: WholeLedger, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 stay the same bytes; since no reader could read them, the import says so."""
    fill(ledger, 1, body=b"\xff\xfe")
    ledger.export(tmp_path / "x.jsonl")
    line = json.loads((tmp_path / "x.jsonl").read_bytes())
    assert line["body_base64"] == "//4="
    assert other.take(tmp_path / "x.jsonl").faults == (f"{tmp_path / 'x.jsonl'}:1: the body is not JSON",)
    line["body_base64"] = "e30="
    (tmp_path / "x.jsonl").write_text(json.dumps(line))
    assert other.take(tmp_path / "x.jsonl").new == 1
    assert rows(other)[0][7] == b"{}"


TEXTS = dict.fromkeys(("label", "endpoint", "model", "stage", "run"), "x")
FACTS = {"latency": None, "tries": 1, "request_id": None, "adapted": [], "body": "{}", "cost": None}
GOOD: dict[str, Any] = {"schema": 1, "key": KEY, "at": 1.5} | TEXTS | FACTS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON ("),
        ("[]", "not a JSON object"),
        ("{}", "no schema number"),
        (GOOD | {"schema": 99}, "schema 99 was written by a newer evalh"),
        (GOOD | {"key": "short"}, "key must be 40 hexadecimal digits"),
        (GOOD | {"at": "noon"}, "at cannot be 'noon'"),
        (GOOD | {"tries": True}, "tries cannot be True"),
        (GOOD | {"tries": 1 << 63}, "tries is out of range"),
        ({k: v for k, v in GOOD.items() if k != "label"}, "label is missing"),
        (GOOD | {"adapted": "x"}, "adapted must be a list of texts"),
        (GOOD | {"adapted": [1]}, "adapted must be a list of texts"),
        (GOOD | {"body": "{"}, "the body is not JSON"),
        ({**GOOD, "body": None}, "the body is not JSON"),
        ({**GOOD, "body": None, "body_base64": "%"}, "body_base64 is not base64"),
        ({**GOOD, "body": None, "body_base64": 7}, "body_base64 is not base64"),
        (GOOD | {"cost": 7}, "cost must be an object or null"),
        (GOOD | {"cost": {}}, "run is missing"),
    ],
)
def test_a_line_that_is_none_is_named_and_left_out(ledger: WholeLedger, tmp_path: Path, line: Any, said: str) -> None:
    """File, line and fault of what cannot be taken; what stands around it is taken."""
    text = line if isinstance(line, str) else json.dumps(line)
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(GOOD | {'key': key(1)})}\n\n{text}\n{json.dumps(GOOD | {'key': key(2)})}\n")
    taken = ledger.take(path)
    assert taken.new == 2
    [fault] = taken.faults
    assert fault.startswith(f"{path}:3: ")
    assert said in fault


@pytest.mark.parametrize("keep", [-40, 30])
def test_a_compressed_file_that_breaks_off_is_named(ledger: WholeLedger, other: WholeLedger, tmp_path: Path, keep: int) -> None:
    """What stands before the damage is taken, and the line where it begins is named."""
    fill(ledger, *range(200))
    ledger.export(tmp_path / "x.jsonl.gz")
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes((tmp_path / "x.jsonl.gz").read_bytes()[:keep])
    taken = other.take(path)
    assert len(taken.faults) == 1
    assert f"{path}:{taken.new + 1}: the compressed file is damaged from here on" in taken.faults[0]
    path.write_bytes(gzip.compress(b"x" * 5000)[:20] + b"\xff" * 40)
    assert "damaged" in other.take(path).faults[-1]


def test_files_that_cannot_be_read_or_written(ledger: WholeLedger, tmp_path: Path) -> None:
    """A missing file and a place that cannot be written are errors that name them."""
    with pytest.raises(BadConfig, match=r"missing\.jsonl: cannot be read"):
        ledger.take(tmp_path / "missing.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        ledger.export(tmp_path / "file" / "x.jsonl")


def test_a_ledger_that_breaks_while_it_is_read_says_so(ledger: WholeLedger, tmp_path: Path) -> None:
    """An error of the database in mid-export is an error of ours, and no half file is left."""
    fill(ledger, 1)
    ledger._db.execute("DROP TABLE responses")
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.export(tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()
