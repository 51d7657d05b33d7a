"""A run as a data set of Hugging Face's: the datasets library loads it, checks it against its card, gives every value back."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.core.records import Answer, Judgment, Question, Vote
from evalh.exporters.huggingface import FEATURES
from importers.test_formats import fastchat_folder
from support.inside import FOLDER, SMALL, evalh

datasets = pytest.importorskip("datasets", reason="the datasets library is an extra (evalh[hf])")
yaml = pytest.importorskip("yaml", reason="pyyaml is an extra (evalh[yaml])")
REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


def _exported(run: str | Path, *more: str) -> dict[str, Any]:
    """The card's header of an export to `out`."""
    done = evalh("export", "huggingface", run, "--out", "out", *more)
    assert (done.code, done.err) == (0, ""), done.err
    head, _, body = Path("out/README.md").read_text("utf-8").removeprefix("---\n").partition("\n---\n")
    assert "load_dataset(" in body
    return dict(yaml.safe_load(head))


def _loaded(name: str) -> list[dict[str, Any]]:
    datasets.disable_progress_bars()
    found = datasets.load_dataset("out", name, split="test", cache_dir="cache")
    rows: list[dict[str, Any]] = found.to_list()
    return rows


def _as_record(row: dict[str, Any]) -> dict[str, Any]:
    """A loaded row in the form of a record's line."""
    usage = {name: row.pop(name) for name in ("input_tokens", "output_tokens")}
    failure = {name: row.pop(f"failure_{name}") for name in ("kind", "message")}
    if "params" in row:
        row["params"] = json.loads(row["params"])
    if "scores" in row:
        row["scores"] = {s["aspect"]: s["values"] for s in row["scores"]}
    absent = (None, {"input_tokens": None, "output_tokens": None})
    return row | {"usage": None if usage in absent else usage, "failure": failure if failure["kind"] else None}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(x).items() if k != "schema"} for x in path.read_text("utf-8").splitlines()]


def _check(run: Path) -> None:
    """Every record of a run, and its results frame, is in the loaded data set, value by value."""
    questions = [{**q, "metadata": json.loads(q["metadata"])} for q in _loaded("questions")]
    assert questions == _lines(run / "questions.jsonl")
    for name in ("answers", "judgments"):
        assert [_as_record(row) for row in _loaded(name)] == _lines(run / f"{name}.jsonl")
    frame = library.load(run).frame.reset_index(drop=True)
    loaded = datasets.load_dataset("out", "results", split="test", cache_dir="cache").to_pandas()
    assert list(loaded.columns) == list(frame.columns)
    for column in frame.columns:
        told, got = ([None if v != v else v for v in f[column].tolist()] for f in (frame, loaded))
        assert told == got, column


def test_the_reference_run_comes_back() -> None:
    """All five configurations of a finished run, with the licence that was said."""
    head = _exported(REFERENCE, "--licence", "Apache-2.0")
    _check(REFERENCE)
    assert _loaded("votes") == _lines(REFERENCE / "votes.jsonl")
    assert head["license"] == "apache-2.0"
    assert {c["config_name"]: c["splits"][0]["num_examples"] for c in head["dataset_info"]} == {
        "questions": 80, "answers": 160, "judgments": 320, "results": 320, "votes": 80,
    }  # fmt: skip
    assert head["size_categories"] == ["n<1K"]
    whole = datasets.load_dataset("out", cache_dir="cache")
    assert whole["test"].num_rows == 320


def test_failures_repeats_and_missing_figures_come_back() -> None:
    """Failed answers, unscored judgments, references, scores of one answer beside games of two: nothing becomes a zero."""
    assert evalh("import", fastchat_folder(), "--out", "results/x").code == 0
    head = _exported("x")
    _check(Path("results/x"))
    assert head["license"] == "unknown"
    assert [c["config_name"] for c in head["configs"]] == ["questions", "answers", "judgments", "results"]
    statuses = [row["status"] for row in _loaded("judgments")]
    assert {"failed", "no_verdict", "empty", "scored"} == set(statuses)
    outcomes = [(row["status"], row["outcome"]) for row in _loaded("results") if row["mode"] == "pairwise"]
    assert all((outcome is None) == (status != "scored") for status, outcome in outcomes)


def test_the_card_is_held_against_the_files() -> None:
    """A card that says another number of rows is refused by the library; features are those of the files."""
    head = _exported(REFERENCE)
    for info in head["dataset_info"]:
        assert [f["name"] for f in info["features"]] == list(FEATURES[info["config_name"]])
        loaded = datasets.load_dataset("out", info["config_name"], split="test", cache_dir="cache")
        assert loaded.features == datasets.Features._from_yaml_list(info["features"])
    card = Path("out/README.md")
    card.write_text(card.read_text("utf-8").replace("num_examples: 160", "num_examples: 161"), "utf-8")
    with pytest.raises(datasets.exceptions.DatasetsError, match="161"):
        datasets.load_dataset("out", "answers", split="test", cache_dir="cache2")


@pytest.mark.parametrize(
    ("name", "kind"), [("questions", Question), ("answers", Answer), ("judgments", Judgment), ("votes", Vote)]
)
def test_every_field_has_a_column(name: str, kind: type) -> None:
    """A field that is added to a record is not forgotten here."""
    split = {"usage": {"input_tokens", "output_tokens"}, "failure": {"failure_kind", "failure_message"}}
    wanted = set().union(*(split.get(f.name, {f.name}) for f in fields(kind)))
    assert set(FEATURES[name]) == wanted


def test_one_judge_may_be_chosen() -> None:
    """--judge holds judgments and results to one judge's; the card names that one."""
    assert evalh(*SMALL, "--quiet").code == 0
    assert evalh("judge", FOLDER, "--judge", "baseline", "--quiet", "--no-report").code == 0
    _exported(FOLDER, "--judge", "baseline")
    assert {row["judge"] for name in ("judgments", "results") for row in _loaded(name)} == {"baseline"}
    assert "- judges: `baseline`\n" in Path("out/README.md").read_text("utf-8")


def test_names_and_licences_that_would_break_a_card() -> None:
    """Control characters, marks of markdown and YAML in names and licences stay text."""
    evil = "a: `b`\n# c \u202e|"
    rows = [{"question_id": 1, "model_a": evil, "model_b": "y", "winner": "model_a"}]
    Path("b.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert evalh("import", "b.jsonl", "--out", "results/x", "--judge-name", evil).code == 0
    head = _exported("x", "--licence", 'My "own": licence\n- x')
    assert (head["license"], head["license_name"]) == ("other", 'My "own": licence\n- x')
    body = Path("out/README.md").read_text("utf-8").partition("\n---\n")[2]
    assert "\u202e" not in body
    assert "\n# c" not in body
    assert _loaded("results")[0]["model_a"] == evil


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, with exit 2, and nothing is left."""
    assert evalh("export", "huggingface", "nowhere", "--out", "out").code == 2
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = evalh("export", "huggingface", REFERENCE, "--out", "out")
    assert (done.code, "pip install 'evalh[parquet]'" in done.err) == (2, True)
    assert not [p.name for p in Path().iterdir() if "out" in p.name]
