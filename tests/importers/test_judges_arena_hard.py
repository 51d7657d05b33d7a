"""Arena-Hard's own judge configuration as a judge of ours. The files here have the original's shape and our own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalh.core.records import Answer, JudgeTask, Mode, Question
from evalh.errors import BadImport
from evalh.importers import judges_arena_hard
from evalh.importers.judge_prompts import write
from evalh.judges.prompted import PromptedJudge

NOW: dict[str, Any] = {
    "judge_model": "gpt-4.1",
    "temperature": 0.0,
    "max_tokens": 16000,
    "bench_name": "arena-hard-v2.0",
    "reference": None,
    "regex_patterns": [r"\[\[([AB<>=]+)\]\]", r"\[([AB<>=]+)\]"],
    "prompt_template": "<|Asked|>\n{QUESTION}\n\n<|A|>\n{ANSWER_A}\n<|end|>\n\n<|B|>\n{ANSWER_B}\n<|end|>",
}
BEFORE: dict[str, Any] = {
    "judge_model": "gpt-4-1106-preview",
    "bench_name": "arena-hard-v0.1",
    "pairwise": True,
    "temperature": 0,
    "max_tokens": 4096,
    "regex_pattern": r"\[\[([AB<>=]+)\]\]",
    "number_of_judgment_attempts": 2,
    "system_prompt": "Say who is better.\n",
    "prompt_template": ["{question_1}\n--\n{answer_1}\n--\n{answer_2} "],
}
SETTINGS = """
COMMON = "Say \\"A\\" or B.\\n"
KINDS = {"system_prompt": "unused"}
JUDGE_SETTINGS = {
    "hard_prompt": {"baseline": "x", "system_prompt": COMMON},
    "coding": {"baseline": "x", "system_prompt": COMMON},
    "creative_writing": {"baseline": "y", "system_prompt": "Say who writes " + "better."},
}
raise SystemExit("never run")
"""


def checkout(root: Path, config: dict[str, Any], settings: str = SETTINGS) -> Path:
    """A configuration where it lies in a checkout of Arena-Hard, with the system prompts beside it."""
    for folder in ("config", "utils"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "utils" / "judge_utils.py").write_text(settings, "utf-8")
    file = root / "config" / "arena.yaml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    return file


def asked(judge: PromptedJudge, category: str, mode: Mode, *answers: str) -> tuple[str, list[str]]:
    """(variant, texts of the messages) for one question."""
    question = Question("q", category, ("What is {x}?",), ("The {reference}.",))
    shown = tuple(Answer(str(i), "q", "m", {}, 0, (text,)) for i, text in enumerate(answers))
    (variant,) = judge.variants(question, mode, 1)
    (request,) = judge.requests(JudgeTask(question, shown, mode))
    return variant, [message["content"] for message in request.messages]


PLUS = SETTINGS.replace('"Say who writes " + "better."', '"Say who writes better."')


def test_the_present_form_takes_a_system_prompt_for_each_category(tmp_path: Path) -> None:
    """The system prompts are read from the checkout's Python file without running it; the commonest serves other categories."""
    judge = PromptedJudge(write(judges_arena_hard.read(checkout(tmp_path, NOW, PLUS)), tmp_path / "j"))
    user = "<|Asked|>\nWhat is {x}?\n\n<|A|>\none {QUESTION}\n<|end|>\n\n<|B|>\n[[A>>B]]\n<|end|>"
    for category in ("hard_prompt", "coding", "anything"):
        assert asked(judge, category, "pairwise", "one {QUESTION}", "[[A>>B]]") == ("pair", ['Say "A" or B.\n', user])
    assert asked(judge, "creative_writing", "pairwise", "a", "b")[0] == "pair-creative-writing"
    assert asked(judge, "creative_writing", "pairwise", "a", "b")[1][0] == "Say who writes better."
    assert (judge.model, judge.parameters("pair")) == ("openai:gpt-4.1", {"temperature": 0.0, "max_tokens": 16000})
    variant = judge.spec.variants["pair"]
    assert (variant.reader, variant.scale.kind, variant.orders) == ("bracket-five-step", "five-step", 2)


def test_the_earlier_form_is_a_file_by_itself(tmp_path: Path) -> None:
    """The system prompt stands in the configuration; what was asked again there is named."""
    draft = judges_arena_hard.read(checkout(tmp_path, BEFORE, ""))
    judge = PromptedJudge(write(draft, tmp_path / "j"))
    expected = ("pair", ["Say who is better.\n", "What is {x}?\n--\na\n--\nb "])
    assert asked(judge, "any", "pairwise", "a", "b") == expected
    assert "asked to go on" in " ".join(draft.left_out)
    assert "labels that differ" in " ".join(draft.left_out)


def test_ratings_and_references_are_taken_over(tmp_path: Path) -> None:
    """A configuration that marks single answers becomes a rating; a template with a reference needs questions that have one."""
    single = {**BEFORE, "pairwise": False, "prompt_template": ["{question_1} {ref_answer_1} {answer_1}"], "regex_pattern": "x"}
    draft = judges_arena_hard.read(checkout(tmp_path, single, ""))
    judge = PromptedJudge(write(draft, tmp_path / "j"))
    assert asked(judge, "any", "absolute", "a") == ("single", ["Say who is better.\n", "What is {x}? The {reference}. a"])
    assert judge.spec.variants["single"].reference
    assert "not by the pattern x" in " ".join(draft.left_out)
    now = {**NOW, "prompt_template": "{QUESTION} {REFERENCE} {ANSWER_A} {ANSWER_B}"}
    assert judges_arena_hard.read(checkout(tmp_path, now, PLUS)).variants[0].reference


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (NOW, SETTINGS, "JUDGE_SETTINGS is not a table"),  # an expression is not a constant, and nothing is run
    (NOW, "JUDGE_SETTINGS = JUDGE_SETTINGS", "JUDGE_SETTINGS is not a table"),
    (NOW, "x = 1", "JUDGE_SETTINGS is not a table"),
    (NOW, "def", "cannot be read as Python"),
    ({**BEFORE, "prompt_template": ["a", "b"]}, "", "prompt_template must be a text, or a list of one text"),
    ({**NOW, "prompt_template": "{QUESTION} {ANSWER_A} {ANSWER_C}"}, PLUS, "the field {ANSWER_C}"),
    ({**NOW, "prompt_template": None}, PLUS, "prompt_template must be"),
]


@pytest.mark.parametrize(("config", "settings", "said"), WRONG)
def test_what_cannot_be_taken_over_is_refused(tmp_path: Path, config: dict[str, Any], settings: str, said: str) -> None:
    """The message names the file and what it should hold."""
    with pytest.raises(BadImport, match=re.escape(said)):
        judges_arena_hard.read(checkout(tmp_path, config, settings))


def test_missing_system_prompts_are_asked_for(tmp_path: Path) -> None:
    """Without the checkout's file the message says which option names it, and the option works."""
    file = checkout(tmp_path, NOW, PLUS)
    moved = (tmp_path / "utils" / "judge_utils.py").rename(tmp_path / "elsewhere.py")
    with pytest.raises(BadImport, match="use --settings"):
        judges_arena_hard.read(file)
    assert len(judges_arena_hard.read(file, moved).variants) == 2
