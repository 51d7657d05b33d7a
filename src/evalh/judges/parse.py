"""Reply text -> what it says: one pure function per reader, registered by name. None of them raises, whatever it is given.

Each reader has two readings. `strict`, the default, takes the verdict that the judge states in its own voice at the place the
protocol asks for, and anything else is a named status. `published` does what the protocol's authors did, to the letter, so that
stored replies can be read again as they were read then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges import aspects, items, objects, outputs, rank_list, rankings, scores, tokens, tuned
from evalh.judges.marks import Value, decide
from evalh.judges.objects import strictly
from evalh.judges.scale import FIVE_STEP, OVERALL, THREE_WAY, Kind, Scale, Verdict
from evalh.judges.voice import plain, separate

Strict = Callable[[str, Scale, bool], Reading]
"""(the judge's own words in plain characters, scale, whether the reply was cut off) -> Reading."""
Published = Callable[[str, Scale], Reading]
"""(the reply as it came, scale) -> Reading."""
Weigh = Callable[[str, tokens.Tokens, Scale, bool, bool], Reading]
"""(the reply as it came, its tokens, scale, whether it was cut off, whether to read as published) -> Reading."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How replies of one form are read. `markers` finds what would be a verdict of this form inside an answer.

    `leads`: the verdict comes first, so that a thinking tag further down belongs to what is talked about. `weigh` reads the
    probabilities of the reply's tokens, where the server gave any, in place of its text. `by_aspect`: scores are those of the
    scale's aspects; any other reader of a rating gives one score, which is the overall one.
    """

    name: str
    scale: Kind
    strict: Strict
    published: Published
    markers: re.Pattern[str]
    leads: bool = False
    weigh: Weigh | None = None
    by_aspect: bool = False


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
        weigh = reader.weigh if logprobs else None
        result = weigh(text, logprobs or (), scale, truncated, True) if weigh else reader.published(text, scale)
        return _complete(result, (*result.flags, "reading:published"), text)
    own, thinking = separate(plain(text))
    if thinking and reader.leads and reader.strict(plain(text), scale, False).status == "scored":
        own, thinking = plain(text), ""
    flags = ("thinking",) if thinking else ()
    weigh = reader.weigh if logprobs and (own.strip() or not thinking) else None
    if not own.strip() and not weigh:
        return Reading("truncated" if truncated else "empty", flags=flags, explanation=text)
    result = weigh(text, logprobs or (), scale, truncated, False) if weigh else reader.strict(own, scale, truncated)
    if result.status != "scored" and truncated and not reader.weigh:
        result = Reading("truncated")
    elif result.status == "no_verdict" and refuses(own):
        result = Reading("refused")
    return _complete(result, (*result.flags, *flags), text)


def _complete(r: Reading, flags: tuple[str, ...], text: str) -> Reading:
    """The reading with what every reading has; `dataclasses.replace` takes as long as finding most verdicts."""
    return Reading(r.status, r.verdict, r.strength, r.preference, r.scores, r.ranking, flags, text)


_REFUSAL: Final = re.compile(
    r"\b(?:i(?:['’]m| am) (?:very |really |so )?(?:sorry|afraid|unable|not able)|sorry|i apologi[sz]e"
    r"|i (?:can(?:not|['’]t| not)|won['’]t|will not|must decline|have to decline|decline)|as an ai)\b[^\n]{0,160}?"
    r"\b(?:assist|help|evaluat\w+|judg\w+|compar\w+|rat(?:e|ing)|rank\w*|scor\w+|comply|provide|fulfil\w*|continue|engage|review\w*"
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


def _bracket_choice(text: str, scale: Scale, truncated: bool) -> Reading:
    decision = decide(text, _choice_value)
    if decision.status == "scored" and (decision.at_end or not truncated):
        return Reading("scored", verdict=decision.value)  # type: ignore[arg-type]
    return _unscored(decision.status)


def _choice_value(content: str, denominator: str | None) -> Value | None:
    """As of three marks, but a tie is off this scale."""
    value = _verdict_value(content, denominator)
    return ("off_scale", "tie") if value == ("scored", "tie") else value


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


def _published_choice(text: str, scale: Scale) -> Reading:
    """As MT-bench would: whichever of the two marks is found anywhere, asked in the order A, B."""
    verdict: Verdict | None = "A" if "[[A]]" in text else "B" if "[[B]]" in text else None
    return Reading("no_verdict") if verdict is None else Reading("scored", verdict=verdict)


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
# By itself on its line, or called scores: other pairs in brackets are coordinates.
_TUPLE: Final = r"\(\s?\d{1,2}(?:\.\d)?\s?,\s?\d{1,2}(?:\.\d)?\s?\)"
_TUPLES: Final = re.compile(
    rf"^[ \t*`]*+{_TUPLE}[ \t*`.]*+$|\b(?:scor(?:es?|ing)|rat(?:ed|ings?)|tuple|output)\b[^\n(]{{0,40}}{_TUPLE}", re.M | re.I
)
_RESULTS: Final = re.compile(r"\[\s?(?:result|score)\s?[\]:]", re.I)
_RANKS: Final = re.compile(r"[\"']rank[\"']\s?:\s?\d", re.I)
_TOKENS: Final = re.compile(r"^[ \t\"'`*]*+[mM][ \t\"'`*.]*+$", re.M)
_CHOICES: Final = re.compile(r"^[ \t*#]*+(?:[12]|tie)[ \t*.]*+$|^### (?:evaluation|reason)\b", re.M | re.I)
_DECISIONS: Final = re.compile(r"final decision is\b|最终决定是", re.I)
_OUTPUTS: Final = re.compile(r"^[ \t*]*+output \([ab]\)[ \t*.]*+$|\boutput \([ab]\) is better\b", re.M | re.I)

READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        reader.name: reader
        for reader in (
            Reader("bracket-rating", "rating", _bracket_rating, _published_rating, _MARKS),
            Reader("bracket-verdict", "three-way", _bracket_verdict, _published_verdict, _MARKS),
            Reader("bracket-five-step", "five-step", _bracket_five_step, _published_five_step, _MARKS),
            Reader("bracket-choice", "two-way", _bracket_choice, _published_choice, _MARKS),
            Reader("two-scores-first-line", "two-scores", _first_line, _published_two_scores, _PAIRS, leads=True),
            Reader("score-tuple", "two-scores", _score_tuple, _published_two_scores, _TUPLES),
            Reader(
                "token-preference",
                "preference",
                partial(tokens.said, last=False),
                tokens.nothing,
                _TOKENS,
                weigh=partial(tokens.weigh, last=False),
            ),
            Reader(
                "token-preference-last",
                "preference",
                partial(tokens.said, last=True),
                tokens.nothing,
                _TOKENS,
                weigh=partial(tokens.weigh, last=True),
            ),
            Reader("rank-list", "two-way", rank_list.strict, rank_list.published, _RANKS),
            Reader("output-choice", "two-way", outputs.choice, outputs.published_choice, _OUTPUTS),
            Reader("output-better", "two-way", outputs.better, outputs.published_better, _OUTPUTS),
            Reader("result-rating", "rating", tuned.result_rating, tuned.published_result_rating, _RESULTS),
            Reader("result-verdict", "two-way", tuned.result_verdict, tuned.published_result_verdict, _RESULTS),
            Reader(
                "first-line-choice",
                "three-way",
                tuned.first_line_choice,
                tuned.published_first_line_choice,
                _CHOICES,
                leads=True,
            ),
            Reader("final-decision", "three-way", tuned.final_decision, tuned.published_final_decision, _DECISIONS),
            Reader("last-rating", "rating", _bracket_rating, tuned.published_last_rating, _MARKS),
            Reader(
                "aspect-ratings", "rating", aspects.aspect_ratings, aspects.published_ratings, aspects.MARKERS, by_aspect=True
            ),
            Reader("json-score", "rating", objects.json_score, objects.published_score, objects.MARKERS),
            Reader("json-choice", "five-step", objects.json_choice, objects.published_choice, objects.MARKERS),
            Reader("ranking-letters", "ranking", *strictly(rankings.ranking_letters), rankings.MARKERS),
            Reader("ranking-list", "ranking", *strictly(rankings.ranking_list), rankings.MARKERS),
            Reader("yes-no-items", "yes-no", *strictly(items.yes_no_items), items.MARKERS),
        )
    }
)
"""Every reader by name. The math form was published with the first-line reading too, which cannot read it."""
