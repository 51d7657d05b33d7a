"""The ledger: what was paid for is there before anything is read from it, whoever dies, and nothing useless is served."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalh.core import ledger as module
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import Paid, Spent, request_key
from evalh.core.records import RawReply, Request, Usage
from evalh.errors import StoreError


def paid(key: str, body: bytes = b"{}", run: str = "r", **reply: Any) -> Paid:
    """A response under this key."""
    return Paid(key, RawReply(body, **reply), "vicuna", "http://x/v1", "m", "answer", run, 1)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """An empty ledger in the user's data folder."""
    opened = Ledger()
    yield opened
    opened.close()


def stored(path: Path) -> list[str]:
    """The keys in a ledger file, as another process sees them."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [key for (key,) in db.execute("SELECT key FROM responses ORDER BY key")]


def test_a_response_is_stored_before_commit_returns(ledger: Ledger) -> None:
    """Body and facts come back as they went in, also for another reader of the file."""
    reply = {"adapted": ("dropped:temperature",), "latency": 1.5, "request_id": "req"}

    async def go() -> None:
        await ledger.commit(paid("k", b"\x00\xffbody", **reply))
        assert stored(ledger.path) == ["k"]

    asyncio.run(go())
    assert ledger.get("k") == RawReply(b"\x00\xffbody", ("dropped:temperature",), 1.5, "req", run="r")
    assert ledger.get("other") is None
    ledger.close()
    again = Ledger(ledger.path)
    assert again.get("k") == RawReply(b"\x00\xffbody", ("dropped:temperature",), 1.5, "req", run="r")
    again.close()


def test_the_ledger_stands_in_the_users_data_folder(tmp_path: Path, ledger: Ledger) -> None:
    """Where EVALH_HOME says, made on the way."""
    assert ledger.path == tmp_path / "home" / "ledger.sqlite3"


def test_responses_that_come_together_share_one_transaction(ledger: Ledger) -> None:
    """A group is written at once, and each of its members waits for it."""
    statements: list[str] = []
    ledger._db.set_trace_callback(statements.append)

    async def go() -> None:
        await asyncio.gather(*(ledger.commit(paid(f"k{i:02}")) for i in range(50)))

    asyncio.run(go())
    ledger._db.set_trace_callback(None)
    assert sum(s.startswith("BEGIN") for s in statements) == sum(s.startswith("COMMIT") for s in statements) == 1
    assert len(stored(ledger.path)) == 50


def test_a_response_can_be_had_while_its_group_waits(ledger: Ledger) -> None:
    """Another unit that asks for the same key in the same moment is served."""

    async def go() -> None:
        waiting = asyncio.ensure_future(ledger.commit(paid("k", b"1")))
        await asyncio.sleep(0)
        found = ledger.get("k")
        assert found is not None
        assert found.body == b"1"
        waiting.cancel()  # who waits may be cancelled: what was paid for is stored all the same

    asyncio.run(go())
    assert stored(ledger.path) == ["k"]


def test_a_later_response_takes_the_place_of_an_earlier_one(ledger: Ledger) -> None:
    """One key, one response: the last."""

    async def go() -> None:
        await ledger.commit(paid("k", b"1"))
        await ledger.commit(paid("k", b"2"))

    asyncio.run(go())
    found = ledger.get("k")
    assert found is not None
    assert found.body == b"2"


def test_a_useless_response_is_never_served_again(ledger: Ledger) -> None:
    """From the moment it is found useless, though its journal entry is still waiting to be written."""

    async def go() -> None:
        await ledger.commit(paid("k", b"<html>"))
        ledger.fail("k", "vicuna", "answer", "r", "server_fault", "no completion", b"<html>", 0.5)
        assert ledger.get("k") is None
        ledger.fail("never", "vicuna", "answer", "r", "timed_out", "silence", usd=0.25)

    asyncio.run(go())
    ledger.flush()
    assert ledger.get("k") is None
    assert ledger.get("never") is None
    assert ledger.info()["failures"] == 2
    assert ledger.doubtful("r") == 0.75
    assert ledger.doubtful("another") == 0.0


def test_a_failed_try_takes_nothing_from_a_response(ledger: Ledger) -> None:
    """A journal entry without a body leaves what was received under the key."""

    async def go() -> None:
        waiting = asyncio.ensure_future(ledger.commit(paid("k", b"good")))
        await asyncio.sleep(0)
        ledger.fail("k", "vicuna", "answer", "r", "timed_out", "an earlier try")
        assert ledger.get("k") is not None
        await waiting

    asyncio.run(go())
    assert ledger.get("k") is not None


def test_what_was_spent_is_told_by_stage_and_model(ledger: Ledger) -> None:
    """Tokens, dollars and replies without a price; one response is never counted twice, nor for another run."""

    async def go() -> None:
        ledger.account("1", "r", "answer", "b", Usage(10, 5), 0.5, "m-1", "fp")
        ledger.account("1", "r", "answer", "b", Usage(10, 5), 0.5, "m-1", "fp")
        ledger.account("2", "r", "answer", "b", Usage(1, None), None, "m-2", "fp")
        ledger.account("3", "r", "answer", "a", None, None, None, None)
        ledger.account("4", "r", "judge", "j", Usage(7, 7), 0.25, "j-1", None)
        ledger.account("5", "other", "answer", "b", Usage(99, 99), 9.0, "x", "y")

    asyncio.run(go())
    ledger.flush()
    assert ledger.spent("r") == [
        Spent("answer", "a", 1, 0, 0, None, 1),
        Spent("answer", "b", 2, 11, 5, 0.5, 1),
        Spent("judge", "j", 1, 7, 7, 0.25, 0),
    ]
    assert ledger.served("r") == {"a": [(None, None)], "b": [("m-1", "fp"), ("m-2", "fp")], "j": [("j-1", None)]}
    assert ledger.spent("nobody") == []
    assert ledger.info()["usd"] == 9.75


def test_what_was_paid_without_a_note_of_its_cost_is_found(ledger: Ledger) -> None:
    """A process that died between storing and reading a response leaves it to be accounted for."""

    async def go() -> None:
        await ledger.commit(paid("1", b"a", adapted=("x",)))
        await ledger.commit(paid("2", b"b"))
        await ledger.commit(paid("3", b"c", run="other"))
        ledger.account("2", "r", "answer", "vicuna", None, None, None, None)

    asyncio.run(go())
    ledger.flush()
    assert ledger.unaccounted("r") == [("1", "vicuna", "answer", RawReply(b"a", ("x",)))]


def test_typical_replies_are_told_for_estimates(ledger: Ledger) -> None:
    """Mean tokens and latency of a model at a stage, over all runs; nothing known is zeros."""

    async def go() -> None:
        for key, tokens, latency in (("1", 10, 2.0), ("2", 30, 4.0), ("3", None, 9.0), ("4", 20, None)):
            await ledger.commit(paid(key, latency=latency))
            ledger.account(key, "r", "answer", "vicuna", Usage(1, tokens), None, None, None)

    asyncio.run(go())
    ledger.flush()
    assert ledger.typical("vicuna", "answer") == (3, 20.0, 3.0)
    assert ledger.typical("vicuna", "judge") == (0, 0.0, 0.0)
    assert ledger.knows("vicuna", "answer")
    assert not ledger.knows("vicuna", "judge")


def test_info_counts_what_there_is(ledger: Ledger) -> None:
    """For `evalh ledger info`, an empty ledger included."""
    info = ledger.info()
    assert (info["schema"], info["responses"], info["failures"], info["usd"]) == (1, 0, 0, 0.0)
    assert info["path"] == str(ledger.path)
    assert info["bytes"] == ledger.path.stat().st_size > 0


def test_a_ledger_serves_several_event_loops(ledger: Ledger) -> None:
    """One after the other, also where a loop ended before its last group was written."""

    loop = asyncio.new_event_loop()
    loop.call_soon(ledger.account, "1", "r", "answer", "a", None, None, None, None)
    loop.stop()
    loop.run_forever()  # one round: the note waits for a group that this loop does not come to write

    async def go() -> None:
        await asyncio.wait_for(ledger.commit(paid("2")), 5)

    asyncio.run(go())
    loop.run_until_complete(asyncio.sleep(0))  # what it had meant to write has been written
    loop.close()
    assert ledger.spent("r")[0].requests == 1
    assert stored(ledger.path) == ["2"]


# -- several processes ---------------------------------------------------------------------------------------------------

WRITER = """
import asyncio, sys
from pathlib import Path
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import Paid
from evalh.core.records import RawReply

