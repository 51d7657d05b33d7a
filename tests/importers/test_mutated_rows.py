"""Rows of every format with fields gone or turned into something else: an import ends well, or with an error of evalh's."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.errors import BadImport, EvalhError
from evalh.exporters.taking import file_name, named
from evalh.importers.fields import whole
from evalh.importers.question_files import bring_in as make_questions
from importers.test_formats import CORE, answer, fastchat_folder, game, pair, put, single
from support.schema import check_folder

PROMPT = "###The instruction to evaluate:\nq\n\n###Response to evaluate:\nr\n\n###Score Rubrics:\n[c]\n\n###Feedback:"
TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
BATTLE: dict[str, Any] = {"question_id": 1, "model_a": "x", "model_b": "y", "winner": "tie", "judge": "j", "turn": 1}
QUESTIONS = "questions"
ROWS: dict[str, list[dict[str, Any]]] = {
    "fastchat": [
        single(), pair(), {"question_id": 81, "category": "c", "turns": ["q"], "reference": ["r"]},
        answer(81, "m", "t") | {"conv_metadata": {"token_len": 1}},
    ],
    "alpaca-eval": [CORE | {"raw_completion": {"text": "m"}}, {"instruction": "i", "output": "o", "generator": "g"}],
    "arena-hard": [
        {"uid": "u", "category": "c", "judge": "j", "model": "m", "baseline": "b", "games": [game("A>B"), game("B>A")]},
        {"uid": "u", "category": "c", "prompt": "p"},
        {"uid": "u", "model": "m", "messages": [*TALK[:1], {"role": "assistant", "content": {"answer": "x"}}], "metadata": {}},
    ],
    "battles": [
        BATTLE | {"prompt": "p", "response_a": "a", "response_b": "b", "about": {"reference": ["r"], "metadata": {"k": 1}}},
        BATTLE | {"conversation_a": TALK, "conversation_b": TALK, "conv_metadata": {"sum_assistant_a_tokens": 1}},
    ],
    "mt-bench-human": [BATTLE | {"judge": ["expert_1", None]}],
    "llmbar": [
        {"input": "i", "output_1": "a", "output_2": "b", "label": 1},
        {"row": 0, "label": 1, **{o: {"completion": ["x", "stop"], "winner": "1"} for o in ("original", "swapped")}},
    ],
    "pandalm": [
        {"idx": 0, "motivation_app": "M", "cmp_key": "a_b", "instruction": "i", "input": "n", "response1": "r",
         "response2": "s", "annotator1": 1, "annotator2": 0, "annotator3": 2},
        {"idx": 0, "gpt_result": "1", "gpt_reason": "w"},
    ],
    "judgelm": [
        {"question_id": 0, "question_body": "q", "answer1_body": "a", "answer2_body": "b", "score": [1, 2], "text": "1 2"},
        {"question_id": 0, "answer1_id": "", "answer2_id": "", "score": [1, 2], "text": "1 2"},
        {"question_id": 0, "reference": {"text": "r"}}, {"question_id": 0, "question_body": "q", "text": "a", "model": "z"},
    ],
    "prometheus": [
        {"orig_instruction": "i", "orig_response": "r", "orig_criteria": "c", "orig_score": "3", "orig_feedback": "w"},
        {"response_source": "m", "category": "c", "instruction": PROMPT, "gpt4_score": [3, 4], "gpt4_feedback": ["a", "b"]},
        {"source": "s", "chosen_instruction": PROMPT, "rejected_instruction": PROMPT, "tie": 0},
        {"orig_instruction": "i", "orig_response_A": "r", "orig_response_B": "s", "orig_preference": "A"},
    ],
    "reward-bench": [{"id": 1, "subset": "s", "prompt": "p", "chosen": "a", "rejected": "b", "chosen_model": "m"}],
    "auto-j": [{"scenario": "s", "label": 0, "prompt": "p", "response 1": "a", "response 2": "b"}],
    "wildvision": [{"question_id": "u", "judge": "j", "model": "m", "baseline": "b", "games": [game("A>B")]}],
    QUESTIONS: [{"id": 1, "question": "q", "answer": "a", "category": "c", "input": "x", "extra": {"k": [1]}}],
}  # fmt: skip
ODD: list[Any] = [
    None, "", "x", "y", 0, 1, 2, -1, 1.5, 1e308, True, False, [], {}, ["x"], [1, 2], [None, None], [["x"]], {"a": 1},
    {"content": None}, {"answer": "x"}, TALK, "model_1", "tie", "error", "A", "[[A]]", game("A>B"), [{"score": None}, None],
    {"winner": "1", "completion": ["x", "stop"]}, "a_b", PROMPT, "9" * 400, "\u202e\x00", 10**30,
]  # fmt: skip
TARGETS = {"fastchat": "fc", "alpaca-eval": "ae", "arena-hard": "ah", "battles": "b.jsonl", "huggingface": "hf"}


def _changed(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A row with none, one or two fields gone or turned into something else."""
    row = dict(row)
    for _ in range(rng.choice([0, 1, 1, 2])):
        key = rng.choice(list(row))
        if rng.random() < 0.15 and len(row) > 1:
            del row[key]
        else:
            row[key] = rng.choice(ODD)
    return row


