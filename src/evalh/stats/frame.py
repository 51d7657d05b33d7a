"""The results frame: what statistics see of a run.

One row per comparison or score. `outcome` is a number in 0..1 for `model_a` and NaN when unscored; absolute judgments have
`model_b` empty and `outcome` NaN. The order in which a judge saw two answers has been undone before (`swapped` tells it).

Statistics run on `Results`, the same table with its text columns coded as integers, so that cost follows the number of
distinct names and importing pandas is left to those who want a DataFrame. Every public function of `evalh.stats` takes either:
`as_results` coerces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalh.errors import StatsError

if TYPE_CHECKING:
    import pandas as pd

TEXT: Final = (
    "question_id",
    "category",
    "judge",
    "protocol",
    "mode",
    "aspect",
    "model_a",
    "model_b",
    "group_id",
    "status",
)
NUMBERS: Final = ("outcome", "score_a", "score_b", "weight", "length_a", "length_b")
INTEGERS: Final = ("turn", "sample")
COLUMNS: Final = (
    "question_id",
    "category",
    "turn",
    "judge",
    "protocol",
    "mode",
    "aspect",
    "sample",
    "model_a",
    "model_b",
    "outcome",
    "score_a",
    "score_b",
    "weight",
    "group_id",
    "swapped",
    "length_a",
    "length_b",
    "status",
)
"""Columns of the frame, in order. Lengths are in characters of the answer's text up to the turn judged."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A text column: `codes` (int32, shape (n,)) index into `labels`; no label may be unused twice."""

    codes: np.ndarray
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, values: Sequence[str] | np.ndarray) -> Factor:
        """Code a sequence of strings in order of first appearance."""
        index = {label: code for code, label in enumerate(dict.fromkeys(values))}
        codes = np.fromiter(map(index.__getitem__, values), dtype=np.int32, count=len(values))
        return cls(codes, tuple(index))

    def where(self, label: str) -> np.ndarray:
        """Boolean mask, shape (n,), of the rows that hold `label`."""
        if label not in self.labels:
            return np.zeros(len(self.codes), dtype=bool)
        mask: np.ndarray = self.codes == self.labels.index(label)
        return mask

    def take(self, mask: np.ndarray) -> Factor:
        """The same labels over a subset of the rows."""
        return Factor(self.codes[mask], self.labels)

    def values(self) -> np.ndarray:
        """The text of every row, an object array of shape (n,)."""
        text: np.ndarray = np.array(self.labels or ("",), dtype=object)[self.codes]
        return text


@dataclass(frozen=True, slots=True)
class Results:
    """The results frame in columns; all arrays have shape (n,)."""

    question_id: Factor
    category: Factor
    turn: np.ndarray
    judge: Factor
    protocol: Factor
    mode: Factor
    aspect: Factor
    sample: np.ndarray
    model_a: Factor
    model_b: Factor
    outcome: np.ndarray
    score_a: np.ndarray
    score_b: np.ndarray
    weight: np.ndarray
    group_id: Factor
    swapped: np.ndarray
    length_a: np.ndarray
    length_b: np.ndarray
    status: Factor

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, mask: np.ndarray) -> Results:
        """The rows of a boolean mask or an index array; labels keep their codes."""
        changed: dict[str, Any] = {}
        for f in fields(self):
            column = getattr(self, f.name)
            changed[f.name] = column.take(mask) if isinstance(column, Factor) else column[mask]
        return replace(self, **changed)

    def to_frame(self) -> pd.DataFrame:
        """As a DataFrame with the columns of `COLUMNS`; text columns are categorical."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in COLUMNS:
            column = getattr(self, name)
            if isinstance(column, Factor):
                column = pd.Categorical.from_codes(column.codes, pd.Index(column.labels, dtype=object))
            columns[name] = column
        return pd.DataFrame(columns)


def join(parts: Sequence[Results]) -> Results:
    """The rows of several frames, one after the other; at least one frame."""
    built: dict[str, Any] = {}
    for f in fields(Results):
        columns = [getattr(part, f.name) for part in parts]
        built[f.name] = _join(columns) if isinstance(columns[0], Factor) else np.concatenate(columns)
    return Results(**built)


def _join(factors: Sequence[Factor]) -> Factor:
    place = {label: i for i, label in enumerate(dict.fromkeys(label for f in factors for label in f.labels))}
    recoded = [np.array([place[label] for label in f.labels] or [0], dtype=np.int32)[f.codes] for f in factors]
    return Factor(np.concatenate(recoded), tuple(place))


def as_results(frame: Results | pd.DataFrame | Mapping[str, Any]) -> Results:
    """Check a results frame and code its text columns.

    Args:
        frame: a `Results` (returned as it is), a DataFrame, or a mapping of column name to values of equal length.
            `turn` (1), `sample` (0), `weight` (1.0), `swapped` (False), `aspect` ("overall"), lengths (NaN), `category`,
            `judge`, `protocol` (""), `status` ("scored") and `group_id` (the row's number) may be left out.

    Raises:
        StatsError: a column is missing, columns differ in length, or an outcome lies outside 0..1.
    """
    if isinstance(frame, Results):
        return frame
    names = set(frame.keys())
    missing = [c for c in ("question_id", "mode", "model_a") if c not in names]
    if missing:
        raise StatsError(f"the results frame lacks the column(s) {', '.join(missing)}; see evalh.stats.frame.COLUMNS")
    n = len(frame["question_id"])
    defaults: dict[str, Any] = {
        "turn": 1,
        "sample": 0,
        "weight": 1.0,
        "swapped": False,
        "aspect": "overall",
        "status": "scored",
    }
    built: dict[str, Any] = {}
    for name in COLUMNS:
        if name in names:
            column: Any = frame[name]
            if len(column) != n:
                raise StatsError(f"column {name!r} has {len(column)} rows, question_id has {n}")
        elif name == "group_id":
            column = [str(i) for i in range(n)]
        elif name in TEXT:
            column = [defaults.get(name, "")] * n
        else:
            column = [defaults.get(name, np.nan)] * n
        if name in TEXT:
            built[name] = column if isinstance(column, Factor) else Factor.of(_strings(column))
        elif name in INTEGERS:
            built[name] = np.asarray(column, dtype=np.int64)
        elif name == "swapped":
            built[name] = np.asarray(column, dtype=bool)
        else:
            built[name] = np.asarray(column, dtype=np.float64)
    outcome = built["outcome"]
    bad = np.flatnonzero((outcome < 0) | (outcome > 1))
    if len(bad):
        raise StatsError(f"row {bad[0]}: outcome {outcome[bad[0]]:g} lies outside 0..1")
    return Results(**built)


def _strings(column: Any) -> list[str]:
    """Text of every row; missing values (None, NaN) become the empty string."""
    return ["" if v is None or v != v else str(v) for v in column]
