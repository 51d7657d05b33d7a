"""For every folder of published data: import -> export -> import gives the same records, and the original tool's way of reading
what was exported gives the published figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporters import originals
from exporters.test_round_trips import lines_of, there_and_back
from support.inside import evalh
from support.shared_data import shared


def _expected(folder: str) -> dict[str, Any]:
    return dict(json.loads(shared(folder, "expected.json").read_text("utf-8")))


@pytest.mark.parametrize(
    "name",
    ["FasterDecoding__Medusa", "dreaming-panda__MTBench", "muhan421__fastchat-eval", "sarahlmk__FastChat", "vanbujm__FastChat"],
)
def test_mt_bench_scores(name: str) -> None:
    """FastChat's averages by turn, and over all rows, of every file of single scores; its questions by id."""
    extra = ("--with", shared("mt-bench", "mt_bench"))
    out = there_and_back("fastchat", shared("mt-bench", "single", f"{name}.jsonl.gz"), "out", *extra)
    (file,) = (out / "model_judgment").glob("*_single.jsonl")
    found = originals.fastchat_single(file)
    for model, want in _expected("mt-bench")[name]["models"].items():
        assert found[model]["average"] == pytest.approx(want["average"], rel=1e-12)
        assert found[model]["turn 1"] == pytest.approx(want["first_turn"], rel=1e-12)
        assert found[model]["turn 2"] == pytest.approx(want["second_turn"], rel=1e-12)
    asked = originals.fastchat_questions(out)
    assert asked == {q["question_id"]: q["turns"] for q in lines_of(shared("mt-bench", "mt_bench", "question.jsonl"))}


def test_mt_bench_pairs() -> None:
    """FastChat's wins, ties and losses of pairs in both orders."""
    extra = ("--with", shared("mt-bench", "mt_bench"))
    out = there_and_back("fastchat", shared("mt-bench", "pair", "Stefanstud__FastChat.jsonl.gz"), "out", *extra)
    found = originals.fastchat_pair(out / "model_judgment" / "gpt-4_pair.jsonl")
    want = _expected("mt-bench")["pair:Stefanstud__FastChat"]["models"]
    assert found == {model: (w["win"], w["tie"], w["loss"]) for model, w in want.items()}


def test_arena_bench() -> None:
    """FastChat's averages of all seven models, null scores dropped."""
    out = there_and_back("fastchat", shared("arena-bench-v1"), "out", "--judge-name", "gpt-4", judge="gpt-4")
    found = originals.fastchat_single(out / "model_judgment" / "gpt-4_single.jsonl")
    for want in _expected("arena-bench-v1").values():
        assert found[want["model_field"]]["average"] == pytest.approx(want["mean_score"], rel=1e-12)
    references = list(originals.lines(out / "reference_answer" / "gpt-4.jsonl"))
    assert len(references) == len(originals.fastchat_questions(out)) == 300


def _alpaca(out: Path, version: str, judge: str) -> int:
    """Hold every annotations.json of one judge against the leaderboard; returns how many there were."""
    files = list(out.glob(f"*/{judge}/annotations.json"))
    for file in files:
        found = originals.alpaca_eval(file)
        want = _expected("alpaca-eval")[judge][file.parent.parent.name]["leaderboard_csv"]
        assert found == pytest.approx({key: want[key] for key in found}, abs=1e-9), file
    return len(files)


@pytest.mark.parametrize(
    ("version", "model", "judge"),
    [("v1", "phi-2", "alpaca_eval_gpt4"), ("v2", "text_davinci_001", "weighted_alpaca_eval_gpt4_turbo")],
)
def test_alpaca_eval(version: str, model: str, judge: str) -> None:
    """A leaderboard's row of each version, nulls and old draws of 0 among them; the outputs of both models."""
    out = there_and_back("alpaca-eval", shared("alpaca-eval", version, "annotations", f"{model}.jsonl.gz"), "out")
    assert _alpaca(out, version, judge) == 1
    for file in out.glob("*/model_outputs.json"):
        assert len(originals.alpaca_outputs(file)) > 790


@pytest.mark.slow
def test_the_whole_of_alpaca_eval() -> None:
    """All 18 files of both versions at once: every record comes back, every leaderboard row comes out."""
    out = there_and_back("alpaca-eval", shared("alpaca-eval"), "out")
    assert _alpaca(out, "v1", "alpaca_eval_gpt4") == 6
    assert _alpaca(out, "v2", "weighted_alpaca_eval_gpt4_turbo") == 12


