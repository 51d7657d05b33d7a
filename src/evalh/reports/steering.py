"""Answers that may try to steer their judge, as a report says it: counted by judge and model, from the flags of judgments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evalh.reports.numbers import count
from evalh.reports.text import line

KINDS: Final[Mapping[str, str]] = {
    "marker": "what would be a verdict of this judge",
    "verdict": "a judge's words or verdict",
    "instruction": "instructions to the judge",
    "role": "faked turns or system messages",
    "delimiter": "faked ends of a text",
    "hidden": "characters that nobody sees",
}
"""Kinds of attempts in words that follow "holds"; see `evalh.judges.hostile`."""

_FLAG: Final = re.compile(r"(?:injection:([a-z]+)|marker_in_answer):([A-Z])(\d{0,4})")


@dataclass(slots=True)
class Steered:
    """One model's answers before one judge: how many were judged, how many of them are flagged, and for what.

    `answers` and `judgments` count what is flagged, `of_answers` and `of_judgments` everything that was judged; a judgment
    that was asked again counts once. `kinds` counts answers, each once for every kind that it holds.
    """

    of_answers: set[str] = field(default_factory=set)
    of_judgments: int = 0
    answers: set[str] = field(default_factory=set)
    judgments: int = 0
    kinds: dict[str, set[str]] = field(default_factory=dict)


class Watch:
    """Counts flagged answers while records are read: answers first, then judgments."""

    def __init__(self) -> None:
        self.judges: dict[str, dict[str, Steered]] = {}
        self._models: dict[str, str] = {}

    def note(self, record: Mapping[str, Any]) -> None:
        """Count one answer or judgment, as decoded JSON."""
        if "judge" not in record:
            self._models[record["answer_id"]] = record["model"]
        elif record["attempt"] == 0 and record["status"] != "no_answer":  # every attempt shows the same answers
            found = self.judges.setdefault(record["judge"], {})
            for answer in record["answers"]:
                if answer in self._models:
                    seen = found.setdefault(self._models[answer], Steered())
                    seen.of_answers.add(answer)
                    seen.of_judgments += 1
            if record["flags"]:
                self._flags(found, record["answers"], record["flags"])

    def _flags(self, found: dict[str, Steered], answers: Sequence[str], flags: Sequence[str]) -> None:
        flagged: set[int] = set()
        for flag in flags:
            match = _FLAG.fullmatch(flag)
            at = ord(match[2]) - ord("A") + 26 * int(match[3] or 0) if match else len(answers)
            if match and at < len(answers) and answers[at] in self._models:
                seen = found[self._models[answers[at]]]
                seen.kinds.setdefault(match[1] or "marker", set()).add(answers[at])
                seen.answers.add(answers[at])
                flagged.add(at)
        for at in flagged:
            found[self._models[answers[at]]].judgments += 1


def lines(models: Mapping[str, Steered] | None) -> Iterator[str]:
    """One sentence on each model of which an answer is flagged, the most flagged first, and one on what that means."""
    found = sorted(((m, s) for m, s in (models or {}).items() if s.answers), key=lambda pair: (-len(pair[1].answers), pair[0]))
    for model, seen in found:
        kinds = sorted(seen.kinds.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        held = ", ".join(f"{count(len(those))} with {KINDS.get(kind, line(kind))}" for kind, those in kinds)
        yield (
            f"{line(model)}: {count(len(seen.answers))} of {count(len(seen.of_answers))} answers may try to steer the judge "
            f"({held}), in {count(seen.judgments)} of {count(seen.of_judgments)} judgments."
        )
    if found:
        yield "Answers that may try to steer the judge count in every figure like all others; the judgments' flags name them."


def steering_json(models: Mapping[str, Steered] | None) -> list[dict[str, Any]]:
    """The same for `report --format json`: one entry for each model that was judged."""
    return [
        {
            "model": model,
            "answers": len(seen.answers),
            "of_answers": len(seen.of_answers),
            "judgments": seen.judgments,
            "of_judgments": seen.of_judgments,
            "kinds": {kind: len(those) for kind, those in sorted(seen.kinds.items())},
        }
        for model, seen in sorted((models or {}).items())
    ]
