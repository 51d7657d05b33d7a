"""How many questions, orders and repeats it takes to find a gap between two models, and which gap a design can find.

The test is the paired sign-flip test by question that reports give p values of, two-sided. What it can find depends on how much
a question's difference between the two models varies, which has three sources:

    question  the question itself favours one side: only more questions help
    order     the order in which the answers are shown, beyond what it does on every question: the second order halves it
    reply     the judge says another thing when asked again: orders and repeats help

A gap between win rates is share won minus share lost, as `evalh compare` shows it: 0.05 is 52.5 % against 47.5 %. A gap between
mean scores is in points of the judge's scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.frame import Results
from evalh.stats.quantiles import normal_cdf, normal_quantile

ALPHA: Final = 0.05
POWER: Final = 0.8
MOST: Final = 10_000_000  # questions; more than that is as good as never
FEWEST_REPEATS: Final = 10  # repeats beyond the first of a request, over all, from which the variance of replies is believed


@dataclass(frozen=True, slots=True)
class Spread:
    """Variances of one question's difference between two models.

    Attributes:
        question, order, reply: the three sources, of an outcome (0 to 1, for two equal models) or of a difference in points.
        share: whether it is of outcomes.
        n: questions that it was measured on; 0 where it is assumed.
        apart: which sources the data could tell apart; what could not be told apart from "question" is counted there, so that
            neither a second order nor repeats are credited with anything that was not seen.
    """

    question: float
    order: float
    reply: float
    share: bool
    n: int = 0
    apart: tuple[str, ...] = ("order", "reply")

    def variance(self, orders: int, repeats: int) -> float:
        """Of the mean over so many orders and repeats."""
        return self.question + (self.order + self.reply / repeats) / orders


# What GPT-4 showed on MT-bench's 80 questions: 1,200 comparisons in both orders, single scores of two turns (variances of the
# difference between two models' mean over turns). It was asked once, so nothing is known of repeats: they are given no credit.
ASSUMED_COMPARISONS: Final = Spread(question=0.084, order=0.112, reply=0.0, share=True, apart=("order",))
ASSUMED_SCORES: Final = Spread(question=6.2, order=0.0, reply=0.0, share=False, apart=())


def questions_needed(
    spread: Spread,
    gap: float,
    orders: int = 2,
    repeats: int = 1,
    tests: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """The fewest questions with which a gap is found with the given probability.

    Args:
        gap: share won minus share lost (0 to 1), or points.
        tests: pairs that are tested; `alpha` is what the smallest p of them is held against, as in Holm's first step.

    Returns:
        A number of questions, or None where ten million are too few.

    Raises:
        StatsError: the gap is not above 0, or a share above 1.

    With d the differences, the test compares |sum d| with z sqrt(sum d^2); sum d is close to normal. The normal limit of the
    sign-flip distribution: Lehmann & Romano (2005), "Testing statistical hypotheses", 15.2.
    """
    if not gap > 0 or not math.isfinite(gap) or (spread.share and gap > 1):
        raise StatsError(f"a gap of {gap:g} cannot be planned for; give one above 0{' and at most 1' if spread.share else ''}")
    low, high = 1, 2
    while chance(spread, gap, high, orders, repeats, tests, alpha) < power:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if chance(spread, gap, middle, orders, repeats, tests, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def smallest_gap(
    spread: Spread,
    questions: int,
    orders: int = 2,
    repeats: int = 1,
    tests: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float | None:
    """The smallest gap that so many questions find with the given probability; None where no gap can be found with so few."""
    high = 1.0
    while chance(spread, high, questions, orders, repeats, tests, alpha) < power:
        high *= 2.0
        if spread.share or high > 1e9:
            return None
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        if chance(spread, middle, questions, orders, repeats, tests, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def chance(
    spread: Spread, gap: float, questions: int, orders: int = 2, repeats: int = 1, tests: int = 1, alpha: float = ALPHA
) -> float:
    """The probability that the test finds a gap on so many questions: its power."""
    level = alpha / tests
    if 2.0 ** (1 - questions) > level:  # even if every question goes the same way
        return 0.0
    shift = gap / 2 if spread.share else gap
    variance = spread.variance(orders, repeats)
    if spread.share:
        variance *= 1.0 - gap * gap  # 4 p (1 - p): outcomes near 0 or 1 vary less
    bar = normal_quantile(1 - level / 2) * math.sqrt(variance + shift * shift)
    lead = math.sqrt(questions) * shift - bar
    if variance == 0:
        return float(lead > 0)
    return normal_cdf(lead / math.sqrt(variance))


def spread_of_comparisons(results: Results) -> Spread:
    """The variances of one judge's comparisons, pooled over pairs.

    Args:
        results: rows of one judge; only scored comparisons count.

    Raises:
        TooFewData: no pair was compared on two questions, or all outcomes of every pair are equal.

    A pair's variances are taken relative to 4 p (1 - p), p its win rate, so that they hold for two equal models. Components are
    those of an analysis of variance; one that comes out below 0 is 0, and the total stays.
    """
    rows = results.take(np.flatnonzero(results.status.where("scored") & np.isfinite(results.outcome)))
    a, b = rows.model_a.values(), rows.model_b.values()
    rows, a, b = rows.take(a != b), a[a != b], b[a != b]
    flipped = np.array([x > y for x, y in zip(a.tolist(), b.tolist(), strict=True)], dtype=bool)
    names = [f"{min(x, y)}\0{max(x, y)}" for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    if not names:
        raise TooFewData("there is no scored comparison to take variances from")
    pair = np.unique(names, return_inverse=True)[1]
    outcome = np.where(flipped, 1.0 - rows.outcome, rows.outcome)
    unit = _codes(pair, rows.question_id.codes)
    cell = _codes(unit, rows.swapped ^ flipped)
    reply, repeats = _within(_codes(_codes(cell, rows.turn), rows.mode.codes), outcome, cell)
    mean = np.bincount(cell, weights=outcome) / np.bincount(cell)
    of_cell = _first(cell, unit)
    orders = np.bincount(of_cell)
    both = bool(np.count_nonzero(orders > 1) >= 2)
    kept = orders > 1 if both else orders > 0
    centre = (np.bincount(of_cell, weights=mean) / orders)[kept]
    by_pair = _first(unit, pair)[kept]
    relative = _relative(by_pair, centre)
    total = _pooled(by_pair, centre, relative)
    if total is None:
        raise TooFewData("no pair was compared on two questions with different outcomes, so there is no variance to plan with")
    noise = (reply or 0.0) / float(np.mean(relative[by_pair]))  # of two equal models, like the rest
    questions = len(np.unique(rows.question_id.codes))
    if not both:
        noise = min(noise, total)
        return Spread(total - noise, 0.0, noise, True, questions, ("reply",) if reply is not None else ())
    sign = np.where(rows.swapped ^ flipped, -1.0, 1.0)[np.unique(cell, return_index=True)[1]]
    difference = np.bincount(of_cell, weights=sign * mean)[kept]
    apart = (_pooled(by_pair, difference, relative) or 0.0) / 2  # order + reply / repeats
    apart = min(apart, 2 * total)
    noise = min(noise, apart * repeats)
    found = ("order", "reply") if reply is not None else ("order",)
    return Spread(max(0.0, total - apart / 2), apart - noise / repeats, noise, True, questions, found)


def spread_of_scores(results: Results) -> Spread:
    """The variances of the difference between two models' scores on a question, pooled over pairs of models, in points squared.

    Raises:
        TooFewData: no two models were scored on the same two questions, or all differences are equal.
    """
    rows = results.take(
        np.flatnonzero(
            results.status.where("scored") & np.isfinite(results.score_a) & results.model_b.where("") & _overall(results)
        )
    )
    if not len(rows):
        raise TooFewData("there is no scored answer to take variances from")
    models, model = np.unique(rows.model_a.codes, return_inverse=True)
    questions, question = np.unique(rows.question_id.codes, return_inverse=True)
    cell = model * len(questions) + question
    reply, repeats = _within(_codes(_codes(cell, rows.turn), rows.mode.codes), rows.score_a, cell)
    size = len(models) * len(questions)
    count = np.bincount(cell, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = (np.bincount(cell, weights=rows.score_a, minlength=size) / count).reshape(len(models), len(questions))
    squares = freedom = 0.0
    for i in range(len(models)):
        gaps = table[i + 1 :] - table[i]
        there = np.isfinite(gaps)
        n = there.sum(axis=1)
        gaps = np.where(there, gaps, 0.0)
        centre = gaps.sum(axis=1) / np.maximum(n, 1)
        squares += float((np.where(there, gaps - centre[:, None], 0.0) ** 2).sum())
        freedom += float(np.maximum(n - 1, 0).sum())
    if freedom == 0 or squares == 0:
        raise TooFewData("no two models were scored on two questions with different gaps, so there is no variance to plan with")
    total = squares / freedom
    noise = min(2 * (reply or 0.0), total * repeats)
    found = ("reply",) if reply is not None else ()
    return Spread(total - noise / repeats, 0.0, noise, False, len(questions), found)


def _overall(results: Results) -> np.ndarray:
    """Mask of the rows that count where an answer is scored in several aspects."""
    overall = results.aspect.where("overall")
    return overall if bool((overall & results.model_b.where("")).any()) else np.ones(len(results), dtype=bool)


def _codes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One whole number from 0 for each distinct combination of two codes; shape of both (n,)."""
    second = second.astype(np.int64)
    combined: np.ndarray = np.unique(first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second, return_inverse=True)[1]
    return combined


