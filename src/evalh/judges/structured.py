"""Replies that the server itself holds to a form: what to add to a request, and how to read what comes back. Pure.

Which form a server can hold to is configuration (`structured = "…"` for a model, a judge or a variant); nothing is probed.

    json_schema       response_format: one JSON object, the explanation before the verdict; read by `json_reply.py`
    grammar           llama.cpp's `grammar`: an explanation of bounded length and the judge's own marks; read as any text
    choice            vLLM's `structured_outputs`: the bare marks, listed or as a pattern; read as any text
    guided_choice     the same under the names that older versions of vLLM know

A form changes how a verdict is written, never which verdicts there are: `marks` and `schema` both follow from the scale, and
what comes back is checked here again, because servers ignore forms in silence or enforce half of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from math import ceil, floor, prod
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from evalh.judges.parse import READERS
from evalh.judges.scale import FIVE_STEP, OVERALL, THREE_WAY, Scale, label

Form = Literal["json_schema", "grammar", "choice", "guided_choice"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
FREE: Final = "none"
"""Free text, where a more general setting says otherwise."""

MOST_NUMBERS: Final = 128
"""Numbers up to which they are listed one by one; beyond, a range is given."""
MOST_CHOICES: Final = 32
"""Texts up to which they are listed one by one; beyond, a pattern is given."""
LONGEST: Final = 1000
"""Characters of an explanation that a grammar lets through at the most."""
BYTES: Final = 4
"""Tokens that one character may take at the most: those of a model that spells it byte by byte."""
RESERVE: Final = 48
"""Tokens kept for the verdict behind an explanation."""
NOT_APPLICABLE: Final = "N/A"
VERDICTS: Final = {"three-way": tuple(THREE_WAY), "two-way": ("A", "B"), "five-step": tuple(FIVE_STEP)[:5]}
IGNORED: Final = {form: f"{'choice' if form == 'guided_choice' else form.removeprefix('json_')}_ignored" for form in FORMS}
"""The flag of a reply that is not of the form that was asked for."""

# What an explanation may not hold, so that the marks behind it are the only ones and stand in the judge's own voice: brackets
# of any width, what opens code, a quotation block or a tag, and control characters.
_BARRED: Final = r"\[\]<>`~【】⟦⟧〚〛［］＜＞｀～"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One form for one scale.

    Attributes:
        params: what is added to the request's parameters.
        ask: the words that close the prompt; empty where the prompt's own describe the form.
        scale_words: what `{scale}` says instead of the scale's own words; empty where those hold.
    """

    form: Form
    params: Mapping[str, Any]
    ask: str = ""
    scale_words: str = ""
    _pattern: re.Pattern[str] | None = field(default=None, repr=False)

    def kept(self, text: str) -> bool:
        """Whether a reply that is read as text is of this form."""
        return self._pattern is None or self._pattern.fullmatch(text.strip()) is not None


@lru_cache(maxsize=1024)
def constraint(form: Form, scale: Scale, reader: str, max_tokens: int | None = None) -> Constraint | None:
    """What holds a server to a form; None where this scale, or this reader's way of writing it, cannot be put so.

    Args:
        reader: the text reader of the variant; it decides the marks of `grammar` and `choice`.
        max_tokens: the reply's limit; a grammar ends its explanation so early that the verdict always fits.
    """
    if form == "json_schema":
        return _json_schema(scale, reader)
    marks = MARKS.get(reader)
    if marks is None:
        return None
    written = Marks(marks(scale))
    if form == "grammar":
        return _grammar(written, reader, max_tokens)
    pattern = written.pattern()
    if pattern is None:
        return None
    texts = written.texts()
    name, value = ("regex", pattern) if texts is None else ("choice", list(texts))
    params: dict[str, Any] = {f"guided_{name}": value} if form == "guided_choice" else {"structured_outputs": {name: value}}
    return Constraint(form, MappingProxyType(params), _pattern=re.compile(pattern))


