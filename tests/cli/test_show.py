"""`evalh show`: answers and the judge's words, and nothing that could play tricks with a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.inside import JUDGE, evalh

HOSTILE = "\x1b[2J\x1b]0;pwned\x07 \x9b31m \u202egnp.exe \u200bzero\x00 \r overwritten \u2028 line\x08\x08"


@pytest.fixture
def hostile() -> str:
    """A run whose texts and names hold escape sequences, direction overrides and other unseen characters."""
    question = {"question_id": f"q{HOSTILE}", "category": f"c{HOSTILE}", "turns": [f"Why? {HOSTILE}"]}
    Path("q.jsonl").write_text(json.dumps(question) + "\n", "utf-8")
    answer = {"question_id": question["question_id"], "turns": [f"Because. quality=3 {HOSTILE}"]}
    Path("a.jsonl").write_text(json.dumps(answer) + "\n", "utf-8")
    Path("rules.jsonl").write_text(json.dumps({"match": "", "reply": f"Good {HOSTILE} [[A]]"}) + "\n", "utf-8")
    models = ("--models", "a=file:a.jsonl,b=file:a.jsonl")
    judge = ("--judge", "gpt-4", "--judge-model", "scripted:rules.jsonl")
    done = evalh("run", "--questions", "q.jsonl", *models, *judge, "--mode", "pairwise", "--quiet", "--no-report")
    assert done.code == 0, done.err
    return "q--gpt-4"


@pytest.mark.parametrize(
    "command", [("show",), ("report", "--no-report"), ("report", "--format", "json"), ("runs", "--format", "json")]
)
def test_nothing_unseen_reaches_the_terminal(hostile: str, command: tuple[str, ...]) -> None:
    """No control character, direction override or zero-width space of a text or a name is printed as it is."""
    done = evalh(*command, *(() if command[0] == "runs" else (hostile,)))
    assert done.code == 0
    bad = [c for c in "\x00\x07\x08\x1b\x9b\r" if c in done.out + done.err]
    assert bad == []
    if command[0] == "show":
        assert not [c for c in "\u202e\u200b\u2028" if c in done.out]
        assert "⟨U+001B⟩[2J" in done.out
        assert "⟨U+202E⟩gnp.exe" in done.out


def test_names_of_questions_are_shown_safely(hostile: str) -> None:
    """`evalh questions show` and `validate` keep to the same rule."""
    done = evalh("questions", "show", "q.jsonl")
    assert not [c for c in HOSTILE if not c.isprintable() and c in done.out.replace("\n", "")]


def test_it_shows_what_was_asked_answered_and_judged(finished: Path) -> None:
    """Question, each answer under its model, each judgment under its judge, mode and the order shown."""
    done = evalh("show", finished, "--question", "writing-01")
    assert done.out.startswith("\nwriting-01 · writing\n====")
    assert done.out.count("\none\n---") == done.out.count("\ntwo\n---") == 1
    assert "gpt-4, absolute, turn 1: one\n" in done.out
    assert "gpt-4, pairwise, turn 1: one then two\n" in done.out
    assert "gpt-4, pairwise, turn 1: two then one\n" in done.out
    assert "verdict: " in done.out
    assert "Compared " in done.out
    assert "writing-02" not in done.out


def test_it_can_be_narrowed_to_models(finished: Path) -> None:
    """--models leaves out the answers of the others, and what was said of them alone."""
    done = evalh("show", finished, "--question", "writing-01", "--models", "two")
    assert "\none\n" not in done.out
    assert "absolute, turn 1: one" not in done.out
    assert "absolute, turn 1: two" in done.out


@pytest.mark.parametrize(("option", "wrong", "near"), [("--question", "writing-1", "writing-01"), ("--models", "tow", "two")])
def test_a_wrong_name_gets_the_nearest(finished: Path, option: str, wrong: str, near: str) -> None:
    """A question or a model that the run does not have is exit 2."""
    done = evalh("show", finished, option, wrong)
    assert done.code == 2
    assert f"'{near}'" in done.err
    assert done.out == ""


def test_what_is_unscored_says_so() -> None:
    """A judgment without a verdict is shown as such, with the judge's words; an answer that failed says why."""
    Path("rules.jsonl").write_text('{"match": "", "reply": "I would rather not say."}\n', "utf-8")
    Path("some.jsonl").write_text('{"question_id": "writing-01", "turns": ["x"]}\n', "utf-8")
    judge = ("--judge", "gpt-4", "--judge-model", "scripted:rules.jsonl")
    evalh("run", "--models", "some=file:some.jsonl", *judge, "--limit", "2", "--mode", "absolute", "--quiet", "--no-report")
    done = evalh("show", "core-80--gpt-4")
    assert "unscored (no_verdict)\nI would rather not say." in done.out
    assert "unscored (no_answer)" in done.out
    assert "no answer: some.jsonl holds no answer to question writing-02" in done.out


def test_turns_are_told_apart() -> None:
    """A two-turn question shows both turns and the judgments of each."""
    models = ("--models", "one=scripted:words")
    run = ("run", *models, *JUDGE, "--questions", "two-turn-16", "--limit", "1", "--mode", "absolute")
    assert evalh(*run, "--quiet", "--no-report").code == 0
    done = evalh("show", "two-turn-16--gpt-4")
    assert "[turn 1] " in done.out
    assert "[turn 2] " in done.out
    assert "absolute, turn 1: one" in done.out
    assert "absolute, turn 2: one" in done.out
    assert "overall: " in done.out
