"""Ranks of ratings from their covariance."""

from __future__ import annotations

import numpy as np

from evalh.stats.battles import rank_intervals
from evalh.stats.folding import fold
from evalh.stats.separation import rank_ranges


def test_models_far_apart_are_ranked_and_close_ones_share() -> None:
    """The range counts the models that are significantly better and worse."""
    strength = np.array([0.0, 2.0, 2.1, -3.0])
    assert rank_ranges("abcd", strength, 0.01 * np.eye(4), 500) == [(3, 3), (1, 2), (1, 2), (4, 4)]
    assert rank_ranges("abcd", strength, 100.0 * np.eye(4), 500) == [(1, 4)] * 4
    assert rank_ranges("abcd", strength, np.full((4, 4), np.inf), 500) == [(1, 4)] * 4
    assert rank_ranges("abcd", strength, 0.01 * np.eye(4), 1) == [(1, 4)] * 4


def test_ranks_hold_the_truth_of_all_models_at_once() -> None:
    """Over 300 simulations of equal and unequal models, all ranges hold the true ranks in 95 % or more."""
    rng = np.random.default_rng(1)
    truth = np.array([0.6, 0.6, 0.0, -0.6, -0.6])
    possible = [(1, 2), (1, 2), (3, 3), (4, 5), (4, 5)]
    held = 0
    for _ in range(300):
        a = rng.integers(0, 5, 600)
        b = (a + rng.integers(1, 5, 600)) % 5
        won = rng.random(600) < 1 / (1 + np.exp(truth[b] - truth[a]))
        found = rank_intervals(fold("abcde", a, b, np.where(won, 0, 2)))
        held += all(low <= best and worst <= high for (low, high), (best, worst) in zip(found, possible, strict=True))
    assert held >= 0.95 * 300 - 2 * np.sqrt(300 * 0.05 * 0.95)
