"""Prompt files and the filling of them."""

import pytest

from evalh.judges.fence import Block
from evalh.judges.prompt import allowed_fields, fill, missing_fields, parse_prompt
from evalh.judges.scale import Scale

FILLED = [
    ("{question}", {"question": "Why?"}, "Why?"),
    ("{question} {answer}", {"question": "{answer}", "answer": "yes"}, "{answer} yes"),
    ("{question}{question}", {"question": "{question}"}, "{question}{question}"),
    ('{"a": {answer}}', {"answer": "1"}, '{"a": 1}'),
    ("f(x) = {x | x > 0}, {answer}", {"answer": "{}"}, "f(x) = {x | x > 0}, {}"),
    ("{{answer}} {answer}", {"answer": "x"}, "{answer} x"),
    ("{ answer } {Answer} {0} {}", {}, "{ answer } {Answer} {0} {}"),
    ("{answer}", {"answer": "\\1 \\g<0> %s $x {0} {{answer}}"}, "\\1 \\g<0> %s $x {0} {{answer}}"),
    ("{answer_a_1}|{answer_a_2}", {"answer_a_1": "1", "answer_a_2": ""}, "1|"),
]


@pytest.mark.parametrize(("template", "values", "expected"), FILLED)
def test_fields_are_filled_in_one_pass(template: str, values: dict[str, str], expected: str) -> None:
    """What is put in is never looked at again, and braces that hold no field are text."""
    assert fill(template, values) == expected


def test_a_fenced_text_has_lines_of_its_own() -> None:
    """Wherever in a line a field stands, the fence begins and ends a line; other fields stay within theirs."""
    values = {"answer": Block("<<\nx\n>>"), "fence": "c"}
    for template in ("{answer}", "\n{answer}\n", "a\n{answer}\nb"):
        assert fill(template, values) == template.replace("{answer}", "<<\nx\n>>")
    assert fill('Code {fence}: "{answer}"{answer} end', values) == 'Code c: "\n<<\nx\n>>\n"\n<<\nx\n>>\n end'


def test_a_prompt_has_a_system_and_a_user_part() -> None:
    """The two parts are parted by lines of their own, and each field is remembered with its line."""
    prompt, faults = parse_prompt("\ufeff[system]\r\nBe fair.\r\n\r\n[user]\r\n{question}\r\n{answer} {question}\r\n")
    assert faults == []
    assert (prompt.system, prompt.user) == ("Be fair.", "{question}\n{answer} {question}")
    assert prompt.fields == {"question": 5, "answer": 6}


def test_the_system_part_may_be_left_out() -> None:
    """A prompt without a system text has none."""
    prompt, faults = parse_prompt("\n \n[user]\n{{literal}} [system] in a line is text\n")
    assert (prompt.system, faults, prompt.fields) == ("", [], {})


def test_faults_of_a_prompt_name_their_line() -> None:
    """Text before the first part, a part given twice and a missing user part are faults."""
    assert [line for line, _ in parse_prompt("hello\n[system]\nx\n[system]\ny\n")[1]] == [1, 4, 1]


def test_which_fields_a_prompt_may_and_must_use() -> None:
    """A field of the turn judged may carry its number or not; earlier turns need one, and a reference has to be allowed."""
    two = allowed_fields(("answer_a", "answer_b"), 2, False)
    assert {"question", "question_1", "answer_a_2", "answer_b", "scale", "category"} <= two
    assert not {"answer", "answer_a_3", "reference", "reference_1"} & two
    assert "reference_2" in allowed_fields(("answer",), 2, True)
    assert missing_fields(frozenset({"question_2", "answer_2"}), ("answer",), 2, False) == []
    assert missing_fields(frozenset({"question_1", "answer_1"}), ("answer",), 2, True) == ["question", "answer", "reference"]


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (Scale("rating", 1, 10, 0), "a whole number from 1 to 10"),
        (Scale("rating", 0, 4.5, 1), "a number from 0 to 4.5"),
        (Scale("two-scores", 1, 10, 2), "a number from 1 to 10"),
        (Scale("three-way"), '"[[A]]" if assistant A is better, "[[B]]" if assistant B is better, "[[C]]" for a tie'),
        (Scale("five-step"), "[[A>>B]], [[A>B]], [[A=B]], [[B>A]] or [[B>>A]]"),
    ],
)
def test_a_scale_says_how_to_ask_for_its_values(scale: Scale, words: str) -> None:
    """The words of a scale stand in for {scale} in a prompt."""
    assert scale.asks() == words


def test_a_scale_says_what_a_number_is_on_it() -> None:
    """A number beyond an end is out of range, and one with too many decimals is off the scale."""
    scale = Scale("rating", 1, 10, 1)
    found = [scale.judge(number) for number in (1, 10, 8.5, 8.25, 0.5, 10.25, float("nan"), float("inf"))]
    assert found == ["scored"] * 3 + ["off_scale"] + ["out_of_range"] * 4
