from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalh.errors import TooFewData
from evalh.stats.resample import (
    Moments,
    bootstrap_counts,
    estimates,
    expanded_levels,
    interval,
    jackknife,
    share_limits,
    skew_limits,
)


def mean(total: np.ndarray) -> np.ndarray:
    return total[..., 0] / total[..., 1]


def sums(values: list[float]) -> np.ndarray:
    return np.stack([np.array(values, dtype=float), np.ones(len(values))], axis=1)


def test_standard_error_of_a_mean_is_the_textbook_one() -> None:
    """For a mean of one value per question the jackknife gives s / sqrt(n)."""
    values = [1.0, 4.0, 4.5, 9.0, 2.0]
    found = interval(sums(values), mean)
    assert found.value == pytest.approx(np.mean(values))
    assert found.standard_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(5), rel=1e-12)
    assert found.n == 5


def test_symmetric_values_get_students_interval() -> None:
    """Without skewness and without an allowance the limits are Student's."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    found = interval(sums(values), mean)
    low, high = stats.t.interval(0.95, 4, loc=3.0, scale=np.std(values, ddof=1) / np.sqrt(5))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_skewed_values_reach_further_towards_the_tail() -> None:
    """A tail of low values is answered by a longer lower arm."""
    found = interval(sums([9, 9, 9, 8, 10, 9, 9, 10, 9, 2]), mean)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value - found.low > 1.5 * (found.high - found.value) > 0


@pytest.mark.parametrize(
    "values", [[1.0, 1.0, 2.0, 3.0, 9.0, 1.0, 2.0, 2.0], [9.0] * 9 + [1.0] * 7, [5.0, 6.0, 4.0, 7.0, 5.0, 6.5, 3.0]]
)
def test_halls_transformation_solves_its_equation(values: list[float]) -> None:
    """The limits are where Hall's transformed statistic reaches Student's quantile, drawn out or in by the fourth moment."""
    data = np.array(values)
    found = interval(sums(values), mean)
    n, s = len(data), data.std(ddof=1)
    skew, kurtosis = stats.skew(data), stats.kurtosis(data)
    shorter = 3.6 * min(max((n - 4) / 6, 0), 1) * max(-(kurtosis - 1.5 * skew**2) - 1.4, 0)
    factor = np.clip(1 + (20 / n * max(kurtosis + 0.5, 0) - shorter) / n, 0.6, 1.4)
    a = ((data - data.mean()) ** 3).sum() / n / s**3 * n * n / ((n - 1) * (n - 2)) / np.sqrt(n) * n / (n + 4)
    for limit, quantile in ((found.low, stats.t.ppf(0.975, n - 1)), (found.high, stats.t.ppf(0.025, n - 1))):
        t = (data.mean() - limit) / s * np.sqrt(n)
        assert t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 == pytest.approx(factor * quantile, rel=1e-9)


def test_ten_wins_of_ten_leave_a_sensible_lower_end() -> None:
    """A share of 1 has the upper end 1 and Wilson's lower end."""
    found = interval(sums([1.0] * 10), mean, share=True)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(10 / (10 + stats.norm.ppf(0.975) ** 2), rel=1e-6)


def test_win_or_lose_games_get_wilsons_interval() -> None:
    """One game per question, won or lost, is the binomial case."""
    found = interval(sums([1.0] * 13 + [0.0] * 7), mean, share=True)
    wilson = stats.binomtest(13, 20).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=2e-3)


def test_all_ties_are_not_certainty() -> None:
    """Ten ties leave room on both sides, the less the more questions there are."""
    few, many = (interval(sums([0.5] * n), mean, share=True) for n in (10, 80))
    assert few.low is not None
    assert many.low is not None
    assert few.low < many.low < 0.5
    assert few.high == pytest.approx(1 - few.low)


