"""The values that a judge may return: which there are, how to ask for them, and which of them a number or a mark is.

A scale owns the words shown to the judge (`asks`, the `{scale}` field of a prompt) and the way back to a value, so that the
two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

from evalh.core.records import Mode, Status

Kind = Literal["rating", "two-scores", "three-way", "two-way", "five-step", "preference", "ranking", "yes-no"]
Verdict = Literal["A", "B", "tie"]

NUMERIC: Final[tuple[Kind, ...]] = ("rating", "two-scores")
MODES: Final[dict[Kind, Mode]] = {
    "rating": "absolute",
    "two-scores": "two-score",
    "three-way": "pairwise",
    "two-way": "pairwise",
    "five-step": "pairwise",
    "preference": "pairwise",
    "ranking": "ranking",
    "yes-no": "checklist",
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


def label(position: int) -> str:
    """The letter under which one of many answers is shown, by its position from 0: A to Z, then A1 to Z1, and so on."""
    return chr(ord("A") + position % 26) + (str(position // 26) if position >= 26 else "")


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale.

    `decimals` is how many decimal places a score may have; 0 is a scale of whole numbers. `aspects` are what a rating gives one
    score each for. `tokens` are the two tokens whose probabilities make a preference, the one for the first answer shown first.
    `count` is how many answers a ranking has to order, or how many items a checklist has: known only with the task.
    `not_applicable`: a rating may be "N/A", which is a reading without a number, not a missing one.
    """

    kind: Kind
    low: float = 1
    high: float = 10
    decimals: int = 0
    aspects: tuple[str, ...] = (OVERALL,)
    tokens: tuple[str, str] = ("m", "M")
    count: int = 0
    not_applicable: bool = False

    def asks(self) -> str:
        """The words in which a prompt asks for a value, for the `{scale}` field."""
        if self.kind == "three-way":
            return '"[[A]]" if assistant A is better, "[[B]]" if assistant B is better, "[[C]]" for a tie'
        if self.kind == "two-way":
            return '"[[A]]" if assistant A is better, "[[B]]" if assistant B is better'
        if self.kind == "five-step":
            return "[[A>>B]], [[A>B]], [[A=B]], [[B>A]] or [[B>>A]]"
        if self.kind == "preference":
            return f'"{self.tokens[0]}" or "{self.tokens[1]}"'
        if self.kind == "ranking":
            return f"[[{' > '.join(label(i) for i in range(self.count))}]] with the letters in your order, best first"
        if self.kind == "yes-no":
            return '"yes" or "no"'
        whole = "a whole number" if self.decimals == 0 else "a number"
        otherwise = ', or "N/A" where it does not apply' if self.not_applicable else ""
        return f"{whole} from {self.low:g} to {self.high:g}{otherwise}"

    def judge(self, number: float) -> Status:
        """What a number is on this scale: "scored", "out_of_range", or "off_scale" when it has more places than the scale."""
        if not isfinite(number) or not self.low <= number <= self.high:
            return "out_of_range"
        return "scored" if round(number, self.decimals) == number else "off_scale"
