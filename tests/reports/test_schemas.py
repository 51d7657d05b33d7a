"""The schemas as they are shipped: whole, valid, printed by a command, and those of this code."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import evalh as library
from evalh.errors import UnknownName
from evalh.reports.schemas import NAMES, schema
from support.inside import evalh

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pages_are_those_of_this_code() -> None:
    """docs/schemas holds one file for each schema, each as the code makes it now (else: python docs/generate_schemas.py)."""
    pages = runpy.run_path(str(DOCS / "generate_schemas.py"))["pages"]()
    assert {p.name: p.read_text("utf-8") for p in (DOCS / "schemas").glob("*.json")} == pages


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one(name: str) -> None:
    """Each is a valid schema of draft 2020-12 with a title, and its id names it and its number."""
    made = schema(name)
    Draft202012Validator.check_schema(made)
    assert made["title"]
    assert made["$id"] == f"urn:evalh:schema:1:{name}"
    assert library.schema(name) == made


def test_the_command_prints_them() -> None:
    """`evalh schema` lists the names, `evalh schema NAME` prints one, and a misspelt name gets the nearest."""
    listed = evalh("schema").out.splitlines()
    assert [line.partition(":")[0] for line in listed] == list(NAMES)
    assert json.loads(evalh("schema", "answer").out) == schema("answer")
    wrong = evalh("schema", "anser")
    assert (wrong.code, "Did you mean 'answer'" in wrong.err) == (2, True)
    with pytest.raises(UnknownName):
        library.schema("anser")
