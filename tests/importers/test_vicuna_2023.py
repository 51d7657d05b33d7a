"""The evaluation of March 2023, replayed from its own files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support.command import evalh
from support.shared_data import shared

SETS = ("vicuna-13b_20230322-clean-lang", "vicuna-13b_20230322-new-hp-fp16", "vicuna-7b_20230322-fp16", "others")


def _imported(name: str) -> dict[str, Any]:
    """Import a review set through the command line and return its JSON report."""
    folder = shared("vicuna-bench-2023")
    done = evalh("import", "vicuna-2023", folder, "--reviews", name, "--out", "results/x")
    assert done.returncode == 0, done.stderr
    report = evalh("report", "results/x", "--format", "json")
    assert report.returncode == 0, report.stderr
    return dict(json.loads(report.stdout))


def _raw(name: str) -> dict[tuple[str, str], list[tuple[str, float, float]]]:
    """(model, model) -> (category, score, score), read straight from the review files."""
    folder = shared("vicuna-bench-2023")
    categories = {
        q["question_id"]: q["category"] for q in map(json.loads, (folder / "question.jsonl").read_text().splitlines())
    }
    found = {}
    for file in sorted((folder / "review" / name).glob("*.jsonl")):
        _, a, b = file.stem.split("_", 2)
        rows = map(json.loads, file.read_text().splitlines())
        found[a, b] = [(categories[r["question_id"]], *map(float, r["score"])) for r in rows]
    return found


def test_the_published_table() -> None:
    """513.0/694.0, 583.0/704.0, 664.0/655.5, 693.0/638.0 and 68, 76, 92, 93, 100 %, to all digits of expected.json."""
    expected = json.loads(shared("vicuna-bench-2023", "expected.json").read_text())
    report = _imported(SETS[0])
    pairs = {(p["model_a"], p["model_b"]): p for p in report["pairs"]}
    for want in expected["pairs"].values():
        a, b = want["model_1"], want["model_2"]
        p = pairs[min(a, b), max(a, b)]
        totals, wins = (p["total_a"], p["total_b"]), (p["wins_a"], p["ties"], p["wins_b"])
        assert (totals if a < b else totals[::-1]) == (want["model_1_total"], want["model_2_total"])
        assert (wins if a < b else wins[::-1]) == (want["model_1_wins"], want["ties"], want["model_2_wins"])
        for category, cell in want["by_category"].items():
            row = next(
                r for r in report["categories"][category]["pairs"] if (r["model_a"], r["model_b"]) == (min(a, b), max(a, b))
            )
            got = (row["total_a"], row["total_b"]) if a < b else (row["total_b"], row["total_a"])
            assert got == (cell["model_1_total"], cell["model_2_total"]), category
    relative = {m["model"]: m["relative_score"]["value"] for m in report["models"]}
    assert {m: round(100 * r) for m, r in relative.items()} == {
        "llama-13b": 68,
        "alpaca-13b": 76,
        "vicuna-13b": 92,
        "bard": 93,
        "gpt35": 100,
    }
    assert relative["vicuna-13b"] == pytest.approx(638 / 693, abs=1e-15)
    assert relative["llama-13b"] == pytest.approx(513 / 694 * 638 / 693, abs=1e-15)


@pytest.mark.parametrize("name", SETS)
def test_every_review_set_adds_up(name: str) -> None:
    """Totals, wins and ties of every pair, overall and by category, equal those of the review files."""
    report, raw = _imported(name), _raw(name)
    assert len(report["pairs"]) == len(raw)
    for where in (None, *report["categories"]):
        rows = report["pairs"] if where is None else report["categories"][where]["pairs"]
        for p in rows:
            pair = (p["model_a"], p["model_b"])
            turned = pair not in raw
            scores = [(s, t) for category, s, t in raw[pair[::-1] if turned else pair] if where in (None, category)]
            scores = [(t, s) for s, t in scores] if turned else scores
            assert (p["total_a"], p["total_b"]) == (sum(s for s, _ in scores), sum(t for _, t in scores))
            assert (p["wins_a"], p["ties"], p["wins_b"]) == (
                sum(s > t for s, t in scores),
                sum(s == t for s, t in scores),
                sum(s < t for s, t in scores),
            )


def test_model_ids_are_kept() -> None:
    """A model's name is the review file's; the original id stands in run.json."""
    _imported(SETS[0])
    models = library.load("results/x").manifest["models"]
    assert models["gpt35"]["metadata"] == {"model_id": "gpt-3.5-turbo:20230327"}


def test_importing_twice_gives_the_same_bytes() -> None:
    """Imported records depend on nothing but the files."""
    folder = shared("vicuna-bench-2023")
    for out in ("results/a", "results/b"):
        assert evalh("import", "vicuna-2023", folder, "--out", out).returncode == 0
    for name in ("answers.jsonl", "judgments.jsonl", "questions.jsonl"):
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes()
    assert evalh("import", "vicuna-2023", folder, "--out", "results/a").returncode == 2


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small folder of our own in the same layout."""
    folder = tmp_path / "table"
    (folder / "answer").mkdir(parents=True)
    (folder / "review" / "mine").mkdir(parents=True)
    (folder / "question.jsonl").write_text('{"question_id": 1, "text": "Why?", "category": "generic"}\n')
    rows = [{"question_id": 1, "text": t, "answer_id": t, "model_id": f"{t}:v1"} for t in ("x", "y")]
    for row in rows:
        (folder / "answer" / f"answer_{row['text']}.jsonl").write_text(json.dumps(row) + "\n")
    review = {"question_id": 1, "answer1_id": "x", "answer2_id": "y", "text": "8 7\nFine.", "score": [8.0, 7.0]}
    (folder / "review" / "mine" / "review_x_y.jsonl").write_text(json.dumps(review) + "\n")
    return folder


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": [-1, -1]}, None),
        ({"score": [8]}, "review_x_y.jsonl:1: score must hold two numbers"),
        ({"score": "8 7"}, "review_x_y.jsonl:1"),
        ({"question_id": 2}, "review_x_y.jsonl:1: an unknown question"),
        ({"answer1_id": "z"}, "review_x_y.jsonl:1: answer z stands in no answer file"),
        ("not json", "review_x_y.jsonl:1: not a JSON object"),
    ],
)
def test_faulty_reviews(copy: Path, change: dict[str, object] | str, says: str | None) -> None:
    """A pair that the original could not read arrives unscored; anything broken names file and line."""
    file = copy / "review" / "mine" / "review_x_y.jsonl"
    file.write_text(change if isinstance(change, str) else json.dumps(json.loads(file.read_text()) | change) + "\n")
    done = evalh("import", "vicuna-2023", copy, "--reviews", "mine", "--out", "results/x")
    if says is None:
        assert done.returncode == 0, done.stderr
        assert library.load("results/x").judgments[0].status == "no_verdict"
    else:
        assert done.returncode == 2
        assert says in done.stderr


def test_names_that_do_not_exist(copy: Path) -> None:
    """A misspelt review set or format gets the nearest one; a folder that is none is said to be none."""
    assert "Did you mean 'mine'" in evalh("import", "vicuna-2023", copy, "--reviews", "mien", "--out", "r").stderr
    assert "Did you mean 'vicuna-2023'" in evalh("import", "vicuna2023", copy, "--out", "r").stderr
    shutil.rmtree(copy / "review")
    assert "lacks question.jsonl or review/" in evalh("import", "vicuna-2023", copy, "--out", "r").stderr
