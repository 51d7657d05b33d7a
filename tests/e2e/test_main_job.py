"""The main job over real HTTP: two models and a judge on a loopback server, and numbers that follow from what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import evalh as library
from evalh.core.questions import open_set
from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer, quality

FakeServers = Callable[..., FakeServer]


@pytest.fixture
def judged(fake_server: FakeServers) -> tuple[FakeServer, Path, str]:
    """One finished run, its server and what the command printed."""
    server = fake_server(models=PLAYED, strict=True)
    configure(server, price=True)
    done = evalh(*COMMAND)
    assert done.returncode == 0, done.stderr
    return server, Path("results/core-80--gpt-4"), done.stdout


def _tags() -> list[tuple[int, int]]:
    """The quality of (vicuna, alpaca) on each question, by the server's own rule."""
    texts = [q.turns[0] for q in open_set("core-80").questions]
    return [(quality("lmsys/vicuna-13b-v1.5", t), quality("tatsu-lab/alpaca-7b-wdiff", t)) for t in texts]


def test_every_request_is_sent_once(judged: tuple[FakeServer, Path, str]) -> None:
    """Answers, both modes and both orders are asked for exactly once each."""
    server, _, _ = judged
    stats = server.stats()
    assert stats["total"] == 80 * 2 + 80 * 2 + 80 * 2
    assert stats["bodies"]["repeated"] == {}


def test_the_figures_follow_from_the_replies(judged: tuple[FakeServer, Path, str]) -> None:
    """Every mean, win, tie, loss and relative score is the one that the server's tags imply."""
    _, folder, _ = judged
    tags = _tags()
    report = json.loads(evalh("report", folder, "--format", "json").stdout)
    rows = {m["model"]: m for m in report["models"]}
    wins, losses = sum(v > a for v, a in tags), sum(v < a for v, a in tags)
    assert rows["vicuna"]["mean_score"]["value"] == pytest.approx(sum(v for v, _ in tags) / 80, abs=1e-12)
    assert rows["alpaca"]["mean_score"]["value"] == pytest.approx(sum(a for _, a in tags) / 80, abs=1e-12)
    assert (rows["vicuna"]["wins"], rows["vicuna"]["ties"], rows["vicuna"]["losses"]) == (wins, 80 - wins - losses, losses)
    assert rows["vicuna"]["win_rate"]["value"] == pytest.approx((wins + (80 - wins - losses) / 2) / 80, abs=1e-12)
    other = next(m for m in rows if m != report["reference"])
    totals = {"vicuna": sum(v for v, _ in tags), "alpaca": sum(a for _, a in tags)}
    assert rows[other]["relative_score"]["value"] == pytest.approx(totals[other] / totals[report["reference"]], abs=1e-12)
    assert rows[other]["relative_score"]["low"] < rows[other]["relative_score"]["value"] < rows[other]["relative_score"]["high"]
    assert (rows["vicuna"]["scored"], rows["vicuna"]["unscored"]) == (80 + 160, 0)
    assert list(report["categories"]) == list(open_set("core-80").categories)


def test_the_cost_is_what_the_server_billed(judged: tuple[FakeServer, Path, str]) -> None:
    """Tokens and dollars in run.json are those of the server's own count."""
    server, folder, _ = judged
    cost = json.loads((folder / "run.json").read_text())["cost"]
    billed = server.stats()["tokens"]
    assert (cost["input_tokens"], cost["output_tokens"]) == (billed["prompt"], billed["completion"])
    assert cost["usd"] == pytest.approx((billed["prompt"] * 1.0 + billed["completion"] * 2.0) / 1e6)
    assert cost["requests"] == 480


def test_records_hold_nothing_of_when_or_how(judged: tuple[FakeServer, Path, str], tmp_path: Path) -> None:
    """Another concurrency and another ledger give the same bytes."""
    _, folder, _ = judged
    again = evalh(
        *COMMAND, "--concurrency", "3", "--out", tmp_path / "again", "--ledger", tmp_path / "other.sqlite3", "--no-report"
    )
    assert again.returncode == 0, again.stderr
    for name in ("answers.jsonl", "judgments.jsonl", "questions.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_second_time_sends_nothing(judged: tuple[FakeServer, Path, str]) -> None:
    """The same command again asks for nothing and prints the same leaderboard."""
    server, folder, printed = judged
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "run.json"}
    again = evalh(*COMMAND)
    assert again.returncode == 0
    assert server.stats()["total"] == 480
    assert again.stdout == printed
    assert {p: p.read_bytes() for p in before} == before


def test_another_folder_is_filled_from_the_ledger(judged: tuple[FakeServer, Path, str], tmp_path: Path) -> None:
    """A run that was lost is rebuilt from what was paid for, offline."""
    server, folder, _ = judged
    again = evalh(*COMMAND, "--out", tmp_path / "again", "--offline")
    assert again.returncode == 0, again.stderr
    assert server.stats()["total"] == 480
    assert (tmp_path / "again" / "judgments.jsonl").read_bytes() == (folder / "judgments.jsonl").read_bytes()


def test_offline_with_gaps_names_them(fake_server: FakeServers) -> None:
    """--offline with nothing in the ledger is exit 3 and sends nothing."""
    server = fake_server(models=PLAYED)
    configure(server)
    done = evalh(*COMMAND, "--offline", "--limit", "2")
    assert done.returncode == 3
    assert "not in the ledger" in done.stderr
    assert server.stats()["total"] == 0


