"""Fields of a row of another tool: taken out with a message that names the place where they are not what they should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from evalh.errors import BadImport

ERROR_TEXT: Final = "$ERROR$"
"""What FastChat and Arena-Hard store where a reply could not be had."""


def text(row: Mapping[str, Any], where: str, *keys: str) -> str:
    """The first of some fields that is there, as text; a number becomes its digits.

    Raises:
        BadImport: none is there, or it is no text.
    """
    for key in keys:
        value = row.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    raise BadImport(f"{where}: lacks {' or '.join(repr(k) for k in keys)}")


def identity(row: Mapping[str, Any], where: str, *keys: str) -> str:
    """As `text`, for a name: neither empty nor white space only."""
    given = row.get(keys[0])
    name = (given if type(given) is str else text(row, where, *keys)).strip()
    if not name:
        raise BadImport(f"{where}: {keys[0]} is empty")
    return name


def optional(row: Mapping[str, Any], *keys: str) -> str:
    """The first of some fields that is text and not empty, else nothing."""
    return next((v for key in keys if isinstance(v := row.get(key), str) and v), "")


def number(value: Any) -> float | int | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        if math.isfinite(value) and value == int(value):
            return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def whole(row: Mapping[str, Any], where: str, key: str, otherwise: int) -> int:
    """A whole number from 1, or what stands for one that is not given. Raises BadImport for anything else."""
    given = row.get(key)
    if given is None or given == "":
        return otherwise
    if type(given) is int and given >= 1:
        return given
    value = number(given)
    if value is None or value != int(value) or not 1 <= value < 1 << 63:
        raise BadImport(f"{where}: {key} must be a whole number from 1")
    return int(value)


def said(value: Any) -> str:
    """The judge's words, however they are stored: text, {"answer"}, {"content"}, {"text"}, {"message"}, or a list of one."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return said(value[0]) if value else ""
    if isinstance(value, Mapping):
        for key in ("answer", "content", "text", "message", "judgment"):
            if value.get(key) is not None:
                return said(value[key])
    return ""


def reading_status(words: str) -> str:
    """What to call a judgment of which the original could read no verdict."""
    if words == ERROR_TEXT:
        return "failed"
    return "no_verdict" if words.strip() else "empty"