@pytest.mark.parametrize("name", ["b.jsonl", "b.csv"])
def test_arena_hard_battles(name: str) -> None:
    """Weighted wins, ties and losses behind the published 37.9 and 23.3; questions and answers travel with the battles."""
    found, counts = originals.battles(there_and_back("battles", shared("arena-hard-v0.1"), name))
    want = _expected("arena-hard-v0.1")["ratings"]
    for model in ("gpt-4-0613", "gpt-3.5-turbo-0125"):
        assert counts[model] == [want[model][f"weighted_{k}"] for k in ("wins", "ties", "losses")]
    assert sum(found.values()) == 2658


def test_arena_hard_answers() -> None:
    """500 questions and three models' answers in the form of Arena-Hard, as its reader finds them."""
    out = there_and_back("arena-hard", shared("arena-hard-v0.1"), "out")
    answers = originals.arena_hard_answers(out)
    assert {model: len(own) for model, own in answers.items()} == dict.fromkeys(
        ("gpt-4-0314", "gpt-4-0613", "gpt-3.5-turbo-0125"), 500
    )


def test_wildvision() -> None:
    """Weighted wins, ties and losses of all eight models, as Arena-Hard's reader counts them."""
    out = there_and_back("wildvision", shared("wildvision-bench", "judgments"), "out")
    expected = _expected("wildvision-bench")
    files = list((out / "model_judgment").glob("*/*.jsonl"))
    assert len(files) == 8
    for file in files:
        model = next(originals.lines(file))["model"]
        assert originals.arena_hard(file) == tuple(expected[model]["weighted_counts_x3"][k] for k in ("w", "t", "l")), model


@pytest.mark.parametrize(("file", "figures"), [("human", "human_win_rates_all_votes"), ("gpt4_pair", "gpt4_pair_win_rates")])
def test_mt_bench_votes(file: str, figures: str) -> None:
    """Votes of people and verdicts of GPT-4 as battles: every record comes back, each model's wins, ties and losses too."""
    _, counts = originals.battles(there_and_back("mt-bench-human", shared("mt-bench-human", f"{file}.jsonl"), "b.csv"))
    want = _expected("mt-bench-human")[figures]
    assert counts == {model: [w["win"], w["tie"], w["loss"]] for model, w in want.items()}


def test_synthetic_battles() -> None:
    """Winners of all spellings of 5,000 battles."""
    found, _ = originals.battles(there_and_back("battles", shared("synthetic-battles-5k", "battles.jsonl.gz"), "b.jsonl"))
    assert found == _expected("synthetic-battles-5k")["winner_counts"]


@pytest.mark.parametrize(
    "reviews", ["vicuna-13b_20230322-clean-lang", "others", "vicuna-13b_20230322-new-hp-fp16", "vicuna-7b_20230322-fp16"]
)
def test_vicuna_2023(reviews: str) -> None:
    """All four review sets come back; the totals of the published one are those of the blog."""
    chosen = ("--reviews", reviews)
    out = there_and_back("vicuna-2023", shared("vicuna-bench-2023"), "out", *chosen, again=chosen)
    totals = originals.vicuna_totals(out)
    expected = _expected("vicuna-bench-2023")
    if reviews == expected["review_set"]:
        assert totals == {pair: (w["model_1_total"], w["model_2_total"]) for pair, w in expected["pairs"].items()}
    assert len(totals) == len(list(shared("vicuna-bench-2023", "review", reviews).glob("*.jsonl")))


def test_llmbar() -> None:
    """Accuracy in each order of six evaluators on five subsets."""
    found = originals.llmbar_accuracies(there_and_back("llmbar", shared("llmbar"), "out"))
    wanted = {(s, e): w for s, own in _expected("llmbar").items() for e, w in own["evaluators"].items()}
    assert set(found) == set(wanted)
    for key, (original, swapped) in found.items():
        assert original == pytest.approx(wanted[key]["accuracy_original_order"], abs=1e-12)
        assert (original + swapped) / 2 == pytest.approx(wanted[key]["accuracy_average"], abs=1e-12)


def test_what_the_layouts_cannot_hold() -> None:
    """LLMBar takes its own pairs only; the layout of 2023 no name with a `_`; both say so with exit 2 and leave nothing."""
    assert evalh("run", "--quiet", "--no-report", "--limit", "2").code == 0
    done = evalh("export", "llmbar", "core-80--baseline", "--out", "out")
    assert (done.code, "llmbar holds pairs of the models better and worse" in done.err) == (2, True)
    models = ("--models", "a_b=scripted:words,c=scripted:words")
    judged = evalh(
        "run", *models, "--judge", "vicuna-2023", "--judge-model", "scripted:judge", "--limit", "2", "--quiet", "--no-report"
    )
    assert judged.code in (0, 3), judged.err
    done = evalh("export", "vicuna-2023", "core-80--vicuna-2023", "--out", "out")
    assert (done.code, "a name cannot have one" in done.err) == (2, True), done.err
    assert not Path("out").exists()
