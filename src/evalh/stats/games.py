"""The both-orders rule: rows of a comparison folded into one verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.stats.coding import distinct, first_rows

WIN: Final = 1
TIE: Final = 0
LOSS: Final = -1
LEFT_OUT: Final = -2


@dataclass(frozen=True, slots=True)
class Games:
    """One comparison per question, pair and turn; G of them, in the order of their keys.

    Attributes:
        verdict: (G,) WIN, TIE or LOSS of the pair's first model, or LEFT_OUT.
        row: (G,) the index of one row of each comparison.
    """

    verdict: np.ndarray
    row: np.ndarray


def fold(key: np.ndarray, order: np.ndarray, outcome: np.ndarray, weight: np.ndarray, scored: np.ndarray) -> Games:
    """Fold rows to one verdict per comparison, as MT-bench does.

    With one order its verdict decides. With both, a model wins only if both orders name it; anything else is a tie. A
    comparison with an order of which nothing was scored is left out: its verdict could only be guessed. The verdict of an
    order that was asked several times is that of its (weighted) mean outcome.

    Args:
        key: (n,) integers, equal for the rows of one comparison.
        order: (n,) bool, whether the pair's second model was shown first.
        outcome: (n,) 0..1 for the pair's first model; ignored where not scored.
        weight: (n,) positive; ignored where not scored.
        scored: (n,) bool.

    Source: Zheng et al. (2023), "Judging LLM-as-a-judge with MT-bench and Chatbot Arena", section 3.4.
    """
    found, game = distinct(key)
    size = len(found)
    row = first_rows(game, size)
    side = 2 * game + order
    used = np.where(scored, weight, 0.0)
    asked = np.bincount(side, minlength=2 * size).reshape(size, 2) > 0
    heard = np.bincount(side[scored], minlength=2 * size).reshape(size, 2) > 0
    weights = np.bincount(side, weights=used, minlength=2 * size).reshape(size, 2)
    lead = np.bincount(side, weights=used * (np.where(scored, outcome, 0.5) - 0.5), minlength=2 * size).reshape(size, 2)
    lead[np.abs(lead) <= 1e-9 * weights] = 0.0  # a mean of repeats that is a half up to rounding is a half
    named = np.sign(lead).astype(np.int64)
    agreed = np.where(named[:, 0] == named[:, 1], named[:, 0], TIE)
    verdict = np.where(asked.all(axis=1), agreed, named.sum(axis=1))
    verdict[(asked & ~heard).any(axis=1)] = LEFT_OUT
    return Games(verdict, row)
