"""Stored replies of published evaluations, read again row by row."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalh.judges.parse import parse
from evalh.judges.scale import Scale
from support.shared_data import shared

TWO = Scale("two-way")
PREFERENCE = Scale("preference")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


# Two of ChatGPT's explanations were cut off. One had said "Output (a) is better" before it was, which LLMBar counts.
def test_llmbars_replies_give_the_stored_winners() -> None:
    """All 5,028 replies of six evaluators give the stored winner as published; strictly, all but one that was cut off."""
    counted = Counter[tuple[str, str, bool]]()
    for path in sorted(shared("llmbar", "results").glob("*/*.gz")):
        reader = "output-better" if "CoT" in path.name else "output-choice"
        for row in rows(path):
            for order, names in (("original", {"A": "1", "B": "2"}), ("swapped", {"A": "2", "B": "1"})):
                (text, finish), winner = row[order]["completion"], row[order]["winner"]
                for reading in ("published", "strict"):
                    got = parse(reader, text, TWO, reading=reading, truncated=finish == "length")
                    same = names.get(got.verdict or "") == winner
                    assert same or got.status == "truncated", (path.parent.name, path.name, row["row"], order, reading)
                    counted[reading, got.status, same] += 1
    assert counted == {
        ("published", "scored", True): 5013,
        ("published", "no_verdict", True): 15,
        ("strict", "scored", True): 5012,
        ("strict", "no_verdict", True): 4,
        ("strict", "empty", True): 8,
        ("strict", "refused", True): 2,
        ("strict", "truncated", True): 1,
        ("strict", "truncated", False): 1,
    }


def test_alpaca_evals_log_probabilities_give_the_stored_preferences() -> None:
    """All 8,020 stored log-probabilities give the stored preference to 1e-6, turned back or not, in both readings."""
    counted = Counter[tuple[str, tuple[str, ...]]]()
    for path in sorted(shared("alpaca-eval", "v2", "annotations").glob("*.gz")):
        for row in rows(path):
            top, text = row["judge_top_logprobs"], row["judge_text"]
            if not top:
                continue  # two outputs that are the same, and two files without any
            tokens = ({"token": text, "logprob": top.get(text), "top": top},)
            for reading in ("published", "strict"):
                got = parse("token-preference", text, PREFERENCE, reading=reading, truncated=True, logprobs=tokens)
                assert got.preference is not None, (path.name, row["row"])
                # Which order was shown is not stored; the preference is 2 - P in the one, 1 + P in the other.
                off = min(abs(stored - row["preference"]) for stored in (2 - got.preference, 1 + got.preference))
                assert off < 1e-6, (path.name, row["row"], reading)
                counted[reading, got.flags] += 1
    assert counted == {
        ("published", ("reading:published",)): 8020,
        ("strict", ()): 8018,
        ("strict", ("low_token_mass",)): 2,
    }
