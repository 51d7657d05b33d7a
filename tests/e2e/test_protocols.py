"""Judge folders over real HTTP: what each protocol sends, and the figures that follow by hand from what was said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalh.core.questions import open_set
from support.inside import evalh
from support.job import PLAYED, configure
from support.server import FakeServer, quality

FakeServers = Callable[..., FakeServer]
QUESTIONS = 12
SAID = 0.7 / (0.7 + 0.15)
"""The preference for the token that the loopback judge says; see `completion.log_probabilities`."""


def run(fake_server: FakeServers, judge: str, *options: str, judging: Any = "judge") -> Path:
    """Judge the first questions of the set in pairs, with the judge's model played by a loopback server."""
    server = fake_server(models={**PLAYED, "gpt-4": judging}, strict=True)
    configure(server)
    done = evalh(
        *("run", "--models", "vicuna,alpaca", "--judge", judge, "--judge-model", "gpt-4", "--limit", str(QUESTIONS)),
        *("--no-report", "--out", "out", *options),
    )
    assert done.code == 0, done.err
    return Path("out")


def judgments(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "judgments.jsonl").read_text("utf-8").splitlines()]


def tags() -> list[tuple[int, int]]:
    """The quality of (alpaca, vicuna) on each question, by the server's own rule."""
    texts = [q.turns[0] for q in open_set("core-80").questions][:QUESTIONS]
    return [(quality("tatsu-lab/alpaca-7b-wdiff", t), quality("lmsys/vicuna-13b-v1.5", t)) for t in texts]


def win_rates(folder: Path) -> dict[str, float]:
    report = json.loads(evalh("report", folder, "--format", "json").out)
    return {m["model"]: m["win_rate"]["value"] for m in report["models"]}


def test_a_preference_run_gives_the_win_rate_worked_by_hand(fake_server: FakeServers) -> None:
    """Each comparison counts with the mean of its two orders: 14/17 for the better answer, a half where the tags are equal."""
    folder = run(fake_server, "alpaca-eval-2")
    records = judgments(folder)
    assert len(records) == 2 * QUESTIONS
    assert {r["status"] for r in records} == {"scored"}
    assert all(r["preference"] == pytest.approx(SAID) or r["preference"] == pytest.approx(1 - SAID) for r in records)
    by_hand = sum(SAID if a > v else 1 - SAID if v > a else 0.5 for a, v in tags()) / QUESTIONS
    rates = win_rates(folder)
    assert rates["alpaca"] == pytest.approx(by_hand, abs=1e-12)
    assert rates["alpaca"] + rates["vicuna"] == pytest.approx(1.0)


def test_both_orders_cancel_a_liking_for_the_first(fake_server: FakeServers) -> None:
    """A judge that always names the first answer gives 14/17 in each order and a half together."""
    folder = run(fake_server, "alpaca-eval-2", judging={"kind": "judge", "first_bonus": 100})
    assert all(r["preference"] == pytest.approx(SAID) for r in judgments(folder))
    assert win_rates(folder)["alpaca"] == pytest.approx(0.5, abs=1e-12)


def test_a_server_without_log_probabilities_is_named_in_every_record(fake_server: FakeServers) -> None:
    """The token in the text then counts in full, with the flag that says so."""
    folder = run(fake_server, "alpaca-eval-2", judging={"kind": "judge", "logprobs": False})
    records = judgments(folder)
    assert {r["preference"] for r in records} <= {0.0, 1.0}
    assert all("no_logprobs" in r["flags"] for r in records)
    by_hand = sum(1 if a > v else 0 if v > a else 0.5 for a, v in tags()) / QUESTIONS
    assert win_rates(folder)["alpaca"] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("tools", [True, False])
def test_a_ranking_comes_as_a_tool_call_or_as_text(fake_server: FakeServers, tools: bool) -> None:
    """The forced call is sent as the folder says; its arguments are read like the text of a server without tools."""
    folder = run(fake_server, "alpaca-eval-1-fn", judging={"kind": "judge", "tools": tools})
    records = judgments(folder)
    assert {r["status"] for r in records} == {"scored"}
    assert all(("tool_call" in r["flags"]) == tools for r in records)
    by_hand = sum(1 if a > v else 0 if v > a else 0.5 for a, v in tags()) / QUESTIONS
    assert win_rates(folder)["alpaca"] == pytest.approx(by_hand, abs=1e-12)
    assert len(records) == 2 * QUESTIONS


PAIRWISE = [
    # folder, whether equal tags are a tie in each reply
    ("arena-hard", True),
    ("alpaca-eval-1", False),
    ("alpaca-eval-2-cot", False),
    ("llmbar", False),
    ("llmbar-cot", False),
    ("prometheus-2", False),
    ("pandalm", True),
    ("auto-j", True),
]


@pytest.mark.parametrize(("judge", "ties"), PAIRWISE)
def test_every_pairwise_protocol_gives_the_verdicts_that_were_said(fake_server: FakeServers, judge: str, ties: bool) -> None:
    """From the prompt through the reply and its reader to the record: whose answer is better, and never another one."""
    folder = run(fake_server, judge, "--mode", "pairwise")
    answers = {}
    for line in (folder / "answers.jsonl").read_text("utf-8").splitlines():
        answer = json.loads(line)
        answers[answer["answer_id"]] = float(answer["turns"][0].split("quality=")[1].split(".")[0])
    records = judgments(folder)
    assert len(records) == 2 * QUESTIONS
    for record in records:
        first, second = (answers[a] for a in record["answers"])
        assert record["status"] == "scored", record
        said = record["verdict"] or ("A" if record["preference"] > 0.5 else "B")
        assert said == ("A" if first > second or (first == second and not ties) else "B" if second > first else "tie")


def test_judgelm_and_the_absolute_forms_give_the_scores_that_were_said(fake_server: FakeServers) -> None:
    """Two scores on a line, a rating in brackets, and one behind [RESULT]."""
    folder = run(fake_server, "judgelm")
    for record in judgments(folder):
        first, second = record["scores"]["overall"]
        assert record["verdict"] == ("A" if first > second else "B" if second > first else "tie")
    for judge, low, high in (("auto-j", 1, 10), ("prometheus-2", 1, 5)):
        done = evalh("judge", folder, "--judge", judge, "--judge-model", "gpt-4", "--mode", "absolute", "--no-report")
        assert done.code == 0, done.err
        rated = [r for r in judgments(folder) if r["judge"] == judge]
        assert len(rated) == 2 * QUESTIONS
        assert all(r["status"] == "scored" and low <= r["scores"]["overall"][0] <= high for r in rated)
