"""Style control: ratings at equal length and markdown, as the Arena gives them.

Bradley-Terry with one more term per feature of style. A feature of a battle is (a - b) / (a + b + 1) of the two answers' counts
(characters or tokens, headers, list items, bold passages), brought to mean 0 and standard deviation 1 over the battles. Then
with s the log strengths and c the coefficients

    P(a beats b) = 1 / (1 + exp(-(s_a - s_b + sum_k c_k f_k)))

and sum of the cross-entropies (a tie is half a win to each) + ridge / 2 (|s / ln 10|^2 + |c|^2) is made as small as possible. A
coefficient is in log odds per standard deviation of its feature. The maximum is exact: Newton's method to 1e-10.

Source: FastChat's style control (Li, Angelopoulos & Chiang 2024, "Does style matter?", LMSYS blog), with its ridge of 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalh.errors import NotConverged, StatsError, TooFewData
from evalh.stats.bradley_terry import ELO_MEAN, ELO_SCALE, connected
from evalh.stats.estimate import Estimate
from evalh.stats.rating_limits import ALLOWANCE
from evalh.stats.sandwich import CORRECTED, allowed, interval, without_leverage
from evalh.stats.separation import rank_ranges

RIDGE: Final = 0.5
_UNIT: Final = 1.0 / math.log(10.0)  # log odds as the Arena's units of 400 Elo points, on which its ridge is laid
_LARGEST_COUNT: Final = 100
_LARGEST_STEP: Final = 1.5
_SLICE: Final = 200_000  # battles that are worked on at a time


class Constant(StatsError):
    """Features whose value is the same in every battle, by their positions."""

    def __init__(self, features: list[int]) -> None:
        super().__init__(
            f"feature {', '.join(str(i + 1) for i in features)} of style is the same in every battle; leave it out"
        )
        self.features = features


@dataclass(frozen=True, slots=True)
class StyleControl:
    """Ratings and coefficients at equal style.

    Attributes:
        models: names, in the order given.
        ratings: one per model, in Elo points: scale 400, base 10, mean 1000, or 0 at the anchor.
        features: names, in the order given.
        coefficients: one per feature, in log odds per standard deviation of the feature.
        ranks: one range per model, as `separation.rank_ranges` gives them.
    """

    models: tuple[str, ...]
    ratings: tuple[Estimate, ...]
    features: tuple[str, ...]
    coefficients: tuple[Estimate, ...]
    ranks: tuple[tuple[int, int], ...]


def controlled(
    models: Sequence[str],
    first: np.ndarray,
    second: np.ndarray,
    outcome: np.ndarray,
    counts: np.ndarray,
    names: Sequence[str],
    cluster: np.ndarray | None = None,
    anchor: int | None = None,
) -> StyleControl:
    """`style_control` from counts (2, N, F) of the first's and the second's answers; a feature that never differs is named."""
    try:
        features = relative_differences(counts[0], counts[1])
    except Constant as e:
        raise StatsError(
            f"the answers differ alike in {', '.join(names[i] for i in e.features)} in all battles; leave it out"
        ) from None
    return style_control(models, first, second, outcome, features, names, cluster, anchor)


def relative_differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(a - b) / (a + b + 1) of counts (N, F), each brought to mean 0 and population standard deviation 1 over the battles.

    Raises:
        StatsError: a count is negative or not finite, or a feature is the same in every battle; names its position.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    bad = ~(np.isfinite(first) & np.isfinite(second) & (first >= 0) & (second >= 0))
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise StatsError(
            f"row {row}: feature {column + 1} of style is not a count: {first[row, column]}, {second[row, column]}"
        )
    found = (first - second) / (first + second + 1.0)
    found -= found.mean(axis=0)
    spread = found.std(axis=0)
    if (flat := np.flatnonzero(spread <= 1e-12)).size:
        raise Constant(flat.tolist())
    standard: np.ndarray = found / spread
    return standard


def style_control(
    models: Sequence[str],
    first: np.ndarray,
    second: np.ndarray,
    outcome: np.ndarray,
    features: np.ndarray,
    names: Sequence[str],
    cluster: np.ndarray | None = None,
    anchor: int | None = None,
    ridge: float = RIDGE,
) -> StyleControl:
    """Ratings at equal style with 95 % sandwich intervals.

    Args:
        models: M different names.
        first, second: (N,) indices into `models`, different from each other in every battle.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        features: (N, F) as `relative_differences` gives them.
        names: of the F features.
        cluster: (N,) whole numbers; battles with the same number move together in intervals.
        anchor: index of a model whose rating the others are relative to: it gets 0 and no interval.
        ridge: weight of the penalty, more than 0.

    Raises:
        TooFewData: no battle, or fewer than two models.
        Disconnected: some models never both won and lost against the rest, so that the penalty alone would place them.
        StatsError: shapes differ, or a feature is not finite.
        NotConverged: Newton's method did not reach its tolerance.
    """
    size, width = len(models), len(models) + len(names)
    if not len(first):
        raise TooFewData("there is no battle to rate")
    if features.shape != (len(first), len(names)) or not np.isfinite(features).all():
        raise StatsError(f"style features must be finite, of shape ({len(first)}, {len(names)}); they are {features.shape}")
    wins = np.zeros((size, size))
    np.add.at(wins, (first, second), 1.0 - 0.5 * outcome)
    np.add.at(wins, (second, first), 0.5 * outcome)
    connected(wins, models)
    rows = _Rows(first, second, 1.0 - 0.5 * outcome, features, size)
    penalty = ridge * np.concatenate([np.full(size, _UNIT**2), np.ones(len(names))])
    parameters, information = _newton(rows, penalty, width)
    group, n = _groups(cluster, len(first))
    covariance = _covariance(rows, parameters, information, group, n)
    contrast = np.eye(width)
    contrast[:size, :size] -= 1.0 / size if anchor is None else np.eye(size)[anchor]
    zero = parameters[:size].mean() if anchor is None else parameters[anchor]
    points = np.concatenate([(ELO_MEAN if anchor is None else 0.0) + ELO_SCALE * (parameters[:size] - zero), parameters[size:]])
    scale = np.concatenate([np.full(size, ELO_SCALE), np.ones(len(names))])
    estimates = interval(points, contrast * scale[:, None], covariance, n, anchor)
    return StyleControl(
        tuple(models),
        tuple(estimates[:size]),
        tuple(names),
        tuple(estimates[size:]),
        tuple(rank_ranges(models, parameters[:size], covariance[:size, :size], n)),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """N battles of M models: indices, outcomes in 0..1 for the first, features (N, F)."""

    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    features: np.ndarray
    size: int

    def part(self, rows: slice | np.ndarray) -> _Rows:
        return _Rows(self.first[rows], self.second[rows], self.outcome[rows], self.features[rows], self.size)

    def parts(self) -> Iterator[_Rows]:
        """A slice of the battles at a time."""
        for begin in range(0, len(self.first), _SLICE):
            yield self.part(slice(begin, begin + _SLICE))

    def share(self, parameters: np.ndarray) -> np.ndarray:
        """(N,) expected outcomes."""
        strength = parameters[: self.size]
        x = strength[self.first] - strength[self.second] + self.features @ parameters[self.size :]
        found: np.ndarray = 0.5 * (1.0 + np.tanh(0.5 * x))
        return found

    def gradient(self, surplus: np.ndarray) -> np.ndarray:
        """(M + F,) sum of a value per battle times its derivatives by the parameters."""
        by_model = np.bincount(self.first, weights=surplus, minlength=self.size)
        by_model = by_model - np.bincount(self.second, weights=surplus, minlength=self.size)
        return np.concatenate([by_model, surplus @ self.features])

    def information(self, weight: np.ndarray) -> np.ndarray:
        """(M + F, M + F) sum of a weight per battle times the outer product of its derivatives."""
        size, width = self.size, self.size + self.features.shape[1]
        found = np.zeros((width, width))
        met = np.bincount(self.first * size + self.second, weights=weight, minlength=size * size).reshape(size, size)
        met = met + met.T
        found[:size, :size] = np.diag(met.sum(axis=1)) - met
        weighted = self.features * weight[:, None]
        for k in range(width - size):
            cross = np.bincount(self.first, weights=weighted[:, k], minlength=size)
            found[:size, size + k] = cross - np.bincount(self.second, weights=weighted[:, k], minlength=size)
        found[size:, :size] = found[:size, size:].T
        found[size:, size:] = weighted.T @ self.features
        return found


def _newton(rows: _Rows, penalty: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The maximum (M + F,), and the information there with the penalty's."""
    parameters = np.zeros(width)
    for _ in range(_LARGEST_COUNT):
        gradient, information = -penalty * parameters, np.diag(penalty)
        for part in rows.parts():
            share = part.share(parameters)
            gradient += part.gradient(part.outcome - share)
            information += part.information(share * (1.0 - share))
        step = np.linalg.solve(information, gradient)
        longest = float(np.abs(step).max())
        parameters = parameters + step * min(1.0, _LARGEST_STEP / max(longest, 1e-300))
        if longest <= 1e-10:
            return parameters, information
    raise NotConverged("ratings with style control did not converge; please report the battles")


