"""How a judge uses its scale, in plain words: a part of the judge card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evalh.reports.numbers import count, percent, things
from evalh.reports.text import line
from evalh.stats.estimate import Estimate
from evalh.stats.scale_use import ScaleUse

CEILING: Final = 0.5
"""Share of scores that are the highest given from which a note says so; likewise of ties."""
FEW: Final = 20
"""Scores or verdicts below which nothing is said of how the scale is used."""


def notes(scale: Mapping[str, ScaleUse]) -> list[str]:
    """Warnings about a scale of which one value says nearly everything."""
    found = []
    for mode, use in scale.items():
        where = f"Scale ({line(mode)})"
        if use.scores >= FEW and use.distinct == 1:
            found.append(f"{where}: all {things(use.scores, 'score')} are {use.highest:g}; they tell nothing apart.")
        elif use.scores >= FEW and use.top is not None and (use.top.value or 0.0) >= CEILING:
            found.append(
                f"{where}: {percent(use.top.value)} of {things(use.scores, 'score')} are the highest given, {use.highest:g};"
                " good answers are not told apart."
            )
        if use.verdicts >= FEW and use.ties is not None and (use.ties.value or 0.0) >= CEILING:
            found.append(f"{where}: {percent(use.ties.value)} of {things(use.verdicts, 'verdict')} are ties.")
    return found


def rows(scale: Mapping[str, ScaleUse]) -> list[tuple[str, Estimate | None, str, str, str]]:
    """The figures of every mode as (title, figure, kind, basis, meaning); see `card_words`."""
    found: list[tuple[str, Estimate | None, str, str, str]] = []
    for mode, use in scale.items():
        where, scores = f", {line(mode)}", things(use.scores, "score")
        found.append(("ties" + where, use.ties, "share", things(use.verdicts, "verdict"), "verdicts that name no winner"))
        if use.top is not None:
            range_ = f"of {count(use.distinct)} different scores from {use.lowest:g} to {use.highest:g}"
            found.append(("highest score given" + where, use.top, "share", scores, range_))
            found.append(("spread of scores" + where, use.deviation, "plain", scores, "standard deviation, in points"))
            found.append(("entropy of scores" + where, use.entropy, "plain", scores, "bits; 0 where all scores are equal"))
    return found