def unfit(form: Form, scale: Scale, reader: str, reading: str, params: Mapping[str, Any]) -> str | None:
    """Why a variant cannot be held to a form, as a message goes on; None where it can be.

    Args:
        params: the variant's own generation parameters, which a form may not overwrite.
    """
    if reading == "published":
        return f'{form!r} does not go with reading = "published", which reads replies as they were written then'
    if called := [key for key in ("tools", "functions") if params.get(key)]:
        return f"{form!r} does not go with {called[0]} in params: a call has a form of its own"
    held = constraint(form, counted(scale), reader)
    if held is None:
        others = [other for other in FORMS if constraint(other, counted(scale), reader)]
        hint = f"; it can be held to {' or '.join(others)}" if others else "; leave structured out"
        return f"{form!r} cannot hold a {scale.kind} scale read by {reader!r}{hint}"
    taken = [key for key in held.params if key in params]
    return f"{form!r} sets {taken[0]}, which params sets as well: leave one of them out" if taken else None


def counted(scale: Scale) -> Scale:
    """The scale with a count, where the task would give it one: what is fixed about a request whatever the task."""
    return scale if scale.count or scale.kind not in ("ranking", "yes-no") else replace(scale, count=2)


# Text: the marks of each reader.

Piece = str | tuple[str, ...] | Scale
"""A fixed text, one of several, or a number on a scale."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Every text in which a reader's verdict can be written: pieces in a row."""

    pieces: tuple[Piece, ...]

    def texts(self) -> tuple[str, ...] | None:
        """All of them, in order; None where they are more than `MOST_CHOICES`."""
        each = [_choices(piece) for piece in self.pieces]
        if None in each or prod(len(choices or ()) for choices in each) > MOST_CHOICES:
            return None
        return tuple("".join(chosen) for chosen in product(*(choices or () for choices in each)))

    def gbnf(self) -> str | None:
        """The right side of a GBNF rule; None where a number cannot be put into one."""
        return self._rule(lambda text: json.dumps(text, ensure_ascii=False), " ")

    def pattern(self) -> str | None:
        """A regular expression for the same texts, in what all dialects share; None as for `gbnf`."""
        return self._rule(_escaped, "")

    def _rule(self, quote: Callable[[str], str], space: str) -> str | None:
        each = [_piece_rule(piece, quote, space) for piece in self.pieces]
        return None if None in each else space.join(piece or "" for piece in each)


def numbers(scale: Scale) -> tuple[int | float, ...] | None:
    """Every number on a scale, lowest first; None where they are more than `MOST_NUMBERS`. Whole ones are integers."""
    unit = 10**scale.decimals
    first, last = ceil(round(scale.low * unit, 6)), floor(round(scale.high * unit, 6))  # 2.01 * 100 is a little less than 201
    if last - first >= MOST_NUMBERS:
        return None
    values = [step / unit for step in range(first, last + 1)]
    return tuple(int(v) if v.is_integer() else v for v in values if scale.judge(v) == "scored")


def _choices(piece: Piece) -> tuple[str, ...] | None:
    if isinstance(piece, str):
        return (piece,)
    if isinstance(piece, tuple):
        return piece
    values = numbers(piece)
    return None if values is None else (*(f"{v:g}" for v in values), *((NOT_APPLICABLE,) if piece.not_applicable else ()))


def _escaped(text: str) -> str:
    """A literal of a regular expression."""
    return re.sub(r"([\\.^$*+?{}\[\]()|])", r"\\\1", text).replace("\n", r"\n")


