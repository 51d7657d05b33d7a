"""Records and their lines: round trips, stable bytes, and faults that name where they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core import wire
from evalh.core.records import Answer, Failure, Judgment, Question, Usage, Vote
from evalh.errors import CorruptRecord, UnsupportedSchema

QUESTION = Question("q1", "math", ("How many?", "And why?"), (None, "Seven."), ("hard",), {"source": {"page": 3}})
ANSWER = Answer("a1", "q1", "vicuna", {"temperature": 0.7}, 0, ("Seven.",), "stop", Usage(12, 3), ("length:1",))
JUDGMENT = Judgment(
    "u-0", "g", "q1", 1, "gpt-4", "hash", "gpt-4/pair", "pairwise", ("a1", "a2"), "scored", "A", 2, 0.75,
    {"overall": (8.0, None)}, (1, 2), 0, 1, ("quoted",), "[[A]]", Usage(None, 5), None,
)  # fmt: skip
VOTE = Vote("q1", "vicuna", "alpaca", "tie", "Zoë", 2)
LOST = Answer("a2", "q1", "alpaca", {}, 1, (), failure=Failure("refused", "policy"))

# Text as people write it: any script, controls, separators and emoji, but no halves of surrogate pairs.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
whole = st.integers(-(2**63), 2**63)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(texts, plain, max_size=3)
tuples = st.lists(texts, max_size=3).map(tuple)
usages = st.none() | st.builds(Usage, st.none() | st.integers(0, 2**53), st.none() | st.integers(0, 2**53))
failures = st.none() | st.builds(Failure, texts, texts)
questions = st.builds(Question, texts, texts, tuples, st.lists(st.none() | texts, max_size=2).map(tuple), tuples, tables)
answers = st.builds(
    Answer, texts, texts, texts, tables, whole, tuples, st.none() | texts, usages, tuples, failures
)  # fmt: skip
judgments = st.builds(
    Judgment, texts, texts, texts, whole, texts, texts, texts, st.just("pairwise"), tuples, st.just("scored"),
    st.none() | st.sampled_from(["A", "B", "tie"]), st.none() | whole, st.none() | numbers,
    st.dictionaries(texts, st.lists(st.none() | numbers, max_size=2).map(tuple), max_size=2),
    st.lists(whole, max_size=3).map(tuple), whole, whole, tuples, texts, usages, failures,
)  # fmt: skip


@pytest.mark.parametrize("record", [QUESTION, ANSWER, JUDGMENT, LOST, VOTE], ids=lambda r: type(r).__name__)
def test_every_record_survives_its_line(record: Any) -> None:
    """A record read back from its line equals the record that was written, types included."""
    assert wire.load(type(record), wire.dump(record)) == record


@settings(max_examples=120, deadline=None)
@given(st.one_of(questions, answers, judgments))
def test_any_text_survives_its_line(record: Any) -> None:
    """Whatever Unicode people write, one record is one line and comes back equal, and its second line is the same bytes."""
    line = wire.dump(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    back = wire.load(type(record), line, "x:1")
    assert back == record
    assert wire.dump(back) == line


def test_the_bytes_of_a_line_are_fixed() -> None:
    """The key order, the separators and the schema in front are a promise to whoever compares files byte by byte."""
    assert wire.dump(QUESTION).decode() == (
        '{"schema":1,"question_id":"q1","category":"math","turns":["How many?","And why?"],"reference":[null,"Seven."],'
        '"tags":["hard"],"metadata":{"source":{"page":3}}}\n'
    )
    assert wire.dump(ANSWER).decode() == (
        '{"schema":1,"answer_id":"a1","question_id":"q1","model":"vicuna","params":{"temperature":0.7},"sample":0,'
        '"turns":["Seven."],"finish_reason":"stop","usage":{"input_tokens":12,"output_tokens":3},"flags":["length:1"],'
        '"failure":null}\n'
    )
    assert wire.dump(JUDGMENT).decode() == (
        '{"schema":1,"judgment_id":"u-0","group_id":"g","question_id":"q1","turn":1,"judge":"gpt-4","judge_hash":"hash",'
        '"protocol":"gpt-4/pair","mode":"pairwise","answers":["a1","a2"],"status":"scored","verdict":"A","strength":2,'
        '"preference":0.75,"scores":{"overall":[8.0,null]},"ranking":[1,2],"sample":0,"attempt":1,"flags":["quoted"],'
        '"explanation":"[[A]]","usage":{"input_tokens":null,"output_tokens":5},"failure":null}\n'
    )


def line_of(record: Any, **changes: Any) -> bytes:
    """A record's line with some fields changed; `...` takes one out."""
    data = json.loads(wire.dump(record)) | changes
    return json.dumps({k: v for k, v in data.items() if v is not ...}).encode()


