"""Battles folded to counts per pair and outcome: from arrays, or from a table that is in memory.

Winners are "model_a", "model_b", or a word that begins with "tie". A row without a winner, with another one, or in which a
model meets itself is left out and counted by its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.frame import Factor, Results

if TYPE_CHECKING:
    import pandas as pd

NO_WINNER: Final = "no winner"
NO_NAME: Final = "a model without a name"
ITSELF: Final = "a model against itself"
MOST_REASONS: Final = 20  # different reasons that are told apart; the others are counted together


@dataclass(frozen=True, slots=True)
class Battles:
    """Battles of M models, folded.

    Attributes:
        models: names, sorted.
        pairs: (P, 2) indices of the models of each pair that met, the smaller first.
        counts: (P, 3) battles that the first of the pair won, tied and lost.
        cluster: (E,) index of the cluster of an entry, in order; None where every battle is a cluster of its own.
        cell: (E,) pair * 3 + outcome of an entry.
        weight: (E,) battles of an entry.
        left_out: reason -> rows of a table that are no battles.
    """

    models: tuple[str, ...]
    pairs: np.ndarray
    counts: np.ndarray
    cluster: np.ndarray | None = None
    cell: np.ndarray | None = None
    weight: np.ndarray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Independent units: clusters, or battles where there are none."""
        return int(self.counts.sum()) if self.cluster is None else int(self.cluster[-1]) + 1

    def record(self) -> np.ndarray:
        """(M, 3) battles won, tied and lost by each model."""
        found = np.zeros((len(self.models), 3))
        np.add.at(found, self.pairs[:, 0], self.counts)
        np.add.at(found, self.pairs[:, 1], self.counts[:, ::-1])
        return found


