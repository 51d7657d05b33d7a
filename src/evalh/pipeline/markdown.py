"""Markdown in an answer, counted as the Arena does: headers, list items and bold passages outside of code."""

from __future__ import annotations

import re
from typing import Any, Final

_CODE: Final = re.compile(r"```[^`]*```")
_HEADERS: Final = {f"h{level}": re.compile(rf"^#{{{level}}}\s", re.MULTILINE) for level in range(1, 7)}
_LISTS: Final = {
    "ordered": re.compile(r"^\s*\d+\.\s", re.MULTILINE),
    "unordered": re.compile(r"^\s*[-*+]\s", re.MULTILINE),
}
_BOLD: Final = {"**": re.compile(r"\*\*[^*\n]+\*\*"), "__": re.compile(r"__[^_\n]+__")}


def markdown_counts(text: str) -> dict[str, dict[str, int]]:
    """Counts under the names of the Arena's `conv_metadata`: `header_count`, `list_count`, `bold_count`, each by kind.

    Blocks between two fences of three backticks are taken out first.
    """
    plain = _CODE.sub("", text)
    kinds: tuple[tuple[str, dict[str, re.Pattern[str]]], ...] = (
        ("header_count", _HEADERS),
        ("list_count", _LISTS),
        ("bold_count", _BOLD),
    )
    return {name: {kind: len(found.findall(plain)) for kind, found in patterns.items()} for name, patterns in kinds}


def total(count: Any) -> float | None:
    """A stored count as one number: a number itself, or by kind; None for anything else."""
    if isinstance(count, bool):
        return None
    if isinstance(count, int | float):
        return float(count)
    if isinstance(count, dict) and all(isinstance(v, int | float) for v in count.values()):
        return float(sum(count.values()))
    return None
