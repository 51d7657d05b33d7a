"""Files and outputs held against their JSON schemas."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from evalh.reports.schemas import schema

LINES = {"questions.jsonl": "question", "answers.jsonl": "answer", "judgments.jsonl": "judgment", "votes.jsonl": "vote"}
WHOLE = {"run.json": "run", "report/report.json": "report"}
UNDESCRIBED = (".lock", "index.html", ".csv", ".md", ".png", ".svg")
"""What else a run folder holds, by the end of the name: nothing that a script reads as JSON."""


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of a schema."""
    return Draft202012Validator(schema(name))


def check(name: str, values: Iterable[Any]) -> int:
    """Hold values against a schema; returns how many there were. The first fault is named with its place."""
    checker, n = validator(name), 0
    for n, value in enumerate(values, 1):
        fault = next(checker.iter_errors(value), None)
        assert fault is None, f"{name} {n}: {fault.json_path}: {fault.message[:300]}"
    return n


def check_folder(path: Path, most: int | None = None) -> set[str]:
    """Hold every file of a run folder against its schema; returns the names of those that have one.

    Args:
        most: of a record file only so many lines, from its beginning and from its end.
    """
    found = set()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        name = file.relative_to(path).as_posix()
        if name in LINES:
            lines = file.read_text("utf-8").splitlines()
            chosen = lines if most is None else lines[:most] + lines[-most:]
            check(LINES[name], map(json.loads, chosen))
            found.add(name)
        elif name in WHOLE:
            check(WHOLE[name], [json.loads(file.read_text("utf-8"))])
            found.add(name)
        else:
            assert name.endswith(UNDESCRIBED), f"{name} has no schema"
    return found
