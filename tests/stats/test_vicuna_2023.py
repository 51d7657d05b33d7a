"""The evaluation of the Vicuna blog post (LMSYS, 30 March 2023), recomputed from its published reviews."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalh.reports.leaderboard import Leaderboard, Table, build
from stats.frames import results, review
from support.shared_data import shared

FOLDER = "vicuna-bench-2023"
SETS = ("vicuna-13b_20230322-clean-lang", "vicuna-13b_20230322-new-hp-fp16", "vicuna-7b_20230322-fp16", "others")


def load(name: str) -> tuple[Leaderboard, list[dict[str, Any]]]:
    """The leaderboard of a review set, and its rows."""
    with shared(FOLDER, "question.jsonl").open(encoding="utf-8") as lines:
        categories = {q["question_id"]: q["category"] for q in map(json.loads, lines)}
    rows = []
    for path in sorted(shared(FOLDER, "review", name).glob("review_*.jsonl")):
        a, b = path.stem.removeprefix("review_").split("_", 1)
        with path.open(encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                question = line["question_id"]
                rows.append(review(f"{question:03}", a, b, *line["score"], category=categories[question]))
    return build(results(rows))["judge"], rows


def check_pair(table: Table, pair: dict[str, Any], names: tuple[str, str]) -> None:
    """Totals and tallies of a pair, to all digits."""
    row = next(p for p in table.pairs if (p.model_a, p.model_b) == names)
    assert (row.total_a, row.total_b) == (pair["model_1_total"], pair["model_2_total"])
    assert (row.wins_a, row.ties, row.wins_b) == (pair["model_1_wins"], pair["ties"], pair["model_2_wins"])
    assert row.scored == pair["n"]
    assert row.win_rate_a is not None
    assert row.win_rate_a.value == pytest.approx((pair["model_1_wins"] + pair["ties"] / 2) / pair["n"], rel=1e-15)


def test_published_totals_and_relative_scores() -> None:
    """Totals 513/694, 583/704, 664/655.5, 693/638 and relative scores 68, 76, 92, 93, 100 % come out to all digits."""
    expected = json.loads(shared(FOLDER, "expected.json").read_text(encoding="utf-8"))
    board, _ = load(expected["review_set"])
    assert board.reference == "gpt35"
    for pair in expected["pairs"].values():
        names = (pair["model_1"], pair["model_2"])
        check_pair(board.overall, pair, names)
        for category, own in pair["by_category"].items():
            check_pair(board.categories[category], own, names)
    relative = {row.model: row.relative_score.value for row in board.overall.models if row.relative_score}
    assert relative == pytest.approx(expected["relative_quality_vs_chatgpt"], rel=1e-15)
    published = expected["published"]["relative_quality_percent_of_chatgpt"]
    assert {model: round(100 * value) for model, value in relative.items()} == published


def test_chained_scores_by_category() -> None:
    """The chain is taken within each category: sums of that category's reviews, from the expected totals."""
    expected = json.loads(shared(FOLDER, "expected.json").read_text(encoding="utf-8"))
    board, _ = load(expected["review_set"])
    pairs = expected["pairs"]
    for category, table in board.categories.items():
        link = pairs["gpt35 vs vicuna-13b"]["by_category"][category]
        vicuna = link["model_2_total"] / link["model_1_total"]
        rows = {row.model: row for row in table.models}
        assert rows["vicuna-13b"].relative_score.value == pytest.approx(vicuna, rel=1e-15)  # type: ignore[union-attr]
        for model in ("alpaca-13b", "bard", "llama-13b"):
            own = pairs[f"{model} vs vicuna-13b"]["by_category"][category]
            value = own["model_1_total"] / own["model_2_total"] * vicuna
            assert rows[model].relative_score.value == pytest.approx(value, rel=1e-15)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SETS)
def test_every_review_set(name: str) -> None:
    """Totals, tallies and direct relative scores of each published set equal plain sums over its files."""
    board, rows = load(name)
    for pair in board.overall.pairs:
        own = [r for r in rows if {r["model_a"], r["model_b"]} == {pair.model_a, pair.model_b}]
        given = [(r["score_a"], r["score_b"]) if r["model_a"] == pair.model_a else (r["score_b"], r["score_a"]) for r in own]
        assert pair.total_a == sum(a for a, _ in given)
        assert pair.total_b == sum(b for _, b in given)
        assert pair.wins_a == sum(a > b for a, b in given)
        assert pair.wins_b == sum(a < b for a, b in given)
        assert pair.ties == sum(a == b for a, b in given)
        if board.reference in (pair.model_a, pair.model_b):
            other = pair.model_b if pair.model_a == board.reference else pair.model_a
            ratio = pair.total_b / pair.total_a if pair.model_a == board.reference else pair.total_a / pair.total_b
            row = next(r for r in board.overall.models if r.model == other)
            assert row.relative_score is not None
            assert row.relative_score.value == pytest.approx(ratio, rel=1e-15)
    assert len(board.overall.pairs) * 80 == len(rows)
    own_row = next(r for r in board.overall.models if r.model == board.reference)
    assert own_row.relative_score is not None
    assert (own_row.relative_score.value, own_row.relative_score.low, own_row.relative_score.high) == (1.0, None, None)
