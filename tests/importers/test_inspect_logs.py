"""Logs of Inspect: samples, epochs, scores of every kind, and archives that are none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.importers.inspect_logs import reading_of
from support.inside import evalh


def _sample(identity: Any, epoch: int = 1, **change: Any) -> dict[str, Any]:
    row = {"id": identity, "epoch": epoch, "input": "1+1?", "target": "2", "output": {"completion": f"{epoch + 1}."}}
    return row | {"scores": {"match": {"value": "C", "answer": "2", "explanation": "It is."}}} | change


def _log(name: str, *samples: dict[str, Any], model: str = "openai/m", header: str = "header.json") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(header, json.dumps({"version": 2, "eval": {"task": "sums", "model": model}}, indent=1))
        archive.writestr("summaries.json", "[]")
        for s in samples:
            archive.writestr(f"samples/{s['id']}_epoch_{s['epoch']}.json", json.dumps(s, indent=1))
    return path


def test_a_log_becomes_a_run() -> None:
    """Samples are questions with their target, epochs repeats in their order, scorers judges; a failed sample is a failure."""
    epochs = [_sample("a", n) for n in (1, 2, 10)]
    talk = [{"role": "system", "content": "Be."}, {"role": "user", "content": [{"type": "text", "text": "Hi?"}]}]
    other = _sample(7, input=talk, target=["x", "y"], scores={"match": {"value": "I"}, "grade": {"value": float("nan")}})
    done = evalh(
        "import", _log("l.eval", *epochs, other, _sample("b", error={"message": "x"}, scores=None)), "--out", "results/x"
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.rstrip().endswith(", inspect")
    run = library.load("results/x")
    assert [(q.question_id, q.turns, q.reference) for q in run.questions] == [
        ("sums-7", ("Hi?",), ("x\ny",)), ("sums-a", ("1+1?",), ("2",)), ("sums-b", ("1+1?",), ("2",)),
    ]  # fmt: skip
    own = [a for a in run.answers if a.question_id == "sums-a"]
    assert [(a.sample, a.turns) for a in own] == [(0, ("2.",)), (1, ("3.",)), (2, ("11.",))]
    assert [(j.judge, j.status, j.sample) for j in run.judgments] == [
        ("match", "scored", 0), ("grade", "no_verdict", 0),
        ("match", "scored", 0), ("match", "scored", 1), ("match", "scored", 2),
    ]  # fmt: skip
    assert [a.failure is None for a in run.answers] == [True, True, True, True, False]
    assert run.leaderboard("match").loc["openai/m", "mean_score"] == 0.75


def test_a_folder_of_logs_is_one_run() -> None:
    """Two models on one task share its questions; a log without a header has its journal."""
    _log("f/one.eval", _sample(1), model="m")
    _log("f/two.eval", _sample(1), model="n", header="_journal/start.json")
    assert evalh("import", "inspect", "f", "--out", "results/x").code == 0
    run = library.load("results/x")
    assert (len(run.questions), {a.model for a in run.answers}) == (1, {"m", "n"})
    assert set(run.manifest["inputs"]) == {"one.eval", "two.eval"}


@pytest.mark.parametrize(
    ("value", "scores"),
    [(0.25, {"overall": (0.25,)}), (True, {"overall": (1.0,)}), ("P", {"overall": (0.5,)}), ("N", {"overall": (0.0,)}),
     ("no", {"overall": (0.0,)}), ("8", {"overall": (8,)}), ({"x": 1, "y": "C"}, {"x": (1,), "y": (1.0,)}),
     ("maybe", {}), (None, {}), ([1, 2], {}), ({}, {}), ({"x": None}, {})],
)  # fmt: skip
def test_values(value: Any, scores: dict[str, Any]) -> None:
    """What Inspect counts is a score; what it does not is unscored."""
    reading = reading_of({"value": value, "explanation": "So."})
    assert (dict(reading.scores), reading.explanation) == (scores, "So.")
    assert reading.status == ("scored" if scores else "no_verdict")


def test_archives_that_are_no_log() -> None:
    """A folder without logs, a broken sample and a sample without its id are one error each."""
    Path("f").mkdir()
    assert "neither a log of Inspect's" in evalh("import", "inspect", "f", "--out", "r").err
    path = _log("l.eval", _sample(1))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("samples/2_epoch_1.json", "{oops")
    assert "samples/2_epoch_1.json:1: not a JSON object" in evalh("import", path, "--out", "r").err
    lacking = _log("m.eval", _sample(1) | {"id": None, "epoch": 1})
    assert "lacks 'id'" in evalh("import", lacking, "--out", "r").err
    assert not Path("r").exists()
