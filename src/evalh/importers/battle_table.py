"""A table of battles (`model_a`, `model_b`, `winner`; CSV, JSON, JSON Lines, Parquet) as indices: one pass, nothing else kept.

Winners are `model_a`, `model_b`, or a word that begins with "tie". A row without a winner, with another one, or in which a
model meets itself is left out and counted by its reason; a row that lacks a column is an error with its place.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalh.errors import BadImport
from evalh.importers.reading import rows
from evalh.importers.sources import sources

COLUMNS: Final = ("model_a", "model_b", "winner")
MOST_REASONS: Final = 20  # different reasons that are told apart; the others are counted together


@dataclass(frozen=True, slots=True)
class BattleTable:
    """N battles of M models.

    Attributes:
        models: names, in the order in which they were met.
        first, second: (N,) indices of `model_a` and `model_b`.
        outcome: (N,) 0 where the first won, 1 where they tied, 2 where the second won.
        cluster: (N,) numbers of the cluster column's values, or None.
        left_out: reason -> rows.
    """

    models: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    cluster: np.ndarray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_battles(path: Path, cluster: str | None = None) -> BattleTable:
    """Read a table of battles, packed with gzip or not.

    Args:
        path: a `.csv`, `.tsv`, `.json` (a list), `.jsonl` or `.parquet` file, or a folder of them.
        cluster: a column whose equal values mark battles that move together (one question, one rater).

    Raises:
        BadImport: names the file, the line and what is wrong.
        MissingExtra: Parquet needs pyarrow.
    """
    return _collected((row for source in sources(path) for row in rows(source)), cluster)


def _collected(rows: Iterable[tuple[str, Mapping[str, Any]]], cluster: str | None) -> BattleTable:
    names: dict[str, int] = {}
    groups: dict[str, int] = {}
    columns = tuple(array("i") for _ in range(4))
    left_out: dict[str, int] = {}
    wanted = (*COLUMNS, *((cluster,) if cluster else ()))
    for place, row in rows:
        missing = [name for name in wanted if name not in row]
        if missing:
            had = ", ".join(map(str, list(row)[:12])) or "nothing"
            raise BadImport(f"{place}: a battle has {', '.join(wanted)}; this row has no {' and no '.join(missing)}, but {had}")
        a, b, winner = (row[name] for name in COLUMNS)
        result = outcome_of(winner)
        reason = _fault(a, b, winner, result)
        if reason is not None:
            reason = reason if reason in left_out or len(left_out) < MOST_REASONS else "other winners"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        assert result is not None
        columns[0].append(names.setdefault(a, len(names)))
        columns[1].append(names.setdefault(b, len(names)))
        columns[2].append(result)
        if cluster:
            columns[3].append(groups.setdefault(json.dumps(row[cluster], sort_keys=True, default=str), len(groups)))
    first, second, outcome, group = (np.array(column, dtype=np.int64) for column in columns)
    return BattleTable(tuple(names), first, second, outcome, group if cluster else None, left_out)


def outcome_of(winner: object) -> int | None:
    """0, 1 or 2 for `model_a`, a tie of any kind and `model_b`; None for anything else."""
    if winner == "model_a":
        return 0
    if winner == "model_b":
        return 2
    return 1 if isinstance(winner, str) and winner.lower().startswith("tie") else None


def _fault(a: object, b: object, winner: object, result: int | None) -> str | None:
    """Why a row is no battle, or None."""
    if result is None:
        return "no winner" if winner in (None, "") else f"winner {str(winner)[:40]!r}"
    if not (isinstance(a, str) and a and isinstance(b, str) and b):
        return "a model without a name"
    return "a model against itself" if a == b else None
