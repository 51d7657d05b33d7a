"""Reading a question set: both forms, and every fault with its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalh.core import questions
from evalh.core.questions import check_questions, open_set, read_questions
from evalh.core.records import Question
from evalh.errors import BadQuestionSet, UnknownName

GOOD: dict[str, Any] = {"question_id": "q1", "category": "math", "turns": ["How many?"]}


def written(path: Path, *lines: Any) -> Path:
    """A question file of these lines: mappings as JSON, bytes as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return path


def test_both_forms_are_read(tmp_path: Path) -> None:
    """Our form with all fields, and that of Vicuna 2023 with a whole number as id and one text."""
    metadata = {"page": 3, "checklist": ["Is it?"], "rubric": "5: yes"}
    full = {**GOOD, "reference": ["Seven."], "tags": ["hard"], "metadata": metadata, "schema": 1}
    file = written(tmp_path / "x.jsonl", full, b"", {"question_id": 2, "text": "Why?", "category": "generic"})
    assert read_questions(file) == (
        Question("q1", "math", ("How many?",), ("Seven.",), ("hard",), metadata),
        Question("2", "generic", ("Why?",)),
    )


def test_null_stands_for_not_given(tmp_path: Path) -> None:
    """Optional fields that are null are as good as absent, and a turn may have no reference."""
    file = written(
        tmp_path / "x.jsonl",
        {**GOOD, "reference": None, "tags": None, "metadata": None},
        {**GOOD, "question_id": "q2", "turns": ["a", "b"], "reference": [None, "r"]},
    )
    first, second = read_questions(file)
    assert (first.reference, first.tags, first.metadata) == ((), (), {})
    assert [second.reference_for(turn) for turn in (1, 2, 3)] == [None, "r", None]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{oops}", "not JSON: Expecting property name enclosed in double quotes (column 2)"),
        (b'{"question_id": 1' + b"0" * 5000 + b"}", "not JSON that can be read"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"question_id": "\xff"}', "not UTF-8 (byte 17)"),
        ("\ufeff" + json.dumps(GOOD), "starts with a byte order mark"),
        ({**GOOD, "turns": ["half \ud800"]}, "holds what no record can hold"),
        ({**GOOD, "metadata": {"n": 2**70}}, "holds what no record can hold"),
        ({**GOOD, "turn": ["x"]}, "unknown field 'turn'. Did you mean 'turns'?"),
        ({**GOOD, "question_id": ""}, "question_id must be text or a whole number"),
        ({**GOOD, "question_id": "  "}, "question_id must be text or a whole number"),
        ({**GOOD, "question_id": True}, "question_id must be text or a whole number"),
        ({**GOOD, "question_id": 1.5}, "question_id must be text or a whole number"),
        ({"category": "c", "turns": ["t"]}, "question_id must be text or a whole number"),
        ({**GOOD, "category": 3}, "category must be non-empty text"),
        ({**GOOD, "category": " "}, "category must be non-empty text"),
        ({"question_id": "q", "turns": ["t"]}, "category must be non-empty text"),
        ({**GOOD, "turns": "How many?"}, "turns must be a list of texts"),
        ({"question_id": "q", "category": "c"}, "turns must be a list of texts"),
        ({**GOOD, "turns": []}, "turns is empty"),
        ({**GOOD, "turns": ["a", " \n"]}, "turns: entry 2 is empty text"),
        ({**GOOD, "turns": [1]}, "turns: entry 1 must be text"),
        ({**GOOD, "turns": [None]}, "turns: entry 1 must be text"),
        ({"question_id": "q", "category": "c", "text": ""}, "turns: entry 1 is empty text"),
        ({**GOOD, "text": "How?"}, '"text" and "turns" both stand there'),
        ({**GOOD, "reference": "Seven."}, "reference must be a list of texts"),
        ({**GOOD, "reference": False}, "reference must be a list of texts"),
        ({**GOOD, "reference": ["a", "b"]}, "reference has 2 entries for 1 turn(s)"),
        ({**GOOD, "reference": [""]}, "reference: entry 1 is empty text"),
        ({**GOOD, "tags": "hard"}, "tags must be a list of texts"),
        ({**GOOD, "tags": [None]}, "tags: entry 1 must be text"),
        ({**GOOD, "metadata": ["x"]}, "metadata must be an object"),
        ({**GOOD, "metadata": {"checklist": "Is it?"}}, "metadata.checklist must be a list of texts"),
        ({**GOOD, "metadata": {"checklist": None}}, "metadata.checklist must be a list of texts"),
        ({**GOOD, "metadata": {"checklist": []}}, "metadata.checklist is empty"),
        ({**GOOD, "metadata": {"checklist": ["Is it?", 3]}}, "metadata.checklist: entry 2 must be text"),
        ({**GOOD, "metadata": {"checklist": ["Is it?\n2. Is it?"]}}, "metadata.checklist: an item is one line"),
        ({**GOOD, "metadata": {"rubric": " "}}, "metadata.rubric must be non-empty text"),
        ({**GOOD, "metadata": {"rubric": ["5: good"]}}, "metadata.rubric must be non-empty text"),
    ],
)
def test_a_fault_names_file_line_and_what_is_wrong(tmp_path: Path, line: Any, fault: str) -> None:
    """Whatever is wrong with a line, the message says where it stands and what it is."""
    text = line.encode() if isinstance(line, str) else line
    file = written(tmp_path / "x.jsonl", *([text] if isinstance(line, str) else [{**GOOD, "question_id": "first"}, text]))
    with pytest.raises(BadQuestionSet) as caught:
        read_questions(file)
    assert str(caught.value).startswith(f"{file}:{1 if isinstance(line, str) else 2}: ")
    assert fault in str(caught.value)


