"""Headers, list items and bold passages of an answer."""

from __future__ import annotations

import gzip
import json

import pytest

from evalh.pipeline.markdown import markdown_counts, total
from support.shared_data import shared


@pytest.mark.parametrize(
    ("text", "headers", "lists", "bold"),
    [
        ("", 0, 0, 0),
        ("plain words, 2 * 3 * 4 and a #tag", 0, 0, 0),
        ("# One\n\n## Two\n###### Six\n####### seven is none", 3, 0, 0),
        ("1. first\n2. second\n  - below\n* star\n+ plus\n10.no", 0, 5, 0),
        ("**bold** and __also__ and **not\nclosed** and *slanted*", 0, 0, 2),
        ("```python\n# a comment\n- 1\n**kw**\n```\n# real", 1, 0, 0),
        ("a #no header\n #neither", 0, 0, 0),
        ("1) is no item\n1. is", 0, 1, 0),
        ("# windows\r\n- item\r\n**b**\r\n", 1, 1, 1),
    ],
)
def test_what_is_counted(text: str, headers: int, lists: int, bold: int) -> None:
    """Markdown outside of code blocks, and nothing that only looks like it."""
    found = markdown_counts(text)
    assert [total(found[name]) for name in ("header_count", "list_count", "bold_count")] == [headers, lists, bold]


def test_arena_hards_own_counts_come_out() -> None:
    """Of 1,500 answers all but four are counted as stored; there, what stood in a code block was removed everywhere."""
    other = 0
    for model in ("gpt-3.5-turbo-0125", "gpt-4-0314", "gpt-4-0613"):
        with gzip.open(shared("arena-hard-v0.1", f"answers_{model}.jsonl.gz"), "rt", encoding="utf-8") as f:
            for row in map(json.loads, f):
                stored = {k: v for k, v in row["conv_metadata"].items() if k != "token_len"}
                other += markdown_counts(row["text"]) != stored
    assert other == 4


@pytest.mark.parametrize(
    ("stored", "number"),
    [(3, 3.0), ({"h1": 1, "h2": 2}, 3.0), ({}, 0.0), (None, None), ("3", None), (True, None), ({"h1": "x"}, None)],
)
def test_a_stored_count_is_one_number(stored: object, number: float | None) -> None:
    """A number, or numbers by kind; anything else is none."""
    assert total(stored) == number
