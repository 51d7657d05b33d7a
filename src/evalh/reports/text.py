"""Texts of models and judges, made safe to look at: nothing invisible, nothing that reorders, nothing without end."""

from __future__ import annotations

import re
from typing import Final

from evalh.reports.numbers import count

LIMIT: Final = 20_000
"""Characters of one text that a page shows."""

# Controls (all but tab and newline), direction overrides, embeddings and isolates, zero-width and other unseen characters,
# line separators, surrogates (which cannot be written as UTF-8 at all), noncharacters, and tags. Joiners (U+200C, U+200D),
# direction marks and variation selectors stay: scripts and emoji need them, and they cannot reorder a line.
UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U0001fffe\U0001ffff\U000e0000-\U000e007f\U0010fffe\U0010ffff]"
)


def visible(text: str) -> str:
    """The same text with every unseen or reordering character written out as its number, such as `⟨U+202E⟩`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return UNSEEN.sub(lambda m: f"⟨U+{ord(m[0]):04X}⟩", text)


def line(text: str) -> str:
    """`visible`, on one line: for names and headings."""
    return " ".join(visible(text).split())


def shorten(text: str, width: int = 40) -> str:
    """A name on one line and in at most `width` characters; the middle goes, as both ends tell models apart."""
    text = line(text)
    if len(text) <= width:
        return text
    head = width // 2
    tail = width - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def cut(text: str, where: str, limit: int = LIMIT) -> tuple[str, str]:
    """A text as far as a page shows it, and a sentence on what is left out (empty if nothing is)."""
    if len(text) <= limit:
        return visible(text), ""
    return visible(text[:limit]), f"{count(len(text) - limit)} more characters are left out here; the full text is in {where}."


def md(text: str) -> str:
    """Text that markdown shows as it is: no markup, no HTML, no new cell, no new line.

    It never stands at the beginning of a line, where further marks would have a meaning.
    """
    return re.sub(r"([\\`*_{}\[\]<>|~$&])", r"\\\1", line(text))
