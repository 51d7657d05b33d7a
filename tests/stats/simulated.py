"""Simulated evaluations with a known truth, for the coverage of intervals; what is drawn stands in regimes.py.

The truth is what the same judge and design would give over unlimited questions: the mean over 400,000 of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from itertools import combinations

import numpy as np

from evalh.errors import Disconnected
from evalh.stats.bootstrap import Method, bootstrap
from evalh.stats.bradley_terry import rating_estimates, ratings, win_matrix
from evalh.stats.cells import PairCells
from evalh.stats.compare import against_rates
from evalh.stats.resample import Moments, jackknife, share_limits, skew_limits, unequal
from evalh.stats.scores import chain_allowance, chain_product
from stats import regimes
from stats.regimes import Regime

TRUTH_QUESTIONS = 400_000
EVALUATIONS = 4_000  # per setting
RATING_EVALUATIONS = 2_000

Statistic = Callable[[np.ndarray], np.ndarray]
Limits = Callable[[np.ndarray, Moments, np.ndarray, Regime], tuple[np.ndarray, np.ndarray]]
"""(figures, moments, sums per question, regime) -> low, high."""


@dataclass(frozen=True)
class Figure:
    """A figure of sums over questions, and its interval as the package has it."""

    regimes: tuple[Regime, ...]
    statistic: Statistic
    limits: Limits


@cache
def truth(regime: Regime, setting: float, statistic: Statistic, questions: int = TRUTH_QUESTIONS) -> float:
    """The figure over very many questions."""
    rng = np.random.default_rng(20_230_330)
    total = sum(regime.draw(rng, 1, questions // 8, setting)[0].sum(axis=0) for _ in range(8))
    return float(statistic(np.asarray(total)))


def ratio(totals: np.ndarray) -> np.ndarray:
    """Sum over sum: a mean or the win rate of a pair."""
    quotient: np.ndarray = totals[..., 0] / totals[..., 1]
    return quotient


def mean_ratio(totals: np.ndarray) -> np.ndarray:
    """The win rate of a model: the mean over its opponents."""
    rate: np.ndarray = (totals[..., 0::2] / totals[..., 1::2]).mean(axis=-1)
    return rate


def lead_against(totals: np.ndarray) -> np.ndarray:
    """How much better the second model does against the same opponents."""
    return against_rates(totals, 1) - against_rates(totals, 0)


def score_lead(totals: np.ndarray) -> np.ndarray:
    """Mean score of the second model minus that of the first."""
    lead: np.ndarray = (totals[..., 0] - totals[..., 1]) / totals[..., 2]
    return lead


def _pair(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    weight = (sums[..., 1] / sums[..., -1]).ravel()  # of one verdict; the last column counts them
    evaluation = np.repeat(np.arange(len(sums)), sums.shape[1])
    return share_limits(value, moments, most=unequal(weight, evaluation, len(sums)))


def _model(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    return share_limits(value, moments, parts=sums.shape[2] / 2)


def _against(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    low, high = skew_limits(value, moments, (0.5 / (sums.shape[2] // 4)) ** 2)
    return np.maximum(low, -1.0), np.minimum(high, 1.0)


def _mean(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    return skew_limits(value, moments, _step(sums[..., :1], regime) ** 2)


def _score_lead(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    return skew_limits(value, moments, _step(sums[..., :2], regime) ** 2)


def _chain(value: np.ndarray, moments: Moments, sums: np.ndarray, regime: Regime) -> tuple[np.ndarray, np.ndarray]:
    return skew_limits(value, moments, chain_allowance(sums.sum(axis=1), sums.shape[1], _step(sums, regime)))


def _step(given: np.ndarray, regime: Regime) -> np.ndarray:
    """The step that each evaluation's scores show (see `Cells.score_step`); (evaluations, ...) -> (evaluations,).

    Only what the evaluation's own models got is seen; a run with more models shows the step sooner.
    """
    if regime.step is not None:
        return np.full(len(given), regime.step)
    ordered = np.sort(given.reshape(len(given), -1), axis=1)
    gaps = np.diff(ordered, axis=1)
    gap = np.where(gaps > 0, gaps, np.inf).min(axis=1)
    shown = np.maximum(gap, (ordered[:, -1] - ordered[:, 0]) / 9)
    return np.where(np.isfinite(gap), shown, ordered[:, 0] / 9)


FIGURES = {
    "win rate of a pair": Figure(regimes.WIN_RATES, ratio, _pair),
    "win rate of a model": Figure(regimes.OPPONENTS, mean_ratio, _model),
    "difference against the same opponents": Figure(regimes.AGAINST, lead_against, _against),
    "mean score": Figure(regimes.MEAN_SCORES, ratio, _mean),
    "difference of mean scores": Figure(regimes.SCORE_DIFFERENCES, score_lead, _score_lead),
    "relative score": Figure(regimes.RATIOS, chain_product, _chain),
    "chained relative score": Figure(regimes.CHAINS, chain_product, _chain),
}
QUESTIONS = (10, 16, 30, 80)


def covered(
    figure: Figure, regime: Regime, questions: int, evaluations: int = EVALUATIONS, truth_questions: int = TRUTH_QUESTIONS
) -> tuple[float, float, float]:
    """Coverage of the 95 % intervals averaged over the settings, the lowest at a single one, and their mean width.

    All evaluations of a setting at once, in the steps of `evalh.stats.resample.interval`.
    """
    found, widths = [], []
    for i, setting in enumerate(regime.settings):
        known = truth(regime, setting, figure.statistic, truth_questions)
        sums = regime.draw(np.random.default_rng([questions, i]), evaluations, questions, setting)
        totals = sums.sum(axis=1)
        left_out = figure.statistic(totals[:, None, :] - sums)
        moments = jackknife(left_out.ravel(), np.repeat(np.arange(evaluations), questions), evaluations)
        low, high = figure.limits(figure.statistic(totals), moments, sums, regime)
        assert (high > low).all()  # no interval of zero width
        found.append(np.mean((low <= known) & (known <= high)))
        widths.append(np.mean(high - low))
    return float(np.mean(found)), float(np.min(found)), float(np.mean(widths))


def league_cells(sums: np.ndarray, pairs: np.ndarray) -> PairCells:
    """The cells of one simulated round robin, from sums of shape (questions, 2 x pairs)."""
    questions, size = len(sums), len(pairs)
    outcome, weight = sums[:, 0::2].T.ravel(), sums[:, 1::2].T.ravel()
    pair, question = np.repeat(np.arange(size), questions), np.tile(np.arange(questions), size)
    nothing = np.zeros(len(pair))
    rest = {f.name: nothing for f in fields(PairCells)}
    return PairCells(**(rest | {"pairs": pairs, "pair": pair, "question": question, "weight": weight, "outcome": outcome}))


def ratings_covered(regime: Regime, questions: int, evaluations: int = RATING_EVALUATIONS) -> tuple[float, float]:
    """Coverage of the intervals of ratings, an open end reaching to infinity, and the share of intervals with an open end.

    Evaluations whose ratings are not defined show none, and are left out.
    """
    held, open_ended = [], []
    for i, gap in enumerate(regime.settings):
        rng = np.random.default_rng([questions, i])
        sums = regime.draw(rng, evaluations, questions, gap)
        models = round((1 + (1 + 4 * sums.shape[2]) ** 0.5) / 2)
        pairs = np.array(list(combinations(range(models), 2)))
        names = [str(m) for m in range(models)]
        total = sum(regime.draw(np.random.default_rng([7, j]), 1, 100_000, gap)[0].sum(axis=0) for j in range(4))
        known = ratings(win_matrix(league_cells(np.asarray(total)[None], pairs), models))
        for evaluation in sums:
            try:
                found = rating_estimates(league_cells(evaluation, pairs), names, rng)
            except Disconnected:
                continue
            for estimate, value in zip(found, known, strict=True):
                assert estimate is not None
                low, high = estimate.low, estimate.high
                held.append((low is None or low <= value) and (high is None or value <= high))
                open_ended.append(low is None or high is None)
    return float(np.mean(held)), float(np.mean(open_ended))


def bootstraps_covered(figure: Figure, regime: Regime, questions: int, method: Method, evaluations: int = 400) -> float:
    """Coverage of a bootstrap of the same sums, averaged over the settings; an interval that is missing holds nothing."""
    held = []
    for i, setting in enumerate(regime.settings):
        known = truth(regime, setting, figure.statistic)
        rng = np.random.default_rng([questions, i])
        for sums in regime.draw(rng, evaluations, questions, setting):
            e = bootstrap(sums, figure.statistic, rng, method=method, rounds=500)
            held.append(e.low is not None and e.high is not None and e.low <= known <= e.high)
    return float(np.mean(held))


BESIDE = (("win rate of a pair", 1), ("mean score", 0), ("mean score", 5), ("relative score", 5))


def beside() -> None:
    """Print the table of the methods that are not the default."""
    for name, index in BESIDE:
        regime = FIGURES[name].regimes[index]
        for method in ("percentile", "bca"):
            shown = " | ".join(f"{100 * bootstraps_covered(FIGURES[name], regime, n, method):.1f}" for n in QUESTIONS)  # type: ignore[arg-type]
            print(f"| {name}, {regime.name} | {method} | {shown} |", flush=True)


def main(chosen: list[str]) -> None:
    """Print the tables of docs/intervals.md: those of the figures named, or all; or that of the word "bootstrap"."""
    if chosen == ["bootstrap"]:
        beside()
        return
    for name in chosen or [*FIGURES, "rating"]:
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in regimes.RATINGS if name == "rating" else FIGURES[name].regimes:
            cells = []
            for n in QUESTIONS:
                if name == "rating":
                    mean, open_ended = ratings_covered(regime, n)
                    cells.append(f"{100 * mean:.1f} ({open_ended:.3f})")
                else:
                    mean, least, width = covered(FIGURES[name], regime, n)
                    cells.append(f"{100 * mean:.1f} / {100 * least:.1f} ({width:.3f})")
            shown = " | ".join(cells)
            print(f"| {regime.name} | {shown} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