def test_fields_with_a_default_may_be_absent() -> None:
    """A line that leaves out what has a default is a record with the default."""
    minimal = {"schema": 1, "question_id": "q", "category": "c", "turns": ["t"]}
    assert wire.load(Question, json.dumps(minimal)) == Question("q", "c", ("t",))


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        (Question, b"{", "not a JSON record"),
        (Question, b'{"schema":1,"x":"\\ud800"}', "not a JSON record"),
        (Question, b"[1]", "not a JSON object"),
        (Question, line_of(QUESTION, schema=...), "no schema number"),
        (Question, line_of(QUESTION, schema="1"), "no schema number"),
        (Question, line_of(QUESTION, schema=True), "no schema number"),
        (Question, line_of(QUESTION, schema=0), "no schema number"),
        (Question, line_of(QUESTION, colour="red"), "colour"),
        (Question, line_of(QUESTION, turns=...), "no field 'turns'"),
        (Question, line_of(QUESTION, category=...), "category"),
        (Question, line_of(QUESTION, turns="How many?"), "turns must be a list of texts"),
        (Question, line_of(QUESTION, turns=[1]), "turns must be a list of texts"),
        (Question, line_of(QUESTION, question_id=7), "question_id must be text"),
        (Question, line_of(QUESTION, reference="Seven."), "reference must be a list"),
        (Question, line_of(QUESTION, reference=[1]), "reference must be a list"),
        (Question, line_of(QUESTION, metadata=[]), "metadata must be an object"),
        (Answer, line_of(ANSWER, sample=1.5), "sample must be a whole number"),
        (Answer, line_of(ANSWER, sample=True), "sample must be a whole number"),
        (Answer, line_of(ANSWER, finish_reason=1), "finish_reason must be text or null"),
        (Answer, line_of(ANSWER, usage=[1, 2]), "usage must be an object or null"),
        (Answer, line_of(ANSWER, usage={"tokens": 1}), "tokens"),
        (Answer, line_of(ANSWER, failure={"kind": "x"}), "message"),
        (Answer, line_of(ANSWER, params=None), "params must be an object"),
        (Answer, line_of(ANSWER, answer_id=...), "answer_id"),
        (Judgment, line_of(JUDGMENT, scores={"overall": 8}), "scores must be"),
        (Judgment, line_of(JUDGMENT, scores={"overall": ["8"]}), "scores must be"),
        (Judgment, line_of(JUDGMENT, scores=[8]), "scores must be"),
        (Judgment, line_of(JUDGMENT, ranking=["1"]), "ranking must be"),
        (Judgment, line_of(JUDGMENT, preference="0.5"), "preference must be"),
        (Judgment, line_of(JUDGMENT, strength=0.5), "strength must be"),
        (Judgment, line_of(JUDGMENT, answers=...), "no field 'answers'"),
        (Judgment, line_of(QUESTION), "answers"),
        (Vote, line_of(VOTE, turn="1"), "turn must be a whole number"),
        (Vote, line_of(VOTE, rater=None), "rater must be text"),
        (Vote, line_of(VOTE, voter="x"), "voter"),
        (Vote, line_of(VOTE, winner=...), "no field 'winner'"),
    ],
)
def test_a_line_that_is_no_record_names_its_place_and_its_fault(kind: Any, line: bytes, said: str) -> None:
    """Whatever is wrong with a line, the error is CorruptRecord and says file, line and field."""
    with pytest.raises(CorruptRecord) as caught:
        wire.load(kind, line, "answers.jsonl:17")
    assert str(caught.value).startswith("answers.jsonl:17: ")
    assert said in str(caught.value)


def test_a_line_of_a_newer_evalh_is_named_as_such() -> None:
    """A newer schema is no corruption: the reader is told that the line was written by a newer evalh."""
    with pytest.raises(UnsupportedSchema, match=r"a\.jsonl:2: schema 99 was written by a newer evalh"):
        wire.load(Question, line_of(QUESTION, schema=99), "a.jsonl:2")


def test_text_is_cleaned_of_halves_of_pairs_only() -> None:
    """Lone surrogates become U+FFFD one by one; everything else, emoji included, stays as it is."""
    assert wire.clean("plain") == "plain"
    assert wire.clean("a\ud800b\udfffc 😀 é") == "a\ufffdb\ufffdc 😀 é"


@pytest.mark.parametrize("record", [QUESTION, ANSWER, JUDGMENT])
def test_a_checked_line_has_every_field_in_the_record_s_order(record: Any) -> None:
    """However a line was written, what is checked has all fields, in order, with the defaults of those that it leaves out."""
    whole = json.loads(wire.dump(record))
    mixed = dict(reversed(whole.items()))
    del whole["schema"]
    assert list(wire.checked(type(record), mixed).items()) == list(whole.items())
    short = json.loads(line_of(record, **dict.fromkeys(("flags", "tags", "scores", "ranking", "usage"), ...)))
    completed = wire.checked(type(record), short)
    assert list(completed) == list(whole)
    assert [completed[name] for name in ("flags", "tags") if name in completed] == [[]]


def test_a_shape_once_seen_is_no_pass_for_another() -> None:
    """After any number of good lines a wrong one is found, in a field or within a list, whatever stood there before."""
    for _ in range(3):
        wire.load(Judgment, line_of(JUDGMENT))
        for change in ({"turn": True}, {"answers": ["a", 1]}, {"flags": [None]}, {"ranking": [True]}, {"scores": {"x": ""}}):
            with pytest.raises(CorruptRecord, match=next(iter(change))):
                wire.load(Judgment, line_of(JUDGMENT, **change), "x:1")