def _piece_rule(piece: Piece, quote: Callable[[str], str], space: str) -> str | None:
    """A piece as a part of a rule; None where it is a number that cannot be written down. `space` parts symbols."""
    either = f"{space}|{space}"
    if isinstance(piece, str):
        return quote(piece)
    choices = _choices(piece)
    if choices is not None:
        return f"({either.join(map(quote, choices))})"
    assert isinstance(piece, Scale)
    low, high = piece.low, piece.high
    whole = low >= 0 and float(low).is_integer() and float(high).is_integer() and high - low < MOST_NUMBERS
    if not whole or not piece.decimals:
        return None
    head = either.join(quote(str(n)) for n in range(int(low), int(high)))
    places = f"({quote('.')}{space}[0-9]{{1,{piece.decimals}}})?"
    others = f"{either}{quote(NOT_APPLICABLE)}" if piece.not_applicable else ""
    return f"(({head}){space}{places}{either}{quote(str(int(high)))}{others})"


def _aspects(scale: Scale) -> tuple[Piece, ...]:
    """A line with a mark for each aspect."""
    if len(scale.aspects) == 1:
        return ("[[", scale, "]]")
    lines: list[Piece] = []
    for i, aspect in enumerate(scale.aspects):
        lines += [f"{chr(10) if i else ''}{aspect}: [[", scale, "]]"]
    return tuple(lines)


def _items(scale: Scale) -> tuple[Piece, ...]:
    """A numbered line with yes or no for each item."""
    lines: list[Piece] = []
    for i in range(scale.count):
        lines += [f"{chr(10) if i else ''}{i + 1}. ", ("yes", "no")]
    return tuple(lines)


def _ranks(first: int, second: int) -> str:
    return json.dumps([{"model": "model_1", "rank": first}, {"model": "model_2", "rank": second}])


MARKS: Final[Mapping[str, Callable[[Scale], tuple[Piece, ...]]]] = MappingProxyType(
    {
        "aspect-ratings": _aspects,
        "bracket-choice": lambda _: ("[[", VERDICTS["two-way"], "]]"),
        "bracket-five-step": lambda _: ("[[", VERDICTS["five-step"], "]]"),
        "bracket-rating": lambda scale: ("[[", scale, "]]"),
        "bracket-verdict": lambda _: ("[[", VERDICTS["three-way"], "]]"),
        "final-decision": lambda _: ("final decision is ", ("Response 1", "Response 2", "Tie")),
        "first-line-choice": lambda _: (("1", "2", "Tie"),),
        "last-rating": lambda scale: ("Rating: [[", scale, "]]"),
        "output-better": lambda _: ("Output (", ("a", "b"), ") is better."),
        "output-choice": lambda _: ("Output (", ("a", "b"), ")"),
        "rank-list": lambda _: ((_ranks(1, 2), _ranks(2, 1)),),
        "result-rating": lambda scale: ("[RESULT] ", scale),
        "result-verdict": lambda _: ("[RESULT] ", VERDICTS["two-way"]),
        "score-tuple": lambda scale: ("(", scale, ", ", scale, ")"),
        "token-preference": lambda scale: (scale.tokens,),
        "token-preference-last": lambda scale: (scale.tokens,),
        "two-scores-first-line": lambda scale: (scale, " ", scale),
        "yes-no-items": _items,
    }
)
"""The marks by reader; a reader that is not here can be held to `json_schema` only."""
BARE: Final = frozenset({"token-preference", "output-choice", "rank-list"})
"""Readers of protocols in which the verdict is the whole reply."""


