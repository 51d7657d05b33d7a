from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalh.errors import StatsError
from evalh.stats.paired import benjamini_hochberg
from evalh.stats.signed import McNemar, mcnemar_test, signed_rank_test


def by_counting(differences: list[float]) -> float:
    """The definition: the share of sign patterns whose signed ranks sum to at least as much."""
    data = np.array(differences)
    ranks = stats.rankdata(np.abs(data))[data != 0]
    observed = abs((ranks * np.sign(data[data != 0])).sum())
    sums = [abs(np.dot(signs, ranks)) for signs in itertools.product((-1, 1), repeat=len(ranks))]
    return float(np.mean([s >= observed - 1e-9 for s in sums]))


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from([1.0, 0.1, 1 / 3]))
def test_signed_ranks_are_exact_with_ties_and_zeros(steps: list[int], step: float) -> None:
    """Ties share ranks and zeros are ranked and dropped, and p is the share of sign patterns as extreme."""
    assert signed_rank_test(np.array(steps) * step) == pytest.approx(by_counting([float(s) for s in steps]), rel=1e-9)


@pytest.mark.parametrize("n", [5, 12, 60, 200])
def test_scipy_gives_the_same_p(n: int) -> None:
    """Without ties and zeros the exact p is scipy's."""
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    assert signed_rank_test(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue, rel=1e-9)


def test_many_differences_take_the_limit() -> None:
    """Beyond 200 differences the limit agrees with the exact p value and with scipy's normal one, ties and zeros included."""
    rng = np.random.default_rng(3)
    differences = rng.normal(0.1, 1, 201)
    assert signed_rank_test(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue, rel=1e-3)
    verdicts = rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], 3000, p=[0.19, 0.2, 0.2, 0.2, 0.21])
    theirs = stats.wilcoxon(verdicts, zero_method="pratt", method="asymptotic").pvalue
    assert signed_rank_test(verdicts) == pytest.approx(theirs, rel=2e-3)


def test_rounding_is_no_difference() -> None:
    """Sizes that are equal but for rounding are ties."""
    assert signed_rank_test(np.array([0.3 - 0.2, 0.2 - 0.1, -0.1])) == by_counting([1.0, 1.0, -1.0])


@pytest.mark.parametrize(("first", "second"), [(0, 1), (2, 9), (7, 7), (40, 61), (900, 1020)])
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    """The exact p is scipy's binomial test of the questions that tell the two apart, the mid-p half a pattern less."""
    differences = np.repeat([-0.5, 0.25, 0.0], [first, second, 30])
    found = mcnemar_test(differences)
    assert (found.first, found.second) == (first, second)
    assert found.p_value == pytest.approx(stats.binomtest(second, first + second).pvalue, rel=1e-9)
    half = float(stats.binom.pmf(second, first + second, 0.5))
    expected = found.p_value - half if first != second else 1.0
    assert found.mid_p == pytest.approx(expected, rel=1e-9)


def test_a_published_case() -> None:
    """Fagerland, Lydersen & Laake (2013), table 1: 1 and 7 discordant pairs give 0.070, mid-p 0.039."""
    found = mcnemar_test(np.repeat([-1.0, 1.0], [1, 7]))
    assert (round(found.p_value, 3), round(found.mid_p, 3)) == (0.070, 0.039)


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5, allow_nan=False), max_size=30))
def test_mirrored_differences_have_the_same_p(differences: list[float]) -> None:
    """Swapping the models changes no p, and p is a probability."""
    data = np.array(differences)
    assert 0 < signed_rank_test(data) <= 1
    assert signed_rank_test(-data) == pytest.approx(signed_rank_test(data), rel=1e-9)
    one, other = mcnemar_test(data), mcnemar_test(-data)
    assert (one.first, one.second) == (other.second, other.first)
    assert one.p_value == pytest.approx(other.p_value)


def test_nothing_to_tell_apart() -> None:
    """No question, or only zeros, is p = 1; what is not a number is refused."""
    for data in (np.zeros(0), np.zeros(5)):
        assert signed_rank_test(data) == 1.0
        assert mcnemar_test(data) == McNemar(0, 0, 1.0, 1.0)
    for bad in (np.nan, np.inf):
        for test in (signed_rank_test, mcnemar_test):
            with pytest.raises(StatsError, match="finite"):
                test(np.array([1.0, bad]))  # type: ignore[operator]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    """The adjustment is scipy's, and what was not tested does not count."""
    expected = stats.false_discovery_control(p_values).tolist()
    assert benjamini_hochberg(p_values) == pytest.approx(expected)
    assert benjamini_hochberg([None, *p_values])[1:] == pytest.approx(expected)
    assert benjamini_hochberg([None, None]) == [None, None]
