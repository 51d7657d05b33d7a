"""Checks of a TOML file that a person wrote: every fault names the file and the line."""

from __future__ import annotations

import contextlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from evalh.errors import BadConfig, UnknownName


def _paths(value: Any, head: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key in a parsed piece of TOML."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*head, key)
            yield from _paths(inner, (*head, key))


class Checker:
    """Checks the values of one TOML file; every fault names the file and the line of the key.

    `within` is the path of the table that a key stands in: ("models", "vicuna").
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def fault(self, key: str, message: str, within: tuple[str, ...] = ()) -> NoReturn:
        """Refuse a key. Raises BadConfig with the file, the key's line and the message."""
        raise BadConfig(f"{self.path}{self._line((*within, key))}: {message}")

    def _line(self, wanted: tuple[str, ...]) -> str:
        """The ":N" of the first line that sets this key, or else of the innermost table around it that has one."""
        found: dict[tuple[str, ...], int] = {}
        head: tuple[str, ...] = ()
        for number, line in enumerate(self.lines, 1):
            for piece in (line, line.partition("=")[0] + "= 0"):  # a value may go on over several lines
                with contextlib.suppress(tomllib.TOMLDecodeError):
                    paths = list(_paths(tomllib.loads(piece)))
                    break
            else:
                continue
            if line.lstrip().startswith("["):
                head = paths[-1] if paths else ()
                paths = [head[:depth] for depth in range(1, len(head) + 1)]
            else:
                paths = [(*head, *path) for path in paths]
            for path in paths:
                found.setdefault(path, number)
        while wanted and wanted not in found:
            wanted = wanted[:-1]
        return f":{found[wanted]}" if wanted else ""

    def keys(self, data: Mapping[str, Any], known: Sequence[str], within: tuple[str, ...]) -> None:
        """Every key is a known one; a misspelt one is answered with suggestions."""
        for key in data:
            if key not in known:
                self.fault(key, str(UnknownName("key" if within else "table", key, tuple(known))), within)

    def table(self, entry: Any, within: tuple[str, ...]) -> dict[str, Any]:
        """A copy of what must be a table."""
        if not isinstance(entry, dict):
            self.fault(within[-1], f"{within[-1]!r} must be a table", within[:-1])
        return dict(entry)

    def typed(self, data: Mapping[str, Any], key: str, kind: type, what: str, within: tuple[str, ...]) -> None:
        """The value, where there is one, is of this type; true and false are no numbers."""
        if key in data and (not isinstance(data[key], kind) or (isinstance(data[key], bool) and kind is not bool)):
            self.fault(key, f"{key} must be {what}", within)

    def number(self, data: Mapping[str, Any], key: str, within: tuple[str, ...]) -> None:
        """The value, where there is one, is a finite number."""
        value = data.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fault(key, f"{key} must be a number", within)

    def texts(self, data: Mapping[str, Any], key: str, within: tuple[str, ...]) -> None:
        """The value, where there is one, is a table of texts on one line each."""
        self.typed(data, key, dict, "a table", within)
        for name, value in data.get(key, {}).items():
            if not isinstance(value, str) or not value.isprintable():
                self.fault(name, f"{key}: {name} must be text on one line", (*within, key))

    def plain(self, data: Mapping[str, Any], key: str, within: tuple[str, ...]) -> None:
        """The value, where there is one, is a table that JSON can hold."""
        self.typed(data, key, dict, "a table", within)
        try:
            json.dumps(data.get(key), allow_nan=False)
        except (TypeError, ValueError):
            self.fault(key, f"{key} may hold only what JSON can: no dates, no nan, no inf", within)
