"""Simulated evaluations with a known truth, for the coverage of intervals.

A regime draws what a judge would say about questions from an endless source. The truth is what the same judge and design
would give over unlimited questions: the mean over 400,000 of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from itertools import combinations

import numpy as np

from evalh.errors import Disconnected
from evalh.stats.bradley_terry import rating_estimates, ratings, win_matrix
from evalh.stats.cells import PairCells
from evalh.stats.resample import Moments, jackknife, share_limits, skew_limits, unequal
from evalh.stats.scores import chain_allowance, chain_product

Draw = Callable[[np.random.Generator, int, int, float], np.ndarray]
"""(generator, evaluations, questions, setting) -> sufficient statistics, shape (evaluations, questions, k)."""

TRUTH_QUESTIONS = 400_000
EVALUATIONS = 2_000  # per setting


@dataclass(frozen=True)
class Regime:
    """One way of drawing evaluations, and the settings (differences or levels of quality) over which coverage is averaged."""

    name: str
    draw: Draw
    settings: tuple[float, ...]


@cache
def truth(regime: Regime, setting: float, statistic: Callable[[np.ndarray], np.ndarray]) -> float:
    """The figure over very many questions."""
    rng = np.random.default_rng(20_230_330)
    total = sum(regime.draw(rng, 1, TRUTH_QUESTIONS // 8, setting)[0].sum(axis=0) for _ in range(8))
    return float(statistic(np.asarray(total)))


def _logistic(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    u = rng.random(shape)
    return np.log(u / (1 - u))


def verdicts(
    rng: np.random.Generator,
    shape: tuple[int, int],
    gap: float,
    *,
    orders: int,
    turns: int,
    topic: float,
    bias: float,
    ties: float,
) -> np.ndarray:
    """Outcomes of comparisons, shape (evaluations, questions, turns * orders): 1, 0.5 or 0 for the first model.

    A question favours one side by a normal amount of standard deviation `topic`; a judge favours what it sees first by `bias`
    and calls a tie where neither side leads by more than `ties` (all in log odds).
    """
    lean = rng.normal(0, topic, (*shape, 1, 1))
    seen_first = np.array([1.0, -1.0])[:orders]
    lead = gap + lean + bias * seen_first + _logistic(rng, (*shape, turns, orders))
    outcome = np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5))
    return outcome.reshape(*shape, turns * orders)


def games(**design: float) -> Draw:
    """Sums per question of outcome and of weight."""

    def draw(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
        settings = {"orders": 2, "turns": 1, "topic": 1.0, "bias": 0.0, "ties": 0.3, **design}
        outcome = verdicts(rng, (evaluations, questions), gap, **settings)  # type: ignore[arg-type]
        return np.stack([outcome.sum(axis=2), np.full(outcome.shape[:2], float(outcome.shape[2]))], axis=2)

    return draw


def unbalanced_games(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
    """One to six verdicts per question, as with failures, repeats and turns mixed."""
    outcome = verdicts(rng, (evaluations, questions), gap, orders=2, turns=3, topic=1.5, bias=0.5, ties=0.5)
    kept = np.arange(6) < rng.integers(1, 7, (evaluations, questions, 1))
    return np.stack([(outcome * kept).sum(axis=2), kept.sum(axis=2).astype(float)], axis=2)


def strong_games(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
    """One verdict per question on five steps; those that lead clearly are strong, and count three times."""
    lead = gap + rng.normal(0, 1, (evaluations, questions)) + _logistic(rng, (evaluations, questions))
    weight = np.where(np.abs(lead) > 1.5, 3.0, 1.0)
    outcome = np.where(lead > 0.3, 1.0, np.where(lead < -0.3, 0.0, 0.5))
    return np.stack([weight * outcome, weight, np.ones_like(weight)], axis=2)


WIN_RATES = (
    Regime("one order, no ties", games(orders=1, ties=0.0), (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("both orders", games(), (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("many ties", games(ties=2.0), (0, 0.5, 1, 1.5, 2, 3, 4, 5)),
    Regime("strong position bias", games(bias=3.0), (0, 0.5, 1, 2, 3, 4, 6, 7)),
    Regime("two turns, correlated", games(turns=2, topic=3.0), (0, 1, 2, 3, 5, 7)),
    Regime("unbalanced", unbalanced_games, (0, 0.5, 1, 1.5, 2, 3, 4)),
    Regime("strong verdicts count three times", strong_games, (0, 0.5, 1, 1.5, 2, 3, 4)),
)


def points(quality: np.ndarray) -> np.ndarray:
    """Qualities as whole points of a 1-10 scale."""
    return np.clip(np.rint(quality), 1.0, 10.0)


def scores(*, topic: float, noise: float, turns: int = 1) -> Draw:
    """Sums per question of score and of weight."""

    def draw(rng: np.random.Generator, evaluations: int, questions: int, level: float) -> np.ndarray:
        hard = rng.normal(0, topic, (evaluations, questions, 1))
        given = points(level + hard + rng.normal(0, noise, (evaluations, questions, turns))).sum(axis=2)
        return np.stack([given, np.full(given.shape, float(turns))], axis=2)

    return draw


def mostly_good(rng: np.random.Generator, evaluations: int, questions: int, share: float) -> np.ndarray:
    """8 to 10 points, and 1 to 3 on a share of the questions."""
    shape = (evaluations, questions)
    given = np.where(rng.random(shape) < share, rng.integers(1, 4, shape), rng.integers(8, 11, shape)).astype(float)
    return np.stack([given, np.ones(shape)], axis=2)


LEVELS = (2.0, 4.0, 6.0, 8.0, 9.0, 9.7)
MEAN_SCORES = (
    Regime("single turn", scores(topic=1.0, noise=1.0), LEVELS),
    Regime("two turns, correlated", scores(topic=2.0, noise=0.7, turns=2), LEVELS),
    Regime("mostly equal", scores(topic=0.3, noise=0.3), LEVELS),
    Regime("wide", scores(topic=2.5, noise=1.5), LEVELS),
    Regime("some failures", mostly_good, (0.2, 0.35, 0.5)),
)


def rivals(*, topic: float, own: float, bias: float = 0.0, turns: int = 1, links: int = 1) -> Draw:
    """Sums per question of the scores of both sides, for each link of a chain; the setting is the lead of each over the next.

    All sides share what makes the question hard (`topic`); `bias` is what the answer shown first gains.
    """

    def draw(rng: np.random.Generator, evaluations: int, questions: int, lead: float) -> np.ndarray:
        shape = (evaluations, questions)
        shared = 7.0 + rng.normal(0, topic, (*shape, 1))
        answers = [shared + i * lead + rng.normal(0, own, (*shape, turns)) for i in range(links + 1)]
        columns = []
        for i in range(links):
            mood = rng.normal(0, 0.5, (*shape, turns))
            columns += [points(answers[i] + mood + bias).sum(axis=2), points(answers[i + 1] + mood - bias).sum(axis=2)]
        return np.stack(columns, axis=2)

    return draw


LEADS = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5)
RATIOS = (
    Regime("single turn", rivals(topic=1.0, own=1.0), LEADS),
    Regime("two turns, correlated", rivals(topic=2.0, own=1.5, turns=2), LEADS),
    Regime("many ties", rivals(topic=1.0, own=0.4), LEADS),
    Regime("strong position bias", rivals(topic=1.0, own=1.0, bias=1.5), LEADS),
    Regime("wide", rivals(topic=2.5, own=2.5), LEADS),
)
CHAINS = (
    Regime("single turn", rivals(topic=1.0, own=1.0, links=2), LEADS),
    Regime("two turns, correlated", rivals(topic=2.0, own=1.5, turns=2, links=2), LEADS),
    Regime("many ties", rivals(topic=1.0, own=0.4, links=2), LEADS),
    Regime("strong position bias", rivals(topic=1.0, own=1.0, bias=1.5, links=2), LEADS),
    Regime("wide", rivals(topic=2.5, own=2.5, links=2), LEADS),
)


def ratio(totals: np.ndarray) -> np.ndarray:
    """Sum over sum: a mean or a win rate."""
    quotient: np.ndarray = totals[..., 0] / totals[..., 1]
    return quotient


def shares_covered(regime: Regime, questions: int, evaluations: int) -> tuple[float, float]:
    """Coverage of the 95 % intervals of win rates, averaged over the settings, and their mean width."""

    def limits(value: np.ndarray, moments: Moments, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = (sums[..., 1] / sums[..., -1]).ravel()  # of one verdict; the last column counts them
        return share_limits(value, moments, most=unequal(weight, np.repeat(np.arange(len(sums)), questions), len(sums)))

    return _covered(regime, questions, evaluations, ratio, limits)


def means_covered(regime: Regime, questions: int, evaluations: int) -> tuple[float, float]:
    """The same for mean scores. The step is taken from the evaluation's own scores, as for a run of one model."""
    return _covered(
        regime, questions, evaluations, ratio, lambda value, moments, sums: skew_limits(value, moments, _step(ratio(sums)) ** 2)
    )


