"""The values that a judge may return: which there are, how to ask for them, and which of them a number or a mark is.

A scale owns the words shown to the judge (`asks`, the `{scale}` field of a prompt) and the way back to a value, so that the
two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

from evalh.core.records import Mode, Status

Kind = Literal["rating", "two-scores", "three-way", "five-step"]
Verdict = Literal["A", "B", "tie"]

NUMERIC: Final[tuple[Kind, ...]] = ("rating", "two-scores")
MODES: Final[dict[Kind, Mode]] = {
    "rating": "absolute",
    "two-scores": "two-score",
    "three-way": "pairwise",
    "five-step": "pairwise",
}
"""Which mode a scale's values belong to; its keys are the kinds there are."""

OVERALL: Final = "overall"
"""The aspect under which a single score is stored."""

THREE_WAY: Final[dict[str, Verdict]] = {"A": "A", "B": "B", "C": "tie"}
FIVE_STEP: Final[dict[str, tuple[Verdict, int | None]]] = {
    "A>>B": ("A", 2),
    "A>B": ("A", 1),
    "A=B": ("tie", None),
    "B>A": ("B", 1),
    "B>>A": ("B", 2),
    "A<<B": ("B", 2),
    "A<B": ("B", 1),
    "B=A": ("tie", None),
    "B<A": ("A", 1),
    "B<<A": ("A", 2),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale. `decimals` is how many decimal places a score may have; 0 is a scale of whole numbers."""

    kind: Kind
    low: float = 1
    high: float = 10
    decimals: int = 0

    def asks(self) -> str:
        """The words in which a prompt asks for a value, for the `{scale}` field."""
        if self.kind == "three-way":
            return '"[[A]]" if assistant A is better, "[[B]]" if assistant B is better, "[[C]]" for a tie'
        if self.kind == "five-step":
            return "[[A>>B]], [[A>B]], [[A=B]], [[B>A]] or [[B>>A]]"
        whole = "a whole number" if self.decimals == 0 else "a number"
        return f"{whole} from {self.low:g} to {self.high:g}"

    def judge(self, number: float) -> Status:
        """What a number is on this scale: "scored", "out_of_range", or "off_scale" when it has more places than the scale."""
        if not isfinite(number) or not self.low <= number <= self.high:
            return "out_of_range"
        return "scored" if round(number, self.decimals) == number else "off_scale"
