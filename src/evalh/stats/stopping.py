"""Which comparisons to ask next so that few of them separate a leaderboard, and what they have shown so far.

Every pair begins with a few questions. From then on models stand in the order of a Bradley-Terry fit to what is there, and each
round asks a few more questions of those neighbours in this order of whom nothing can be said yet:

    separated     the limits of the win rate leave out one half
    equal         they lie within the indifference about one half
    out_of_reach  the whole design would hardly call them different: below a chance of 1 in 100, given what was seen
    exhausted     every question was asked
    open          none of these

It ends when no two neighbours are open. Limits are those of `evalh.stats.sequential`: they hold for all pairs at once, whatever
is asked next and whenever it ends. Being out of reach is a forecast, not a claim about the two models.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.bradley_terry import maximum
from evalh.stats.cells import PairCells
from evalh.stats.quantiles import normal_quantile
from evalh.stats.sequential import Bettors

INDIFFERENCE: Final = 0.05  # share won minus share lost
LEVEL: Final = 0.05
STATUSES: Final = ("separated", "equal", "out_of_reach", "exhausted", "open")
_SHARE: Final = 0.025  # of the questions, that each pair begins with, and that an open pair of neighbours is asked in a round
_EARLIEST: Final = 0.25  # of the questions, before which nothing is out of reach
_HARDLY: Final = 0.01  # the chance below which it is
_PRIOR: Final = 0.05  # of a win to each side of every pair, so that a fit exists from the first round on


def pairs_of(models: int) -> np.ndarray:
    """(P, 2) indices of all pairs of M models, the smaller first."""
    return np.array(list(combinations(range(models), 2)), dtype=np.int64).reshape(-1, 2)


def orders(seed: int, judge: str, models: Sequence[str], questions: Sequence[str]) -> np.ndarray:
    """The order in which each pair's questions are asked: an independent random one for every pair, shape (P, N).

    Sorted by a hash of seed, judge, both models and the question, so that it depends on nothing else, and stays what it was
    among the others when a model or a question is added.
    """
    found = []
    for a, b in combinations(models, 2):
        keys = [hashlib.sha256("\0".join((str(seed), judge, a, b, q)).encode("utf-8", "replace")).digest() for q in questions]
        found.append(sorted(range(len(questions)), key=keys.__getitem__))
    return np.array(found, dtype=np.int64).reshape(len(found), len(questions))


def tables(
    cells: PairCells, names: Sequence[str], ids: Sequence[str], models: Sequence[str], questions: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Scored judgments and the sum of their outcomes by pair and question, both (P, N); 0 where nothing was scored.

    Args:
        cells: comparisons of one judge, over the models `names` and the questions `ids`, both sorted.
        models, questions: those that are wanted; models sorted.
    """
    model = {name: i for i, name in enumerate(models)}
    question = {name: i for i, name in enumerate(questions)}
    own = np.array([model.get(name, -1) for name in names] or [-1])
    place = np.array([question.get(name, -1) for name in ids] or [-1])
    row = np.full((len(models), len(models)), -1)
    for i, (a, b) in enumerate(pairs_of(len(models)).tolist()):
        row[a, b] = i
    weight = np.zeros((len(models) * (len(models) - 1) // 2, len(questions)))
    outcome = np.zeros_like(weight)
    ends = own[cells.pairs].reshape(-1, 2)[cells.pair]
    kept = (ends >= 0).all(axis=1) & (place[cells.question] >= 0)
    at = row[ends[kept, 0], ends[kept, 1]], place[cells.question[kept]]
    weight[at] = cells.weight[kept]
    outcome[at] = cells.outcome[kept]
    return weight, outcome


class Separation:
    """A round robin of M models that is asked until it is separated.

    Args:
        models: M, at least 2.
        questions: N of every pair.
        rows: the most judgments of one question of one pair (orders, turns, repeats).
        indifference: the gap, as share won minus share lost, within which two models are equal.
        level: the probability with which any of the limits may ever be wrong.

    Attributes:
        pairs: (P, 2) all pairs.
        bettors: what was heard, and the limits that follow from it.

    Raises:
        TooFewData: fewer than two models, or no question.
    """

    def __init__(
        self, models: int, questions: int, rows: float, indifference: float = INDIFFERENCE, level: float = LEVEL
    ) -> None:
        if models < 2 or questions < 1:
            raise TooFewData("a leaderboard is separated by comparisons; it takes two models and a question")
        self.models = models
        self.questions = questions
        self.indifference = indifference
        self.pairs = pairs_of(models)
        self.bettors = Bettors(len(self.pairs), questions, rows, level)
        self.few = max(1, round(_SHARE * questions))
        self._row = np.zeros((models, models), dtype=np.int64)
        for i, (a, b) in enumerate(self.pairs.tolist()):
            self._row[a, b] = self._row[b, a] = i

    def hear(self, pair: np.ndarray, weight: np.ndarray, outcome: np.ndarray) -> None:
        """One more question of some pairs, as `Bettors.hear`."""
        self.bettors.hear(pair, weight, outcome)

    def replay(self, weight: np.ndarray, outcome: np.ndarray, asked: np.ndarray) -> None:
        """Hear the first questions of every pair: `weight` and `outcome` (P, N) in the pairs' own orders, `asked` (P,)."""
        for i in range(int(asked.max(initial=0))):
            pair = np.flatnonzero((asked > i) & (self.bettors.asked == i))
            self.hear(pair, weight[pair, i], outcome[pair, i])

    def order(self) -> list[int]:
        """Models from the best down: separated pairs stand as they are separated, the rest by a Bradley-Terry fit."""
        heard = self.bettors
        a, b = self.pairs.T
        wins = np.zeros((self.models, self.models))
        wins[a, b] = heard.outcome + _PRIOR
        wins[b, a] = heard.weight - heard.outcome + _PRIOR
        strength = maximum(wins)
        low, high = heard.limits()
        better = np.zeros((self.models, self.models), dtype=bool)
        better[a, b], better[b, a] = low > 0.5, high < 0.5
        left = sorted(range(self.models), key=lambda m: -strength[m])
        found = []
        while left:
            # a judge may contradict itself (a over b over c over a); then the strongest goes first
            free = [m for m in left if not any(better[other, m] for other in left)]
            found.append((free or left)[0])
            left.remove(found[-1])
        return found

    def neighbours(self) -> np.ndarray:
        """(M - 1,) pairs of models that follow each other in the order, from the best down."""
        order = self.order()
        rows: np.ndarray = self._row[order[:-1], order[1:]]
        return rows

    def statuses(self, neighbours: np.ndarray | None = None) -> np.ndarray:
        """(P,) what can be said of each pair, one of `STATUSES`."""
        heard = self.bettors
        low, high = heard.limits()
        apart = (low > 0.5) | (high < 0.5)
        half = self.indifference / 2 + 1e-9
        near = self.neighbours() if neighbours is None else neighbours
        found = np.full(len(self.pairs), "open", dtype="<U12")
        found[self._out_of_reach(int((~apart[near]).sum()))] = "out_of_reach"
        found[heard.asked >= self.questions] = "exhausted"
        found[(low >= 0.5 - half) & (high <= 0.5 + half)] = "equal"
        found[apart] = "separated"
        return found

    def _out_of_reach(self, rivals: int) -> np.ndarray:
        """(P,) whether the test of the whole design would hardly call a pair different, given what was seen.

        The test is the sign-flip test that reports use, held against 0.05 divided by the number of neighbouring pairs that are
        not separated (as Holm would hold the clearest of them). What the mean over all questions will be, seen from the mean of
        those heard, is normal, with the variance of sampling without replacement.
        """
        heard = self.bettors
        n = np.maximum(heard.asked, 1)
        mean = (heard.outcome - 0.5 * heard.weight) / heard.rows / n
        square = heard.squares / n
        z = normal_quantile(1 - LEVEL / max(rivals, 1) / 2)
        needed = z * np.sqrt(square / self.questions)
        spread = np.sqrt(np.maximum(square - mean**2, 0.01) * np.maximum(1 / n - 1 / self.questions, 0.0))
        hardly = needed - np.abs(mean) > normal_quantile(1 - _HARDLY) * spread
        found: np.ndarray = hardly & (heard.asked >= max(5.0, _EARLIEST * self.questions))
        return found

    def round(self) -> np.ndarray:
        """(P,) how many more questions to ask of each pair; all 0 where it has ended."""
        asked = self.bettors.asked
        if not asked.any():
            return np.full(len(self.pairs), self.few)
        near = self.neighbours()
        wanted = near[self.statuses(near)[near] == "open"]
        more = np.zeros(len(self.pairs), dtype=np.int64)
        more[wanted] = np.minimum(self.few, self.questions - asked[wanted])
        return more


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one pair; limits hold for all pairs at once, whenever the run ended.

    Attributes:
        a, b: indices of the two models.
        status: one of `STATUSES`.
        neighbours: whether they follow each other in the final order.
        asked: questions asked of `questions`; `n` of them scored.
        value: win rate of the first over what was asked, None where nothing was scored.
        low, high: limits of the win rate over all questions of the run.
        low_unlimited, high_unlimited: limits of the win rate over unlimited questions from the same source.
    """

    a: int
    b: int
    status: str
    neighbours: bool
    asked: int
    n: int
    value: float | None
    low: float
    high: float
    low_unlimited: float
    high_unlimited: float


def standings(
    models: int,
    rows: float,
    weight: np.ndarray,
    outcome: np.ndarray,
    asked: np.ndarray,
    indifference: float = INDIFFERENCE,
    level: float = LEVEL,
) -> tuple[list[Standing], list[int]]:
    """Every pair's standing, and the order of the models from the best down.

    Args:
        weight, outcome: (P, N) scored judgments and sums of outcomes, questions in each pair's own order.
        asked: (P,) how many of them were asked.
    """
    questions = weight.shape[1]
    found = Separation(models, questions, rows, indifference, level)
    found.replay(weight, outcome, asked)
    wide = Bettors(len(found.pairs), questions, rows, level, unlimited=True)
    for i in range(int(asked.max(initial=0))):
        pair = np.flatnonzero(asked > i)
        wide.hear(pair, weight[pair, i], outcome[pair, i])
    order = found.order()
    near = found.neighbours()
    statuses = found.statuses(near)
    value, (low, high), (lower, upper) = found.bettors.value(), found.bettors.limits(), wide.limits()
    scored = np.array([int((w[:k] > 0).sum()) for w, k in zip(weight, asked.tolist(), strict=True)])
    return [
        Standing(
            a=a,
            b=b,
            status=str(statuses[i]),
            neighbours=i in near,
            asked=int(asked[i]),
            n=int(scored[i]),
            value=None if math.isnan(value[i]) else float(value[i]),
            low=float(low[i]),
            high=float(high[i]),
            low_unlimited=float(lower[i]),
            high_unlimited=float(upper[i]),
        )
        for i, (a, b) in enumerate(found.pairs.tolist())
    ], order


def beaten(pairs: Sequence[Standing], models: int) -> np.ndarray:
    """(M, M) whether i is better than j: separated from it, or from one that is better than j.

    Where separated pairs contradict each other in a circle, none of the circle is better than another.
    """
    better = np.zeros((models, models), dtype=bool)
    for p in pairs:
        if p.status == "separated":
            first = p.low > 0.5
            better[(p.a, p.b) if first else (p.b, p.a)] = True
    for middle in range(models):
        better |= better[:, [middle]] & better[[middle], :]
    one_way: np.ndarray = better & ~better.T
    return one_way
