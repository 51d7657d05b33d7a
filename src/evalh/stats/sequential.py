"""Limits that may be looked at after every question: confidence sequences by betting, for many pairs at once.

A pair's questions are asked in random order. Whatever the win rate m is, nobody can grow rich by betting on outcomes if m is
true; so a candidate m against which a bettor's capital has ever reached 1 / level is ruled out, and the true win rate is ever
ruled out with probability `level` at most, however often one looks and whenever one stops (Ville's inequality).

What is estimated is a ratio, as in every win rate of ours: the sum of a pair's outcomes over the number of its scored
judgments. A question with k scored judgments of sum s has d(m) = (s - k m) / W, W the most judgments a question can have, so -m
<= d <= 1 - m. Over all N questions the d(m) of the true m sum to zero, whatever k is: unscored judgments (k = 0) need no guess.

    without replacement   after i questions the next d(m) is expected to be -(sum so far) / (N - i)
    unlimited questions   it is expected to be 0

The bets: hedged, half the capital on too small and half on too large, with the predictable plug-in size for a horizon of a
quarter of the questions, capped at three quarters of what may be lost.

Source: Waudby-Smith & Ramdas (2020), "Confidence sequences for sampling without replacement", NeurIPS 33; and (2024),
"Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86, 1-27. The ratio by way of d(m) is ours.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from evalh.errors import StatsError

STEP: Final = 0.005  # of the candidate win rates; limits are rounded outwards to it
CAP: Final = 0.75
HORIZON: Final = 0.25  # of the questions, for which bets are sized
_RICH: Final = 1e100  # capital that ruled its candidate out long ago; more would overflow
_PRIOR: Final = 2.0  # questions of the largest variance that stand before the first one


class Bettors:
    """Capital against every candidate win rate of P pairs.

    Args:
        pairs: P.
        questions: N of each pair.
        rows: W, the most judgments that a question of a pair can have.
        level: the probability with which any pair's true win rate may ever be ruled out; shared equally (Bonferroni).
        unlimited: bet about unlimited questions of the same source instead of these N.

    Attributes:
        asked: (P,) questions heard of, scored or not.
        weight, outcome: (P,) sums of k and of s.
        squares: (P,) sum of ((s - k / 2) / W)^2.
        out: (P, G) whether a candidate is ruled out.
    """

    grid: Final = np.linspace(0.0, 1.0, round(1 / STEP) + 1)

    def __init__(self, pairs: int, questions: int, rows: float, level: float = 0.05, *, unlimited: bool = False) -> None:
        self.questions = questions
        self.rows = rows
        self.bar = max(pairs, 1) / level
        self.unlimited = unlimited
        self.asked = np.zeros(pairs, dtype=np.int64)
        self.weight = np.zeros(pairs)
        self.outcome = np.zeros(pairs)
        self.squares = np.zeros(pairs)
        self.out = np.zeros((pairs, len(self.grid)), dtype=bool)
        self._large = np.ones((pairs, len(self.grid)))  # capital that bets on outcomes above the candidate
        self._small = np.ones((pairs, len(self.grid)))

    def hear(self, pair: np.ndarray, weight: np.ndarray, outcome: np.ndarray) -> None:
        """One more question of some pairs.

        Args:
            pair: (k,) different pairs.
            weight: (k,) scored judgments of the question; 0 where none was.
            outcome: (k,) sum of their outcomes for the pair's first model.

        Raises:
            StatsError: a question has more judgments than `rows`, for which the bets would not be bounded.
        """
        if (weight > self.rows * (1 + 1e-9)).any():
            raise StatsError(
                f"a question has judgments of weight {float(weight.max()):g}, more than the {self.rows:g} bet about"
            )
        m = self.grid[None, :]
        i = self.asked[pair].astype(np.float64)
        expected = np.clip(self._expected(pair), -m, 1.0 - m)
        mean = (self.outcome[pair] - 0.5 * self.weight[pair]) / self.rows / (_PRIOR + i)
        variance = np.maximum((0.25 * _PRIOR + self.squares[pair]) / (_PRIOR + i) - mean**2, 0.01)
        horizon = max(HORIZON * self.questions, 1.0)
        size = np.sqrt(2.0 * math.log(2.0 * self.bar) / (variance * horizon))[:, None]
        surprise = (outcome[:, None] - weight[:, None] * m) / self.rows - expected
        most = np.maximum(np.stack([m + expected, 1.0 - m - expected]), 1e-12)
        stake = np.minimum(size, CAP / most)
        self._large[pair] = large = np.minimum(self._large[pair] * (1.0 + stake[0] * surprise), _RICH)
        self._small[pair] = small = np.minimum(self._small[pair] * (1.0 - stake[1] * surprise), _RICH)
        self.out[pair] |= (large + small) / 2.0 >= self.bar
        self.asked[pair] += 1
        self.weight[pair] += weight
        self.outcome[pair] += outcome
        self.squares[pair] += ((outcome - 0.5 * weight) / self.rows) ** 2
        expected = self._expected(pair)  # what the questions that are left could not make up for is ruled out too
        self.out[pair] |= (expected < -m - 1e-9) | (expected > 1.0 - m + 1e-9)

    def _expected(self, pair: np.ndarray) -> np.ndarray:
        """(k, G) what the next d(m) would be on average if the candidate were true."""
        if self.unlimited:
            return np.zeros((len(pair), len(self.grid)))
        total = (self.outcome[pair, None] - self.weight[pair, None] * self.grid) / self.rows
        left: np.ndarray = -total / np.maximum(self.questions - self.asked[pair], 1)[:, None]
        return left

    def value(self) -> np.ndarray:
        """(P,) win rate so far, NaN where nothing was scored."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rate: np.ndarray = self.outcome / self.weight
        return rate

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """(P,) lower and upper limits: all candidates that are not ruled out, rounded outwards.

        Of these N questions, a pair whose every question was heard has its own value as both.
        """
        ends = len(self.grid) - 1
        left = ~self.out
        some = left.any(axis=1)
        value = np.nan_to_num(self.value(), nan=0.5)
        # where less than a step is left between two candidates, both of which are ruled out, it lies about the value
        first = np.where(some, left.argmax(axis=1), np.ceil(value / STEP - 1e-9).astype(np.int64))
        last = np.where(some, ends - left[:, ::-1].argmax(axis=1), np.floor(value / STEP + 1e-9).astype(np.int64))
        low = self.grid[np.maximum(first - 1, 0)]
        high = self.grid[np.minimum(last + 1, ends)]
        if not self.unlimited:
            known = (self.asked >= self.questions) & (self.weight > 0)
            low, high = np.where(known, value, low), np.where(known, value, high)
        return low, high
