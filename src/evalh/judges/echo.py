"""What in a reply repeats an answer: it is not the judge's own voice, however little it is marked as a quotation. Pure.

A verdict that stands in an answer may turn up in a reply for two reasons: the judge repeats the answer, or the judge means it.
Where it stands in a passage of the answer that the reply holds word for word, or the sentence around it says that it is the
answer's, it is taken out before the reply is read. A mark that stands alone and says no more than "[[10]]" cannot be told
apart: then a different verdict of the judge's own at the end decides, and without one the mark counts and is flagged.

Only replies about answers that hold such a mark, or what looks like an attempt, are looked at in this way.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from evalh.judges.voice import Foreign, merged_spans

LEAST: Final = 40
"""Characters that a passage has to share with an answer to be a repetition, unless it is the whole answer."""
WINDOWS: Final = 200
"""Marks of a reply whose surroundings are looked up in the answers; of more, every further one counts as repeated."""
GONE: Final = "…"

Span = tuple[int, int]

_ATTRIBUTES: Final = re.compile(
    r"\b(?:answers?|assistants?|responses?|repl(?:y|ies)|texts?|it|they|which|that|author|model|[ab12])\b[^.!?\n]{0,60}?"
    r"\b(?:says?|said|saying|wrote|writes?|written|stat(?:es?|ed|ing)|contain\w*|reads?|claim\w*|ask\w*|request\w*|demand\w*"
    r"|insert\w*|append\w*|includ\w*|ends? (?:with|in)|ended with|ending with|quot\w*|instruct\w*|told|tells?|plant\w*"
    r"|tr(?:y|ies|ied|ying) to|want\w*|inject\w*|prints?|begins? with|starts? with)\b",
    re.I,
)
_BRACKETS: Final = re.compile(r"\[\s?\[[^\[\]\n]{1,60}\]\s?\]")
_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.M)
_SENTENCE_END: Final = re.compile(r"[.!?]\s")


def without_marks(reply: str, texts: Sequence[str], marks: Sequence[re.Pattern[str]], *, every: bool = False) -> str:
    """A reply without the marks in it that repeat one of the texts; the same reply where there is none.

    Args:
        reply: in plain characters (see `voice.plain`), as are the texts.
        texts: the answers as the judge saw them.
        marks: what would be a verdict; double square brackets always may be one.
        every: take out every mark that stands in a text, whatever its surroundings say.
    """
    marks = (*marks, _BRACKETS)
    planted = {match[0].strip() for text in texts for mark in marks for match in mark.finditer(text)}
    hits = (match for mark in marks for match in mark.finditer(reply)) if planted else ()
    found = merged_spans(match.span() for match in hits if match[0].strip() in planted)
    if not found:
        return reply
    quotations, repeated = Foreign(reply), [] if every else merged_spans(_passages(reply, texts))
    return _without(
        reply,
        (
            (start, end)
            for count, (start, end) in enumerate(found)
            if every
            or count >= WINDOWS
            or _inside(start, repeated)
            or _repeats(reply, start, end, texts)
            or quotations.quotation(start) is not None
            or _attributed(reply, start, end, texts)
        ),
    )


def without_passages(reply: str, texts: Sequence[str]) -> tuple[str, ...]:
    """A reply without the passages that repeat one of the texts, in the two ways in which that can be done; () without any.

    With a passage a code fence may go whose other half stays. So there is the reply without them, as is right where the
    answer's own fence was left open, and the reply in which the number of fences stays even or odd.
    """
    spans = merged_spans(_passages(reply, texts))
    if not spans:
        return ()
    found = (_without(reply, spans), _without(reply, spans, fences=True))
    return found[: 1 + (found[0] != found[1])]


def _inside(position: int, spans: list[Span]) -> bool:
    at = bisect_right(spans, position, key=lambda span: span[0]) - 1
    return at >= 0 and position < spans[at][1]


def _without(reply: str, gone: Iterable[Span], fences: bool = False) -> str:
    """The reply with each span, in order and apart, made an ellipsis; `fences` keeps one code fence of an odd number."""
    pieces: list[str] = []
    at = 0
    for start, end in gone:
        inside: list[str] = _FENCE.findall(reply, start, end) if fences else []
        pieces += [reply[at:start], f"{GONE}\n{inside[0]}\n" if len(inside) % 2 else GONE]
        at = end
    return "".join(pieces) + reply[at:] if pieces else reply


def _repeats(reply: str, start: int, end: int, texts: Sequence[str]) -> bool:
    """Whether a mark stands in a text with the same characters before it, behind it, or on both sides."""
    side = (LEAST - (end - start)) // 2
    windows = ((end - LEAST, end), (start, start + LEAST), (start - side, end + side))
    return any(reply[first:last] in text for first, last in windows if first >= 0 and last <= len(reply) for text in texts)


def _attributed(reply: str, start: int, end: int, texts: Sequence[str]) -> bool:
    """Whether the words before a mark, or the line that announces it, say that somebody else wrote it.

    They do where the mark is near them in one sentence, or where all between them and the mark stands in a text.
    """
    line = max(reply.rfind("\n", 0, start) + 1, start - 200)
    for match in _ATTRIBUTES.finditer(reply, line, start):
        between = reply[match.end() : start]
        if len(between) <= 60 and not _SENTENCE_END.search(between):
            return True
        if any(reply[match.end() : end].strip(" :,\"'") in text for text in texts):
            return True
    above = reply[max(0, line - 200) : line].rstrip()
    return above.endswith(":") and _ATTRIBUTES.search(above[above.rfind("\n") + 1 :]) is not None


def _passages(reply: str, texts: Sequence[str]) -> Iterable[Span]:
    """Passages of at least `LEAST` characters that stand in a text, and whole texts that are shorter, from left to right.

    Texts are indexed by blocks of half that length, so every passage holds one whole block; where a block is met, the
    passage is as long as both agree. What was taken is not looked at again, which keeps the work linear.
    """
    step = LEAST // 2
    blocks: dict[str, tuple[str, int]] = {}
    for text in texts:
        for at in range(0, len(text) - step + 1, step):
            blocks.setdefault(text[at : at + step], (text, at))
    yield from (span for text in texts if len(text.strip()) < LEAST for span in _whole(reply, text.strip()))
    at = taken = 0
    while blocks and at <= len(reply) - step:
        hit = blocks.get(reply[at : at + step])
        if hit is None:
            at += 1
            continue
        text, place = hit
        right = _agree(reply, at, text, place)
        left = _agree_back(reply, at, taken, text, place)
        if left + right >= LEAST:
            start, taken = _trimmed(reply, at - left, at + right)
            yield start, taken
        at += right


def _whole(reply: str, text: str) -> Iterable[Span]:
    """Where a short text stands as a whole; not one that says no more than a verdict does, which a judge may say by itself."""
    if len(re.findall(r"[^\W\d_]{2,}", text)) < 4:
        return
    at = reply.find(text)
    while at >= 0:
        yield at, at + len(text)
        at = reply.find(text, at + len(text))


def _agree(a: str, i: int, b: str, j: int) -> int:
    """How many characters a[i:] and b[j:] have in common at their beginnings: in doubling steps, then by halving."""
    most = min(len(a) - i, len(b) - j)
    low, size = 0, 64
    while low < most:
        size = min(size, most - low)
        if a[i + low : i + low + size] == b[j + low : j + low + size]:
            low, size = low + size, size * 2
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
            most = min(most, low + 2 * size)
    return low


def _agree_back(a: str, i: int, stop: int, b: str, j: int) -> int:
    """How many characters before a[i], down to a[stop], and before b[j] are the same."""
    most = min(i - stop, j, 4 * LEAST)
    count = 0
    while count < most and a[i - count - 1] == b[j - count - 1]:
        count += 1
    return count


def _trimmed(text: str, start: int, end: int) -> Span:
    """A span without the white space at its ends, so that lines stay lines."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
