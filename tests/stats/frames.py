"""Results frames for tests, written as short rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evalh.stats.frame import Results, as_results

COLUMNS = ("question_id", "category", "turn", "sample", "judge", "mode", "aspect", "model_a", "model_b")
COLUMNS += ("outcome", "score_a", "score_b", "weight", "group_id", "swapped", "status")
NAN = float("nan")


def comparison(question: str, a: str, b: str, outcome: float | None, **more: Any) -> dict[str, Any]:
    """One row of a comparison; an outcome of None is an unscored one."""
    row = {"question_id": question, "mode": "pairwise", "model_a": a, "model_b": b, "group_id": f"{question}/{a}/{b}"}
    row |= {"outcome": NAN if outcome is None else outcome, "status": "no_verdict" if outcome is None else "scored"}
    return row | more


def review(question: str, a: str, b: str, score_a: float, score_b: float, **more: Any) -> dict[str, Any]:
    """One two-score row; the outcome follows from the scores."""
    outcome = 1.0 if score_a > score_b else 0.0 if score_a < score_b else 0.5
    return comparison(question, a, b, outcome, mode="two-score", score_a=score_a, score_b=score_b) | more


def score(question: str, model: str, points: float | None, **more: Any) -> dict[str, Any]:
    """One absolute row; points of None are an unscored one."""
    row = {"question_id": question, "mode": "absolute", "model_a": model, "model_b": "", "group_id": f"{question}/{model}"}
    row |= {"score_a": NAN if points is None else points, "status": "no_verdict" if points is None else "scored"}
    return row | more


def results(rows: Iterable[Mapping[str, Any]]) -> Results:
    """A frame of rows, with judge "judge" and category "general" where none is given."""
    defaults: dict[str, Any] = {
        "category": "general",
        "turn": 1,
        "sample": 0,
        "judge": "judge",
        "aspect": "overall",
        "outcome": NAN,
        "score_a": NAN,
        "score_b": NAN,
        "weight": 1.0,
        "swapped": False,
    }
    filled = [defaults | dict(row) for row in rows]
    return as_results({name: [row[name] for row in filled] for name in COLUMNS})


def golden(name: str) -> Any:
    """A hand-worked or published case from `golden/`."""
    return json.loads((Path(__file__).parent / "golden" / name).read_text(encoding="utf-8"))
