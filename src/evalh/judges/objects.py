"""JSON values in a reply that the judge gives in its own voice, and the readers of a score or a choice in one. Pure.

A value counts where a protocol that asks for JSON would have it: as the whole reply, in running text, or alone in a code block
that opens or ends the reply. One that stands inside a longer code block, a block quote or a quotation, or that the words before
it hand to somebody else ("the answer contains {…}"), is somebody else's.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges.marks import Value
from evalh.judges.scale import OVERALL, Scale, Verdict
from evalh.judges.voice import Foreign, plain, separate
from evalh.judges.words import Words

TWICE: Final = object()
"""Stands for the value of a key that one object gives twice with different values."""
MOST_TRIES: Final = 200
"""Openings that turn out not to be JSON before the rest of a reply is left alone: none that a judge writes has so many."""

_START: Final = re.compile(r'\{(?=\s{0,99}")|\[(?=\s{0,99}(?:["{]|\[\s{0,99}"|true\b|false\b))')
_ATTRIBUTES: Final = Words(
    r"\b(?:says?|said|wrote|writes?|contain\w*|reads?|claim\w*|demand\w*|insert\w*|append\w*|inject\w*|includ\w*|plant\w*|suggest\w*"
    r"|end(?:s|ed|ing)? with|quot\w*|instruct\w*|told|tells?|embed\w*|for example|e\.g|such as|for instance)\b|\bexample\W*$",
    *("say", "said", "wrote", "write", "contain", "read", "claim", "demand", "insert", "append", "inject", "includ", "plant"),
    *("suggest", " with", "quot", "instruct", "told", "tell", "embed", "example", "e.g", "such as", "instance"),
)
_NAMES_AN_ANSWER: Final = re.compile(
    r"\W*(?:the\s)?(?:(?:candidate|assistant|model)(?:['’]s)?\s)?"
    r"(?:answer|response|assistant|reply|text)\s?[A-Z\d]{0,2}\W*",
    re.I,
)
_EDGE: Final = " \t\n*_>#`~.-–—"
_NUMBER: Final = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,9})?)(?:\s?/\s?(\d{1,6}))?")
MARKERS: Final = re.compile(r"\{[^{}]{0,1500}[\"'](?:score|choice)[\"']\s{0,9}:[^{}]{0,1500}\}", re.I)
"""What would be such a verdict inside an answer."""
_NOT_APPLICABLE: Final = re.compile(r"n\s?/\s?a\.?|not applicable", re.I)
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One JSON value, where it stands, and whether the judge gives it as its own."""

    value: Any
    start: int
    end: int
    own: bool


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = value if key not in found or found[key] == value else TWICE
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_refuse, strict=False)


def values(text: str) -> list[Found]:
    """Every JSON object or list of a plain text (see `voice.plain`) that lies in no other, in order."""
    found: list[tuple[Any, int, int]] = []
    at = tries = 0
    while tries < MOST_TRIES and (opened := _START.search(text, at)):
        try:
            value, at = _DECODER.raw_decode(text, opened.start())
            found.append((value, opened.start(), at))
        except (ValueError, RecursionError):
            at = opened.start() + 1
            tries += 1
    if not found:
        return []
    foreign = Foreign(text)
    return [Found(value, start, end, _is_own(text, start, end, foreign)) for value, start, end in found]


def _is_own(text: str, start: int, end: int, foreign: Foreign) -> bool:
    for spans in (foreign.blocks, foreign.inline):
        at = bisect_right(spans, start, key=lambda span: span[0]) - 1
        span = spans[at] if at >= 0 and start < spans[at][1] else None
        if span is not None and span[0] < start:
            begin, finish = span
            if text[begin:start].lstrip().startswith(">") or not _alone(text, begin, start, end, finish):
                return False
            at_an_end = not text[:begin].strip(_EDGE) or not text[finish:].strip(_EDGE)
            return at_an_end and not _attributed(text, begin)
    return not _attributed(text, start)


def _alone(text: str, begin: int, start: int, end: int, finish: int) -> bool:
    """Whether a code block or inline code (begin to finish) holds a value (start to end) and nothing else."""
    before, after = text[begin:start].strip(), text[end:finish].strip()
    return re.fullmatch(r"(`+|~+)[ \t]*\w{0,12}", before) is not None and not after.strip("`~ \t")


def _attributed(text: str, start: int) -> bool:
    """Whether the words before a value, on its line or on the one above that leads up to it, give it to somebody else."""
    begin = text.rfind("\n", max(0, start - 300), start) + 1 or max(0, start - 300)
    before = text[begin:start]
    if not before.strip(_EDGE):
        above = text[max(0, begin - 300) : begin].rstrip()
        before = above[above.rfind("\n") + 1 :]
        if not before.rstrip(_EDGE).endswith(":"):
            return False
    # Words behind a full stop speak of the value, those before it of something else.
    before = re.split(r"[.!?]\s", before)[-1]
    return _ATTRIBUTES.search(before) or _NAMES_AN_ANSWER.fullmatch(before) is not None


def named(text: str) -> str:
    """A name as it is compared: lower case, words parted by one space, whatever parted them before."""
    return " ".join(_WORD.findall(text.casefold()))


