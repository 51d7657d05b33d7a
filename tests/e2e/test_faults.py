"""Faults of the server, met by the real command line: what can be mended is, and what can't be is a record, never a score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import evalh as library
from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
FEW = ("--limit", "5")


@pytest.fixture
def calm(fake_server: FakeServers, tmp_path: Path) -> bytes:
    """The judgments of an undisturbed run."""
    configure(fake_server(models=PLAYED))
    assert evalh(*COMMAND, *FEW, "--out", tmp_path / "calm", "--ledger", tmp_path / "calm.sqlite3").returncode == 0
    return (tmp_path / "calm" / "judgments.jsonl").read_bytes()


@pytest.mark.parametrize(
    "kind",
    [
        "429",
        "500",
        "502",
        "503",
        "reset",
        "close",
        "reset_body",
        "cut_body",
        "cut_json",
        "malformed",
        "empty_choices",
        "html",
        "error_200",
        "empty_body",
    ],
)
def test_a_fault_that_passes_leaves_no_trace(fake_server: FakeServers, calm: bytes, kind: str) -> None:
    """Every 25th try meets the fault; the run ends complete, with the same records, and one more request per fault."""
    server = fake_server(models=PLAYED, rules=[{"kind": kind, "every": 25, "retry_after_ms": 10}])
    configure(server)
    done = evalh(*COMMAND, *FEW, "--no-report", "-v")
    assert done.returncode == 0, done.stderr
    assert Path("results/core-80--gpt-4/judgments.jsonl").read_bytes() == calm
    stats = server.stats()
    assert stats["total"] == 30 + sum(stats["by_fault"].values())
    assert "; try 2 in" in done.stderr


def test_an_unreadable_verdict_is_asked_again_and_kept(fake_server: FakeServers) -> None:
    """The first reply to one judgment says nothing: it is a record, the second decides, and both were paid for."""
    server = fake_server(models=PLAYED, rules=[{"kind": "unreadable", "count": 1}])
    configure(server)
    assert evalh(*COMMAND, *FEW, "--no-report").returncode == 0
    run = library.load("core-80--gpt-4")
    first, second = [
        j
        for j in run.judgments
        if j.judgment_id.rpartition("-")[0] in {k.judgment_id[:-2] for k in run.judgments if k.attempt == 1}
    ]
    assert (first.status, first.attempt, second.status, second.attempt) == ("no_verdict", 0, "scored", 1)
    assert first.explanation
    assert server.stats()["total"] == 31
    assert len(run.frame) == 20


def test_a_judge_that_never_says_anything_scores_nobody(fake_server: FakeServers) -> None:
    """Every verdict unreadable: exit 3, every status named, no score invented."""
    server = fake_server(models={**PLAYED, "gpt-4": {"kind": "text", "text": "I would rather not say."}})
    configure(server)
    done = evalh(*COMMAND, *FEW, "--no-report")
    assert done.returncode == 3
    assert "20 no_verdict" in done.stderr
    board = library.load("core-80--gpt-4").leaderboard()
    assert board["mean_score"].isna().all()
    assert board["unscored"].tolist() == [15, 15]


def test_a_wrong_key_ends_the_run_at_once(fake_server: FakeServers) -> None:
    """401 on the first requests: exit 1, few requests sent, the message says what to do and shows no key."""
    server = fake_server(models=PLAYED, api_key="right", echo_key=True)
    configure(server, extra="")
    text = Path("evalh.toml").read_text().replace("base_url", 'api_key_env = "MY_KEY"\nbase_url')
    Path("evalh.toml").write_text(text)
    done = evalh(*COMMAND, "--concurrency", "4", env={"MY_KEY": "canary-7d1f"})
    assert done.returncode == 1
    assert "The key is missing, wrong" in done.stderr
    assert server.stats()["total"] <= 4
    assert "canary-7d1f" not in done.stderr + done.stdout
    for file in Path().rglob("*"):
        assert not file.is_file() or b"canary-7d1f" not in file.read_bytes(), file


def test_a_withdrawn_judge_names_the_option(fake_server: FakeServers) -> None:
    """A judge model that the server no longer knows: the message names --judge-model."""
    server = fake_server(models={k: v for k, v in PLAYED.items() if k != "gpt-4"}, strict=True)
    configure(server)
    done = evalh(*COMMAND, *FEW)
    assert done.returncode != 0
    assert "--judge-model" in done.stderr


def test_a_model_that_always_fails_is_a_record(fake_server: FakeServers) -> None:
    """One model answers 400 to everything: its answers are failures, its judgments have no answer, the rest is scored."""
    server = fake_server(models=PLAYED, rules=[{"kind": "400", "model": "tatsu*"}])
    configure(server)
    done = evalh(*COMMAND, *FEW, "--no-report")
    assert done.returncode == 3
    run = library.load("core-80--gpt-4")
    assert {a.failure.kind for a in run.answers if a.failure} == {"bad_request"}
    assert {j.status for j in run.judgments} == {"scored", "no_answer"}
    server.faults()
    assert evalh(*COMMAND, *FEW, "--no-report").returncode == 0
    assert {j.status for j in library.load("core-80--gpt-4").judgments} == {"scored"}


def test_reasoning_models_that_refuse_parameters_work(fake_server: FakeServers) -> None:
    """A model that rejects max_tokens and temperature is asked again without them, and its records say so."""
    server = fake_server(models={**PLAYED, "lmsys/vicuna-13b-v1.5": {"kind": "quality", "reasoning": True}})
    configure(server)
    done = evalh(*COMMAND, *FEW, "--no-report")
    assert done.returncode == 0, done.stderr
    flags = {f for a in library.load("core-80--gpt-4").answers if a.model == "vicuna" for f in a.flags}
    assert "dropped:temperature" in flags
