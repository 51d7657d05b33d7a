"""The JSON that scripts rely on, key by key: nothing is left out, only null. Keys may be added; none of these may go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.inside import evalh

REPORT = {"schema", "run", "models", "pairs", "categories", "by_judge", "judge_card", "cost", "reference"}
RUN = {"name", "judges", "models", "questions", "question_count", "started_at", "finished_at", "versions"}
MODEL = {"model", "rank", "mean_score", "relative_score", "win_rate", "rating", "turns"}
MODEL |= {"wins", "ties", "losses", "scored", "unscored"}
PAIR = {"model_a", "model_b", "wins_a", "ties", "wins_b", "total_a", "total_b", "win_rate_a", "p_value", "p_adjusted"}
PAIR |= {"scored", "unscored"}
COST = {"usd", "requests", "cached", "input_tokens", "output_tokens", "unpriced"}
N = {"value", "low", "high", "n", "standard_error"}


def _asked(*arguments: str | Path) -> Any:
    done = evalh(*arguments, "--format", "json")
    assert done.code == 0, done.err
    assert done.err == ""
    return json.loads(done.out)


def _check_models(models: list[dict[str, Any]]) -> None:
    for m in models:
        assert set(m) >= MODEL
        for figure in ("mean_score", "relative_score", "win_rate", "rating"):
            assert m[figure] is None or set(m[figure]) >= N
        assert all(set(n) >= N for n in m["turns"].values())


@pytest.mark.parametrize("mode", ["absolute", "pairwise", "both"])
def test_the_report(mode: str) -> None:
    """`evalh report --format json`: every key of the promise, whatever was judged, overall, by category and by judge."""
    models = ("--models", "one=scripted:words,two=scripted:words,three=scripted:words")
    judge = ("--judge", "gpt-4", "--judge-model", "scripted:judge")
    assert evalh("run", *models, *judge, "--limit", "12", "--mode", mode, "--quiet", "--no-report").code == 0
    report = _asked("report", "core-80--gpt-4")
    assert set(report) >= REPORT
    assert report["schema"] == 1
    assert set(report["run"]) >= RUN
    assert report["run"]["question_count"] == 12
    assert set(report["cost"]) >= COST
    assert (report["cost"]["usd"], report["cost"]["unpriced"]) == (None, ["judge", "one", "three", "two"])
    boards = [report, *report["categories"].values(), *report["by_judge"].values()]
    assert list(report["by_judge"]) == ["gpt-4"]
    assert set(report["by_judge"]["gpt-4"]) >= {"models", "pairs", "categories"}
    assert list(report["categories"]) == ["writing", "roleplay"]
    for board in boards:
        _check_models(board["models"])
        assert all(set(p) >= PAIR for p in board["pairs"])
    assert [m["rank"][0] for m in report["models"]] == sorted(m["rank"][0] for m in report["models"])
    names = [(p["model_a"], p["model_b"]) for p in report["pairs"]]
    assert names == sorted(names)
    assert (report["reference"] is None) == (mode == "pairwise")  # comparisons alone have no scores to relate


def test_the_report_file_is_the_same_object(finished: Path) -> None:
    """report/report.json and what is printed are one and the same."""
    printed = _asked("report", finished)
    assert evalh("report", finished).code == 0
    assert json.loads((finished / "report" / "report.json").read_text("utf-8")) == printed


def test_several_reports_are_several_lines(finished: Path) -> None:
    """One object a line for each run named."""
    done = evalh("report", finished, finished, "--format", "json")
    one, two = map(json.loads, done.out.splitlines())
    assert one == two


def test_runs(finished: Path) -> None:
    """`evalh runs`: one row per run with its models, judges, counts and state."""
    runs = _asked("runs")
    assert set(runs) >= {"schema", "runs"}
    row = runs["runs"][0]
    assert set(row) >= {
        *("name", "models", "judges", "questions", "answers", "judgments", "unscored"),
        *("usd", "started_at", "finished_at", "partial"),
    }
    assert (row["name"], row["models"], row["judges"]) == ("core-80--gpt-4", ["one", "two"], ["gpt-4"])
    assert (row["questions"], row["answers"], row["judgments"], row["unscored"]) == ("core-80", 6, 12, 0)
    assert row["usd"] is row["partial"] is None


def test_runs_as_text(finished: Path) -> None:
    """One line per run: name, models, judges, judgments, and whether it is finished or why not."""
    manifest = json.loads((finished / "run.json").read_text("utf-8"))
    line = f"{finished.name}: one, two; judged by gpt-4; 12 judgments, finished {manifest['finished_at']}\n"
    assert evalh("runs").out == line
    (finished / "run.json").write_text(json.dumps({**manifest, "finished_at": None, "partial": "interrupted"}), "utf-8")
    assert evalh("runs").out.endswith("12 judgments, unfinished (interrupted)\n")


@pytest.mark.parametrize("text", ['{"schema": 1}', "{oops", "[]", '{"schema": 99}'])
def test_a_broken_run_hides_no_other(finished: Path, text: str) -> None:
    """A run.json that cannot be used is named on standard error; the other runs are listed."""
    broken = Path("results/broken/run.json")
    broken.parent.mkdir()
    broken.write_text(text, "utf-8")
    done = evalh("runs", "--format", "json")
    assert done.code == 0
    assert str(broken) in done.err
    assert [r["name"] for r in json.loads(done.out)["runs"]] == [finished.name]
    for command in ("report", "show", "judge"):
        assert evalh(command, "broken").code in (1, 2)


def test_no_runs() -> None:
    """Where there are none, an empty list as JSON and a hint as text."""
    assert _asked("runs") == {"schema": 1, "runs": []}
    assert "begin one with: evalh run" in evalh("runs").out


def test_questions_list() -> None:
    """`evalh questions list`: both built-in sets with counts, categories, origin and hash."""
    found = _asked("questions", "list")
    assert set(found) >= {"schema", "questions"}
    sets = {s["name"]: s for s in found["questions"]}
    assert set(sets) == {"core-80", "planted", "two-turn-16"}
    for s in sets.values():
        assert {"name", "questions", "categories", "origin", "sha256", "title", "licence"} <= set(s)
        assert len(s["sha256"]) == 64
    assert (sets["core-80"]["questions"], len(sets["core-80"]["categories"])) == (80, 8)


def test_models_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """`evalh models list`: each with provider, address, origin, price and what is missing; those of evalh.toml come first."""
    Path("evalh.toml").write_text('[models.mine]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n', "utf-8")
    found = _asked("models", "list")
    assert set(found) >= {"schema", "models"}
    first = found["models"][0]
    assert first == {
        "name": "mine",
        "provider": "openai",
        "model": "m",
        "base_url": "http://127.0.0.1:9/v1",
        "origin": str(Path("evalh.toml").resolve()),
        "price": None,
        "missing": [],
    }
    rest = {m["name"]: m for m in found["models"][1:]}
    assert {"vicuna", "alpaca", "koala", "llama", "gpt-4", "gpt-3.5-turbo", "careful", "hasty"} <= set(rest)
    assert all(set(m) >= set(first) for m in rest.values())
    assert rest["vicuna"]["missing"]
    assert rest["careful"]["missing"] == []
    assert set(rest["gpt-4"]["price"]) == {"input", "output"}


def test_judges_list() -> None:
    """`evalh judges list`: the prompted ones and the one that computes, each with its modes and model."""
    found = _asked("judges", "list")
    assert set(found) >= {"schema", "judges"}
    judges = {j["name"]: j for j in found["judges"]}
    assert {"gpt-4", "vicuna-2023", "baseline"} <= set(judges)
    assert all(set(j) >= {"name", "title", "model", "modes", "origin"} for j in judges.values())
    assert judges["gpt-4"]["modes"] == ["absolute", "pairwise"]
    assert judges["vicuna-2023"]["modes"] == ["two-score"]
    assert judges["baseline"]["model"] is None
