from __future__ import annotations

import numpy as np
import pytest

from evalh.stats.games import fold
from stats.frames import golden


@pytest.mark.parametrize("case", golden("both_orders.json")["cases"], ids=lambda case: case[0])
def test_both_orders_rule(case: list) -> None:
    """A comparison is won only where every order asked for names the same model."""
    _, rows, expected = case
    outcome = np.array([np.nan if row[0] is None else row[0] for row in rows])
    order = np.array([row[1] for row in rows])
    weight = np.array([float(row[2]) for row in rows])
    games = fold(np.zeros(len(rows), dtype=np.int64), order, outcome, weight, np.isfinite(outcome))
    assert games.verdict.tolist() == [expected]


def test_comparisons_are_kept_apart_by_key() -> None:
    """Each key is one comparison, and `row` points at one of its rows."""
    key = np.array([7, 3, 7, 3])
    order = np.array([False, False, True, True])
    games = fold(key, order, np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4), np.ones(4, dtype=bool))
    assert games.verdict.tolist() == [-1, 1]
    assert key[games.row].tolist() == [3, 7]


def test_no_rows() -> None:
    """Nothing folds to nothing."""
    none = np.zeros(0)
    games = fold(none.astype(np.int64), none.astype(bool), none, none, none.astype(bool))
    assert len(games.verdict) == len(games.row) == 0
