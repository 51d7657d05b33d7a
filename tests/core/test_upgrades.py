"""Upgrade steps: a folder of an older schema reads as if it were written today, stays as it is, and can go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.core import upgrades
from evalh.core.upgrades import SCHEMA, STEPS, Step, upgraded
from evalh.errors import CorruptRecord, UnsupportedSchema
from support.inside import FOLDER, JUDGE, SMALL, evalh

FILES = ("run.json", "questions.jsonl", "answers.jsonl", "judgments.jsonl", "votes.jsonl")


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A step that gives a field another name, and leaves its place to it."""
    return lambda data: {new if key == old else key: value for key, value in data.items()}


OLD = {"run": ("contestants", "models"), "answer": ("texts", "turns"), "judgment": ("words", "explanation")}
"""What schema 0 is made out to have called some fields, by kind."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema before the first, with one step for each kind that changed; questions did not."""
    added = {kind: {0: Step(f"{old} became {new}", renamed(old, new))} for kind, (old, new) in OLD.items()}
    monkeypatch.setattr(upgrades, "STEPS", {**STEPS, "question": {0: Step("nothing", dict)}, **added})


@pytest.fixture
def old_run(steps: None) -> Path:
    """A small finished run as schema 0 would have written it."""
    assert evalh(*SMALL, "--quiet").code == 0
    for kind, name in zip(("run", "question", "answer", "judgment"), FILES, strict=False):
        path = FOLDER / name
        new, old = OLD.get(kind, ("", ""))[::-1], 0
        data = [json.loads(path.read_text())] if kind == "run" else [json.loads(x) for x in path.read_text().splitlines()]
        lines = [json.dumps({**renamed(*new)(d), "schema": old}) for d in data]
        path.write_text("".join(line + "\n" for line in lines))
    return FOLDER


def _bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def test_an_old_folder_reads_as_if_it_were_new(old_run: Path) -> None:
    """Report, frame, export and the listing of runs come out as from a run of today; not a byte of the folder changes."""
    before = _bytes(old_run)
    assert b'"texts"' in before["answers.jsonl"]
    shown = evalh("report", old_run, "--format", "json")
    assert shown.code == 0, shown.err
    old = library.load(old_run)
    assert list(old.manifest["models"]) == ["one", "two"]
    assert old.manifest["schema"] == SCHEMA
    exported = evalh("export", "fastchat", old_run, "--out", "f")
    assert exported.code == 0, exported.err
    assert evalh("runs").out.startswith("core-80--gpt-4: one, two")
    assert _bytes(old_run) == before
    again = evalh(*SMALL, "--quiet", "--out", "results/new")
    assert again.code == 0, again.err
    new = library.load("results/new")
    assert (old.questions, old.answers, old.judgments) == (new.questions, new.answers, new.judgments)
    assert old.frame.equals(new.frame)


def test_an_old_folder_goes_on(old_run: Path) -> None:
    """More questions are added in the present schema, which is said; the old lines stay as they were, to the byte."""
    before = _bytes(old_run)
    done = evalh(*[x if x != "3" else "4" for x in SMALL])
    assert done.code == 0, done.err
    assert (
        f"was begun in schema 0; its records stay as they are, what is added and run.json are written in schema {SCHEMA}"
        in (done.err)
    )
    after = _bytes(old_run)
    for name in ("answers.jsonl", "judgments.jsonl"):
        kept = [line for line in after[name].splitlines() if b'"schema": 0' in line]
        assert kept == before[name].splitlines()
        assert len(after[name].splitlines()) > len(kept)
    assert json.loads(after["run.json"])["schema"] == SCHEMA
    whole = evalh(*[x if x != "3" else "4" for x in SMALL], "--quiet", "--out", "results/new")
    assert whole.code == 0, whole.err
    assert library.load(old_run).judgments == library.load("results/new").judgments
    assert "was begun" not in evalh(*[x if x != "3" else "4" for x in SMALL]).err


@pytest.mark.parametrize("name", FILES)
def test_a_newer_folder_is_refused(name: str) -> None:
    """Any file of a newer evalh is exit 2 with its place, for reading and for going on, and stays as it is."""
    assert evalh(*SMALL, "--quiet").code == 0
    path = FOLDER / name
    vote = '{"schema":1,"question_id":"writing-01","model_a":"one","model_b":"two","winner":"tie","rater":"Zoë","turn":1}\n'
    text = path.read_text() if path.exists() else vote
    path.write_text(text.replace('"schema":1', '"schema":2', 1).replace('"schema": 1', '"schema": 2', 1))
    before = path.read_bytes()
    commands = [("report", FOLDER, "--no-report"), ("export", "fastchat", FOLDER, "--out", "f")]
    commands += [("judge", FOLDER, *JUDGE, "--quiet", "--no-report")]
    for command in commands[:1] if name == "votes.jsonl" else commands:  # only reports look at votes
        done = evalh(*command)
        assert done.code == 2, (command, done.err)
        assert f"{name}" in done.err
        assert "schema 2 was written by a newer evalh; this one reads up to 1" in done.err
        assert path.read_bytes() == before


def test_votes_once_had_no_number() -> None:
    """A line of votes.jsonl without a number is of schema 0, and is read."""
    assert upgraded("vote", {"rater": "Zoë"}) == {"rater": "Zoë"}
    assert upgraded("vote", {"rater": "Zoë", "schema": 1}) == {"rater": "Zoë"}
    for kind in ("run", "question", "answer", "judgment"):
        with pytest.raises(CorruptRecord, match=r"x:1: the record carries no schema number"):
            upgraded(kind, {}, "x:1")


def test_steps_are_taken_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any number on, every step that there is up to the present one; a kind that did not change has none."""
    monkeypatch.setattr(upgrades, "SCHEMA", 4)
    one = Step("b becomes c", lambda d: {**d, "x": d["x"] + "c"})
    three = Step("c becomes d", lambda d: {**d, "x": d["x"] + "d"})
    monkeypatch.setattr(upgrades, "STEPS", {**STEPS, "answer": {1: one, 3: three}})
    assert upgraded("answer", {"schema": 1, "x": ""}) == {"x": "cd"}
    assert upgraded("answer", {"schema": 2, "x": ""}) == {"x": "d"}
    assert upgraded("answer", {"schema": 4, "x": ""}) == {"x": ""}
    assert upgraded("question", {"schema": 1, "x": ""}) == {"x": ""}
    for number in (0, -1, True, None, "1", 1.0):
        with pytest.raises(CorruptRecord, match="no schema number"):
            upgraded("answer", {"schema": number, "x": ""})
    with pytest.raises(UnsupportedSchema, match="schema 5 was written by a newer evalh; this one reads up to 4"):
        upgraded("answer", {"schema": 5, "x": ""})
    with pytest.raises(
        CorruptRecord, match=r"x:1: not a valid answer of schema 1 \(step 1 to 2, b becomes c: KeyError\('x'\)\)"
    ):
        upgraded("answer", {"schema": 1}, "x:1")
