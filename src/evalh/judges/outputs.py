"""The better of two, named "Output (a)" or "Output (b)": the replies of LLMBar's judges. Pure, linear.

The plain form is the name and nothing else; the form that explains first ends in the sentence "Output (a) is better."
"""

from __future__ import annotations

import re
from typing import Final

from evalh.core.records import Reading
from evalh.judges.scale import Scale, Verdict
from evalh.judges.voice import Foreign

_NAMES: Final[dict[str, Verdict]] = {"a": "A", "b": "B"}
_DRESS: Final = " \t*_`\"'“”.:!#"
_NAME: Final = re.compile(r"(?:[^:()\n]{0,40}:\s*)?(?:the\s)?(?:output\s?)?\(([a-z])\)|output\s?([ab])", re.I)
_SENTENCE: Final = re.compile(r"(\bneither\b[^.\n]{0,40}?)?\boutput\s?\(([a-z])\)\W{0,3}(?:is|as)\s(?:the\s)?better\b", re.I)
_OUTPUT: Final = re.compile("output", re.I)
_CUT: Final = re.compile(r"[.!?]\s|\n|。")
_TALKS: Final = re.compile(
    r"\b(?:if|whether|unless|either|say|state|write|format|example|begin|asked|instructed|told)\b"
    r"|\b(?:not|cannot|can['’]t|never|hard)\b[^,;:.]{0,40}$",
    re.I,
)
_THAN: Final = re.compile(r"\W{0,3}(?:if|when|only|or)\b", re.I)


def choice(text: str, scale: Scale, truncated: bool) -> Reading:
    """ "Output (a)" or "Output (b)" alone on the first line; a later line of that kind must not name the other one."""
    foreign = Foreign(text)
    first: str | None = None
    named: list[str] = []
    at = 0
    for line in text.split("\n"):
        name = _name(line)
        bare = line.strip()
        if bare and first is None:
            first = "quoted" if name and foreign.block(at) else name or ""
        if name and not foreign.block(at):
            named.append(name)
        at += len(line) + 1
    if not first:
        return Reading("no_verdict")
    if first == "quoted":
        return Reading("quoted")
    if any(name != first for name in named):
        return Reading("conflicting")
    return Reading("scored", verdict=_NAMES[first]) if first in _NAMES else Reading("off_scale")


def _name(line: str) -> str | None:
    match = _NAME.fullmatch(line.strip(_DRESS + ">")) if len(line) < 120 else None
    return (match[1] or match[2]).lower() if match else None


def better(text: str, scale: Scale, truncated: bool) -> Reading:
    """The sentence "Output (a) is better", wherever the judge states it; two that differ are conflicting."""
    named = _OUTPUT.search(text)  # quick to find, and the sentence begins at most 50 characters before it
    places = _SENTENCE.finditer(text, max(0, named.start() - 50)) if named else ()
    found = [match for match in places if not _is_talk(text, match)]
    if not found:
        return Reading("no_verdict")
    foreign = Foreign(text)
    own = [m for m in found if not foreign.block(m.start()) and foreign.quotation(m.start()) is None]
    if not own:
        last = found[-1]
        span = foreign.quotation(last.start())
        # A reply that is nothing but the sentence may stand in quotation marks, as the prompt shows it.
        if span is None or text[: span[0]].strip(_DRESS + "\n") or text[span[1] :].strip(_DRESS + "\n"):
            return Reading("quoted")
        own = [last]
    names = {match[2].lower() for match in own}
    if len(names) > 1:
        return Reading("conflicting")
    name = names.pop()
    if truncated and text[own[-1].end() :].strip(_DRESS + "\n"):
        return Reading("truncated")  # it went on, perhaps to say otherwise
    return Reading("scored", verdict=_NAMES[name]) if name in _NAMES else Reading("off_scale")


def _is_talk(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence only speaks of what could be said: a condition, a denial, the form quoted."""
    begin = max(0, match.start() - 160)
    cut = max((m.end() for m in _CUT.finditer(text, begin, match.start())), default=begin)
    return bool(match[1] or _TALKS.search(text[cut : match.start()]) or _THAN.match(text, match.end()))


_PLAIN: Final = {verdict: re.compile(rf"(?:^|\n) ?Output \({name}\)") for name, verdict in _NAMES.items()}
_BETTER: Final = {verdict: re.compile(rf"Output \({name}\) is better[^\n]") for name, verdict in _NAMES.items()}


def published_choice(text: str, scale: Scale) -> Reading:
    """LLMBar, plain form: a line that begins with the name, asked for (a) and then for (b)."""
    return _first(_PLAIN, text)


def published_better(text: str, scale: Scale) -> Reading:
    """LLMBar, explaining form: the sentence anywhere, with any character for its full stop, asked for (a) and then for (b)."""
    return _first(_BETTER, text)


def _first(patterns: dict[Verdict, re.Pattern[str]], text: str) -> Reading:
    """What is found in the reply without the spaces around it."""
    verdict = next((verdict for verdict, pattern in patterns.items() if pattern.search(text.strip())), None)
    return Reading("no_verdict") if verdict is None else Reading("scored", verdict=verdict)
