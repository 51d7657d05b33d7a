"""Reply text -> what it says: one pure function per reader, registered by name. None of them raises, whatever it is given.

Each reader has two readings. `strict`, the default, takes the verdict that the judge states in its own voice at the place the
protocol asks for, and anything else is a named status. `published` does what the protocol's authors did, to the letter, so that
stored replies can be read again as they were read then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges import scores
from evalh.judges.marks import Value, decide
from evalh.judges.scale import FIVE_STEP, OVERALL, THREE_WAY, Kind, Scale, Verdict
from evalh.judges.voice import plain, separate

Strict = Callable[[str, Scale, bool], Reading]
"""(the judge's own words in plain characters, scale, whether the reply was cut off) -> Reading."""
Published = Callable[[str, Scale], Reading]
"""(the reply as it came, scale) -> Reading."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How replies of one form are read. `markers` finds what would be a verdict of this form inside an answer."""

    name: str
    scale: Kind
    strict: Strict
    published: Published
    markers: re.Pattern[str]


def parse(
    name: str,
    text: str,
    scale: Scale,
    *,
    reading: str = "strict",
    truncated: bool = False,
    logprobs: Sequence[Mapping[str, Any]] | None = None,
) -> Reading:
    """Read one reply.

    Args:
        name: the reader, one of `READERS`.
        text: the reply, as it came.
        scale: the values it may hold.
        reading: "strict" or "published".
        truncated: the reply ended for lack of tokens.
        logprobs: the generated tokens as `Completion` holds them, for readers of probabilities.
    """
    reader = READERS[name]
    if reading == "published":
        result = reader.published(text, scale)
        return replace(result, flags=(*result.flags, "reading:published"), explanation=text)
    own, thinking = separate(plain(text))
    if thinking and reader.strict is _first_line and _first_line(plain(text), scale, False).status == "scored":
        own, thinking = plain(text), ""  # the scores came first, so a tag further down belongs to what is talked about
    flags = ("thinking",) if thinking else ()
    if not own.strip():
        return Reading("truncated" if truncated else "empty", flags=flags, explanation=text)
    result = reader.strict(own, scale, truncated)
    if result.status != "scored" and truncated:
        result = Reading("truncated")
    elif result.status == "no_verdict" and refuses(own):
        result = Reading("refused")
    return replace(result, flags=flags, explanation=text)


_REFUSAL: Final = re.compile(
    r"\b(?:i(?:['’]m| am) (?:very |really |so )?(?:sorry|afraid|unable|not able)|sorry|i apologi[sz]e"
    r"|i (?:can(?:not|['’]t| not)|won['’]t|will not|must decline|have to decline|decline)|as an ai)\b[^\n]{0,160}?"
    r"\b(?:assist|help|evaluat\w+|judg\w+|compar\w+|rat(?:e|ing)|scor\w+|comply|provide|fulfil\w*|continue|engage|review\w*"
    r"|decline|request)\b"
    r"|(?:tut mir leid|ich kann (?:dabei|diese|das|ihnen|dir) |lo siento|no puedo|désolé|je ne peux pas|desculpe|mi dispiace"
    r"|извините|к сожалению|я не могу|抱歉|对不起|我无法|我不能|申し訳|ごめんなさい|죄송)",
    re.I,
)


def refuses(text: str) -> bool:
    """Whether a reply without a verdict opens by declining, in words that judges use for it."""
    return _REFUSAL.search(text.lstrip()[:300]) is not None


_RATING: Final = re.compile(
    r"(?:[^\W\d]{1,14}\s?[^\W\d]{0,14}\s?[:=]\s?)?([+-]?\d{1,9}(?:\.\d{1,9})?)"
    r"(?:\s?(?:/|out of|von|sur|de|из)\s?(\d{1,6}))?(?:\s?points?)?",
    re.I,
)
_NUMBERS: Final = re.compile(r"[+-]?\d[\d\s.,/~–—+%-]*(?:(?:to|bis|or|and)\s?\d[\d.]*)?", re.I)
_DRESS: Final = " \t*_`\"'“”$"


def _rating_value(content: str, denominator: str | None, scale: Scale) -> Value | None:
    content = content.strip(_DRESS)
    match = _RATING.fullmatch(content)
    if match is None:
        return ("off_scale", content) if _NUMBERS.fullmatch(content) else None
    of = match[2] or denominator
    if of is not None and float(of) != scale.high:
        return "off_scale", content
    number = float(match[1])
    return scale.judge(number), number


def _bracket_rating(text: str, scale: Scale, truncated: bool) -> Reading:
    decision = decide(text, lambda content, of: _rating_value(content, of, scale))
    if isinstance(decision.value, float) and (decision.at_end or not truncated):
        return Reading("scored", scores={OVERALL: (decision.value,)})
    return _unscored(decision.status)


def _unscored(status: Status) -> Reading:
    """A reading without a value; a verdict that is there but may not count is none."""
    return Reading("no_verdict" if status == "scored" else status)


_WHO: Final = re.compile(r"(?:verdict|winner|assistant|answer|response|model)\s?:?\s?(?=[A-Z]$)", re.I)
_LETTERS: Final = re.compile(
    r"[A-Z0-9]|[A-C]\s?(?:[/<>=,|]{1,2}|or|and)\s?[A-C](?:\s?(?:[/,|]|or|and)\s?[A-C])?|[\u0400-\u04ff]", re.I
)
_STEP: Final = re.compile(r"[AB]\s?[<>=]{1,2}\s?[AB]", re.I)


def _verdict_value(content: str, denominator: str | None) -> Value | None:
    content = _WHO.sub("", content.strip(_DRESS))
    verdict = "tie" if content.lower() in ("tie", "draw") else THREE_WAY.get(content.upper())
    if verdict is not None and denominator is None:
        return "scored", verdict
    return ("off_scale", content.upper()) if _LETTERS.fullmatch(content) or _STEP.fullmatch(content) else None


def _bracket_verdict(text: str, scale: Scale, truncated: bool) -> Reading:
    decision = decide(text, _verdict_value)
    if decision.status == "scored" and (decision.at_end or not truncated):
        return Reading("scored", verdict=decision.value)  # type: ignore[arg-type]
    return _unscored(decision.status)


def _step_value(content: str, denominator: str | None) -> Value | None:
    content = content.strip(_DRESS).replace(" ", "").upper()
    if content in FIVE_STEP:
        return "scored", FIVE_STEP[content]
    return ("off_scale", content) if _STEP.fullmatch(content) or _LETTERS.fullmatch(content) else None


def _bracket_five_step(text: str, scale: Scale, truncated: bool) -> Reading:
    decision = decide(text, _step_value)
    if isinstance(decision.value, tuple) and (decision.at_end or not truncated):
        verdict, strength = decision.value
        return Reading("scored", verdict=verdict, strength=strength)
    return _unscored(decision.status)


def _first_line(text: str, scale: Scale, truncated: bool) -> Reading:
    return _two(*scores.first_line(text, scale, truncated))


def _score_tuple(text: str, scale: Scale, truncated: bool) -> Reading:
    return _two(*scores.closing_tuple(text, scale, truncated))


def _two(status: Status, pair: scores.Pair | None) -> Reading:
    if pair is None:
        return Reading(status)
    verdict: Verdict = "A" if pair[0] > pair[1] else "B" if pair[1] > pair[0] else "tie"
    return Reading("scored", verdict=verdict, scores={OVERALL: pair})


_DOUBLE: Final = re.compile(r"\[\[([0-9]++(?:\.[0-9]*+)?+)\]\]")
_SINGLE: Final = re.compile(r"\[([0-9]++(?:\.[0-9]*+)?+)\]")


def _published_rating(text: str, scale: Scale) -> Reading:
    """MT-bench: the first [[number]], else the first [number]; no check of the range."""
    match = _DOUBLE.search(text) or _SINGLE.search(text)
    if match is None:
        return Reading("no_verdict")
    number = float(match[1])
    return Reading("scored", scores={OVERALL: (number,)}) if isfinite(number) else Reading("out_of_range")


def _published_verdict(text: str, scale: Scale) -> Reading:
    """MT-bench: whichever of the three marks is found anywhere, asked in the order A, B, C."""
    for mark, verdict in THREE_WAY.items():
        if f"[[{mark}]]" in text:
            return Reading("scored", verdict=verdict)
    return Reading("no_verdict")


_STEP_DOUBLE: Final = re.compile(r"\[\[([AB<>=]++)\]\]")
_STEP_SINGLE: Final = re.compile(r"\[([AB<>=]++)\]")


def _published_five_step(text: str, scale: Scale) -> Reading:
    """Arena-Hard: the last label in double brackets of the upper-cased reply, else the last in single ones."""
    found = _STEP_DOUBLE.findall(text.upper()) or _STEP_SINGLE.findall(text.upper())
    value = FIVE_STEP.get(found[-1]) if found else None
    return Reading("no_verdict") if value is None else Reading("scored", verdict=value[0], strength=value[1])


def _published_two_scores(text: str, scale: Scale) -> Reading:
    """Vicuna 2023: the first line, commas to spaces, split at each space, exactly two numbers."""
    parts = text.split("\n", 1)[0].replace(",", " ").split(" ")
    try:
        first, second = map(float, parts)
    except ValueError:
        return Reading("no_verdict")
    return _two("scored", (first, second)) if isfinite(first) and isfinite(second) else Reading("no_verdict")


_MARKS: Final = re.compile(r"\[\s?\[[^\[\]\n]{1,20}\]\s?\]")
_PAIRS: Final = re.compile(r"^\s*\d{1,2}(?:\.\d)?[ ,]\s?\d{1,2}(?:\.\d)?[ \t]*$", re.M)
_TUPLES: Final = re.compile(r"\(\s?\d{1,2}(?:\.\d)?\s?,\s?\d{1,2}(?:\.\d)?\s?\)")

READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        reader.name: reader
        for reader in (
            Reader("bracket-rating", "rating", _bracket_rating, _published_rating, _MARKS),
            Reader("bracket-verdict", "three-way", _bracket_verdict, _published_verdict, _MARKS),
            Reader("bracket-five-step", "five-step", _bracket_five_step, _published_five_step, _MARKS),
            Reader("two-scores-first-line", "two-scores", _first_line, _published_two_scores, _PAIRS),
            Reader("score-tuple", "two-scores", _score_tuple, _published_two_scores, _TUPLES),
        )
    }
)
"""Every reader by name. The math form was published with the first-line reading too, which cannot read it."""
