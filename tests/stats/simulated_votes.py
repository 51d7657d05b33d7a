"""Simulated judges and few votes, for the coverage and width of corrected win rates and ratings.

Models answer questions; a question favours some of them. People and the judge see the same answers and add opinions of their
own. The truth is what people would say about very many questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal

import numpy as np

from evalh.errors import StatsError
from evalh.stats.bradley_terry import ratings
from evalh.stats.estimate import Estimate
from evalh.stats.ppi import Items, powered_mean
from evalh.stats.ppi_ratings import powered_ratings
from evalh.stats.rogan_gladen import corrected_win_rate

QUESTIONS = (10, 16, 30, 80)
EVALUATIONS = 700  # per setting, of which every regime has three
TRUTH_QUESTIONS = 100_000
Voted = Literal["questions", "two", "one", "favoured"]


@dataclass(frozen=True)
class Regime:
    """A way of drawing evaluations; settings are gaps between neighbouring models, over which coverage is averaged.

    Attributes:
        models, turns: every pair meets once a turn on each question.
        voted: whole questions; one or two comparisons of a question; or one, drawn four times as likely where the judge does
            not tie, with its probability stored.
        spare: judged questions for each voted one, beyond it.
        figures: those that are looked at; ratings of two models say what their win rates say.
        noise: the judge's own opinion; people's is 0.5.
        bias: what the judge gives the answer shown first, in both orders.
        ties: how far one has to lead.
        topic: how far a question favours models.
    """

    name: str
    models: int = 2
    turns: int = 1
    voted: Voted = "one"
    spare: int = 6
    noise: float = 0.8
    bias: float = 0.0
    ties: float = 0.4
    topic: float = 0.7
    settings: tuple[float, ...] = (0.0, 0.6, 1.5)
    figures: tuple[str, ...] = ("win rate",)


REGIMES = (
    Regime("independent comparisons", figures=("win rate", "rating", "Rogan-Gladen")),
    Regime("no ties", ties=0.0, figures=("win rate", "Rogan-Gladen")),
    Regime("many ties", ties=1.5, figures=("win rate", "Rogan-Gladen")),
    Regime("strong position bias", bias=2.0),
    Regime("a judge that tosses coins", noise=30.0),
    Regime("two turns, whole questions", turns=2, voted="questions", topic=1.5),
    Regime("4 models, whole questions", models=4, voted="questions", settings=(0.0, 0.4, 0.8), figures=("win rate", "rating")),
    Regime("4 models, two votes a question", models=4, voted="two", settings=(0.0, 0.4, 0.8), figures=("win rate", "rating")),
    Regime("drawn with stored probability", voted="favoured"),
)


def _logistic(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    u = rng.random(shape)
    return np.log(u / (1 - u))


@dataclass(frozen=True)
class World:
    """One evaluation in columns: I judged comparisons of everything, with what people would say of each."""

    cluster: np.ndarray
    pairs: np.ndarray
    people: np.ndarray
    verdict: np.ndarray
    preference: np.ndarray


def world(regime: Regime, rng: np.random.Generator, questions: int, gap: float) -> World:
    """Everything about some questions."""
    r = regime
    pairs = np.array(list(combinations(range(r.models), 2)))
    skill = -gap * np.arange(r.models) + r.topic * rng.normal(size=(questions, r.models))
    shape = (questions, r.turns, len(pairs))
    lead = (skill[:, pairs[:, 0]] - skill[:, pairs[:, 1]])[:, None, :] + _logistic(rng, shape)
    people = lead + 0.5 * _logistic(rng, shape)
    judged = lead[..., None] + r.noise * _logistic(rng, (*shape, 2)) + r.bias * np.array([1.0, -1.0])
    games = np.where(judged > r.ties, 1, np.where(judged < -r.ties, -1, 0))
    outcome = np.where(people > r.ties, 1, np.where(people < -r.ties, -1, 0))
    verdict = np.where(games[..., 0] == games[..., 1], games[..., 0], 0)
    each = r.turns * len(pairs)
    return World(
        np.repeat(np.arange(questions), each),
        np.tile(pairs, (questions * r.turns, 1)),
        outcome.ravel(),
        verdict.ravel(),
        (games.mean(axis=-1).ravel() + 1) / 2,
    )


def drawn(regime: Regime, rng: np.random.Generator, w: World, questions: int) -> tuple[np.ndarray, np.ndarray]:
    """(whether voted on, how likely that was) of every comparison; `questions` of them are voted on."""
    total = int(w.cluster.max()) + 1
    each = len(w.cluster) // total
    probability = np.ones(len(w.cluster))
    if regime.voted == "favoured":
        probability = np.where(w.verdict == 0, 1.0, 4.0)
        scale = questions / probability.sum()
        return rng.random(len(probability)) < scale * probability, probability
    chosen = rng.permutation(total)[:questions]
    mask = np.zeros((total, each), dtype=bool)
    many = {"questions": each, "two": 2, "one": 1}[regime.voted]
    for q in chosen:
        mask[q, rng.permutation(each)[:many]] = True
    return mask.ravel(), probability


@cache
def truth(regime: Regime, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """(win rates, ratings) that people would give over very many questions."""
    w = world(regime, np.random.default_rng(20_231_103), TRUTH_QUESTIONS, gap)
    wins = np.zeros((regime.models, regime.models))
    share = (w.people + 1) / 2
    np.add.at(wins, (w.pairs[:, 0], w.pairs[:, 1]), share)
    np.add.at(wins, (w.pairs[:, 1], w.pairs[:, 0]), 1 - share)
    games = wins + wins.T
    rates = (np.where(games > 0, wins / np.where(games > 0, games, 1), 0)).sum(axis=1) / (regime.models - 1)
    return rates, ratings(wins)


@dataclass
class Tally:
    """Coverage and width of one figure, and of the votes alone."""

    hits: int = 0
    count: int = 0
    alone: int = 0
    width: float = 0.0
    wide: float = 0.0
    widest: float = 0.0

    def add(self, found: Estimate, alone: Estimate, known: float) -> None:
        """One interval beside that of the votes alone."""
        if found.low is None or found.high is None or alone.low is None or alone.high is None:
            return
        self.count += 1
        self.hits += found.low <= known <= found.high
        self.alone += alone.low <= known <= alone.high
        self.width += found.high - found.low
        self.wide += alone.high - alone.low
        self.widest = max(self.widest, (found.high - found.low) / (alone.high - alone.low))

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth."""
        return self.hits / self.count if self.count else float("nan")

    @property
    def ratio(self) -> float:
        """Mean width over that of the votes alone."""
        return self.width / self.wide if self.wide else float("nan")


