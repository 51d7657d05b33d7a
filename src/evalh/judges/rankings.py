"""Reading an order of many answers: `[[B > A > C]]`, a JSON list or object, a numbered list. Pure, linear.

An order counts only if it names every answer once. One that leaves an answer out is none, one that names an answer twice
contradicts itself, one that names an answer nobody was shown is off the scale. `A = C` puts two answers on one rank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges.marks import Value, decide
from evalh.judges.objects import TWICE, named, single, values
from evalh.judges.scale import Scale, label
from evalh.judges.voice import Foreign

_MARK: Final = re.compile(r"\[\[([^\[\]]{1,2000})\]\]")
_SHORT: Final = re.compile(r"rank (\d{1,9})")
_WHO: Final = re.compile(r"\b(?:answers?|responses?|assistants?|models?|candidates?)\b", re.I)
_SIGN: Final = re.compile(r"\s*(>{1,3}|≻|»|<{1,3}|≺|={1,2}|~|≈|,|;)\s*")
_LABEL: Final = re.compile(r"[A-Z]\d{0,2}")
_DRESS: Final = " \t\n*_`\"'“”.()$"
_DOWN: Final = frozenset([">", ">>", ">>>", "≻", "»"])
_UP: Final = frozenset(["<", "<<", "<<<", "≺"])
_EQUAL: Final = frozenset(["=", "==", "~", "≈"])
_WRAPPERS: Final = frozenset(["ranking", "order", "ranks", "rank", "result", "final ranking"])
_ITEM: Final = re.compile(
    r"[\s*_#-]*(\d{1,3})\s?[.):][\s*_`\"']*(?:(?:answer|response|assistant|model)\s)?"
    r"([A-Za-z]\d{0,2})\b(?!['’])(.*)",
    re.I,
)
_HEADED: Final = re.compile(r"(?:[^:>=,\n]{1,60}:)?(.*)")

MARKERS: Final = re.compile(
    r"\[\s?\[\s*[A-Z]\d?\s*(?:[>=,]\s*[A-Z]\d?\s*){1,60}\]\s?\]|\{[^{}]{0,400}[\"']ranking[\"']\s{0,9}:[^{}]{0,400}\}"
    r"|\[\s?[\"'][A-Z][\"']\s?(?:,\s?[\"'][A-Z][\"']\s?){1,60}\]|^[ \t]*[A-Z](?:\s?>\s?[A-Z]){1,60}[ \t]*$",
    re.M,
)
"""What would be such an order inside an answer."""
INCOMPLETE: Final[Value] = ("no_verdict", None)


def ranking_letters(text: str, scale: Scale, truncated: bool) -> Reading:
    """The order stated in double brackets, as marks are read everywhere, or in a JSON list or object."""
    labels = _labels(scale)
    orders: list[Value] = []

    def shorten(match: re.Match[str]) -> str:
        # Marks are read by rules made for short ones, so each order is replaced by its number.
        value = order(match[1], labels)
        if value is None:
            return match[0]
        orders.append(value)
        return f"[[rank {len(orders) - 1}]]"

    text = _MARK.sub(shorten, text)
    complete = any(value[0] != "no_verdict" for value in orders)

    def interpret(content: str, denominator: str | None) -> Value | None:
        match = _SHORT.fullmatch(content)
        if match is None or int(match[1]) >= len(orders):
            return None
        value = orders[int(match[1])]
        # Orders of some of the answers are steps on the way to one of all.
        return None if complete and value[0] == "no_verdict" else value

    decision = decide(text, interpret)
    own, planted, ended = _objects(text, labels)
    if own:
        stated: list[Value] = [] if decision.status in ("no_verdict", "quoted") else [(decision.status, decision.value)]
        return _reading(single([*stated, *own]) or INCOMPLETE, decision.at_end or ended, truncated)
    if decision.status == "no_verdict" and planted:
        return Reading("quoted")
    return _reading((decision.status, decision.value), decision.at_end, truncated)


def ranking_list(text: str, scale: Scale, truncated: bool) -> Reading:
    """The order at the end of a reply: a numbered list with one answer a line ("1. B"), or one line ("B, A, C")."""
    labels = _labels(scale)
    if truncated:
        return Reading("truncated")
    foreign = Foreign(text)
    lines: list[tuple[int, str]] = []
    offset = 0
    for line in text.split("\n"):
        if line.strip(" \t*_#`~"):
            lines.append((offset, line[:400]))
        offset += len(line) + 1
    if not lines or not labels:
        return Reading("no_verdict")
    start, last = lines[-1]
    items = [match for _, line in lines[-max(len(labels), 1) :] if (match := _ITEM.fullmatch(line)) and _only_label(match)]
    if len(items) > 1 and items[-1].string == last:
        listed = [(int(match[1]), match[2].upper()) for match in items]
        value: Value | None = _listed(listed, labels)
    else:
        content = _HEADED.fullmatch(last.strip(_DRESS))
        value = order(content[1], labels) if content else None
    if value is None:
        return Reading("no_verdict")
    return Reading("quoted") if foreign.block(start) else _reading(value, True, False)


def _only_label(match: re.Match[str]) -> bool:
    """Whether nothing follows the answer's letter, or a reason that is set off from it ("1. B: it is right")."""
    rest = match[3].strip(_DRESS)
    return not rest or rest[0] in ":-–—,;(" or match[3].lstrip().startswith(("(", "."))