def _groups(cluster: np.ndarray | None, rows: int) -> tuple[np.ndarray | None, int]:
    """Cluster of every battle as 0, 1, 2 ... (None where each is its own), and how many there are."""
    if cluster is None:
        return None, rows
    values, index = np.unique(cluster, return_inverse=True)
    return index, len(values)


def _covariance(rows: _Rows, parameters: np.ndarray, information: np.ndarray, group: np.ndarray | None, n: int) -> np.ndarray:
    """The sandwich, (M + F, M + F), as in `sandwich.py`: with few clusters each one's leverage is taken out."""
    width = len(parameters)
    if n < 2:
        return np.full((width, width), np.inf)
    bread = np.linalg.inv(information)
    # features are measured in their own standard deviation, which is estimated: what a battle adds to it moves coefficients
    moved = (rows.features**2 - 1.0) * (parameters[rows.size :] / (2.0 * len(rows.first)))
    scale = information[rows.size :]
    if n <= CORRECTED:
        held = [np.flatnonzero(group == k) for k in range(n)] if group is not None else [np.array([k]) for k in range(n)]
        pulls = []
        for index in held:
            own = rows.part(index)
            share = own.share(parameters)
            gradient = own.gradient(own.outcome - share) + moved[index].sum(axis=0) @ scale
            pulls.append((gradient, own.information(share * (1.0 - share)), 1.0))
        meat, factor = without_leverage(pulls, bread), 1.0
    else:
        meat, factor = _meat(rows, parameters, moved, scale, group, n), n / (n - 1)
    if not np.isfinite(meat).all():
        return np.full((width, width), np.inf)
    together = 1.0
    if group is not None:
        low, high = np.minimum(rows.first, rows.second), np.maximum(rows.first, rows.second)
        together = len(group) / len(np.unique((group * rows.size + low) * rows.size + high))
    meat = allowed(meat, information, ALLOWANCE * together / n)
    covariance: np.ndarray = factor * bread @ meat @ bread
    return covariance


