"""Coverage of the intervals of `evalh rate`: sandwich, bootstrap and style control on simulated battles clustered by question.

    cd tests && python -m stats.simulated_ratings

The truth is what the same judge and design would give over very many questions. Evaluations whose ratings are not defined show
none, and are left out; an open end reaches to infinity.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from evalh.errors import Disconnected
from evalh.stats.battles import rate
from evalh.stats.estimate import Estimate
from evalh.stats.folding import Battles, fold
from evalh.stats.style import controlled

SEED = 20_240_307  # of the figures in docs/ratings.md; constants were chosen on others
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
    Regime("2 models", 2, (0.0, 0.4, 0.8, 1.2), topic=0.5),
    Regime("4 models", 4, (0.0, 0.2, 0.4, 0.6)),
    Regime("4 models, position bias, many ties", 4, (0.0, 0.2, 0.4, 0.6), bias=2.0, ties=1.5),
    Regime("4 models, two turns, topics matter", 4, (0.0, 0.2, 0.4, 0.6), turns=2, topic=2.0),
    Regime("5 models, unbalanced pairs", 5, (0.0, 0.2, 0.4, 0.6), kept=0.8),
    Regime("3 models, one order, far apart", 3, (0.75, 1.0, 1.25, 1.5), orders=1, topic=0.5, ties=0.0),
)
STYLED = (
    Regime("4 models, length matters", 4, (0.0, 0.2, 0.4, 0.6), effect=0.6),
    Regime("4 models, length does not, many ties", 4, (0.0, 0.2, 0.4, 0.6), ties=1.5),
    Regime("5 models, unbalanced pairs, length matters", 5, (0.0, 0.2, 0.4, 0.6), kept=0.8, effect=0.6),
    Regime("3 models, two turns, length matters", 3, (0.0, 0.2, 0.4, 0.6), turns=2, topic=2.0, effect=0.6),
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


@dataclass(frozen=True)
class Figure:
    """What rates battles, in which regimes, and how many evaluations of each of the four settings are simulated."""

    regimes: tuple[Regime, ...]
    rated: Rate
    evaluations: int


FIGURES = {
    "sandwich": Figure(REGIMES, by_sandwich, 500),
    "style control": Figure(STYLED, by_style, 500),
    "bootstrap": Figure(REGIMES[:4], by_bootstrap, 500),
}


@cache
def truth(rated: Rate, regime: Regime, setting: int) -> list[float]:
    """The figures over very many questions; bootstrap and sandwich are about the same ones."""
    rated = by_sandwich if rated is by_bootstrap else rated
    battles = regime.draw(np.random.default_rng([7, setting]), TRUTH_QUESTIONS, regime.settings[setting])
    return [float(e.value or 0.0) for e in rated(battles, regime.models, np.random.default_rng(0))]


def covered(
    rated: Rate, regime: Regime, questions: int, evaluations: int, seed: int = SEED
) -> tuple[float, float | None, float]:
    """Over all settings: shares of ratings' and of coefficients' intervals that hold the truth, and with an open end."""
    held: list[list[bool]] = []
    opened = []
    for i, gap in enumerate(regime.settings):
        rng = np.random.default_rng([seed, questions, i])
        known = truth(rated, regime, i)
        for _ in range(evaluations):
            try:
                found = rated(regime.draw(rng, questions, gap), regime.models, rng)
            except Disconnected:
                continue
            assert all(e.low is None or e.high is None or e.low < e.high for e in found)
            ends = [(-np.inf if e.low is None else e.low, np.inf if e.high is None else e.high) for e in found]
            held.append([bool(low <= value <= high) for (low, high), value in zip(ends, known, strict=True)])
            opened.append(any(e.low is None or e.high is None for e in found))
    share = np.array(held, dtype=np.float64).mean(axis=0)
    coefficients = share[regime.models :]
    shown = float(coefficients.mean()) if len(coefficients) else None
    return float(share[: regime.models].mean()), shown, float(np.mean(opened))


def main() -> None:
    """Print the tables of docs/ratings.md; with names of figures, those alone, of the bootstrap at 10 questions."""
    for name in sys.argv[1:] or FIGURES:
        figure = FIGURES[name]
        sizes = QUESTIONS[:1] if name == "bootstrap" else QUESTIONS
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in sizes) + " |")
        print("| --- |" + " ---: |" * len(sizes))
        for regime in figure.regimes:
            found = [covered(figure.rated, regime, n, figure.evaluations)[:2] for n in sizes]
            shown = [", ".join(f"{100 * share:.1f}" for share in shares if share is not None) for shares in found]
            print(f"| {regime.name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
