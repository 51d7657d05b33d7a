"""Simulated judges with known biases, for the coverage of the intervals of the judge card (docs/judge-card.md).

As in `stats.simulated`: a regime draws what a judge would say about questions from an endless source, and the truth is the same
figure over very many of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from evalh.stats.bias import position, share
from evalh.stats.estimate import Estimate
from evalh.stats.length_preference import slope_net, slope_within
from evalh.stats.orders import Compared
from evalh.stats.self_preference import difference
from stats.regimes import _logistic, points, verdicts

EVALUATIONS = 2_000  # over all settings of a regime
QUESTIONS = (10, 16, 30, 80)
TRUTH_QUESTIONS = 200_000

Figure = Callable[[np.random.Generator, int, float], Estimate | None]
"""(generator, questions, setting) -> the figure of one evaluation."""


@dataclass(frozen=True)
class Regime:
    """One kind of judge and of questions, and the settings over which coverage is averaged."""

    name: str
    figure: Figure
    settings: tuple[float, ...]


def _games(rng: np.random.Generator, questions: int, gap: float, design: dict[str, float]) -> Compared:
    """Comparisons of one pair in both orders, one per turn."""
    settings = {"orders": 2, "turns": 1, "topic": 1.0, "bias": 0.5, "ties": 0.3, **design}
    outcome = verdicts(rng, (1, questions), gap, **settings)[0]  # type: ignore[arg-type]
    turns = int(settings["turns"])
    said = outcome.reshape(questions * turns, 2)
    nothing = np.zeros(len(said), dtype=np.int64)
    asked = np.repeat(np.arange(questions), turns)
    return Compared(
        asked, nothing, nothing + 1, np.tile(np.arange(turns), questions), said[:, 0], said[:, 1], nothing + 2, nothing * 1.0
    )


def of_position(name: str, **design: float) -> Figure:
    """One figure of the position bias of one judge."""

    def figure(rng: np.random.Generator, questions: int, gap: float) -> Estimate | None:
        found: Estimate | None = getattr(position(_games(rng, questions, gap, design)), name)
        return found

    return figure


def _positions(name: str) -> tuple[Regime, ...]:
    gaps = (0.0, 0.5, 1.0, 2.0)
    return (
        Regime("weak position bias", of_position(name), gaps),
        Regime("strong position bias", of_position(name, bias=3.0), (0.0, 1.0, 2.0, 3.0, 4.0)),
        Regime("many ties", of_position(name, ties=2.0), gaps),
        Regime("strong bias, many ties", of_position(name, ties=2.0, bias=2.0), gaps),
        Regime("two turns, correlated", of_position(name, turns=2, topic=3.0), gaps),
    )


def of_length(models: int = 2, bias: float = 0.5, ties: float = 0.3, tails: float = 0.0, orders: int = 2) -> Figure:
    """The slope of verdicts on length; the setting is the liking for length, in log odds per doubling."""
    pairs = list(combinations(range(models), 2))

    def figure(rng: np.random.Generator, questions: int, liking: float) -> Estimate | None:
        spread = np.exp(tails * rng.normal(size=(questions, 1)))  # some questions leave more room than others
        length = 0.3 * np.arange(models) + 0.5 * spread * rng.normal(size=(questions, models))
        skill = 0.4 * np.arange(models) + 0.7 * rng.normal(size=(questions, models))
        parts = []
        for n, (a, b) in enumerate(pairs):
            x = length[:, a] - length[:, b]
            lead = skill[:, a] - skill[:, b] + liking * x
            lead = lead[:, None] + bias * np.array([1.0, -1.0])[:orders] + _logistic(rng, (questions, orders))
            outcome = np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5)).mean(axis=1)
            parts.append((np.full(questions, n), np.arange(questions), x, outcome))
        return slope_within(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return figure


LIKINGS = (0.0, 0.5, 1.0, 2.0)
LENGTHS = (
    Regime("one pair", of_length(), LIKINGS),
    Regime("four models", of_length(models=4), LIKINGS),
    Regime("strong position bias", of_length(bias=3.0), LIKINGS),
    Regime("many ties", of_length(ties=2.0), LIKINGS),
    Regime("one order, uneven lengths", of_length(orders=1, tails=0.6), LIKINGS),
)


def of_longer(bias: float, ties: float) -> Figure:
    """The outcome of the longer answer."""

    def figure(rng: np.random.Generator, questions: int, liking: float) -> Estimate | None:
        lead = (liking * np.abs(rng.normal(0, 0.7, questions)) + rng.normal(0, 1, questions))[:, None]
        lead = lead + bias * np.array([1.0, -1.0]) + _logistic(rng, (questions, 2))
        return share(np.arange(questions), np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5)).mean(axis=1))

    return figure


LONGER = (
    Regime("one pair", of_longer(0.5, 0.3), LIKINGS),
    Regime("strong position bias", of_longer(3.0, 0.3), LIKINGS),
    Regime("many ties", of_longer(0.5, 2.0), LIKINGS),
)


def of_scores(models: int = 2, level: float = 6.0, noise: float = 1.0, missing: float = 0.0, turns: int = 1) -> Figure:
    """The slope of scores on length; the setting is the liking for length, in points per doubling."""

    def figure(rng: np.random.Generator, questions: int, liking: float) -> Estimate | None:
        shape = (questions, turns, models)
        length = 0.3 * np.arange(models) + 0.6 * rng.normal(size=shape)
        hard = rng.normal(0, 1.0, (questions, 1, 1))
        given = points(level + hard + 0.4 * np.arange(models) + liking * length + rng.normal(0, noise, shape))
        there = rng.random(shape) >= missing
        question, turn, model = (index[there] for index in np.indices(shape))
        # what the judge's own scores show: whole points
        return slope_net(question * turns + turn, model, question, length[there], given[there], 1.0)

    return figure


SCORES = (
    Regime("two models", of_scores(), (0.0, 0.5, 1.0)),
    Regime("six models", of_scores(models=6), (0.0, 0.5, 1.0)),
    Regime("six models, a third unscored", of_scores(models=6, missing=1 / 3), (0.0, 0.5, 1.0)),
    Regime("near the top, two turns", of_scores(models=3, level=8.8, noise=0.7, turns=2), (0.0, 0.5, 1.0)),
)


def of_family(pairs: int = 1, bias: float = 0.5, ties: float = 0.3) -> Figure:
    """The difference of two judges' outcomes for a family; the setting is the liking for it, in log odds."""

    def figure(rng: np.random.Generator, questions: int, liking: float) -> Estimate | None:
        lead = rng.normal(0, 0.7, (questions, 1)) + rng.normal(0, 1, (questions, pairs))
        said = []
        for extra in (liking, 0.0):
            own = (lead + extra)[..., None] + bias * np.array([1.0, -1.0]) + _logistic(rng, (questions, pairs, 2))
            said.append(np.where(own > ties, 1.0, np.where(own < -ties, 0.0, 0.5)).mean(axis=2))
        apart = (said[0] - said[1]).sum(axis=1)
        return difference(np.stack([apart, np.full(questions, float(pairs))], axis=1))

    return figure


