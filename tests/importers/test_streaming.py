"""An import holds names and counts, not texts."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from evalh.importers.formats import bring_in

NAMES = {"lines": "b.jsonl", "array": "b.json", "csv": "b.csv"}


def _peak(shape: str, count: int) -> int:
    """The most bytes that Python held during an import of `count` battles with 20 kB of text each."""
    path = Path(f"{count}-{NAMES[shape]}")
    with path.open("w", encoding="utf-8") as f:
        f.write({"lines": "", "array": "[", "csv": "question_id,model_a,model_b,winner,prompt,response_a,response_b\n"}[shape])
        for n in range(count):
            row = {"question_id": n, "model_a": "x", "model_b": "y", "winner": "tie", "prompt": "?"}
            row |= {"response_a": f"{n} " + "a" * 10_000, "response_b": f"{n} " + "b" * 10_000}
            f.write(",".join(map(str, row.values())) + "\n" if shape == "csv" else json.dumps(row))
            f.write({"lines": "\n", "array": "," if n < count - 1 else "]", "csv": ""}[shape])
    tracemalloc.start()
    try:
        done = bring_in(path, Path(f"run-{count}"), "battles")
        assert done.folder.manifest()["counts"]["judgments"] == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", NAMES)
def test_memory_does_not_grow_with_the_text(shape: str) -> None:
    """Three times as much text, 20 MB more, takes less than 2 MB more, however it is written."""
    _peak(shape, 10)  # what is imported and compiled on first use is not what is measured
    assert _peak(shape, 1500) - _peak(shape, 500) < 2_000_000
