"""Record <-> JSON line.

A line is written with its keys in the record's own order, `schema` first, so that files can be compared byte by byte. A reader
meets lines of any schema up to its own (`core/upgrades.py`). An unknown field is an error, since dropping it would lose what
somebody recorded.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

import orjson

from evalh.core.records import Answer, Failure, Judgment, Question, Usage, Vote
from evalh.core.upgrades import SCHEMA, upgraded
from evalh.errors import CorruptRecord

Columns = Mapping[str, Sequence[Any]]
"""Field -> its value in each of some records."""
R = TypeVar("R", Question, Answer, Judgment, Vote)
KIND: Final[dict[type, str]] = {Question: "question", Answer: "answer", Judgment: "judgment", Vote: "vote"}
"""A record's name, as schemas and upgrade steps know it."""
_NAMES: Final[dict[type, tuple[str, ...]]] = {t: tuple(f.name for f in fields(t)) for t in KIND}
_TAKEN: Final[dict[type, itemgetter[Any]]] = {kind: itemgetter("schema", *names) for kind, names in _NAMES.items()}
_HEAD: Final = b'{"schema":%d,' % SCHEMA
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates become U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def dump(record: Question | Answer | Judgment | Vote) -> bytes:
    """One JSON line, with its newline."""
    # orjson writes the fields of a dataclass in their order; any mapping will do in a record
    return _HEAD + orjson.dumps(record, default=_plain, option=orjson.OPT_APPEND_NEWLINE)[1:]


def line(fields: Mapping[str, Any]) -> bytes:
    """The JSON line of a record given as its fields, all of them and in their order: what `dump` writes, without the record.

    For whoever writes very many: building a record takes longer than writing it. Nothing is checked.
    """
    return orjson.dumps({"schema": SCHEMA, **fields}, default=_plain, option=orjson.OPT_APPEND_NEWLINE)


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a record")


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


def current(kind: type, data: dict[str, Any], where: str = "") -> dict[str, Any]:
    """A decoded line in the present schema, unchecked otherwise, for whoever needs a few fields. Raises as `load`."""
    return data if data.get("schema") == SCHEMA else {"schema": SCHEMA, **upgraded(KIND[kind], data, where)}


def from_dict(kind: type[R], data: dict[str, Any], where: str = "") -> R:
    """The record that a decoded line holds; `data` is consumed. Raises as `load`."""
    data = checked(kind, data, where)
    try:
        return kind(**_converted(kind, data))
    except TypeError as error:
        raise _corrupt(kind, where, error) from None


def checked(kind: type[R], data: dict[str, Any], where: str = "") -> dict[str, Any]:
    """A decoded line in the present schema, with every field of the record, each of the right JSON type.

    For whoever looks at very many records once: building them takes several times as long. Raises as `load`.
    """
    data = upgraded(KIND[kind], data, where)
    if tuple(data) != _NAMES[kind]:
        data = _completed(kind, data, where)
    shape = tuple(map(type, data.values()))
    if shape not in _SHAPES[kind]:
        for name, value in data.items():
            if type(value) not in _FIELDS[name][0]:
                raise _corrupt(kind, where, f"{name} must be {_FIELDS[name][1]}")
        _SHAPES[kind].add(shape)
    for name, items in _ITEMS[kind]:
        if not items.issuperset(map(type, data[name])):
            raise _corrupt(kind, where, f"{name} must be {_FIELDS[name][1]}")
    if kind is Judgment:
        for value in data["scores"].values():
            if type(value) is not list or not _NUMBERS.issuperset(map(type, value)):
                raise _corrupt(kind, where, f"scores must be {_FIELDS['scores'][1]}")
    return data


def columns(kind: type, lines: Sequence[bytes]) -> Columns | None:
    """The fields of records whose lines are as `dump` writes them, one value per line; None where any line is not.

    As strict as `checked` and several times as fast, as all lines are looked at together; whoever gets None looks at them one
    by one, and is then told what is wrong, or that a field was left out.
    """
    collects = gc.isenabled()
    gc.disable()  # all that is made here is gone soon, and holds no cycles that it could look for
    try:
        rows = list(map(orjson.loads, lines))
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {1 + len(_NAMES[kind])}:
            return None
        schema, *values = zip(*map(_TAKEN[kind], rows), strict=True)
    except (orjson.JSONDecodeError, KeyError):
        return None
    finally:
        if collects:
            gc.enable()
    if set(schema) != {SCHEMA} or set(map(type, schema)) != {int}:
        return None
    found = dict(zip(_NAMES[kind], values, strict=True))
    return found if _fits(kind, found) else None


def _fits(kind: type, found: Columns) -> bool:
    """Whether every value of some columns is of its field's type."""
    if not all(map(_typed, found.values(), (_FIELDS[name][0] for name in found))):
        return False
    if not all(items.issuperset(map(type, chain.from_iterable(found[name]))) for name, items in _ITEMS[kind]):
        return False
    if kind is not Judgment:
        return True
    given = list(chain.from_iterable(map(dict.values, found["scores"])))
    return {list}.issuperset(map(type, given)) and _NUMBERS.issuperset(map(type, chain.from_iterable(given)))


