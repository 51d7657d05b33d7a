"""Recorded answers: both forms, every fault with its line, and nothing sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evalh.backends.file import FileBackend, open_backend
from evalh.core import wire
from evalh.core.config import ModelSpec
from evalh.core.records import Answer, Completion, Failure, Request
from evalh.errors import BadConfig, PermanentError


def written(*lines: Any, name: str = "answers.jsonl") -> Path:
    """A file of these lines: mappings as JSON, bytes as they are."""
    path = Path(name)
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return path


def opened(*lines: Any) -> FileBackend:
    """A backend on such a file."""
    return open_backend(ModelSpec("label", "file", str(written(*lines))))


def ask(backend: FileBackend, question: str = "q1", turn: int = 1, sample: int = 0) -> Completion:
    """The recorded reply to a question."""
    return asyncio.run(backend.generate(Request(({"role": "user", "content": "?"},), {}, sample, 0, question, turn)))


def test_both_forms_are_read() -> None:
    """Our own answer record, `turns` and `text`; a whole number as id is text."""
    record = Answer("a", "q1", "m", {}, 0, ("One.", "Two."), "length")
    backend = opened(wire.dump(record).strip(), {"question_id": "q2", "turns": ["x"]}, {"question_id": 3, "text": "y"})
    assert ask(backend, turn=1) == Completion("One.", "stop")
    assert ask(backend, turn=2) == Completion("Two.", "length")
    assert (ask(backend, "q2").text, ask(backend, "3").text) == ("x", "y")


def test_samples_are_told_apart() -> None:
    """A model that answered a question more than once."""
    backend = opened({"question_id": "q1", "text": "x"}, {"question_id": "q1", "text": "y", "sample": 1})
    assert (ask(backend).text, ask(backend, sample=1).text) == ("x", "y")


@pytest.mark.parametrize(("question", "turn", "sample"), [("q9", 1, 0), ("q1", 2, 0), ("q1", 1, 1), ("lost", 1, 0)])
def test_what_is_not_recorded_is_a_failure_of_that_answer(question: str, turn: int, sample: int) -> None:
    """Another question, turn or sample, or an answer that was lost when it was recorded: said by name, and final."""
    lost = Answer("b", "lost", "m", {}, 0, (), failure=Failure("timed_out", "silence"))
    backend = opened({"question_id": "q1", "text": "x"}, wire.dump(lost).strip())
    with pytest.raises(PermanentError, match=f"no answer to question {question}, turn {turn}, sample {sample}"):
        ask(backend, question, turn, sample)


def test_marks_and_endings_of_other_systems_are_passed_over() -> None:
    """A byte order mark, CRLF and empty lines are no faults in answers."""
    line = b'{"question_id": "q1", "text": "na\xc3\xafve"}\r'
    assert ask(opened(b"\xef\xbb\xbf" + line, b"", b"\r")).text == "naïve"


def test_halves_of_surrogate_pairs_become_replacement_characters() -> None:
    """So that the answer can be stored."""
    assert ask(opened(b'{"question_id": "q1", "text": "a\\ud800", "finish_reason": "s\\udc00"}')) == Completion(
        "a\ufffd", "s\ufffd"
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "not JSON"),
        (b"[" * 90_000, "not JSON"),
        (b'{"question_id": "\xff"}', "not UTF-8 (byte 17)"),
        (b"[]", "not a JSON object"),
        ({"text": "x"}, "question_id is missing"),
        ({"question_id": None, "text": "x"}, "question_id is missing"),
        ({"question_id": True, "text": "x"}, "question_id is missing"),
        ({"question_id": "q"}, 'an answer needs "turns"'),
        ({"question_id": "q", "text": 3}, 'an answer needs "turns"'),
        ({"question_id": "q", "turns": "x"}, 'an answer needs "turns"'),
        ({"question_id": "q", "turns": [None]}, 'an answer needs "turns"'),
        ({"question_id": "q", "text": "x", "sample": "0"}, "sample must be a whole number"),
        ({"question_id": "q", "text": "x", "sample": True}, "sample must be a whole number"),
        ({"question_id": "q1", "text": "again"}, "a second answer to question q1 (sample 0)"),
    ],
)
def test_a_fault_names_file_and_line(line: Any, fault: str) -> None:
    """Empty lines count, as they do in an editor."""
    with pytest.raises(BadConfig) as caught:
        opened({"question_id": "q1", "text": "x"}, b"", b"", line)
    assert str(caught.value).startswith(f"answers.jsonl:4: {fault}")


def test_a_file_without_answers_is_a_fault() -> None:
    """An empty file, and one that is not there."""
    with pytest.raises(BadConfig, match=r"answers\.jsonl: holds no answer"):
        opened(b"")
    with pytest.raises(BadConfig, match=r"gone\.jsonl: cannot be read \(No such file"):
        open_backend(ModelSpec("l", "file", "gone.jsonl"))


def test_a_file_is_known_by_its_content() -> None:
    """Wherever it lies; a changed file is another model to a run."""
    backend = opened({"question_id": "q1", "text": "x"})
    sha = hashlib.sha256(Path("answers.jsonl").read_bytes()).hexdigest()
    assert backend.identity == {"endpoint": "file:answers.jsonl", "sha256": sha, "label": "label"}
    assert backend.paid is False
