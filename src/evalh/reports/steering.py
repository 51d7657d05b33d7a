"""Answers that may try to steer their judge, as a report says it: counted by judge and model, from the flags of judgments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

import numpy as np

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

    `answers` (by their places) and `judgments` are what is flagged, `of_answers` and `of_judgments` count everything that was
    judged; a judgment that was asked again counts once. `kinds` holds answers, each once for every kind of attempt.
    """

    of_answers: int = 0
    of_judgments: int = 0
    answers: set[int] = field(default_factory=set)
    judgments: int = 0
    kinds: dict[str, set[int]] = field(default_factory=dict)


class Watch:
    """Counts flagged answers while records are read: answers first, then judgments."""

    def __init__(self) -> None:
        self._models: list[str] = []  # by an answer's place
        self._index: dict[str, int] = {}
        self._model = np.zeros(0, dtype=np.int32)
        self._judged: dict[str, np.ndarray] = {}
        self._times: dict[str, np.ndarray] = {}
        self._flagged: dict[str, dict[str, Steered]] = {}
        self._harmless: set[str] = set()

    @property
    def judges(self) -> dict[str, dict[str, Steered]]:
        """Judge -> model -> what was seen."""
        found: dict[str, dict[str, Steered]] = {}
        for judge, times in self._times.items():
            answers = np.bincount(self._model[self._judged[judge]], minlength=len(times)).tolist()
            found[judge] = {
                model: replace(self._flagged[judge].get(model, Steered()), of_answers=answers[i], of_judgments=int(times[i]))
                for i, model in enumerate(self._index)
                if times[i]
            }
        return found

    def note(self, found: Mapping[str, Sequence[Any]]) -> None:
        """Count some answers or judgments, given as field -> values; judgments with `shown`, see `evalh.pipeline.collect`."""
        if "judge" not in found:
            self._models.extend(found["model"])
            return
        if len(self._model) < len(self._models):
            for model in dict.fromkeys(self._models):
                self._index.setdefault(model, len(self._index))
            self._model = np.fromiter(map(self._index.__getitem__, self._models), dtype=np.int32, count=len(self._models))
        # every attempt shows the same answers
        asked = np.array([a == 0 and s != "no_answer" for a, s in zip(found["attempt"], found["status"], strict=True)])
        sizes = np.fromiter(map(len, found["answers"]), dtype=np.int64, count=len(asked))
        shown, ends = np.asarray(found["shown"]), np.cumsum(sizes)
        names = dict.fromkeys(found["judge"])
        for judge in names:
            own = asked if len(names) == 1 else asked & np.array([j == judge for j in found["judge"]])
            self._count(judge, shown[np.repeat(own, sizes) & (shown >= 0)])
        self._look_out({flag for flags in found["flags"] for flag in flags})
        if not self._harmless.issuperset(chain.from_iterable(found["flags"])):
            for i in np.flatnonzero(asked).tolist():
                flags = [flag for flag in found["flags"][i] if flag not in self._harmless]
                if flags:
                    self._flag(found["judge"][i], shown[ends[i] - sizes[i] : ends[i]].tolist(), flags)

    def _count(self, judge: str, shown: np.ndarray) -> None:
        """Count answers (by their places, each as often as it was shown) as judged."""
        if judge not in self._times:
            self._judged[judge] = np.zeros(len(self._models), dtype=bool)
            self._times[judge] = np.zeros(len(self._index), dtype=np.int64)
            self._flagged[judge] = {}
        self._judged[judge][shown] = True
        self._times[judge] += np.bincount(self._model[shown], minlength=len(self._index))

    def _look_out(self, flags: set[str]) -> None:
        """Remember which flags are of something else: very many judgments may carry them."""
        self._harmless |= {flag for flag in flags - self._harmless if not _FLAG.fullmatch(flag)}

    def _flag(self, judge: str, answers: Sequence[int], flags: Sequence[str]) -> None:
        flagged: set[int] = set()
        for flag in flags:
            match = _FLAG.fullmatch(flag)
            at = ord(match[2]) - ord("A") + 26 * int(match[3] or 0) if match else len(answers)
            if match and at < len(answers) and answers[at] >= 0:
                seen = self._flagged[judge].setdefault(self._models[answers[at]], Steered())
                seen.kinds.setdefault(match[1] or "marker", set()).add(answers[at])
                seen.answers.add(answers[at])
                flagged.add(at)
        for at in flagged:
            self._flagged[judge][self._models[answers[at]]].judgments += 1


def lines(models: Mapping[str, Steered] | None) -> Iterator[str]:
    """One sentence on each model of which an answer is flagged, the most flagged first, and one on what that means."""
    found = sorted(((m, s) for m, s in (models or {}).items() if s.answers), key=lambda pair: (-len(pair[1].answers), pair[0]))
    for model, seen in found:
        kinds = sorted(seen.kinds.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        held = ", ".join(f"{count(len(those))} with {KINDS.get(kind, line(kind))}" for kind, those in kinds)
        yield (
            f"{line(model)}: {count(len(seen.answers))} of {count(seen.of_answers)} answers may try to steer the judge "
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
            "of_answers": seen.of_answers,
            "judgments": seen.judgments,
            "of_judgments": seen.of_judgments,
            "kinds": {kind: len(those) for kind, those in sorted(seen.kinds.items())},
        }
        for model, seen in sorted((models or {}).items())
    ]
