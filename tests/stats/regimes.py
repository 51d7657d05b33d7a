"""What a judge would say about questions from an endless source: the regimes of the coverage simulation (simulated.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Draw = Callable[[np.random.Generator, int, int, float], np.ndarray]
"""(generator, evaluations, questions, setting) -> sufficient statistics, shape (evaluations, questions, k)."""


@dataclass(frozen=True)
class Regime:
    """One way of drawing evaluations, and the settings (differences or levels of quality) over which coverage is averaged.

    `step` is the step of the scale where it cannot be told from the sums per question, because these hold several scores.
    """

    name: str
    draw: Draw
    settings: tuple[float, ...]
    step: float | None = None


def _logistic(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    u = rng.random(shape)
    return np.log(u / (1 - u))


def verdicts(
    rng: np.random.Generator,
    shape: tuple[int, int],
    gap: float,
    *,
    orders: int,
    turns: int,
    topic: float,
    bias: float,
    ties: float,
) -> np.ndarray:
    """Outcomes of comparisons, shape (evaluations, questions, turns * orders): 1, 0.5 or 0 for the first model.

    A question favours one side by a normal amount of standard deviation `topic`; a judge favours what it sees first by `bias`
    and calls a tie where neither side leads by more than `ties` (all in log odds).
    """
    lean = rng.normal(0, topic, (*shape, 1, 1))
    seen_first = np.array([1.0, -1.0])[:orders]
    lead = gap + lean + bias * seen_first + _logistic(rng, (*shape, turns, orders))
    outcome = np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5))
    return outcome.reshape(*shape, turns * orders)


def games(**design: float) -> Draw:
    """Sums per question of outcome and of weight."""

    def draw(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
        settings = {"orders": 2, "turns": 1, "topic": 1.0, "bias": 0.0, "ties": 0.3, **design}
        outcome = verdicts(rng, (evaluations, questions), gap, **settings)  # type: ignore[arg-type]
        return np.stack([outcome.sum(axis=2), np.full(outcome.shape[:2], float(outcome.shape[2]))], axis=2)

    return draw


def unbalanced_games(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
    """One to six verdicts per question, as with failures, repeats and turns mixed."""
    outcome = verdicts(rng, (evaluations, questions), gap, orders=2, turns=3, topic=1.5, bias=0.5, ties=0.5)
    kept = np.arange(6) < rng.integers(1, 7, (evaluations, questions, 1))
    return np.stack([(outcome * kept).sum(axis=2), kept.sum(axis=2).astype(float)], axis=2)


def strong_games(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
    """One verdict per question on five steps; those that lead clearly are strong, and count three times."""
    lead = gap + rng.normal(0, 1, (evaluations, questions)) + _logistic(rng, (evaluations, questions))
    weight = np.where(np.abs(lead) > 1.5, 3.0, 1.0)
    outcome = np.where(lead > 0.3, 1.0, np.where(lead < -0.3, 0.0, 0.5))
    return np.stack([weight * outcome, weight, np.ones_like(weight)], axis=2)


WIN_RATES = (
    Regime("one order, no ties", games(orders=1, ties=0.0), (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("both orders", games(), (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("many ties", games(ties=2.0), (0, 0.5, 1, 1.5, 2, 3, 4, 5)),
    Regime("strong position bias", games(bias=3.0), (0, 0.5, 1, 2, 3, 4, 6, 7)),
    Regime("two turns, correlated", games(turns=2, topic=3.0), (0, 1, 2, 3, 5, 7)),
    Regime("unbalanced", unbalanced_games, (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("strong verdicts count three times", strong_games, (0, 0.5, 1, 1.5, 2, 3, 4)),
)


def points(quality: np.ndarray) -> np.ndarray:
    """Qualities as whole points of a 1-10 scale."""
    return np.clip(np.rint(quality), 1.0, 10.0)


def scores(*, topic: float, noise: float, turns: int = 1, unbalanced: bool = False) -> Draw:
    """Sums per question of score and of weight; unbalanced: of one to all of the turns."""

    def draw(rng: np.random.Generator, evaluations: int, questions: int, level: float) -> np.ndarray:
        hard = rng.normal(0, topic, (evaluations, questions, 1))
        kept = np.ones((evaluations, questions, turns))
        if unbalanced:
            kept = (np.arange(turns) < rng.integers(1, turns + 1, (evaluations, questions, 1))).astype(float)
        given = points(level + hard + rng.normal(0, noise, (evaluations, questions, turns))) * kept
        return np.stack([given.sum(axis=2), kept.sum(axis=2)], axis=2)

    return draw


def mostly_good(rng: np.random.Generator, evaluations: int, questions: int, share: float) -> np.ndarray:
    """8 to 10 points, and 1 to 3 on a share of the questions."""
    shape = (evaluations, questions)
    given = np.where(rng.random(shape) < share, rng.integers(1, 4, shape), rng.integers(8, 11, shape)).astype(float)
    return np.stack([given, np.ones(shape)], axis=2)


LEVELS = (2.0, 3.1, 4.2, 5.3, 6.4, 7.5, 8.6, 9.7)  # a tenth further into the step each time
MEAN_SCORES = (
    Regime("single turn", scores(topic=1.0, noise=1.0), LEVELS),
    Regime("two turns, correlated", scores(topic=2.0, noise=0.7, turns=2), LEVELS, step=1.0),
    Regime("mostly equal", scores(topic=0.3, noise=0.3), LEVELS),
    Regime("wide", scores(topic=2.5, noise=1.5), LEVELS),
    Regime("unbalanced", scores(topic=1.5, noise=1.0, turns=4, unbalanced=True), LEVELS, step=1.0),
    Regime("some failures", mostly_good, (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)),
)


def rivals(*, topic: float, own: float, bias: float = 0.0, turns: int = 1, links: int = 1, unbalanced: bool = False) -> Draw:
    """Sums per question of the scores of both sides, for each link of a chain; the setting is the lead of each over the next.

    All sides share what makes the question hard (`topic`); `bias` is what the answer shown first gains.
    """

    def draw(rng: np.random.Generator, evaluations: int, questions: int, lead: float) -> np.ndarray:
        shape = (evaluations, questions)
        shared = 7.0 + rng.normal(0, topic, (*shape, 1))
        answers = [shared + i * lead + rng.normal(0, own, (*shape, turns)) for i in range(links + 1)]
        columns = []
        for i in range(links):
            mood = rng.normal(0, 0.5, (*shape, turns))
            kept = np.ones((*shape, turns))
            if unbalanced:
                kept = (np.arange(turns) < rng.integers(1, turns + 1, (*shape, 1))).astype(float)
            both = (points(answers[i] + mood + bias), points(answers[i + 1] + mood - bias))
            columns += [(given * kept).sum(axis=2) for given in both]
        return np.stack(columns, axis=2)

    return draw


LEADS = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5)
RATIOS = (
    Regime("single turn", rivals(topic=1.0, own=1.0), LEADS),
    Regime("two turns, correlated", rivals(topic=2.0, own=1.5, turns=2), LEADS, step=1.0),
    Regime("many ties", rivals(topic=1.0, own=0.4), LEADS),
    Regime("strong position bias", rivals(topic=1.0, own=1.0, bias=1.5), LEADS),
    Regime("unbalanced", rivals(topic=1.5, own=1.5, turns=4, unbalanced=True), LEADS, step=1.0),
    Regime("wide", rivals(topic=2.5, own=2.5), LEADS),
)
CHAINS = (
    Regime("single turn", rivals(topic=1.0, own=1.0, links=2), LEADS),
    Regime("two turns, correlated", rivals(topic=2.0, own=1.5, turns=2, links=2), LEADS, step=1.0),
    Regime("many ties", rivals(topic=1.0, own=0.4, links=2), LEADS),
    Regime("strong position bias", rivals(topic=1.0, own=1.0, bias=1.5, links=2), LEADS),
    Regime("unbalanced", rivals(topic=1.5, own=1.5, turns=4, links=2, unbalanced=True), LEADS, step=1.0),
    Regime("wide", rivals(topic=2.5, own=2.5, links=2), LEADS),
)


def league(orders: int, models: int, topic: float, bias: float, ties: float) -> Draw:
    """Sums per question of outcome and weight for every pair; the setting is the gap between neighbouring models."""
    pairs = list(combinations(range(models), 2))

    def draw(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
        shape = (evaluations, questions)
        skill = rng.normal(0, topic, (models, *shape))
        columns = []
        for a, b in pairs:
            lead = (b - a) * gap + (skill[a] - skill[b])[..., None] + bias * np.array([1.0, -1.0])[:orders]
            lead = lead + _logistic(rng, (*shape, orders))
            columns += [np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5)).sum(axis=2), np.full(shape, float(orders))]
        return np.stack(columns, axis=2)

    return draw


RATINGS = (
    Regime("2 models", league(2, 2, 0.5, 0.0, 0.3), (0.0, 0.7)),
    Regime("4 models", league(2, 4, 1.0, 0.0, 0.3), (0.0, 0.5)),
    Regime("4 models, position bias, many ties", league(2, 4, 1.0, 2.0, 1.5), (0.0, 0.5)),
    Regime("3 models, one order, far apart", league(1, 3, 0.5, 0.0, 0.0), (1.0, 1.5)),
)


def against_opponents(rivals: int, *, unbalanced: bool = False, **design: float) -> Draw:
    """Sums per question of outcome and of weight for every opponent, and for each of `rivals` models against it.

    One rival: the model whose win rate over three opponents is sought. Two: a first and a second model that met the same two
    opponents; the setting is how much better the second is. What is hard for a model is so against every opponent.
    """
    opponents = (-0.5, 0.0, 0.5) if rivals == 1 else (-0.7, 0.7)

    def draw(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
        shape = (evaluations, questions)
        own = {"orders": 2, "turns": 1, "topic": 1.0, "bias": 0.0, "ties": 0.3, **design}
        skill = [gap * r + rng.normal(0, own["topic"] / 2**0.5, shape) for r in range(rivals)]
        skill = [gap + skill[0]] if rivals == 1 else skill
        columns = []
        for strength in opponents:
            theirs = strength + rng.normal(0, own["topic"] / 2**0.5, shape)
            for mine in skill:
                turns, orders = int(own["turns"]), int(own["orders"])
                bias = own["bias"] * np.array([1.0, -1.0])[:orders]
                lead = (mine - theirs)[..., None, None] + bias + _logistic(rng, (*shape, turns, orders))
                outcome = np.where(lead > own["ties"], 1.0, np.where(lead < -own["ties"], 0.0, 0.5)).reshape(*shape, -1)
                kept = np.ones(outcome.shape)
                if unbalanced:
                    kept = (np.arange(outcome.shape[2]) < rng.integers(1, outcome.shape[2] + 1, (*shape, 1))).astype(float)
                columns += [(outcome * kept).sum(axis=2), kept.sum(axis=2)]
        return np.stack(columns, axis=2)

    return draw


GAPS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
OPPONENTS = (
    Regime("both orders", against_opponents(1), GAPS),
    Regime("many ties", against_opponents(1, ties=2.0), (*GAPS, 5.0)),
    Regime("strong position bias", against_opponents(1, bias=3.0), (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0)),
    Regime("two turns, correlated", against_opponents(1, turns=2, topic=3.0), (0.0, 1.0, 2.0, 3.0, 5.0, 7.0)),
    Regime("unbalanced", against_opponents(1, turns=3, unbalanced=True, topic=1.5, bias=0.5, ties=0.5), GAPS),
)
LEADS_AGAINST = (0.0, 0.5, 1.0, 2.0, 3.0)
AGAINST = (
    Regime("both orders", against_opponents(2), LEADS_AGAINST),
    Regime("many ties", against_opponents(2, ties=2.0), LEADS_AGAINST),
    Regime("strong position bias", against_opponents(2, bias=3.0), LEADS_AGAINST),
    Regime("two turns, correlated", against_opponents(2, turns=2, topic=3.0), LEADS_AGAINST),
    Regime("unbalanced", against_opponents(2, turns=3, unbalanced=True, topic=1.5, bias=0.5, ties=0.5), LEADS_AGAINST),
)


def score_differences(*, topic: float, own: float, turns: int = 1, unbalanced: bool = False, level: float = 7.0) -> Draw:
    """Sums per question of the second model's scores, of the first's, and of how many of each; the setting is the lead."""

    def draw(rng: np.random.Generator, evaluations: int, questions: int, lead: float) -> np.ndarray:
        shape = (evaluations, questions)
        hard = level + rng.normal(0, topic, (*shape, 1))
        kept = np.ones((*shape, turns))
        if unbalanced:
            kept = (np.arange(turns) < rng.integers(1, turns + 1, (*shape, 1))).astype(float)
        given = [points(hard + shift + rng.normal(0, own, (*shape, turns))) * kept for shift in (lead, 0.0)]
        return np.stack([*(g.sum(axis=2) for g in given), kept.sum(axis=2)], axis=2)

    return draw


SCORE_DIFFERENCES = (
    Regime("single turn", score_differences(topic=1.0, own=1.0), LEADS),
    Regime("two turns, correlated", score_differences(topic=2.0, own=1.5, turns=2), LEADS, step=1.0),
    Regime("many ties", score_differences(topic=1.0, own=0.4), LEADS),
    Regime("unbalanced", score_differences(topic=1.5, own=1.5, turns=4, unbalanced=True), LEADS, step=1.0),
    Regime("wide", score_differences(topic=2.5, own=2.5), LEADS),
)
