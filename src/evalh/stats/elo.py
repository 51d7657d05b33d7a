"""Online Elo: ratings that move with every battle, in the order of the table. Kept for comparison with published lists.

They depend on the order and forget the past at the pace of K; Bradley-Terry ratings (`battles.py`) do neither.
"""

from __future__ import annotations

import numpy as np


def online_elo(
    first: np.ndarray, second: np.ndarray, outcome: np.ndarray, models: int, k: float = 4.0, start: float = 1000.0
) -> np.ndarray:
    """Ratings after N battles, in Elo points (scale 400, base 10).

    Args:
        first, second: (N,) model indices, in the order in which the battles were fought.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        models: how many there are, M.
        k: points that a sure thing moves when it fails.
        start: everybody's rating before.

    Returns:
        (M,) ratings.

    Source: A. Elo (1978), The Rating of Chessplayers, Past and Present.
    """
    rating = [start] * models
    for a, b, result in zip(first.tolist(), second.tolist(), outcome.tolist(), strict=True):
        expected = 1.0 / (1.0 + 10.0 ** ((rating[b] - rating[a]) / 400.0))
        change = k * (1.0 - 0.5 * result - expected)
        rating[a] += change
        rating[b] -= change
    return np.array(rating)