async def main(path, name, count):
    ledger = Ledger(Path(path))
    print("open", flush=True)
    sys.stdin.readline()
    i = 0
    while i < count:
        await asyncio.gather(*(
            ledger.commit(Paid(f"{name}-{i + n:06}", RawReply(b"x" * 500), "a", "e", "m", "answer", "r", 1)) for n in range(5)
        ))
        i += 5
        print(i, flush=True)
    ledger.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that commits so many responses, five at a time, once its standard input says go."""
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    """The next line of a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    """Let a process begin."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Both open a new file at the same moment and write into it; nothing is lost and nobody fails."""
    path = tmp_path / "new" / "l.sqlite3"
    with writer(path, "a", 200) as one, writer(path, "b", 200) as two:
        assert [line(one), line(two)] == ["open", "open"]
        go(one)
        go(two)
        one.communicate(timeout=30)
        two.communicate(timeout=30)
    assert (one.returncode, two.returncode) == (0, 0)
    assert stored(path) == [f"{name}-{i:06}" for name in "ab" for i in range(200)]


def test_killing_a_writer_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """kill -9 in mid-work leaves a ledger that opens, holds all that was confirmed, and takes more."""
    path = tmp_path / "l.sqlite3"
    with writer(path, "a", 10**6) as process:
        assert line(process) == "open"
        go(process)
        confirmed = 0
        while confirmed < 50:
            confirmed = int(line(process))
        process.kill()
        assert process.stdout is not None
        rest = [part for part in process.stdout.read().split("\n") if part]
        confirmed = max([confirmed, *map(int, rest[:-1])])
    ledger = Ledger(path)
    assert all(ledger.get(f"a-{i:06}") is not None for i in range(confirmed))
    asyncio.run(ledger.commit(paid("z")))
    ledger.close()
    assert stored(path)[-1] == "z"


