"""Published data of every kind, imported: the figures that come out of our own statistics are those that were published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalh as library
from evalh.importers.formats import bring_in
from evalh.importers.options import Options
from evalh.reports.leaderboard import Table, build
from evalh.stats.agreement import agreement
from evalh.stats.cells import Cells, collect
from evalh.stats.frame import Results
from evalh.stats.winrate import tallies
from support.shared_data import shared

BASELINE = "claude-3-sonnet-20240229"
QUESTIONS = ("mt-bench", "mt_bench", "question.jsonl")


def _expected(folder: str) -> dict[str, Any]:
    return dict(json.loads(shared(folder, "expected.json").read_text("utf-8")))


@cache
def _made(root: Path, path: Path, extra: tuple[Path, ...], judge: str | None) -> library.Run:
    out = root / str(abs(hash((path, extra))))
    bring_in(path, out, None, extra, Options(judge=judge))
    return library.load(out)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's imports go; each file is imported once."""
    return tmp_path_factory.mktemp("published")


def _imported(root: Path, *parts: str, extra: tuple[Path, ...] = (), judge: str | None = None) -> library.Run:
    return _made(root, shared(*parts), extra, judge)


def _rows(run: library.Run, judge: str) -> Results:
    return run.results.take(np.flatnonzero(run.results.judge.where(judge)))


def _cells(run: library.Run, judge: str) -> Cells:
    return collect(_rows(run, judge))


def _pooled(cells: Cells) -> dict[str, float]:
    """Each model's mean outcome over all its rows, from the sums of its pairs."""
    c = cells.comparisons
    earned, weight = np.zeros(len(cells.models)), np.zeros(len(cells.models))
    outcome, given = c.per_pair(c.outcome), c.per_pair(c.weight)
    np.add.at(earned, c.pairs[:, 0], outcome)
    np.add.at(earned, c.pairs[:, 1], given - outcome)
    for side in (0, 1):
        np.add.at(weight, c.pairs[:, side], given)
    return dict(zip(cells.models, (earned / weight).tolist(), strict=True))


def _outcomes(rows: Results, model: str) -> tuple[int, int, int]:
    """Wins, ties and losses of a model, row by row."""
    first, second = rows.model_a.where(model), rows.model_b.where(model)
    own = np.concatenate([rows.outcome[first], 1 - rows.outcome[second]])
    return int((own > 0.5).sum()), int((own == 0.5).sum()), int((own < 0.5).sum())


def _by_model(table: Table) -> Mapping[str, Any]:
    return {m.model: m for m in table.models}


@pytest.mark.parametrize(
    "name",
    [
        "FasterDecoding__Medusa",
        "dreaming-panda__MTBench",
        "muhan421__fastchat-eval",
        "sarahlmk__FastChat",
        "vanbujm__FastChat",
    ],
)
def test_mt_bench_scores(root: Path, name: str) -> None:
    """Means of both turns, the average over all rows, categories, repeated and failed rows, for every published file."""
    run = _imported(root, "mt-bench", "single", f"{name}.jsonl.gz", extra=(shared(*QUESTIONS),))
    board = build(run.results)["gpt-4"]
    for model, want in _expected("mt-bench")[name]["models"].items():
        row = _by_model(board.overall)[model]
        assert row.mean_score.value == pytest.approx(want["average"], rel=1e-12)
        assert row.turns["1"].value == pytest.approx(want["first_turn"], rel=1e-12)
        assert row.turns["2"].value == pytest.approx(want["second_turn"], rel=1e-12)
        assert (row.scored, row.unscored) == (want["rows_scored"], want["rows_minus_1"])
        for category, average in want["by_category_average"].items():
            assert _by_model(board.categories[category])[model].mean_score.value == pytest.approx(average, rel=1e-12)
        own = [j for j in run.judgments if j.answers[0] in {a.answer_id for a in run.answers if a.model == model}]
        assert sum(j.sample > 0 for j in own) == want["duplicate_question_turn_rows"]
        assert len(own) == want["rows"]


def test_mt_bench_pairs(root: Path) -> None:
    """Win, tie and loss after the rule of both games; rows with an error are dropped."""
    run = _imported(root, "mt-bench", "pair", "Stefanstud__FastChat.jsonl.gz", extra=(shared(*QUESTIONS),))
    want = _expected("mt-bench")["pair:Stefanstud__FastChat"]
    cells = _cells(run, "gpt-4")
    counts = dict(zip(cells.models, tallies(cells.comparisons, len(cells.models)).tolist(), strict=True))
    for model, figures in want["models"].items():
        wins, ties, losses = counts[model]
        assert (wins, ties, losses) == (figures["win"], figures["tie"], figures["loss"])
        n = wins + ties + losses
        assert (wins + ties / 2) / n == pytest.approx(figures["win_rate_adjusted"], rel=1e-12)
    assert int(cells.comparisons.left_out.sum()) == want["error_rows_dropped"]
    assert len(run.judgments) == 2 * want["rows"]


