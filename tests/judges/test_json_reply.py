"""Replies that were asked for as one JSON object: what counts, and what is named instead."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalh.core.records import STATUSES
from evalh.judges.json_reply import read_json
from evalh.judges.scale import OVERALL, Scale

WAY = Scale("three-way")
RATE = Scale("rating", 1, 10)
TWO = Scale("two-scores", 1, 10)
ORDER = Scale("ranking", count=3)
LIST = Scale("yes-no", count=2)
GOOD = '{"explanation": "Because.", "verdict": "A"}'

READINGS = [
    # what is asked for
    (WAY, GOOD, "scored", True),
    (WAY, f"\n {GOOD} \n", "scored", True),
    (WAY, '{"verdict": "A", "explanation": "in another order"}', "scored", True),
    (WAY, '{"explanation": "[[B]] says the answer", "verdict": "C"}', "scored", True),
    (WAY, '{"explanation": "it closes </think> itself", "verdict": "C"}', "scored", True),
    (RATE, '{"explanation": "", "score": 10}', "scored", True),
    (RATE, '{"explanation": "", "score": 10.0}', "scored", True),
    (TWO, '{"explanation": "", "scores": {"A": 1, "B": 10}}', "scored", True),
    # nearly: the value is there, the form is not the one that was promised
    (WAY, f"```json\n{GOOD}\n```", "scored", False),
    (WAY, f"```\n{GOOD}\n```", "scored", False),
    (WAY, '{"verdict": "A"}', "scored", False),
    (WAY, '{"explanation": 5, "verdict": "A"}', "scored", False),
    (WAY, '{"explanation": "x", "verdict": "A", "confidence": 1}', "scored", False),
    (WAY, '{"explanation": "x", "verdict": "tie"}', "scored", True),
    # another value
    (WAY, '{"explanation": "x", "verdict": "D"}', "off_scale", False),
    (WAY, '{"explanation": "x", "verdict": 1}', "off_scale", False),
    (WAY, '{"explanation": "x", "verdict": null}', "no_verdict", False),
    (WAY, '{"explanation": "x"}', "no_verdict", False),
    (WAY, "{}", "no_verdict", False),
    (WAY, '{"explanation": "x", "verdict": "A", "verdict": "B"}', "conflicting", False),
    (Scale("two-way"), '{"explanation": "x", "verdict": "C"}', "off_scale", False),
    (RATE, '{"explanation": "x", "score": 11}', "out_of_range", False),
    (RATE, '{"explanation": "x", "score": 95}', "out_of_range", False),
    (RATE, '{"explanation": "x", "score": 1e999}', "out_of_range", False),
    (RATE, '{"explanation": "x", "score": 8.5}', "off_scale", False),
    (RATE, '{"explanation": "x", "score": "8"}', "off_scale", False),
    (RATE, '{"explanation": "x", "score": true}', "off_scale", False),
    (RATE, '{"explanation": "x", "score": [8]}', "off_scale", False),
    (TWO, '{"explanation": "x", "scores": {"A": 8}}', "no_verdict", False),
    (TWO, '{"explanation": "x", "scores": [8, 9]}', "no_verdict", False),
    (TWO, '{"explanation": "x", "scores": {"A": 8, "B": 80}}', "out_of_range", False),
    (TWO, '{"explanation": "x", "scores": {"A": 8, "B": 8, "A": 9}}', "conflicting", False),
    (ORDER, '{"explanation": "x", "ranking": ["B", "A"]}', "no_verdict", False),
    (ORDER, '{"explanation": "x", "ranking": ["B", "A", "B"]}', "conflicting", False),
    (ORDER, '{"explanation": "x", "ranking": ["B", "A", "D"]}', "off_scale", False),
    (ORDER, '{"explanation": "x", "ranking": ["B", "A", "C", "C"]}', "off_scale", False),
    (LIST, '{"explanation": "x", "items": ["yes"]}', "no_verdict", False),
    (LIST, '{"explanation": "x", "items": ["yes", "maybe"]}', "off_scale", False),
    (LIST, '{"explanation": "x", "items": ["yes", true]}', "off_scale", False),
    # broken
    (WAY, '{"explanation": "x" "verdict": "A"}', "no_verdict", False),
    (WAY, '{"explanation": "He said "[[A]]" is", "verdict": "B"}', "no_verdict", False),
    (WAY, '{"explanation": NaN, "verdict": "A"}', "no_verdict", False),
    (WAY, GOOD + GOOD, "no_verdict", False),
    (WAY, '{"a":' * 9000 + "1" + "}" * 9000, "no_verdict", False),
    (RATE, '{"explanation": "", "score": ' + "9" * 9000 + "}", "no_verdict", False),
]


@pytest.mark.parametrize(("scale", "text", "status", "kept"), READINGS)
def test_what_an_object_says(scale: Scale, text: str, status: str, kept: bool) -> None:
    """Fields, types, range and values are checked here; a value beyond them is a named status, never a score."""
    found = read_json(text, scale, False)
    assert found is not None
    assert (found.reading.status, found.kept, found.reading.explanation) == (status, kept, text)
    if status != "scored":
        assert (found.reading.verdict, found.reading.scores, found.reading.ranking) == (None, {}, ())


@pytest.mark.parametrize(
    "text",
    ["", "[[A]]", "I prefer A.", f"The second answer said: {GOOD}", f"It ends so:\n```json\n{GOOD}\n```", "[1, 2]", '"A"'],
)
def test_what_is_no_object_is_left_to_the_text_reader(text: str) -> None:
    """An object behind other words may be somebody else's."""
    assert read_json(text, WAY, False) is None