def test_a_request_is_claimed_by_one_process(ledger: Ledger) -> None:
    """Whoever claims first may send; the same process may claim again; released, the next one gets it."""
    other = Ledger(ledger.path)
    other._me = (os.getppid(), platform.node())  # a living process that is not this one

    async def go() -> None:
        assert await ledger.claim("k")
        assert await ledger.claim("k")
        assert not await other.claim("k")
        assert await other.claim("another")
        ledger.release("k")
        await ledger.commit(paid("x"))
        assert await other.claim("k")
        other.release("another")
        assert not await ledger.claim("k")

    asyncio.run(go())
    other.close()  # gives back what it held
    assert asyncio.run(ledger.claim("k"))


def test_a_claim_is_renewed_by_who_waits_long(ledger: Ledger) -> None:
    """An hour-long wait does not lose what was claimed at its beginning."""
    ledger._db.execute("INSERT INTO claims VALUES ('k', ?, ?, 0)", ledger._me)
    asyncio.run(ledger.renew_claims())
    [(at,)] = ledger._rows("SELECT at FROM claims")
    assert time.time() - at < 60


@pytest.mark.parametrize(
    ("pid", "host", "age", "free"),
    [
        ("dead", "here", 0.0, True),
        ("alive", "here", 0.0, False),
        ("alive", "here", 2000.0, True),
        ("dead", "elsewhere", 0.0, False),
        ("dead", "elsewhere", 2000.0, True),
    ],
)
def test_a_claim_ends_with_its_process_or_with_time(ledger: Ledger, pid: str, host: str, age: float, free: bool) -> None:
    """A dead process of this machine holds nothing; one of another machine is believed for half an hour."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    row = (process.pid if pid == "dead" else os.getppid(), platform.node() if host == "here" else "elsewhere")
    ledger._db.execute("INSERT INTO claims VALUES ('k', ?, ?, ?)", (*row, time.time() - age))
    assert asyncio.run(ledger.claim("k")) is free


def test_a_claim_lost_in_a_race_is_not_had(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the refusal and the look at its holder the claim may vanish: then it is asked for again."""
    ledger._db.execute("INSERT INTO claims VALUES ('k', 1, 'elsewhere', ?)", (time.time(),))
    real = ledger._rows

    def too_late(query: str, *values: Any) -> list[tuple[Any, ...]]:
        ledger._db.execute("DELETE FROM claims")
        return real(query, *values)

    monkeypatch.setattr(ledger, "_rows", too_late)
    assert asyncio.run(ledger.claim("k")) is False
    assert asyncio.run(ledger.claim("k")) is True


