"""Batches without a server: files within the limits, lines there and back, and what the ledger says of what is under way."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.backends.batches import LineReply, line, read_line
from evalh.backends.openai import OpenAIBackend
from evalh.core.config import ModelSpec
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import BatchLine, BatchRow
from evalh.core.records import Request
from evalh.errors import BadConfig, BatchPending, ServerFault, StoreError
from evalh.pipeline import parcel
from evalh.pipeline.asking import Target
from evalh.pipeline.batch import FIRST_LOOK, first_look
from evalh.pipeline.budget import Budget
from evalh.pipeline.engine import Engine
from evalh.pipeline.parcel import Waiting, packed

SPEC = ModelSpec("vicuna", "openai", "m", "http://127.0.0.1:1/v1")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """An empty ledger in the user's data folder."""
    opened = Ledger()
    yield opened
    opened.close()


def another(ledger: Ledger) -> Ledger:
    """The same file in the hands of another living process."""
    other = Ledger(ledger.path)
    other._me = (os.getppid(), platform.node())
    return other


def row(intent: str = "i", run: str = "r", **more: Any) -> BatchRow:
    """A batch of that name."""
    return BatchRow(intent, "http://x/v1", "vicuna", "m", run, **more)


def lines(*keys: str) -> list[BatchLine]:
    """Requests that may cost a quarter of a dollar each."""
    return [BatchLine(key, "answer", ("dropped:seed",), 2, 0.25) for key in keys]


def waiting(*texts: str) -> list[Waiting]:
    """Units that wait, each with its text as the prompt."""
    target = Target("vicuna", OpenAIBackend(SPEC))
    future: Any = None
    return [
        Waiting(target, Request(({"role": "user", "content": text},)), f"k{i}", "answer", 1, 0.0, future)
        for i, text in enumerate(texts)
    ]


# -- files ---------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(texts=st.lists(st.text(max_size=60), max_size=30), most=st.integers(1, 8), size=st.integers(150, 1000))
def test_files_keep_within_the_limits(texts: list[str], most: int, size: int) -> None:
    """Every request is in one file, in order; no file passes a limit unless one request does so alone."""
    found = []
    for inside, content in packed(waiting(*texts), most, size):
        with content:
            content.seek(0)
            data = content.read()
        rows = [json.loads(piece) for piece in data.split(b"\n") if piece]
        assert [r["custom_id"] for r in rows] == [w.key for w in inside]
        assert len(rows) <= most
        assert len(data) <= size or len(rows) == 1
        found += rows
    assert [r["body"]["messages"][0]["content"] for r in found] == texts
    assert {(r["method"], r["url"]) for r in found} <= {("POST", "/v1/chat/completions")}


def test_a_file_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full folder for temporary files is an error that names it."""

    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parcel.tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match=r"a batch cannot be written there \(No space left"):
        list(packed(waiting("x")))


def test_a_reply_is_read_as_it_was_sent() -> None:
    """Status, body and request id of a line; a text that holds U+2028 or half a character survives."""
    body = {"choices": [{"message": {"content": "a\u2028b"}}]}
    whole = {"id": "x", "custom_id": "k", "response": {"status_code": 200, "request_id": "req", "body": body}, "error": None}
    found = read_line(json.dumps(whole, ensure_ascii=False).encode())
    assert (found.key, found.status, found.request_id, found.lost) == ("k", 200, "req", "")
    assert json.loads(found.body) == body
    half = read_line(b'{"custom_id":"k","response":{"status_code":400,"body":{"error":"\\ud800"}}}')
    assert (half.status, half.body) == (400, b'{"error": "\\ud800"}')


def test_a_request_that_never_ran_says_why() -> None:
    """A line without a response is lost, with the API's own words."""
    data = b'{"custom_id":"k","response":null,"error":{"code":"batch_expired","message":"Too late."}}'
    assert read_line(data) == LineReply("k", 0, b"", None, "Too late. (batch_expired)")


@pytest.mark.parametrize("data", [b'{"custom_id":"k","resp', b"[]", b'{"response":null}', b'{"custom_id":"k","response":3}'])
def test_a_line_cut_short_is_no_reply(data: bytes) -> None:
    """What is not a line of replies is a fault of the transfer, which is then made again."""
    with pytest.raises(ServerFault, match="it came incomplete"):
        read_line(data)


def test_a_line_holds_the_request_as_it_is() -> None:
    """The body's bytes stand in the line unchanged."""
    assert line("k", b'{"a":1}') == b'{"custom_id":"k","method":"POST","url":"/v1/chat/completions","body":{"a":1}}\n'


@pytest.mark.parametrize(("text", "seconds"), [("", FIRST_LOOK), ("0.5", 0.5), (" 60 ", 60.0)])
def test_the_first_look_may_be_set(text: str, seconds: float) -> None:
    """EVALH_BATCH_POLL says after how many seconds; empty is as if it were not there."""
    assert first_look({"EVALH_BATCH_POLL": text}) == seconds
    assert first_look({}) == FIRST_LOOK