def number(value: Any, scale: Scale) -> Value:
    """What a JSON value, or the text of a mark, is on a scale of numbers: ("scored", the number), or the status it ends in.

    ("scored", None) is "N/A" on a scale that has it.
    """
    if value is TWICE:
        return "conflicting", None
    of = None
    if isinstance(value, str):
        content = value.strip(" \t\n*_`\"'“”$")
        if _NOT_APPLICABLE.fullmatch(content):
            return ("scored", None) if scale.not_applicable else ("off_scale", None)
        match = _NUMBER.fullmatch(content)
        if match is None:
            return "off_scale", content
        value, of = float(match[1]), match[2]
    if value is None and scale.not_applicable:
        return "scored", None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "off_scale", None
    if of is not None and float(of) != scale.high:
        return "off_scale", value
    try:
        given = float(value)
    except OverflowError:
        return "out_of_range", None
    return scale.judge(given), given


def single(found: Iterable[Value]) -> Value | None:
    """What several statements of one thing say together: the one value, "conflicting" where they differ, None for none."""
    different = list(dict.fromkeys(found))
    if not different:
        return None
    return different[0] if len(different) == 1 else ("conflicting", None)


CHOICES: Final[dict[str, tuple[Verdict, int | None]]] = {
    "A++": ("A", 2),
    "A+": ("A", 1),
    "A=B": ("tie", None),
    "B=A": ("tie", None),
    "B+": ("B", 1),
    "B++": ("B", 2),
}
"""WildBench's five labels."""


def _keyed(text: str, key: str, read: Callable[[Any], Value], truncated: bool) -> Value:
    """What the objects with a key say by it: the value of one, or of several that agree."""
    objects = [f for f in values(text) if isinstance(f.value, dict) and any(named(k) == key for k in f.value)]
    own = [f for f in objects if f.own]
    if not own:
        return ("quoted" if objects else "no_verdict"), None
    if truncated and text[own[-1].end :].strip(_EDGE):
        return "truncated", None
    return single(read(value) for f in own for name, value in f.value.items() if named(name) == key) or ("no_verdict", None)


def json_score(text: str, scale: Scale, truncated: bool) -> Reading:
    """The value of "score" in the one object of a reply, a number or the text of one."""
    status, value = _keyed(text, "score", lambda given: number(given, scale), truncated)
    return Reading("scored", scores={OVERALL: (value,)}) if status == "scored" else Reading(status)  # type: ignore[dict-item]


def json_choice(text: str, scale: Scale, truncated: bool) -> Reading:
    """The value of "choice" in the one object of a reply, one of `CHOICES`."""
    status, value = _keyed(text, "choice", _choice, truncated)
    return _chosen(value) if status == "scored" else Reading(status)


def _choice(given: Any) -> Value:
    if given is TWICE:
        return "conflicting", None
    label = re.sub(r"[\s\"'`*\[\]]", "", given).upper() if isinstance(given, str) else ""
    return ("scored", label.replace("B=A", "A=B")) if label in CHOICES else ("off_scale", None)


def _chosen(label: object) -> Reading:
    verdict, strength = CHOICES[str(label)]
    return Reading("scored", verdict=verdict, strength=strength)


def _searched(text: str, key: str) -> Any:
    """A key's value as WildBench reads it: the reply as JSON, or else the first `"key": "text"` in it.

    Source: allenai/WildBench, src/eval.py. Of a reply that is JSON but no object nothing is read, where theirs would fail.
    """
    text = text.strip()
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        match = re.search(rf'"{key}"\s*+:\s*+"([^"]*+)"', text)
        return match[1] if match else None
    return whole.get(key) if isinstance(whole, dict) else None


def published_score(text: str, scale: Scale) -> Reading:
    """WildBench: the value of "score" as a number; neither range nor places are looked at."""
    value = _searched(text, "score")
    try:
        given = float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        given = None
    return Reading("scored", scores={OVERALL: (given,)}) if given is not None and isfinite(given) else Reading("no_verdict")


def published_choice(text: str, scale: Scale) -> Reading:
    """WildBench: the value of "choice", if it is one of the five labels to the letter."""
    value = _searched(text, "choice")
    return _chosen(value) if isinstance(value, str) and value in CHOICES and value != "B=A" else Reading("no_verdict")


def strictly(
    strict: Callable[[str, Scale, bool], Reading],
) -> tuple[Callable[[str, Scale, bool], Reading], Callable[[str, Scale], Reading]]:
    """Both readings of a form for which none was published: the strict one twice."""

    def published(text: str, scale: Scale) -> Reading:
        own = separate(plain(text))[0]
        return strict(own, scale, False) if own.strip() else Reading("empty")

    return strict, published


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a reply that holds several values: "scored" if all are, else the gravest."""
    order: tuple[Status, ...] = ("truncated", "conflicting", "out_of_range", "off_scale", "quoted", "no_verdict")
    found = set(statuses)
    return next((status for status in order if status in found), "scored")


def unwrapped(every: Iterable[Found]) -> Iterator[tuple[Any, Found]]:
    """JSON values of a reply, each with that which one key of an object wraps up: `{"ratings": {…}}` gives both."""
    for found in every:
        yield found.value, found
        if isinstance(found.value, dict):
            for inner in found.value.values():
                if isinstance(inner, dict | list):
                    yield inner, found
