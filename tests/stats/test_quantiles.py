from __future__ import annotations

import pytest
from scipy import stats

from evalh.stats.quantiles import normal_cdf, normal_quantile, t_quantile


@pytest.mark.parametrize("p", [0.6, 0.9, 0.975, 0.995, 0.9999])
@pytest.mark.parametrize("df", [*range(1, 40), 79, 120, 399, 400, 1_000, 1_000_000])
def test_student_quantiles_are_exact(p: float, df: int) -> None:
    """Student quantiles agree with scipy's to 1e-10."""
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-10)


@pytest.mark.parametrize("x", [-8.0, -2.0, 0.0, 1.0, 3.0])
def test_normal_distribution_is_exact(x: float) -> None:
    """The normal distribution agrees with scipy's, far out too, and its quantile undoes it."""
    assert normal_cdf(x) == pytest.approx(stats.norm.cdf(x), rel=1e-12)
    assert normal_quantile(normal_cdf(x)) == pytest.approx(x, abs=1e-9)