@pytest.mark.parametrize("text", ["often", "0", "-1", "61", "nan"])
def test_a_first_look_that_is_none_is_refused(text: str) -> None:
    """Anything but a number of seconds up to a minute is named."""
    with pytest.raises(BadConfig, match="EVALH_BATCH_POLL must be a number of seconds"):
        first_look({"EVALH_BATCH_POLL": text})


# -- the ledger ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_noted_step_by_step(ledger: Ledger) -> None:
    """Another process sees how far it has come, with all that going on needs; once it has ended nobody sees it."""
    other = another(ledger)

    async def go() -> None:
        assert await ledger.plan_batch(row(requests=2), lines("a", "b")) == {"a", "b"}
        [found] = other.batches("r")
        assert (found.state, found.requests, found.file, found.batch) == ("planned", 2, None, None)
        assert time.time() - found.at < 60
        assert other.lines("i") == lines("a", "b")
        await ledger.advance_batch("i", "uploaded", file="f")
        await ledger.advance_batch("i", "created", batch="b")
        again = other.batch("i")
        assert again is not None
        assert (again.state, again.file, again.batch) == ("created", "f", "b")
        assert other.reserved("r") == 0.5
        assert other.reserved("another run") == 0.0
        await ledger.end_batch("i", "completed")
        assert (other.batch("i"), other.batches("r"), other.lines("i"), other.reserved("r")) == (None, [], [], 0.0)

    asyncio.run(go())
    other.close()


def test_a_request_stands_in_one_batch_at_a_time(ledger: Ledger) -> None:
    """A key that is in a batch already is not taken into another one, and that is told."""

    async def go() -> None:
        await ledger.plan_batch(row(), lines("a", "b"))
        assert await ledger.plan_batch(row("j"), lines("b", "c")) == {"c"}
        assert ledger.pending("b") == "i"
        assert ledger.pending("c") == "j"
        assert ledger.pending("d") is None

    asyncio.run(go())


def test_what_is_in_a_batch_is_claimed_by_nobody(ledger: Ledger) -> None:
    """Not even where the process that submitted it is dead and its claims are free; after the batch it is free again."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    async def go() -> None:
        await ledger.plan_batch(row(), lines("a", "b"))
        ledger._db.execute("INSERT INTO claims VALUES ('b', ?, ?, ?)", (process.pid, platform.node(), time.time()))
        assert not await ledger.claim("a")
        assert not await ledger.claim("b")
        await ledger.end_batch("i", "expired")
        assert await ledger.claim("a")
        assert await ledger.claim("b")

    asyncio.run(go())


def test_one_process_looks_after_a_batch(ledger: Ledger) -> None:
    """A batch is claimed like a request, and given back."""
    other = another(ledger)

    async def go() -> None:
        assert await ledger.claim_batch("i")
        assert not await other.claim_batch("i")
        ledger.release_batch("i")
        ledger.flush()
        assert await other.claim_batch("i")

    asyncio.run(go())
    other.close()


def test_claims_can_be_renewed(ledger: Ledger) -> None:
    """Who waits for hours renews what it has claimed, and nobody takes it for forgotten."""
    other = another(ledger)

    async def go() -> None:
        assert await other.claim("k")
        ledger._db.execute("UPDATE claims SET at = at - 2000")
        await other.renew_claims()
        assert not await ledger.claim("k")
        ledger._db.execute("UPDATE claims SET at = at - 2000")
        assert await ledger.claim("k")

    asyncio.run(go())
    other.close()


def test_a_live_request_gives_up_what_was_never_begun(ledger: Ledger) -> None:
    """A batch that its dead process had only planned is forgotten; one that may be at the server is respected."""

    async def go() -> None:
        engine = Engine(ledger, "r")
        await ledger.plan_batch(row(), lines("a"))
        await engine._check_pending("a")
        assert ledger.pending("a") is None
        await engine._check_pending("a")
        await ledger.plan_batch(row("j", requests=1), lines("a"))
        await ledger.advance_batch("j", "uploaded", file="f")
        with pytest.raises(BatchPending, match="1 requests to vicuna are in a batch that has not ended"):
            await engine._check_pending("a")
        assert ledger.pending("a") == "j"

    asyncio.run(go())


def test_what_is_under_way_is_set_aside_whether_it_fits_or_not() -> None:
    """A batch of an earlier process counts against the budget until it is settled."""
    budget = Budget(1.0, spent=0.5)
    budget.hold(0.4)
    assert not budget.passed
    assert not budget.take(0.2)
    budget.hold(0.4)
    assert budget.passed
    budget.settle(0.4, 0.1)
    budget.settle(0.4, 0.1)
    assert budget.spent == pytest.approx(0.7)
    assert budget.take(0.2)
    assert not Budget(None).passed


def test_ollama_has_no_batches() -> None:
    """The same protocol at Ollama's address has no Batch API; everybody else may have one."""
    from evalh.backends.openai import open_backend, open_ollama

    assert open_backend(SPEC).batches
    assert not open_ollama(SPEC).batches


def test_the_sdk_is_loaded_by_the_first_batch_only() -> None:
    """Importing the collector loads no SDK."""
    code = "import sys, evalh.pipeline.batch; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd()).returncode == 0
