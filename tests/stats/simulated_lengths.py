"""Simulated evaluations by a judge that likes long answers, for the coverage of length-controlled win rates.

The truth is the figure over very many questions by the same judge and design, as in `stats.simulated`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from evalh.stats.length_control import LengthRows, length_controlled

TRUTH_QUESTIONS = 200_000
LEADS = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0)
"""Leads of the model at equal length, in log odds, over which coverage is averaged."""


@dataclass(frozen=True)
class LengthRegime:
    """A judge and a design.

    `liking` is what length is worth (log odds at the far end), `longer` by what factor the model's answers are longer in
    logarithms, `topic` how much questions differ in which side they favour, `hard` how much of it other models share.
    """

    name: str
    liking: float
    longer: float
    orders: int = 2
    turns: int = 1
    topic: float = 1.0
    bias: float = 0.0
    ties: float = 0.3
    strong: float = 0.0
    others: int = 0


REGIMES = (
    LengthRegime("one order, no ties", 1.0, 0.2, orders=1, topic=0.5, ties=0.0),
    LengthRegime("both orders", 2.0, 0.4),
    LengthRegime("answers three times as long", 2.0, 1.2),
    LengthRegime("many ties", 1.0, 0.4, ties=2.0),
    LengthRegime("strong position bias", 1.5, 0.4, bias=3.0),
    LengthRegime("two turns, correlated", 1.5, 0.4, turns=2, topic=2.0),
    LengthRegime("strong verdicts count three times", 1.5, 0.4, orders=1, strong=1.5),
    LengthRegime("four other models", 1.5, 0.4, topic=1.5, others=4),
)


def draw(regime: LengthRegime, rng: np.random.Generator, evaluations: int, questions: int, lead: float) -> LengthRows:
    """Comparisons of so many evaluations; the model of evaluation e is e, or e (1 + others) where there are other models."""
    shape = (evaluations, questions, 1, 1)
    models = 1 + regime.others
    base = 6.0 + rng.normal(0, 0.5, shape)
    opponent = np.exp(base + rng.normal(0, 0.5, shape))
    shared = regime.topic * rng.normal(0, 1, shape)
    parts = []
    for m in range(models):
        longer = np.exp(base + regime.longer + rng.normal(0, 0.5, shape)) - opponent
        own = regime.topic * rng.normal(0, 1, shape)
        lean = own if not regime.others else (2.0 * shared + own) / 5.0**0.5
        u = rng.random((evaluations, questions, regime.turns, regime.orders))
        order = np.array([1.0, -1.0])[: regime.orders]
        gap = lead if m == 0 else 0.5 * m - 1.0
        side = gap + lean + regime.liking * np.tanh(longer / 500.0) + regime.bias * order + np.log(u / (1 - u))
        outcome = np.where(side > regime.ties, 1.0, np.where(side < -regime.ties, 0.0, 0.5))
        weight = np.where(np.abs(side) > regime.strong, 3.0, 1.0) if regime.strong else np.ones_like(side)
        place = np.broadcast_to(np.arange(evaluations * questions).reshape(shape), side.shape)
        model = np.broadcast_to((np.arange(evaluations) * models + m).reshape(-1, 1, 1, 1), side.shape)
        parts.append([model, place, outcome, np.broadcast_to(longer, side.shape), weight, place])
    columns = [np.concatenate([part[i].ravel() for part in parts]) for i in range(6)]
    return LengthRows(*columns)


@cache
def truth(regime: LengthRegime, lead: float) -> float:
    """The figure over very many questions."""
    rows = draw(regime, np.random.default_rng(20_240_404), 1, TRUTH_QUESTIONS, lead)
    found = length_controlled(rows, 1 + regime.others)[0]
    assert found is not None
    assert found.value is not None
    return found.value


def lengths_covered(regime: LengthRegime, questions: int, evaluations: int) -> tuple[float, float]:
    """Coverage of the 95 % intervals, averaged over the leads, and their mean width."""
    covered, widths = [], []
    models = 1 + regime.others
    for i, lead in enumerate(LEADS):
        known = truth(regime, lead)
        rng = np.random.default_rng([questions, i])
        for start in range(0, evaluations, 500):
            size = min(500, evaluations - start)
            for at in range(size) if regime.others else (None,):  # other models are those of the same evaluation
                rows = draw(regime, rng, size if at is None else 1, questions, lead)
                for found in length_controlled(rows, size if at is None else models)[:: models if at is not None else 1]:
                    assert found is not None
                    low, high = found.low, found.high
                    assert low is not None
                    assert high is not None
                    assert low < high  # no interval of zero width
                    covered.append(low <= known <= high)
                    widths.append(high - low)
    return float(np.mean(covered)), float(np.mean(widths))


def main() -> None:
    """Print the table of docs/length-control.md."""
    sizes = (10, 16, 30, 80)
    print("| length-controlled win rate | " + " | ".join(f"{n} questions" for n in sizes) + " |")
    print("| --- |" + " ---: |" * len(sizes))
    for regime in REGIMES:
        found = [lengths_covered(regime, n, 300 if regime.others else 1_000) for n in sizes]
        print(f"| {regime.name} | " + " | ".join(f"{100 * a:.1f} ({b:.3f})" for a, b in found) + " |", flush=True)


if __name__ == "__main__":
    main()
