"""Names of records: pinned, independent of how a mapping was built, different where the content differs."""

from __future__ import annotations

import math
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core import ids
from evalh.core.ledger_rows import request_key
from evalh.core.records import Request


def test_names_never_change() -> None:
    """Golden values: a name that changes orphans every record and every paid reply that carries it."""
    assert ids.digest({"b": [1, 2.5, None, True], "a": "é😀"}) == "04791aa9ee7cfccc0fab"
    assert ids.digest([], digits=8) == "4f53cda1"
    assert ids.answer_id("q1", "vicuna", {"temperature": 0.7, "max_tokens": 5}, 0, ["Seven."]) == "01d144b04e1fe8d57af1"
    assert (
        ids.answer_id("q1", "vicuna", {"temperature": 0.7, "max_tokens": 5}, 0, ("Seven.",), position=4)
        == "907acad6867e574ccdd3"
    )
    assert ids.unit_id("gpt-4", "h", "q1", "pairwise", 1, ["b", "a"], 0) == "a31511a1536ffb96902c"
    assert ids.group_id("gpt-4", "h", "q1", "pairwise", 1, ["b", "a"], 0) == "cc36be1ba6d00eb6b107"
    assert ids.judgment_id("u", 2) == "u-2"


def test_request_keys_never_change() -> None:
    """Golden value: the ledger serves a reply by this name, years later too."""
    request = Request(({"role": "user", "content": "Hi"},), {"temperature": 0.0, "max_tokens": 5}, 1, 2, "q1", 2)
    assert (
        request_key({"endpoint": "http://127.0.0.1:8000/v1", "model": "m"}, request)
        == "d4b0ba2463ea553ae9deb55749ef3a427c79c44e"
    )


def test_the_key_of_a_request_holds_what_is_sent_and_which_repeat_it_is() -> None:
    """Sample, attempt, messages, parameters and identity each make another key; what is never sent does not."""
    base = Request(({"role": "user", "content": "Hi"},), {"temperature": 0.0}, 0, 0, "q1", 1)
    key = request_key({"model": "m"}, base)
    others = [
        request_key({"model": "n"}, base),
        request_key({"model": "m"}, Request(({"role": "user", "content": "Ho"},), base.params)),
        request_key({"model": "m"}, Request(base.messages, {"temperature": 0.5})),
        request_key({"model": "m"}, Request(base.messages, base.params, sample=1)),
        request_key({"model": "m"}, Request(base.messages, base.params, attempt=1)),
    ]
    assert len({key, *others}) == 6
    assert request_key({"model": "m"}, Request(base.messages, base.params, 0, 0, "another question", 7)) == key


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_a_name_does_not_depend_on_the_order_of_keys(data: dict[str, Any]) -> None:
    """Two mappings with the same content have one name, whatever order they were filled in."""
    assert ids.digest(data) == ids.digest(dict(reversed(data.items()))) == ids.digest(MappingProxyType(data))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=4, max_size=4), st.integers(1, 9), st.integers(0, 9), st.lists(st.text(), max_size=3))
def test_a_unit_is_named_by_its_canonical_json(fixed: list[str], turn: int, sample: int, answers: list[str]) -> None:
    """Whatever stands in its parts, quotes and halves of surrogate pairs too, the name is that of their canonical JSON."""
    judge, mark, question, mode = fixed
    assert ids.unit_id(judge, mark, question, mode, turn, answers, sample) == ids.digest([*fixed, turn, sample, answers])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(), min_size=2, max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers() | st.floats(0, 2) | st.text(max_size=5), max_size=3),
    st.integers(0),
    st.lists(st.text(), max_size=3),
    st.none() | st.integers(0),
)
def test_an_answer_is_named_by_its_canonical_json(
    names: list[str], params: dict[str, Any], sample: int, turns: list[str], position: int | None
) -> None:
    """Whatever stands in its parts, with parameters and without, the name is that of their canonical JSON."""
    parts = [*names, params, sample, turns] if position is None else [*names, params, sample, turns, position]
    for each in (params, MappingProxyType(params)):
        assert ids.answer_id(*names, each, sample, tuple(turns), position) == ids.digest(parts)


def test_sequences_count_and_mappings_inside_are_read() -> None:
    """A tuple is a list, a read-only mapping a mapping, at any depth."""
    assert ids.canonical({"a": (1, MappingProxyType({"c": 1, "b": 2}))}) == b'{"a":[1,{"b":2,"c":1}]}'


def test_numbers_are_told_apart_by_kind() -> None:
    """1, 1.0 and true are three values: a server may treat them differently."""
    assert [ids.canonical(v) for v in (1, 1.0, True, 1e22, 0.1)] == [b"1", b"1.0", b"true", b"1e+22", b"0.1"]


def test_any_text_has_a_name() -> None:
    """Half of a surrogate pair is escaped like every character beyond ASCII, so that a name never fails on a text."""
    assert ids.canonical("a\ud800é😀") == rb'"a\ud800\u00e9\ud83d\ude00"'


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"bytes", object()])
def test_what_json_cannot_hold_has_no_name(value: Any) -> None:
    """A value with no canonical form is refused rather than named by chance."""
    with pytest.raises((TypeError, ValueError)):
        ids.digest([value])


def test_groups_join_orders_and_units_tell_them_apart() -> None:
    """Both orders of a pair are two units of one group; a single answer's unit is its group."""
    ab = ("j", "h", "q", "pairwise", 1, ["a", "b"], 0)
    ba = ("j", "h", "q", "pairwise", 1, ["b", "a"], 0)
    assert ids.unit_id(*ab) != ids.unit_id(*ba)
    assert ids.group_id(*ab) == ids.group_id(*ba) == ids.unit_id(*ab)
    one = ("j", "h", "q", "absolute", 1, ["a"], 0)
    assert ids.group_id(*one) == ids.unit_id(*one)


def test_a_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    """The published SHA-256 of "abc", and of a file larger than one piece."""
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert ids.file_sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    file.write_bytes(b"a" * 2_000_000)
    assert ids.file_sha256(file) == "bcf7f9d1b4311c3352e60502255ce09a6744df84e8f2c89f79c4b5d74933a95a"
