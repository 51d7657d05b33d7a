"""An import writes its lines without building records: they are the lines that the records would have."""

from __future__ import annotations

import json
from pathlib import Path

from evalh.core import wire
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import FILES
from evalh.importers.formats import bring_in

ROWS = [
    {"question_id": "q", "model_a": "x", "model_b": "y", "winner": "model_a", "judge": "é"},
    {"question_id": "q", "model_a": "x", "model_b": "y", "winner": "tie (bothbad)", "response_a": "said", "response_b": ""},
    {
        "model_a": "x",
        "model_b": "z",
        "winner": "error",
        "conv_metadata": {"sum_assistant_a_tokens": 3, "bold_count_b": {"n": 1}},
    },
    {"model_a": "y", "model_b": "x", "winner": "", "prompt": "\u2028?", "turn": 2},
]
SINGLES = [
    {"question_id": 1, "model": "x", "judge": ["gpt-4", "single-v1"], "judgment": "Rating: [[7]]", "score": 7, "turn": 1},
    {"question_id": 1, "model": "x", "judge": ["gpt-4", "single-v1"], "judgment": "$ERROR$", "score": -1, "turn": 2},
]


def test_lines_are_those_of_records() -> None:
    """Every line that is imported is, to the byte, what its record is written as: scored, unscored, with text and without."""
    for name, rows in (("battles.jsonl", ROWS), ("gpt-4_single.jsonl", SINGLES)):
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        folder = bring_in(Path(name), Path(f"run-{name}")).folder
        for kind in (Question, Answer, Judgment):
            lines = (folder.path / FILES[kind]).read_bytes().splitlines(keepends=True)
            assert lines
            assert [wire.dump(wire.load(kind, line)) for line in lines] == lines
