"""Storms of faults: everything finishes, nothing is lost, nothing is scored wrongly, and every extra request has its fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
SPRINKLE: list[dict[str, Any]] = [
    {"kind": "429", "share": 0.05, "retry_after": 1},
    {"kind": "500", "share": 0.02},
    {"kind": "reset", "share": 0.01},
    {"kind": "unreadable", "share": 0.01},
]
HARD: list[dict[str, Any]] = [
    {"kind": "429", "share": 0.10, "retry_after": 1},
    {"kind": "500", "share": 0.05},
    {"kind": "reset", "share": 0.03},
    {"kind": "cut_json", "share": 0.02},
    {"kind": "cut_body", "share": 0.02},
    {"kind": "drip", "share": 0.02, "seconds": 0.5},
    {"kind": "unreadable", "share": 0.03},
]
JOB = (*COMMAND, "--concurrency", "64", "--no-report")


@pytest.mark.parametrize("rules", [SPRINKLE, HARD], ids=["sprinkle", "hard"])
def test_a_storm_ends_complete(fake_server: FakeServers, tmp_path: Path, rules: list[dict[str, Any]]) -> None:
    """The verdicts are those of a calm run, and requests sent = units + injected faults, exactly."""
    server = fake_server(models=PLAYED, latency=0.02)
    configure(server)
    assert evalh(*JOB, "--out", tmp_path / "calm", "--ledger", tmp_path / "calm.sqlite3").returncode == 0
    calm = {(j.judgment_id[:-2]): (j.verdict, j.scores) for j in library.load(tmp_path / "calm").judgments}
    server.renew(models=PLAYED, latency=0.02, rules=rules, seed=3)
    done = evalh(*JOB)
    assert done.returncode == 0, done.stderr
    run = library.load("core-80--gpt-4")
    last = {j.judgment_id.rpartition("-")[0]: j for j in run.judgments}
    assert {unit: (j.verdict, j.scores) for unit, j in last.items()} == calm
    assert {j.status for j in last.values()} == {"scored"}
    stats = server.stats()
    faults = sum(n for kind, n in stats["by_fault"].items() if kind != "drip")
    assert faults > 20
    assert stats["total"] == 480 + faults
    assert sum(j.status == "no_verdict" for j in run.judgments) == stats["by_fault"]["unreadable"]