def test_mt_bench_human_votes(root: Path) -> None:
    """Counts of votes and voters, pooled win rates of people and of GPT-4."""
    run = _imported(root, "mt-bench-human")
    want = _expected("mt-bench-human")
    raters = {f for j in run.judgments for f in j.flags if f.startswith("rater:")}
    assert len(raters) == want["counts"]["distinct_judges"]
    for judge, figures in (("human", "human_win_rates_all_votes"), ("gpt4_pair", "gpt4_pair_win_rates")):
        rows = _rows(run, judge)
        pooled = _pooled(collect(rows))
        for model, own in want[figures].items():
            assert _outcomes(rows, model) == (own["win"], own["tie"], own["loss"])
            assert pooled[model] == pytest.approx(own["win_rate_adjusted"], rel=1e-12)
    inconsistent = sum("winner:tie (inconsistent)" in j.flags for j in run.judgments)
    assert inconsistent == want["counts"]["gpt4_winner_counts"]["tie (inconsistent)"]


def test_mt_bench_agreement_with_experts(root: Path) -> None:
    """886/1343, 727/859, 871/1325 and 731/864: how often GPT-4 and an expert say the same, by turn, with and without ties."""
    run = _imported(root, "mt-bench-human")
    want = _expected("mt-bench-human")["fastchat_compute_agreement"]
    votes = [v for v in run._folder.votes() if v["rater"].startswith("expert")]
    rows = _rows(run, "gpt4_pair")
    for turn in (1, 2):
        of_turn = [v for v in votes if v["turn"] == turn]
        for ties, label in (("kept", "with_ties_S1"), ("dropped", "without_ties_S2")):
            found, count = agreement(rows, of_turn, ties=ties)
            told = want[f"turn{turn}_{label}_gpt4-pair_vs_human"]
            assert (found.value, count) == (pytest.approx(told["ratio"], rel=1e-12), told["total"])


@pytest.mark.parametrize(
    ("version", "judge"), [("v1", "alpaca_eval_gpt4"), ("v2", "weighted_alpaca_eval_gpt4_turbo")], ids=("v1", "v2")
)
def test_alpaca_eval(root: Path, version: str, judge: str) -> None:
    """Win rate, its standard error, wins, draws and totals of every row of both leaderboards."""
    run = _imported(root, "alpaca-eval")
    board = build(_rows(run, judge))[judge]
    baseline = {"v1": "text_davinci_003", "v2": "gpt4_1106_preview"}[version]
    for model, figures in _expected("alpaca-eval")[judge].items():
        want = figures["leaderboard_csv"]
        pair = next(p for p in board.overall.pairs if {p.model_a, p.model_b} == {model, baseline})
        turned = pair.model_b == model
        rate, wins = pair.win_rate_a, (pair.wins_b if turned else pair.wins_a)
        value = 1 - rate.value if turned else rate.value
        assert 100 * value == pytest.approx(want["win_rate"], abs=1e-9)
        assert 100 * rate.standard_error == pytest.approx(want["standard_error"], abs=1e-9)
        assert (wins, pair.ties, pair.scored) == (want["n_wins"], want["n_draws"], want["n_total"])
        assert 100 * (wins + pair.ties / 2) / pair.scored == pytest.approx(want["discrete_win_rate"], abs=1e-9)


def test_arena_bench(root: Path) -> None:
    """Mean scores and failed rows of all seven models."""
    run = _imported(root, "arena-bench-v1", judge="gpt-4")
    rows = _by_model(build(run.results)["gpt-4"].overall)
    for want in _expected("arena-bench-v1").values():
        row = rows[want["model_field"]]
        assert row.mean_score.value == pytest.approx(want["mean_score"], rel=1e-12)
        assert (row.scored, row.unscored) == (want["valid_scores"], want["null_scores"])
    assert all(q.reference for q in run.questions)


def test_arena_hard_battles(root: Path) -> None:
    """The published scores 37.9 and 23.3, and weighted wins, ties and losses: strong verdicts stand there three times."""
    run = _imported(root, "arena-hard-v0.1", judge="gpt-4-1106-preview")
    want = _expected("arena-hard-v0.1")
    rows = run.results
    baseline = want["baseline"]
    pairs = build(rows)["gpt-4-1106-preview"].overall.pairs
    for model, figures in want["ratings"].items():
        if model == baseline:
            continue
        wins, ties, losses = _outcomes(rows, model)
        assert (wins, ties, losses) == tuple(figures[f"weighted_{k}"] for k in ("wins", "ties", "losses"))
        pair = next(p for p in pairs if {p.model_a, p.model_b} == {model, baseline})
        value = pair.win_rate_a.value if pair.model_a == model else 1 - pair.win_rate_a.value
        assert 100 * value == pytest.approx(figures["score_percent"], abs=1e-5)
        assert round(100 * value, 1) == want["published_score_percent"][model]
    assert {a.model for a in run.answers if a.failure is None} == set(want["ratings"])