SELF = (
    Regime("one pair", of_family(), LIKINGS),
    Regime("six pairs", of_family(pairs=6), LIKINGS),
    Regime("strong position bias", of_family(bias=3.0), LIKINGS),
    Regime("many ties", of_family(ties=2.5), LIKINGS),
)

FIGURES = {
    "flips": _positions("flips"),
    "flips to the first": _positions("to_first"),
    "first shown": _positions("first_shown"),
    "slope on length": LENGTHS,
    "longer preferred": LONGER,
    "slope of scores on length": SCORES,
    "self-preference": SELF,
}


@cache
def truth(regime: Regime, setting: float) -> float:
    """The figure over very many questions."""
    found = regime.figure(np.random.default_rng(20_230_330), TRUTH_QUESTIONS, setting)
    assert found is not None
    assert found.value is not None
    return found.value


def covered(regime: Regime, questions: int, evaluations: int = EVALUATIONS) -> tuple[float, float]:
    """Coverage of the 95 % intervals averaged over the settings, and their mean width; none has zero width."""
    held, widths = [], []
    for i, setting in enumerate(regime.settings):
        rng = np.random.default_rng([questions, i])
        for _ in range(-(-evaluations // len(regime.settings))):
            found = regime.figure(rng, questions, setting)
            if found is None or found.low is None or found.high is None:
                continue
            assert found.low < found.high
            held.append(found.low <= truth(regime, setting) <= found.high)
            widths.append(found.high - found.low)
    return float(np.mean(held)), float(np.mean(widths))


def main() -> None:
    """Print the table of docs/judge-card.md; with a number, that many evaluations a cell."""
    evaluations = int(sys.argv[1]) if len(sys.argv) > 1 else EVALUATIONS
    for name, regimes in FIGURES.items():
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in regimes:
            found = [covered(regime, n, evaluations) for n in QUESTIONS]
            print(f"| {regime.name} | " + " | ".join(f"{100 * c:.1f} ({w:.3f})" for c, w in found) + " |", flush=True)


if __name__ == "__main__":
    main()
