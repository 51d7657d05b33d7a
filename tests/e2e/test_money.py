"""Money: what may be spent, what was spent, and nothing twice even with two processes at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import evalh, started
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
FEW = ("--limit", "10")


def _billed(server: FakeServer) -> float:
    """Dollars by the server's own count, at the prices that `configure` writes."""
    tokens = server.stats()["tokens"]
    return float(tokens["prompt"] * 1.0 + tokens["completion"] * 2.0) / 1e6


@pytest.mark.parametrize("cap", ["0.001", "0.005", "0.01"])
@pytest.mark.parametrize(
    "rules", [[], [{"kind": "500", "share": 0.1}, {"kind": "cut_json", "share": 0.1}]], ids=["calm", "faulty"]
)
def test_the_server_never_bills_more_than_the_budget(
    fake_server: FakeServers, cap: str, rules: list[dict[str, object]]
) -> None:
    """The server's own count stays within --budget, the run ends with exit 4, and a valid partial report says why."""
    server = fake_server(models=PLAYED, rules=rules)
    configure(server, price=True)
    done = evalh(*COMMAND, *FEW, "--budget", cap)
    assert done.returncode == 4, done.stderr
    assert _billed(server) <= float(cap)
    assert "Raise the budget" in done.stderr
    manifest = json.loads(Path("results/core-80--gpt-4/run.json").read_text())
    assert "--budget" in manifest["partial"]


def test_a_budget_counts_all_sessions_of_a_run(fake_server: FakeServers) -> None:
    """Asking again with the same budget spends nothing more; with a larger one the run is completed, nothing paid twice."""
    server = fake_server(models=PLAYED)
    configure(server, price=True)
    assert evalh(*COMMAND, *FEW, "--budget", "0.02").returncode == 4
    billed = _billed(server)
    assert billed > 0
    assert evalh(*COMMAND, *FEW, "--budget", "0.02").returncode == 4
    assert _billed(server) <= 0.02
    done = evalh(*COMMAND, *FEW, "--budget", "5")
    assert done.returncode == 0, done.stderr
    assert server.stats()["bodies"]["repeated"] == {}
    assert json.loads(Path("results/core-80--gpt-4/run.json").read_text())["cost"]["usd"] == pytest.approx(_billed(server))


def test_a_budget_needs_prices(fake_server: FakeServers) -> None:
    """--budget with a model whose price nobody knows is exit 2, naming each, and sends nothing."""
    server = fake_server(models=PLAYED)
    configure(server)
    done = evalh(*COMMAND, *FEW, "--budget", "5")
    assert done.returncode == 2
    assert "model vicuna has no price" in done.stderr
    assert "judge gpt-4's model gpt-4 has no price" in done.stderr
    assert server.stats()["total"] == 0


def test_two_processes_pay_once(fake_server: FakeServers) -> None:
    """Two runs that need the same replies at the same time share one ledger and pay for each reply once."""
    server = fake_server(models=PLAYED, latency=0.05)
    configure(server)
    both = [started(*COMMAND, *FEW, "--no-report", "--out", f"results/{name}") for name in ("a", "b")]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert server.stats()["bodies"]["repeated"] == {}
    assert Path("results/a/judgments.jsonl").read_bytes() == Path("results/b/judgments.jsonl").read_bytes()


def test_another_served_model_stops_the_run(fake_server: FakeServers) -> None:
    """A server that answers as another model in mid-run stops it; both names and both ways out are in the message."""
    judge = {"kind": "judge", "served": "gpt-4-0314", "served_later": "gpt-4-0613", "later_after": 8}
    server = fake_server(models={**PLAYED, "gpt-4": judge})
    configure(server)
    done = evalh(*COMMAND, *FEW, "--concurrency", "2")
    assert done.returncode == 1
    assert "'gpt-4-0613'" in done.stderr
    assert "'gpt-4-0314'" in done.stderr
    assert "--accept-model-change" in done.stderr
    done = evalh(*COMMAND, *FEW, "--concurrency", "2", "--accept-model-change")
    assert done.returncode == 0, done.stderr
    served = json.loads(Path("results/core-80--gpt-4/run.json").read_text())["served"]["gpt-4"]
    assert [name for name, _ in served] == ["gpt-4-0314", "gpt-4-0613"]
    assert server.stats()["bodies"]["repeated"] == {}


def test_unpriced_is_never_free(fake_server: FakeServers) -> None:
    """Models without a price are counted in tokens and named."""
    configure(fake_server(models=PLAYED))
    assert evalh(*COMMAND, *FEW).returncode == 0
    cost = json.loads(evalh("report", "core-80--gpt-4", "--format", "json").stdout)["cost"]
    assert cost["usd"] is None
    assert cost["unpriced"] == ["alpaca", "gpt-4", "vicuna"]
    assert cost["input_tokens"] > 0