def _grammar(marks: Marks, reader: str, max_tokens: int | None) -> Constraint | None:
    rule, pattern = marks.gbnf(), marks.pattern()
    if rule is None:
        return None
    room = LONGEST if max_tokens is None else max(0, min(LONGEST, (max_tokens - RESERVE) // BYTES))
    free = rf"[^\x00-\x09\x0B-\x1F\x7F{_BARRED}]"
    words, any_words = f"{free}{{0,{room}}}", f"{free}*"  # what is no UTF-8 comes back longer than it was let through
    if reader in BARE:
        root, whole = "verdict", f"(?:{pattern})"
    elif READERS[reader].leads:
        root, whole = 'verdict "\\n" words', rf"(?:{pattern})(?:\n{any_words})?"
    else:
        # A full stop and an empty line part them: a line ending in a colon would make of the marks an example.
        root, whole = 'words ".\\n\\n" verdict', rf"(?:{any_words}\.\n\n)?(?:{pattern})"
    said = "" if reader in BARE else f"words ::= {words}\n"
    text = f"root ::= {root}\n{said}verdict ::= {rule}\n"
    return Constraint("grammar", MappingProxyType({"grammar": text}), _pattern=re.compile(whole))


# JSON: one object, its fields by the kind of scale.


def _json_schema(scale: Scale, reader: str) -> Constraint | None:
    value = _value(scale)
    if value is None:
        return None
    name, schema, words = value
    fields: dict[str, Any] = {"explanation": {"type": "string"}, name: schema}
    said = {"explanation": "your reasons, as text", name: words}
    order = [name, "explanation"] if READERS[reader].leads else list(fields)
    whole = _object({key: fields[key] for key in order})
    params = {"response_format": {"type": "json_schema", "json_schema": {"name": "judgment", "strict": True, "schema": whole}}}
    ask = "\n".join([ASK, *(f'- "{key}": {said[key]}' for key in order)])
    return Constraint("json_schema", MappingProxyType(params), ask, words)


ASK: Final = (
    "Whatever form the verdict was to have so far: reply with one JSON object and nothing before or after it."
    " Its fields, in this order:"
)


def _value(scale: Scale) -> tuple[str, dict[str, Any], str] | None:
    """(the field that holds the verdict, its schema, what it is in words); None for probabilities, which no text can hold."""
    if scale.kind in VERDICTS:
        return "verdict", {"type": "string", "enum": list(VERDICTS[scale.kind])}, _VERDICT_WORDS[scale.kind]
    if scale.kind in ("rating", "two-scores"):
        number, words = _number(scale), scale.asks()
        if scale.kind == "two-scores":
            said = f'an object with "A" for the answer shown first and "B" for the one shown second, each {words}'
            return "scores", _object({"A": number, "B": number}), said
        if scale.aspects == (OVERALL,):
            return "score", number, words
        named = ", ".join(json.dumps(aspect, ensure_ascii=False) for aspect in scale.aspects)
        return "scores", _object(dict.fromkeys(scale.aspects, number)), f"an object with {words} for each of {named}"
    if scale.kind == "ranking":
        letters = [label(i) for i in range(scale.count)]
        said = f'the list of all {scale.count} letters, best first, "A" for the answer shown first and so on'
        return "ranking", _list(letters, scale.count), said
    if scale.kind == "yes-no":
        said = f'a list of {scale.count}: "yes" or "no" for each item, in their order'
        return "items", _list(["yes", "no"], scale.count), said
    return None


_VERDICT_WORDS: Final = {
    "three-way": '"A" if the answer shown first is better, "B" if the one shown second is, "C" for a tie',
    "two-way": '"A" if the answer shown first is better, "B" if the one shown second is',
    "five-step": '"A>>B", "A>B", "A=B", "B>A" or "B>>A", with A for the answer shown first',
}


def _number(scale: Scale) -> dict[str, Any]:
    """Few numbers are listed, which every server enforces; of a range many enforce nothing."""
    kind = "number" if scale.decimals else "integer"
    values = numbers(scale)
    if values is not None and len(values) * len(scale.aspects) <= MOST_NUMBERS:
        number: dict[str, Any] = {"type": kind, "enum": list(values)}
    else:
        number = {"type": kind, "minimum": scale.low, "maximum": scale.high}
    if not scale.not_applicable:
        return number
    return {"anyOf": [number, {"type": "string", "enum": [NOT_APPLICABLE]}]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(values: list[str], count: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": values}, "minItems": count, "maxItems": count}
