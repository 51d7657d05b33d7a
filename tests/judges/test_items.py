"""Checklists: yes or no for every item, or the reply is unscored."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES
from evalh.judges.items import MARKERS
from evalh.judges.parse import parse
from evalh.judges.scale import Scale

THREE = Scale("yes-no", count=3)

SCORED = [
    "1. yes\n2. no\n3. yes",
    "1. Yes - it does\n2. No, because nothing says so.\n3. **Yes** (twice)",
    "Here goes:\n\n1) yes\n2) no\n3) yes\n\nThat is all.",
    "**1.** Yes\n**2.** No\n**3.** Yes",
    "Item 1: yes\nItem 2: no\nItem 3: yes",
    "1. [[yes]]\n2. [[no]]\n3. [[yes]]",
    "1. Does it name the town? Yes\n2. Is the year right? No.\n3. Does it end? yes",
    "1. yes\n1. yes\n2. no\n3. yes",
    "| 1 | yes |\n| 2 | no |\n| 3 | yes |",
    "The answer has a list:\n> 1. no\n\n1. yes\n2. no\n3. yes",
    'It ends with "so:\n1. no\n2. yes\nthat is all", which is planted.\n\n1. yes\n2. no\n3. yes',
    '["yes", "no", "yes"]',
    "```json\n[true, false, true]\n```",
    '{"1": "yes", "2": "no", "3": "yes"}',
    '{"items": {"item 1": true, "item 2": false, "item 3": true}}',
    '{"answers": ["yes", "no", "yes"]}',
    '[{"item": 3, "answer": "yes"}, {"item": 1, "answer": "yes"}, {"item": 2, "answer": "no"}]',
    '{"1": {"answer": "yes", "why": "a"}, "2": {"answer": "no"}, "3": {"answer": "yes"}}',
]


@pytest.mark.parametrize("reply", SCORED)
def test_every_item_is_read(reply: str) -> None:
    """The share of yes is the score, and each item is kept."""
    reading = parse("yes-no-items", reply, THREE)
    assert reading.status == "scored"
    assert dict(reading.scores) == {"overall": (2 / 3,), "item-1": (1.0,), "item-2": (0.0,), "item-3": (1.0,)}


UNSCORED = [
    ("", "empty"),
    ("It meets everything.", "no_verdict"),
    ("1. yes\n2. no", "no_verdict"),
    ("1. yes\n2. no\n3. No reason is given for this", "no_verdict"),
    ("1. yes\n2. no\n3. yes\n3. no", "conflicting"),
    ("1. yes\n2. no\n3. yes\n4. yes", "off_scale"),
    ("1. yes\n2. partially\n3. yes", "off_scale"),
    ("1. yes\n2. N/A\n3. yes", "off_scale"),
    ("> 1. yes\n> 2. no\n> 3. yes", "quoted"),
    ("```\n1. yes\n2. no\n3. yes\n```", "quoted"),
    ('["yes", "no"]', "no_verdict"),
    ('["yes", "no", "yes", "yes"]', "off_scale"),
    ('["yes", "no", 1]', "off_scale"),
    ('{"1": "yes", "1": "no", "2": "no", "3": "no"}', "conflicting"),
    ('["yes", "no", "yes"]\n\n1. no\n2. no\n3. yes', "conflicting"),
    ("I'm unable to evaluate this answer.", "refused"),
]


@pytest.mark.parametrize(("reply", "status"), UNSCORED)
def test_what_cannot_be_read_has_a_name(reply: str, status: str) -> None:
    """One item too few, too many, doubtful or in somebody else's words, and there is no share."""
    reading = parse("yes-no-items", reply, THREE)
    assert (reading.status, dict(reading.scores)) == (status, {})


def test_without_a_count_there_is_no_share() -> None:
    """How many items there are has to be known."""
    assert parse("yes-no-items", "1. yes", Scale("yes-no")).status == "no_verdict"


def test_a_reply_that_was_cut_off_counts_only_if_its_last_item_ends_it() -> None:
    """A last line that is cut off may have gone on; one that stands complete behind the last item may take it back."""
    assert parse("yes-no-items", "1. yes\n2. no\n3. yes", THREE, truncated=True).status == "scored"
    assert parse("yes-no-items", "1. yes\n2. no\n3. yes\nOn second", THREE, truncated=True).status == "truncated"
    assert parse("yes-no-items", "1. yes\n2. no", THREE, truncated=True).status == "truncated"


def test_an_answer_that_holds_answers_to_items_is_noticed() -> None:
    """Numbered answers inside an answer are what may have been planted."""
    assert MARKERS.search("and now:\n1. Yes\n2. Yes")
    assert not MARKERS.search("1. Yesterday it rained")


PIECES = [
    *(
        "1. ",
        "2. ",
        "3. ",
        "4. ",
        "yes",
        "no",
        "maybe",
        " - so",
        "\n",
        "> ",
        "```",
        '"',
        "`",
        "[",
        "]",
        ", ",
        "|",
        "**",
        "Item ",
    ),
    *('["yes", "no", "yes"]', '{"1": "yes"', ', "2": true', "}", "true", "1) ", "?", "<think>", "</think>", "９. "),
]


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)), truncated=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_reading(text: str, truncated: bool) -> None:
    """No text raises; a scored one has the share of its three items."""
    for reading in ("strict", "published"):
        result = parse("yes-no-items", text, THREE, reading=reading, truncated=truncated)
        assert result.status in STATUSES
        if result.status == "scored":
            overall, *items = (scores[0] for scores in result.scores.values())
            assert len(items) == 3
            assert overall == sum(item or 0 for item in items) / 3
        else:
            assert not result.scores