def test_processes_of_others_count_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that one may not signal exists."""

    def forbidden(pid: int, sign: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert module._alive(1)


# -- trouble -------------------------------------------------------------------------------------------------------------


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """Its schema is named, nothing is changed in it, and the file is let go of."""
    path = tmp_path / "l.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"this ledger \(schema 99\) was written by a newer evalh"):
        Ledger(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Another file under that name, a folder, or a place that takes no file."""
    (tmp_path / "text").write_text("This is no database, though it is long enough to be looked at as one." * 20)
    (tmp_path / "folder").mkdir()
    for name in ("text", "folder", "text/below"):
        with pytest.raises(StoreError, match="the ledger cannot be opened"):
            Ledger(tmp_path / name)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 1 MiB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_what_waits_is_kept(tmp_path: Path, small_disk: None) -> None:
    """Everybody who waits hears of it; once there is room again, the next try writes all of it."""
    ledger = Ledger(tmp_path / "l.sqlite3")

    async def go() -> list[Any]:
        asked = (ledger.commit(paid(k, b"x" * 600_000)) for k in ("1", "2"))
        return await asyncio.gather(*asked, return_exceptions=True)

    said = asyncio.run(go())
    assert [type(s) for s in said] == [StoreError, StoreError]
    assert "the ledger cannot be written" in str(said[0])
    assert ledger.get("1") is not None
    with pytest.raises(StoreError, match="free some space or choose another --ledger"):
        ledger.flush()
    with pytest.raises(StoreError):  # nobody waits for a note; the error comes with whatever is waited for next
        ledger.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    again = Ledger(tmp_path / "l.sqlite3")
    again._waiting = ledger._waiting
    again.close()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert stored(ledger.path) == ["1", "2"]


def test_a_note_that_fails_with_nobody_waiting_is_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is not lost: it is raised by the next flush."""

    def refuse() -> None:
        raise StoreError("full")

    async def go() -> None:
        ledger.account("1", "r", "answer", "a", None, None, None, None)
        await asyncio.sleep(0)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "flush", refuse)
        asyncio.run(go())
    ledger.flush()
    assert ledger.spent("r")[0].requests == 1


def test_a_row_that_cannot_be_written_leaves_nobody_waiting(ledger: Ledger) -> None:
    """A mistake of ours is raised where it is waited for, and holds no transaction open."""

    async def go() -> None:
        await asyncio.wait_for(ledger.commit(paid("k", request_id="half \ud800")), 5)

    with pytest.raises(UnicodeEncodeError):
        asyncio.run(go())
    assert not ledger._db.in_transaction
    ledger._waiting.clear()


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    """Reading from a file that was damaged is an error of the store, whichever figure is asked for."""
    ledger = Ledger(tmp_path / "l.sqlite3")
    ledger._db.execute("DROP TABLE responses")
    ledger._db.execute("DROP TABLE usage")
    for ask in (lambda: ledger.get("k"), lambda: ledger.spent("r"), lambda: ledger.served("r"), ledger.info):
        with pytest.raises(StoreError, match="the ledger cannot be read"):
            ask()
    ledger.close()


def test_opening_waits_for_another_process_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says "locked" at once to the second of two processes that set a new file up; for us it is worth a wait."""
    real, tries = Ledger._set_up, []

    def busy(self: Ledger) -> None:
        tries.append(1)
        if len(tries) < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        real(self)

    monkeypatch.setattr(Ledger, "_set_up", busy)
    Ledger(tmp_path / "l.sqlite3").close()
    assert len(tries) == 3
    tries.clear()
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    with pytest.raises(StoreError, match="database is locked"):
        Ledger(tmp_path / "l.sqlite3")


def test_keys_tell_apart_what_differs_and_nothing_else() -> None:
    """0 and 0.0 are one temperature; a fresh run, a sample and an attempt each have keys of their own."""
    ask = Request(({"role": "user", "content": "x"},), {"temperature": 0})
    key = request_key({"model": "m"}, ask)
    assert request_key({"model": "m"}, replace(ask, params={"temperature": 0.0})) == key
    others = [replace(ask, params={"temperature": 0.5}), replace(ask, sample=1), replace(ask, attempt=1)]
    keys = [request_key({"model": "m"}, other) for other in others]
    assert len({key, request_key({"model": "m"}, ask, "a1"), request_key({"model": "m"}, ask, "b2"), *keys}) == 6