def _try(form: str, rng: random.Random) -> bool:
    """One import of changed rows; whether it went well. What did is valid, and can be exported or is refused in words."""
    shutil.rmtree("f", ignore_errors=True)
    for n, row in enumerate(ROWS[form]):
        put(f"f/{n}.jsonl", [_changed(row, rng) for _ in range(rng.randint(1, 2))])
    for left in ("r", *TARGETS.values()):
        shutil.rmtree(left, ignore_errors=True)
        if Path(left).is_file():
            Path(left).unlink()
    try:
        if form == QUESTIONS:
            make_questions("f", Path("r"))
            return True
        run = library.import_run("f", "r", rng.choice([form, form, None]))
    except EvalhError:
        assert not Path("r").exists()
        return False
    check_folder(Path("r"))
    assert len(run.results) >= 0
    for target, out in TARGETS.items():
        try:
            library.export_run(run, target, out, judge=next(iter(run.manifest["judges"]), None))
        except EvalhError:
            assert not Path(out).exists()
    return True


@pytest.mark.parametrize("form", ROWS)
def test_rows_that_were_changed(form: str) -> None:
    """A few changes of each format: no traceback, no half of a run, and nothing written that is not valid."""
    rng = random.Random(form)
    assert {_try(form, rng) for _ in range(12)} == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("form", ROWS)
def test_rows_that_were_changed_in_many_ways(form: str) -> None:
    """The same, 300 times for each format."""
    rng = random.Random(f"many {form}")
    assert {_try(form, rng) for _ in range(300)} == {True, False}


def test_numbers_and_names_beyond_what_files_hold() -> None:
    """A turn beyond 64 bits is refused, an id of 400 digits stays text, a name with a NUL becomes a file's name."""
    with pytest.raises(BadImport, match="x:1: turn must be a whole number"):
        whole({"turn": 1e308}, "x:1", "turn", 1)
    assert named("9" * 400) == "9" * 400
    assert named("123") == 123
    assert file_name("a\x00b\n") == "a_b_"


def test_a_name_too_long_for_a_file_leaves_no_file_open() -> None:
    """A model whose name no file can have ends an export in one message; what was open is closed and nothing is left."""
    rows = [CORE, CORE | {"instruction": "How?", "generator_2": "9" * 400}]
    run = library.import_run(put("a.json", rows, array=True), "r")
    for form in ("alpaca-eval", "fastchat", "arena-hard"):
        with pytest.raises(EvalhError, match="File name too long"):
            library.export_run(run, form, "out")
        assert not Path("out").exists()


def test_metadata_of_an_answer_that_is_no_object() -> None:
    """Text where FastChat counts tokens is passed over, and the answer taken."""
    folder = fastchat_folder()
    put("f/model_answer/m.jsonl", [answer(81, "m", "One.", "Two.") | {"conv_metadata": "many"}])
    assert library.import_run(folder, "r").answers[0].params == {}
