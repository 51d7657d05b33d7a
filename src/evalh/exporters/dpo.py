"""A run -> preference pairs for training, as JSON lines: {"prompt", "chosen", "rejected", "margin"} and what supports them.

One row for two answers of the first turn that some judgment prefers one of; later turns answer different conversations, and so
cannot be pairs. All scored judgments of the two answers count: orders, repeats, judges. For comparisons

    confidence  the mean outcome of the chosen answer, 0.5 to 1 (a tie 0.5, a weighted preference its value)
    margin      2 x confidence - 1
    agreement   the share of the judgments that name the chosen answer

Where a run holds scores of single answers instead, the two are those of every pair of models: margin is the difference of their
mean scores in points, agreement the share of pairs of scores in which the chosen one is higher, and confidence that share with
equal scores as halves. Two answers of the same text, empty ones and failed ones are no pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from evalh.core.records import Answer
from evalh.errors import BadConfig
from evalh.exporters.putting import Folder
from evalh.exporters.taking import Taken, outcome_of


@dataclass(slots=True)
class Pair:
    """What judgments say of two answers: outcomes for the first, and the margin in points where there are scores."""

    outcomes: list[float] = field(default_factory=list)
    points: float | None = None


def write(taken: Taken, path: Path) -> int:
    """Write the file; returns the number of rows.

    Raises:
        BadConfig: the run has neither comparisons nor scores.
    """
    folder = Folder(path.parent)
    choice = taken.choice
    try:
        questions, answers = taken.questions(), taken.texts()
        pairs = _compared(taken, answers) or _scored(taken, answers)
        if not pairs:
            raise BadConfig(f"{taken.folder.path}: holds no scored judgment of the first turn, so there are no pairs")
        (folder.path / path.name).touch()
        for ids, pair in pairs.items():
            first, second = (answers[a] for a in ids)
            row = _row(pair, first, second)
            asked = questions[first.question_id].turns
            if not asked or not first.turns or not second.turns or not first.turns[0].strip() or not second.turns[0].strip():
                taken.leave_out("pairs of which a text is missing or empty")
            elif first.turns[0] == second.turns[0]:
                taken.leave_out("pairs of two equal texts")
            elif row is None:
                taken.leave_out("pairs without a preference")
            elif (
                row["agreement"] < choice.min_agreement
                or row["confidence"] < choice.min_confidence
                or row["margin"] < choice.min_margin
            ):
                taken.leave_out("pairs that a filter holds back")
            else:
                folder.line(path.name, {"prompt": asked[0], **row})
    finally:
        folder.close()
    return folder.rows


def _compared(taken: Taken, answers: dict[str, Answer]) -> dict[tuple[str, str], Pair]:
    """Outcomes of every pair of answers that was compared, in the order of the first judgment."""
    found: dict[tuple[str, str], Pair] = {}
    for j in taken.judgments():
        value = _outcome(j)
        if value is None or j.turn != 1 or len(j.answers) != 2 or j.answers[0] == j.answers[1]:
            continue
        ids = j.answers[0], j.answers[1]
        if not all(a in answers for a in ids):
            continue
        if ids[::-1] in found:
            ids, value = ids[::-1], 1.0 - value
        found.setdefault(ids, Pair()).outcomes.append(value)
    return found


def _outcome(j: Any) -> float | None:
    """For the first answer shown, of a verdict or of two scores."""
    if j.mode not in ("pairwise", "two-score"):
        return None
    return outcome_of(j)


def _scored(taken: Taken, answers: dict[str, Answer]) -> dict[tuple[str, str], Pair]:
    """The same from scores of single answers: every two answers to one question that were both scored by one judge."""
    scores: dict[str, dict[str, dict[str, list[float]]]] = {}
    for j in taken.judgments():
        if j.mode == "absolute" and j.status == "scored" and j.turn == 1 and j.scores.get("overall", (None,))[0] is not None:
            own = scores.setdefault(j.question_id, {}).setdefault(j.judge, {}).setdefault(j.answers[0], [])
            own.append(float(j.scores["overall"][0] or 0))
    found: dict[tuple[str, str], Pair] = {}
    for by_judge in scores.values():
        for a, b, one, two in _both(by_judge):
            if a not in answers or b not in answers or answers[a].model == answers[b].model:
                continue
            pair = found.setdefault((a, b), Pair(points=0.0))
            pair.outcomes += [1.0 if x > y else 0.0 if x < y else 0.5 for x in one for y in two]
            pair.points = (pair.points or 0.0) + (sum(one) / len(one) - sum(two) / len(two)) / len(by_judge)
    return found


def _both(by_judge: dict[str, dict[str, list[float]]]) -> Iterator[tuple[str, str, list[float], list[float]]]:
    for own in by_judge.values():
        for a, b in combinations(sorted(own), 2):
            yield a, b, own[a], own[b]


def _row(pair: Pair, first: Answer, second: Answer) -> dict[str, Any] | None:
    """The row of a pair; None where neither is preferred."""
    mean = sum(pair.outcomes) / len(pair.outcomes)
    lead = mean - 0.5 if pair.points is None else pair.points
    if abs(lead) < 1e-12:
        return None
    if lead < 0:
        first, second, mean = second, first, 1.0 - mean
    named = sum(o > 0.5 if lead > 0 else o < 0.5 for o in pair.outcomes)
    return {
        "chosen": first.turns[0] if first.turns else "",
        "rejected": second.turns[0] if second.turns else "",
        "margin": 2 * mean - 1 if pair.points is None else abs(pair.points),
        "confidence": mean,
        "agreement": named / len(pair.outcomes),
        "judgments": len(pair.outcomes),
        "question_id": first.question_id,
        "chosen_model": first.model,
        "rejected_model": second.model,
    }
