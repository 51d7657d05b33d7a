"""What in a reply is the judge's own voice: without its thinking, without quotations, in plain characters. Pure, linear.

A verdict counts only where the judge itself states it. Thinking text is taken off first; of the rest, code blocks, block
quotes, inline code and quotation marks are passages in which somebody else may be speaking.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

_OPEN: Final = re.compile(r"^[ \t]*<(think|thinking|thought|reasoning)>", re.M | re.I)
_ORPHAN: Final = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.I)
_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})([^`\n]*)$", re.M)
_BEFORE_QUOTE: Final = re.compile(r"[ \t]*(?:[-*+][ \t]+)?")
# Each of the next three begins with what it looks for, not with an assertion: that is many times quicker to search.
_INLINE: Final = re.compile(r"(`(?<!``)`?)(?!`)([^`\n]+)\1(?!`)")
_MARKS: Final = re.compile(r"[`\"'“”„«»「」『』‘’]")
# An apostrophe within a word neither opens nor closes anything, and no other mark in a reply is nearly as common.
_QUOTES: Final = re.compile(r"[\"'“”„«»「」『』‘’](?:(?<!['‘’])|(?![^\W_])|(?<![^\s(\[{]['‘’]))")
_CLOSES: Final = {"”": "“", "»": "«", "」": "「", "』": "『"}

_DELETED: Final = (0xAD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A))
_BRACKETS: Final = {"【": "[", "】": "]", "⟦": "[[", "⟧": "]]", "〚": "[[", "〛": "]]"}
_TABLE: Final[dict[int, str | None]] = {
    **dict.fromkeys(_DELETED),
    **dict.fromkeys((0xA0, 0x202F, 0x3000, *range(0x2000, 0x200B)), " "),
    **dict.fromkeys((0x85, 0x2028, 0x2029), "\n"),
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **{start + digit: str(digit) for start in (0x660, 0x6F0, 0x966) for digit in range(10)},
    **{ord(bracket): ascii_form for bracket, ascii_form in _BRACKETS.items()},
}
"""Invisible characters go; full-width forms, other digits, other spaces and brackets become their plain cousins.

Letters that only look like A, B or C are left alone: of a Cyrillic "В" nobody can say whether B or the third letter is meant.
"""
_UNPLAIN: Final = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")

Span = tuple[int, int]


def separate(text: str) -> tuple[str, str]:
    """(own voice, thinking): `<think>` blocks that open a line are taken off, closed or not.

    A closing tag without an opening one ends the thinking too: some templates put the opening tag into the prompt.
    """
    if "<" not in text:
        return text, ""
    own: list[str] = []
    thinking: list[str] = []
    at = 0
    while opened := _OPEN.search(text, at):
        own.append(text[at : opened.start()])
        closed = re.compile(f"</{opened[1]}>", re.I).search(text, opened.end())
        at = closed.end() if closed else len(text)
        thinking.append(text[opened.end() : closed.start() if closed else at])
    if not thinking and (orphan := _ORPHAN.search(text)):
        return text[orphan.end() :], text[: orphan.start()]
    return "".join(own) + text[at:], "\n".join(thinking)


def plain(text: str) -> str:
    """The same text in plain characters, without what cannot be seen and with escaped brackets undone."""
    if not text.isascii():
        text = _UNPLAIN.sub(_cousin, text)  # `str.translate` looks every single character up
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\\[", "[").replace("\\]", "]") if "\\" in text else text


def _cousin(match: re.Match[str]) -> str:
    return _TABLE[ord(match[0])] or ""


class Foreign:
    """The passages of a text in which the judge is not speaking for itself.

    `since`: only passages that go on after this position are wanted. Hardly any reply has a quotation mark behind its verdict,
    and then no pairs have to be found: whatever holds the verdict would have to end behind it.
    """

    __slots__ = ("blocks", "inline")

    def __init__(self, text: str, since: int = 0) -> None:
        fences = _fences(text) if "```" in text or "~~~" in text else []
        blockquotes = _blockquotes(text) if ">" in text else []
        self.blocks: list[Span] = merged_spans([*fences, *blockquotes]) if fences or blockquotes else []
        self.inline: list[Span] = []
        if _MARKS.search(text, since):
            code = [m.span() for m in _INLINE.finditer(text)] if "`" in text else []
            self.inline = merged_spans([*code, *_quotations(text)])

    def block(self, position: int) -> bool:
        """Whether a position lies in a code block or a block quote."""
        return _find(self.blocks, position) is not None

    def quotation(self, position: int) -> Span | None:
        """The quotation or inline code around a position."""
        return _find(self.inline, position)


def _find(spans: list[Span], position: int) -> Span | None:
    at = bisect_right(spans, position, key=lambda span: span[0]) - 1
    return spans[at] if at >= 0 and position < spans[at][1] else None


def merged_spans(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans joined, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _blockquotes(text: str) -> list[Span]:
    """Lines that begin with ">", perhaps behind the mark of a list. The first ">" of a line says whether it is one."""
    spans: list[Span] = []
    line = 0
    while (at := text.find(">", line)) >= 0:
        line = text.rfind("\n", line, at) + 1 or line
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if _BEFORE_QUOTE.fullmatch(text, line, at):
            spans.append((line, end))
        line = end + 1
    return spans


def _fences(text: str) -> list[Span]:
    """Fenced code blocks; one that is never closed runs to the end, as Markdown has it."""
    spans: list[Span] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            spans.append((opened.start(), fence.end()))
            opened = None
    return spans if opened is None else [*spans, (opened.start(), len(text))]


def _quotations(text: str) -> list[Span]:
    """Passages in quotation marks.

    Straight marks are told apart by their neighbours: one that follows a digit is an inch, an apostrophe neither opens nor
    closes anything. Each kind of mark is paired by itself, so that a stray one cannot hide what stands in another pair. A
    quotation in single marks ends with its line, because apostrophes are many.
    """
    spans: list[Span] = []
    opened: dict[str, int] = {}
    for match in _QUOTES.finditer(text):
        mark, at = match[0], match.start()
        before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
        if mark in "'‘’":
            _single(text, mark, at, before, after, opened, spans)
        elif mark == '"':
            if '"' in opened and not before.isspace():
                spans.append((opened.pop('"'), at + 1))
            elif not after.isspace() and not before.isdigit():
                opened['"'] = at
        elif mark == "“" and "„" in opened:
            spans.append((opened.pop("„"), at + 1))
        elif mark in _CLOSES or mark == "”":
            start = opened.pop("„", None) if mark == "”" and "“" not in opened else opened.pop(_CLOSES[mark], None)
            if start is not None:
                spans.append((start, at + 1))
        else:
            opened[mark] = at
    return spans


def _single(text: str, mark: str, at: int, before: str, after: str, opened: dict[str, int], spans: list[Span]) -> None:
    start = opened.get("'")
    if mark != "’" and (before.isspace() or before in "([{") and not after.isspace():
        opened["'"] = at
    elif start is not None and not before.isspace() and not after.isalnum():
        del opened["'"]
        # A line end in between is looked for in the quotation only, so all searches together stay linear.
        if "\n" not in text[start:at]:
            spans.append((start, at + 1))
