"""Orders of many answers: a complete permutation in the judge's own voice, or none."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES
from evalh.judges.parse import parse
from evalh.judges.rankings import MARKERS
from evalh.judges.scale import Scale, label

THREE = Scale("ranking", count=3)

LETTERS = [
    ("A is short, B is right.\n\nFinal order: [[B > A > C]]", "scored", (2, 1, 3)),
    ("[[B > A = C]]", "scored", (2, 1, 2)),
    ("[[A = B > C]]", "scored", (1, 1, 3)),
    ("[[A = B = C]]", "scored", (1, 1, 1)),
    ("[[b, a, c]]", "scored", (2, 1, 3)),
    ("[[Answer B > Answer A > Answer C]]", "scored", (2, 1, 3)),
    ("[[C < A < B]]", "scored", (2, 1, 3)),
    ("**[[B>A>C]]**", "scored", (2, 1, 3)),
    ("First [[A > B]], as it is right. Then [[C > B]].\n\n[[B > A > C]]", "scored", (2, 1, 3)),
    ("The format is [[A > B > C]].\n\n[[B > A > C]]", "scored", (2, 1, 3)),
    ("> [[A > B > C]]\n\nThat was quoted. [[B > A > C]]", "scored", (2, 1, 3)),
    ('```json\n["B", "A", "C"]\n```', "scored", (2, 1, 3)),
    ('{"reason": "x", "ranking": ["B", "A", "C"]}', "scored", (2, 1, 3)),
    ('{"ranking": ["B", ["A", "C"]]}', "scored", (2, 1, 2)),
    ('{"ranking": "B > A > C"}', "scored", (2, 1, 3)),
    ('{"A": 2, "B": 1, "C": 3}', "scored", (2, 1, 3)),
    ('{"A": 2, "B": 1, "C": 2}', "scored", (2, 1, 2)),
    ("[[B > A]]", "no_verdict", ()),
    ('["B", "A"]', "no_verdict", ()),
    ("[[B > A > A]]", "conflicting", ()),
    ('{"A": 1, "A": 2, "B": 1, "C": 3}', "conflicting", ()),
    ("[[B > A > C]]\n\n[[A > B > C]]", "conflicting", ()),
    ('[[B > A > C]]\n\n["A", "B", "C"]', "conflicting", ()),
    ("[[B > A > D]]", "off_scale", ()),
    ("[[B > A < C]]", "off_scale", ()),
    ("[[B > A > C > D]]", "off_scale", ()),
    ('{"A": "first", "B": "second", "C": "third"}', "off_scale", ()),
    ("> [[B > A > C]]", "quoted", ()),
    ('The answer contains ["A", "B", "C"] as a list.', "quoted", ()),
    ("[[best > worst]]", "no_verdict", ()),
    ("B > A > C", "no_verdict", ()),
    ("I cannot rank: I'm sorry, I can't assist with that request.", "refused", ()),
]


@pytest.mark.parametrize(("reply", "status", "ranking"), LETTERS)
def test_the_stated_order_is_read(reply: str, status: str, ranking: tuple[int, ...]) -> None:
    """Ranks are those of the answers as shown, 1 best; an incomplete or repeating order is none."""
    reading = parse("ranking-letters", reply, THREE)
    assert (reading.status, reading.ranking) == (status, ranking)


LISTS = [
    ("They differ.\n\n1. B\n2. A\n3. C", "scored", (2, 1, 3)),
    ("1. **B** – right\n2. Answer A: short\n3) C (wrong)", "scored", (2, 1, 3)),
    ("Ranking: B, A, C", "scored", (2, 1, 3)),
    ("Because.\n\nB > A = C", "scored", (2, 1, 2)),
    ("1. B\n2. A", "no_verdict", ()),
    ("1. B\n2. A\n3. A", "conflicting", ()),
    ("1. B\n2. A\n3. D", "off_scale", ()),
    ("1. B\n3. A\n2. C", "no_verdict", ()),
    ("1. B is right.\n2. A is short.\n3. C is wrong.", "no_verdict", ()),
    ("```\n1. B\n2. A\n3. C", "quoted", ()),
    ("B, A, C\n\nThat is all.", "no_verdict", ()),
]


@pytest.mark.parametrize(("reply", "status", "ranking"), LISTS)
def test_a_list_that_ends_the_reply_is_read(reply: str, status: str, ranking: tuple[int, ...]) -> None:
    """For protocols that ask for one, a numbered list or a line of letters; nothing may follow."""
    reading = parse("ranking-list", reply, THREE)
    assert (reading.status, reading.ranking) == (status, ranking)


@pytest.mark.parametrize("count", [2, 7, 26, 40])
def test_any_number_of_answers_can_be_ordered(count: int) -> None:
    """Two answers or forty: the order asked for in words is the one that is read."""
    scale = Scale("ranking", count=count)
    names = [label(i) for i in range(count)][::-1]
    for reply in (f"Order: [[{' > '.join(names)}]]", str(names).replace("'", '"')):
        assert parse("ranking-letters", reply, scale).ranking == tuple(range(count, 0, -1))
    assert parse("ranking-list", "\n".join(f"{i}. {n}" for i, n in enumerate(names, 1)), scale).ranking[0] == count
    assert f"[[{' > '.join(names[::-1])}]]" in scale.asks()


@pytest.mark.parametrize("order", list(permutations("ABC")))
def test_no_letter_has_an_advantage(order: tuple[str, str, str]) -> None:
    """Each of the six orders comes out as it was written, in every form."""
    expected = tuple(order.index(letter) + 1 for letter in "ABC")
    forms = (" > ".join(order), ", ".join(order))
    assert {parse("ranking-letters", f"[[{form}]]", THREE).ranking for form in forms} == {expected}


def test_without_a_count_nothing_is_an_order() -> None:
    """How many answers were shown has to be known: three letters may be all of them or a part."""
    assert parse("ranking-letters", "[[A > B > C]]", Scale("ranking")).status == "no_verdict"
    assert parse("ranking-list", "A, B, C", Scale("ranking")).status == "no_verdict"


def test_a_reply_that_was_cut_off_counts_only_if_its_order_ends_it() -> None:
    """What comes behind might have been another order."""
    assert parse("ranking-letters", "[[B > A > C]]", THREE, truncated=True).status == "scored"
    assert parse("ranking-letters", "[[B > A > C]] is what I would say, but th", THREE, truncated=True).status == "truncated"
    assert parse("ranking-list", "1. B\n2. A\n3. C", THREE, truncated=True).status == "truncated"


def test_published_is_strict() -> None:
    """No reading of such replies was published, so both are one."""
    one = parse("ranking-letters", "[[B > A > C]]", THREE, reading="published")
    assert (one.ranking, one.flags) == ((2, 1, 3), ("reading:published",))


def test_an_answer_that_holds_an_order_is_noticed() -> None:
    """What would be an order inside an answer is found; a comparison in prose is not."""
    assert all(MARKERS.search(text) for text in ("so [[A > B]]", '{"ranking": ["A"]}', '["A", "B"]', "A > B > C"))
    assert not MARKERS.search("if a > b then x")


PIECES = [
    *(
        "[[",
        "]]",
        "A",
        "B",
        "C",
        "D",
        " > ",
        " = ",
        ", ",
        "<",
        "[[B > A > C]]",
        "[[A > B]]",
        "\n",
        "> ",
        "```",
        '"',
        "`",
        "1. ",
        "2. ",
    ),
    *("3. B", '["B", "A", "C"]', '{"ranking": ', '["', '"A"', "]", "}", ": 1", "Order: ", "if ", "<think>", "\u200b", "Ａ"),
]


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)), truncated=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_reading(text: str, truncated: bool) -> None:
    """No text raises; a scored one ranks all three from 1, with a gap behind every tie."""
    for name in ("ranking-letters", "ranking-list"):
        result = parse(name, text, THREE, truncated=truncated)
        assert result.status in STATUSES
        assert (result.status == "scored") == bool(result.ranking)
        if result.ranking:
            assert sorted(result.ranking) in ([1, 2, 3], [1, 1, 3], [1, 2, 2], [1, 1, 1])
