"""Simulated leaderboards of a judge and of people, for the coverage of rank correlations.

cd tests && python -m stats.simulated_orders
"""

from __future__ import annotations

from functools import cache

import numpy as np

from evalh.stats.estimate import Estimate
from evalh.stats.rank_correlation import Board, correlations, kendall, spearman
from stats.simulated_votes import Regime, World, world

QUESTIONS = (10, 16, 30, 80)
EVALUATIONS = 700  # per setting
REGIMES = (
    Regime("5 models", models=5, settings=(0.05, 0.3, 0.8)),
    Regime("5 models, strong position bias", models=5, bias=2.0, settings=(0.05, 0.3, 0.8)),
    Regime("5 models, many ties", models=5, ties=1.5, settings=(0.05, 0.3, 0.8)),
    Regime("4 models, two turns", models=4, turns=2, topic=1.5, settings=(0.05, 0.3, 0.8)),
)
NAMES = "abcdefgh"


def _board(w: World, outcome: np.ndarray, size: int) -> Board:
    """The leaderboard of a full round robin, in which every model plays as often on every question."""
    points = np.zeros((int(w.cluster.max()) + 1, size))
    np.add.at(points, (w.cluster, w.pairs[:, 0]), outcome)
    np.add.at(points, (w.cluster, w.pairs[:, 1]), 1.0 - outcome)
    share = points / (len(outcome) / len(points) * 2 / size)
    n = len(share)
    left_out = (share.sum(axis=0) - share) / (n - 1)
    return Board(tuple(NAMES[:size]), tuple(Estimate(float(x), n=n) for x in share.mean(axis=0)), left_out)


def _twisted(w: World, size: int) -> np.ndarray:
    """The judge's outcomes, with a dislike of the first model that people do not share, so that the two orders differ."""
    moved = np.where((w.pairs == 0).any(axis=1), np.where(w.pairs[:, 0] == 0, -0.25, 0.25), 0.0) * (size > 2)
    return np.clip(w.preference + moved, 0.0, 1.0)


@cache
def truth(regime: Regime, gap: float) -> tuple[float, float]:
    """Spearman's and Kendall's correlation of the two true orders."""
    w = world(regime, np.random.default_rng(7), 60_000, gap)
    boards = []
    for outcome in ((w.people + 1) / 2, _twisted(w, regime.models)):
        total = np.bincount(w.pairs[:, 0], outcome, regime.models) + np.bincount(w.pairs[:, 1], 1 - outcome, regime.models)
        boards.append(total)
    found = spearman(*boards), kendall(*boards)
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def covered(regime: Regime, questions: int, evaluations: int) -> tuple[float, float, float]:
    """(coverage of Spearman's, of Kendall's, mean width of Kendall's interval), averaged over the settings."""
    hits, widths = [], []
    for i, gap in enumerate(regime.settings):
        rng = np.random.default_rng([questions, i])
        known = truth(regime, gap)
        for _ in range(evaluations):
            w = world(regime, rng, questions, gap)
            judge = _board(w, _twisted(w, regime.models), regime.models)
            found = correlations(judge, _board(w, (w.people + 1) / 2, regime.models))
            if found.spearman is None or found.kendall is None:
                continue
            pair = (found.spearman, found.kendall)
            hits.append([(e.low or 0.0) - 1e-9 <= k <= (e.high or 0.0) + 1e-9 for e, k in zip(pair, known, strict=True)])
            widths.append((found.kendall.high or 0.0) - (found.kendall.low or 0.0))
    share = np.mean(hits, axis=0)
    return float(share[0]), float(share[1]), float(np.mean(widths))


def main() -> None:
    """Print the table of docs/agreement.md."""
    print("| Spearman, Kendall | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
    print("| --- |" + " ---: |" * len(QUESTIONS))
    for regime in REGIMES:
        cells = [covered(regime, n, EVALUATIONS) for n in QUESTIONS]
        shown = " | ".join(f"{100 * a:.1f}, {100 * b:.1f} ({w:.2f})" for a, b, w in cells)
        print(f"| {regime.name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