def test_equal_scores_are_not_certainty() -> None:
    """Equal scores leave an interval of the width that the allowance says."""
    found = interval(sums([9.0] * 10), mean, allowance=1.0)
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < 9 - found.low < 0.4
    assert found.high - 9 == pytest.approx(9 - found.low)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_shares_stay_shares(values: list[float], level: float) -> None:
    """Limits of a share are within 0..1, around the share, mirror with it, and are never of zero width."""
    found = interval(sums(values), mean, share=True, level=level)
    mirrored = interval(sums([1 - v for v in values]), mean, share=True, level=level)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert found.high - found.low > 1e-3
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(1, 10), min_size=2, max_size=30), st.floats(-50, 50), st.floats(0.1, 10))
def test_means_move_with_their_values(values: list[float], shift: float, scale: float) -> None:
    """Adding a constant moves the limits by it, and a scale multiplies them."""
    plain = interval(sums(values), mean, allowance=1.0)
    moved = interval(sums([scale * v + shift for v in values]), mean, allowance=scale**2)
    assert plain.low is not None
    assert plain.high is not None
    assert plain.low < plain.high
    assert (moved.low, moved.high) == pytest.approx((scale * plain.low + shift, scale * plain.high + shift), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("share", [True, False])
def test_one_question_has_no_interval(share: bool) -> None:
    """A figure of one question is shown without limits and without a standard error."""
    found = interval(sums([0.7]), mean, share=share)
    assert found == type(found)(0.7, None, None, 1, None)


def test_two_questions_have_one() -> None:
    """Two questions are enough for limits, wide ones."""
    found = interval(sums([3.0, 5.0]), mean)
    assert found.low is not None
    assert found.low < -8


def test_a_figure_that_needs_every_question_has_no_interval() -> None:
    """Where one question carries a whole divisor, what it would be without it is not known."""

    def ratio(total: np.ndarray) -> np.ndarray:
        return total[..., 0] / total[..., 1]

    found = interval(np.array([[1.0, 0.0], [2.0, 4.0]]), ratio)
    assert (found.value, found.low, found.high, found.n) == (0.75, None, None, 2)


def test_nothing_scored() -> None:
    """No question, or a divisor of zero, is too few data."""
    with pytest.raises(TooFewData, match="no question"):
        interval(np.zeros((0, 2)), mean)
    with pytest.raises(TooFewData, match="not defined"):
        interval(np.zeros((3, 2)), mean)


def test_many_figures_at_once() -> None:
    """Figures computed together equal those computed alone."""
    data = [[1.0, 2.0, 4.0], [5.0, 5.0], [3.0]]
    left_out = [(sum(d) - x) / (len(d) - 1) if len(d) > 1 else np.nan for d in data for x in d]
    moments = jackknife(np.array(left_out), np.repeat([0, 1, 3], [3, 2, 1]), 4)
    assert moments.n.tolist() == [3, 2, 0, 1]
    together = estimates(np.array([7 / 3, 5.0, np.nan, 3.0]), moments, allowance=0.25)
    alone = [interval(sums(d), mean, allowance=0.25) for d in data]
    assert [e.low for e in together] == pytest.approx([alone[0].low, alone[1].low, None, None])
    assert [e.value for e in together] == pytest.approx([7 / 3, 5.0, None, 3.0])


def test_no_spread_and_no_allowance_is_a_point() -> None:
    """Only a caller who allows for nothing gets a point, and no warning."""
    moments = Moments(np.array([5]), np.zeros(1), np.zeros(1), np.zeros(1))
    low, high = skew_limits(np.array([2.0]), moments)
    assert low[0] == high[0] == 2.0
    assert share_limits(np.array([0.5]), moments)[0][0] < 0.5


def test_expanded_levels() -> None:
    """Ten questions are cut near 0.9 % and 99.1 %, many near 2.5 % and 97.5 %."""
    low, high = expanded_levels(10)
    assert low == pytest.approx(stats.norm.cdf(-stats.t.ppf(0.975, 9) * np.sqrt(10 / 9)), rel=1e-9)
    assert high == 1 - low
    assert expanded_levels(100_000)[0] == pytest.approx(0.025, rel=1e-3)


def test_bootstrap_draws_questions_with_replacement() -> None:
    """Every round draws as many questions as there are, each equally often in the long run, from the generator given."""
    drawn = bootstrap_counts(7, 4000, np.random.default_rng(3))
    assert drawn.shape == (4000, 7)
    assert set(drawn.sum(axis=1)) == {7.0}
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert drawn.var(axis=0) == pytest.approx(np.full(7, 6 / 7), rel=0.1)
    assert (drawn == bootstrap_counts(7, 4000, np.random.default_rng(3))).all()
