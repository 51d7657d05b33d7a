"""Reading a reply that was asked for as one JSON object (`structured = "json_schema"`). Pure, never raises.

Nothing is taken on trust: whether the fields are there, named once, of the right type and on the scale is checked here,
whatever the server promised. Only a reply that is the object from its first character to its last is one, perhaps in a single
code block: an object behind other words may be a quotation, and is left to the text reader, which knows the judge's own voice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges.scale import FIVE_STEP, OVERALL, THREE_WAY, Scale, label
from evalh.judges.structured import NOT_APPLICABLE
from evalh.judges.voice import separate

_FENCED: Final = re.compile(r"(`{3,})(?:json)?[ \t]*\n(.*)\n[ \t]*\1", re.S | re.I)
MARKERS: Final = re.compile(r"[\"'](?:verdict|scores?|ranking|items)[\"']\s{0,9}:", re.I)
"""What would be such a verdict inside an answer."""


@dataclass(frozen=True, slots=True)
class JsonReply:
    """What an object says. `kept`: it has exactly the fields and types that were asked for, and no code block around it."""

    reading: Reading
    kept: bool


class _Repeated(ValueError):
    """A field that stands in one object twice: which of the two is meant cannot be told."""


def read_json(text: str, scale: Scale, truncated: bool) -> JsonReply | None:
    """Read one reply.

    Args:
        text: the reply, as it came.
        scale: the values it may hold.
        truncated: the reply ended for lack of tokens.

    Returns:
        None where the reply is no JSON object and may say its verdict in another way.
    """
    own, thinking, bare = text, "", True
    found = _decoded(own)
    if found is None:
        own, thinking = separate(text)
        own = own.strip()
        fenced = _FENCED.fullmatch(own)
        own, bare = (fenced[2].strip(), False) if fenced else (own, True)
        found = _decoded(own)
    if found is None:
        if not own.startswith(("{", "```")):
            return None
        # Broken or cut off: of what is in the quotation marks of half an object nobody can say whose voice it is.
        status: Status = "truncated" if truncated else "no_verdict"
        return JsonReply(Reading(status, flags=_thinking(thinking), explanation=text), truncated)
    if isinstance(found, _Repeated):
        return JsonReply(Reading("conflicting", flags=_thinking(thinking), explanation=text), False)
    reading = _READERS[scale.kind](found, scale)
    kept = bare and _exact(found, scale, reading.status)
    return JsonReply(replace(reading, flags=_thinking(thinking), explanation=text), kept)


def _thinking(text: str) -> tuple[str, ...]:
    return ("thinking",) if text else ()


def _decoded(text: str) -> dict[str, Any] | _Repeated | None:
    """The object that a text is, from its first character to its last."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except _Repeated as repeated:
        return repeated
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise _Repeated
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _exact(data: Mapping[str, Any], scale: Scale, status: Status) -> bool:
    """Whether an object has the fields of the schema, no others, and a value that the scale has."""
    name = "scores" if scale.aspects != (OVERALL,) else _FIELD.get(scale.kind, "verdict")
    return status == "scored" and data.keys() == {"explanation", name} and isinstance(data["explanation"], str)


def _number(value: object, scale: Scale) -> Status:
    """Whether a value is a number on the scale, or says that none applies; any other text is none, whatever it spells."""
    if scale.not_applicable and value == NOT_APPLICABLE:
        return "scored"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "off_scale"
    return scale.judge(value)


def _worst(found: list[Status]) -> Status:
    return next((status for status in ("no_verdict", "out_of_range", "off_scale") if status in found), "scored")


def _verdict(data: Mapping[str, Any], scale: Scale) -> Reading:
    value = data.get("verdict")
    if value is None:
        return Reading("no_verdict")
    mark = value.strip().upper() if isinstance(value, str) else ""
    if scale.kind == "five-step":
        step = FIVE_STEP.get(mark.replace(" ", ""))
        return Reading("off_scale") if step is None else Reading("scored", verdict=step[0], strength=step[1])
    verdict = "tie" if mark == "TIE" else THREE_WAY.get(mark)
    if verdict is None or (verdict == "tie" and scale.kind == "two-way"):
        return Reading("off_scale")
    return Reading("scored", verdict=verdict)


def _rating(data: Mapping[str, Any], scale: Scale) -> Reading:
    if scale.aspects == (OVERALL,):
        scores: Any = {OVERALL: data["score"]} if data.get("score") is not None else None
    else:
        scores = data.get("scores")
    if not isinstance(scores, dict) or any(scores.get(aspect) is None for aspect in scale.aspects):
        return Reading("no_verdict")
    status = _worst([_number(scores[aspect], scale) for aspect in scale.aspects])
    if status != "scored":
        return Reading(status)
    given = {aspect: None if scores[aspect] == NOT_APPLICABLE else float(scores[aspect]) for aspect in scale.aspects}
    return Reading("scored", scores={aspect: (score,) for aspect, score in given.items()})


def _two_scores(data: Mapping[str, Any], scale: Scale) -> Reading:
    scores = data.get("scores")
    if not isinstance(scores, dict) or scores.get("A") is None or scores.get("B") is None:
        return Reading("no_verdict")
    status = _worst([_number(scores["A"], scale), _number(scores["B"], scale)])
    if status != "scored":
        return Reading(status)
    a, b = float(scores["A"]), float(scores["B"])
    return Reading("scored", verdict="A" if a > b else "B" if b > a else "tie", scores={OVERALL: (a, b)})


def _texts(data: Mapping[str, Any], name: str, count: int) -> list[str] | Status:
    """A list of so many texts, or what is wrong with it."""
    values = data.get(name)
    if not isinstance(values, list) or len(values) < count:
        return "no_verdict"
    if len(values) > count or not all(isinstance(value, str) for value in values):
        return "off_scale"
    return [value.strip() for value in values]


def _ranking(data: Mapping[str, Any], scale: Scale) -> Reading:
    letters = _texts(data, "ranking", scale.count)
    if isinstance(letters, str):
        return Reading(letters)
    labels = [label(i) for i in range(scale.count)]
    order = [letter.upper() for letter in letters]
    if not set(order) <= set(labels):
        return Reading("off_scale")
    if len(set(order)) < len(order):
        return Reading("conflicting")
    return Reading("scored", ranking=tuple(order.index(letter) + 1 for letter in labels))


def _checklist(data: Mapping[str, Any], scale: Scale) -> Reading:
    said = _texts(data, "items", scale.count)
    if isinstance(said, str):
        return Reading(said)
    answers = [word.lower() for word in said]
    if not answers or any(word not in ("yes", "no") for word in answers):
        return Reading("off_scale" if answers else "no_verdict")
    scores = [1.0 if word == "yes" else 0.0 for word in answers]
    each = {f"item-{i}": (score,) for i, score in enumerate(scores, 1)}
    return Reading("scored", scores={OVERALL: (sum(scores) / len(scores),), **each})


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Scale], Reading]]] = {
    "rating": _rating,
    "two-scores": _two_scores,
    "three-way": _verdict,
    "two-way": _verdict,
    "five-step": _verdict,
    "ranking": _ranking,
    "yes-no": _checklist,
}
_FIELD: Final = {"rating": "score", "two-scores": "scores", "ranking": "ranking", "yes-no": "items"}