def _meat(
    rows: _Rows, parameters: np.ndarray, moved: np.ndarray, scale: np.ndarray, group: np.ndarray | None, n: int
) -> np.ndarray:
    """Sum over clusters of the outer products of their gradients and of what they add to the scale of features."""
    surplus = rows.outcome - rows.share(parameters)
    width, size = len(parameters), rows.size
    if group is None:
        found = np.zeros((width, width))
        for begin in range(0, n, _SLICE):
            part = slice(begin, begin + _SLICE)
            found += rows.part(part).information(surplus[part] ** 2)
        mixed = np.stack([rows.gradient(surplus * column) for column in moved.T], axis=1) @ scale
        plain: np.ndarray = found + mixed + mixed.T + scale.T @ (moved.T @ moved) @ scale
        return plain
    meat = np.zeros((width, width))
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(n + 1))
    step = max(1, 10 * _SLICE // width)
    for begin in range(0, n, step):
        end = min(begin + step, n)
        index = order[ends[begin] : ends[end]]
        place = (group[index] - begin) * width
        summed = np.bincount(place + rows.first[index], weights=surplus[index], minlength=(end - begin) * width)
        summed -= np.bincount(place + rows.second[index], weights=surplus[index], minlength=(end - begin) * width)
        added = np.empty((end - begin, width - size))
        for k in range(width - size):
            weights = surplus[index] * rows.features[index, k]
            summed += np.bincount(place + size + k, weights=weights, minlength=(end - begin) * width)
            added[:, k] = np.bincount(group[index] - begin, weights=moved[index, k], minlength=end - begin)
        table = summed.reshape(end - begin, width) + added @ scale
        meat += table.T @ table
    return meat
