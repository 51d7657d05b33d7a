"""Schemas of records: they are what the reader takes, no more and no less, and every field is explained."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.test_wire import ANSWER, JUDGMENT, LOST, QUESTION, VOTE, answers, line_of, questions
from evalh.core import wire
from evalh.core.records import Answer, Judgment, Question, Vote
from evalh.core.schemas import MEANING, of_manifest, of_record, of_type
from evalh.core.upgrades import SCHEMA
from evalh.errors import CorruptRecord
from evalh.pipeline.manifest import NEEDED, bare
from support.schema import validator


def _faults(kind: type, line: bytes) -> list[str]:
    return [e.message for e in validator(wire.KIND[kind]).iter_errors(json.loads(line))]


@settings(max_examples=60, deadline=None)
@given(st.one_of(questions, answers, st.just(JUDGMENT), st.just(LOST), st.just(VOTE)))
def test_what_is_written_is_valid(record: Any) -> None:
    """Any record, with whatever texts, is written as its schema says."""
    assert _faults(type(record), wire.dump(record)) == []


@pytest.mark.parametrize("record", [QUESTION, ANSWER, JUDGMENT, VOTE], ids=lambda r: type(r).__name__)
def test_schema_and_reader_agree(record: Any) -> None:
    """Each field left out, of each other type, and one that is unknown: the reader and the schema refuse the same lines."""
    kind = type(record)
    values: list[Any] = [..., None, "text", 7, 0.5, True, [], [None], ["text"], [7], {}, {"x": [1, None]}, {"x": "y"}]
    enumerated = {"mode", "status", "verdict", "winner"}  # the reader takes any text there, the schema says which
    seen = 0
    for name in [f.name for f in fields(kind) if f.name not in enumerated] + ["unknown"]:
        for value in values:
            line = line_of(record, **{name: value})
            try:
                wire.load(kind, line)
                read = True
            except CorruptRecord:
                read = False
            assert read == (not _faults(kind, line)), (name, value)
            seen += not read
    assert seen > 40


def test_names_of_modes_and_statuses_are_listed() -> None:
    """A mode, a status, a verdict or a winner that evalh does not know is not valid."""
    for name in ("mode", "status", "verdict"):
        assert _faults(Judgment, line_of(JUDGMENT, **{name: "other"}))
    assert _faults(Judgment, wire.dump(replace(JUDGMENT, verdict=None))) == []
    assert _faults(Vote, line_of(VOTE, winner="A"))


@pytest.mark.parametrize("kind", [Question, Answer, Judgment, Vote], ids=lambda k: k.__name__)
def test_every_field_is_explained(kind: type) -> None:
    """Every field of a schema says what it means, and carries the number of this evalh."""
    made = of_record(kind)
    assert list(MEANING[wire.KIND[kind]]) == [f.name for f in fields(kind)]
    assert all(p.get("description") for p in made["properties"].values())
    assert made["properties"]["schema"]["const"] == SCHEMA
    assert list(made["properties"]) == ["schema", *(f.name for f in fields(kind))]


def test_the_manifest_has_every_key() -> None:
    """A manifest that says nothing yet is valid, the schema knows exactly its keys, and needs those that the reader needs."""
    assert list(of_manifest()["properties"]) == list(bare("x"))
    assert tuple(of_manifest()["required"]) == ("schema", *NEEDED)
    assert list(validator("run").iter_errors(bare("x"))) == []
    assert list(validator("run").iter_errors(bare("x") | {"new": 1})) == []
    assert list(validator("run").iter_errors({k: v for k, v in bare("x").items() if k != "judges"}))


def test_a_type_without_a_schema_is_an_error() -> None:
    """A field of a new type cannot be left undescribed by accident."""
    assert of_type(Literal["a", 1] | None) == {"enum": ["a", 1, None]}
    with pytest.raises(TypeError, match="no JSON schema for"):
        of_type(tuple[int, str])
