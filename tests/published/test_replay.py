"""Published sets replayed from the copies beside the project: their figures to the digits that were printed."""

from __future__ import annotations

import json

from support.inside import evalh
from support.shared_data import shared


def test_march_2023() -> None:
    """Totals and relative scores of the blog post, every one the same; exit 0."""
    root = shared("vicuna-bench-2023")
    done = evalh("replay", "vicuna-2023", "--from", root, "--format", "json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert len(document["figures"]) == 13
    assert all(f["same"] for f in document["figures"])
    percent = {f["model"]: f["replayed"]["value"] for f in document["figures"] if f["figure"] == "relative_score"}
    assert {m: round(100 * v, 3) for m, v in percent.items()} == {
        "llama-13b": 68.053,
        "alpaca-13b": 76.240,
        "vicuna-13b": 92.063,
        "bard": 93.257,
        "gpt35": 100.0,
    }
    table = evalh("replay", "vicuna-2023", "--from", root)
    assert table.code == 0
    assert table.out.count("same") == 13
    assert "DIFFERS" not in table.out