def fold(
    models: Sequence[str], first: np.ndarray, second: np.ndarray, outcome: np.ndarray, cluster: np.ndarray | None = None
) -> Battles:
    """Fold N battles to counts.

    Args:
        models: M different names.
        first, second: (N,) indices into `models`, different from each other in every battle.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        cluster: (N,) whole numbers; battles with the same number move together in intervals.

    Raises:
        TooFewData: there is no battle.
    """
    if not len(first):
        raise TooFewData("there is no battle to rate")
    order = sorted(range(len(models)), key=lambda i: models[i])
    size = len(models)
    place = np.empty(size, dtype=np.int32 if 3 * size * size < 2**31 else np.int64)
    place[order] = np.arange(size)
    a, b = place[first], place[second]
    swap = a > b
    key = np.minimum(a, b)
    key *= size
    key += np.maximum(a, b, out=a)
    key *= 3
    key += np.where(swap, 2 - outcome, outcome).astype(place.dtype, copy=False)
    table = np.bincount(key, minlength=size * size * 3).reshape(-1, 3)
    met = np.flatnonzero(table.any(axis=1))
    pairs = np.stack([met // size, met % size], axis=1)
    names = tuple(models[i] for i in order)
    folded = Battles(names, pairs, table[met].astype(np.float64))
    if cluster is None:
        return folded
    row = np.full(size * size, -1)
    row[met] = np.arange(len(met))
    cells = 3 * len(met)
    entry = _numbered(cluster)
    entry *= cells
    entry += row[key // 3] * 3
    entry += key % 3
    entry.sort()
    new = np.flatnonzero(np.diff(entry, prepend=-1))
    weight = np.diff(new, append=len(entry)).astype(np.float64)
    entry = entry[new]
    return replace(folded, cluster=(entry // cells).astype(np.int32), cell=(entry % cells).astype(np.int32), weight=weight)


def _numbered(cluster: np.ndarray) -> np.ndarray:
    """Cluster numbers (N,) as 0, 1, 2 ... without gaps, in their order."""
    cluster = np.asarray(cluster)
    if cluster.dtype.kind in "iu" and cluster.min() >= 0 and cluster.max() < 4 * len(cluster):
        there = np.bincount(cluster) > 0  # no sorting where numbers are dense already
        return np.asarray((np.cumsum(there) - 1)[cluster])
    return np.unique(cluster, return_inverse=True)[1].astype(np.int64)


def from_frame(frame: Results | pd.DataFrame | Mapping[str, Any], cluster: str | None = None) -> Battles:
    """Fold a table of battles that is in memory; every row is one.

    Args:
        frame: columns `model_a`, `model_b` (text), and `winner` ("model_a", "model_b", or a word that begins with "tie") or
            `outcome` (1, 0.5 or 0 for `model_a`; NaN where there is none): a DataFrame, a mapping of columns, or `Results`, of
            which rows of one model are passed over.
        cluster: a column whose equal values mark battles that move together (one question, one rater).

    Returns:
        Battles; rows without a winner or a name, and of a model against itself, are counted in `left_out`.

    Raises:
        TooFewData: no row is a battle.
        StatsError: a column is missing, an outcome is a weighted preference, or a battle has no cluster.
    """
    columns = _columns(frame, cluster)
    models: dict[str, int] = {}
    first, second = _models(columns["model_a"], models), _models(columns["model_b"], models)
    outcome, reasons = _outcomes(columns)
    fault = np.zeros(len(first), dtype=np.int8)
    fault[first == second] = 3
    fault[(first < 0) | (second < 0)] = 2
    fault[outcome < 0] = 1
    kept, left_out = slice(None), {}
    if fault.any():
        kept = fault == 0
        times = np.bincount(fault, minlength=4)
        left_out = {**reasons, **{w: int(n) for w, n in zip((NO_NAME, ITSELF), times[2:], strict=True) if n}}
        if not kept.any():
            said = "; ".join(f"{n} rows with {why}" for why, n in left_out.items())
            raise TooFewData(f"there is no battle to rate ({said})")
    group = None
    if cluster is not None:
        group, _ = _coded(columns["cluster"])
        group = group[kept]
        if len(group) and group.min() < 0:
            raise StatsError(f"{int((group < 0).sum())} battles have no {cluster}; leave it out or fill it in")
    return replace(fold(tuple(models), first[kept], second[kept], outcome[kept], group), left_out=left_out)


def _columns(frame: Any, cluster: str | None) -> dict[str, Any]:
    """The columns wanted of a table: model_a, model_b, winner or else outcome, cluster."""
    get: Any = frame
    if isinstance(frame, Results):
        rows = frame.take(~frame.model_b.where(""))
        get = {name: getattr(rows, name) for name in ("model_a", "model_b", "outcome", "question_id", "category", "judge")}
    names = set(get.keys())
    result = "winner" if "winner" in names else "outcome"
    wanted = ("model_a", "model_b", result, *((cluster,) if cluster else ()))
    if missing := [name for name in wanted if name not in names]:
        had = ", ".join(sorted(map(str, names))[:12])
        raise StatsError(f"a table of battles has no column {' and no '.join(missing)}; it has {had}")
    found = {"model_a": get["model_a"], "model_b": get["model_b"], result: get[result]}
    return {**found, "cluster": get[cluster]} if cluster else found


def _coded(column: Any) -> tuple[np.ndarray, list[Any]]:
    """Codes (N,) of a column's values, -1 where there is none, and the values."""
    if isinstance(column, Factor):
        return column.codes, list(column.labels)
    import pandas as pd

    if isinstance(getattr(column, "dtype", None), pd.CategoricalDtype):
        column = getattr(column, "cat", column)
        return np.asarray(column.codes), list(column.categories)
    codes, values = pd.factorize(column if hasattr(column, "dtype") else np.array(column, dtype=object))
    return codes.astype(np.int32), list(values)


def _models(column: Any, models: dict[str, int]) -> np.ndarray:
    """Indices (N,) into `models`, which grows; -1 where there is no name."""
    codes, values = _coded(column)
    places = [models.setdefault(v, len(models)) if isinstance(v, str) and v else -1 for v in values]
    found: np.ndarray = np.array([*places, -1], dtype=np.int32)[codes]
    return found


def _outcomes(columns: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, int]]:
    """0, 1, 2 or -1 (N,), and how often which reason there is for the -1."""
    if "winner" not in columns:
        return _numbers(columns["outcome"])
    codes, values = _coded(columns["winner"])
    results = [outcome_of(v) for v in values]
    found = np.array([*(-1 if r is None else r for r in results), -1], dtype=np.int8)[codes]
    times = np.bincount(codes + 1, minlength=len(values) + 1).tolist()
    reasons: dict[str, int] = {}
    for value, result, n in ((None, None, times[0]), *zip(values, results, times[1:], strict=True)):
        if result is None and n:
            count_reason(reasons, reason_of(value), n)
    return found, reasons


def _numbers(column: Any) -> tuple[np.ndarray, dict[str, int]]:
    """The same from outcomes as numbers."""
    numbers = np.asarray(column, dtype=np.float64)
    missing = np.isnan(numbers)
    bad = np.flatnonzero(~missing & ~np.isin(numbers, (0.0, 0.5, 1.0)))
    if len(bad):
        raise StatsError(f"row {bad[0]}: an outcome of {numbers[bad[0]]:g} is no win, tie or loss; take 1, 0.5 or 0")
    found = np.where(missing, -1.0, 2.0 - 2.0 * numbers).astype(np.int8)
    return found, {NO_WINNER: int(missing.sum())} if missing.any() else {}


def outcome_of(winner: object) -> int | None:
    """0, 1 or 2 for "model_a", a tie of any kind and "model_b"; None for anything else."""
    if winner == "model_a":
        return 0
    if winner == "model_b":
        return 2
    return 1 if isinstance(winner, str) and winner.lower().startswith("tie") else None


def reason_of(winner: object) -> str:
    """Why something is no winner."""
    return NO_WINNER if winner in (None, "") else f"winner {str(winner)[:40]!r}"


def count_reason(reasons: dict[str, int], reason: str, times: int = 1) -> None:
    """Count rows that are left out, in place; beyond 20 different reasons together."""
    reason = reason if reason in reasons or len(reasons) < MOST_REASONS else "other winners"
    reasons[reason] = reasons.get(reason, 0) + times
