"""How the fake judge plays protocols with several values in a reply: aspects, checklists, orders of many answers.

Every value follows from the tags of the answers by a rule that a test can compute: `aspect_score`, `item_holds`, `order`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from string import ascii_uppercase

import orjson

NOT_APPLICABLE = 10
"""The tag at which an aspect that may be "N/A" is."""
SILENT = ("truthfulness", 1)
"""The aspect, asked for alone, of which the judge says nothing readable, and the tag at which it does."""

_LINE = re.compile(r"^(\w[\w ]*): \[\[score\]\]$", re.M)
_KEY = re.compile(r'"(\w+)": score\b')
_RANGE = re.compile(r"from (\d+) to (\d+)")
_ITEM = re.compile(r"^(\d+)\. (?!yes|no)", re.M)


def aspect_score(tag: float, place: int, low: int, high: int) -> int:
    """The score of the aspect at this place of the list, counted from 0."""
    return low + (int(tag) + 2 * place) % (high - low + 1)


def item_holds(tag: float, item: int) -> bool:
    """Whether the item of this number, counted from 1, is met."""
    return tag >= 2 * item


def order(tags: Sequence[float]) -> str:
    """The letters of the answers by falling tags, "=" between those with equal tags."""
    ranked = sorted(zip(tags, ascii_uppercase, strict=False), key=lambda pair: (-pair[0], pair[1]))
    return " > ".join(" = ".join(letter for _, letter in group) for _, group in groupby(ranked, key=lambda pair: pair[0]))


def reply(prompt: str, tags: Sequence[float], unreadable: str) -> str | None:
    """What the judge says to a prompt that asks for several values; None to any other."""
    if not tags:
        return None
    tag = tags[-1]
    span = _RANGE.search(prompt)
    low, high = (int(span[1]), int(span[2])) if span else (1, 10)
    if lines := list(dict.fromkeys(_LINE.findall(prompt))):
        return _lines(lines, tag, low, high, '"N/A"' in prompt, unreadable)
    if keys := list(dict.fromkeys(_KEY.findall(prompt))):
        scores = {key: aspect_score(tag, place, low, high) for place, key in enumerate(keys)}
        return f"```json\n{orjson.dumps({'reason': 'The tag says so.', **scores}).decode()}\n```"
    if '"score": "score"' in prompt:
        return orjson.dumps({"strengths": "The tag.", "weaknesses": "None.", "score": f"{tag:g}"}).decode()
    if '"choice": "one of A++' in prompt:
        gap = tags[len(tags) // 2 - 1] - tag
        choice = "A=B" if gap == 0 else ("A" if gap > 0 else "B") + ("++" if abs(gap) >= 3 else "+")
        return orjson.dumps({"analysis of A": "The tag.", "choice": choice}).decode()
    if re.search(r"\[\[A > B", prompt):
        return f"A and B: the tags say so.\n\nFinal order: [[{order(tags)}]]"
    if "1. yes - why" in prompt:
        items = [int(n) for n in _ITEM.findall(prompt)]
        return "\n".join(f"{item}. {'yes' if item_holds(tag, item) else 'no'} - the tag says so" for item in items)
    return None


def _lines(names: Sequence[str], tag: float, low: int, high: int, may_lack: bool, unreadable: str) -> str:
    if (names[0], tag) == SILENT:
        return unreadable
    if len(names) == 1 and may_lack and tag == NOT_APPLICABLE:
        return f"It makes no claim.\n\n{names[0]}: [[N/A]]"
    lines = [f"{name}: [[{aspect_score(tag, place, low, high)}]]" for place, name in enumerate(names)]
    return "\n".join(["The tag says so.", "", *lines])
