"""AlpacaEval 2's length-controlled win rates of an imported run, and the file in which AlpacaEval keeps the weights of it.

    ,np.tanh(std_delta_len),instruction_difficulty,not_gamed_baseline.astype(float)
    gpt-3.5-turbo-0613,-1.1,0.7,-1.6

One file per judge and baseline, one row per model, sixteen decimals.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from evalh.core.records import Question
from evalh.core.store import RunFolder, write_atomic
from evalh.errors import BadImport, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.length_control_alpaca import GlmWeights, Rows, cross_validated, gamed_rows, rows_of, win_rate

COLUMNS: Final = ("np.tanh(std_delta_len)", "instruction_difficulty", "not_gamed_baseline.astype(float)")


def read_weights(path: Path) -> dict[str, GlmWeights]:
    """Model -> weights; of a model that stands there twice the last row counts, as in the original.

    Raises:
        BadImport: it cannot be read, lacks a column, or holds something else than numbers; names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            reader = csv.reader(f)
            head = next(reader, [])
            places = [head.index(name) if name in head else -1 for name in COLUMNS]
            if -1 in places:
                missing = [name for name, at in zip(COLUMNS, places, strict=True) if at < 0]
                raise BadImport(f"{path}: not a file of AlpacaEval's weights: it has no column {', '.join(missing)}")
            return {row[0]: _weights(row, places, f"{path}, line {reader.line_num}") for row in reader if row}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadImport(f"{path}: cannot be read ({error})") from None


def write_weights(path: Path, weights: Mapping[str, GlmWeights]) -> None:
    """Write such a file, whole or not at all. Raises StoreError where the disk refuses."""
    lines = [",".join(("", *COLUMNS))]
    for model, w in weights.items():
        name = f'"{model.replace(chr(34), chr(34) * 2)}"' if set(model) & set(',"\n\r') else model
        lines.append(f"{name},{w.length:.16f},{w.difficulty:.16f},{w.model:.16f}")
    write_atomic(path, ("\n".join(lines) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Tables:
    """What every fit shares: the difficulty of each instruction, in the order of the set, and the rows of gamed baselines."""

    difficulty: np.ndarray
    gamed: Rows


def tables_of(folder: Path) -> Tables | None:
    """The tables `instruction_difficulty.csv` and `gamed_rows*.csv` or `df_gamed.csv` from under a folder; None without them.

    Raises:
        BadImport: one of them lacks a column, or holds something else than numbers.
    """
    hard = next(iter(sorted(folder.rglob("instruction_difficulty.csv"))), None)
    gamed = next((path for name in ("df_gamed.csv", "gamed_rows*.csv") for path in sorted(folder.rglob(name))), None)
    if hard is None or gamed is None:
        return None
    columns = list(_columns(gamed, ("preference", "std_delta_len", "instruction_difficulty")))
    return Tables(next(_columns(hard, ("instruction_difficulty",))), gamed_rows(*columns))


def _columns(path: Path, names: tuple[str, ...]) -> Iterator[np.ndarray]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            rows = list(csv.DictReader(f))
        for name in names:
            yield np.array([float(row[name]) for row in rows])
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise BadImport(f"{path}: not a table with the columns {', '.join(names)} ({error})") from None


def length_controlled(folder: RunFolder, rows: Results, model: str, baseline: str, tables: Tables) -> Estimate:
    """The length-controlled win rate "length_controlled_v1" of an imported model, with C chosen by cross-validation.

    The difficulty of a row is that of its own instruction: the place that the file gives (`eval_set_index`), else that of the
    question in the run, which has to hold the whole set then.

    Args:
        rows: of one judge.

    Returns:
        Estimate without limits: no interval of this figure is published, and none can be made of its lc_standard_error.

    Raises:
        TooFewData: the model has no rows, or its instructions cannot be told.
        StatsError: see `evalh.stats.length_control_alpaca`.
    """
    questions = list(folder.read(Question))
    place = {q.question_id: q.metadata.get("eval_set_index", i) for i, q in enumerate(questions)}
    told = all("eval_set_index" in q.metadata for q in questions)
    if not told and len(questions) != len(tables.difficulty):
        raise TooFewData(f"{len(questions)} instructions cannot be told among the {len(tables.difficulty)} of the set")
    first = rows.model_a.where(model) & rows.model_b.where(baseline)
    chosen = np.flatnonzero(first | (rows.model_a.where(baseline) & rows.model_b.where(model)))
    if not len(chosen):
        raise TooFewData(f"{model} was not compared with {baseline}")
    own = first[chosen]
    index = np.array([int(place.get(label, -1)) for label in rows.question_id.labels])[rows.question_id.codes[chosen]]
    difficulty = tables.difficulty[index]
    a, b = rows.length_a[chosen], rows.length_b[chosen]
    outcome = np.where(own, rows.outcome[chosen], 1.0 - rows.outcome[chosen])
    found = cross_validated(rows_of(outcome, np.where(own, a, b), np.where(own, b, a), difficulty), tables.gamed)
    return Estimate(win_rate(found.weights, difficulty), n=len(np.unique(index)))


def _weights(row: list[str], places: list[int], where: str) -> GlmWeights:
    try:
        return GlmWeights(*(float(row[at]) for at in places))
    except (ValueError, IndexError):
        raise BadImport(f"{where}: three numbers are needed, not {', '.join(row[1:5]) or 'nothing'}") from None
