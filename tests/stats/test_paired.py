from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError
from evalh.stats.paired import holm, sign_flip_test
from stats.frames import golden


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def by_counting(differences: np.ndarray) -> float:
    """The definition: the share of sign patterns whose sum is at least as far from 0."""
    observed = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return float(np.mean([s >= observed - 1e-9 for s in sums]))


@pytest.mark.parametrize(("differences", "p"), golden("sign_flip.json")["cases"])
def test_worked_cases(differences: list[float], p: float) -> None:
    """The p value is the share of sign patterns as extreme as the observed one."""
    assert sign_flip_test(np.array(differences), rng()) == pytest.approx(p, rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-18, 18), min_size=1, max_size=9), st.sampled_from([0.5, 1.0, 1 / 3]))
def test_lattice_is_exact(steps: list[int], step: float) -> None:
    """Differences on a lattice get the exact p value."""
    differences = np.array(steps) * step
    assert sign_flip_test(differences, rng()) == pytest.approx(by_counting(differences), rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 11])
def test_enumeration_is_exact(n: int) -> None:
    """Few differences off any lattice get the exact p value, and no random number is drawn for it."""
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    generator = rng()
    before = generator.bit_generator.state
    assert sign_flip_test(differences, generator) == pytest.approx(by_counting(differences), rel=1e-9)
    assert generator.bit_generator.state == before


def test_random_patterns_come_close_and_count_the_observed_one() -> None:
    """Between 15 and 500 differences off any lattice the p value is simulated, and is never 0."""
    differences = np.random.default_rng(5).normal(0.25, 1, 60)
    whole = np.rint(differences * 50)  # nearly the same differences on a lattice of 50 steps
    assert sign_flip_test(differences, rng()) == pytest.approx(sign_flip_test(whole, rng()), abs=0.01)
    assert sign_flip_test(np.linspace(1.0, 2.0, 40) ** 0.5, rng(), flips=99) == 0.01


def test_random_patterns_depend_on_the_generator_alone() -> None:
    """The same generator gives the same p value."""
    differences = np.random.default_rng(5).normal(0.25, 1, 60)
    assert sign_flip_test(differences, rng()) == sign_flip_test(differences, rng())


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1, 0.6])
def test_the_limit_for_many_differences(shift: float) -> None:
    """Beyond 500 differences the limit agrees with the exact p value of the same differences, also far out."""
    generator = np.random.default_rng(2)
    whole = np.rint(generator.normal(shift, 1, 900) * 4)
    exact = sign_flip_test(whole, rng())  # on a short lattice
    fine = sign_flip_test(whole + generator.normal(0, 1e-4, 900), rng())  # on none
    long = sign_flip_test(whole * 100 + generator.integers(-1, 2, 900), rng())  # on one too long to convolve
    assert fine == pytest.approx(exact, rel=0.05, abs=1e-12)
    assert long == pytest.approx(exact, rel=0.05, abs=1e-12)


def test_many_verdicts_are_exact() -> None:
    """Thousands of verdicts are still a binomial test."""
    from scipy import stats

    differences = np.repeat([0.5, -0.5, 0.0], [2100, 1950, 5000])
    assert sign_flip_test(differences, rng()) == pytest.approx(stats.binomtest(2100, 4050).pvalue, rel=1e-6)


def test_long_mixed_lattices() -> None:
    """Two sizes of step, thousands of each, go through the Fourier transform and agree with the normal limit."""
    differences = np.repeat([1.0, -1.0, 2.0, -2.0], [2030, 1970, 2050, 1960])
    p = sign_flip_test(differences, rng())
    z = (differences.sum() - 1) / np.sqrt((differences**2).sum())
    from scipy import stats

    assert p == pytest.approx(2 * stats.norm.sf(z), rel=1e-3)


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10, allow_nan=False), max_size=40))
def test_mirrored_differences_have_the_same_p(differences: list[float]) -> None:
    """Swapping the two models changes nothing, and p is a probability."""
    p = sign_flip_test(np.array(differences), rng(), flips=199)
    assert 0 < p <= 1
    assert sign_flip_test(-np.array(differences), rng(), flips=199) == pytest.approx(p, rel=1e-9)


def test_infinite_differences_are_refused() -> None:
    """A difference that is not a number cannot be tested."""
    with pytest.raises(StatsError, match="finite"):
        sign_flip_test(np.array([1.0, np.nan]), rng())


@pytest.mark.parametrize(("raw", "adjusted"), golden("holm.json")["cases"])
def test_holm(raw: list[float | None], adjusted: list[float | None]) -> None:
    """Holm's adjustment keeps the order of the p values and leaves out what was not tested."""
    found = holm(raw)
    assert [p is None for p in found] == [p is None for p in adjusted]
    assert [p for p in found if p is not None] == pytest.approx([p for p in adjusted if p is not None])
