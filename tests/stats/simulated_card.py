"""Simulated judges with known biases, for the coverage of the intervals of the judge card (docs/judge-card.md).

As in `stats.simulated`: a regime draws what a judge would say about questions from an endless source, and the truth is the same
figure over very many of them. Shares get their limits for all evaluations of a setting at once, the others one by one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from evalh.stats.estimate import Estimate
from evalh.stats.length_preference import slope_net, slope_within
from evalh.stats.orders import leaning
from evalh.stats.resample import jackknife, share_limits
from evalh.stats.self_preference import difference
from stats.regimes import _logistic, points, verdicts

EVALUATIONS = 2_000  # over all settings of a regime; of shares, for each setting
SEED = 20_240_307  # of the figures in docs/judge-card.md; settings were chosen on others
QUESTIONS = (10, 16, 30, 80)
TRUTH_QUESTIONS = 200_000

Figure = Callable[[np.random.Generator, int, float], Estimate | None]
"""(generator, questions, setting) -> the figure of one evaluation."""


Shares = Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]
"""(generator, (evaluations, questions), setting) -> share of every question's comparisons, of that shape."""


@dataclass(frozen=True)
class Regime:
    """One kind of judge and of questions, and the settings over which coverage is averaged.

    The figure is either one of single evaluations, or the mean of questions' shares, of `parts` comparisons each.
    """

    name: str
    settings: tuple[float, ...]
    figure: Figure | None = None
    shares: Shares | None = None
    parts: int = 1


def of_position(name: str, turns: int = 1, topic: float = 1.0, ties: float = 0.3) -> Shares:
    """One figure of the position bias of a judge, as `bias.position` has it; the setting is the bias, in log odds."""

    def shares(rng: np.random.Generator, shape: tuple[int, int], bias: float) -> np.ndarray:
        outcome = verdicts(rng, shape, 0.5, orders=2, turns=turns, topic=topic, bias=bias, ties=ties)
        first, second = np.moveaxis(outcome.reshape(*shape, turns, 2), -1, 0)
        change = leaning(first) - leaning(second)
        value = {"flips": change != 0, "to_first": change > 0, "first_shown": (1.0 + first - second) / 2.0}[name]
        mean: np.ndarray = value.mean(axis=2)
        return mean

    return shares


WEAK, STRONG = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75), (1.5, 1.8, 2.1, 2.4, 2.7, 3.0, 3.3, 3.6)
ANY = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)


def _positions(name: str) -> tuple[Regime, ...]:
    return (
        Regime("weak position bias", WEAK, shares=of_position(name)),
        Regime("strong position bias", STRONG, shares=of_position(name)),
        Regime("many ties", WEAK, shares=of_position(name, ties=2.0)),
        Regime("strong bias, many ties", STRONG, shares=of_position(name, ties=2.0)),
        Regime("two turns, correlated", ANY, shares=of_position(name, turns=2, topic=3.0), parts=2),
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
    Regime("one pair", LIKINGS, of_length()),
    Regime("four models", LIKINGS, of_length(models=4)),
    Regime("strong position bias", LIKINGS, of_length(bias=3.0)),
    Regime("many ties", LIKINGS, of_length(ties=2.0)),
    Regime("one order, uneven lengths", LIKINGS, of_length(orders=1, tails=0.6)),
)


def of_longer(bias: float, ties: float) -> Shares:
    """The outcome of the longer answer; the setting is the liking for length, in log odds per doubling."""

    def shares(rng: np.random.Generator, shape: tuple[int, int], liking: float) -> np.ndarray:
        lead = (liking * np.abs(rng.normal(0, 0.7, shape)) + rng.normal(0, 1, shape))[..., None]
        lead = lead + bias * np.array([1.0, -1.0]) + _logistic(rng, (*shape, 2))
        mean: np.ndarray = np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5)).mean(axis=2)
        return mean

    return shares


LONGER_LIKINGS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
LONGER = (
    Regime("one pair", LONGER_LIKINGS, shares=of_longer(0.5, 0.3)),
    Regime("strong position bias", LONGER_LIKINGS, shares=of_longer(3.0, 0.3)),
    Regime("many ties", LONGER_LIKINGS, shares=of_longer(0.5, 2.0)),
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
    Regime("two models", (0.0, 0.5, 1.0), of_scores()),
    Regime("six models", (0.0, 0.5, 1.0), of_scores(models=6)),
    Regime("six models, a third unscored", (0.0, 0.5, 1.0), of_scores(models=6, missing=1 / 3)),
    Regime("near the top, two turns", (0.0, 0.5, 1.0), of_scores(models=3, level=8.8, noise=0.7, turns=2)),
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


FAMILY_LIKINGS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
SELF = (
    Regime("one pair", FAMILY_LIKINGS, of_family()),
    Regime("six pairs", FAMILY_LIKINGS, of_family(pairs=6)),
    Regime("strong position bias", FAMILY_LIKINGS, of_family(bias=3.0)),
    Regime("many ties", FAMILY_LIKINGS, of_family(ties=2.5)),
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
    rng = np.random.default_rng(20_230_330)
    if regime.shares is not None:
        return float(regime.shares(rng, (1, TRUTH_QUESTIONS), setting).mean())
    assert regime.figure is not None
    found = regime.figure(rng, TRUTH_QUESTIONS, setting)
    assert found is not None
    assert found.value is not None
    return found.value


def covered(regime: Regime, questions: int, evaluations: int = EVALUATIONS, seed: int = SEED) -> tuple[float, float]:
    """Coverage of the 95 % intervals averaged over the settings, and their mean width; none has zero width."""
    held, widths = [], []
    for i, setting in enumerate(regime.settings):
        rng = np.random.default_rng([seed, questions, i])
        if regime.shares is not None:
            low, high = _limits(regime.shares(rng, (evaluations, questions), setting), regime.parts)
        else:
            low, high = _one_by_one(regime, rng, questions, setting, -(-evaluations // len(regime.settings)))
        assert (low < high).all()
        known = truth(regime, setting)
        held.append(np.mean((low <= known) & (known <= high)))
        widths.append(np.mean(high - low))
    return float(np.mean(held)), float(np.mean(widths))


def _limits(share: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """What `bias.share` gives for evaluations whose questions have these shares, (evaluations, questions)."""
    evaluations, questions = share.shape
    total = share.sum(axis=1)
    left_out = (total[:, None] - share) / (questions - 1)
    moments = jackknife(left_out.ravel(), np.repeat(np.arange(evaluations), questions), evaluations)
    return share_limits(total / questions, moments, parts=parts)


def _one_by_one(
    regime: Regime, rng: np.random.Generator, questions: int, setting: float, evaluations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the evaluations that have any."""
    assert regime.figure is not None
    found = [regime.figure(rng, questions, setting) for _ in range(evaluations)]
    ends = [(e.low, e.high) for e in found if e is not None and e.low is not None and e.high is not None]
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def main() -> None:
    """Print the tables of docs/judge-card.md; with names of figures, those alone."""
    for name in sys.argv[1:] or FIGURES:
        regimes = FIGURES[name]
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in regimes:
            found = [covered(regime, n) for n in QUESTIONS]
            print(f"| {regime.name} | " + " | ".join(f"{100 * c:.1f} ({w:.3f})" for c, w in found) + " |", flush=True)


if __name__ == "__main__":
    main()