def _typed(column: Sequence[Any], types: _Types) -> bool:
    """Whether every value is of one of the types; texts alone, and nulls alone, are told without asking each."""
    if types == _TEXTS:
        try:
            "".join(column)
        except TypeError:
            return False
        return True
    return (_NONE in types and column.count(None) == len(column)) or types.issuperset(map(type, column))


def _completed(kind: type, data: dict[str, Any], where: str) -> dict[str, Any]:
    """The line with the defaults of what it leaves out. Raises CorruptRecord where that has none, or a field is unknown."""
    defaults = _DEFAULTS[kind]
    for name in data:
        if name not in defaults:
            raise _corrupt(kind, where, f"unknown field {name!r}")
    for name, default in defaults.items():
        if name not in data and default is MISSING:
            raise _corrupt(kind, where, f"no field {name!r}")
    return {name: data.get(name, default) for name, default in defaults.items()}


def _corrupt(kind: type, where: str, fault: object) -> CorruptRecord:
    return CorruptRecord(f"{where}: not a valid {KIND[kind]} record ({fault})")


_NONE: Final = type(None)
_NUMBERS: Final = frozenset((int, float, _NONE))
_Types = frozenset[Any]

# What a field must be before it is converted, and that in words: a text where a list belongs would otherwise become a tuple of
# letters. JSON has these types and no others, so that looking at the exact type is enough.
_FIELDS: Final[Mapping[str, tuple[_Types, str]]] = {
    **dict.fromkeys(("question_id", "category", "answer_id", "model", "judgment_id", "group_id"), (frozenset((str,)), "text")),
    **dict.fromkeys(("model_a", "model_b", "winner", "rater"), (frozenset((str,)), "text")),
    **dict.fromkeys(("judge", "judge_hash", "protocol", "mode", "status", "explanation"), (frozenset((str,)), "text")),
    **dict.fromkeys(("finish_reason", "verdict"), (frozenset((str, _NONE)), "text or null")),
    **dict.fromkeys(("sample", "attempt", "turn"), (frozenset((int,)), "a whole number")),
    **dict.fromkeys(("turns", "answers", "tags", "flags", "reference"), (frozenset((list,)), "a list of texts")),
    **dict.fromkeys(("metadata", "params"), (frozenset((dict,)), "an object")),
    "strength": (frozenset((int, _NONE)), "a whole number or null"),
    **dict.fromkeys(("preference", "inclusion_probability"), (_NUMBERS, "a number or null")),
    "ranking": (frozenset((list,)), "a list of whole numbers"),
    "scores": (frozenset((dict,)), "an object of lists of numbers"),
    **dict.fromkeys(("usage", "failure"), (frozenset((dict, _NONE)), "an object or null")),
}
_TEXTS: Final[_Types] = frozenset((str,))
_ITEMS: Final[dict[type, tuple[tuple[str, _Types], ...]]] = {
    Question: (("turns", _TEXTS), ("reference", frozenset((str, _NONE))), ("tags", _TEXTS)),
    Answer: (("turns", _TEXTS), ("flags", _TEXTS)),
    Judgment: (("answers", _TEXTS), ("ranking", frozenset((int,))), ("flags", _TEXTS)),
    Vote: (),
}
"""What the items of a record's lists must be."""
_SHAPES: Final[dict[type, set[tuple[type, ...]]]] = {kind: set() for kind in KIND}
"""Types of all fields that have been looked at one by one and found right: a file has very many lines and few shapes."""


def _defaults(kind: type) -> dict[str, Any]:
    """Field -> what stands in JSON for one that is left out, MISSING where it may not be."""
    found: dict[str, Any] = {}
    for f in fields(kind):
        default = f.default if f.default_factory is MISSING else f.default_factory()
        found[f.name] = list(default) if isinstance(default, tuple) else default
    return found


_DEFAULTS: Final[dict[type, dict[str, Any]]] = {kind: _defaults(kind) for kind in KIND}


def _converted(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    """JSON types to the record's own: lists become tuples, usage and failure their types."""
    if kind is Vote:
        return data
    if kind is Judgment:
        data["answers"] = tuple(data["answers"])
        data["ranking"] = tuple(data["ranking"])
        data["scores"] = {k: tuple(v) for k, v in data["scores"].items()}
    else:
        data["turns"] = tuple(data["turns"])
    if kind is Question:
        data["reference"] = tuple(data["reference"])
        data["tags"] = tuple(data["tags"])
    else:
        data["flags"] = tuple(data["flags"])
        usage, failure = data["usage"], data["failure"]
        data["usage"] = None if usage is None else Usage(**usage)
        data["failure"] = None if failure is None else Failure(**failure)
    return data
