"""Importing: what is wrong with the files is said with file and line, and nothing half is left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support.inside import JUDGE, evalh

REVIEW = {"question_id": 1, "answer1_id": "a1", "answer2_id": "b1", "text": "7 9\nWell.", "score": [7.0, 9.0]}


def _layout(**files: str) -> Path:
    """A small folder of the layout of March 2023; `files` replaces some."""
    folder = Path("table")
    rows: dict[str, Any] = {
        "question.jsonl": [{"question_id": n, "text": f"Question {n}?", "category": "generic"} for n in (1, 2)],
        "answer/answer_a.jsonl": [{"question_id": n, "text": "A.", "answer_id": f"a{n}", "model_id": "a:v1"} for n in (1, 2)],
        "answer/answer_b.jsonl": [{"question_id": n, "text": "B.", "answer_id": f"b{n}", "model_id": "b:v1"} for n in (1, 2)],
        "review/set/review_a_b.jsonl": [REVIEW, {**REVIEW, "question_id": 2, "answer1_id": "a2", "answer2_id": "b2"}],
    }
    for name, lines in rows.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(files.get(name, "".join(json.dumps(line) + "\n" for line in lines)), "utf-8")
    return folder


def _import(folder: Path) -> Any:
    return evalh("import", "vicuna-2023", folder, "--reviews", "set", "--out", "results/x")


def test_a_small_folder_becomes_a_run() -> None:
    """Answers, judgments with their stored scores, and a manifest that says where it came from."""
    done = _import(_layout())
    assert (done.code, done.err) == (0, "")
    assert done.out == f"4 answers and 2 judgments (0 unscored) in {Path('results/x')}\n"
    run = library.load("results/x")
    assert run.manifest["config"] == {"imported": "vicuna-2023/set"}
    assert run.manifest["models"]["a"]["metadata"] == {"model_id": "a:v1"}
    assert [j.scores["overall"] for j in run.judgments] == [(7.0, 9.0)] * 2
    assert [j.verdict for j in run.judgments] == ["B", "B"]
    assert run.judgments[0].explanation == "7 9\nWell."


@pytest.mark.parametrize("score", ["[-1, -1]", "[7, NaN]", "[NaN, 7]", "[7, Infinity]", "[-1, 7]"])
def test_a_score_that_is_none_is_unscored(score: str) -> None:
    """What the original reader could not read, and what is no number, is unscored; never a score, a tie or a loss."""
    line = json.dumps({**REVIEW, "score": "?"}).replace('"?"', score)
    done = _import(_layout(**{"review/set/review_a_b.jsonl": line + "\n"}))
    assert done.code == 0, done.err
    (judgment,) = library.load("results/x").judgments
    assert (judgment.status, judgment.verdict, dict(judgment.scores)) == ("no_verdict", None, {})


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("review/set/review_a_b.jsonl", "\n{oops\n", "review_a_b.jsonl:2: not a JSON object"),
        ("review/set/review_a_b.jsonl", "\n\n[]\n", "review_a_b.jsonl:3: not a JSON object"),
        ("review/set/review_a_b.jsonl", json.dumps({**REVIEW, "score": [7]}) + "\n", "b.jsonl:1: score must hold two numbers"),
        ("review/set/review_a_b.jsonl", json.dumps({**REVIEW, "score": "x"}) + "\n", "b.jsonl:1: not a review"),
        ("review/set/review_a_b.jsonl", json.dumps({**REVIEW, "question_id": 9}) + "\n", "b.jsonl:1: an unknown question"),
        ("review/set/review_a_b.jsonl", json.dumps({**REVIEW, "answer1_id": "z"}) + "\n", "answer z stands in no answer file"),
        ("review/set/review_a_b.jsonl", "", "holds no review"),
        ("answer/answer_a.jsonl", '\n{"text": "A."}\n', "answer_a.jsonl:2: lacks 'answer_id'"),
        ("question.jsonl", '{"question_id": 1, "text": "?"}\n', "question.jsonl:1: category"),
    ],
)
def test_faults_name_file_and_line(file: str, content: str, said: str) -> None:
    """Each fault is exit 2 with the file and the line as an editor counts them, and no run is left behind."""
    done = _import(_layout(**{file: content}))
    assert done.code == 2
    assert said in done.err
    assert not Path("results/x").exists()


def test_a_model_of_two_kinds_is_refused() -> None:
    """One name in the review files with answers of two model ids would mix two models."""
    text = '{"text": "A.", "answer_id": "a1", "model_id": "v1"}\n{"text": "A.", "answer_id": "a2", "model_id": "v2"}\n'
    done = _import(_layout(**{"answer/answer_a.jsonl": text}))
    assert done.code == 2
    assert "model a has answers of both v1 and v2" in done.err


def test_an_unknown_review_set_gets_the_nearest() -> None:
    """--reviews with a name that is not there is exit 2 with those that are."""
    done = evalh("import", "vicuna-2023", _layout(), "--reviews", "sett", "--out", "results/x")
    assert done.code == 2
    assert "Did you mean 'set'" in done.err


def test_a_run_is_never_written_over() -> None:
    """A second import into the same folder is exit 2 and changes nothing."""
    folder = _layout()
    assert _import(folder).code == 0
    before = Path("results/x/run.json").read_bytes()
    done = _import(folder)
    assert done.code == 2
    assert "holds a run already" in done.err
    assert Path("results/x/run.json").read_bytes() == before


def test_imported_answers_can_be_judged_again() -> None:
    """A judge of today over the answers of then, beside the published verdicts; the same label for both is refused."""
    assert _import(_layout()).code == 0
    published = Path("results/x/judgments.jsonl").read_bytes()
    refused = evalh("judge", "results/x", *JUDGE, "--quiet")
    assert refused.code == 2
    assert "judge gpt-4: it was vicuna-2023, is gpt-4" in refused.err
    mine = ("--judge", "mine=gpt-4", "--judge-model", "scripted:judge")
    done = evalh("judge", "results/x", *mine, "--quiet", "--no-report")
    assert done.code == 0, done.err
    assert Path("results/x/judgments.jsonl").read_bytes().startswith(published[:200])
    run = library.load("results/x")
    assert run.manifest["config"]["imported"] == "vicuna-2023/set"
    assert {j.judge for j in run.judgments} == {"gpt-4", "mine"}
