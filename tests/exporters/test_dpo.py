"""Preference pairs, checked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from importers.test_formats import answer, pair, put, single
from support.inside import evalh

RUN = "results/x"


def _run(*pairs: dict[str, Any], singles: tuple[dict[str, Any], ...] = ()) -> None:
    """Three questions with answers of m and n, judged in both orders."""
    put("f/question.jsonl", [{"question_id": n, "category": "c", "turns": [f"Ask {n}?", "And?"]} for n in (81, 82, 83, 84)])
    for model in ("m", "n"):
        rows = [answer(n, model, f"{model} says {n}", "second") for n in (81, 82)]
        put(f"f/model_answer/{model}.jsonl", [*rows, answer(83, model, "the same", ""), answer(84, model, "", "")])
    if pairs:
        put("f/model_judgment/j_pair.jsonl", pairs)
    if singles:
        put("f/model_judgment/j_single.jsonl", singles)
    done = evalh("import", "fastchat", "f", "--out", RUN)
    assert done.code == 0, done.err


def _pairs(*options: str) -> tuple[list[dict[str, Any]], str]:
    out = Path("pairs.jsonl")
    out.unlink(missing_ok=True)
    done = evalh("export", "dpo", RUN, "--out", out, *options)
    assert done.code == 0, done.err
    return [json.loads(line) for line in out.read_text().splitlines()], done.err


def test_pairs_of_comparisons() -> None:
    """Two of two orders give margin 1, three of four 0.5, one each none; later turns, equal and empty texts are no pair."""
    _run(
        pair(),  # 81: m, m
        pair(question_id=82, g1_winner="model_2", g2_winner="model_2"),  # 82: n, n
        pair(question_id=82, g1_winner="model_1", g2_winner="model_2"),  # 82 again: m, n
        pair(question_id=81, turn=2, g1_winner="model_2", g2_winner="model_2"),
        pair(question_id=83),
        pair(question_id=84),
    )
    rows, said = _pairs()
    assert rows == [
        {"prompt": "Ask 81?", "chosen": "m says 81", "rejected": "n says 81", "margin": 1.0, "confidence": 1.0,
         "agreement": 1.0, "judgments": 2, "question_id": "81", "chosen_model": "m", "rejected_model": "n"},
        {"prompt": "Ask 82?", "chosen": "n says 82", "rejected": "m says 82", "margin": 0.5, "confidence": 0.75,
         "agreement": 0.75, "judgments": 4, "question_id": "82", "chosen_model": "n", "rejected_model": "m"},
    ]  # fmt: skip
    assert "1 pairs of two equal texts" in said
    assert "1 pairs of which a text is missing or empty" in said


@pytest.mark.parametrize(
    ("option", "value"), [("--min-agreement", "0.8"), ("--min-confidence", "0.76"), ("--min-margin", "0.6")]
)
def test_filters(option: str, value: str) -> None:
    """Each filter keeps the sure pair and holds back the other."""
    _run(pair(), pair(question_id=82), pair(question_id=82, g2_winner="model_2"))
    rows, said = _pairs(option, value)
    assert [r["prompt"] for r in rows] == ["Ask 81?"]
    assert "1 pairs that a filter holds back" in said
    assert len(_pairs(option, "0.5")[0]) == 2


def test_ties_and_failures_are_no_preference() -> None:
    """A tie counts as a half, an error not at all; where neither is ahead there is no row."""
    _run(
        pair(g1_winner="tie", g2_winner="model_1"),
        pair(question_id=82, g1_winner="model_1", g2_winner="model_2"),
        pair(question_id=82, g1_winner="error", g2_winner="error"),
    )
    rows, said = _pairs()
    assert [(r["prompt"], r["margin"], r["agreement"], r["judgments"]) for r in rows] == [("Ask 81?", 0.5, 0.5, 2)]
    assert "1 pairs without a preference" in said


def test_pairs_of_scores() -> None:
    """Without comparisons, scores decide: margin in points, agreement over all pairs of scores."""
    _run(
        singles=(
            single(score=7),
            single(score=9),
            single(model="n", score=8),
            single(model="n", score=4),
            single(question_id=82, score=-1),
            single(question_id=82, model="n", score=5),
        )
    )
    rows, _ = _pairs()
    assert [(r["chosen_model"], r["margin"], r["agreement"], r["confidence"], r["judgments"]) for r in rows] == [
        ("m", 2.0, 0.75, 0.75, 4)
    ]


def test_a_run_without_judgments_has_no_pairs() -> None:
    """Exit 2, and no empty file."""
    _run()
    done = evalh("export", "dpo", RUN, "--out", "pairs.jsonl")
    assert done.code == 2
    assert "holds no scored judgment" in done.err
    assert not list(Path().glob("*pairs*"))


def test_the_datasets_library_reads_pairs() -> None:
    """prompt, chosen and rejected are text columns, margin a number; every value comes back as it was written."""
    datasets = pytest.importorskip("datasets", reason="the datasets library is not installed")
    _run(pair(), pair(question_id=82))
    written, _ = _pairs()
    read = datasets.load_dataset("json", data_files="pairs.jsonl", split="train", cache_dir="cache")
    assert read.features["chosen"].dtype == read.features["rejected"].dtype == read.features["prompt"].dtype == "string"
    assert read["margin"] == [1.0, 1.0]
    assert read.to_list() == written
    assert [r["chosen"] for r in written] == ["m says 81", "m says 82"]