def _first(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """The outer code of each inner one, shape (inner codes,)."""
    found: np.ndarray = outer[np.unique(inner, return_index=True)[1]]
    return found


def _within(same: np.ndarray, value: np.ndarray, cell: np.ndarray) -> tuple[float | None, float]:
    """(variance that a cell's mean owes to replies, were each given once; replies to a request); None where few are repeated.

    `same` numbers the requests (a cell's turns are several), `cell` what is averaged; all (n,).
    """
    count = np.bincount(same)
    mean = np.bincount(same, weights=value) / count
    freedom = int((count - 1).sum())
    repeats = float(count.mean())
    if freedom < FEWEST_REPEATS:
        return None, repeats
    variance = float(((value - mean[same]) ** 2).sum()) / freedom
    requests = float(np.mean(np.bincount(_first(same, cell))))
    return variance / requests, repeats


def _relative(pair: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """4 p (1 - p) of each pair, (pairs,)."""
    count = np.bincount(pair)
    p = np.bincount(pair, weights=centre) / np.maximum(count, 1)
    factor: np.ndarray = 4 * p * (1 - p)
    return factor


def _pooled(pair: np.ndarray, value: np.ndarray, relative: np.ndarray) -> float | None:
    """Variance of values about their pair's mean, as it would be for two equal models; None where there is none."""
    count = np.bincount(pair)
    mean = np.bincount(pair, weights=value) / np.maximum(count, 1)
    squares = float(((value - mean[pair]) ** 2).sum())
    freedom = float((np.maximum(count - 1, 0) * relative).sum())
    return squares / freedom if freedom > 0 and squares > 0 else None
