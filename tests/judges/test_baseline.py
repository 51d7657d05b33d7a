"""The judge that counts words: what its components measure, and that nothing else gets in."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.protocols import Judge
from evalh.core.records import Answer, JudgeTask, Question
from evalh.judges import baseline
from evalh.judges.baseline import BaselineJudge, Components, components

JUDGE = BaselineJudge()
QUESTION = Question("q", "knowledge", ("Why do leaves of deciduous trees change colour in autumn?",))
GOOD = (
    "Leaves of deciduous trees change colour because chlorophyll breaks down as the days grow shorter.\n\n"
    "- Carotenoids, present all summer, then show their yellow and orange.\n"
    "- Anthocyanins, made from trapped sugar, add red on cool, bright autumn days.\n\n"
    "Within 2 to 3 weeks a corky layer closes each stem, and the leaf falls."
)


def answer(*turns: str, name: str = "m") -> Answer:
    return Answer(name, "q", name, {}, 0, turns)


def of(text: str, question: Question = QUESTION) -> Components:
    return components(question, (text,), 1)


def test_it_is_a_judge_that_asks_nothing() -> None:
    """It fulfils the protocol, takes any options, sends no request and says what it is."""
    judge = BaselineJudge("floor", model="openai:x", params={"temperature": 1})
    assert isinstance(judge, Judge)
    assert (judge.name, judge.modes, judge.attempts, judge.protocol("absolute")) == (
        "floor",
        ("absolute", "pairwise"),
        1,
        "baseline/absolute",
    )
    assert judge.requests(JudgeTask(QUESTION, (answer(GOOD),), "absolute")) == ()
    assert [judge.variants(QUESTION, mode, 1) for mode in ("absolute", "pairwise", "two-score")] == [
        ("absolute",),
        ("pairwise",),
        (),
    ]
    assert judge.variants(QUESTION, "absolute", 2) == ()
    assert (judge.orders("absolute"), judge.orders("pairwise")) == (1, 2)
    assert "floor for LLM judges, not a judge of quality" in BaselineJudge.note


def test_the_hash_holds_version_and_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version is another judge; a label is not."""
    before = JUDGE.hash("absolute")
    assert before != JUDGE.hash("pairwise")
    assert before == BaselineJudge("other").hash("absolute")
    monkeypatch.setattr(baseline, "VERSION", "next")
    assert JUDGE.hash("absolute") != before


def test_a_score_names_its_components() -> None:
    """The explanation is one short sentence with the five values."""
    reading = JUDGE.read(JudgeTask(QUESTION, (answer(GOOD),), "absolute"))
    assert reading.status == "scored"
    assert reading.explanation.count("\n") == 0
    assert all(
        word in reading.explanation for word in ("relevance", "agreement none", "specificity", "structure", "repetition")
    )
    (score,) = reading.scores["overall"]
    assert score == of(GOOD).score
    assert reading.explanation.startswith(f"{score:.1f}: ")


def test_each_component_moves_as_it_should() -> None:
    """Off topic is less relevant, vague less specific, unfinished less structured, repeated more repetitive."""
    good = of(GOOD)
    assert of("Rockets burn fuel to leave the ground.").relevance < good.relevance
    assert of("Leaves change colour in autumn for a number of reasons.").specificity < good.specificity
    assert of(GOOD[:-12]).structure < good.structure
    assert of(GOOD + "\n\n" + GOOD).repetition > 0.3 > good.repetition == 0
    assert of(GOOD).score > of("Because of autumn.").score > of("").score == 1.0


def test_a_long_answer_in_one_block_is_less_structured() -> None:
    """What is long has to be divided; what is short need not be."""
    block = " ".join(f"Sentence number {n} says something of its own." for n in range(40))
    divided = block.replace("own. ", "own.\n\n")
    assert of(block).structure < of(divided).structure
    assert of("Short and done.").structure == of(GOOD).structure


def test_code_belongs_where_code_is_asked_for() -> None:
    """Code is missed where it is asked for, and counts a little against an answer elsewhere."""
    task = Question("q", "coding", ("Write a Python function that adds two numbers.",))
    code = "```python\ndef add(a, b):\n    return a + b\n```"
    assert of(code, task).structure > of("Add the two numbers.", task).structure
    assert of(code).structure < of("Add the two numbers.").structure


