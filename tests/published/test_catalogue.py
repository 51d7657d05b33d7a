"""The published catalogue as shipped: pinned, licensed, and true to the copies beside the project."""

from __future__ import annotations

import hashlib
import re

import pytest

from evalh.core.questions import open_set
from evalh.importers.formats import FORMATS
from evalh.published.catalogue import catalogue
from evalh.published.fetch import fetch
from support.shared_data import shared


@pytest.mark.parametrize("name", catalogue())
def test_every_set_is_pinned(name: str) -> None:
    """Every address names a commit, every file its size and SHA-256, every set its licence; files stay within the set."""
    chosen = catalogue()[name]
    assert chosen.licence
    assert chosen.title
    assert chosen.form in ("", *FORMATS)
    names = [f.name for f in chosen.files]
    assert len(set(names)) == len(names)
    for f in chosen.files:
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/.+", f.url), f.url
        assert re.fullmatch(r"[0-9a-f]{64}", f.sha256)
        assert f.bytes > 0
        assert not f.name.startswith("/")
        assert ".." not in f.name.split("/")
    assert {v for k, v in chosen.questions.items()} <= set(names)


@pytest.mark.parametrize(
    ("name", "file", "copy"),
    [
        ("vicuna-2023", "question.jsonl", "vicuna-bench-2023/question.jsonl"),
        ("mt-bench", "question.jsonl", "mt-bench/mt_bench/question.jsonl"),
        ("vicuna-2023", "prompt.jsonl", "vicuna-bench-2023/prompt.jsonl"),
        ("mt-bench", "judge_prompts.jsonl", "mt-bench/judge_prompts.jsonl"),
        ("mt-bench", "reference_answer/gpt-4.jsonl", "mt-bench/mt_bench/reference_answer/gpt-4.jsonl"),
        ("vicuna-80", "question.jsonl", "mt-bench/vicuna_bench/question.jsonl"),
    ],
)
def test_checksums_are_those_of_published_copies(name: str, file: str, copy: str) -> None:
    """Where an unchanged copy lies beside the project, its checksum is the catalogue's."""
    data = shared(*copy.split("/")).read_bytes()
    chosen = next(f for f in catalogue()[name].files if f.name == file)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (chosen.bytes, chosen.sha256)


def test_the_review_of_march_2023_from_its_copy() -> None:
    """The copy beside the project is a mirror: the set is fetched from it, and its questions go by its name."""
    root = shared("vicuna-bench-2023")
    fetch(catalogue()["vicuna-2023"], str(root))
    found = open_set("vicuna-2023")
    assert len(found.questions) == 80
    assert len(found.categories) == 9
