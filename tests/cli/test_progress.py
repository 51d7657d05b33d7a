"""Progress: a line that says everything, redrawn on a terminal, said now and then elsewhere, or as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from evalh.cli import progress
from evalh.cli.progress import Progress
from evalh.pipeline.scheduler import Tally


class _Engine:
    """An engine that has got somewhere."""

    def __init__(self, **tally: Any) -> None:
        self.tally = Tally(**tally)


class _Book:
    """A book with so many answers and these counts."""

    def __init__(self, there: int = 0, **counts: int) -> None:
        self.answers = dict.fromkeys(range(there))
        self.counts = {name.replace("_", " "): n for name, n in counts.items()}


def _watch(engine: Any, book: Any, **options: Any) -> Progress:
    watcher = Progress(**options)
    watcher.start(engine, book, 10, 20)
    return watcher


def test_the_last_line_says_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Done of how many, what came from the ledger, retries, failures, unscored, asked again, tokens, dollars, unpriced."""
    engine = _Engine(sent=9, cached=3, retries=2, input_tokens=1200, output_tokens=345, usd=0.0123, unpriced={"[bold]"})
    _watch(engine, _Book(10, answers_failed=1, judgments=15, judgments_kept=5, unscored=4, asked_again=6)).stop()
    said = capsys.readouterr().err
    for part in (
        *("answers 10/10", "judgments 20/20", "3 from the ledger", "2 retries", "1 answers failed", "4 unscored"),
        *("6 verdicts asked again", "1,545 tokens", "$0.0123", "no price for [bold]"),
    ):
        assert part in said


def test_time_left_is_guessed_from_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """With a third done, there is a guess; with everything done, there is none."""
    watcher = _watch(_Engine(), _Book(10, answers=10))
    watcher._began = time.monotonic() - 60
    watcher.stop()
    assert "about 2:0" in capsys.readouterr().err
    _watch(_Engine(), _Book(10, judgments=20)).stop()
    assert "left" not in capsys.readouterr().err


def test_plain_lines_come_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from a terminal a line is said every few seconds, not at every reply."""
    monkeypatch.setattr(progress, "EVERY", 0.01)
    watcher = _watch(_Engine(), _Book(1))
    deadline = time.monotonic() + 10
    said = ""
    while said.count("answers 1/10") < 3 and time.monotonic() < deadline:
        said += capsys.readouterr().err
    watcher.stop()
    assert said.count("answers 1/10") >= 3


@pytest.mark.parametrize(("verbose", "shown"), [(0, ["torn"]), (1, ["torn", "; try 2 in"])])
def test_retries_are_said_on_request(capsys: pytest.CaptureFixture[str], verbose: int, shown: list[str]) -> None:
    """What matters is always said; retries and their reasons with -v."""
    watcher = Progress(verbose=verbose)
    watcher.log("answers.jsonl: the last line was torn")
    watcher.log("answer one, question q: HTTP 500; try 2 in 0.5 s")
    said = capsys.readouterr().err
    assert [text for text in ("torn", "; try 2 in") if text in said] == shown


def test_quiet_is_quiet_but_for_what_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    """--quiet: no progress and no notes; why a run did not end well is said nevertheless, without control characters."""
    watcher = _watch(_Engine(), _Book(3), quiet=True)
    watcher.say("a note")
    watcher.stop()
    assert capsys.readouterr().err == ""
    watcher.must_say("the server said \x1b[2J")
    assert capsys.readouterr().err == "evalh: the server said ⟨U+001B⟩[2J\n"


def test_json_lines_have_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    """--log-format json: an object a line, with the figures by name where it is progress."""
    watcher = _watch(_Engine(sent=4, in_flight=1, unpriced={"b", "a"}), _Book(2), form="json")
    watcher.say("a note")
    watcher.stop()
    watcher.must_say("it failed")
    note, last, error = map(json.loads, capsys.readouterr().err.splitlines())
    assert note == {"event": "note", "text": "a note"}
    assert error == {"event": "error", "text": "it failed"}
    assert last["event"] == "progress"
    keys = {"answers", "answers_total", "judgments", "judgments_total", "failed", "unscored", "asked_again", "sent", "received"}
    keys |= {"cached", "in_flight", "retries", "input_tokens", "output_tokens", "usd", "unpriced", "per_second", "seconds_left"}
    assert keys <= set(last)
    assert (last["answers"], last["sent"], last["received"], last["unpriced"]) == (2, 4, 3, ["a", "b"])


def test_a_live_display_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the line is redrawn; notes go above it, and names that look like markup stay what they are."""
    watcher = _watch(_Engine(unpriced={"[red]"}), _Book(1), live=True)
    watcher.say("a note about [bold]one[/bold]")
    watcher.stop()
    said = capsys.readouterr().err
    assert "a note about [bold]one[/bold]" in said
    watcher.stop()  # a second time does no harm
