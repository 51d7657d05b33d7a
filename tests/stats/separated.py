"""Simulated and real round robins for `evalh run --until-separated`: what is asked, and what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalh.stats.bradley_terry import maximum
from evalh.stats.paired import holm, sign_flip_test
from evalh.stats.stopping import Separation, pairs_of

QUESTIONS = 80
SIMULATED = 200


@dataclass(frozen=True)
class League:
    """A round robin in both orders. All in log odds: spread of strengths, of what a question adds to a model, ties, bias."""

    name: str
    models: int
    spread: float
    topic: float = 0.7
    ties: float = 0.3
    bias: float = 0.5

    def draw(self, rng: np.random.Generator, questions: int = QUESTIONS) -> np.ndarray:
        """Sums of outcomes of both orders for the first of each pair, shape (P, questions)."""
        strength = rng.normal(0, self.spread, (self.models, 1)) + rng.normal(0, self.topic, (self.models, questions))
        a, b = pairs_of(self.models).T
        u = rng.random((len(a), questions, 2))
        lead = (strength[a] - strength[b])[..., None] + self.bias * np.array([1.0, -1.0]) + np.log(u / (1 - u))
        outcome: np.ndarray = np.where(lead > self.ties, 1.0, np.where(lead < -self.ties, 0.0, 0.5)).sum(axis=2)
        return outcome


LEAGUES = tuple(League(f"{m} models, strengths of sd {s:g}", m, s) for m in (8, 20) for s in (0.5, 1.0))
HARDER = tuple(
    League(f"{m} models, sd 0.7, {name}", m, 0.7, **more)
    for m in (8, 20)
    for name, more in (
        ("many ties", {"ties": 2.0}),
        ("strong position bias", {"bias": 3.0}),
        ("questions decide", {"topic": 2.0}),
        ("no question effect", {"topic": 0.0}),
    )
)


@dataclass(frozen=True)
class Compared:
    """One round robin: share of the judge's calls, and how its order agrees with what the whole design separates.

    `pairs` the whole design separates, `reversed_pairs` of them stand the other way round; `uniform` the same for the order of
    a fit to as many judgments of every pair at random; `statuses` counts neighbours; `missed` whether any limit ever was wrong.
    """

    share: float
    pairs: int
    reversed_pairs: int
    uniform: int
    statuses: dict[str, int]
    missed: bool


def run(weight: np.ndarray, outcome: np.ndarray, models: int, rows: float, rng: np.random.Generator) -> Compared:
    """Separate one table: scored judgments and sums of outcomes, both (P, N)."""
    size, questions = weight.shape
    order = np.array([rng.permutation(questions) for _ in range(size)])
    heard_weight, heard = np.take_along_axis(weight, order, 1), np.take_along_axis(outcome, order, 1)
    found = Separation(models, questions, rows)
    truth = outcome.sum(axis=1) / weight.sum(axis=1)
    missed = False
    while (more := found.round()).any():
        for k in range(int(more.max())):
            pair = np.flatnonzero(more > k)
            at = found.bettors.asked[pair]
            found.hear(pair, heard_weight[pair, at], heard[pair, at])
            low, high = found.bettors.limits()
            missed |= bool(((truth < low - 1e-9) | (truth > high + 1e-9)).any())
    p = [sign_flip_test(o - w / 2, rng) for o, w in zip(outcome, weight, strict=True)]
    separated = np.array([q is not None and q <= 0.05 for q in holm(p)])
    place = np.empty(models)
    place[found.order()] = -np.arange(models)
    share = found.bettors.weight.sum() / weight.sum()
    near = found.neighbours()
    statuses = found.statuses(near)[near].tolist()
    return Compared(
        share=float(share),
        pairs=int(separated.sum()),
        reversed_pairs=_reversed(place, truth, separated),
        uniform=_reversed(_uniform(heard_weight, heard, models, share), truth, separated),
        statuses={s: statuses.count(s) for s in dict.fromkeys(statuses)},
        missed=missed,
    )


def _uniform(weight: np.ndarray, outcome: np.ndarray, models: int, share: float) -> np.ndarray:
    """Strengths by a fit to the first questions of every pair, as many in all as `share` of them."""
    total = round(share * weight.size)
    each = np.full(len(weight), total // len(weight))
    each[: total % len(weight)] += 1
    first = np.arange(weight.shape[1])[None, :] < each[:, None]
    a, b = pairs_of(models).T
    wins = np.zeros((models, models))
    wins[a, b] = (outcome * first).sum(axis=1) + 0.05
    wins[b, a] = ((weight - outcome) * first).sum(axis=1) + 0.05
    strength: np.ndarray = maximum(wins)
    return strength


def _reversed(strength: np.ndarray, truth: np.ndarray, separated: np.ndarray) -> int:
    """Separated pairs that stand the other way round."""
    models = len(strength)
    a, b = pairs_of(models).T
    return int((separated & ((strength[a] - strength[b]) * (truth - 0.5) < 0)).sum())


def many(league: League, simulated: int) -> Iterator[Compared]:
    """Simulated round robins of a league."""
    rng = np.random.default_rng(20_250)
    for _ in range(simulated):
        outcome = league.draw(rng)
        yield run(np.full(outcome.shape, 2.0), outcome, league.models, 2.0, rng)


@dataclass(frozen=True)
class Summary:
    """Over many round robins: mean and largest share, share with a reversed pair, Kendall over separated pairs."""

    share: float
    most: float
    pairs: float
    reversed_runs: float
    kendall: float
    uniform_reversed_runs: float
    uniform_kendall: float
    missed: float
    statuses: dict[str, float]


def summary(found: list[Compared]) -> Summary:
    """Means; a round robin in which the whole design separates nothing has no Kendall."""

    def kendall(counts: list[tuple[int, int]]) -> float:
        return float(np.mean([1 - 2 * r / n for r, n in counts if n]))

    names = ("separated", "equal", "out_of_reach", "exhausted")
    return Summary(
        share=float(np.mean([c.share for c in found])),
        most=max(c.share for c in found),
        pairs=float(np.mean([c.pairs for c in found])),
        reversed_runs=float(np.mean([c.reversed_pairs > 0 for c in found])),
        kendall=kendall([(c.reversed_pairs, c.pairs) for c in found]),
        uniform_reversed_runs=float(np.mean([c.uniform > 0 for c in found])),
        uniform_kendall=kendall([(c.uniform, c.pairs) for c in found]),
        missed=float(np.mean([c.missed for c in found])),
        statuses={s: float(np.mean([c.statuses.get(s, 0) for c in found])) for s in names},
    )


def line(name: str, s: Summary) -> str:
    """A line of the table."""
    states = " / ".join(f"{s.statuses[x]:.1f}" for x in ("separated", "equal", "out_of_reach", "exhausted"))
    return (
        f"| {name} | {100 * s.share:.1f} % ({100 * s.most:.0f} %) | {s.pairs:.1f} | {100 * s.reversed_runs:.1f} % "
        f"| {s.kendall:.4f} | {100 * s.uniform_reversed_runs:.1f} % | {s.uniform_kendall:.4f} "
        f"| {100 * s.missed:.1f} % | {states} |"
    )


HEAD = (
    "| round robin | calls (most) | pairs | reversed | Kendall | uniform: reversed | Kendall | limits wrong | neighbours |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def main() -> None:
    """Print the table of docs/stopping.md."""
    print(HEAD)
    for league in (*LEAGUES, *HARDER) if len(sys.argv) < 2 else LEAGUES[: int(sys.argv[1])]:
        print(line(league.name, summary(list(many(league, SIMULATED)))), flush=True)


if __name__ == "__main__":
    main()
