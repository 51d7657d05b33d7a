"""AlpacaEval 2's length-controlled win rates of an imported run, and the file in which AlpacaEval keeps the weights of it.

    ,np.tanh(std_delta_len),instruction_difficulty,not_gamed_baseline.astype(float)
    gpt-3.5-turbo-0613,-1.1,0.7,-1.6

One file per judge and baseline, one row per model, sixteen decimals.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evalh.core.store import write_atomic
from evalh.errors import BadImport
from evalh.stats.length_control_alpaca import GlmWeights

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


def _weights(row: list[str], places: list[int], where: str) -> GlmWeights:
    try:
        return GlmWeights(*(float(row[at]) for at in places))
    except (ValueError, IndexError):
        raise BadImport(f"{where}: three numbers are needed, not {', '.join(row[1:5]) or 'nothing'}") from None
