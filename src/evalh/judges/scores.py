"""Reading two scores out of one reply: the first line, or the tuple at the end of a mathematical review. Pure, linear.

The March 2023 reviews are why the second is not simply "the last pair in brackets": GPT-4 gave its scores as `(1, 8)`, as a
list "Assistant 1: 10 / Assistant 2: 4", as `1/10`, in a sentence, before or after a closing remark, and beside coordinates such
as `(10, 4)`. Each of these is a candidate only where the words around it say that it is a score; candidates that differ are
conflicting, and a pair that nothing calls a score is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from evalh.core.records import Status
from evalh.judges.scale import Scale
from evalh.judges.voice import Foreign
from evalh.judges.words import Words

Pair = tuple[float, float]
Found = tuple[Status, Pair | None]

_N: Final = r"([+-]?\d{1,6}(?:\.\d{1,6})?)(?!\.?\d)"
_OF: Final = r"(?:\s?/\s?(\d{1,4})(?!\.?\d))?"
_WHO: Final = (
    r"(?:assistant|answer|response|model|ai|assistent|antwort|asistente|assistente|réponse|ассистент|助手|回答|助理|アシスタント)?"
    r"\s?(?:no\.|#)?\s?"
)
_DRESS: Final = " \t*_`#|\"'“”()[]"
_SCORES: Final = Words(
    r"scor(?:e|es|ing)\b|\brat(?:ing|ings|e)\b|\btuples?\b|\boutput\b|punkt|bewertung|puntuaci|puntaje|notas?\b|pontuaç|оценк|балл|分数|评分|得分"
    r"|スコア|評価|점수",
    *("scor", "rat", "tuple", "output", "punkt", "bewertung", "puntuaci", "puntaje", "nota"),
)
_HEAD: Final = r"(?:[^:\d]{0,40}:\s*)?"
_PLAIN: Final = re.compile(rf"{_HEAD}{_N}{_OF}(?:\s?[,;|&]\s?|\s(?:and|und|y|et|vs\.?|\|)\s|\s+){_N}{_OF}\.?", re.I)
_LABELLED: Final = re.compile(
    rf"{_HEAD}{_WHO}([12])\W{{1,6}}?{_N}{_OF}[\s,;|.*]{{0,6}}(?:and\s)?\s?{_WHO}([12])\W{{1,6}}?{_N}{_OF}\.?", re.I
)
_TUPLE: Final = re.compile(rf"[(\[]\s?{_N}{_OF}\s?,\s?{_N}{_OF}\s?[)\]]")
_CODE: Final = re.compile(
    rf"(?P<fence>`{{1,9}}|~{{3,9}})(?:\w{{1,10}}(?=\n))?\s*(?P<tuple>(?:\w{{1,20}}\s?=\s?)?{_TUPLE.pattern})\s*(?P=fence)"
)
_NO_SCORE: Final = re.compile(
    r"\b(?:points?|coordinates?|endpoints?|vert(?:ex|ices)|intervals?|range|between|scale|format|for example|e\.g\.|example"
    r"|from)\b",
    re.I,
)
_SENTENCE: Final = re.compile(r"(?<=[.!?;。])\s+|(?<=。)")
_LINE: Final = re.compile(
    rf"^\W{{0,8}}{_WHO}([12])(?:['’]s)?(?P<said>\s(?:score|rating|final score))?[*_\s]{{0,4}}[:=–—-][*_\s]{{0,4}}{_N}{_OF}"
    rf"(?P<tail>\s*$|[*_]{{1,3}}\W*$|[*_]{{0,3}}\s{{0,2}}[(,;.–—|-](?!\d).*$)",
    re.I,
)
_GETS: Final = r"\s(?:(?:gets|receives|deserves|earns|scores|is rated)\s)?(?:an?\s)?"
_PROSE: Final = re.compile(
    rf"\b{_WHO}1{_GETS}(?P<said>score of|rating of)?\s?{_N}{_OF}"
    rf"[^.\d\n]{{0,60}}\b{_WHO}2{_GETS}(?:score of|rating of)?\s?{_N}{_OF}",
    re.I,
)

_PROSE_BEGINS: Final = re.compile(rf"1{_GETS}(?:score of|rating of)?\s?{_N}{_OF}[^.\d\n]{{0,60}}2", re.I)
"""In every match of `_PROSE`, and far quicker to look for: most replies have none."""


def first_line(text: str, scale: Scale, truncated: bool) -> Found:
    """Two scores on the first line that is not empty."""
    if truncated:
        text = text[: text.rfind("\n") + 1]  # the last number of a reply that was cut off may have lost a digit
    lines = _head(text)
    if not lines:
        return "no_verdict", None
    line = lines[0]
    if line.startswith((">", "```", "~~~")):
        inside = line.lstrip("> ") if line.startswith(">") else lines[1] if len(lines) > 1 else ""
        return ("quoted" if _pair(inside, scale) else "no_verdict"), None
    found = _pair(line, scale)
    if found is None and len(lines) > 1:
        # "Scores:" before them, or one labelled score a line, is the same place.
        heading = line.rstrip("*_ ").endswith(":") and len(line) < 60 and _SCORES.search(line)
        found = _pair(lines[1], scale) if heading else _labelled(f"{line} {lines[1]}", scale)
    return _checked(found, scale) if found else ("no_verdict", None)


def _head(text: str) -> list[str]:
    """The first two lines that are not empty. What is too long for two scores is cut, so that no pattern sees it."""
    found: list[str] = []
    at = 0
    while at < len(text) and len(found) < 2:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if line := text[at : min(end, at + 400)].strip():
            found.append(line if end - at <= 400 else line + "…")
        at = end + 1
    return found


def _pair(line: str, scale: Scale) -> Found | None:
    """The scores of a line that holds two scores and nothing else."""
    bare = line.strip(_DRESS)
    match = _PLAIN.fullmatch(bare)
    if match is None:
        return _labelled(line, scale)
    return _scores(match[1], match[2], match[3], match[4], scale)


def _labelled(line: str, scale: Scale) -> Found | None:
    match = _LABELLED.fullmatch(line.replace("**", "").strip(_DRESS))
    if match is None or match[1] == match[4]:
        return None
    one, two = (2, 5) if match[1] == "1" else (5, 2)
    return _scores(match[one], match[one + 1], match[two], match[two + 1], scale)


def _scores(a: str, of_a: str | None, b: str, of_b: str | None, scale: Scale) -> Found:
    """Two numbers with the denominators behind them; another one than the scale's end is another scale."""
    if any(of is not None and float(of) != scale.high for of in (of_a, of_b)):
        return "off_scale", (float(a), float(b))
    return "scored", (float(a), float(b))


