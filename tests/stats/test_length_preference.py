"""Liking for length: least squares with levels, against the same by brute force, and what is not defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from evalh.stats.frame import Results, as_results
from evalh.stats.length_preference import (
    LengthPreference,
    length_preference,
    slope_net,
    slope_within,
    t_quantile_between,
)
from evalh.stats.orders import compared
from stats.frames import NAN, comparison, score


def _frame(rows: list[Any]) -> Results:
    defaults: dict[str, Any] = {"outcome": NAN, "score_a": NAN, "length_a": NAN, "length_b": NAN, "swapped": False, "turn": 1}
    filled = [defaults | row for row in rows]
    return as_results({name: [row.get(name) for row in filled] for name in filled[0]} if filled else EMPTY)


EMPTY: dict[str, list[str]] = {"question_id": [], "mode": [], "model_a": []}


def _found(rows: list[Any]) -> LengthPreference:
    frame = _frame(rows)
    return length_preference(frame, compared(frame))


def _dummies(*factors: np.ndarray) -> np.ndarray:
    return np.concatenate([np.eye(int(f.max()) + 1)[f] for f in factors], axis=1)


def _least_squares(x: np.ndarray, y: np.ndarray, *factors: np.ndarray) -> float:
    design = np.concatenate([x[:, None], _dummies(*factors)], axis=1)
    return float(np.linalg.lstsq(design, y, rcond=None)[0][0])


def test_the_slope_is_that_of_least_squares_with_a_level_for_each_pair() -> None:
    """Also where some are missing; the standard error is near that of fitting again without each question."""
    rng = np.random.default_rng(1)
    group, question = np.repeat(np.arange(3), 12), np.tile(np.arange(12), 3)
    kept = rng.random(36) < 0.8
    group, question = group[kept], question[kept]
    x = rng.normal(size=len(group)) + group
    y = 0.5 + 0.1 * x + 0.2 * group + rng.normal(0, 0.1, len(group))
    found = slope_within(group, question, x, y)
    assert found is not None
    assert found.value == pytest.approx(_least_squares(x, y, group), abs=1e-10)
    left = np.array([_least_squares(*(v[question != q] for v in (x, y, group))) for q in range(12)])
    assert found.standard_error == pytest.approx(math.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum()), rel=0.15)
    assert found.n == 12


def test_a_level_for_each_pair_takes_the_models_quality_out() -> None:
    """A model that always wins and always writes twice as much shows no liking for length; a judge of length alone does."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=20)
    good = [comparison(str(q), "a", "b", 1.0, length_a=200.0 * 2**e, length_b=100.0) for q, e in enumerate(noise)]
    assert _found(good).slope.value == pytest.approx(0.0, abs=1e-12)  # type: ignore[union-attr]
    alike = [comparison(str(q), "a", "b", float(e > 0), length_a=100.0 * 2**e, length_b=100.0) for q, e in enumerate(noise)]
    found = _found(alike)
    assert found.slope is not None
    assert found.longer is not None
    assert found.slope.low > 0.05  # type: ignore[operator]
    assert found.longer.value == 1.0


def test_the_slope_of_scores_is_that_of_least_squares_with_levels() -> None:
    """Also where scores are missing: a level for each question and for each model, fitted at once."""
    rng = np.random.default_rng(3)
    question, model = (index.ravel() for index in np.indices((15, 4)))
    kept = rng.random(60) < 0.7
    question, model = question[kept], model[kept]
    x = rng.normal(size=len(model)) + 0.5 * model
    y = 5 + 0.7 * x + 0.4 * model + rng.normal(size=15)[question] + rng.normal(0, 0.3, len(model))
    found = slope_net(question, model, question, x, y, 1.0)
    assert found is not None
    assert found.value == pytest.approx(_least_squares(x, y, question, model), abs=1e-7)
    left = np.array([_least_squares(*(v[question != q] for v in (x, y, question, model))) for q in range(15)])
    n = found.n
    assert found.standard_error == pytest.approx(math.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()), rel=0.15)