def ratios_covered(regime: Regime, questions: int, evaluations: int) -> tuple[float, float]:
    """The same for relative scores, direct and chained."""

    def limits(value: np.ndarray, moments: Moments, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = _step(sums.reshape(len(sums), -1))
        return skew_limits(value, moments, chain_allowance(sums.sum(axis=1), questions, step))

    return _covered(regime, questions, evaluations, chain_product, limits)


def _step(given: np.ndarray) -> np.ndarray:
    """The step that each evaluation's scores show (see `Cells.score_step`); shape (evaluations, scores) -> (evaluations,)."""
    ordered = np.sort(given, axis=1)
    gaps = np.diff(ordered, axis=1)
    gap = np.where(gaps > 0, gaps, np.inf).min(axis=1)
    shown = np.maximum(gap, (ordered[:, -1] - ordered[:, 0]) / 9)
    return np.where(np.isfinite(gap), shown, ordered[:, 0] / 9)


def _covered(
    regime: Regime,
    questions: int,
    evaluations: int,
    statistic: Callable[[np.ndarray], np.ndarray],
    limits: Callable[[np.ndarray, Moments, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> tuple[float, float]:
    """Coverage and width; all evaluations of a setting at once, in the steps of `evalh.stats.resample.interval`."""
    covered, widths = [], []
    for i, setting in enumerate(regime.settings):
        known = truth(regime, setting, statistic)
        sums = regime.draw(np.random.default_rng([questions, i]), evaluations, questions, setting)
        totals = sums.sum(axis=1)
        left_out = statistic(totals[:, None, :] - sums)
        moments = jackknife(left_out.ravel(), np.repeat(np.arange(evaluations), questions), evaluations)
        low, high = limits(statistic(totals), moments, sums)
        assert (high > low).all()  # no interval of zero width
        covered.append(np.mean((low <= known) & (known <= high)))
        widths.append(np.mean(high - low))
    return float(np.mean(covered)), float(np.mean(widths))


def league(orders: int, models: int, topic: float, bias: float, ties: float) -> Draw:
    """Sums per question of outcome and weight for every pair; the setting is the gap between neighbouring models."""
    pairs = list(combinations(range(models), 2))

    def draw(rng: np.random.Generator, evaluations: int, questions: int, gap: float) -> np.ndarray:
        shape = (evaluations, questions)
        skill = rng.normal(0, topic, (models, *shape))
        columns = []
        for a, b in pairs:
            lead = (b - a) * gap + (skill[a] - skill[b])[..., None] + bias * np.array([1.0, -1.0])[:orders]
            lead = lead + _logistic(rng, (*shape, orders))
            columns += [np.where(lead > ties, 1.0, np.where(lead < -ties, 0.0, 0.5)).sum(axis=2), np.full(shape, float(orders))]
        return np.stack(columns, axis=2)

    return draw


RATINGS = (
    Regime("2 models", league(2, 2, 0.5, 0.0, 0.3), (0.0, 0.7)),
    Regime("4 models", league(2, 4, 1.0, 0.0, 0.3), (0.0, 0.5)),
    Regime("4 models, position bias, many ties", league(2, 4, 1.0, 2.0, 1.5), (0.0, 0.5)),
    Regime("3 models, one order, far apart", league(1, 3, 0.5, 0.0, 0.0), (1.0, 1.5)),
)


def league_cells(sums: np.ndarray, pairs: np.ndarray) -> PairCells:
    """The cells of one simulated round robin, from sums of shape (questions, 2 x pairs)."""
    questions, size = len(sums), len(pairs)
    outcome, weight = sums[:, 0::2].T.ravel(), sums[:, 1::2].T.ravel()
    pair, question = np.repeat(np.arange(size), questions), np.tile(np.arange(questions), size)
    nothing = np.zeros(len(pair))
    rest = {f.name: nothing for f in fields(PairCells)}
    return PairCells(**(rest | {"pairs": pairs, "pair": pair, "question": question, "weight": weight, "outcome": outcome}))


def ratings_covered(regime: Regime, questions: int, evaluations: int) -> tuple[float, float]:
    """Coverage of the intervals of ratings, an open end reaching to infinity, and the share of intervals with an open end.

    Evaluations whose ratings are not defined show none, and are left out.
    """
    covered, open_ended = [], []
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
                covered.append((low is None or low <= value) and (high is None or value <= high))
                open_ended.append(low is None or high is None)
    return float(np.mean(covered)), float(np.mean(open_ended))


FIGURES = {
    "win rate": (WIN_RATES, shares_covered),
    "mean score": (MEAN_SCORES, means_covered),
    "relative score": (RATIOS, ratios_covered),
    "chained relative score": (CHAINS, ratios_covered),
    "rating": (RATINGS, ratings_covered),
}
QUESTIONS = (10, 16, 30, 80)


def main() -> None:
    """Print the tables of docs/intervals.md."""
    for name, (regimes, covered) in FIGURES.items():
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in regimes:
            found = [covered(regime, n, EVALUATIONS) for n in QUESTIONS]
            shown = " | ".join(f"{100 * share:.1f} ({other:.3f})" for share, other in found)
            print(f"| {regime.name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