def test_a_run_can_be_extended(judged: tuple[FakeServer, Path, str]) -> None:
    """A third model costs its own answers and judgments only."""
    server, folder, _ = judged
    with Path("evalh.toml").open("a") as f:
        f.write(
            f'[models.third]\nprovider = "openai"\nbase_url = "{server.base_url}"\n'
            'model = "lmsys/vicuna-13b-v1.5"\nrevision = "2"\n'
        )
    done = evalh("run", "--models", "vicuna,alpaca,third", "--judge", "gpt-4", "--no-report")
    assert done.returncode == 0, done.stderr
    run = library.load(folder)
    assert list(run.manifest["models"]) == ["vicuna", "alpaca", "third"]
    assert len(run.judgments) == 80 * 3 + 80 * 3 * 2


def test_another_content_is_refused(judged: tuple[FakeServer, Path, str]) -> None:
    """A changed parameter of a model in the run is exit 2, naming the difference and the ways out."""
    server, _, _ = judged
    text = Path("evalh.toml").read_text()
    Path("evalh.toml").write_text(text.replace('model = "tatsu', 'temperature = 0.1\nmodel = "tatsu'))
    done = evalh(*COMMAND)
    assert done.returncode == 2
    assert "model alpaca: params was {}, is {'temperature': 0.1}" in done.stderr
    assert "--fresh" in done.stderr
    assert "--out" in done.stderr
    assert server.stats()["total"] == 480


def test_fresh_sets_the_old_records_aside(judged: tuple[FakeServer, Path, str]) -> None:
    """--fresh keeps the old folder under another name."""
    _, folder, _ = judged
    old = (folder / "judgments.jsonl").read_bytes()
    done = evalh(*COMMAND, "--fresh", "--limit", "1", "--no-report")
    assert done.returncode == 0, done.stderr
    assert (folder.with_name(folder.name + ".old-1") / "judgments.jsonl").read_bytes() == old
    assert len(library.load(folder).questions) == 1


def test_a_second_judge_over_the_same_answers(judged: tuple[FakeServer, Path, str]) -> None:
    """`evalh judge RUN` adds a judge; answers stay, and the report shows the judges side by side."""
    server, folder, _ = judged
    answers = (folder / "answers.jsonl").read_bytes()
    done = evalh("judge", folder, "--judge", "second=gpt-4", "--judge-model", "scripted:judge")
    assert done.returncode == 0, done.stderr
    assert (folder / "answers.jsonl").read_bytes() == answers
    assert server.stats()["total"] == 480
    report = json.loads(evalh("report", folder, "--format", "json").stdout)
    assert list(report["by_judge"]) == ["gpt-4", "second"]
    assert report["models"] is None


def test_stages_alone_equal_the_run(fake_server: FakeServers) -> None:
    """`answer`, then `judge`, give what `run` gives."""
    server = fake_server(models=PLAYED)
    configure(server)
    assert evalh("answer", "--models", "vicuna,alpaca", "--out", "results/a", "--limit", "9").returncode == 0
    assert evalh("judge", "results/a", "--judge", "gpt-4").returncode == 0
    assert evalh(*COMMAND, "--limit", "9", "--out", "results/b").returncode == 0
    for name in ("answers.jsonl", "judgments.jsonl"):
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes()
    assert server.stats()["bodies"]["repeated"] == {}


def test_two_turns_and_references(fake_server: FakeServers) -> None:
    """Two-turn questions are asked turn by turn and judged at both turns, with references where there are any."""
    server = fake_server(models=PLAYED)
    configure(server)
    done = evalh(*COMMAND, "--questions", "two-turn-16")
    assert done.returncode == 0, done.stderr
    run = library.load("two-turn-16--gpt-4")
    assert {len(a.turns) for a in run.answers} == {2}
    assert {j.turn for j in run.judgments} == {1, 2}
    assert any(j.protocol.endswith("two-turn-reference") for j in run.judgments)
    assert all(j.status == "scored" for j in run.judgments)
    assert server.stats()["total"] == 16 * 2 * 2 + 16 * 2 * 2 + 16 * 2 * 2


def test_vicuna_2023_protocol(fake_server: FakeServers) -> None:
    """The original protocol asks once per pair, in the fixed order, and reads two scores."""
    server = fake_server(models=PLAYED)
    configure(server)
    done = evalh("run", "--models", "vicuna,alpaca", "--judge", "vicuna-2023", "--pairs", "baseline:alpaca", "--limit", "60")
    assert done.returncode == 0, done.stderr
    run = library.load("core-80--vicuna-2023")
    owner = {a.answer_id: a.model for a in run.answers}
    assert [owner[x] for x in run.judgments[0].answers] == ["alpaca", "vicuna"]
    assert len(run.judgments) == 60
    board = run.leaderboard()
    tags = _tags()[:60]
    ratio = sum(v for v, _ in tags) / sum(a for _, a in tags)
    reference = board["relative_score_low"].isna().idxmax()
    assert board.loc["vicuna" if reference == "alpaca" else "alpaca", "relative_score"] == pytest.approx(
        ratio if reference == "alpaca" else 1 / ratio
    )


def test_fresh_asks_again_and_keeps_the_old_replies(judged: tuple[FakeServer, Path, str]) -> None:
    """--fresh pays anew under new ledger entries; the run goes on from those, and the old ones still serve others."""
    server, _, _ = judged
    assert evalh(*COMMAND, "--fresh", "--limit", "2", "--no-report").returncode == 0
    assert server.stats()["total"] == 480 + 12
    assert evalh(*COMMAND, "--limit", "3", "--no-report").returncode == 0
    assert server.stats()["total"] == 480 + 18
    assert evalh(*COMMAND, "--out", "results/other", "--no-report").returncode == 0
    assert server.stats()["total"] == 480 + 18