def test_a_judge_of_characters_is_found_out() -> None:
    """Scores that rise by half a point with every doubling give that slope, whatever the models' levels."""
    rows = [
        score(str(q), m, 5 + level + 0.5 * math.log2(length), length_a=float(length))
        for q in range(10)
        for m, level, length in (("a", 0.0, 100 + 30 * q), ("b", 1.0, 400 - 10 * q), ("c", -1.0, 50 + 7 * q * q))
    ]
    found = _found(rows)
    assert found.score_slope is not None
    assert found.score_slope.value == pytest.approx(0.5, abs=1e-9)
    assert (found.scores, found.slope, found.comparisons) == (30, None, 0)


def test_answers_without_a_length_are_left_out_and_counted() -> None:
    """A text that was not given (no characters, or NaN) is no short answer."""
    rows = [comparison(str(q), "a", "b", q % 2 / 1.0, length_a=100.0 + 10 * q, length_b=100.0) for q in range(8)]
    whole = _found(rows)
    more = [comparison("x", "a", "b", 1.0, length_a=0.0, length_b=80.0), comparison("y", "a", "b", 1.0, length_b=NAN)]
    found = _found(rows + more + [score("z", "a", 5.0, length_a=0.0)])
    assert found.left_out == 3
    assert (found.slope, found.longer, found.equal) == (whole.slope, whole.longer, 1)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [comparison("1", "a", "b", 1.0, length_a=100.0, length_b=50.0)],
        [comparison(str(q), "a", "b", 1.0, length_a=100.0, length_b=50.0) for q in range(5)],
        [comparison(str(q), "a", "b", None, length_a=100.0 + q, length_b=50.0) for q in range(5)],
        [score(str(q), "a", 5.0, length_a=100.0 + q) for q in range(5)],
        [score("1", m, 5.0, length_a=100.0) for m in "abc"],
        [comparison(str(q), "a", f"b{q}", 1.0, length_a=100.0 + q, length_b=50.0) for q in range(5)],
    ],
    ids=["nothing", "one question", "one ratio", "unscored", "one model", "one length", "every pair once"],
)
def test_no_slope_where_nothing_differs(rows: list[Any]) -> None:
    """Without two lengths to compare within what is held fixed there is no slope, and no warning."""
    found = _found(rows)
    assert (found.slope, found.score_slope) == (None, None)


def test_quantiles_between_whole_degrees_of_freedom() -> None:
    """They are the known ones at whole numbers, and fall in between."""
    assert t_quantile_between(0.975, 1.0) == pytest.approx(12.7062, abs=1e-4)
    assert t_quantile_between(0.975, 9.0) == pytest.approx(2.262157, abs=1e-6)
    assert t_quantile_between(0.975, 0.3) == t_quantile_between(0.975, 1.0)
    assert 2.262 < t_quantile_between(0.975, 8.5) < 2.306


def test_a_question_that_carries_the_slope_alone_gives_no_interval() -> None:
    """Where all lengths but one are equal, leaving that question out would leave no slope."""
    lengths = [400.0, *[100.0] * 5]
    rows = [comparison(str(q), "a", "b", float(q == 0), length_a=x, length_b=100.0) for q, x in enumerate(lengths)]
    found = _found(rows).slope
    assert found is not None
    assert (found.value, found.low, found.high) == (pytest.approx(0.5), None, None)


def test_all_ties_are_not_taken_for_certainty() -> None:
    """A judge that ties everything has a slope of nought, with an interval of some width."""
    found = _found([comparison(str(q), "a", "b", 0.5, length_a=100.0 + 9 * q, length_b=100.0) for q in range(10)]).slope
    assert found is not None
    assert found.value == 0.0
    assert found.low < 0.0 < found.high  # type: ignore[operator]


def test_sides_and_names_do_not_matter() -> None:
    """Exchanging a and b, with outcome and lengths, changes nothing but rounding."""
    rng = np.random.default_rng(4)
    drawn = [(str(q), float(rng.integers(0, 3)) / 2, *(100 * 2 ** rng.normal(size=2))) for q in range(15)]
    one = _found([comparison(q, "a", "b", y, length_a=la, length_b=lb) for q, y, la, lb in drawn])
    two = _found([comparison(q, "b", "a", 1 - y, length_a=lb, length_b=la, swapped=True) for q, y, la, lb in drawn])
    for a, b in ((one.slope, two.slope), (one.longer, two.longer)):
        assert a is not None
        assert b is not None
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)