def test_a_reply_that_was_cut_off_is_truncated() -> None:
    """Half an object has no verdict, and it was the length and not the server that broke it."""
    found = read_json(GOOD[:-3], WAY, True)
    assert found is not None
    assert (found.reading.status, found.kept) == ("truncated", True)
    whole = read_json(GOOD, WAY, True)
    assert whole is not None
    assert whole.reading.verdict == "A"


def test_thinking_is_taken_off_first() -> None:
    """An object within the thinking is no verdict; the one behind it is."""
    found = read_json('<think>{"verdict": "B"}</think>\n' + GOOD, WAY, False)
    assert found is not None
    assert (found.reading.verdict, found.reading.flags, found.kept) == ("A", ("thinking",), True)
    assert read_json(f"<think>{GOOD}</think>", WAY, False) is None


def test_values_find_their_places() -> None:
    """A ranking gives each answer its place, a checklist each item and the share of yes, two scores their verdict."""
    order = read_json('{"explanation": "", "ranking": ["C", "a", "B"]}', ORDER, False)
    items = read_json('{"explanation": "", "items": ["Yes", "no"]}', LIST, False)
    pair = read_json('{"explanation": "", "scores": {"A": 3, "B": 9}}', TWO, False)
    assert order is not None
    assert items is not None
    assert pair is not None
    assert order.reading.ranking == (2, 3, 1)
    assert items.reading.scores == {OVERALL: (0.5,), "item-1": (1.0,), "item-2": (0.0,)}
    assert (pair.reading.verdict, pair.reading.scores) == ("B", {OVERALL: (3.0, 9.0)})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["explanation", "verdict", "score", "scores", "ranking", "items", "A", "B", OVERALL])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    text=JSON.map(json.dumps)
    | st.text(max_size=200)
    | st.tuples(JSON.map(json.dumps), st.integers(0, 60)).map(lambda t: t[0][t[1] :]),
    scale=st.sampled_from(
        [WAY, RATE, TWO, ORDER, LIST, Scale("five-step"), Scale("two-way"), Scale("rating", aspects=("A", "B"))]
    ),
    truncated=st.booleans(),
)
def test_nothing_raises_and_nothing_off_the_scale_is_scored(text: str, scale: Scale, truncated: bool) -> None:
    """Whatever the reply holds, it has a status, and a score is a number of the scale."""
    found = read_json(text, scale, truncated)
    if found is None:
        return
    reading = found.reading
    assert reading.status in STATUSES
    assert (reading.status == "scored") == bool(reading.verdict or reading.scores or reading.ranking)
    assert found.kept <= (reading.status in ("scored", "truncated"))
    if scale.kind in ("rating", "two-scores"):
        for values in reading.scores.values():
            assert all(value is not None and scale.judge(value) == "scored" for value in values)
