"""Record <-> JSON line, and the schema numbers of what is on disk.

A line is written with its keys in the record's own order, `schema` first, so that files can be compared byte by byte. A reader
meets lines of any schema up to its own: `UPGRADES[kind][n]` turns a line of schema n into one of n + 1. An unknown field is an
error, since dropping it would lose what somebody recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, TypeVar

import orjson

from evalh.core.records import Answer, Failure, Judgment, Question, Usage
from evalh.errors import CorruptRecord, UnsupportedSchema

SCHEMA: Final = 1
UPGRADES: Final[Mapping[str, Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]]] = {
    "question": {},
    "answer": {},
    "judgment": {},
}

R = TypeVar("R", Question, Answer, Judgment)
_NAMES: Final[dict[type, tuple[str, ...]]] = {t: tuple(f.name for f in fields(t)) for t in (Question, Answer, Judgment)}
_KIND: Final[dict[type, str]] = {Question: "question", Answer: "answer", Judgment: "judgment"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates become U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def dump(record: Question | Answer | Judgment) -> bytes:
    """One JSON line, with its newline."""
    line: dict[str, Any] = {"schema": SCHEMA}
    for name in _NAMES[type(record)]:
        value = getattr(record, name)
        if isinstance(value, Usage):
            value = {"input_tokens": value.input_tokens, "output_tokens": value.output_tokens}
        elif isinstance(value, Failure):
            value = {"kind": value.kind, "message": value.message}
        elif isinstance(value, Mapping):
            value = dict(value)
        line[name] = value
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def load(kind: type[R], line: bytes | str, where: str = "") -> R:
    """The record on a line.

    Args:
        kind: the record type expected.
        where: file and line, for the message.

    Raises:
        CorruptRecord: not JSON, not an object, a field missing, unknown or of the wrong type.
        UnsupportedSchema: written by a newer evalh.
    """
    return from_dict(kind, decode(line, where), where)


def decode(line: bytes | str, where: str = "") -> dict[str, Any]:
    """The JSON object on a line, unchecked but for being one. Raises CorruptRecord."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise CorruptRecord(f"{where}: not a JSON record ({error})") from None
    if not isinstance(data, dict):
        raise CorruptRecord(f"{where}: not a JSON object")
    return data


def from_dict(kind: type[R], data: dict[str, Any], where: str = "") -> R:
    """The record that a decoded line holds; `data` is consumed. Raises as `load`."""
    schema = data.pop("schema", None)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise CorruptRecord(f"{where}: the record carries no schema number")
    if schema > SCHEMA:
        raise UnsupportedSchema(f"{where}: schema {schema} was written by a newer evalh; this one reads up to {SCHEMA}")
    for n in range(schema, SCHEMA):
        data = UPGRADES[_KIND[kind]][n](data)
    try:
        for name, value in data.items():
            if name in _CHECKS and not _CHECKS[name][0](value):
                raise TypeError(f"{name} must be {_CHECKS[name][1]}")
        record = kind(**_converted(kind, data))
    except KeyError as error:
        raise CorruptRecord(f"{where}: not a valid {_KIND[kind]} record (no field {error})") from None
    except TypeError as error:
        raise CorruptRecord(f"{where}: not a valid {_KIND[kind]} record ({error})") from None
    return record


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scores(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, list) and all(s is None or _number(s) for s in v) for v in value.values()
    )


# What a field must be before it is converted: a text where a list belongs would otherwise become a tuple of letters.
_CHECKS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    **dict.fromkeys(("question_id", "category", "answer_id", "model", "judgment_id", "group_id"), (_text, "text")),
    **dict.fromkeys(("judge", "judge_hash", "protocol", "mode", "status", "explanation"), (_text, "text")),
    **dict.fromkeys(("finish_reason", "verdict"), (lambda v: v is None or _text(v), "text or null")),
    **dict.fromkeys(("sample", "attempt", "turn"), (_whole, "a whole number")),
    **dict.fromkeys(
        ("turns", "answers", "tags", "flags"),
        (lambda v: isinstance(v, list) and all(map(_text, v)), "a list of texts"),
    ),
    "reference": (lambda v: isinstance(v, list) and all(t is None or _text(t) for t in v), "a list of texts"),
    **dict.fromkeys(("metadata", "params"), (lambda v: isinstance(v, dict), "an object")),
    "strength": (lambda v: v is None or _whole(v), "a whole number or null"),
    "preference": (lambda v: v is None or _number(v), "a number or null"),
    "ranking": (lambda v: isinstance(v, list) and all(map(_whole, v)), "a list of whole numbers"),
    "scores": (_scores, "an object of lists of numbers"),
    **dict.fromkeys(("usage", "failure"), (lambda v: v is None or isinstance(v, dict), "an object or null")),
}


def _converted(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    """JSON types to the record's own: lists become tuples, usage and failure their types."""
    if kind is Judgment:
        data["answers"] = tuple(data["answers"])
        data["ranking"] = tuple(data.get("ranking", ()))
        data["scores"] = {k: tuple(v) for k, v in data.get("scores", {}).items()}
    else:
        data["turns"] = tuple(data["turns"])
    if kind is Question:
        data["reference"] = tuple(data.get("reference", ()))
        data["tags"] = tuple(data.get("tags", ()))
    else:
        data["flags"] = tuple(data.get("flags", ()))
        usage, failure = data.get("usage"), data.get("failure")
        data["usage"] = None if usage is None else Usage(**usage)
        data["failure"] = None if failure is None else Failure(**failure)
    return data
