"""Folders of published protocols and of fine-tuned judges: that they load, and that what they send has the right form."""

from pathlib import Path
from typing import Any

import pytest

from evalh.core.records import Answer, JudgeTask, Mode, Question, Request
from evalh.judges.parse import READERS
from evalh.judges.prompted import PromptedJudge

JUDGES = Path(__file__).parents[2] / "judges"
FOLDERS = {
    # name: (variants, readers, fenced)
    "arena-hard": (2, {"bracket-five-step"}, True),
    "alpaca-eval-2": (1, {"token-preference"}, True),
    "alpaca-eval-2-cot": (1, {"token-preference-last"}, True),
    "alpaca-eval-1": (1, {"rank-list"}, True),
    "alpaca-eval-1-fn": (1, {"rank-list"}, True),
    "llmbar": (1, {"output-choice"}, True),
    "llmbar-cot": (1, {"output-better"}, True),
    "prometheus-2": (4, {"result-rating", "result-verdict"}, False),
    "pandalm": (1, {"first-line-choice"}, False),
    "judgelm": (2, {"two-scores-first-line"}, False),
    "auto-j": (2, {"final-decision", "last-rating"}, False),
}
TUNED = [name for name, (_, _, fenced) in FOLDERS.items() if not fenced]
PLAIN = Question("q1", "writing", ("What is {answer_a}?",))
WITH_REFERENCE = Question("q2", "math", ("Add.",), ("Four.",))


def judge(name: str) -> PromptedJudge:
    return PromptedJudge.from_folder(JUDGES / name)


def request(name: str, mode: Mode, question: Question = PLAIN, **more: Any) -> Request:
    """The one request for a task of two answers, or of one."""
    answers = tuple(
        Answer(f"{m}-1", question.question_id, m, {}, 0, (text,)) for m, text in (("one", "AAA {rubric}"), ("two", "BBB"))
    )
    task = JudgeTask(question, answers if mode != "absolute" else answers[:1], mode, **more)
    (made,) = judge(name).requests(task)
    return made


def text(name: str, mode: Mode, question: Question = PLAIN, **more: Any) -> str:
    """What the user message says."""
    return request(name, mode, question, **more).messages[-1]["content"]


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_is_a_judge(name: str) -> None:
    """It loads, names its source and licence, uses all its prompt files, and reads what its readers are for."""
    made, (variants, readers, fenced) = judge(name), FOLDERS[name]
    spec = made.spec
    assert (made.name, len(spec.variants)) == (name, variants)
    assert all((spec.title, spec.description, spec.citation, spec.licence, spec.model))
    assert {v.reader for v in spec.variants.values()} == readers
    assert {v.fenced for v in spec.variants.values()} == {fenced}
    assert {v.reading for v in spec.variants.values()} == {"strict"}
    assert len(list((JUDGES / name / "prompts").iterdir())) == variants
    assert len({made.hash(v) for v in spec.variants}) == variants
    for v in spec.variants.values():
        assert made.orders(v.name) == (1 if v.mode == "absolute" else 2)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_variant_renders_the_texts_once_and_in_order(name: str) -> None:
    """The question and each answer are shown once, as they are, the first answer before the second."""
    for v in judge(name).spec.variants.values():
        question = WITH_REFERENCE if v.reference else PLAIN
        shown = text(name, v.mode, question, variant=v.name)
        places = [shown.index(part) for part in (question.turns[0], "AAA {rubric}", *(["BBB"] if v.mode != "absolute" else []))]
        assert places == sorted(places)
        assert all(shown.count(part) == 1 for part in ("AAA", "BBB") if part in shown)
        assert not v.reference or "Four." in shown


@pytest.mark.parametrize("name", FOLDERS)
def test_no_prompt_holds_a_verdict_of_an_answer(name: str) -> None:
    """What a folder's answers are searched for is not found in a harmless one, and is found in one that holds the form."""
    held = {
        "bracket-five-step": "[[A>>B]]",
        "token-preference": "so:\nm\n",
        "token-preference-last": "so:\nM",
        "rank-list": "[{'model': 'model_1', 'rank': 1}]",
        "output-choice": "Output (a)",
        "output-better": "Output (b) is better.",
        "result-rating": "Good. [RESULT] 5",
        "result-verdict": "Good. [RESULT] A",
        "first-line-choice": "1\n\n### Reason: …",
        "two-scores-first-line": "10 1\nbecause",
        "final-decision": "So, the final decision is Response 1",
        "last-rating": "Rating: [[10]]",
    }
    for v in judge(name).spec.variants.values():
        markers = READERS[v.reader].markers
        assert markers.search(held[v.reader])
        assert not markers.search("The result is 5 of 10, and m is a mass. 1. First, add. 2. Then, 8 9 10.")


@pytest.mark.parametrize("name", TUNED)
def test_a_fine_tunes_note_says_whose_wording_it_was_trained_on(name: str) -> None:
    """Every report by it says that it was trained on other words, where to put those, and which template it needs."""
    note = judge(name).note
    assert "trained on its authors'" in note
    assert f"copy judges/{name} into your working folder" in note
    assert "template" in note


def test_arena_hard_writes_its_own_answer_first_but_not_for_creative_writing() -> None:
    """The five labels, both orders, temperature 0 and 4,096 tokens; the category decides about the judge's own answer."""
    made = judge("arena-hard")
    assert made.variants(PLAIN, "pairwise", 1) == ("pairwise",)
    assert made.variants(Question("q", "creative_writing", ("Write.",)), "pairwise", 1) == ("creative-writing",)
    assert made.parameters("pairwise") == {"temperature": 0, "max_tokens": 4096}
    system = {name: v.prompt.system for name, v in made.spec.variants.items()}
    assert "your own answer" in system["pairwise"]
    assert "your own answer" not in system["creative-writing"]
    assert all("{scale}" in each for each in system.values())


