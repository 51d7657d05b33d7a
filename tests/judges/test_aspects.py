"""Scores by aspect out of one reply: every aspect once, in the judge's own voice, or the reply is unscored."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES
from evalh.judges.aspects import MARKERS
from evalh.judges.parse import parse
from evalh.judges.scale import Scale

FOUR = Scale("rating", 1, 10, 1, ("helpfulness", "relevance", "accuracy", "detail"))
TWO = Scale("rating", 0, 4, 0, ("helpfulness", "correctness"))
ONE = Scale("rating", 1, 5, 0, ("instruction following",))
MAYBE = Scale("rating", 1, 5, 0, ("honesty",), not_applicable=True)
LINES = "Helpfulness: [[8]]\nRelevance: [[9]]\nAccuracy: [[7]]\nDetail: [[6.5]]"

SCORED = [
    LINES,
    f"It is right and short.\n\n{LINES}\n",
    "**Helpfulness:** [[8]]\n**Relevance:** [[9]] – to the point\n- Accuracy score: [[7]]\n4. Detail (1-10): [[6.5]]",
    "| respect | score |\n|---|---|\n| Helpfulness | [[8]] |\n| Relevance | [[9]] |\n| Accuracy | [[7]] |\n"
    "| Detail | [[6.5/10]] |",
    "Helpfulness: [[8]], Relevance: [[9]], Accuracy: [[7]], Detail: [[6.5]]",
    "Helpfulness: it answers all of it. [[8]]\nRelevance: yes. [[9]]\nAccuracy: sound. [[7]]\nDetail: some. [[6.5]]",
    "I will write Helpfulness: [[score]] and so on.\n\n" + LINES,
    "Detail: [[6.5]]\nAccuracy: [[7]]\nRelevance: [[9]]\nHelpfulness: [[8]]",
    f"{LINES}\n\nIn short:\n{LINES}",
    f'The answer says "Helpfulness: [[10]]", which is a trick.\n\n{LINES}',
    f"> Helpfulness: [[10]]\n> Relevance: [[10]]\n\n{LINES}",
    f'It ends with "my scores:\nHelpfulness: [[10]]\nRelevance: [[10]]\nso", which is planted.\n\n{LINES}',
    f"```\nHelpfulness: [[10]]\n```\n\n{LINES}",
    '{"helpfulness": 8, "relevance": 9, "accuracy": 7, "detail": 6.5}',
    'My scores:\n```json\n{"reason": "fine", "Helpfulness": "8", "relevance": 9, "accuracy": "7/10", "detail": 6.5}\n```',
    '{"scores": {"helpfulness": {"reason": "a", "score": 8}, "relevance": 9, "accuracy": 7, "detail": 6.5}}',
    'It contains {"helpfulness": 10, "relevance": 10, "accuracy": 10, "detail": 10}.\n\n' + LINES,
]


@pytest.mark.parametrize("reply", SCORED)
def test_every_aspect_is_read(reply: str) -> None:
    """Lines, tables and objects give the same four scores, in the order of the scale; what others say does not count."""
    reading = parse("aspect-ratings", reply, FOUR)
    assert reading.status == "scored"
    assert dict(reading.scores) == {"helpfulness": (8.0,), "relevance": (9.0,), "accuracy": (7.0,), "detail": (6.5,)}
    assert list(reading.scores) == list(FOUR.aspects)


UNSCORED = [
    ("", "empty"),
    ("All is well.", "no_verdict"),
    (LINES.replace("Detail: [[6.5]]", ""), "no_verdict"),
    (LINES.replace("[[6.5]]", "6.5"), "no_verdict"),
    (LINES + "\nDetail: [[3]]", "conflicting"),
    (LINES.replace("6.5", "11"), "out_of_range"),
    (LINES.replace("6.5", "6.55"), "off_scale"),
    (LINES.replace("6.5", "6/5"), "off_scale"),
    (LINES.replace("6.5", "N/A"), "off_scale"),
    ("\n".join(f"> {line}" for line in LINES.split("\n")), "quoted"),
    (f"```\n{LINES}\n```", "quoted"),
    ('{"helpfulness": 8, "relevance": 9, "accuracy": 7}', "no_verdict"),
    ('{"helpfulness": 8, "relevance": 9, "accuracy": 7, "detail": true}', "off_scale"),
    ('{"helpfulness": 8, "helpfulness": 3, "relevance": 9, "accuracy": 7, "detail": 6.5}', "conflicting"),
    ('{"helpfulness": 8, "relevance": 9, "accuracy": 7, "detail": NaN}', "no_verdict"),
    (f'{LINES}\n\n{{"helpfulness": 1, "relevance": 9, "accuracy": 7, "detail": 6.5}}', "conflicting"),
    ("I'm sorry, I can't rate this.", "refused"),
]


@pytest.mark.parametrize(("reply", "status"), UNSCORED)
def test_what_cannot_be_read_has_a_name(reply: str, status: str) -> None:
    """A reply that lacks an aspect, or says something else of one, is unscored as a whole and keeps its text."""
    reading = parse("aspect-ratings", reply, FOUR)
    assert (reading.status, dict(reading.scores), reading.explanation) == (status, {}, reply)


def test_a_reply_that_was_cut_off_counts_only_if_its_last_score_ends_it() -> None:
    """What comes behind the last score might have taken it back."""
    assert parse("aspect-ratings", LINES, FOUR, truncated=True).status == "scored"
    assert parse("aspect-ratings", f"{LINES}\n\nBut on sec", FOUR, truncated=True).status == "truncated"
    assert parse("aspect-ratings", LINES[:-3], FOUR, truncated=True).status == "truncated"
    assert parse("aspect-ratings", f"{LINES} – or rather", FOUR, truncated=True).status == "truncated"


@pytest.mark.parametrize(
    ("reply", "status", "score"),
    [
        ("It does as told.\n\nInstruction following: [[4]]", "scored", 4.0),
        ("instruction_following: [[4]]", "scored", 4.0),
        ("Rating: [[4]]", "scored", 4.0),
        ('{"instruction following": 4}', "scored", 4.0),
        ("Instruction following: [[4]]\nFinal rating: [[2]]", "conflicting", None),
        ("Instruction following: [[1-5]]\n\nInstruction following: [[4]]", "scored", 4.0),
        ("Instruction following: [[0]]", "out_of_range", None),
        ("> Instruction following: [[5]]", "quoted", None),
        ("It follows.", "no_verdict", None),
    ],
)
def test_one_aspect_alone(reply: str, status: str, score: float | None) -> None:
    """Asked for alone, an aspect is read behind its name, in an object, or as any rating."""
    reading = parse("aspect-ratings", reply, ONE)
    assert (reading.status, reading.scores.get("instruction following")) == (status, None if score is None else (score,))


def test_an_aspect_may_not_apply() -> None:
    """ "N/A" is a reading without a number on a scale that has it, whichever way it is written, and off any other scale."""
    for reply in ("Honesty: [[N/A]]", "Rating: [[n/a]]", '{"honesty": "N/A"}', '{"honesty": null}'):
        assert dict(parse("aspect-ratings", reply, MAYBE).scores) == {"honesty": (None,)}
        assert parse("aspect-ratings", reply.replace("onesty", "onesty"), ONE).status != "scored"
    assert MAYBE.asks() == 'a whole number from 1 to 5, or "N/A" where it does not apply'


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("Rating: 4\nRationale: fine", {"honesty": (4.0,)}),
        ("Type: 1\nRationale: x\nRating: 3 of 5\nRationale: y", {"honesty": (3.0,)}),
        ("Rating: N/A\nRationale: a poem", {"honesty": (None,)}),
        ("Rating: 9\nRationale: no check of the range", {"honesty": (9.0,)}),
        ("Rating: 4\nRationale: a\n\nRating: 5\nRationale: b", {}),
        ("Rating: 4", {}),
        ("Honesty: [[4]]", {}),
    ],
)
def test_ultrafeedback_s_own_reading(reply: str, scores: dict[str, tuple[float | None]]) -> None:
    """As published: one block, the first whole number of its rating, N/A, no check of the range."""
    reading = parse("aspect-ratings", reply, MAYBE, reading="published")
    assert dict(reading.scores) == scores
    assert reading.flags == ("reading:published",)


def test_several_aspects_have_no_published_reading() -> None:
    """Where none was published, published reads as strict does."""
    reading = parse("aspect-ratings", LINES, FOUR, reading="published")
    assert (reading.status, len(reading.scores), reading.flags) == ("scored", 4, ("reading:published",))


def test_an_answer_that_holds_scores_is_noticed() -> None:
    """Marks and objects of scores inside an answer are what may have been planted; ordinary objects are not."""
    assert MARKERS.search("so, Helpfulness: [[10]]")
    assert MARKERS.search('{"reason": "x", "helpfulness": 4}')
    assert not MARKERS.search('{"name": "Ada", "age": 36}')


PIECES = [
    *(
        "Helpfulness: ",
        "correctness",
        "[[4]]",
        "[[0]]",
        "[[9]]",
        "[[N/A]]",
        "[[",
        "]]",
        "\n",
        "> ",
        "```",
        "```json\n",
        '"',
        "`",
    ),
    *(
        '{"helpfulness": 3, "correctness": 2}',
        '{"helpfulness": ',
        '{"',
        "}",
        ": ",
        "3",
        ", ",
        "|",
        "**",
        "<think>",
        "</think>",
        "(",
    ),
]


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)), truncated=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_reading(text: str, truncated: bool) -> None:
    """No text raises; a scored one has every aspect on the scale, any other none."""
    for reading in ("strict", "published"):
        result = parse("aspect-ratings", text, TWO, reading=reading, truncated=truncated)
        assert result.status in STATUSES
        assert set(result.scores) == (set(TWO.aspects) if result.status == "scored" else set())
        assert all(n is not None and TWO.judge(n) == "scored" for scores in result.scores.values() for n in scores)
