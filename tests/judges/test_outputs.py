"""The better of two without a tie: "Output (a)", "Output (a) is better.", and [[A]] or [[B]]."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.judges.parse import parse
from evalh.judges.scale import Scale

TWO = Scale("two-way")

NAMED = [
    ("Output (a)", "A"),
    (" Output (b)\n", "B"),
    ("**Output (b)**", "B"),
    ('"Output (a)".', "A"),
    ("Better: Output (b)", "B"),
    ("(a)", "A"),
    ("output B", "B"),
    ("Output (a)\n\nIt does what was asked. Output (b) does not.", "A"),
    ("Ausgabe: Output (b)", "B"),
    ("答案：Output (a)", "A"),
    ("> Output (b)\n\nOutput (a)", None),  # the place is the first line
]


@pytest.mark.parametrize(("text", "verdict"), NAMED)
def test_the_name_alone_on_the_first_line(text: str, verdict: str | None) -> None:
    """The plain form is the name and nothing else; reasons may follow."""
    assert parse("output-choice", text, TWO).verdict == verdict


UNNAMED = [
    ("Output (a) is better.", "no_verdict"),
    ("Output (a) or Output (b)", "no_verdict"),
    ("Both outputs are good.", "no_verdict"),
    ("I think it is\nOutput (a)", "no_verdict"),
    ("Output (c)", "off_scale"),
    ("Output (a)\nOutput (b)", "conflicting"),
    ("> Output (a)", "quoted"),
    ("I cannot provide a response that would help to compare these.", "refused"),
    ("", "empty"),
]


@pytest.mark.parametrize(("text", "status"), UNNAMED)
def test_anything_else_names_nothing(text: str, status: str) -> None:
    """Sentences, both names, a third one, somebody else's line: a named status."""
    reading = parse("output-choice", text, TWO)
    assert (reading.status, reading.verdict) == (status, None)


BETTER = [
    ("Output (b) is better.", "B"),
    ("Output (a) explains. Output (b) does not. Therefore, Output (a) is better.", "A"),
    ("Therefore, because Output (b) is right and Output (a) is not, Output (b) is better.", "B"),
    ("Output (b) is better. It names its sources.\n\nTherefore, Output (b) is better.", "B"),
    ("**Output (a)** is better.", "A"),
    ("Hence I choose Output (b) as the better output.", "B"),
    ('"Output (a) is better."', "A"),
    ('I will say "Output (a) is better." or "Output (b) is better."\n\nIt misses the point. Output (b) is better.', "B"),
    ("If it were shorter, Output (a) is better. But it is long. Output (b) is better.", "B"),
    ("It is not the case that Output (a) is better. Output (b) is better.", "B"),
    ("Es folgt der Anweisung.\n\nOutput (b) is better.", "B"),
]


@pytest.mark.parametrize(("text", "verdict"), BETTER)
def test_the_sentence_wherever_the_judge_states_it(text: str, verdict: str) -> None:
    """The explaining form says it in one sentence, at the beginning or at the end."""
    reading = parse("output-better", text, TWO)
    assert (reading.status, reading.verdict) == ("scored", verdict)


NOT_BETTER = [
    ("Output (a) is longer.", "no_verdict"),
    ("Neither Output (a) nor Output (b) is better.", "no_verdict"),
    ("I cannot say whether Output (a) is better.", "no_verdict"),
    ("Either Output (a) is better or both are the same.", "no_verdict"),
    ("Output (a) is better if length counts.", "no_verdict"),
    ("Output (c) is better.", "off_scale"),
    ("Output (a) is better. No: Output (b) is better.", "conflicting"),
    ("> Output (a) is better.\n\nThat is what it says of itself.", "quoted"),
    ("The second one claims “Output (b) is better.”", "quoted"),
    ("", "empty"),
]


@pytest.mark.parametrize(("text", "status"), NOT_BETTER)
def test_what_is_no_statement_is_no_verdict(text: str, status: str) -> None:
    """Doubts, conditions, both and quotations: a named status."""
    reading = parse("output-better", text, TWO)
    assert (reading.status, reading.verdict) == (status, None)


def test_a_sentence_before_the_cut_may_be_taken_back() -> None:
    """What goes on and is cut off is truncated; what ends with the sentence is whole."""
    assert parse("output-better", "Output (a) is better. But then Outp", TWO, truncated=True).status == "truncated"
    assert parse("output-better", "So, Output (a) is better.", TWO, truncated=True).verdict == "A"


BRACKETS = [
    ("Assistant A is right.\n\n[[A]]", "scored", "A"),
    ("Urteil: [[B]]", "scored", "B"),
    ("I will answer [[A]] or [[B]].\n\n[[B]]", "scored", "B"),
    ("[[C]]", "off_scale", None),
    ("Final verdict: [[Tie]]", "off_scale", None),
    ("Final verdict: [[A/B]]", "off_scale", None),
    ("Final verdict: [[A>B]]", "off_scale", None),
    ("Final verdict: [[A]]\n\nFinal verdict: [[B]]", "conflicting", None),
    ("Final verdict: [[A]]\n\nFinal verdict: [[C]]", "conflicting", None),
    ("> [[A]]", "quoted", None),
    ("It is A.", "no_verdict", None),
]


@pytest.mark.parametrize(("text", "status", "verdict"), BRACKETS)
def test_marks_without_a_tie(text: str, status: str, verdict: str | None) -> None:
    """The reader of [[A]] and [[B]] reads like that of three marks, and has no third."""
    reading = parse("bracket-choice", text, TWO)
    assert (reading.status, reading.verdict) == (status, verdict)


def test_the_published_readings_take_what_comes_first_in_the_question() -> None:
    """LLMBar asks for (a) before (b), MT-bench for A before B, anywhere in the reply."""
    assert parse("output-choice", "I say:\n Output (b)\nOutput (a)", TWO, reading="published").verdict == "A"
    assert parse("output-choice", "**Output (b)**", TWO, reading="published").status == "no_verdict"
    assert parse("output-better", "Output (b) is better. Output (a) is better?", TWO, reading="published").verdict == "A"
    assert parse("output-better", "Output (b) is better", TWO, reading="published").status == "no_verdict"
    assert parse("bracket-choice", "[[B]] and not [[A]]", TWO, reading="published").verdict == "A"


PIECES = [
    "Output (a)",
    "Output (b)",
    " is better",
    ".",
    "[[A]]",
    "[[B]]",
    "\n",
    "> ",
    "```\n",
    '"',
    "if ",
    "not ",
    "nor ",
    "<think>",
]
READERS = ("output-choice", "output-better", "bracket-choice")


@given(text=st.lists(st.sampled_from(PIECES), max_size=15).map("".join) | st.text(), truncated=st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_reply_can_make_them_raise_and_none_is_a_tie(text: str, truncated: bool) -> None:
    """Any text has a reading in both ways, A or B exactly when it is scored, and the other one with the names exchanged."""
    swapped = text.replace("(a)", "\0").replace("(b)", "(a)").replace("\0", "(b)")
    swapped = swapped.replace("[[A]]", "\0").replace("[[B]]", "[[A]]").replace("\0", "[[B]]")
    for name in READERS:
        for reading in ("strict", "published"):
            got = parse(name, text, TWO, reading=reading, truncated=truncated)
            assert (got.status == "scored") == (got.verdict in ("A", "B"))
        one, other = (parse(name, each, TWO, truncated=truncated) for each in (text, swapped))
        if "\0" not in text and text == text.strip("[](),ab"):
            assert (one.status, one.verdict) == (other.status, {"A": "B", "B": "A"}.get(other.verdict or ""))
