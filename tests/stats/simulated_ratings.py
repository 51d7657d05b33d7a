"""Coverage of the intervals of `evalh rate`: sandwich, bootstrap and style control on simulated battles clustered by question.

    cd tests && python -m stats.simulated_ratings

The truth is what the same judge and design would give over very many questions. Evaluations whose ratings are not defined show
none, and are left out; an open end reaches to infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalh.errors import Disconnected
from evalh.stats.battles import rate
from evalh.stats.estimate import Estimate
from evalh.stats.folding import Battles, fold
from evalh.stats.style import controlled

EVALUATIONS = 1_000  # per setting; there are two
QUESTIONS = (10, 16, 30, 80)
ROUNDS = 1_000
TRUTH_QUESTIONS = 100_000


@dataclass(frozen=True)
class Regime:
    """A design: round robin of some models over questions; the settings are gaps between neighbours, in log odds.

    A question favours models by normal amounts of standard deviation `topic`; a judge favours what it sees first by `bias` and
    calls a tie where neither leads by more than `ties`. `kept` is the share of a question's pairs that are compared, the first
    pair always and every further one more rarely; `effect` what one standard deviation of relative length is worth.
    """

    name: str
    models: int
    settings: tuple[float, ...]
    orders: int = 2
    turns: int = 1
    topic: float = 1.0
    bias: float = 0.0
    ties: float = 0.3
    kept: float = 1.0
    effect: float = 0.0

    def draw(self, rng: np.random.Generator, questions: int, gap: float) -> tuple[np.ndarray, ...]:
        """first, second, outcome, cluster, counts (2, N, 1) of one evaluation."""
        pairs = np.array(list(combinations(range(self.models), 2)))
        skill = -gap * np.arange(self.models) + rng.normal(0, self.topic, (questions, self.models))
        words = np.rint(200 * np.exp(rng.normal(0, 0.5, (questions, self.models)))) + 1
        shape = (questions, len(pairs), self.turns, self.orders)
        first, second = (np.broadcast_to(side[None, :, None, None], shape) for side in pairs.T)
        question = np.broadcast_to(np.arange(questions)[:, None, None, None], shape)
        u = rng.random(shape)
        lead = skill[question, first] - skill[question, second] + np.log(u / (1 - u))
        lead += self.bias * np.array([1.0, -1.0])[: self.orders]
        a, b = words[question, first], words[question, second]
        lead += self.effect * (a - b) / (a + b + 1) / 0.26
        outcome = np.where(lead > self.ties, 0, np.where(lead < -self.ties, 2, 1))
        there = rng.random(shape[:2]) < self.kept ** np.arange(len(pairs))
        flat = [x[there].ravel() for x in (first, second, outcome, question)]
        return *flat, np.stack([a[there].ravel(), b[there].ravel()])[:, :, None]


REGIMES = (
    Regime("2 models", 2, (0.0, 0.7), topic=0.5),
    Regime("4 models", 4, (0.0, 0.5)),
    Regime("4 models, position bias, many ties", 4, (0.0, 0.5), bias=2.0, ties=1.5),
    Regime("4 models, two turns, topics matter", 4, (0.0, 0.5), turns=2, topic=2.0),
    Regime("5 models, unbalanced pairs", 5, (0.0, 0.5), kept=0.8),
    Regime("3 models, one order, far apart", 3, (1.0, 1.5), orders=1, topic=0.5, ties=0.0),
)
STYLED = (
    Regime("4 models, length matters", 4, (0.0, 0.5), effect=0.6),
    Regime("4 models, length does not, many ties", 4, (0.0, 0.5), ties=1.5),
    Regime("5 models, unbalanced pairs, length matters", 5, (0.0, 0.5), kept=0.8, effect=0.6),
    Regime("3 models, two turns, length matters", 3, (0.0, 0.5), turns=2, topic=2.0, effect=0.6),
)
Rate = Callable[[tuple[np.ndarray, ...], int, np.random.Generator], list[Estimate]]


def _folded(battles: tuple[np.ndarray, ...], models: int) -> Battles:
    return fold([str(i) for i in range(models)], *battles[:4])


def by_sandwich(battles: tuple[np.ndarray, ...], models: int, rng: np.random.Generator) -> list[Estimate]:
    """The default."""
    return rate(_folded(battles, models))


def by_bootstrap(battles: tuple[np.ndarray, ...], models: int, rng: np.random.Generator) -> list[Estimate]:
    """`--bootstrap 1000`."""
    return rate(_folded(battles, models), "half", ROUNDS, rng)


def by_style(battles: tuple[np.ndarray, ...], models: int, rng: np.random.Generator) -> list[Estimate]:
    """`--control length`: ratings, and the coefficient last."""
    names = [str(i) for i in range(models)]
    first, second, outcome, cluster, counts = battles
    found = controlled(names, first, second, outcome, counts, ("length",), cluster)
    return [*found.ratings, *found.coefficients]


FIGURES: dict[str, tuple[tuple[Regime, ...], Rate]] = {
    "sandwich": (REGIMES, by_sandwich),
    "bootstrap": (REGIMES, by_bootstrap),
    "style control, ratings": (STYLED, lambda b, m, rng: by_style(b, m, rng)[:-1]),
    "style control, coefficient": (STYLED, lambda b, m, rng: by_style(b, m, rng)[-1:]),
}


def covered(regime: Regime, questions: int, evaluations: int, rated: Rate) -> tuple[float, float]:
    """Share of the intervals that hold the truth, and share with an open end."""
    held, opened = [], []
    for i, gap in enumerate(regime.settings):
        rng = np.random.default_rng([questions, i])
        known = [e.value for e in rated(regime.draw(np.random.default_rng([7, i]), TRUTH_QUESTIONS, gap), regime.models, rng)]
        for _ in range(evaluations):
            try:
                found = rated(regime.draw(rng, questions, gap), regime.models, rng)
            except Disconnected:
                continue
            for e, value in zip(found, known, strict=True):
                assert value is not None
                assert e.low is None or e.high is None or e.low < e.high
                held.append((e.low is None or e.low <= value) and (e.high is None or value <= e.high))
                opened.append(e.low is None or e.high is None)
    return float(np.mean(held)), float(np.mean(opened))


def main() -> None:
    """Print the tables of docs/ratings.md."""
    for name, (regimes, rated) in FIGURES.items():
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in regimes:
            found = [covered(regime, n, EVALUATIONS, rated) for n in QUESTIONS]
            shown = " | ".join(f"{100 * share:.1f} ({ends:.3f})" for share, ends in found)
            print(f"| {regime.name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
