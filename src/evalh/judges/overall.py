"""One figure for an answer that is scored in several aspects: which it is, and whether a judge's folder can have it. Pure.

`overall` in judge.toml is "mean", the mean of the aspects, or the name of the aspect that stands for the whole: where some of
them describe an answer without praising it (how long it is, how complex), a mean over all of them would say nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from evalh.judges.scale import OVERALL

if TYPE_CHECKING:
    from evalh.judges.variant import Variant

MEAN: Final = "mean"


def faults(overall: str, variants: Iterable[Variant]) -> list[str]:
    """What is wrong with a judge's `overall`, or with scores that would have to be pooled under it."""
    variants = list(variants)
    rated = [v for v in variants if v.mode == "absolute"]
    aspects = list(dict.fromkeys(aspect for v in rated for aspect in v.scale.aspects))
    found = []
    if overall != MEAN and overall not in aspects:
        near = difflib.get_close_matches(overall, aspects, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f'one of "{MEAN}", {", ".join(aspects)}'
        found.append(f"{overall!r} is no aspect of any variant; {hint}")
    elif overall != MEAN and OVERALL in aspects:
        found.append(f"a variant scores {OVERALL!r} itself, so nothing else can stand for it; leave the key out")
    if overall == MEAN and OVERALL not in aspects and len({(v.scale.low, v.scale.high) for v in rated}) > 1:
        found.append("a mean of aspects on different scales says nothing; give all the same low and high, or name one aspect")
    if rated and any(v.mode == "checklist" for v in variants):
        found.append("scores and shares of a checklist cannot be averaged; make two judges of it")
    return found


def described(overall: str, variants: Iterable[Variant]) -> dict[str, Any]:
    """What a run has to keep of a judge in order to make one figure of its aspects; nothing for a judge without aspects.

    Returns:
        {"overall": …, "aspects": {variant: {"aspects": […], "turn": …, "always": …}}}; `always` says that the variant serves
        every question with that turn, so that a question without its judgment is not complete.
    """
    aspects = {
        v.name: {
            "aspects": list(v.scale.aspects),
            "turn": v.turns,
            "always": not (v.categories or v.reference or "checklist" in v.prompt.fields)
            and bool(v.rubric or "rubric" not in v.prompt.fields),
        }
        for v in variants
        if v.mode == "absolute"
    }
    if all(entry["aspects"] == [OVERALL] for entry in aspects.values()):
        return {}
    return {"overall": overall, "aspects": aspects}


def expected(about: Mapping[str, Any], turn: int) -> list[str]:
    """The aspects that every question's turn is scored in, by what `described` kept."""
    entries = [e for e in about.get("aspects", {}).values() if e.get("always") and e.get("turn") == turn]
    return list(dict.fromkeys(aspect for e in entries for aspect in e["aspects"]))


def asked(about: Mapping[str, Any], protocol: str) -> tuple[str, ...]:
    """The aspects that a judgment of this protocol ("judge-folder/variant") was asked for; none where it is not kept."""
    entry = about.get("aspects", {}).get(protocol.partition("/")[2])
    return tuple(entry["aspects"]) if entry else ()
