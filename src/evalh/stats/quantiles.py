"""Quantiles of the normal and of Student's t distribution, without importing scipy (start-up time)."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_LARGE = 400  # degrees of freedom from which the expansion is exact to 1e-12


def normal_cdf(x: float) -> float:
    """P(Z <= x) of the standard normal distribution; exact to double precision in both tails."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """The x with P(Z <= x) = p, for 0 < p < 1."""
    return NormalDist().inv_cdf(p)


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: int) -> float:
    """The x with P(T <= x) = p of Student's t with `df` degrees of freedom; relative error below 1e-10.

    Args:
        p: 0.5 < p < 1.
        df: a positive whole number.

    The finite series of Abramowitz & Stegun (1964), 26.7.3 and 26.7.4, solved by Newton's method; from 400 degrees of freedom
    on, their expansion 26.7.5 about the normal quantile.
    """
    z = normal_quantile(p)
    start = _expansion(z, df)
    if df >= _LARGE:
        return start
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    constant = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    x = start
    for _ in range(50):
        density = constant * (1 + x * x / df) ** (-(df + 1) / 2)
        error = 0.5 + 0.5 * _central_area(x, df) - p
        # Halley's form: the tail is flat, and plain Newton steps would leave it
        step = error / density
        step /= 1 + 0.5 * step * x * (df + 1) / (df + x * x)
        x -= step
        if abs(step) <= 1e-13 * abs(x):
            break
    return x


def _central_area(x: float, df: int) -> float:
    """P(|T| <= x) (Abramowitz & Stegun 26.7.3 for odd, 26.7.4 for even degrees of freedom)."""
    theta = math.atan(x / math.sqrt(df))
    cos2 = math.cos(theta) ** 2
    if df % 2:
        term, total = math.cos(theta), math.cos(theta)
        for k in range(3, df - 1, 2):
            term *= cos2 * (k - 1) / k
            total += term
        return 2 / math.pi * (theta + math.sin(theta) * total)
    term, total = 1.0, 1.0
    for k in range(2, df - 1, 2):
        term *= cos2 * (k - 1) / k
        total += term
    return math.sin(theta) * total


def _expansion(z: float, df: int) -> float:
    """The first four terms of Abramowitz & Stegun 26.7.5."""
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4
