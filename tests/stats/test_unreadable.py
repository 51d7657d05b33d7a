"""What stays unscored, by model, and whether it falls on all alike."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from scipy.special import chdtrc

from evalh.stats.unreadable import chi_square_tail, even, unreadable
from stats.frames import comparison, results, score


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _found(rows: list[Any]) -> Any:
    return unreadable(results(rows), _rng())


def test_shares_by_model() -> None:
    """A model's share of what was asked about it; a comparison counts for both of its models."""
    rows = [score(str(q), m, None if (q, m) == (0, "a") else 5.0) for q in range(4) for m in "ab"]
    rows += [comparison(str(q), "a", "b", None if q == 1 else 1.0) for q in range(4)]
    found = _found(rows)
    assert {m: e.value for m, e in found.models.items()} == {"a": 0.25, "b": 0.125}
    assert (found.asked, found.missing, found.left_out) == (12, 2, 0)
    assert found.models["a"].low < 0.25 < found.models["a"].high


def test_what_was_not_asked_is_no_silence() -> None:
    """An answer that is missing is the model's doing, and is counted apart."""
    rows = [score("1", "a", 5.0), score("2", "a", None, status="no_answer"), score("3", "a", None, status="incomplete")]
    found = _found(rows)
    assert (found.asked, found.missing, found.left_out) == (1, 0, 2)


def test_one_model_that_is_not_read_is_found_out() -> None:
    """Replies about one of three models fail on eight of twenty questions, the others never."""
    rows = [score(str(q), m, None if m == "c" and q < 8 else 5.0) for q in range(20) for m in "abc"]
    found = _found(rows)
    assert found.p_value < 0.01
    assert found.tested == 8


def test_questions_that_fail_for_all_tell_nothing() -> None:
    """What is unreadable for every model of a question may be hard, but it favours nobody."""
    rows = [score(str(q), m, None if q < 5 else 5.0) for q in range(20) for m in "abc"]
    assert (_found(rows).p_value, _found(rows).tested) == (None, 0)


def test_comparisons_of_two_models_cannot_tell() -> None:
    """Every comparison is about both."""
    assert _found([comparison(str(q), "a", "b", None if q < 5 else 1.0) for q in range(20)]).p_value is None


def test_models_asked_for_unequally_are_not_exchanged() -> None:
    """A baseline that takes part in every comparison is missing more often, which says nothing against it."""
    rows = [comparison(str(q), "base", m, None if (q + i) % 3 == 0 else 1.0) for q in range(12) for i, m in enumerate("xyz")]
    assert _found(rows).p_value > 0.05


def test_the_test_is_that_of_all_permutations() -> None:
    """Drawn permutations give the p of all of them, with Cochran's Q as the statistic."""
    missing = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
    question, model = np.indices(missing.shape)
    p, tested = even(model.ravel(), question.ravel(), missing.ravel() > 0, _rng(), draws=20_000)
    orders = [[np.array(o) for o in set(permutations(row.tolist()))] for row in missing]

    def statistic(table: np.ndarray) -> float:
        """Cochran's Q up to a factor that is the same for every order of a row."""
        columns = table.sum(axis=0)
        return float(((columns - columns.mean()) ** 2).sum())

    reached = [statistic(np.array(t)) >= statistic(missing) - 1e-9 for t in product(*orders)]
    assert tested == 4
    assert p == pytest.approx(np.mean(reached), abs=0.01)


def test_very_much_data_takes_the_limit() -> None:
    """Beyond a few thousand cells it is Cochran's Q against chi-square, as his formula has it."""
    rng = np.random.default_rng(3)
    missing = rng.random((2_000, 6)) < 0.1 + 0.03 * np.arange(6) / 5
    question, model = np.indices(missing.shape)
    columns, rows = missing.sum(axis=0), missing.sum(axis=1)
    q = 5 * (6 * (columns**2).sum() - missing.sum() ** 2) / (6 * missing.sum() - (rows**2).sum())
    p, tested = even(model.ravel(), question.ravel(), missing.ravel(), _rng())
    assert p == pytest.approx(chdtrc(5, q), rel=1e-9)
    assert tested == int(((rows > 0) & (rows < 6)).sum())


def test_the_test_keeps_its_level() -> None:
    """Where nothing depends on the model, one test in twenty is below 5 %, also with few questions."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(400):
        missing = rng.random((12, 4)) < 0.15
        question, model = np.indices(missing.shape)
        p = even(model.ravel(), question.ravel(), missing.ravel(), rng, draws=199)[0]
        found.append(p is not None and p <= 0.05)
    assert np.mean(found) < 0.08


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 99, 400])
def test_the_tail_of_chi_square(freedom: int) -> None:
    """As scipy has it, from the middle to far out."""
    for x in (0.0, 0.1, freedom / 2, float(freedom), 2.0 * freedom, freedom + 200.0):
        assert chi_square_tail(x, freedom) == pytest.approx(chdtrc(freedom, x), rel=1e-9, abs=1e-300)


def test_nothing_is_nothing() -> None:
    """No row at all gives no shares and no test."""
    found = _found([])
    assert (found.models, found.asked, found.p_value) == ({}, 0, None)
