"""FastChat's own judge prompts as a judge of ours: what is asked is what FastChat asks, to the byte."""

from __future__ import annotations

import gzip
import json
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evalh.core.records import Answer, JudgeTask, Mode, Question
from evalh.errors import BadImport
from evalh.importers import judges_fastchat
from evalh.importers.judge_prompts import write
from evalh.judges.prompted import PromptedJudge
from support.shared_data import shared


def lines(path: Path) -> list[dict[str, Any]]:
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def judge_of(file: Path, folder: Path) -> PromptedJudge:
    return PromptedJudge(write(judges_fastchat.read(file), folder))


def questions(folder: Path) -> dict[Any, Question]:
    """The questions of an original folder, with GPT-4's references as FastChat puts them in."""
    given = {row["question_id"]: row["choices"][0]["turns"] for row in lines(folder / "reference_answer" / "gpt-4.jsonl")}
    return {
        row["question_id"]: Question(
            str(row["question_id"]), row["category"], tuple(row["turns"]), tuple(given.get(row["question_id"], ()))
        )
        for row in lines(folder / "question.jsonl")
    }


def answers_in(template: str, filled: str, known: Mapping[str, str]) -> dict[str, str]:
    """What a rendered prompt holds in the places of its answers: all the rest of it has to be the template's own text."""
    pattern, seen = "", set()
    for literal, name, _, _ in string.Formatter().parse(template):
        pattern += re.escape(literal)
        if name in known:
            pattern += re.escape(known[name])
        elif name:
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    match = re.fullmatch(pattern, filled, re.DOTALL)
    assert match is not None
    return match.groupdict()


def rendered(judge: PromptedJudge, question: Question, mode: Mode, turn: int, given: Mapping[str, str]) -> tuple[str, str, str]:
    """(variant, system text, user text) that our judge sends for answers under FastChat's names."""
    sides = ("answer",) if mode == "absolute" else ("answer_a", "answer_b")
    turns = [tuple(given[side] if turn == 1 else given[f"{side}_{t}"] for t in range(1, turn + 1)) for side in sides]
    answers = tuple(Answer(str(i), question.question_id, "m", {}, 0, each) for i, each in enumerate(turns))
    (variant,) = judge.variants(question, mode, turn)
    (request,) = judge.requests(JudgeTask(question, answers, mode, turn))
    system, user = (message["content"] for message in request.messages)
    assert request.params == {"temperature": 0, "max_tokens": 2048}
    return variant, system, user


def stored_rows() -> Iterator[tuple[str, Mode, dict[str, Any], str]]:
    """(file, mode, row, rendered prompt) of everything that FastChat stored."""
    for path in sorted(shared("mt-bench", "single").glob("*.gz")):
        for row in lines(path):
            yield path.name, "absolute", row, row["user_prompt"]
    for path in sorted(shared("mt-bench", "pair").glob("*.gz")):
        for row in lines(path):
            for game in ("g1", "g2"):
                yield path.name, "pairwise", row, row[f"{game}_user_prompt"]


def test_every_stored_request_of_mt_bench_is_rendered_again_to_the_byte(tmp_path: Path) -> None:
    """Imported, FastChat's prompts give the user text of every stored row, and the system text of the file."""
    file = shared("mt-bench", "judge_prompts.jsonl")
    judge, originals = judge_of(file, tmp_path / "fc"), {row["name"]: row for row in lines(file)}
    asked = questions(shared("mt-bench", "mt_bench"))
    seen = Counter[str]()
    for where, mode, row, stored in stored_rows():
        question, name = asked[row["question_id"]], row["judge"][1]
        known = {"question": question.turns[0]}
        for turn in (1, 2):
            known |= {f"question_{turn}": question.turns[turn - 1], f"ref_answer_{turn}": question.reference_for(turn) or ""}
        given = answers_in(originals[name]["prompt_template"], stored, known)
        variant, system, user = rendered(judge, question, mode, row["turn"], given)
        assert variant == name, (where, row["question_id"])
        assert user.encode() == stored.encode(), (where, row["question_id"], row["turn"])
        assert system.encode() == originals[name]["system_prompt"].encode()
        seen[name] += 1
    assert seen == {
        "single-v1": 560,
        "single-v1-multi-turn": 550,
        "single-math-v1": 330,
        "single-math-v1-multi-turn": 330,
        "pair-v2": 100,
        "pair-math-v1": 50,
    }


def test_the_reviews_of_2023_are_rendered_as_their_script_did(tmp_path: Path) -> None:
    """Each category gets its own instruction, put in by `str.format` with the file's defaults, and its own settings."""
    file = shared("vicuna-bench-2023", "prompt.jsonl")
    judge, originals = judge_of(file, tmp_path / "v"), {row["category"]: row for row in lines(file)}
    question_file = shared("vicuna-bench-2023", "question.jsonl")
    answers = [
        {row["question_id"]: row["text"] for row in lines(shared("vicuna-bench-2023", "answer", f"answer_{name}.jsonl"))}
        for name in ("gpt35", "vicuna-13b")
    ]
    used = Counter[str]()
    for row in lines(question_file):
        question = Question(str(row["question_id"]), row["category"], (row["text"],))
        original = originals.get(row["category"], originals["general"])
        a, b = (each[row["question_id"]] for each in answers)
        shown = tuple(Answer(str(i), question.question_id, "m", {}, 0, (text,)) for i, text in enumerate((a, b)))
        (variant,) = judge.variants(question, "two-score", 1)
        (request,) = judge.requests(JudgeTask(question, shown, "two-score"))
        filled = original["prompt_template"].format(question=row["text"], answer_1=a, answer_2=b, **original["defaults"])
        assert [m["content"] for m in request.messages] == [original["system_prompt"], filled]
        assert (judge.orders(variant), request.params) == (1, {"temperature": 0.2, "max_tokens": 1024})
        used[variant] += 1
    assert used == {"general": 70, "coding": 7, "math": 3}


