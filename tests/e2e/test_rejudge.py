"""Another judge over imported answers: as over our own, and side by side with what was imported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import evalh as library
from importers.test_formats import CORE, arena_hard_folder, fastchat_folder, game, put
from support.inside import FOLDER, JUDGE, SMALL, evalh
from support.schema import check_folder
from support.shared_data import shared

RUN = Path("results/x")
BATTLE = {
    "question_id": 1,
    "model_a": "x",
    "model_b": "y",
    "winner": "tie",
    "prompt": "Why?",
    "response_a": "So.",
    "response_b": "No.",
}
SOURCES: dict[str, tuple[Callable[[], Path], str]] = {
    "fastchat": (fastchat_folder, "gpt-4"),
    "alpaca-eval": (lambda: put("a.json", [CORE, CORE | {"instruction": "How?", "output_2": "Thus."}], array=True), "weighted"),
    "arena-hard": (lambda: arena_hard_folder(game("A>B"), game("B>>A")), "gpt-4.1"),
    "battles": (lambda: put("b.jsonl", [BATTLE, BATTLE | {"question_id": 2, "winner": "model_a"}]), "votes"),
}


@pytest.mark.parametrize("form", SOURCES)
def test_judges_stand_side_by_side(form: str) -> None:
    """A judge that computes and one that asks a model, beside the imported verdicts, which stay to the byte; each is shown."""
    make, published = SOURCES[form]
    assert evalh("import", form, make(), "--out", RUN).code == 0
    before = sorted((RUN / "judgments.jsonl").read_bytes().splitlines())
    for judge in (("--judge", "baseline"), ("--judge", "mine=gpt-4", "--judge-model", "scripted:judge")):
        done = evalh("judge", RUN, *judge, "--mode", "both", "--quiet", "--no-report")
        assert done.code in (0, 3), done.err  # what has no answer stays unscored
    after = set((RUN / "judgments.jsonl").read_bytes().splitlines())
    assert set(before) <= after
    report = json.loads(evalh("report", RUN, "--format", "json").out)
    assert set(report["by_judge"]) == {published, "baseline", "mine"}
    assert report["models"] is None  # no judge stands for the others
    for judge in ("baseline", "mine"):
        board = report["by_judge"][judge]
        assert sum(m["scored"] for m in board["models"]) > 0
        assert sum(p["scored"] for p in board["pairs"]) > 0
    shown = evalh("report", RUN).out
    assert [line for line in shown.splitlines() if line.startswith("Judged by")] == [
        f"Judged by {judge}" for judge in report["by_judge"]
    ]
    assert check_folder(RUN) >= {"judgments.jsonl", "report/report.json"}
    page = (RUN / "report" / "index.html").read_text("utf-8")
    assert all(f">{judge}<" in page or f" {judge}<" in page for judge in report["by_judge"])


def test_imported_answers_are_judged_as_our_own() -> None:
    """The answers of a run, taken out and brought in again, get the same verdicts and the same figures from the same judge."""
    assert evalh(*SMALL, "--mode", "both", "--quiet").code == 0
    assert evalh("export", "fastchat", FOLDER, "--out", "f").code == 0
    shutil.rmtree("f/model_judgment")
    assert evalh("import", "fastchat", "f", "--out", RUN).code == 0
    done = evalh("judge", RUN, *JUDGE, "--mode", "both", "--quiet", "--no-report")
    assert done.code == 0, done.err
    own, brought = library.load(FOLDER), library.load(RUN)
    assert [(j.question_id, j.mode, j.status, j.verdict, j.explanation) for j in own.judgments] == [
        (j.question_id, j.mode, j.status, j.verdict, j.explanation) for j in brought.judgments
    ]
    assert own.leaderboard().equals(brought.leaderboard())


def test_the_same_again_asks_nobody() -> None:
    """A judge that has been over the imported answers is not asked again; a further question's judgments alone are added."""
    assert evalh("import", "alpaca-eval", SOURCES["alpaca-eval"][0](), "--out", RUN).code == 0
    command = ("judge", RUN, "--judge", "mine=gpt-4", "--judge-model", "scripted:judge", "--mode", "pairwise", "--no-report")
    assert evalh(*command, "--quiet").code == 0
    before = (RUN / "judgments.jsonl").read_bytes()
    assert evalh(*command, "--offline", "--quiet").code == 0
    assert (RUN / "judgments.jsonl").read_bytes() == before


def test_published_outputs_judged_by_the_baseline() -> None:
    """805 pairs of AlpacaEval: the published win rate stays what it was, beside that of a judge that counts words."""
    outputs = ("--with", shared("alpaca-eval", "baseline_v1_text_davinci_003.jsonl.gz"))
    done = evalh("import", shared("alpaca-eval", "v1", "annotations", "phi-2.jsonl.gz"), *outputs, "--out", RUN)
    assert done.code == 0, done.err
    done = evalh("judge", RUN, "--judge", "baseline", "--mode", "pairwise", "--quiet", "--no-report")
    assert done.code == 0, done.err
    report = json.loads(evalh("report", RUN, "--format", "json").out)["by_judge"]
    told = {judge: {m["model"]: m["win_rate"] for m in board["models"]} for judge, board in report.items()}
    want = json.loads(shared("alpaca-eval", "expected.json").read_text())["alpaca_eval_gpt4"]["phi-2"]["leaderboard_csv"]
    assert 100 * told["alpaca_eval_gpt4"]["phi-2"]["value"] == pytest.approx(want["win_rate"], abs=1e-9)
    assert told["alpaca_eval_gpt4"]["phi-2"]["n"] == want["n_total"]
    assert told["baseline"]["phi-2"]["n"] == 805
    assert report["baseline"]["pairs"][0]["scored"] == 1610  # both orders
