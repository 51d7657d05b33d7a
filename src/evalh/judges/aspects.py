"""Reading one score for each aspect out of one reply: lines such as "Helpfulness: [[4]]", or a JSON object. Pure, linear.

Every aspect of the scale has to be there. A reply that lacks one is unscored as a whole, because a mean over whichever aspects
happened to be readable would be another figure for each reply; what could be read stays in the explanation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges.marks import MARK, Value, decide
from evalh.judges.objects import TWICE, Found, named, number, single, strictly, unwrapped, values, worst
from evalh.judges.scale import Scale
from evalh.judges.voice import Foreign

MARKERS: Final = re.compile(
    r"\[\s?\[[^\[\]\n]{1,20}\]\s?\]"
    r"|\{[^{}]{0,1500}[\"'](?:helpful|correct|coheren|relevan|accura|honest|truthful|rating|score)\w{0,8}[\"']\s{0,9}:[^{}]{0,1500}\}",
    re.I,
)
"""What would be such a score inside an answer."""

Statement = tuple[str, Value, bool, int]
"""(aspect, what is said of it, whether in the judge's own voice, where in the text it ends)"""

_FILLER: Final = frozenset(["score", "rating", "the", "for", "of", "my", "final", "is", "aspect", "grade", "in", "on"])
_BRACKETED: Final = re.compile(r"\([^()\n]{0,80}\)")
_LIST: Final = re.compile(r"[\s>*+|#_`\"'“”-]*(?:\d{1,2}[.)]\s)?")
_HANDS_OVER: Final = re.compile(
    r"\b(?:says?|said|wrote|writes?|claim\w*|demand\w*|contain\w*|insert\w*|ask\w*|instruct\w*|request\w*"
    r"|end(?:s|ing)? with)\b",
    re.I,
)
_EDGE: Final = " \t\n`~|*_-.\"'"
_TRAILER: Final = re.compile(r"[\s*_`\"'“”.|]*")
_PLACEHOLDER: Final = re.compile(r"(?!\s*(?:n\s?/\s?a\b|not applicable))[^\d]*", re.I)
_RANGE: Final = re.compile(r"\s*([\d.]+)\s*(?:-|–|to|\.\.)\s*([\d.]+)\s*")


def aspect_ratings(text: str, scale: Scale, truncated: bool) -> Reading:
    """One score for each aspect of `scale.aspects`, each stated once, or several times alike."""
    if len(scale.aspects) == 1:
        said, at_end = _only(text, scale)
    else:
        said, at_end = _each(text, scale)
    status = worst(value[0] for value in said.values())
    if status == "scored" and truncated and not at_end:
        status = "truncated"
    if status != "scored":
        return Reading(status)
    return Reading("scored", scores={aspect: (value[1],) for aspect, value in said.items()})  # type: ignore[misc]


def _only(text: str, scale: Scale) -> tuple[dict[str, Value], bool]:
    """The score of the only aspect: behind its name, in an object, or in a mark wherever a rating may stand."""
    (aspect,) = scale.aspects
    named_values, at_end = _each(text, scale)
    decision = decide(text, lambda content, of: _mark(content, of, scale))
    named_value = named_values[aspect]
    if decision.status in ("no_verdict", "quoted"):
        return {aspect: named_value if named_value[0] != "no_verdict" else (decision.status, None)}, at_end
    value: Value = (decision.status, decision.value)
    if named_value[0] in ("no_verdict", "quoted"):
        return {aspect: value}, decision.at_end
    return {aspect: single([value, named_value]) or value}, decision.at_end or at_end


def _each(text: str, scale: Scale) -> tuple[dict[str, Value], bool]:
    """The score of each aspect, and whether the last statement ends the reply."""
    found = values(text)
    statements = [*_objects(found, scale), *_lines(text, found, scale)]
    own: dict[str, list[Value]] = {aspect: [] for aspect in scale.aspects}
    foreign: set[str] = set()
    last = 0
    for aspect, value, is_own, end in statements:
        if is_own:
            own[aspect].append(value)
            last = max(last, end)
        else:
            foreign.add(aspect)
    missing: dict[str, Status] = {aspect: "quoted" if aspect in foreign else "no_verdict" for aspect in scale.aspects}
    at_end = not text[last:].strip(_EDGE)
    return {aspect: single(found) or (missing[aspect], None) for aspect, found in own.items()}, at_end


def _objects(every: Sequence[Found], scale: Scale) -> Iterator[Statement]:
    """What objects with the aspects as keys say; a value may be wrapped in an object with "score" or "rating"."""
    names = {_bare(aspect): aspect for aspect in scale.aspects}
    for value, found in unwrapped(every):
        for key, given in value.items() if isinstance(value, dict) else ():
            aspect = names.get(_bare(key))
            if aspect is not None:
                yield aspect, number(_unwrapped(given), scale), found.own, found.end


def _unwrapped(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    inner = [value for key, value in given.items() if named(key) in ("score", "rating", "value")]
    return inner[0] if len(inner) == 1 else TWICE if inner else given


def _lines(text: str, objects: Sequence[Found], scale: Scale) -> Iterator[Statement]:
    """What lines say that begin with an aspect's name, or name several aspects, each before its mark; not those in objects."""
    if "[[" not in text:
        return
    names = {_bare(aspect): aspect for aspect in scale.aspects}
    foreign = Foreign(text)
    inside = iter([(f.start, f.end) for f in objects])
    skip = next(inside, None)
    offset = 0
    for line in text.split("\n"):
        start, offset = offset, offset + len(line) + 1
        while skip is not None and skip[1] <= start:
            skip = next(inside, None)
        if "[[" not in line or (skip is not None and skip[0] <= start):
            continue
        quoted = foreign.block(start)
        for aspect, value, at, end in _in_line(line, names, scale):
            span = foreign.quotation(start + at)
            beyond = span is not None and (span[0] < start or span[1] > start + len(line))
            yield aspect, value, not quoted and not beyond, start + end


def _in_line(line: str, names: dict[str, str], scale: Scale) -> Iterator[tuple[str, Value, int, int]]:
    """(aspect, what is said of it, start, end) for every mark of a line behind an aspect's name."""
    marks = list(MARK.finditer(line))
    at = 0
    for mark in marks:
        label = line[at : mark.start()]
        at = mark.end()
        aspect = names.get(_bare(label)) if len(label) < 300 else None
        if aspect is None and len(marks) == 1 and _TRAILER.fullmatch(line, mark.end()):
            # "Helpfulness: it answers all that was asked. [[4]]"
            head, colon, reason = label.partition(":")
            aspect = names.get(_bare(head)) if colon and len(head) < 120 and not _HANDS_OVER.search(reason) else None
        if aspect is not None and (value := _mark(mark[1], mark[2], scale)) is not None:
            yield aspect, value, mark.start(), mark.end()


def _bare(label: str) -> str:
    """A label without list marks, remarks in brackets and words such as "score"."""
    words = named(_BRACKETED.sub(" ", label[_LIST.match(label).end() :])).split()  # type: ignore[union-attr]
    return " ".join([word for word in words if word not in _FILLER] or words)


def _mark(content: str, of: str | None, scale: Scale) -> Value | None:
    """What a mark says; None for one that holds no number, or the scale itself: "[[score]]", "[[1-5]]"."""
    span = _RANGE.fullmatch(content)
    if span is not None and [_float(span[1]), _float(span[2])] == [scale.low, scale.high]:
        return None
    if _PLACEHOLDER.fullmatch(content):
        return None
    return number(content if of is None else f"{content.strip()}/{of}", scale)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def published_ratings(text: str, scale: Scale) -> Reading:
    """UltraFeedback, for one text and one aspect: one block without a blank line, in it "Rating:" and then "Rationale:".

    The rating is the first whole number between the two, or "N/A"; its range is not looked at. The original shows four texts
    and wants four blocks. Several aspects in one reply were never published in a form of their own: they are read strictly.
    Source: OpenBMB/UltraFeedback, src/data_annotation/annotate_preference.py.
    """
    if len(scale.aspects) > 1:
        return strictly(aspect_ratings)[1](text, scale)
    begin = text.find("Rating: ") + len("Rating: ")
    end = text.find("\nRationale: ", begin + 1)
    if "\n\n" in text or begin < len("Rating: ") or end < 0 or not text[end + len("\nRationale: ") :]:
        return Reading("no_verdict")
    if text[begin:end] == "N/A":
        return Reading("scored", scores={scale.aspects[0]: (None,)})
    match = re.search(r"\b\d++\b", text[begin:end])
    if match is None:
        return Reading("no_verdict")
    # Beyond 15 digits a number is no rating, and a longer one still is none that can be stored.
    return Reading("scored", scores={scale.aspects[0]: (float(match[0]),)}) if len(match[0]) < 16 else Reading("out_of_range")
