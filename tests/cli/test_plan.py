"""`evalh plan`: what a run would take, counted before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from support.command import evalh
from support.inside import SMALL
from support.inside import evalh as inside
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
OPTIONS = (*COMMAND[1:], "--limit", "10")


def _stages(*more: str) -> dict[str, dict[str, Any]]:
    done = evalh("plan", *OPTIONS, *more, "--format", "json")
    assert done.returncode == 0, done.stderr
    return {s["model"]: s for s in json.loads(done.stdout)["stages"]}


def test_nothing_is_sent_and_everything_counted(fake_server: FakeServers) -> None:
    """Requests by stage and model are those that the run then sends; the plan itself sends none."""
    server = fake_server(models=PLAYED)
    configure(server, price=True)
    stages = _stages()
    assert {m: s["to_send"] for m, s in stages.items()} == {"vicuna": 10, "alpaca": 10, "gpt-4": 40}
    assert server.stats()["total"] == 0
    assert evalh("run", *OPTIONS, "--no-report").returncode == 0
    assert server.stats()["by_model"] == {"lmsys/vicuna-13b-v1.5": 10, "tatsu-lab/alpaca-7b-wdiff": 10, "gpt-4": 40}


def test_the_truth_lies_in_the_range(fake_server: FakeServers) -> None:
    """What the server bills lies between the low and the high estimate."""
    server = fake_server(models={**PLAYED, "gpt-4": {"kind": "judge", "words": 200}})
    configure(server, price=True)
    stages = _stages()
    assert evalh("run", *OPTIONS, "--no-report").returncode == 0
    billed = server.stats()["tokens"]
    low, high = (sum(s["input_tokens"][k] for s in stages.values()) for k in ("low", "high"))
    assert low <= billed["prompt"] <= high


def test_what_is_done_or_stored_is_not_counted_again(fake_server: FakeServers) -> None:
    """After the run nothing is left; another folder finds everything in the ledger; another model costs its own requests."""
    server = fake_server(models=PLAYED)
    configure(server, price=True)
    assert evalh("run", *OPTIONS, "--no-report").returncode == 0
    assert {(s["done"], s["to_send"]) for s in _stages().values()} == {(10, 0), (40, 0)}
    assert {(s["cached"], s["to_send"]) for s in _stages("--out", "results/other").values()} == {(10, 0), (40, 0)}
    stages = _stages("--models", "third=scripted:words", "--out", "results/other")
    assert stages["third"]["to_send"] == 10
    assert (stages["gpt-4"]["cached"], stages["gpt-4"]["to_send"]) == (40, 10 + 2 * 20)


def test_no_key_is_needed() -> None:
    """A plan for models that cannot be reached yet says what is missing and still counts."""
    done = evalh("plan", "--models", "vicuna,alpaca", "--judge", "gpt-4", "--limit", "1")
    assert done.returncode == 0
    assert "missing: model vicuna" in done.stdout
    assert "no price known for alpaca, vicuna" in done.stdout


def test_limits_give_a_time(fake_server: FakeServers) -> None:
    """Requests a minute bound the time from below; without a limit and without a reply seen, the time is unknown."""
    server = fake_server(models=PLAYED)
    configure(server)
    assert _stages()["gpt-4"]["seconds"] is None
    configure(server, extra=f'[limits."{server.base_url}"]\nrequests_per_minute = 60')
    assert _stages()["gpt-4"]["seconds"] == {"low": 40.0, "value": 40.0, "high": 40.0}


def test_a_judge_that_computes_costs_nothing() -> None:
    """The embedded default asks nobody."""
    done = evalh("plan")
    assert done.returncode == 0
    assert "no request, no cost" in done.stdout


def test_scripted_models_within_the_process() -> None:
    """The table names every stage, what is done and what waits in the ledger; a fresh run finds nothing done."""
    small = SMALL[1:-1]
    before = inside("plan", *small)
    assert (before.code, before.err) == (0, "")
    assert "to send: 18 requests" in before.out
    assert inside(*SMALL).code == 0
    assert "to send: 0 requests" in inside("plan", *small).out
    shown = inside("plan", *small, "--out", "results/other", "--format", "json")
    assert [s["cached"] for s in json.loads(shown.out)["stages"]] == [3, 3, 12]
    assert "to send: 18 requests" in inside("plan", *small, "--fresh").out


def test_a_batch_costs_its_share(fake_server: FakeServers) -> None:
    """With --batch the dollars are those of the batch price."""
    configure(fake_server(models=PLAYED), price=True)
    live, batch = (_stages(*more)["gpt-4"]["usd"]["value"] for more in ((), ("--batch",)))
    assert batch == live / 2


def test_what_a_design_can_find() -> None:
    """--detect says how many questions find the gap, for comparisons and scores, in words and in numbers."""
    shown = inside("plan", *SMALL[1:-1], "--detect", "0.2")
    assert (shown.code, shown.err) == (0, "")
    assert "a gap of 0.2 between win rates (60.0 % against 40.0 %, ties as half): found in 80 % of runs" in shown.out
    assert "GPT-4 on MT-bench" in shown.out
    detect = json.loads(inside("plan", *SMALL[1:-1], "--detect", "0.2", "--format", "json").out)["detect"]
    assert (detect["power"], detect["alpha"], detect["variances_from"]) == (0.8, 0.05, None)
    for figure in detect["figures"]:
        planned = [d for d in figure["designs"] if d["planned"]]
        assert len(planned) == 1
        assert f"{planned[0]['questions']:,}" in shown.out
    assert json.loads(inside("plan", *SMALL[1:-1], "--format", "json").out)["detect"] is None


def test_variances_of_an_earlier_run() -> None:
    """--from-run takes the variances from a run of the same judge, and names it; a run without the judge is refused."""
    questions = ("--limit", "12", "--yes")
    assert inside("run", *questions, "--out", "results/earlier", "--no-report").code == 0
    asked = ("plan", *questions, "--detect", "0.1", "--mode", "absolute", "--from-run", "earlier")
    detect = json.loads(inside(*asked, "--format", "json").out)["detect"]
    assert detect["variances_from"] == "earlier"
    (figure,) = detect["figures"]
    assert figure["figure"] == "mean_score"
    assert figure["variances"]["n"] == 12
    assert "Variances of earlier, 12 questions" in inside(*asked).out
    refused = inside(*asked, "--judge", "other=baseline")
    assert (refused.code, "other" in refused.err) == (2, True)


def test_detect_refuses_what_it_cannot_plan() -> None:
    """A run without a gap, or a gap that the plan has nothing to find with, is exit 2."""
    assert inside("plan", "--from-run", "earlier").code == 2
    alone = inside("plan", "--models", "careful", "--detect", "0.1")
    assert (alone.code, "--detect 0.1" in alone.err) == (2, True)
