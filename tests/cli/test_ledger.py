"""`evalh ledger`: what is paid for can be looked at, checked, cleaned and carried to another machine."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.inside import FOLDER, SMALL, evalh

LEDGER = Path("../home/ledger.sqlite3")


def _execute(statement: str, path: Path = LEDGER) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)


def test_info_names_every_model(finished: Path) -> None:
    """Counts, size, tokens and days by model and endpoint, in words and as JSON; no price is said to be none."""
    found = json.loads(evalh("ledger", "info", "--format", "json").out)
    assert found["schema"] == 1
    assert [(m["label"], m["endpoint"], m["responses"]) for m in found["models"]] == [
        ("judge", "scripted:judge", 12),
        ("one", "scripted:words", 3),
        ("two", "scripted:words", 3),
    ]
    assert (found["responses"], found["unpriced"], found["usd"]) == (18, 18, None)
    _execute("INSERT INTO failures VALUES (1, 'k', 'one', 'answer', 'r', 'timed_out', 'late', NULL, NULL)")
    _execute("UPDATE usage SET usd = 0.25 WHERE label = 'one'")
    said = evalh("ledger", "info").out
    assert "18 responses" in said
    assert "one at scripted:words: 3 responses" in said
    assert "out, $0.7500, " in said
    assert "$0.7500 and 15 without a price" in said
    assert "failures in the journal: 1 timed_out (one)" in said


@pytest.mark.parametrize("command", [("info",), ("verify",), ("prune", "--failures"), ("export", "x.jsonl")])
def test_where_there_is_no_ledger_none_is_made(command: tuple[str, ...]) -> None:
    """A misspelt --ledger is exit 2 and leaves no empty file behind."""
    done = evalh("ledger", *command, "--ledger", "typo.sqlite3")
    assert done.code == 2
    assert "typo.sqlite3: there is no ledger" in done.err
    assert not Path("typo.sqlite3").exists()


def test_verify_names_what_cannot_be_read(finished: Path) -> None:
    """A sound ledger is exit 0 with its count; a reply that nobody can read is exit 1 and its key."""
    done = evalh("ledger", "verify")
    assert (done.code, done.err) == (0, "")
    assert "18 responses, no faults" in done.out
    _execute("UPDATE responses SET body = X'7B' WHERE key = (SELECT min(key) FROM responses)")
    done = evalh("ledger", "verify")
    assert done.code == 1
    assert "18 responses, 1 faults" in done.out
    assert "its body is not JSON" in done.err


def test_prune_needs_to_be_told_what(finished: Path) -> None:
    """Without a criterion nothing goes, and the message lists them."""
    done = evalh("ledger", "prune", "--yes")
    assert done.code == 2
    assert "--older-than DAYS, --label NAME or --failures" in done.err


def test_prune_says_what_goes(finished: Path) -> None:
    """What is to go is said before and after; a second time there is nothing; the run's folder is complete without it."""
    _execute("UPDATE usage SET usd = 0.25")
    done = evalh("ledger", "prune", "--label", "one", "--yes")
    assert done.code == 0, done.err
    assert "to go: 3 responses, which cost $0.7500, and 0 failures" in done.err
    assert "gone: 3 responses" in done.out
    done = evalh("ledger", "prune", "--label", "one", "--yes")
    assert (done.code, done.out) == (0, "")
    assert evalh(*SMALL, "--offline", "--quiet").code == 0


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 130, 18), ("y\n", 0, 0)])
def test_prune_asks_at_a_terminal(finished: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int) -> None:
    """A person is asked, and what is not confirmed stays."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: typed.strip())
    assert evalh("ledger", "prune", "--older-than", "0").code == code
    assert json.loads(evalh("ledger", "info", "--format", "json").out)["responses"] == left


def test_prune_says_when_the_file_keeps_its_size(finished: Path) -> None:
    """Another process that reads keeps the file from shrinking: the responses are gone, and that is said."""
    with closing(sqlite3.connect(LEDGER, isolation_level=None)) as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr("evalh.core.ledger.PATIENCE", 0.05)
        db.execute("BEGIN")
        db.execute("SELECT * FROM responses").fetchall()
        done = evalh("ledger", "prune", "--label", "one", "--yes")
    assert done.code == 0, done.err
    assert "the file keeps its size for now" in done.err


@pytest.mark.parametrize("name", ["paid.jsonl", "paid.jsonl.gz"])
def test_a_run_is_completed_offline_from_what_another_ledger_exported(finished: Path, name: str) -> None:
    """Export, import elsewhere, run the same with --offline: no request, and the same records to the byte."""
    done = evalh("ledger", "export", name)
    assert (done.code, done.out) == (0, f"18 responses in {name}\n")
    done = evalh("ledger", "import", name, "--ledger", "other.sqlite3")
    assert (done.code, done.out) == (0, "18 responses taken, 0 known already, 0 lines left out\n")
    done = evalh(*SMALL, "--offline", "--quiet", "--ledger", "other.sqlite3", "--out", "results/again")
    assert done.code == 0, done.err
    for file in ("answers.jsonl", "judgments.jsonl"):
        assert Path("results/again", file).read_bytes() == (FOLDER / file).read_bytes()
    assert evalh(*SMALL, "--offline", "--quiet", "--ledger", "third.sqlite3", "--out", "results/none").code == 3


def test_import_names_the_lines_that_are_none(finished: Path) -> None:
    """Exit 1, each line with its fault, at most so many of them; the good ones are taken."""
    evalh("ledger", "export", "paid.jsonl")
    with Path("paid.jsonl").open("a") as f:
        f.write("nothing\n" * 25)
    done = evalh("ledger", "import", "paid.jsonl", "--ledger", "other.sqlite3")
    assert done.code == 1
    assert "18 responses taken, 0 known already, 25 lines left out" in done.out
    assert "paid.jsonl:19: not JSON" in done.err
    assert "… and 5 more" in done.err
    assert evalh("ledger", "verify", "--ledger", "other.sqlite3").code == 0


def test_an_exported_ledger_holds_no_prompt_and_no_key(finished: Path) -> None:
    """Replies, what they cost and where they came from; nothing else."""
    evalh("ledger", "export", "paid.jsonl")
    fields = {name for line in Path("paid.jsonl").read_text("utf-8").splitlines() for name in json.loads(line)}
    assert fields == {
        *("schema", "key", "at", "label", "endpoint", "model", "stage", "run"),
        *("latency", "tries", "request_id", "adapted", "body", "cost"),
    }
