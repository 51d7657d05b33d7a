"""Krippendorff's alpha: how far any number of judges and raters agree beyond chance, with gaps where not all decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.resample import interval

Level = Literal["nominal", "ordinal"]
LEVELS: Final[tuple[Level, ...]] = ("nominal", "ordinal")


def coincidences(units: Mapping[tuple[str, ...], Sequence[int]], values: Sequence[int]) -> np.ndarray:
    """Coincidences summed per question, shape (questions, K, K), symmetric, K = len(values).

    Args:
        units: what was judged -> the values given to it, by whomever; the first entry of a unit's name is its question. Units
            with a single value do not count.
        values: all values there are, in their order.

    Returns:
        One table per question with a unit that counts: entry (k, l) is the number of ordered pairs of values k, l within a
        unit, divided by the number of its values less one.
    """
    place = {value: i for i, value in enumerate(values)}
    tables: dict[str, np.ndarray] = {}
    for name, given in units.items():
        if len(given) < 2:
            continue
        counts = np.bincount([place[v] for v in given], minlength=len(values)).astype(np.float64)
        pairs = (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
        tables[name[0]] = tables.get(name[0], 0.0) + pairs
    return np.stack(list(tables.values())) if tables else np.zeros((0, len(values), len(values)))


def alpha(units: Mapping[tuple[str, ...], Sequence[int]], values: Sequence[int], level: Level = "nominal") -> Estimate:
    """Krippendorff's alpha with an interval by question.

    1 is perfect agreement, 0 what values dealt out at random would give. The interval allows for one more question in which
    half a pair of values differs.

    Args:
        units, values: see `coincidences`.
        level: "nominal" (values are names) or "ordinal" (only their order counts, and a distance is the larger the more values
            lie within it).

    Returns:
        Estimate with n in questions.

    Raises:
        TooFewData: nothing was decided twice, or all values are the same, so that there is no chance to agree by.

    Source: K. Krippendorff (2011), "Computing Krippendorff's alpha-reliability", sections C and D; the ordinal metric ibid.
    """
    tables = coincidences(units, values)
    if not len(tables):
        raise TooFewData("there is no comparison that two voices decided")
    totals = tables.sum(axis=0)
    if np.count_nonzero(totals.sum(axis=1) > 1e-12) < 2:
        raise TooFewData("all voices say the same of everything, so there is nothing that chance could agree on")
    size = len(values)

    def figure(sums: np.ndarray) -> np.ndarray:
        return coefficient(sums.reshape(*sums.shape[:-1], size, size), level)

    found = interval(tables.reshape(len(tables), -1), figure, allowance=float(room(totals, len(tables), level)))
    return found if found.high is None else replace(found, high=min(1.0, found.high))


def coefficient(table: np.ndarray, level: Level) -> np.ndarray:
    """Alpha of sums of coincidences, (..., K, K) -> (...); NaN where all values are the same."""
    counts = table.sum(axis=-1)
    apart = _distances(counts, level)
    observed = (table * apart).sum(axis=(-2, -1))
    by_chance = (counts[..., :, None] * counts[..., None, :] * apart).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        value: np.ndarray = 1.0 - (counts.sum(axis=-1) - 1.0) * observed / by_chance
    return value


def room(table: np.ndarray, questions: int | np.ndarray, level: Level) -> np.ndarray:
    """How far one question's pseudo-value moves, squared, if half a pair of values in it differs by one step.

    The step is the larger distance between neighbouring values: the smaller one may be between values that hardly occur.

    The allowance of `evalh.stats.resample.skew_limits`; (..., K, K) -> (...).
    """
    counts = table.sum(axis=-1)
    apart = _distances(counts, level)
    by_chance = (counts[..., :, None] * counts[..., None, :] * apart).sum(axis=(-2, -1)) / (counts.sum(axis=-1) - 1.0)
    step = np.diagonal(apart, offset=1, axis1=-2, axis2=-1).max(axis=-1)
    value: np.ndarray = (questions * step / by_chance) ** 2
    return value


def _distances(counts: np.ndarray, level: Level) -> np.ndarray:
    """Squared distances of values in these numbers; (..., K) -> (..., K, K)."""
    size = counts.shape[-1]
    if level == "nominal":
        return np.broadcast_to(1.0 - np.eye(size), (*counts.shape, size))
    below = np.cumsum(counts, axis=-1)
    middle = below - counts / 2.0  # values up to the middle of k; the difference is Krippendorff's sum less both halves
    squared: np.ndarray = (middle[..., :, None] - middle[..., None, :]) ** 2
    return squared