def test_llmbar(root: Path) -> None:
    """Accuracy in each order, in both, and on average, and agreement of the orders, of six evaluators on five subsets."""
    run = _imported(root, "llmbar")
    subset = {q.question_id: q.category for q in run.questions}
    shown = {a.answer_id: a.model for a in run.answers}
    for name, figures in _expected("llmbar").items():
        for evaluator, want in figures["evaluators"].items():
            rows = run.results.take(np.flatnonzero(run.results.judge.where(evaluator) & run.results.category.where(name)))
            cells = collect(rows)
            wins, _, losses = (int(x.sum()) for x in (cells.comparisons.wins, cells.comparisons.ties, cells.comparisons.losses))
            n = want["n"]
            assert wins / n == pytest.approx(want["accuracy_both_orders_correct"], abs=1e-12)
            assert float(np.nansum(rows.outcome)) / (2 * n) == pytest.approx(want["accuracy_average"], abs=1e-12)
            assert int(cells.comparisons.unscored.sum()) == want["winner_values"].get("None", 0)
            own = [j for j in run.judgments if j.judge == evaluator and subset[j.question_id] == name]
            original = {j.question_id: j for j in own[0::2]}
            right = sum((shown[j.answers[0]] == "better") == (j.verdict == "A") for j in original.values() if j.verdict)
            assert right / n == pytest.approx(want["accuracy_original_order"], abs=1e-12)
            if cells.comparisons.left_out.sum() == 0:
                assert (wins + losses) / n == pytest.approx(want["positional_agreement_rate"], abs=1e-12)
    votes = run._folder.votes()
    assert len(votes) == len(run.questions) == 419


def test_wildvision(root: Path) -> None:
    """Verdicts with their strength, win rates, rewards, and scores with strong verdicts counted three times."""
    run = _imported(root, "wildvision-bench")
    models = {a.answer_id: a.model for a in run.answers}
    rows = _rows(run, "gpt-4o")
    pairs = build(rows)["gpt-4o"].overall.pairs
    for model, want in _expected("wildvision-bench").items():
        own = [j for j in run.judgments if models[j.answers[1]] == model]
        counts = dict.fromkeys(("A>>B", "A>B", "A=B", "B>A", "B>>A"), 0)
        for j in own:
            sign = ">" * (j.strength or 0)
            counts["A=B" if j.verdict == "tie" else f"A{sign}B" if j.verdict == "A" else f"B{sign}A"] += 1
        assert counts == {s: want["verdict_counts_game_1"].get(s, 0) for s in counts}
        wins, ties, losses = _outcomes(rows, model)
        assert 100 * wins / 500 == pytest.approx(want["win_rate_percent"])
        pair = next(p for p in pairs if {p.model_a, p.model_b} == {model, BASELINE})
        score = pair.win_rate_a.value if pair.model_a == model else 1 - pair.win_rate_a.value
        assert 100 * score == pytest.approx(want["score_percent_from_counts"], rel=1e-12)
        assert round(100 * score, 2) == want["published_leaderboard_row"]["score"]
        steps = [(-1 if j.verdict == "A" else 1) * (j.strength or 0) * 50 if j.verdict != "tie" else 0 for j in own]
        assert np.mean(steps) == pytest.approx(want["reward"], abs=0.05)
        assert want["published_leaderboard_row"]["reward"] == pytest.approx(np.mean(steps), abs=0.051)
        assert wins + ties + losses == want["n"]


def test_synthetic_battles(root: Path) -> None:
    """Counts of every pair and of the winners, and Bradley-Terry ratings of the exact optimum."""
    run = _imported(root, "synthetic-battles-5k")
    want = _expected("synthetic-battles-5k")
    board = build(run.results)["votes"]
    pairs = {f"{p.model_a} vs {p.model_b}": p for p in board.overall.pairs}
    for name, figures in want["pairwise_counts"].items():
        p = pairs[name]
        assert (p.wins_a, p.wins_b, p.ties) == (figures["wins_first"], figures["wins_second"], figures["ties"])
    both_bad = sum("winner:tie (bothbad)" in j.flags for j in run.judgments)
    assert both_bad == want["winner_counts"]["tie (bothbad)"]
    assert sum(j.verdict == "tie" for j in run.judgments) == both_bad + want["winner_counts"]["tie"]
    ratings = {m.model: m.rating.value for m in board.overall.models}
    exact = want["bt_exact_mean_1000"]
    shift = np.mean([ratings[m] - exact[m] for m in exact])
    for model, value in exact.items():
        assert ratings[model] - shift == pytest.approx(value, abs=1e-3)
    assert {"token_len", "header_count", "list_count", "bold_count"} == set(run.answers[0].params["style"])
