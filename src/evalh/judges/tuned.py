"""The replies of fine-tuned judges: Prometheus 2, PandaLM and Auto-J, each in the form that it was trained on. Pure, linear.

JudgeLM writes two scores on its first line, which `scores.first_line` reads. A reply that was cut off has no verdict here,
unless that stands on a first line that was completed: a bare number or letter at the very end may have lost what followed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from math import isfinite
from typing import Final

from evalh.core.records import Reading, Status
from evalh.judges.scale import OVERALL, Scale, Verdict
from evalh.judges.voice import Foreign

Value = tuple[Status, object]
Interpret = Callable[[str], Value | None]
"""What stands behind a marker -> what it says, or None where it says nothing."""

_DRESS: Final = " \t\r\n*_`\"'“”„«»「」『』()[]{}.!:;,#"
_END: Final = re.compile(r"(?:[^\w<]|_|</?\w{1,12}>|<\|\w{1,20}\|>)*+")
_TOKENS: Final = re.compile(r"</\w{1,12}>|<\|\w{1,20}\|>")
_REMARK: Final = re.compile(r"\s\([^()\d]{1,80}\)[\s.]*$")
_ATTRIBUTES: Final = re.compile(
    r"\b(?:says?|said|wrote|writes?|written|states?|stated|contains?|reads?|claims?|asks?|includes?|ends? with|quotes?"
    r"|user|prompt|format|example|instructed|told)\b",
    re.I,
)
_TALKS: Final = re.compile(
    r"\b(?:if|whether|unless|format|example|instructed|asked|told|either|begin(?:s|ning)?)\b|如果|例如", re.I
)
_SENTENCE: Final = re.compile(r"[.!?;]\s|。|\n")


def result_rating(text: str, scale: Scale, truncated: bool) -> Reading:
    """Prometheus, absolute: feedback, then `[RESULT]` and a number at the end of the reply."""
    status, value = _result(text, truncated, lambda content: _rated(content, scale))
    return Reading("scored", scores={OVERALL: (value,)}) if isinstance(value, float) else Reading(status)


def result_verdict(text: str, scale: Scale, truncated: bool) -> Reading:
    """Prometheus, relative: feedback, then `[RESULT]` and A or B at the end of the reply. It has no tie."""
    return _verdict(*_result(text, truncated, _lettered))


_RESULT: Final = re.compile(r"\[\s?result\s?(?:\]\s?:?|:)", re.I)


def _result(text: str, truncated: bool, interpret: Interpret) -> Value:
    """What the last `[RESULT]` in the judge's own voice says, if nothing follows that."""
    marks = list(_RESULT.finditer(text))
    if not marks:
        return "no_verdict", None
    foreign = Foreign(text)
    own = [mark for mark in marks if _is_own(text, mark.start(), foreign)]
    if not own:
        return "quoted", None
    last = own[-1]
    rest = text[last.end() : last.end() + 400]
    found = interpret(_bare(rest)) if len(text) - last.end() < 400 else None
    if truncated:
        return "truncated", None
    if found is None:
        return "no_verdict", None
    for mark, following in pairwise(own):
        end = text.find("\n", mark.end())
        end = min(following.start(), end if end >= 0 else len(text), mark.end() + 400)
        earlier = interpret(_bare(text[mark.end() : end]))
        if earlier is not None and earlier != found and not _TALKS.search(_sentence_before(text, mark.start())):
            return "conflicting", None
    return found


def _bare(content: str) -> str:
    return _REMARK.sub("", _TOKENS.sub(" ", content).rstrip()).strip(_DRESS)


def _is_own(text: str, at: int, foreign: Foreign) -> bool:
    """Whether the judge speaks here. A quotation that ends the reply may be its own, written the way the prompt shows it."""
    if foreign.block(at):
        return False
    span = foreign.quotation(at)
    if span is None:
        return True
    return _END.fullmatch(text, span[1]) is not None and not _ATTRIBUTES.search(_sentence_before(text, span[0]))


