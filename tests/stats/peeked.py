"""Simulated evaluations whose limits are looked at after every question, for the limits of `evalh.stats.sequential`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from evalh.stats.sequential import Bettors
from stats.regimes import verdicts

EVALUATIONS = 2_000
BLOCK = 50
GAPS = (0.0, 0.3, 0.6, 1.0, 2.0, 4.0)  # of the pairs of one evaluation, in log odds
QUESTIONS = (10, 16, 30, 80)
Draw = Callable[[np.random.Generator, tuple[int, int], float], tuple[np.ndarray, np.ndarray]]
"""(generator, (evaluations, questions), gap) -> scored judgments and sums of outcomes, both of that shape."""


@dataclass(frozen=True)
class Regime:
    """One way of drawing what a judge says of a pair; `rows` is the most judgments of a question."""

    name: str
    rows: int
    draw: Draw


def judged(orders: int = 2, turns: int = 1, topic: float = 1.0, bias: float = 0.5, ties: float = 0.3) -> Draw:
    """Every judgment is scored."""

    def draw(rng: np.random.Generator, shape: tuple[int, int], gap: float) -> tuple[np.ndarray, np.ndarray]:
        outcome = verdicts(rng, shape, gap, orders=orders, turns=turns, topic=topic, bias=bias, ties=ties)
        return np.full(shape, float(outcome.shape[2])), outcome.sum(axis=2)

    return draw


def some_unscored(rng: np.random.Generator, shape: tuple[int, int], gap: float) -> tuple[np.ndarray, np.ndarray]:
    """One in five judgments is unscored, more often where the first model would win; some questions have none left."""
    outcome = verdicts(rng, shape, gap, orders=2, turns=1, topic=1.0, bias=0.5, ties=0.3)
    there = rng.random(outcome.shape) < np.where(outcome == 1.0, 0.7, 0.9)
    return there.sum(axis=2).astype(float), (outcome * there).sum(axis=2)


def unbalanced(rng: np.random.Generator, shape: tuple[int, int], gap: float) -> tuple[np.ndarray, np.ndarray]:
    """One or two turns in both orders; what a question says in both turns is much the same."""
    outcome = verdicts(rng, shape, gap, orders=2, turns=2, topic=2.0, bias=0.5, ties=0.3)
    kept = np.arange(4) < np.where(rng.random((*shape, 1)) < 0.5, 2, 4)
    return kept.sum(axis=2).astype(float), (outcome * kept).sum(axis=2)


REGIMES = (
    Regime("both orders", 2, judged()),
    Regime("one order, no ties", 1, judged(orders=1, ties=0.0, bias=0.0)),
    Regime("many ties", 2, judged(ties=2.0)),
    Regime("strong position bias", 2, judged(bias=3.0)),
    Regime("one or two turns", 4, unbalanced),
    Regime("unscored, not at random", 2, some_unscored),
)


@cache
def truth(regime: Regime, gap: float) -> float:
    """The win rate over very many questions."""
    weight, outcome = regime.draw(np.random.default_rng(1), (1, 400_000), gap)
    return float(outcome.sum() / weight.sum())


def held(regime: Regime, questions: int, evaluations: int, *, unlimited: bool) -> tuple[float, float]:
    """Share of evaluations in which no limit of any pair was ever wrong, and the mean width at the end.

    Every pair is asked about everything, so that every moment at which some rule might stop is looked at.
    """
    rng = np.random.default_rng([questions, unlimited])
    blocks = [min(BLOCK, evaluations - done) for done in range(0, evaluations, BLOCK)]  # small enough for the cache
    found = [_block(regime, questions, n, rng, unlimited) for n in blocks]
    shares, widths = (np.average([f[i] for f in found], weights=blocks) for i in (0, 1))
    return float(shares), float(widths)


def _block(regime: Regime, questions: int, evaluations: int, rng: np.random.Generator, unlimited: bool) -> tuple[float, float]:
    size = len(GAPS)
    drawn = [regime.draw(rng, (evaluations, questions), gap) for gap in GAPS]
    weight, outcome = (np.concatenate([d[i] for d in drawn]) for i in (0, 1))
    if unlimited:
        known = np.repeat([truth(regime, gap) for gap in GAPS], evaluations)
    else:
        known = outcome.sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
    # the level of one evaluation's pairs, though many evaluations are computed at once
    bettors = Bettors(size * evaluations, questions, regime.rows, 0.05 * evaluations, unlimited=unlimited)
    everyone = np.arange(size * evaluations)
    wrong = np.zeros(size * evaluations, dtype=bool)
    for i in range(questions):
        bettors.hear(everyone, weight[:, i], outcome[:, i])
        low, high = bettors.limits()
        wrong |= (known < low - 1e-9) | (known > high + 1e-9)
    return float(1 - wrong.reshape(size, evaluations).any(axis=0).mean()), float((high - low).mean())


def main() -> None:
    """Print the tables of docs/stopping.md."""
    for unlimited in (False, True):
        title = "unlimited questions" if unlimited else "questions of the run"
        print(f"\n| {title} | " + " | ".join(map(str, QUESTIONS)) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in REGIMES:
            found = [held(regime, n, EVALUATIONS, unlimited=unlimited) for n in QUESTIONS]
            widths = [f" ({width:.2f})" if unlimited else "" for _, width in found]
            shown = " | ".join(f"{100 * share:.1f} %{width}" for (share, _), width in zip(found, widths, strict=True))
            print(f"| {regime.name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