def _checked(found: Found, scale: Scale) -> Found:
    status, pair = found
    if status == "scored" and pair is not None:
        each = (scale.judge(pair[0]), scale.judge(pair[1]))
        status = "out_of_range" if "out_of_range" in each else "off_scale" if "off_scale" in each else "scored"
    return status, pair if status == "scored" else None


def closing_tuple(text: str, scale: Scale, truncated: bool) -> Found:
    """Two scores given as the result of a review: every form that the text itself calls scores, all saying the same."""
    own = _own_words(text)
    found = list(_tuples(own, scale))
    if not truncated:
        found += [*_lists(own, scale), *_sentences(own, scale)]
        head = _head(own)
        if head and (match := _PLAIN.fullmatch(head[0].strip(_DRESS))):
            found.append(_scores(match[1], match[2], match[3], match[4], scale))
    if not found:
        # Whatever is left out of the judge's own words was quoted, if it would have been a verdict.
        return ("quoted" if own != text and list(_tuples(text, scale)) else "no_verdict"), None
    if any(other != found[0] for other in found):
        return "conflicting", None
    return _checked(found[0], scale)


def _own_words(text: str) -> str:
    """The text with foreign passages blanked. Code that is nothing but a tuple stays: the protocol asks for Python."""
    foreign = Foreign(text)
    pieces: list[str] = []
    at = 0
    for start, stop in sorted([*foreign.blocks, *foreign.inline]):
        if start >= at:
            code = _CODE.fullmatch(text[start:stop].strip()) if stop - start < 200 else None
            pieces += [text[at:start], code["tuple"] if code else " "]
            at = stop
    return "".join(pieces) + text[at:]


def _tuples(text: str, scale: Scale) -> Iterator[Found]:
    """`(8, 9)` alone on a line at the end or under a heading, or in a sentence that speaks of scores."""
    end = len(text.rstrip())
    line_start = line_end = -1
    previous: re.Match[str] | None = None
    for match in _TUPLE.finditer(text):
        last, previous = previous, match
        if match.start() > line_end:
            line_start = text.rfind("\n", 0, match.start()) + 1
            line_end = text.find("\n", match.end())
            line_end = len(text) if line_end < 0 else line_end
        begin = max(line_start, match.start() - 200)
        if last and last.start() >= begin and not _SENTENCE.search(text, last.end(), match.start()):
            continue  # another tuple in the same sentence, and many of them are told apart at once
        before = _SENTENCE.split(text[begin : match.start()])[-1]
        after = _SENTENCE.split(text[match.end() : min(line_end, match.end() + 120)])[0]
        if _TUPLE.search(before) or _TUPLE.search(after):
            continue
        if _says_scores(text, before, after, line_start, line_end >= end):
            yield _scores(match[1], match[2], match[3], match[4], scale)


def _says_scores(text: str, before: str, after: str, line_start: int, is_last: bool) -> bool:
    label = before.strip(" \t*_`#\"'")
    if not label and not after.strip(" \t*_`.\"'"):
        heading = text[max(0, line_start - 120) : line_start].rstrip().rsplit("\n", 1)[-1]
        return is_last or (heading.rstrip("*_ ").endswith(":") and _SCORES.search(heading))
    if label.endswith(("=", "is at", ")")) and not _SCORES.search(label.rstrip("= ")[-20:]):
        return False
    return _SCORES.search(before) and not _NO_SCORE.search(before)


def _lists(text: str, scale: Scale) -> Iterator[Found]:
    """ "Assistant 1: 10" and on a later line "Assistant 2: 4", called scores by the line before, by "/10", or by the label."""
    first: re.Match[str] | None = None
    named = False
    previous = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        match = _LINE.match(line) if len(line) <= 600 else None
        if match is not None:
            says = match[4] is not None or match["said"] is not None or _SCORES.search(previous[-160:])
            if first is None or match[1] == first[1]:
                first, named = match, says
            elif named or says:
                one, two = (first, match) if first[1] == "1" else (match, first)
                yield _scores(one[3], one[4], two[3], two[4], scale)
                first = None
            else:
                first = None
        previous = line


def _sentences(text: str, scale: Scale) -> Iterator[Found]:
    """ "I would give Assistant 1 a score of 10 and Assistant 2 a score of 4"."""
    if not _PROSE_BEGINS.search(text):
        return
    for match in _PROSE.finditer(text):
        if match["said"] or match[3]:
            yield _scores(match[2], match[3], match[4], match[5], scale)
