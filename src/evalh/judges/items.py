"""Reading yes or no for each item of a checklist: a numbered list, or JSON. Pure, linear.

Every item has to be answered: a share of yes over whichever items happened to be readable would be another figure for each
reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from evalh.core.records import Reading
from evalh.judges.marks import Value
from evalh.judges.objects import TWICE, named, single, values, worst
from evalh.judges.scale import OVERALL, Scale
from evalh.judges.voice import Foreign

_ITEM: Final = re.compile(
    r"[\s>*_#|`\"'“”-]*(?:(?:item|question|point|criterion|check|no\.?)\s)?#?(\d{1,4})[*_]{0,3}\s?"
    r"(?:[.):|–—-]|\]\s?:?)(.*)",
    re.I,
)
_LEADS: Final = re.compile(r"[\s*_`\"'“”\[(|:✅❌✓✗-]*(yes|no)(?:\W*|[\s*_`\"'“”]{0,4}[.,;:!?(\[\])|–—-].*)", re.I)
_CLOSES: Final = re.compile(r"(?:.*[?:.–—|]|)[\s*_`\"'“”\[(]*(yes|no)[\s*_`\"'“”\])|.!]*", re.I)
_WORD: Final = re.compile(r"[\s*_`\"'“”\[(|:-]*([^\W\d_]{1,20}(?:/[^\W\d_]{1,20})?)[\s*_`\"'“”\])|.!]*")
MARKERS: Final = re.compile(r"^[ \t]*\d{1,3}[.):][ \t]*\W{0,4}(?:yes|no)\b", re.M | re.I)
"""What would be such an answer to an item inside an answer."""
_KEY: Final = re.compile(r"(?:(?:item|question|point|criterion|check|q) ?)?(\d{1,4})")
_WRAPPERS: Final = frozenset(["items", "answers", "checklist", "results", "result"])
_ANSWERS: Final = frozenset(["answer", "verdict", "met", "result", "value"])
_NUMBERS: Final = frozenset(["item", "number", "id", "index"])

Statement = tuple[int, Value, bool, int]
"""(item, counted from 1; what is said of it; whether in the judge's own voice; where in the text it ends)"""


def yes_no_items(text: str, scale: Scale, truncated: bool) -> Reading:
    """The share of yes ("overall"), and 1 or 0 for each of the `scale.count` items ("item-1" …)."""
    own: dict[int, list[Value]] = {}
    foreign: set[int] = set()
    last = 0
    for item, value, is_own, end in _statements(text):
        if is_own:
            own.setdefault(item, []).append(value)
            last = max(last, end)
        else:
            foreign.add(item)
    asked = range(1, scale.count + 1)
    if not own or not asked:
        return Reading("quoted" if foreign and asked else "no_verdict")
    said = {item: single(found) or ("no_verdict", None) for item, found in own.items()}
    statuses = [said[item][0] if item in said else "no_verdict" for item in asked]
    if any(item not in asked for item in said):
        statuses.append("off_scale")
    status = worst(statuses)
    if status == "scored" and truncated and text[last:].strip(" \t\n`~*_|-"):
        status = "truncated"
    if status != "scored":
        return Reading(status)
    scores = {item: 1.0 if said[item][1] == "yes" else 0.0 for item in asked}
    share = sum(scores.values()) / len(scores)
    return Reading("scored", scores={OVERALL: (share,), **{f"item-{item}": (score,) for item, score in scores.items()}})


def _statements(text: str) -> Iterator[Statement]:
    """Everything that is said of an item, by lists in JSON and by lines; lines within JSON are not read again."""
    spans: list[tuple[int, int]] = []
    for found in values(text):
        answers = _json_items(found.value)
        if answers:
            spans.append((found.start, found.end))
            yield from ((item, value, found.own, found.end) for item, value in answers)
    foreign = Foreign(text)
    inside = iter(spans)
    skip = next(inside, None)
    offset = 0
    for line in text.split("\n"):
        start, offset = offset, offset + len(line) + 1
        while skip is not None and skip[1] <= start:
            skip = next(inside, None)
        if (skip is not None and skip[0] < start + len(line)) or (match := _ITEM.fullmatch(line[:1000])) is None:
            continue
        value = _answer(match[2])
        if value is not None:
            span = foreign.quotation(start + match.start(2))
            beyond = span is not None and (span[0] < start or span[1] > start + len(line))
            yield int(match[1]), value, not beyond and not foreign.block(start), start + len(line)


def _answer(rest: str) -> Value | None:
    """What stands behind an item's number: yes or no first, or last behind the item's own text; None for other text."""
    match = _LEADS.fullmatch(rest) or _CLOSES.fullmatch(rest)
    if match is not None:
        return "scored", match[1].lower()
    return ("off_scale", rest.strip().lower()) if _WORD.fullmatch(rest) else None


def _json_items(value: Any) -> list[tuple[int, Value]]:
    """(item, answer) of a list of answers, an object number -> answer, or an object that wraps one of these."""
    if isinstance(value, dict):
        wrapped = [inner for key, inner in value.items() if named(key) in _WRAPPERS and isinstance(inner, dict | list)]
        if len(wrapped) == 1:
            value = wrapped[0]
    if isinstance(value, dict):
        keys = [(_KEY.fullmatch(named(key)), given) for key, given in value.items()]
        return [(int(key[1]), _json_answer(given)) for key, given in keys if key is not None]
    if not isinstance(value, list):
        return []
    found = []
    for place, entry in enumerate(value, 1):
        answer = _json_answer(entry)
        number = [n for key, n in entry.items() if named(key) in _NUMBERS] if isinstance(entry, dict) else []
        at = number[0] if len(number) == 1 and type(number[0]) is int else place
        found.append((at, answer))
    # A list of anything else, such as the names of the items, is none of answers.
    return found if any(answer[0] != "off_scale" for _, answer in found) else []


def _json_answer(given: Any) -> Value:
    if isinstance(given, dict):
        inner = [value for key, value in given.items() if named(key) in _ANSWERS]
        return _json_answer(inner[0]) if len(inner) == 1 and not isinstance(inner[0], dict) else ("off_scale", None)
    if given is TWICE:
        return "conflicting", None
    if isinstance(given, bool):
        return "scored", "yes" if given else "no"
    word = named(given) if isinstance(given, str) else ""
    return ("scored", word) if word in ("yes", "no") else ("off_scale", None)
