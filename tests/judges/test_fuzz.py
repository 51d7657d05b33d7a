"""Every reader on every scale it fits, given whatever a hostile or broken model may say: no exception, a well-formed reading.

A small part of it runs always; `make test-slow` runs 100,000 examples and the check that a megabyte is read at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES, Reading
from evalh.judges.parse import READERS, parse
from evalh.judges.scale import Kind, Scale
from evalh.judges.spec import READINGS

IN_ALL: Final = 100_000
SCALES: Final[dict[Kind, tuple[Scale, ...]]] = {
    "rating": (
        Scale("rating", 1, 10, 0, not_applicable=True),
        Scale("rating", 1, 10, 2),
        Scale("rating", 0, 4, 0),
        Scale("rating", -5, 5, 1),
        Scale("rating", 1, 5, 0, aspects=("helpfulness", "accuracy", "level of detail"), not_applicable=True),
    ),
    "two-scores": (Scale("two-scores", 1, 10, 2), Scale("two-scores", 0, 100, 0)),
    "three-way": (Scale("three-way"),),
    "two-way": (Scale("two-way"),),
    "five-step": (Scale("five-step"),),
    "preference": (Scale("preference"), Scale("preference", tokens=("1", "2")), Scale("preference", tokens=("A", "B"))),
    "ranking": tuple(Scale("ranking", count=count) for count in (0, 1, 2, 4, 30)),
    "yes-no": tuple(Scale("yes-no", count=count) for count in (0, 1, 3, 12)),
}
PIECES: Final = [
    *("[[A]]", "[[B]]", "[[C]]", "[[ a ]]", "[[tie]]", "[[5]]"),
    *("[[7/10]]", "[[3.5]]", "[[-1]]", "[[A>>B]]", "[[B=A]]", "[[A"),
    *("[[B > A > C > D]]", "[[A, B]]", "B > A", "[RESULT] 4"),
    *("[RESULT] A", "Feedback: ", "### Evaluation", "Output (a)", "Output (b)"),
    *("(8, 9)", "(2, -2)", "8 9", "9/10", "7.5 8", "m"),
    *("M", "model_1", "Therefore, ", "final decision is ", "Response 1", "Tie"),
    *('{"score": 4}', '{"verdict": "A>B"}', '{"ranking": ["B", "A"]}', '{"1": "yes"}', "{", "}"),
    *(":", ",", '"', "null", "NaN", "1e999"),
    *("1. yes", "2. no", "3: Yes, ", "item 1", "helpfulness: 3"),
    *("Accuracy: [[4]]", "level of detail: 2", "N/A", "rank: 1", "'model': 'model_1'"),
    *("Final verdict: ", "Rating: ", "Scores:", "Assistant 1: 8"),
    *("Assistant 2: 9", "a score of 3", "if ", "for example ", "I rate "),
    *("\n", "\n\n", ". ", " ", "> ", "```", "```json\n", "~~~", "`", "'"),
    *("“", "”", "„", "«", "»", "「", "」", "|", "- ", "* ", "# "),
    *("<think>", "</think>", "<|im_end|>", "</s>", "\u200b", "\u202e", "字"),
    *("٣", "８", "\ud800", "\x00", "\x1b[31m", "\r", "\x85"),
    *("9" * 400, "e.g. ", "**", "\\[", "\\", "I'm sorry, I can't assist", "[", "]"),
    *("(", ")", "ſ", "İ", "ß", "¹", "½", "Ⅷ", "፩"),
]
RUNS: Final = st.builds(lambda piece, times: piece * times, st.sampled_from(PIECES), st.integers(2, 400))
REPLIES: Final = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12), RUNS), max_size=6).map("".join),
    st.text(st.characters(), max_size=80),
    st.text("[]()AB<>=0123456789.,/-{}\":' \n", max_size=60),
)
TOKENS: Final = st.one_of(
    st.none(),
    st.lists(
        st.fixed_dictionaries(
            {"token": st.sampled_from(PIECES), "logprob": st.floats(max_value=0)},
            optional={"top": st.dictionaries(st.sampled_from(PIECES), st.floats(), max_size=4)},
        ),
        max_size=4,
    ).map(tuple),
)


def holds(reading: Reading, text: str, scale: Scale, strict: bool) -> None:
    """What has to be true of every reading."""
    assert reading.status in STATUSES
    assert reading.explanation == text
    assert all(isinstance(flag, str) and flag for flag in reading.flags)
    assert ("reading:published" in reading.flags) is not strict
    values = [reading.verdict is not None, reading.preference is not None, bool(reading.scores), bool(reading.ranking)]
    if reading.status != "scored":
        assert not any(values)
        assert reading.strength is None
        return
    if scale.kind == "two-scores":
        ((first, second),) = reading.scores.values()
        assert first is not None
        assert second is not None
        assert reading.verdict == ("A" if first > second else "B" if second > first else "tie")
    else:
        assert sum(values) == 1
    assert reading.verdict in (None, "A", "B", "tie")
    assert reading.preference is None or 0 <= reading.preference <= 1
    if reading.ranking and strict:
        assert len(reading.ranking) == scale.count
        assert min(reading.ranking) == 1
        assert max(reading.ranking) <= scale.count
    numbers = [number for pair in reading.scores.values() for number in pair]
    assert all(number is None or isfinite(number) for number in numbers)
    if strict and scale.kind in ("rating", "two-scores"):
        assert set(reading.scores) == set(scale.aspects)
        assert all(scale.not_applicable if number is None else scale.judge(number) == "scored" for number in numbers)
    if scale.kind == "yes-no":
        assert all(number is not None and 0 <= number <= 1 for number in numbers)


def scales_of(name: str) -> list[Scale]:
    """The scales that a judge folder may give to a reader."""
    reader = READERS[name]
    return [scale for scale in SCALES[reader.scale] if scale.aspects == ("overall",) or reader.by_aspect]


def fuzz(name: str, examples: int) -> None:
    """Draw so many replies for a reader, each with a reading, a scale, an end and probabilities of tokens."""

    @given(
        text=REPLIES,
        reading=st.sampled_from(READINGS),
        scale=st.sampled_from(scales_of(name)),
        truncated=st.booleans(),
        logprobs=TOKENS,
    )
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(text: str, reading: str, scale: Scale, truncated: bool, logprobs: Any) -> None:
        holds(
            parse(name, text, scale, reading=reading, truncated=truncated, logprobs=logprobs), text, scale, reading == "strict"
        )

    check()


@pytest.mark.parametrize("name", READERS)
def test_every_reply_has_a_reading(name: str) -> None:
    """No reader raises, and a reading has exactly one value where it is scored, else none."""
    fuzz(name, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_every_one_of_very_many_replies_has_a_reading(name: str) -> None:
    """The same over 100,000 examples in all."""
    fuzz(name, -(-IN_ALL // len(READERS)))


UNITS: Final = [
    *"a1[](){}\"'`~><\n .,:;*|#-_=/\\?éＡ字\u200b\x00“„",
    *("[[", "]]", "[[A]] ", "[[5]]\n", "[[A>B>C]]", "[1", "(1, 2) "),
    *("(1,", '{"', '{"a": ', "[{", "}]", '{"score": 4} ', "{}\n"),
    *("<think>\n", "</think>", "„a“", "a. ", "1 ", "1. yes\n", "- "),
    *("> ", "```\n", "`a` ", '"a" ', "'a' ", "A > B\n", "A > "),
    *("[RESULT] 5 ", "[RESULT", "Output (a)\n", "Assistant 1: 8\n"),
    *("Assistant 1 gets 8 ", "Rating: ", "helpfulness: 3\n", "sorry "),
    *("### ", "Final verdict: ", "'model': 'model_1', 'rank': 1 ", "Therefore, ", "final decision "),
    *("\\[", "**", "**a**: ", "1, ", "e.g. "),
]


def slowest(name: str, size: int) -> tuple[float, str]:
    """Processor seconds of the slowest reply of one unit over and over, and which it is."""
    worst = (0.0, "")
    for unit in UNITS:
        for before, after in (("", ""), ("[[A]]\n[[5]] (1, 2) ", "x")):
            text = before + unit * (size // len(unit)) + after
            for reading in READINGS:
                began = time.process_time()
                parse(name, text, SCALES[READERS[name].scale][0], reading=reading)
                worst = max(worst, (time.process_time() - began, f"{unit!r}, {reading}"))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_megabyte_is_read_at_once(name: str) -> None:
    """Time grows with the length: a megabyte of any one mark takes no reader 8 seconds, a quadratic one minutes."""
    seconds, which = slowest(name, 1_000_000)
    print(f"{name}: {seconds:.2f} s ({which})")
    assert seconds < 8, which


def test_something_wrong_would_be_seen() -> None:
    """The check refuses readings that are not well-formed."""
    scale = Scale("rating", 1, 10, 0)
    bad: list[tuple[Reading, Scale]] = [
        (Reading("scored", explanation="x"), scale),
        (Reading("scored", scores={"overall": (11.0,)}, explanation="x"), scale),
        (Reading("no_verdict", scores={"overall": (5.0,)}, explanation="x"), scale),
        (Reading("scored", scores={"overall": (5.0,)}), scale),
        (Reading("scored", verdict="B", scores={"overall": (5.0, 4.0)}, explanation="x"), Scale("two-scores")),
    ]
    refused: Callable[[Reading, Scale], None] = lambda reading, of: holds(reading, "x", of, True)  # noqa: E731
    for reading, of in bad:
        with pytest.raises((AssertionError, ValueError)):
            refused(reading, of)
    refused(Reading("scored", scores={"overall": (5.0,)}, explanation="x"), scale)
