"""Whatever dies, the same command again ends in the same leaderboard, and nothing is paid for twice but what was in flight."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import evalh, started
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
NAMES = ("answers.jsonl", "judgments.jsonl", "report/leaderboard.csv")
QUICK = ("--limit", "20", "--concurrency", "8")


def _figures(folder: Path) -> dict[str, object]:
    report = json.loads(evalh("report", folder, "--format", "json").stdout)
    return {key: report[key] for key in ("models", "pairs", "categories")}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_minus_nine_and_again(fake_server: FakeServers, seed: int) -> None:
    """Three kills at random moments, then completion: the same bytes, and only requests in flight were paid twice."""
    server = fake_server(models=PLAYED, latency=0.02)
    configure(server)
    assert evalh(*COMMAND, *QUICK, "--out", "results/calm", "--ledger", "calm.sqlite3").returncode == 0
    server.reset()
    moments = random.Random(seed)
    for _ in range(3):
        process = started(*COMMAND, *QUICK, "--out", "results/killed")
        time.sleep(0.4 + moments.random() * 0.6)
        process.kill()
        process.communicate()
    done = evalh(*COMMAND, *QUICK, "--out", "results/killed")
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        assert Path("results/killed", name).read_bytes() == Path("results/calm", name).read_bytes(), name
    twice = sum(count - 1 for count in server.stats()["bodies"]["repeated"].values())
    assert twice <= 3 * 8


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_keeps_what_was_received(fake_server: FakeServers) -> None:
    """Ctrl-C once waits for what is in flight, says how to go on, and exits with 130; nothing is paid twice."""
    server = fake_server(models=PLAYED, latency=0.1)
    configure(server)
    process = started(*COMMAND, *QUICK)
    while server.stats()["total"] < 20:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Run the same command again" in said
    manifest = json.loads(Path("results/core-80--gpt-4/run.json").read_text())
    assert manifest["partial"] == "interrupted"
    assert evalh(*COMMAND, *QUICK).returncode == 0
    assert server.stats()["bodies"]["repeated"] == {}
    assert json.loads(Path("results/core-80--gpt-4/run.json").read_text())["partial"] is None


def test_a_torn_last_line_is_done_again(fake_server: FakeServers) -> None:
    """A record cut in half is reported, cut off, and taken from the ledger again."""
    server = fake_server(models=PLAYED)
    configure(server)
    assert evalh(*COMMAND, *QUICK).returncode == 0
    folder = Path("results/core-80--gpt-4")
    whole = (folder / "judgments.jsonl").read_bytes()
    (folder / "judgments.jsonl").write_bytes(whole[:-40])
    done = evalh(*COMMAND, *QUICK)
    assert done.returncode == 0
    assert "the last line was torn" in done.stderr
    assert (folder / "judgments.jsonl").read_bytes() == whole
    assert server.stats()["bodies"]["repeated"] == {}


def test_a_second_process_is_told_who_holds_the_run(fake_server: FakeServers) -> None:
    """Two processes on one run folder: the second names the first and leaves everything alone."""
    server = fake_server(models=PLAYED, latency=0.2)
    configure(server)
    first = started(*COMMAND, *QUICK)
    while server.stats()["total"] < 5:
        time.sleep(0.02)
    second = evalh(*COMMAND, *QUICK)
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert server.stats()["bodies"]["repeated"] == {}


@pytest.mark.slow
def test_fifty_kills(fake_server: FakeServers, tmp_path: Path) -> None:
    """Fifty kills at random moments over as many runs as it takes: every run ends in the calm run's bytes and figures."""
    server = fake_server(models=PLAYED, latency=0.02)
    configure(server)
    began = time.monotonic()
    assert evalh(*COMMAND, *QUICK, "--out", "results/calm", "--ledger", "calm.sqlite3").returncode == 0
    calm = time.monotonic() - began  # kills come at shares of this, so that a busy machine is killed later too
    figures = _figures(Path("results/calm"))
    moments, kills, rounds = random.Random(7), 0, 0
    while kills < 50:
        rounds += 1
        server.reset()
        own = ("--out", f"results/{rounds}", "--ledger", f"{rounds}.sqlite3")
        in_this_run = 0
        while True:
            process = started(*COMMAND, *QUICK, *own)
            try:
                process.communicate(timeout=(0.3 + moments.random() * 0.8) * calm)
                assert process.returncode == 0
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                in_this_run += 1
        kills += in_this_run
        for name in NAMES:
            assert Path(f"results/{rounds}", name).read_bytes() == Path("results/calm", name).read_bytes(), name
        assert _figures(Path(f"results/{rounds}")) == figures
        assert sum(n - 1 for n in server.stats()["bodies"]["repeated"].values()) <= in_this_run * 8
