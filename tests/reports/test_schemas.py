"""The schemas as they are shipped: whole, valid, printed by a command, and those of this code."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

import evalh as library
from evalh.cli.main import cli
from evalh.errors import UnknownName
from evalh.reports.schemas import NAMES, schema
from support.inside import evalh

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pages_are_those_of_this_code() -> None:
    """docs/schemas holds one file for each schema and a list, as the code makes them now (python docs/generate_schemas.py)."""
    pages = runpy.run_path(str(DOCS / "generate_schemas.py"))["pages"]()
    assert {p.name: p.read_text("utf-8") for p in (DOCS / "schemas").iterdir()} == pages


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


def _with_json(group: click.Command, name: str = "") -> Iterator[str]:
    """Every command that has --format json, as `judges-list`."""
    if isinstance(group, click.Group):
        context = click.Context(group)
        for child in group.list_commands(context):
            found = group.get_command(context, child)
            assert found is not None
            yield from _with_json(found, f"{name}-{child}" if name else child)
    elif any("--format" in p.opts and "json" in getattr(p.type, "choices", ()) for p in group.params):
        yield name


def test_every_command_that_prints_json_has_a_schema() -> None:
    """A command with --format json is described under its own name."""
    lists = {"fetch": "fetch-list"}
    assert {lists.get(name, name) for name in _with_json(cli)} <= set(NAMES)