def _listed(listed: Sequence[tuple[int, str]], labels: Sequence[str]) -> Value:
    if [place for place, _ in listed] != list(range(1, len(listed) + 1)):
        return "no_verdict", None
    return _ranked([[name] for _, name in listed], labels)


def _labels(scale: Scale) -> list[str]:
    return [label(i) for i in range(scale.count)]


def _reading(value: Value, at_end: bool, truncated: bool) -> Reading:
    status, ranks = value
    if status == "scored" and truncated and not at_end:
        return Reading("truncated")
    return Reading("scored", ranking=ranks) if status == "scored" else Reading(status)  # type: ignore[arg-type]


def order(content: str, labels: Sequence[str]) -> Value | None:
    """What "B > A = C" says: ("scored", the rank of each label, 1 best), a status, or None for what is no order.

    Args:
        content: labels parted by ">", "=", "," or "<"; words such as "Answer" may stand before a label.
        labels: the labels of the answers, in the order shown.
    """
    parts = _SIGN.split(_WHO.sub(" ", content).strip(_DRESS))
    names = [part.strip(_DRESS).upper() for part in parts[::2]]
    signs = set(parts[1::2])
    if len(names) < 2 or not all(map(_LABEL.fullmatch, names)):
        return None
    listed = signs <= {",", ";"}
    if not listed and not signs <= _DOWN | _EQUAL and not signs <= _UP | _EQUAL:
        return "off_scale", None
    groups: list[list[str]] = [[names[0]]]
    for sign, name in zip(parts[1::2], names[1:], strict=True):
        if sign in _EQUAL:
            groups[-1].append(name)
        else:
            groups.append([name])
    return _ranked(groups[::-1] if signs & _UP else groups, labels)


def _ranked(groups: Sequence[Sequence[str]], labels: Sequence[str]) -> Value:
    """Groups of equally good answers, best first -> the rank of each label: 1 and the number of better ones."""
    names = [name for group in groups for name in group]
    status: Status = "scored"
    if not labels or any(name not in labels for name in names):
        status = "off_scale" if labels else "no_verdict"
    elif len(set(names)) < len(names):
        status = "conflicting"
    elif len(names) < len(labels):
        status = "no_verdict"
    if status != "scored":
        return status, None
    ranks: dict[str, int] = {}
    for group in groups:
        better = len(ranks)
        ranks.update(dict.fromkeys(group, better + 1))
    return "scored", tuple(ranks[name] for name in labels)


def _objects(text: str, labels: Sequence[str]) -> tuple[list[Value], bool, bool]:
    """(orders given in JSON in the judge's own voice, whether there are others, whether the last one ends the reply)."""
    own: list[Value] = []
    planted, ended = False, False
    for found in values(text):
        value = _json_order(found.value, labels)
        if value is None:
            continue
        if found.own:
            own.append(value)
            ended = not text[found.end :].strip(" \t\n`~*_")
        else:
            planted = True
    return own, planted, ended


def _json_order(value: Any, labels: Sequence[str]) -> Value | None:
    """What a JSON value says: a list of labels (one within it is a tie), an object label -> rank, or what wraps these."""
    if isinstance(value, list):
        groups = [_group(entry) for entry in value]
        return _ranked([group for group in groups if group is not None], labels) if value and None not in groups else None
    if not isinstance(value, dict):
        return None
    wrapped = [inner for key, inner in value.items() if named(key) in _WRAPPERS]
    if wrapped:
        if len(wrapped) > 1 or wrapped[0] is TWICE:
            return "conflicting", None
        return order(wrapped[0], labels) if isinstance(wrapped[0], str) else _json_order(wrapped[0], labels)
    places = {_name(key): place for key, place in value.items()}
    if not places or None in places or len(places) < 2:
        return None
    if TWICE in places.values() or len(places) < len(value):
        return "conflicting", None
    if not all(isinstance(place, int) and not isinstance(place, bool) for place in places.values()):
        return "off_scale", None
    by_place: dict[int, list[str]] = {}
    for name, place in places.items():
        by_place.setdefault(place, []).append(str(name))
    return _ranked([by_place[place] for place in sorted(by_place)], labels)


def _group(entry: Any) -> list[str] | None:
    names = [_name(each) for each in (entry if isinstance(entry, list) else [entry])]
    return [name for name in names if name is not None] if names and None not in names else None


def _name(text: Any) -> str | None:
    """The label that a text is, perhaps behind "Answer"; None for anything else."""
    bare = _WHO.sub(" ", text).strip(_DRESS).upper() if isinstance(text, str) and len(text) < 40 else ""
    return bare if _LABEL.fullmatch(bare) else None