OWN = {
    "name": "single-v1",
    "type": "single",
    "system_prompt": "  Mark it. \n\n",
    "prompt_template": '\n{{"q": {question}, {{answer}}}}\r\n<{answer}>\n ',
    "category": "general",
    "output_format": "[[rating]]",
}


def own(folder: Path, *changes: dict[str, Any]) -> Path:
    """A prompt file in our own words, a line for each set of changes."""
    file = folder / "judge_prompts.jsonl"
    file.write_text("".join(json.dumps({**OWN, **change}) + "\n" for change in changes), "utf-8")
    return file


def test_blanks_line_ends_and_braces_come_out_as_they_were(tmp_path: Path) -> None:
    """Nothing is trimmed, and what the original escapes is text; what stands in an answer is never filled."""
    judge = judge_of(own(tmp_path, {}), tmp_path / "own")
    given = {"answer": "{question} {{x}} \r\n[[10]]"}
    _, system, user = rendered(judge, Question("1", "writing", ("{answer} \x1b",)), "absolute", 1, given)
    assert system == "  Mark it. \n\n"
    assert user == '\n{"q": {answer} \x1b, {answer}}\r\n<{question} {{x}} \r\n[[10]]>\n '


def test_what_cannot_be_taken_over_is_said(tmp_path: Path) -> None:
    """A prompt that FastChat never asks with, and a form of reply that we have no reader for, are named, not just dropped."""
    two = {"name": "pair-v2", "type": "pairwise", "prompt_template": "{question} {answer_a} {answer_b}"}
    file = own(tmp_path, {}, {"name": "single-v0"}, {**two, "output_format": "[[rating_a,rating_b]]"})
    draft = judges_fastchat.read(file)
    assert [v.name for v in draft.variants] == ["single-v1"]
    said = " ".join(draft.left_out)
    assert all(each in said for each in ("single-v0", "pair-v2", "[[rating_a,rating_b]]"))
    alone = judges_fastchat.read(own(tmp_path, {"name": "our own form!"}))
    assert [v.name for v in alone.variants] == ["our-own-form"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prompt_template": "{question} {answer} {style}"}, ":1: the field {style} is none that evalh can fill"),
    ({"prompt_template": "{question!r} {answer}"}, ":1: the field {question} is not a plain name"),
    ({"prompt_template": "{question} {answer} {"}, ":1: is no template of str.format"),
    ({"prompt_template": "{{{question}}} {answer}"}, ":1: has a field directly between two other braces"),
    ({"prompt_template": "{question}"}, "the field {answer} is not used"),
    ({"prompt_template": 5}, ":1: lacks prompt_template"),
    ({"output_format": "[[letter]]"}, "none of these prompts can be taken over"),
    ({"name": None}, ":1: lacks name"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_prompt_that_makes_no_judge_is_refused_whole(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """The message names file and line, and nothing is left behind."""
    with pytest.raises(BadImport, match=re.escape(said)):
        judge_of(own(tmp_path, change), tmp_path / "judges" / "own")
    assert not list((tmp_path / "judges").glob("*")) if (tmp_path / "judges").exists() else True


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file of something else is refused with what was expected."""
    file = tmp_path / "question.jsonl"
    file.write_text('{"question_id": 1}\n', "utf-8")
    with pytest.raises(BadImport, match=r"neither judge_prompts\.jsonl"):
        judges_fastchat.read(file)
    for content, said in ((b"{}\n[1]", r":2: is not a JSON object"), (b"\n{", ":2: is not a JSON"), (b"\xff", "is not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(BadImport, match=said):
            judges_fastchat.read(file)


def test_a_review_prompt_without_its_reviewer_has_the_published_settings(tmp_path: Path) -> None:
    """Braces in a default are text; without reviewer.jsonl the settings of 2023 are taken, and that is said."""
    row = {
        "prompt_id": 1,
        "system_prompt": "Mark.",
        "prompt_template": "{question}|{answer_1}|{answer_2}|{prompt}",
        "defaults": {"prompt": "Say {question}."},
        "category": "general",
    }
    file = tmp_path / "prompt.jsonl"
    file.write_text(json.dumps(row), "utf-8")
    draft = judges_fastchat.read(file)
    assert "There is no reviewer.jsonl" in " ".join(draft.left_out)
    judge = PromptedJudge(write(draft, tmp_path / "r"))
    shown = tuple(Answer(str(i), "q", "m", {}, 0, (text,)) for i, text in enumerate("ab"))
    (request,) = judge.requests(JudgeTask(Question("q", "any", ("Q",)), shown, "two-score"))
    assert [m["content"] for m in request.messages] == ["Mark.", "Q|a|b|Say {question}."]
    assert request.params == {"temperature": 0.2, "max_tokens": 1024}
    file.write_text(json.dumps({**row, "defaults": [1]}), "utf-8")
    with pytest.raises(BadImport, match=":1: defaults must be an object"):
        judges_fastchat.read(file)
