"""Simulated evaluations for `evalh plan --detect`: how often the test finds a gap with the questions that were planned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalh.stats.frame import Factor, Results, as_results
from evalh.stats.paired import sign_flip_test
from evalh.stats.power import questions_needed, spread_of_comparisons, spread_of_scores
from stats.regimes import points

PILOT = 4_000  # questions of the earlier run that variances come from: enough that their error plays no part
SIMULATED = 2_000


@dataclass(frozen=True)
class Judged:
    """Verdicts about two models: lead, what a question adds, what its order adds beyond the bias, ties, bias; in log odds."""

    name: str
    lead: float
    topic: float = 1.0
    apart: float = 0.7
    ties: float = 0.5
    bias: float = 0.5

    def draw(self, rng: np.random.Generator, size: tuple[int, ...], repeats: int) -> np.ndarray:
        """Outcomes, shape (*size, 2 orders, repeats)."""
        lean = rng.normal(0, self.topic, (*size, 1, 1)) + rng.normal(0, self.apart, (*size, 2, 1))
        u = rng.random((*size, 2, repeats))
        lead = self.lead + lean + self.bias * np.array([[1.0], [-1.0]]) + np.log(u / (1 - u))
        return np.where(lead > self.ties, 1.0, np.where(lead < -self.ties, 0.0, 0.5))


COMPARISONS = (
    Judged("both orders", 0.5),
    Judged("many ties", 0.5, ties=2.0),
    Judged("strong position bias", 0.6, bias=3.0),
    Judged("questions decide", 0.8, topic=3.0),
    Judged("replies decide", 0.4, topic=0.2, apart=0.2),
    Judged("far apart", 2.0),
)


def frame_of(outcome: np.ndarray) -> Results:
    """The frame of one pair's outcomes, shape (questions, orders, repeats)."""
    questions, rows = len(outcome), outcome.size
    q, o, r = (x.ravel() for x in np.indices(outcome.shape))
    return as_results(
        {
            "question_id": Factor(q.astype(np.int32), tuple(f"q{i}" for i in range(questions))),
            "mode": ["pairwise"] * rows,
            "model_a": ["a"] * rows,
            "model_b": ["b"] * rows,
            "outcome": outcome.ravel(),
            "swapped": o == 1,
            "sample": r,
        }
    )


def found(regime: Judged, orders: int, repeats: int, tests: int, simulated: int) -> tuple[int, float]:
    """(questions planned, share of simulated evaluations in which p <= 0.05 / tests) at the regime's own gap.

    The variances come from a run in both orders with two repeats. With one order the gap is what that order shows.
    """
    rng = np.random.default_rng(30_3)
    spread = spread_of_comparisons(frame_of(regime.draw(rng, (PILOT,), 2)))
    many = regime.draw(rng, (400_000,), 1)[:, :orders]
    needed = questions_needed(spread, 2 * float(many.mean()) - 1, orders, repeats, tests)
    assert needed is not None
    hits = 0
    for _ in range(simulated):
        drawn = regime.draw(rng, (needed,), repeats)[:, :orders].mean(axis=(1, 2)) - 0.5
        hits += sign_flip_test(drawn, rng, 999) <= 0.05 / tests
    return needed, hits / simulated


def scores_found(topic: float, noise: float, lead: float, simulated: int) -> tuple[int, float]:
    """The same for the scores of two models, whole points of 1 to 10."""
    rng = np.random.default_rng(20_24)

    def draw(n: int) -> np.ndarray:
        hard = rng.normal(0, topic, (n, 1))
        return points(6 + hard + np.array([0.0, lead]) + rng.normal(0, noise, (n, 2)))

    pilot = draw(PILOT)
    rows = pilot.size
    frame = as_results(
        {
            "question_id": [f"q{i // 2}" for i in range(rows)],
            "mode": ["absolute"] * rows,
            "model_a": ["a", "b"] * PILOT,
            "model_b": [""] * rows,
            "score_a": pilot.ravel(),
        }
    )
    gap = float(np.diff(draw(400_000), axis=1).mean())
    needed = questions_needed(spread_of_scores(frame), gap)
    assert needed is not None
    hits = sum(sign_flip_test(np.diff(draw(needed), axis=1)[:, 0], rng, 999) <= 0.05 for _ in range(simulated))
    return needed, hits / simulated


DESIGNS = ((2, 1, 1), (2, 2, 1), (2, 1, 28))
SCORES = ((1.0, 1.0, 0.5), (2.0, 1.5, 1.0), (0.5, 0.5, 0.2))


def main() -> None:
    """Print the table of docs/power.md."""
    print("| comparisons | orders | repeats | pairs | questions | found |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for regime in COMPARISONS:
        for orders, repeats, tests in DESIGNS:
            needed, share = found(regime, orders, repeats, tests, SIMULATED)
            print(f"| {regime.name} | {orders} | {repeats} | {tests} | {needed} | {100 * share:.1f} % |", flush=True)
    needed, share = found(Judged("one order, no bias", 0.5, bias=0.0), 1, 1, 1, SIMULATED)
    print(f"| one order, no bias | 1 | 1 | 1 | {needed} | {100 * share:.1f} % |", flush=True)
    print("\n| scores: spread of questions, of replies, lead | questions | found |\n| --- | ---: | ---: |")
    for topic, noise, lead in SCORES:
        needed, share = scores_found(topic, noise, lead, SIMULATED)
        print(f"| {topic:g}, {noise:g}, {lead:g} points | {needed} | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
