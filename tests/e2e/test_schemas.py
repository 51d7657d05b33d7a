"""Every file that evalh writes, and every JSON that it prints, is what its schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from importers.test_formats import CORE, arena_hard_folder, fastchat_folder, game, put
from support.inside import FOLDER, JUDGE, MODELS, SMALL, evalh
from support.schema import check, check_folder
from support.shared_data import shared

ROOT = Path(__file__).resolve().parents[2]
RECORDS = {"run.json", "questions.jsonl", "answers.jsonl", "judgments.jsonl"}
ALL = RECORDS | {"report/report.json"}


def _printed(*arguments: str | Path) -> Any:
    done = evalh(*arguments)
    assert done.code in (0, 1), done.err
    return json.loads(done.out)


def test_the_reference_run() -> None:
    """The run that is checked in, votes and report included."""
    assert check_folder(ROOT / "results" / "reference") == ALL | {"votes.jsonl"}


def test_the_demonstration() -> None:
    """What `evalh run` makes without a word."""
    assert evalh("run", "--quiet").code == 0
    assert check_folder(Path("results/core-80--baseline"), most=40) == ALL | {"votes.jsonl"}


@pytest.mark.parametrize("judge", ["gpt-4", "vicuna-2023", "ultrafeedback", "nectar", "checklist", "alpaca-eval-2"])
def test_runs_of_every_kind_of_judge(judge: str) -> None:
    """Scores, comparisons, two scores, aspects, rankings, checklists, weights; unreadable replies too."""
    models = ("--models", "one=scripted:words,two=scripted:words,three=scripted:words")
    done = evalh("run", *models, "--judge", judge, "--judge-model", "scripted:judge", "--limit", "3", "--quiet", "--out", "r")
    assert done.code in (0, 2, 3), done.err
    if done.code == 2:  # a checklist needs questions that have one
        put("q.jsonl", [{"question_id": "1", "category": "c", "turns": ["Why?"], "metadata": {"checklist": ["Is it?"]}}])
        model = ("--judge-model", "scripted:judge", "--questions", "q.jsonl", "--quiet", "--out", "r")
        assert evalh("run", *models, "--judge", judge, *model).code in (0, 3)
    assert check_folder(Path("r")) == ALL


def test_a_jury_with_repeats() -> None:
    """Several judges, a jury, repeats and failures in one folder."""
    judges = ["gpt-4", "arena-hard", "pandalm"]
    settings = {"judge_model": "scripted:judge", "jury": "majority", "mode": "pairwise", "samples": 2, "limit": 2}
    library.run(["one=scripted:words", "two=scripted:words"], judges, out="r", **settings)  # type: ignore[arg-type]
    assert check_folder(Path("r")) == ALL
    check("report", [_printed("report", "r", "--format", "json")])


def _files(name: str, row: dict[str, Any]) -> Path:
    return put(f"{name}.jsonl", [row])


IMPORTS: dict[str, Callable[[], Path]] = {
    "fastchat": fastchat_folder,
    "alpaca-eval": lambda: put("annotations.json", [CORE | {"preference": p} for p in (1, 1.3, None, -1, 0, 7)], array=True),
    "arena-hard": lambda: arena_hard_folder(None, game("B<<A")),
    "battles": lambda: put("b.jsonl", [{"model_a": "x", "model_b": "y", "winner": w} for w in ("tie", "error", "", "model_a")]),
    "wildvision": lambda: _files("w", {"question_id": 1, "model": "m", "baseline": "b", "games": [game("A>B")], "judge": "j"}),
    "mt-bench-human": lambda: _files("v", {"question_id": 1, "model_a": "x", "model_b": "y", "winner": "tie", "turn": 1,
                                           "judge": ["expert_0", None]}),
    "llmbar": lambda: _files("p", {"input": "Why?", "output_1": "a", "output_2": "b", "label": 2}),
}  # fmt: skip


@pytest.mark.parametrize("form", IMPORTS)
def test_imports_of_every_format(form: str) -> None:
    """Failed rows, null games and unknown winners of the originals among them."""
    done = evalh("import", form, IMPORTS[form](), "--out", "r")
    assert done.code == 0, done.err
    if form != "llmbar":
        assert evalh("report", "r").code in (0, 3)
    assert check_folder(Path("r")) >= RECORDS - {"judgments.jsonl"}


@pytest.mark.parametrize(
    "name",
    [
        "vicuna-bench-2023",
        "llmbar",
        "wildvision-bench",
        "mt-bench-human",
        "arena-bench-v1",
        "synthetic-battles-5k",
        "arena-hard-v0.1",
    ],
)
def test_imports_of_published_data(name: str) -> None:
    """The first and last hundred lines of every file of an import of a published set."""
    done = evalh("import", shared(name), "--out", "r")
    assert done.code == 0, done.err
    assert check_folder(Path("r"), most=100) >= RECORDS


def test_pairs_for_training() -> None:
    """Each row of `evalh export dpo`."""
    assert evalh(*SMALL, "--quiet").code == 0
    assert evalh("export", "dpo", FOLDER, "--out", "p.jsonl").code == 0
    assert check("preference", map(json.loads, Path("p.jsonl").read_text("utf-8").splitlines())) > 0


def test_what_commands_print() -> None:
    """The JSON of every command that has `--format json`."""
    assert evalh(*SMALL, "--mode", "both", "--quiet").code == 0
    check("report", [_printed("report", FOLDER, "--format", "json")])
    check("compare", [_printed("compare", FOLDER, "--models", "one,two", "--gate", "--format", "json")])
    put("v.jsonl", [{"question_id": "writing-01", "model_a": "one", "model_b": m, "winner": "tie"} for m in ("two", "three")])
    check("agree", [_printed("agree", FOLDER, "--with", "v.jsonl", "--format", "json")])
    check("runs", [_printed("runs", "--format", "json")])
    check("plan", [_printed("plan", *MODELS, *JUDGE, "--limit", "2", "--format", "json")])
    for name in ("models", "questions", "judges"):
        check(f"{name}-list", [_printed(name, "list", "--format", "json")])
    check("ledger-info", [_printed("ledger", "info", "--format", "json")])
    assert evalh("ledger", "export", "paid.jsonl").code == 0
    assert check("paid", map(json.loads, Path("paid.jsonl").read_text("utf-8").splitlines())) > 0
    for judge in ("gpt-4", "baseline"):
        check("judges-show", [_printed("judges", "show", judge, "--format", "json")])
    assert evalh("run", "--quiet", "--limit", "5", "--no-report").code == 0
    check("agree", [_printed("agree", "core-80--baseline", "--format", "json")])
    detect = ("--detect", "0.2", "--format", "json")
    check("plan", [_printed("plan", *MODELS, *JUDGE, "--mode", "pairwise", *detect)])
    check("fetch-list", [_printed("fetch", "--list", "--format", "json")])
    put("b.jsonl", [{"model_a": "x", "model_b": "y", "winner": w} for w in ("tie", "model_b", "model_a", "")])
    check("rate", [_printed("rate", "b.jsonl", "--format", "json")])
    Path("replies.json").write_text(json.dumps(["[[A]]", "[[B]] no, [[A]]", "", "[[C]]"]))
    replies = _printed("judges", "parse", "gpt-4", "replies.json", "--variant", "pairwise")
    check("judges-parse", [replies])
    assert len(replies) == 4
    checked = evalh("judges", "check", "gpt-4", "--judge-model", "scripted:judge", "--yes", "--quiet", "--format", "json")
    check("judges-check", [json.loads(checked.out)])
    source = ("--from", shared("vicuna-bench-2023"), "--yes")
    check("replay", [_printed("replay", "vicuna-2023", *source, "--format", "json")])
