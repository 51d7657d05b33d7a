"""Judges that disagree by a rule, for the loopback server: what each says follows from the tags in the answers alone.

`server.replies.verdict` is the fair one. `blunt` calls a tie below a gap of three points and rates a point higher; `moody` has
it the wrong way round, and says nothing readable where the tags' sum can be divided by three.
"""

from __future__ import annotations

from typing import Any

from .server.replies import TAG, UNREADABLE, text_of


def tags(body: dict[str, Any]) -> tuple[bool, list[float]]:
    """(whether two answers are compared, the tag of each answer shown)."""
    messages = body["messages"]
    found = [float(t) for m in messages if m.get("role") == "user" for t in TAG.findall(text_of(m))]
    compared = "[[C]]" in "\n".join(text_of(m) for m in messages)
    return compared, [found[len(found) // 2 - 1], found[-1]] if compared else [found[-1]]


def mark(lead: float) -> str:
    """The verdict on two answers of which the first leads by so much."""
    return f"[[{'A' if lead > 0 else 'B' if lead < 0 else 'C'}]]"


def blunt(body: dict[str, Any], n_seen: int) -> str:
    """Sees large differences only, and is generous."""
    compared, found = tags(body)
    if not compared:
        return f"Rating: [[{min(10.0, found[0] + 1):g}]]"
    lead = found[0] - found[1]
    return f"Verdict: {mark(lead if abs(lead) >= 3 else 0)}"


def moody(body: dict[str, Any], n_seen: int) -> str:
    """Prefers the worse answer, and is unreadable part of the time."""
    compared, found = tags(body)
    if sum(found) % 3 == 0:
        return UNREADABLE
    return f"Verdict: {mark(found[1] - found[0])}" if compared else f"Rating: [[{11 - found[0]:g}]]"


def fickle(body: dict[str, Any], n_seen: int) -> str:
    """Says of the same request that the first is better, then the second, by turns; of one answer 4, then 6."""
    compared, _ = tags(body)
    if compared:
        return "Verdict: [[A]]" if n_seen % 2 == 0 else "Verdict: [[B]]"
    return "Rating: [[4]]" if n_seen % 2 == 0 else "Rating: [[6]]"
