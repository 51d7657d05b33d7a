"""A table of battles (`model_a`, `model_b`, `winner`; CSV, JSON, JSON Lines, Parquet) as indices: one pass, nothing else kept.

Winners are `model_a`, `model_b`, or a word that begins with "tie". A row without a winner, with another one, or in which a
model meets itself is left out and counted by its reason, and so is one without the style that is to be controlled for; a row
that lacks a column is an error with its place.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalh.errors import BadImport
from evalh.importers.battles import style_of
from evalh.importers.reading import rows
from evalh.importers.sources import sources
from evalh.pipeline.markdown import total
from evalh.stats.folding import ITSELF, NO_NAME, count_reason, outcome_of, reason_of

COLUMNS: Final = ("model_a", "model_b", "winner")
STYLE: Final = {"length": "token_len", "headers": "header_count", "lists": "list_count", "bold": "bold_count"}
"""What can be controlled for -> its name in stored metadata."""


@dataclass(frozen=True, slots=True)
class BattleTable:
    """N battles of M models.

    Attributes:
        models: names, in the order in which they were met.
        first, second: (N,) indices of `model_a` and `model_b`.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        cluster: (N,) numbers of the cluster column's values, or None.
        style: (2, N, F) counts of `model_a`'s and `model_b`'s answers, or None.
        left_out: reason -> rows.
    """

    models: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    cluster: np.ndarray | None = None
    style: np.ndarray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


class Collector:
    """Battles as they come, one by one."""

    def __init__(self, clustered: bool, features: int) -> None:
        self._names: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._columns = tuple(array("i") for _ in range(4))
        self._style = array("d")
        self._clustered, self._features = clustered, features
        self.left_out: dict[str, int] = {}

    def leave_out(self, reason: str) -> None:
        """Count a row that is no battle."""
        count_reason(self.left_out, reason)

    def add(self, a: str, b: str, outcome: int, cluster: str = "", style: Sequence[float] = ()) -> None:
        """One battle; `style` holds the F counts of the first and then of the second."""
        found = (self._names.setdefault(a, len(self._names)), self._names.setdefault(b, len(self._names)), outcome)
        for column, value in zip(self._columns, found, strict=False):
            column.append(value)
        if self._clustered:
            self._columns[3].append(self._groups.setdefault(cluster, len(self._groups)))
        self._style.extend(style)

    def table(self) -> BattleTable:
        """What was collected."""
        first, second, outcome, group = (np.array(column, dtype=np.int64) for column in self._columns)
        counts = np.array(self._style).reshape(len(first), 2, self._features).transpose(1, 0, 2) if self._features else None
        return BattleTable(
            tuple(self._names), first, second, outcome, group if self._clustered else None, counts, self.left_out
        )


def read_battles(path: Path, cluster: str | None = None, control: Sequence[str] = ()) -> BattleTable:
    """Read a table of battles, packed with gzip or not.

    Args:
        path: a `.csv`, `.tsv`, `.json` (a list), `.jsonl` or `.parquet` file, or a folder of them.
        cluster: a column whose equal values mark battles that move together (one question, one rater).
        control: features of style: of `STYLE`, read from `conv_metadata`; or NAME for columns NAME_a and NAME_b.

    Raises:
        BadImport: names the file, the line and what is wrong.
        MissingExtra: Parquet needs pyarrow.
    """
    return _collected((row for source in sources(path) for row in rows(source)), cluster, control)


def _collected(rows: Iterable[tuple[str, Mapping[str, Any]]], cluster: str | None, control: Sequence[str]) -> BattleTable:
    found = Collector(cluster is not None, len(control))
    wanted = (*COLUMNS, *((cluster,) if cluster else ()))
    for place, row in rows:
        missing = [name for name in wanted if name not in row]
        if missing:
            had = ", ".join(map(str, list(row)[:12])) or "nothing"
            raise BadImport(f"{place}: a battle has {', '.join(wanted)}; this row has no {' and no '.join(missing)}, but {had}")
        a, b, winner = (row[name] for name in COLUMNS)
        result = outcome_of(winner)
        reason = _fault(a, b, winner, result)
        counts: list[float] = []
        if reason is None and control:
            counts, reason = _style(row, place, control)
        if reason is not None or result is None:
            found.leave_out(reason or reason_of(winner))
        else:
            group = json.dumps(row[cluster], sort_keys=True, default=str) if cluster else ""
            found.add(a, b, result, group, counts)
    return found.table()


def _fault(a: object, b: object, winner: object, result: int | None) -> str | None:
    """Why a row is no battle, or None."""
    if result is None:
        return reason_of(winner)
    if not (isinstance(a, str) and a and isinstance(b, str) and b):
        return NO_NAME
    return ITSELF if a == b else None


def _style(row: Mapping[str, Any], place: str, control: Sequence[str]) -> tuple[list[float], str | None]:
    """The counts of both sides, or why there are none."""
    found: list[float] = []
    for side in ("a", "b"):
        stored = style_of(row, side).get("style", {})
        for name in control:
            column = f"{name}_{side}"
            if column in row:
                count = _number(row[column])
            elif name in STYLE and "conv_metadata" in row:
                count = total(stored.get(STYLE[name]))
            else:
                said = " and no conv_metadata" if name in STYLE else ""
                raise BadImport(
                    f"{place}: to control for {name} a battle has {name}_a and {name}_b; this row has no {column}{said}"
                )
            if count is None or not 0 <= count < float("inf"):
                return [], f"no {name} of both answers"
            found.append(count)
    return found, None


def _number(value: object) -> float | None:
    """A number, also one that a CSV file holds as text."""
    try:
        return float(value) if isinstance(value, int | float | str) and value != "" else None
    except ValueError:
        return None
