"""What holds of every reply, however odd: no reader raises, none is slow, and only what is scored has a value."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES
from evalh.judges.parse import READERS, parse
from evalh.judges.scale import Scale
from evalh.judges.voice import Foreign, plain, separate

SCALES = {
    "rating": Scale("rating", 1, 10, 0),
    "two-scores": Scale("two-scores", 1, 10, 2),
    "three-way": Scale("three-way"),
    "two-way": Scale("two-way"),
    "five-step": Scale("five-step"),
    "preference": Scale("preference"),
    "ranking": Scale("ranking", count=3),
    "yes-no": Scale("yes-no", count=3),
}
PIECES = [
    *(
        "[[A]]",
        "[[B]]",
        "[[C]]",
        "[[ a ]]",
        "[[5]]",
        "[[7/10]]",
        "[[A>>B]]",
        "[[",
        "]]",
        "[5]",
        "(8, 9)",
        "(2, -2)",
        "8 9",
        "9/10",
    ),
    *(
        "Final verdict: ",
        "Rating: ",
        "Scores:",
        "Assistant 1: 8",
        "Assistant 2: 9",
        "a score of 3",
        "if ",
        "for example ",
        "I rate it ",
    ),
    *(
        "\n",
        "\n\n",
        ". ",
        " ",
        "> ",
        "```",
        "~~~",
        "`",
        '"',
        "'",
        "“",
        "”",
        "„",
        "«",
        "»",
        "「",
        "」",
        "<think>",
        "</think>",
        "\u200b",
        "字",
    ),
    *("٣", "８", "\ud800", "\x00", "9" * 400, "e.g. ", "**", "\\[", "\r", "I'm sorry, I can't assist"),
]
REPLIES = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@pytest.mark.parametrize("name", READERS)
@given(text=REPLIES, reading=st.sampled_from(["strict", "published"]), truncated=st.booleans())
@settings(max_examples=200, deadline=None)
@example(text='"[[A]]', reading="strict", truncated=False)
@example(text="<think>" * 50, reading="strict", truncated=False)
@example(text="[[" + "9" * 5000 + "]]", reading="published", truncated=False)
def test_no_reader_raises(name: str, text: str, reading: str, truncated: bool) -> None:
    """Any text has a reading: a status there is, the text as explanation, and a value exactly when it is scored."""
    scale = SCALES[READERS[name].scale]
    result = parse(name, text, scale, reading=reading, truncated=truncated)
    assert result.status in STATUSES
    assert result.explanation == text
    assert (result.status == "scored") == bool(
        result.verdict or result.scores or result.ranking or result.preference is not None
    )
    if reading == "strict" and result.scores and scale.kind != "yes-no":
        assert all(number is not None and scale.judge(number) == "scored" for number in result.scores["overall"])


@given(text=REPLIES)
@settings(max_examples=300, deadline=None)
def test_swapping_the_marks_swaps_the_verdict(text: str) -> None:
    """A reader has no favourite: with A and B exchanged in a reply, so is its verdict."""
    swapped = text.replace("[[A]]", "\0").replace("[[B]]", "[[A]]").replace("\0", "[[B]]")
    if "\0" in text or "[[ a ]]" in text:
        return
    one, other = (parse("bracket-verdict", each, SCALES["three-way"]) for each in (text, swapped))
    assert one.status == other.status
    assert other.verdict == {"A": "B", "B": "A"}.get(one.verdict or "", one.verdict)


@given(text=REPLIES)
@settings(max_examples=300, deadline=None)
def test_foreign_passages_are_ordered_and_apart(text: str) -> None:
    """Passages in which somebody else speaks lie in the text, in order, and do not overlap."""
    foreign = Foreign(plain(text))
    for spans in (foreign.blocks, foreign.inline):
        assert all(0 <= start < end <= len(plain(text)) for start, end in spans)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))


@given(text=REPLIES)
@settings(max_examples=300, deadline=None)
def test_thinking_and_own_words_are_parts_of_the_reply(text: str) -> None:
    """Taking the thinking off makes no text up."""
    own, thinking = separate(text)
    assert len(own) + len(thinking) <= len(text)
    assert thinking or own == text or "<" in text


HUGE = [
    "a",
    "1",
    "[",
    "]",
    "(",
    ")",
    '"',
    "'",
    "`",
    "~",
    ">",
    "\n",
    " ",
    "[[",
    "[[A]] ",
    "[[5]]\n",
    "(1, 2) ",
    "<think>\n",
    "„a“",
    "a. ",
    "1 ",
]


@pytest.mark.parametrize(("unit", "size"), [("a", 1_000_000), *((unit, 50_000) for unit in HUGE)])
def test_huge_replies_are_read_in_linear_time(unit: str, size: int) -> None:
    """A reply of one unit over and over is read at once: a quadratic reader would take minutes over any of these."""
    for name, reader in READERS.items():
        for before, after in (("", ""), ("[[A]]\n[[5]] (1, 2) ", "x")):
            text = before + unit * (size // len(unit)) + after
            for reading in ("strict", "published"):
                start = time.process_time()
                parse(name, text, SCALES[reader.scale], reading=reading)
                assert time.process_time() - start < 3, (name, reading)