def _sentence_before(text: str, at: int) -> str:
    """The sentence up to a place, of which at the most 200 characters matter."""
    begin = max(0, at - 200)
    cut = max((match.end() for match in _SENTENCE.finditer(text, begin, at)), default=begin)
    return text[cut:at]


_NUMBER: Final = re.compile(
    r"(?:(?:score|result|rating)(?:\s(?:of|is))?\s?:?\s?)?([+-]?\d{1,9}(?:[.,]\d{1,9})?)"
    r"(?:\s?(?:/|out of)\s?(\d{1,6}))?(?:\s?points?)?",
    re.I,
)
_NUMBERS: Final = re.compile(r"[+-]?\d[\d\s.,/~–—+%-]*(?:(?:to|or|and|out of)\s?\d[\d.]*)?(?:\s?points?)?|[A-Z]", re.I)


def _rated(content: str, scale: Scale) -> Value | None:
    if len(content) > 60:
        return None
    match = _NUMBER.fullmatch(content)
    if match is None:
        return ("off_scale", content) if _NUMBERS.fullmatch(content) else None
    if match[2] is not None and float(match[2]) != scale.high:
        return "off_scale", content
    number = float(match[1].replace(",", "."))
    return scale.judge(number), number if scale.judge(number) == "scored" else content


_LETTER: Final = re.compile(r"(?:response|assistant|answer)?\s?([AB])", re.I)
_OTHER: Final = re.compile(
    r"[A-Z0-9]|(?:a )?(?:tie|draw|tied|equal|both|neither)"
    r"|(?:response )?[AB]\s?(?:/|,|and|or|=|&|>|<)\s?(?:response )?[AB]",
    re.I,
)


def _lettered(content: str) -> Value | None:
    match = _LETTER.fullmatch(content) if len(content) <= 60 else None
    if match is not None:
        return "scored", match[1].upper()
    return ("off_scale", content.lower()) if len(content) <= 60 and _OTHER.fullmatch(content) else None


def _verdict(status: Status, value: object) -> Reading:
    if status == "scored" and value in ("A", "B", "tie"):
        return Reading("scored", verdict=value)
    return Reading(status)


_PUBLISHED_RATING: Final = re.compile(
    r"(?:\[result\]:?|\[score\]|score(?::|\s++of)?+|result:?)[(\[\s]*+(\d++)(?:[)\]\s]|$|/\s*+5|\s*+out\s*+of\s*+5)", re.I
)
_PUBLISHED_LETTER: Final = re.compile(
    r"(?:\[result\](?:\s+response)?|\[result:|\[response\s|^result:?)\s*+([ab])(?:[\]\s]|$)", re.I | re.M
)


def published_result_rating(text: str, scale: Scale) -> Reading:
    """Prometheus 2: the first number behind any of several spellings of "result" or "score"; outside 1 to 5 it is a failure."""
    match = _PUBLISHED_RATING.search(text)
    if match is None:
        return Reading("no_verdict")
    number = float(match[1]) if len(match[1]) < 10 else 0.0
    return Reading("scored", scores={OVERALL: (number,)}) if 1 <= number <= 5 else Reading("out_of_range")


def published_result_verdict(text: str, scale: Scale) -> Reading:
    """Prometheus 2: the first letter behind any of several spellings of "result"."""
    match = _PUBLISHED_LETTER.search(text)
    return _verdict("scored", match[1].upper()) if match else Reading("no_verdict")


_FIRST: Final[dict[str, Verdict]] = {"1": "A", "2": "B", "tie": "tie"}