def test_a_reference_is_agreed_with_by_numbers_and_words() -> None:
    """Right numbers agree more than wrong ones; of a reference without numbers the words decide."""
    sums = Question("q", "math", ("How much is it?",), ("The total is 1,250 dollars for 5 boxes.",))
    right, wrong = (
        of("The total for the boxes: 5 of them, 1250 dollars.", sums),
        of("The total for the boxes is 900 dollars.", sums),
    )
    assert (right.agreement or 0) > (wrong.agreement or 0)
    assert right.score > wrong.score
    words = Question("q", "math", ("Why?",), ("Because chlorophyll breaks down.",))
    assert of("Chlorophyll breaks down first.", words).agreement == 1.0
    assert of("", words).agreement == 0.0
    assert "agreement 1.00" in str(of("Chlorophyll breaks down first.", words))


def test_a_question_without_content_words_asks_for_nothing() -> None:
    """Where a question has only function words, every answer is as relevant."""
    assert of("Anything.", Question("q", "x", ("Why?",))).relevance == 1.0


def test_the_second_turn_is_judged_in_its_context() -> None:
    """The second answer is what counts; saying the first one again is repetition, taking it up is relevant."""
    talk = Question("q", "knowledge", (*QUESTION.turns, "And what about evergreen needles?"))
    fresh = "Evergreen needles keep their chlorophyll behind a thick waxy coat, so the trees change no colour in autumn."
    assert components(talk, (GOOD, fresh), 2).score > components(talk, (GOOD, GOOD), 2).score
    assert components(talk, (GOOD, GOOD), 2).repetition == 1.0
    reading = JUDGE.read(JudgeTask(talk, (answer(GOOD, fresh), answer(GOOD, GOOD)), "pairwise", 2))
    assert reading.verdict == "A"


def test_an_answer_that_is_not_there_is_not_judged() -> None:
    """A missing turn is no answer, an empty text is one that scores 1."""
    two = Question("q", "knowledge", ("a", "b"))
    assert JUDGE.read(JudgeTask(two, (answer("x"),), "absolute", 2)).status == "no_answer"
    assert JUDGE.read(JudgeTask(two, (answer(""),), "absolute")).scores["overall"] == (1.0,)


TEXTS = st.one_of(st.text(max_size=200), st.sampled_from([GOOD, GOOD[:200], "No.", "", "字" * 30, "1 2 3", "```\nx\n```"]))


@given(one=TEXTS, other=TEXTS)
@settings(max_examples=200, deadline=None)
def test_it_is_blind_to_position(one: str, other: str) -> None:
    """With the answers exchanged, so is the verdict; the same text twice is a tie; every score is on the scale."""
    verdicts = [
        JUDGE.read(JudgeTask(QUESTION, (answer(a, name="x"), answer(b, name="y")), "pairwise")).verdict
        for a, b in ((one, other), (other, one), (one, one))
    ]
    assert verdicts[1] == {"A": "B", "B": "A", "tie": "tie"}[verdicts[0] or ""]
    assert verdicts[2] == "tie"
    assert 1 <= of(one).score <= 10
    assert of(one) == of(one)


def test_pairs_follow_from_the_scores_with_a_margin() -> None:
    """A lead within the margin is a tie."""
    assert JUDGE.read(JudgeTask(QUESTION, (answer("Because of autumn."), answer(GOOD)), "pairwise")).verdict == "B"
    assert JUDGE.read(JudgeTask(QUESTION, (answer(GOOD), answer(GOOD + " So.")), "pairwise")).verdict == "tie"


@pytest.mark.parametrize("unit", ["a", "a ", "1", "1,", "\n", "字", "[[10]] ", "- ", "**", "def ", "\ud800"])
def test_huge_answers_are_judged_in_linear_time(unit: str) -> None:
    """A very long answer of anything is judged at once."""
    text = unit * (200_000 // len(unit))
    start = time.process_time()
    JUDGE.read(JudgeTask(Question("q", "x", (text,), (text,)), (answer(text), answer(text)), "pairwise"))
    assert time.process_time() - start < 10
