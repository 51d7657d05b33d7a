"""Votes of people beside a judge's verdicts, comparison by comparison: the common ground of every figure of agreement.

A comparison is a question, two models and a turn. Its models stand in the order of their names, as FastChat puts them, so that
win (1), tie (0) and loss (-1) of the first mean the same to everybody. A vote is one person's outcome of one comparison, and
counts once; nothing is decided by majority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from evalh.errors import StatsError
from evalh.stats.agreement import verdicts
from evalh.stats.frame import Results, as_results

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, str, str, int]
"""(question, first model by name, second, turn)."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's outcome of one comparison: `outcome` 1, 0 or -1 for `model_a`.

    `probability` is the chance with which this comparison was drawn to be voted on, where whoever drew it has stored it.
    """

    question_id: str
    model_a: str
    model_b: str
    outcome: int
    rater: str = ""
    turn: int = 1
    probability: float | None = None

    @property
    def place(self) -> Place:
        """The comparison that it is about."""
        first, second = sorted((self.model_a, self.model_b))
        return self.question_id, first, second, self.turn

    @property
    def facing(self) -> int:
        """The outcome for the first model by name."""
        return self.outcome if self.model_a <= self.model_b else -self.outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """What a judge says of a comparison: `verdict` 1, 0 or -1 by the both-orders rule; `preference` its mean outcome, 0..1."""

    verdict: int
    preference: float


@dataclass(frozen=True, slots=True)
class Matched:
    """V pairs of outcomes of the same comparison, one of each side.

    Attributes:
        questions: names of the clusters.
        question: (V,) index into `questions`.
        turn: (V,).
        first, second: (V,) outcomes 1, 0 or -1; the judge's (or one rater's) and the vote's.
        preference: (V,) the judge's mean outcome, 0..1; of a rater, 1, 0.5 or 0.
    """

    questions: tuple[str, ...]
    question: np.ndarray
    turn: np.ndarray
    first: np.ndarray
    second: np.ndarray
    preference: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def take(self, mask: np.ndarray) -> Matched:
        """The pairs of a boolean mask; questions keep their indices."""
        return Matched(
            self.questions, self.question[mask], self.turn[mask], self.first[mask], self.second[mask], self.preference[mask]
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What agreement does not rest on.

    Attributes:
        unvoted: comparisons that the judge decided and nobody voted on.
        unjudged: votes on comparisons of known questions and models that the judge did not decide.
        models: names of models that the judge knows nothing of -> votes on them.
        questions: questions that the judge knows nothing of -> votes on them; models first.
    """

    unvoted: int = 0
    unjudged: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    questions: Mapping[str, int] = field(default_factory=dict)


def decisions(frame: Results | pd.DataFrame) -> dict[Place, Decision]:
    """What one judge says of every comparison that it decided; those with an unscored order are left out.

    Pairwise rows are used where there are any, else two-score rows, rankings, and last differences of absolute scores, whose
    preference is 1, 0.5 or 0.

    Args:
        frame: the results frame of one judge.
    """
    rows = as_results(frame)
    said = verdicts(rows)
    for mode in ("pairwise", "two-score", "ranking"):
        used = np.flatnonzero(rows.mode.where(mode))
        if len(used):
            return _preferred(rows.take(used), said)
    return {place: Decision(verdict, (verdict + 1) / 2) for place, verdict in said.items()}


def _preferred(rows: Results, said: Mapping[Place, int]) -> dict[Place, Decision]:
    """Weighted mean outcomes of the comparisons that were decided."""
    fine = rows.status.where("scored") & np.isfinite(rows.outcome) & np.isfinite(rows.weight) & (rows.weight > 0)
    sums: dict[Place, list[float]] = {}
    columns = (rows.question_id.values(), rows.model_a.values(), rows.model_b.values(), rows.turn, rows.outcome, rows.weight)
    for question, a, b, turn, outcome, weight in zip(*(c[fine].tolist() for c in columns), strict=True):
        cell = sums.setdefault((question, a, b, turn), [0.0, 0.0])
        cell[0] += outcome * weight
        cell[1] += weight
    return {place: Decision(verdict, sums[place][0] / sums[place][1]) for place, verdict in said.items() if place in sums}


def match(said: Mapping[Place, Decision], votes: Iterable[Vote]) -> tuple[Matched, LeftOut]:
    """Every vote beside the judge's decision on the same comparison.

    Args:
        said: see `decisions`.
        votes: in any order; each counts once.

    Returns:
        The pairs (the judge first), and what has no counterpart.
    """
    models = {name for _, a, b, _ in said for name in (a, b)}
    questions = {place[0] for place in said}
    met: set[Place] = set()
    rows: list[tuple[str, int, int, int, float]] = []
    unjudged, strangers, elsewhere = 0, Counter[str](), Counter[str]()
    for vote in votes:
        decision = said.get(vote.place)
        if decision is not None:
            met.add(vote.place)
            rows.append((vote.question_id, vote.turn, decision.verdict, vote.facing, decision.preference))
            continue
        unknown = [name for name in (vote.model_a, vote.model_b) if name not in models]
        strangers.update(unknown)
        if not unknown and vote.question_id not in questions:
            elsewhere[vote.question_id] += 1
        elif not unknown:
            unjudged += 1
    return _matched(rows), LeftOut(len(said.keys() - met), unjudged, dict(strangers), dict(elsewhere))


def between_raters(votes: Iterable[Vote]) -> Matched:
    """Every two votes on the same comparison, as FastChat pairs them: in the order in which they stand, whoever gave them."""
    given: dict[Place, list[int]] = {}
    for vote in votes:
        given.setdefault(vote.place, []).append(vote.facing)
    rows = [
        (place[0], place[3], first, second, (first + 1) / 2)
        for place, outcomes in given.items()
        for first, second in combinations(outcomes, 2)
    ]
    return _matched(rows)


def _matched(rows: Sequence[tuple[str, int, int, int, float]]) -> Matched:
    index = {name: i for i, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    question, turn, first, second, preference = zip(*rows, strict=True) if rows else ((),) * 5
    return Matched(
        tuple(index),
        np.array([index[q] for q in question], dtype=np.int64),
        np.array(turn, dtype=np.int64),
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array(preference, dtype=np.float64),
    )


def votes_of(said: Mapping[Place, Decision], rater: str) -> list[Vote]:
    """A judge's decisions as votes, to hold another judge against."""
    return [Vote(question, a, b, d.verdict, rater, turn) for (question, a, b, turn), d in said.items()]


def as_frame(votes: Sequence[Vote], name: str = "votes") -> Results:
    """Votes as the results frame of one judge, one row a vote, so that leaderboards can be made of them.

    Raises:
        StatsError: there is none.
    """
    if not votes:
        raise StatsError("there is no vote to make a leaderboard of")
    places = [vote.place for vote in votes]
    return as_results(
        {
            "question_id": [p[0] for p in places],
            "turn": [p[3] for p in places],
            "judge": [name] * len(votes),
            "mode": ["pairwise"] * len(votes),
            "model_a": [p[1] for p in places],
            "model_b": [p[2] for p in places],
            "outcome": [(vote.facing + 1) / 2 for vote in votes],
        }
    )