def first_line_choice(text: str, scale: Scale, truncated: bool) -> Reading:
    """PandaLM: `1`, `2` or `Tie`, and nothing else, on the first line that is not empty."""
    if truncated:
        text = text[: text.rfind("\n") + 1]  # what stands at the end of a reply that was cut off may have gone on
    lines = text.lstrip().split("\n", 2)[:2]
    if not lines or not lines[0].strip():
        return Reading("no_verdict")
    line = lines[0].strip()
    if line.startswith((">", "```", "~~~")):
        inside = line if line.startswith(">") else lines[-1]
        return Reading("quoted" if _FIRST.get(inside.strip("> \t\r*_.").lower()) else "no_verdict")
    bare = line.strip(_DRESS).lower() if len(line) <= 60 else line
    if bare in _FIRST:
        return Reading("scored", verdict=_FIRST[bare])
    return Reading("off_scale" if len(bare) <= 60 and _CHOICES.fullmatch(bare) else "no_verdict")


_CHOICES: Final = re.compile(r"[+-]?\d[\d\s.,/|&-]*(?:(?:or|and)\s?\d+)?(?:\s?(?:/|,|\||or)\s?tie)?", re.I)


def published_first_line_choice(text: str, scale: Scale) -> Reading:
    """PandaLM: a first line that is neither `1` nor `2` is a tie, whatever it is."""
    return Reading("scored", verdict={"1": "A", "2": "B"}.get(text.strip().split("\n", 1)[0], "tie"))  # type: ignore[arg-type]


_DECIDES: Final = re.compile(r"final decision is|最终决定是", re.I)
_DECISION: Final = re.compile(
    r"[\s:*_\"'“‘`(\[]*+(?:that\s++)?(?P<which>(?:response|回应)\s?\d{1,3}|(?:an?\s)?(?:tied?|draw)\b|平局)"
    r"(?P<after>[*_\"'”’`)\]\s]*+(?:/|\||or\b|and\b|或|和))?",
    re.I,
)


def final_decision(text: str, scale: Scale, truncated: bool) -> Reading:
    """Auto-J, pairs: "final decision is", then Response 1, Response 2 or Tie; or the Chinese of the bilingual judge."""
    marks = [(m, value) for m in _DECIDES.finditer(text) if (value := _decided(text, m.end())) is not None]
    if not marks:
        return Reading("no_verdict")
    foreign = Foreign(text)
    own = [(m, value) for m, value in marks if _is_own(text, m.start(), foreign)]
    if not own:
        return Reading("quoted")
    said = [value for m, value in own if not _TALKS.search(_sentence_before(text, m.start()))]
    if truncated:
        return Reading("truncated")
    if not said:
        return Reading("no_verdict")
    return Reading("conflicting") if any(value != said[-1] for value in said) else _verdict(*said[-1])


def _decided(text: str, at: int) -> Value | None:
    match = _DECISION.match(text, at, at + 120)
    if match is None or match["after"]:  # "Response 1 / Response 2 / Tie" is the form, not a decision
        return None
    number = match["which"].lower().removeprefix("response").removeprefix("回应").strip()
    if not number.isdecimal():
        return "scored", "tie"
    return ("scored", {"1": "A", "2": "B"}[number]) if number in ("1", "2") else ("off_scale", number)


def published_final_decision(text: str, scale: Scale) -> Reading:
    """Auto-J, pairs: what follows the last "final decision is " has to start with one of the three."""
    _, found, rest = text.strip().rpartition("final decision is ")
    rest = rest.strip().lower() if found else ""
    starts: dict[str, Verdict] = {"response 1": "A", "response 2": "B", "tie": "tie"}
    verdict = next((value for start, value in starts.items() if rest.startswith(start)), None)
    return Reading("no_verdict") if verdict is None else Reading("scored", verdict=verdict)


def published_last_rating(text: str, scale: Scale) -> Reading:
    """Auto-J, single: the number in the last `Rating: [[…]]`, and 0.0 where there is none, which rates nothing."""
    _, found, rest = text.rpartition("Rating: [[")
    if not found:
        return Reading("scored", scores={OVERALL: (0.0,)})
    number, closed, _ = rest.partition("]]")
    try:
        value = float(number) if closed else float("nan")
    except ValueError:
        return Reading("no_verdict")
    return Reading("scored", scores={OVERALL: (value,)}) if isfinite(value) else Reading("no_verdict")
