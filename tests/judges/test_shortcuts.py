"""Reading is quick by shortcuts; each gives what the long way gives, over made-up replies and over the corpus of real ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import Reading
from evalh.judges import marks, objects, scores, voice
from evalh.judges.parse import _complete, _rating_value, _step_value, _verdict_value, parse
from evalh.judges.scale import Scale
from evalh.judges.voice import Foreign, plain
from evalh.judges.words import Words
from judges.test_properties import PIECES, REPLIES, SCALES
from judges.test_replies import FIRST_LINES, FIVE_STEPS, RATINGS, TUPLES, VERDICTS

CORPUS = [row[0] for row in (*VERDICTS, *RATINGS, *FIVE_STEPS, *FIRST_LINES, *TUPLES)]
MORE = [
    *("‘", "’", "it's ", "'s", "',' ", ">", "- > ", "* >", "** ", "is ", "must output ", "when ", "one of ", "not ", "than "),
    *(
        " for a tie",
        "1 gets 8/10 and Assistant 2 gets 9/10",
        "receives a score of 3",
        "Verdict: ",
        "ſ",
        "İf ",
        "``",
        "better ",
        "{'x' ",
        "('x) ",
    ),
]
TEXTS = st.one_of(REPLIES, st.lists(st.sampled_from([*PIECES, *MORE]), max_size=25).map("".join), st.sampled_from(CORPUS))
WORDS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": words
    for module in (marks, objects, scores)
    for name, words in vars(module).items()
    if isinstance(words, Words)
}
INTERPRET: dict[str, marks.Interpret] = {
    "verdict": _verdict_value,
    "step": _step_value,
    "rating": lambda content, of: _rating_value(content, of, Scale("rating", 1, 10, 2)),
}


class Whole(Foreign):
    """Every passage, wherever the marks stand."""

    __slots__ = ()

    def __init__(self, text: str, since: int = 0) -> None:
        super().__init__(text)


def long_way(text: str, interpret: marks.Interpret) -> marks.Decision:
    """`marks.decide` without a shortcut: every passage is found, and every mark is put on its step."""
    found = [marks.Mark(*m.span(), value) for m in marks.MARK.finditer(text) if (value := interpret(m[1], m[2])) is not None]
    if not found:
        return marks.Decision("no_verdict")
    last_line = text.rfind("\n", 0, len(text.rstrip())) + 1
    foreign = Whole(text)
    own = [mark for mark in found if marks._is_own(mark, text, foreign, last_line)]
    if not own:
        return marks.Decision("quoted")
    placed = list(marks._steps(text, own, last_line))
    for step in (1, 2, 3):
        if top := [mark for at, mark in placed if at == step]:
            return marks._settle(top, [mark for at, mark in placed if at > step], text)
    values = {mark.value for mark in own if mark.start >= last_line}
    talks = re.compile(marks._TALKS.pattern, re.I).search(text, last_line)
    return marks.Decision("conflicting" if len(values) > 1 and not talks else "no_verdict")


@pytest.mark.parametrize("kind", INTERPRET)
@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_verdict_is_decided_as_the_long_way_decides_it(kind: str, text: str) -> None:
    """One mark, or none behind which a quotation could end, is the same verdict by the short way."""
    text = plain(text)
    assert marks.decide(text, INTERPRET[kind]) == long_way(text, INTERPRET[kind])


@pytest.mark.parametrize("name", ["bracket-verdict", "bracket-rating", "bracket-five-step", "score-tuple"])
def test_the_corpus_is_read_as_with_every_passage_found(name: str) -> None:
    """Over the whole corpus, each reply with another one before and behind it as well."""
    scale = SCALES[
        {"bracket-verdict": "three-way", "bracket-rating": "rating", "bracket-five-step": "five-step"}.get(name, "two-scores")
    ]
    texts = [*CORPUS, *(f"{a}\n\n{b}" for a, b in zip(CORPUS, reversed(CORPUS), strict=True))]
    short = [parse(name, text, scale) for text in texts]
    with patch.object(marks, "Foreign", Whole):
        assert short == [parse(name, text, scale) for text in texts]


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_passages_are_those_that_go_on_after_a_place(text: str) -> None:
    """`Foreign` of a later place holds a place behind it exactly when the whole one does."""
    whole = Foreign(text)
    for since in {0, len(text) // 2, max(0, len(text) - 8)}:
        late = Foreign(text, since)
        for at in range(since, len(text)):
            assert (late.block(at), late.quotation(at)) == (whole.block(at), whole.quotation(at))


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_quick_searches_find_what_plain_ones_find(text: str) -> None:
    """Characters, code, block quotes, quotations and prose scores, each beside the simplest way to find them."""
    if not text.isascii():
        assert voice._UNPLAIN.sub(voice._cousin, text) == text.translate(voice._TABLE)
    code = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]+)\1(?!`)")
    assert [m.span() for m in voice._INLINE.finditer(text)] == [m.span() for m in code.finditer(text)]
    lines = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?>[^\n]*$", re.M)
    assert voice._blockquotes(text) == [m.span() for m in lines.finditer(text)]
    quick = voice._quotations(text)
    with patch.object(voice, "_QUOTES", re.compile(r"[\"'“”„«»「」『』‘’]")):
        assert quick == voice._quotations(text)
    assert scores._PROSE_BEGINS.search(text) or not scores._PROSE.search(text)


@pytest.mark.parametrize("name", WORDS)
def test_every_match_in_ascii_holds_a_stem(name: str) -> None:
    """Whatever the pattern matches alone is found: no word of it lacks its stem."""
    words = WORDS[name]

    @given(text=st.from_regex(re.compile(words.pattern, re.I), fullmatch=True, alphabet=st.characters(max_codepoint=127)))
    @settings(max_examples=600, deadline=None)
    def check(text: str) -> None:
        assert words.search(text)
        assert words.last(text) >= 0

    check()


@pytest.mark.parametrize("name", WORDS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_words_are_found_as_by_their_pattern(name: str, data: st.DataObject) -> None:
    """In text made of a match, of stems, or of anything, words are found where the pattern ignoring case finds them."""
    words = WORDS[name]
    pattern = re.compile(words.pattern, re.I)
    pieces = st.one_of(st.from_regex(pattern), st.sampled_from(words.stems), TEXTS)
    change: Callable[[str], str] = data.draw(st.sampled_from([str, str.upper, str.title]))
    text = change("".join(data.draw(st.lists(pieces, min_size=1, max_size=3))))
    starts = [m.start() for m in pattern.finditer(text)]
    assert words.search(text) == bool(starts)
    assert words.last(text) == (starts[-1] if starts else -1)


def test_a_reading_is_completed_with_nothing_lost() -> None:
    """Flags and explanation are put in, and every other field stays."""
    reading = Reading("scored", "A", 2, 0.75, {"overall": (1.0, 2.0)}, (2, 1), ("before",), "before")
    whole = _complete(reading, ("after",), "text")
    changed = {"flags": ("after",), "explanation": "text"}
    for name in Reading.__dataclass_fields__:
        assert getattr(whole, name) == changed.get(name, getattr(reading, name))