FIGURES = ("win rate", "rating", "Rogan-Gladen")


def simulate(regime: Regime, questions: int, evaluations: int) -> dict[str, Tally]:
    """Coverage and width of each of the regime's figures, averaged over the settings."""
    figures = regime.figures
    found = {name: Tally() for name in figures}
    for i, gap in enumerate(regime.settings):
        rng = np.random.default_rng([questions, i])
        rates, points = truth(regime, gap)
        for _ in range(evaluations):
            w = world(regime, rng, questions * (1 + regime.spare), gap)
            _evaluate(regime, w, *drawn(regime, rng, w, questions), rates, points, found, figures)
    return found


def _evaluate(
    regime: Regime,
    w: World,
    voted: np.ndarray,
    probability: np.ndarray,
    rates: np.ndarray,
    points: np.ndarray,
    found: dict[str, Tally],
    figures: tuple[str, ...],
) -> None:
    label = np.where(voted, (w.people + 1) / 2, np.nan)
    if not voted.any():
        return
    for m in range(regime.models if regime.models > 2 else 1):
        mine = (w.pairs == m).any(axis=1)
        first = w.pairs[mine, 0] == m
        own = np.where(first, label[mine], 1 - label[mine])
        if np.isnan(own).all():
            continue
        items = Items.of(
            w.cluster[mine], np.where(first, w.preference[mine], 1 - w.preference[mine]), own, None, probability[mine]
        )
        powered = powered_mean(items, share=True)
        if "win rate" in figures:
            found["win rate"].add(powered.estimate, powered.people, float(rates[m]))
        if "Rogan-Gladen" in figures:
            said = np.where(first, w.verdict[mine], -w.verdict[mine])
            shares = np.stack([own == 1, own == 0.5, own == 0], axis=1).astype(float)
            try:
                turned = corrected_win_rate(items.cluster, said, shares, items.weight, items.drawn())
            except StatsError:
                continue
            found["Rogan-Gladen"].add(turned, powered.people, float(rates[m]))
    if "rating" in figures:
        names = tuple(map(str, range(regime.models)))
        both = powered_ratings(Items.of(w.cluster, w.preference, label, None, probability), w.pairs, names)
        if both.estimates is not None and both.people is not None:
            for m in range(regime.models if regime.models > 2 else 1):
                found["rating"].add(both.estimates[m], both.people[m], float(points[m]))


def hundred(accuracy: float, evaluations: int, votes: int = 100, unlabelled: int = 2_000) -> tuple[Tally, float]:
    """100 votes and 2,000 verdicts more on independent win-or-lose games of a judge of this accuracy: the promise of PPI++.

    Returns:
        (coverage and width of the win rate, the width that theory allows, of that of the votes alone).
    """
    tally, size = Tally(), votes + unlabelled
    rng = np.random.default_rng([votes, unlabelled, round(1000 * accuracy)])
    for _ in range(evaluations):
        people = rng.random(size) < 0.5
        judge = np.where(rng.random(size) < accuracy, people, ~people).astype(float)
        label = np.where(np.arange(size) < votes, people, np.nan)
        powered = powered_mean(Items.of(np.arange(size), judge, label), share=True)
        tally.add(powered.estimate, powered.people, 0.5)
    correlation = 2 * accuracy - 1
    return tally, (1 - correlation**2 * unlabelled / size) ** 0.5


def main() -> None:
    """Print the tables of docs/agreement.md."""
    print("| accuracy of the judge | coverage | width | theory | widest |\n| --- | ---: | ---: | ---: | ---: |")
    for accuracy in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        tally, theory = hundred(accuracy, 4 * EVALUATIONS)
        shown = f"{100 * tally.coverage:.1f} | {tally.ratio:.3f} | {theory:.3f} | {tally.widest:.3f}"
        print(f"| {100 * accuracy:.0f} % | {shown} |", flush=True)
    rows: dict[str, list[str]] = {name: [] for name in FIGURES}
    for regime in REGIMES:
        cells: dict[str, list[str]] = {name: [] for name in regime.figures}
        for n in QUESTIONS:
            for name, t in simulate(regime, n, EVALUATIONS).items():
                cells[name].append(f"{100 * t.coverage:.1f} ({t.ratio:.2f})")
        for name in regime.figures:
            rows[name].append(f"| {regime.name} | " + " | ".join(cells[name]) + " |")
        print(regime.name, cells, flush=True)
    for name in FIGURES:
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        print("\n".join(rows[name]))


if __name__ == "__main__":
    main()