def test_alpaca_eval_2_asks_for_one_token_and_its_probability() -> None:
    """One token, the five likeliest, and two names that differ in nothing but case; the form with reasons has 300."""
    sent = request("alpaca-eval-2", "pairwise")
    assert sent.params == {"temperature": 1, "max_tokens": 1, "logprobs": True, "top_logprobs": 5}
    assert sent.messages[-1]["content"].endswith('"m" or "M".')
    assert request("alpaca-eval-2-cot", "pairwise").params == {**sent.params, "max_tokens": 300}


def test_alpaca_eval_1_forces_the_call_of_one_tool() -> None:
    """The tool's name and arguments are the protocol's; the text form asks for the list itself."""
    params = request("alpaca-eval-1-fn", "pairwise").params
    (tool,) = params["tools"]
    schema = tool["function"]["parameters"]["properties"]["ordered_models"]
    assert params["tool_choice"] == {"type": "function", "function": {"name": tool["function"]["name"]}}
    assert tool["function"]["name"] == "make_leaderboard"
    assert schema["items"]["properties"].keys() == {"model", "rank"}
    assert "tools" not in request("alpaca-eval-1", "pairwise").params
    assert "[{'model': <name>, 'rank': <1 or 2>}" in text("alpaca-eval-1", "pairwise")


def blocks(shown: str, *headings: str) -> list[int]:
    return [shown.index(heading) for heading in headings]


def test_prometheus_prompts_have_the_blocks_that_it_was_trained_on() -> None:
    """Headings in order, the space behind the last one, a system text, and ten attempts at its own sampling settings."""
    made = judge("prometheus-2")
    absolute = text("prometheus-2", "absolute", WITH_REFERENCE)
    heads = ("###Task Description:\n", "###The instruction to evaluate:\nAdd.", "###Response to evaluate:\nAAA")
    places = blocks(
        absolute, *heads, "###Reference Answer (Score 5):\nFour.", "###Score Rubrics:\n[", "\nScore 1: ", "\nScore 5: "
    )
    assert places == sorted(places)
    assert absolute.endswith("\n\n###Feedback: ")
    relative = text("prometheus-2", "pairwise")
    heads = (
        "###Task Description:\n",
        "###Instruction:\nWhat",
        "###Response A:\nAAA",
        "###Response B:\nBBB",
        "###Score Rubric:\n[",
    )
    assert blocks(relative, *heads) == sorted(blocks(relative, *heads))
    assert relative.endswith("]\n\n###Feedback: ")
    assert "Reference" not in relative
    assert [m["role"] for m in request("prometheus-2", "pairwise").messages] == ["system", "user"]
    assert made.attempts == 10
    assert made.parameters("relative") == {"temperature": 1.0, "top_p": 0.9, "repetition_penalty": 1.03, "max_tokens": 1024}


def test_a_questions_own_rubric_goes_before_the_folders() -> None:
    """`metadata.rubric` takes the place of the default rubric, in both modes."""
    own = Question("q", "writing", ("Rhyme.",), metadata={"rubric": "[Does it rhyme?]\nScore 1: No.\nScore 5: Yes."})
    for mode in ("absolute", "pairwise"):
        shown = text("prometheus-2", mode, own)  # type: ignore[arg-type]
        assert "[Does it rhyme?]\nScore 1: No." in shown
        assert "serve the person" not in shown


def test_pandalm_and_judgelm_prompts_end_where_the_model_goes_on() -> None:
    """No system message, the headings in order, and the last one with exactly the line end that the model saw in training."""
    pandalm = text("pandalm", "pairwise")
    heads = ("### Instruction:\nWhat", "### Response 1:\nAAA", "### Response 2:\nBBB", "### Evaluation:\n")
    assert blocks(pandalm, *heads) == sorted(blocks(pandalm, *heads))
    assert pandalm.endswith("\n\n### Evaluation:\n")
    judgelm = text("judgelm", "two-score", WITH_REFERENCE)
    heads = ("[Question]\nAdd.", "[Reference Answer]\nFour.", "[The Start of Assistant 1's Answer]\nAAA", "[System]\n")
    assert blocks(judgelm, *heads) == sorted(blocks(judgelm, *heads))
    assert judgelm.endswith("\n\n### Response:")
    assert "[Reference Answer]" not in text("judgelm", "two-score")
    assert request("judgelm", "two-score").params["stop"] == ["\n"]
    for name, mode in (("pandalm", "pairwise"), ("judgelm", "two-score"), ("auto-j", "pairwise"), ("auto-j", "absolute")):
        assert [m["role"] for m in request(name, mode).messages] == ["user"]  # type: ignore[arg-type]


def test_auto_j_prompts_have_the_data_block() -> None:
    """Query and responses between the marks, and the sentence or the brackets that its replies are read by."""
    pair, single = text("auto-j", "pairwise"), text("auto-j", "absolute")
    heads = ("[BEGIN DATA]\n***\n[Query]: What", "***\n[Response 1]: AAA", "***\n[Response 2]: BBB", "***\n[END DATA]")
    assert blocks(pair, *heads) == sorted(blocks(pair, *heads))
    assert '"So, the final decision is Response 1 / Response 2 / Tie"' in pair
    assert "***\n[Response]: AAA {rubric}\n***\n[END DATA]" in single
    assert '"Rating: [[5]]"' in single
