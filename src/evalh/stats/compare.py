"""How much better one model is than another on the same questions: difference, interval, and a paired test.

Three figures, each a second model's minus a first one's:

    win rate      of games between the two: share won minus share lost, ties as half
    against       of games against the same opponents: the mean over opponents of the differences in win rate
    mean score    of scores that the judge gave to single answers

Questions are paired: only those count on which both were scored, and a question moves both models together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.cells import Cells, PairCells
from evalh.stats.estimate import Estimate
from evalh.stats.paired import sign_flip_test
from evalh.stats.resample import interval
from evalh.stats.scores import UnitMeans
from evalh.stats.signed import mcnemar_test, signed_rank_test


@dataclass(frozen=True, slots=True)
class PairedTests:
    """Paired two-sided tests of one difference by question, all unadjusted.

    `sign_flip` is the default: it is exact and tests the difference that is shown. `wilcoxon` ranks the questions' differences
    by size; `mcnemar` and its mid-p count on how many questions each did better, and are None where scores, not verdicts, are
    compared.
    """

    sign_flip: float
    wilcoxon: float
    mcnemar: float | None
    mcnemar_mid_p: float | None


FigureName = Literal["win_rate", "against", "mean_score"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A second model compared with a first one.

    Attributes:
        figure: which figure is compared.
        value: second minus first; n = questions scored for both. Win rates as fractions, scores in points.
        first, second: the figure itself of each, on the same questions.
        tests: how likely so large a difference is by chance.
        opponents: the models that both played, for "against".
    """

    figure: FigureName
    value: Estimate
    first: float
    second: float
    tests: PairedTests
    opponents: tuple[str, ...] = ()

    @property
    def p_value(self) -> float:
        """The default test's: two-sided paired sign-flip test by question, unadjusted."""
        return self.tests.sign_flip


def differences(cells: Cells, first: str, second: str, rng: np.random.Generator) -> list[Difference]:
    """Every figure that can be compared, the most direct one first.

    Args:
        cells: one judge's, of all questions or of one category.
        first, second: names of models in `cells`.
        rng: for sign patterns that are drawn.

    Raises:
        TooFewData: nothing was scored for both on the same question.
    """
    a, b = cells.models.index(first), cells.models.index(second)
    found = [_direct(cells.comparisons, a, b, rng), _against(cells, a, b, rng), _scores(cells, a, b, rng)]
    kept = [d for d in found if d is not None]
    if not kept:
        raise TooFewData(f"nothing was scored for both {first} and {second} on the same question")
    return kept


def _direct(cells: PairCells, a: int, b: int, rng: np.random.Generator) -> Difference | None:
    """Games between the two."""
    low, high = sorted((a, b))
    pair = np.flatnonzero((cells.pairs == (low, high)).all(axis=1))
    if not len(pair):
        return None
    own = cells.take((cells.pair == pair[0]) & (cells.weight > 0))
    if not len(own.pair):
        return None
    won = own.outcome if b == low else own.weight - own.outcome
    share = interval(np.stack([won, own.weight], axis=1), lambda s: s[..., 0] / s[..., 1], share=True)
    assert share.value is not None
    tests = _tested(won - 0.5 * own.weight, rng, verdicts=True)
    return Difference("win_rate", _stretched(share), 1.0 - share.value, share.value, tests)


def _tested(differences: np.ndarray, rng: np.random.Generator, *, verdicts: bool) -> PairedTests:
    """All tests of one difference per question, (questions,)."""
    counted = mcnemar_test(differences) if verdicts else None
    return PairedTests(
        sign_flip_test(differences, rng),
        signed_rank_test(differences),
        counted.p_value if counted else None,
        counted.mid_p if counted else None,
    )


def _stretched(share: Estimate) -> Estimate:
    """A share of games won as share won minus share lost."""
    value, low, high = (None if x is None else 2.0 * x - 1.0 for x in (share.value, share.low, share.high))
    error = None if share.standard_error is None else 2.0 * share.standard_error
    return replace(share, value=value, low=low, high=high, standard_error=error)


def _against(cells: Cells, a: int, b: int, rng: np.random.Generator) -> Difference | None:
    """Games of both against the same opponents, on the questions on which both played all of them."""
    games = cells.comparisons.take(cells.comparisons.weight > 0)
    met: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    for pair, question, weight, outcome in zip(
        games.pair.tolist(), games.question.tolist(), games.weight.tolist(), games.outcome.tolist(), strict=True
    ):
        one, other = games.pairs[pair].tolist()
        for me, them, won in ((one, other, outcome), (other, one, weight - outcome)):
            if me in (a, b) and them not in (a, b):
                met.setdefault((me, them), {})[question] = (won, weight)
    opponents = sorted({them for me, them in met if me == a} & {them for me, them in met if me == b})
    if not opponents:
        return None
    lists = [met[me, them] for them in opponents for me in (a, b)]
    questions = sorted(set.intersection(*(set(found) for found in lists)))
    if not questions:
        return None
    sums = np.array([[x for found in lists for x in found[q]] for q in questions])

    # half a game against one of the opponents, as far as one verdict goes where nothing differs
    value = interval(sums, lambda s: against_rates(s, 1) - against_rates(s, 0), allowance=(0.5 / len(opponents)) ** 2)
    total = sums.sum(axis=0)
    tests = _tested(against_rates(sums, 1) - against_rates(sums, 0), rng, verdicts=True)
    names = tuple(cells.models[i] for i in opponents)
    return Difference(
        "against", _within(value, 1.0), float(against_rates(total, 0)), float(against_rates(total, 1)), tests, names
    )


def against_rates(sums: np.ndarray, which: int) -> np.ndarray:
    """Mean over opponents of the win rate of the first (0) or the second (1) model.

    Args:
        sums: (..., 4 x opponents); for each opponent outcome and weight of the first model's games, then of the second's.
        which: 0 or 1.
    """
    mean: np.ndarray = (sums[..., 2 * which :: 4] / sums[..., 2 * which + 1 :: 4]).mean(axis=-1)
    return mean


def _within(estimate: Estimate, bound: float) -> Estimate:
    """The same with limits no further out than the figure can be."""
    low = None if estimate.low is None else max(estimate.low, -bound)
    high = None if estimate.high is None else min(estimate.high, bound)
    return replace(estimate, low=low, high=high)


def _scores(cells: Cells, a: int, b: int, rng: np.random.Generator) -> Difference | None:
    """Scores of single answers."""
    units = UnitMeans.of(cells.scores, len(cells.models))
    shared = np.isfinite(units.means[[a, b]]).all(axis=0)
    if not shared.any():
        return None
    both = units.sums(a, b)
    _, place = np.unique(units.question[shared], return_inverse=True)
    count = np.bincount(place, minlength=len(both)).astype(np.float64)
    sums = np.column_stack([both[:, 1] - both[:, 0], count])
    value = interval(sums, lambda s: s[..., 0] / s[..., 1], allowance=cells.score_step**2)
    means = both.sum(axis=0) / count.sum()
    tests = _tested(sums[:, 0], rng, verdicts=False)
    return Difference("mean_score", value, float(means[0]), float(means[1]), tests)
