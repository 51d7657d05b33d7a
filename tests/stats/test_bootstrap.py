from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evalh.errors import StatsError, TooFewData
from evalh.stats.bootstrap import bootstrap, clustered_error
from evalh.stats.resample import interval


def mean(total: np.ndarray) -> np.ndarray:
    return total[..., 0] / total[..., 1]


def sums(values: object) -> np.ndarray:
    data = np.asarray(values, dtype=float)
    return np.stack([data, np.ones(len(data))], axis=1)


SKEWED = np.random.default_rng(8).exponential(1.0, 24)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_scipy_gives_the_same_interval(method: str) -> None:
    """Both methods agree with scipy's bootstrap of the same values to the error of the draws."""
    ours = bootstrap(sums(SKEWED), mean, np.random.default_rng(1), method=method, rounds=20_000)  # type: ignore[arg-type]
    theirs = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=20_000, method=method, random_state=np.random.default_rng(2), vectorized=True
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.012)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.03)
    assert (ours.value, ours.n) == (pytest.approx(SKEWED.mean()), 24)


def test_bca_answers_to_skewness() -> None:
    """On skewed values BCa reaches further into the tail than the percentiles."""
    plain, corrected = (
        bootstrap(sums(SKEWED), mean, np.random.default_rng(1), method=method)  # type: ignore[arg-type]
        for method in ("percentile", "bca")
    )
    assert corrected.high > plain.high  # type: ignore[operator]
    assert corrected.low > plain.low  # type: ignore[operator]


def test_questions_are_drawn_not_rows() -> None:
    """Rows of one question stay together: a question's sums count as often as it is drawn."""
    once = bootstrap(sums([1.0, 2.0, 4.0, 8.0, 3.0]), mean, np.random.default_rng(3))
    thrice = bootstrap(3 * sums([1.0, 2.0, 4.0, 8.0, 3.0]), mean, np.random.default_rng(3))
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high))


def test_rounds_are_worked_off_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many questions take bounded memory and the same draws."""
    whole = bootstrap(sums(SKEWED), mean, np.random.default_rng(1))
    monkeypatch.setattr("evalh.stats.bootstrap._BLOCK", 24 * 100)
    assert bootstrap(sums(SKEWED), mean, np.random.default_rng(1)) == whole


def test_what_a_bootstrap_cannot_say() -> None:
    """Equal answers, one question and a figure that some rounds lack have no interval; nothing has no figure."""
    rng = np.random.default_rng(1)
    assert bootstrap(sums([9.0] * 10), mean, rng).low is None
    assert bootstrap(sums([9.0]), mean, rng, method="bca").low is None
    assert bootstrap(np.array([[1.0, 0.0], [2.0, 4.0]]), mean, rng).high is None
    with pytest.raises(TooFewData, match="no question"):
        bootstrap(np.zeros((0, 2)), mean, rng)
    with pytest.raises(TooFewData, match="not defined"):
        bootstrap(np.zeros((3, 2)), mean, rng)
    with pytest.raises(StatsError, match="percentile"):
        bootstrap(sums([1, 2]), mean, rng, method="basic")  # type: ignore[arg-type]
    with pytest.raises(StatsError, match="too few"):
        bootstrap(sums([1, 2]), mean, rng, rounds=99)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_it_covers_less_than_the_default_at_ten_questions(method: str) -> None:
    """Why it is not the default: at 10 questions with few failures it holds the truth far less often."""
    rng = np.random.default_rng(5)
    held = np.zeros(2)
    for _ in range(200):
        data = sums(np.where(rng.random(10) < 0.2, 2.0, 9.0))
        truth = 0.2 * 2 + 0.8 * 9
        for i, e in enumerate((bootstrap(data, mean, rng, method=method, rounds=200), interval(data, mean, allowance=1.0))):  # type: ignore[arg-type]
            held[i] += e.low is not None and e.low <= truth <= e.high  # type: ignore[operator]
    assert held[0] < held[1]
    assert held[0] / 200 < 0.9


def test_one_row_a_question_is_the_textbook_error() -> None:
    """With one row per question the clustered standard error is s / sqrt(n)."""
    found = clustered_error(SKEWED, np.full(24, 2.0), np.arange(24))
    assert found == pytest.approx(SKEWED.std(ddof=1) / 24**0.5, rel=1e-12)


def test_clusters_against_the_regression_sandwich() -> None:
    """It is the sandwich of a weighted regression on a constant, and near the jackknife's."""
    rng = np.random.default_rng(4)
    question = np.repeat(np.arange(40), 4)[rng.permutation(160)]
    values = rng.normal(0, 1, 40)[question] + rng.normal(0, 0.5, 160)
    weights = rng.integers(1, 4, 160).astype(float)
    x = np.ones((160, 1))
    bread = np.linalg.inv(x.T @ (weights[:, None] * x))
    residual = values - (bread @ x.T @ (weights * values))[0]
    scores = [x[question == q].T @ (weights * residual)[question == q] for q in range(40)]
    meat = sum(np.outer(s, s) for s in scores) * 40 / 39
    assert clustered_error(values, weights, question) == pytest.approx(float((bread @ meat @ bread)[0, 0] ** 0.5), rel=1e-12)
    per_question = np.stack([np.bincount(question, weights * values), np.bincount(question, weights)], axis=1)
    assert interval(per_question, mean).standard_error == pytest.approx(clustered_error(values, weights, question), rel=0.05)


def test_clustered_errors_need_two_questions() -> None:
    """One question, or what is not a number, is an error that says so."""
    with pytest.raises(TooFewData, match="two questions; 1"):
        clustered_error(np.ones(3), np.ones(3), np.zeros(3))
    with pytest.raises(TooFewData, match="0 were scored"):
        clustered_error(np.ones(0), np.ones(0), np.zeros(0))
    for values, weights in (([1.0, np.nan], [1, 1]), ([1.0, 2.0], [1, -1]), ([1.0, np.inf], [1, 1])):
        with pytest.raises(StatsError, match="finite"):
            clustered_error(np.array(values), np.array(weights), np.arange(2))
