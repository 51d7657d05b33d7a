"""Disks that fill up: a clear error, everything received kept, and the same command goes on when there is room again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
FEW = ("--limit", "20", "--no-report", "--concurrency", "8")


def test_the_run_folder_is_full(fake_server: FakeServers, small_disk: Callable[[int], Path]) -> None:
    """Records cannot be written: exit 1 names the file and the remedy; with more room nothing is paid for twice."""
    server = fake_server(models=PLAYED)
    configure(server)
    assert evalh(*COMMAND, *FEW, "--out", "results/calm", "--ledger", "calm.sqlite3").returncode == 0
    server.reset()
    out = small_disk(60) / "run"
    done = evalh(*COMMAND, *FEW, "--out", out)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    small_disk(2000)
    done = evalh(*COMMAND, *FEW, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "judgments.jsonl").read_bytes() == Path("results/calm/judgments.jsonl").read_bytes()
    assert server.stats()["bodies"]["repeated"] == {}


def test_the_ledger_is_full(fake_server: FakeServers, small_disk: Callable[[int], Path]) -> None:
    """The ledger cannot be written: the run stops, says so, and later pays again only for what was in flight."""
    server = fake_server(models=PLAYED)
    configure(server)
    ledger = small_disk(160) / "ledger.sqlite3"
    done = evalh(*COMMAND, *FEW, "--ledger", ledger)
    assert done.returncode == 1
    assert "the ledger cannot be" in done.stderr
    assert "Traceback" not in done.stderr
    small_disk(4000)
    done = evalh(*COMMAND, *FEW, "--ledger", ledger)
    assert done.returncode == 0, done.stderr
    assert sum(n - 1 for n in server.stats()["bodies"]["repeated"].values()) <= 8


def test_a_folder_that_cannot_be_made(fake_server: FakeServers) -> None:
    """A file stands where the folder should be: one message, nothing sent."""
    server = fake_server(models=PLAYED)
    configure(server)
    Path("results").write_text("in the way")
    done = evalh(*COMMAND, *FEW)
    assert done.returncode == 1
    assert "results" in done.stderr
    assert "Traceback" not in done.stderr
    assert server.stats()["total"] == 0
