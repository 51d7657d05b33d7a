"""`evalh run --until-separated` over HTTP: it stops early, goes on after anything to the same bytes, and asks nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.command import evalh, started
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
MODELS = 5
NAMES = ("answers.jsonl", "judgments.jsonl", "report/leaderboard.csv")
COMMAND = ("run", "--models", ",".join(f"m{i}" for i in range(MODELS)), "--judge", "gpt-4", "--limit", "40")
SEPARATED = (*COMMAND, "--until-separated", "--concurrency", "8")
ALL = MODELS * (MODELS - 1) // 2 * 40


def _server(fake_server: FakeServers, latency: float = 0.0, bias: float = 0.0, price: str = "") -> FakeServer:
    """Models each a little better than the one before, and a judge that sees it; their addresses in evalh.toml."""
    played: dict[str, Any] = {f"m{i}": {"kind": "quality", "low": 1 + 2 * i, "high": 6 + 2 * i} for i in range(MODELS)}
    server = fake_server(models={**played, "gpt-4": {"kind": "judge", "first_bonus": bias}}, latency=latency)
    lines = []
    for name in (*played, "gpt-4"):
        lines += [f'[models."{name}"]', 'provider = "openai"', f'base_url = "{server.base_url}"', f'model = "{name}"', price]
    Path("evalh.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return server


def _manifest(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "run.json").read_text())
    return found


def _stopping(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(evalh("report", folder, "--format", "json").stdout)["stopping"]
    return found


def test_it_stops_early_and_says_so(fake_server: FakeServers) -> None:
    """Neighbours are separated with a part of the calls; the order is the true one; the same command again sends nothing."""
    server = _server(fake_server)
    done = evalh(*SEPARATED)
    assert done.returncode == 0, done.stderr
    asked = server.stats()["by_model"]["gpt-4"]
    assert asked < 0.5 * 2 * ALL
    found = _stopping("results/core-80--gpt-4")
    assert (2 * found["asked"], found["comparisons"], found["ended"], found["adaptive"]) == (asked, ALL, True, True)
    assert found["order"] == [f"m{i}" for i in reversed(range(MODELS))]
    assert found["neighbours"]["separated"] == MODELS - 1
    assert f"{found['asked']} of {ALL} comparisons were asked" in " ".join(done.stdout.split())
    before = _manifest("results/core-80--gpt-4")
    again = evalh(*SEPARATED)
    assert again.returncode == 0
    assert "to send" not in again.stderr
    assert server.stats()["by_model"]["gpt-4"] == asked
    assert _manifest("results/core-80--gpt-4") == before


def test_killed_and_gone_on_to_the_same_bytes(fake_server: FakeServers) -> None:
    """Kills at random moments, other concurrency, then completion: the bytes of a calm run, and hardly anything paid twice."""
    server = _server(fake_server, latency=0.01, bias=1.0)
    assert evalh(*SEPARATED, "--out", "results/calm", "--ledger", "calm.sqlite3").returncode == 0
    server.reset()
    moments = random.Random(1)
    for _ in range(3):
        process = started(*SEPARATED, "--out", "results/killed")
        time.sleep(0.6 + moments.random() * 0.8)
        process.kill()
        process.communicate()
    done = evalh(*SEPARATED[:-1], "3", "--out", "results/killed")
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        assert Path("results/killed", name).read_bytes() == Path("results/calm", name).read_bytes(), name
    assert _manifest("results/killed")["separation"] == _manifest("results/calm")["separation"]
    assert sum(n - 1 for n in server.stats()["bodies"]["repeated"].values()) <= 3 * 8


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_leaves_a_valid_part(fake_server: FakeServers) -> None:
    """Interrupted in a round, the folder tells how far it is; the same command goes on, and asks nothing twice."""
    server = _server(fake_server, latency=0.03)
    process = started(*SEPARATED)
    while server.stats()["by_model"].get("gpt-4", 0) < 60:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    part = _stopping("results/core-80--gpt-4")
    assert (part["ended"], 0 < part["asked"] < ALL) == (False, True)
    for pair in part["pairs"]:
        assert 0 <= pair["of_run"]["low"] <= pair["of_run"]["high"] <= 1
    assert evalh(*SEPARATED).returncode == 0
    assert server.stats()["bodies"]["repeated"] == {}
    assert _stopping("results/core-80--gpt-4")["ended"]


def test_a_budget_ends_it(fake_server: FakeServers) -> None:
    """Out of budget is exit 4 with what came; a larger one goes on to the end."""
    _server(fake_server, price="price = { input = 10.0, output = 30.0 }\nmax_tokens = 200")
    short = evalh(*SEPARATED, "--budget", "1.2")
    assert short.returncode == 4, short.stderr
    part = _stopping("results/core-80--gpt-4")
    assert not part["ended"]
    assert evalh(*SEPARATED, "--budget", "500").returncode == 0
    assert _stopping("results/core-80--gpt-4")["ended"]


def test_the_rest_can_be_asked_after_all(fake_server: FakeServers) -> None:
    """Without the option the same command asks what was left, nothing of the rest twice, and figures are those of any run."""
    server = _server(fake_server)
    assert evalh(*SEPARATED).returncode == 0
    assert evalh(*COMMAND, "--mode", "pairwise").returncode == 0
    assert server.stats()["bodies"]["repeated"] == {}
    assert server.stats()["by_model"]["gpt-4"] == 2 * ALL
    report = json.loads(evalh("report", "results/core-80--gpt-4", "--format", "json").stdout)
    assert report["stopping"] is None
    assert all(m["rating"]["low"] is not None for m in report["models"] if m["rating"])
    assert all(p["p_value"] is not None for p in report["pairs"])