def test_crlf_is_a_fault_once_and_hides_no_other(tmp_path: Path) -> None:
    """CRLF is reported with the first line that has it, and the lines are checked as if it were LF."""
    file = written(tmp_path / "x.jsonl", GOOD, json.dumps({**GOOD, "question_id": "q2"}).encode() + b"\r", b"{\r")
    assert check_questions(file)[1] == [
        f"{file}:2: lines end in CRLF; convert them to LF",
        f"{file}:3: not JSON: Expecting property name enclosed in double quotes (column 2)",
    ]


def test_a_byte_order_mark_is_the_only_fault_it_makes(tmp_path: Path) -> None:
    """The question behind it is read as if it were not there."""
    file = written(tmp_path / "x.jsonl", b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    found, faults = check_questions(file)
    assert [q.question_id for q in found] == ["q1"]
    assert len(faults) == 1


def test_a_second_use_of_an_id_names_the_first(tmp_path: Path) -> None:
    """Duplicate ids are found across lines, also where one is a number and the other text."""
    file = written(tmp_path / "x.jsonl", {**GOOD, "question_id": 1}, GOOD, {**GOOD, "question_id": "1"})
    with pytest.raises(BadQuestionSet, match=r"x\.jsonl:3: question_id '1' stands on line 1 already"):
        read_questions(file)


def test_all_faults_are_listed_together(tmp_path: Path) -> None:
    """Several faults, of one line and of several, come in one message, one line each, in order."""
    file = written(tmp_path / "x.jsonl", {**GOOD, "turn": 1, "turns": []}, GOOD, b"{", GOOD)
    with pytest.raises(BadQuestionSet) as caught:
        read_questions(file)
    lines = str(caught.value).split("\n")
    assert [line.removeprefix(str(file)).split(":")[1] for line in lines] == ["1", "1", "3", "4"]


def test_a_long_list_of_faults_is_cut_and_counted(tmp_path: Path) -> None:
    """Beyond twenty faults the rest is a number."""
    file = written(tmp_path / "x.jsonl", *[b"{"] * 25)
    with pytest.raises(BadQuestionSet, match=r"… and 5 more$") as caught:
        read_questions(file)
    assert len(str(caught.value).split("\n")) == 21


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_holds_no_question(tmp_path: Path, content: bytes) -> None:
    """A file without a question is a fault, not an empty run."""
    file = tmp_path / "x.jsonl"
    file.write_bytes(content)
    with pytest.raises(BadQuestionSet, match="holds no question"):
        read_questions(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The operating system's own word, with the path."""
    with pytest.raises(BadQuestionSet, match=r"gone\.jsonl: No such file"):
        read_questions(tmp_path / "gone.jsonl")


SET_TOML = """
name = "mine"
title = "My own"

[generation.default]
temperature = 0.7

[generation.categories.math]
temperature = 0.0
max_tokens = 5
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A set folder with two categories."""
    folder = tmp_path / "mine"
    written(
        folder / "questions.jsonl",
        GOOD,
        {**GOOD, "question_id": "q2", "category": "art"},
        {**GOOD, "question_id": "q3", "category": "math"},
    )
    (folder / "set.toml").write_text(SET_TOML)
    return folder


def test_a_set_folder_is_read_with_what_it_says_about_itself(mine: Path) -> None:
    """Questions, facts, categories in order, and generation parameters by category over the set's default."""
    found = open_set(str(mine))
    assert (found.name, found.origin, found.about) == ("mine", "path", {"name": "mine", "title": "My own"})
    assert found.categories == ("math", "art")
    assert found.params_for("math") == {"temperature": 0.0, "max_tokens": 5}
    assert found.params_for("art") == {"temperature": 0.7}
    assert len(found.sha256) == 64


def test_a_bare_file_and_a_folder_without_set_toml_are_sets(mine: Path) -> None:
    """Neither facts nor parameters are needed."""
    bare = open_set(str(mine / "questions.jsonl"))
    (mine / "set.toml").unlink()
    folder = open_set(str(mine))
    assert bare.questions == folder.questions
    assert (bare.name, folder.name) == ("questions", "mine")
    assert bare.generation == folder.generation == {}


def test_questions_are_selected_by_category_then_cut(mine: Path) -> None:
    """The limit counts what the categories left."""
    found = open_set(str(mine))
    assert [q.question_id for q in found.select()] == ["q1", "q2", "q3"]
    assert [q.question_id for q in found.select(["math"], 1)] == ["q1"]
    assert [q.question_id for q in found.select(["art", "math"])] == ["q1", "q2", "q3"]
    with pytest.raises(UnknownName, match=r"unknown category of mine 'maths'\. Did you mean 'math'"):
        found.select(["maths"])


def test_an_unknown_set_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """The name, the nearest known one, and that a path works too."""
    with pytest.raises(UnknownName, match=r"question set 'core-8'. Did you mean 'core-80'.*A path to a set folder"):
        open_set("core-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "set.toml: Invalid value"),
        ("licens = 'MIT'", "unknown key 'licens'. Did you mean 'licence'"),
        ("generation = 3", "'generation' must be a table"),
        ("[generation.default]\n\ntemprature = 1", "set.toml:3: unknown key 'temprature'. Did you mean 'temperature'"),
        ("[generation.categories.math]\ntemperature = 'hot'", "set.toml:2: temperature must be a number"),
        ("[generation.maths]\ntemperature = 1", "unknown key 'maths'"),
        (b"name = '\xff'", "set.toml: 'utf-8' codec"),
    ],
)
def test_a_bad_set_toml_is_named(mine: Path, text: Any, said: str) -> None:
    """What a set says about itself is checked like everything else."""
    (mine / "set.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadQuestionSet) as caught:
        open_set(str(mine))
    assert said in str(caught.value)


def test_the_built_in_sets_have_no_fault() -> None:
    """What we ship is read by the same rules."""
    assert len(open_set("core-80").questions) == 80
    assert len(open_set("two-turn-16").questions) == 16
    assert questions.MOST_FAULTS == 20


def test_a_pinned_set_that_was_changed_is_refused(tmp_path: Path) -> None:
    """set.toml's sha256 is held against the file: whoever changes questions has to say so."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "questions.jsonl").write_text('{"question_id": "a", "category": "c", "turns": ["Why?"]}\n')
    (folder / "set.toml").write_text(f'sha256 = "{open_set(str(folder)).sha256}"\n')
    assert len(open_set(str(folder)).questions) == 1
    (folder / "questions.jsonl").write_text('{"question_id": "a", "category": "c", "turns": ["How?"]}\n')
    with pytest.raises(BadQuestionSet, match=r"sha256 is that of another questions\.jsonl"):
        open_set(str(folder))
