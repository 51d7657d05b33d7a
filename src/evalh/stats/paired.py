"""Paired tests between models, by question, and the correction for testing many pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from evalh.errors import StatsError

FLIPS = 9_999
_ENUMERATED = 14  # differences up to which all sign patterns are tried
_LATTICE = 50_000  # largest product of a lattice's length and its number of distinct steps that is convolved
_SIMULATED = 500  # differences up to which patterns are drawn; beyond, the normal limit is as good


def sign_flip_test(differences: np.ndarray, rng: np.random.Generator, flips: int = FLIPS) -> float:
    """Two-sided paired sign-flip test: could the sign of each question's difference as well have been the other?

    The statistic is the sum of the differences. It is compared with its distribution over all sign patterns: exactly, by
    enumeration for up to 14 non-zero differences and by convolution where all are multiples of one step (verdicts, whole or
    half points) and their number is small; else over `flips` random patterns, counting the observed one, or for more than 500
    differences by the normal limit with its first correction (relative error below 0.2 % for p > 1e-7).

    Args:
        differences: (questions,) one per question, such as the sum of its outcomes minus one half, or of score differences.
        rng: used for random patterns only.
        flips: how many random patterns.

    Returns:
        p, unadjusted; 1.0 where no difference is left (no question, or all of them zero).

    Raises:
        StatsError: a difference is not finite.

    Source: R. A. Fisher (1935), "The design of experiments", section 21; Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol.
    9(1), 39, for counting the observed pattern.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise StatsError("paired differences must be finite numbers")
    largest = float(np.abs(differences).max(initial=0.0))
    if largest == 0.0:
        return 1.0
    differences = differences / largest  # only their proportions matter, and these cannot overflow
    differences = differences[np.abs(differences) > 1e-9]
    sizes = np.abs(differences)
    observed = abs(float(differences.sum()))
    steps = _lattice(sizes)
    if steps is not None and int(steps.sum()) <= _LATTICE:
        times = np.bincount(steps)
        if int(steps.sum()) * np.count_nonzero(times) <= _LATTICE:
            return _exact_on_lattice(times, round(observed / float(sizes[0]) * int(steps[0])))
    if len(sizes) <= _ENUMERATED:
        return _enumerate(sizes, observed)
    if len(sizes) > _SIMULATED:
        return sign_flip_limit(sizes, observed, 0.0 if steps is None else float(sizes[0] / steps[0]))
    return _simulate(sizes, observed, rng, flips)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment; None stays None and does not count as a test.

    Source: S. Holm (1979), Scand. J. Statist. 6, 65-70.
    """
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(tested):
        running = max(running, min(1.0, p * (len(tested) - rank)))
        adjusted[i] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's step-up adjustment; None stays None and does not count as a test.

    Among pairs declared different at an adjusted p of 0.05, one in twenty is expected not to be, where Holm's adjustment bounds
    the chance of any such pair.

    Source: Y. Benjamini & Y. Hochberg (1995), J. R. Statist. Soc. B 57, 289-300.
    """
    tested = sorted(((p, i) for i, p in enumerate(p_values) if p is not None), reverse=True)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 1.0
    for larger, (p, i) in enumerate(tested):
        running = min(running, p * len(tested) / (len(tested) - larger))
        adjusted[i] = running
    return adjusted


def _lattice(sizes: np.ndarray) -> np.ndarray | None:
    """The sizes as whole multiples of one step, with the step as large as possible; None if they have none in common."""
    smallest = float(sizes.min())
    for parts in (1, 2, 3, 4, 5, 6, 8, 12):
        scaled = sizes * (parts / smallest)
        steps = np.rint(scaled)
        if (np.abs(scaled - steps) <= 1e-7 * np.maximum(steps, 1.0)).all() and steps.max() < 1e6:
            return steps.astype(np.int64)
    return None


def _exact_on_lattice(times: np.ndarray, observed: int) -> float:
    """P(|S| >= observed) for S a sum of +-steps with fair signs; times[k] of the steps have size k.

    With T the sum of the steps whose sign is +, S = 2 T - sum(steps). Equal steps form a binomial, so there is one
    convolution per distinct step, not per question.
    """
    if observed == 0:
        return 1.0
    distribution = np.ones(1)
    for step in np.flatnonzero(times).tolist():
        kernel = np.zeros(step * int(times[step]) + 1)
        kernel[::step] = fair_binomial(int(times[step]))
        distribution = _convolve(distribution, kernel)
    least = (len(distribution) + observed) // 2
    return min(1.0, 2.0 * float(distribution[least:].sum()))


def _convolve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Convolution of two distributions, directly while that is quick, else by Fourier transform (exact to 1e-15)."""
    if len(a) * len(b) <= 1_000_000:
        return np.convolve(a, b)
    size = len(a) + len(b) - 1
    padded = 1 << (size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, padded) * np.fft.rfft(b, padded), padded)[:size]
    positive: np.ndarray = np.maximum(product, 0.0)
    return positive


@lru_cache(maxsize=1024)
def fair_binomial(n: int) -> np.ndarray:
    """Probabilities of 0..n heads in n fair tosses, shape (n + 1,); not to be written to."""
    k = np.arange(1, n + 1)
    log_ways = np.concatenate([[0.0], np.cumsum(np.log((n + 1 - k) / k))])
    ways: np.ndarray = np.exp(log_ways - n * math.log(2.0))
    return ways


def _enumerate(sizes: np.ndarray, observed: float) -> float:
    """The same over all sign patterns; the first sign is fixed, as every pattern has a mirror image."""
    sums = np.array([sizes[0]])
    for size in sizes[1:]:
        sums = np.concatenate([sums + size, sums - size])
    return float(np.mean(np.abs(sums) >= observed * (1 - 1e-9)))


def sign_flip_limit(sizes: np.ndarray, observed: float, step: float) -> float:
    """The same by Edgeworth's expansion to the fourth cumulant; `step` of a lattice (whose sums are two steps apart), or 0.

    Source: W. Feller (1971), "An introduction to probability theory and its applications", vol. 2, XVI.4.
    """
    squares = sizes**2
    variance = float(squares.sum())
    z = max(observed - step, 0.0) / math.sqrt(variance)
    tails = math.erfc(z / math.sqrt(2.0))
    kurtosis = -2.0 * float((squares**2).sum()) / variance**2
    correction = kurtosis / 12.0 * (z**3 - 3.0 * z) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    # far out the expansion may fail; the normal tail is then too large, never too small
    return min(1.0, tails + correction if abs(correction) < 0.5 * tails else tails)


def _simulate(sizes: np.ndarray, observed: float, rng: np.random.Generator, flips: int) -> float:
    """The same over random sign patterns, drawn in blocks of bounded memory."""
    reached, left = 0, flips
    block = max(1, 4_000_000 // len(sizes))
    while left > 0:
        rows = min(block, left)
        signs = rng.integers(0, 2, size=(rows, len(sizes)), dtype=np.int8)
        sums = 2.0 * (signs @ sizes) - sizes.sum()
        reached += int(np.count_nonzero(np.abs(sums) >= observed * (1 - 1e-9)))
        left -= rows
    return (1 + reached) / (1 + flips)
