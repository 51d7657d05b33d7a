"""Test sets of fine-tuned judges: PandaLM, JudgeLM, Prometheus, RewardBench, Auto-J; small files in their form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.importers.prometheus import parts_of
from importers.test_formats import imported, put
from support.inside import evalh
from support.schema import check_folder

VOTE = ("question_id", "model_a", "model_b", "winner", "rater")


def _votes(run: library.Run) -> list[tuple[Any, ...]]:
    return [tuple(v[k] for k in VOTE[1:]) for v in run._folder.votes()]


# -- PandaLM ---------------------------------------------------------------------------------------------------------------


def _pandalm(idx: int | str, *annotators: Any, **change: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"idx": idx, "motivation_app": "Mail", "cmp_key": "opt-7b_llama-7b", "instruction": "Shorten."}
    row |= {"input": "Long text.", "response1": "Short.", "response2": "Text."}
    return row | {f"annotator{i}": a for i, a in enumerate(annotators, 1)} | change


def test_pandalm() -> None:
    """Annotators are votes and judgments of people, 0 a tie; garbage is unscored; instruction and input are one text."""
    put("f/testset-v1.json", [_pandalm(0, 1, 2, 0), _pandalm(1, 2, 2, 2, response2=True, cmp_key="opt-7b_bloom-7b"),
                              _pandalm(2, 1, 1, None, instruction="Sum up.", input="")], array=True)  # fmt: skip
    put("f/gpt-3.5-turbo-testset-v1.json", [{"idx": i, "gpt_result": r, "gpt_reason": f"R{i}", "gpt_reference": "x"}
                                            for i, r in enumerate(["2", "Tie", "garbage"])], array=True)  # fmt: skip
    put(
        "f/pandalm-7b-testset-v1.json",
        [{"idx": 1, "pandalm_result": 0, "pandalm_reason": "", "pandalm_reference": ""}],
        array=True,
    )
    run = imported("f")
    assert run.manifest["config"]["imported"] == "pandalm"
    assert [(q.turns[0], q.category) for q in run.questions] == [("Shorten.\n\nLong text.", "Mail"), ("Sum up.", "Mail")]
    assert {(a.model, a.turns[0]) for a in run.answers} == {
        ("opt-7b", "Short."), ("llama-7b", "Text."), ("bloom-7b", "True"),
    }  # fmt: skip
    told = {judge: [(j.status, j.verdict) for j in run.judgments if j.judge == judge] for judge in ("human", "gpt", "pandalm")}
    assert told["human"][:6] == [("scored", v) for v in ("A", "B", "tie", "B", "B", "B")]
    assert told["human"][6:] == [("scored", "A"), ("scored", "A"), ("empty", None)]
    assert told["gpt"] == [("scored", "B"), ("scored", "tie"), ("no_verdict", None)]
    assert told["pandalm"] == [("scored", "tie")]
    assert _votes(run)[:4] == [
        ("opt-7b", "llama-7b", "model_a", "annotator1"), ("opt-7b", "llama-7b", "model_b", "annotator2"),
        ("opt-7b", "llama-7b", "tie", "annotator3"), ("opt-7b", "bloom-7b", "model_b", "annotator1"),
    ]  # fmt: skip
    assert len(_votes(run)) == 8
    assert [j.sample for j in run.judgments if j.judge == "human"][:3] == [0, 1, 2]
    check_folder(Path("results/x"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (_pandalm(0, cmp_key="one"), "t.json:1: cmp_key must be the names of two models"),
        (_pandalm(0, response1=None), "t.json:1: lacks 'response1'"),
        (_pandalm(""), "t.json:1: idx is empty"),
    ],
)
def test_pandalm_rows_that_are_none(row: dict[str, Any], said: str) -> None:
    """File and line, exit 2, and no run."""
    done = evalh("import", put("t.json", [row], array=True), "--out", "results/x")
    assert (done.code, said in done.err) == (2, True), done.err
    assert not Path("results/x").exists()


def test_pandalm_results_need_the_pairs() -> None:
    """Results alone say which pair is missing and how to give it; an idx twice is refused."""
    results = put("r.json", [{"idx": 3, "gpt_result": "1", "gpt_reason": ""}], array=True)
    assert "no pair has the idx 3; give the test set too" in evalh("import", "pandalm", results, "--out", "results/x").err
    twice = put("t.jsonl", [_pandalm(0, 1), _pandalm(0, 2)])
    assert "t.jsonl:2: idx 0 stands there already" in evalh("import", twice, "--out", "results/x").err


# -- JudgeLM ---------------------------------------------------------------------------------------------------------------


def _judgelm(question: int, **change: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"question_id": question, "question_body": "\nWhy?", "answer1_body": "So.", "answer2_body": "Thus."}
    return row | {"answer1_model_id": "koala", "answer2_model_id": "dolly"} | change


def test_judgelm_training_rows() -> None:
    """One reply holds two scores; -1 is unscored; predictions are counted and passed over."""
    rows = [_judgelm(0, score=[2.0, 8.0], text="2 8\nBecause.", answer1_id="", answer2_id="", reviewer_id=1),
            _judgelm(1, score=[-1, -1], text="Hm.", pred_text="7 7"), _judgelm(2, score=[5, 5], text="5 5")]  # fmt: skip
    done = evalh("import", put("judgelm_train_100k.jsonl", rows), "--out", "results/x")
    assert "1 predictions of JudgeLM (pred_text), which hold no stored score" in done.err
    run = library.load("results/x")
    assert [(j.mode, j.judge, j.status, j.verdict, dict(j.scores)) for j in run.judgments] == [
        ("two-score", "gpt-4", "scored", "B", {"overall": (2.0, 8.0)}),
        ("two-score", "gpt-4", "no_verdict", None, {}),
        ("two-score", "gpt-4", "scored", "tie", {"overall": (5.0, 5.0)}),
    ]
    assert run.questions[0].turns == ("Why?",)
    assert list(run.manifest["models"]) == ["koala", "dolly"]


def test_judgelm_validation_files() -> None:
    """Pairs, GPT-4's reviews and references in files of their own are brought together by the question's id."""
    put("f/judgelm_val_5k.jsonl", [_judgelm(n, score=[{"rouge1": 0.5}, {"rouge1": 0.1}]) for n in (0, 1)])
    put("f/judgelm_val_5k_gpt4.jsonl", [
        {"question_id": n, "answer1_id": "", "answer2_id": "", "score": [9, n], "text": f"9 {n}"} for n in (1, 0)
    ])  # fmt: skip
    put("f/judgelm_val_5k_references.jsonl", [{"question_id": 1, "reference": {"text": "It is so."}}])
    put("f/answers/moss.jsonl", [{"question_id": 0, "question_body": "Why?", "text": "No.", "model": "moss", "scores": {}}])
    run = imported("f")
    assert [(j.question_id, j.verdict) for j in run.judgments] == [("1", "A"), ("0", "A")]
    assert {q.question_id: q.reference for q in run.questions} == {"0": (), "1": ("It is so.",)}
    assert [a.model for a in run.answers] == ["moss", "koala", "dolly", "koala", "dolly"]
    alone = evalh("import", "judgelm", Path("f/judgelm_val_5k_gpt4.jsonl"), "--out", "results/y")
    assert (alone.code, "no pair has the question_id 1" in alone.err) == (2, True)
    wrong = evalh("import", put("w.jsonl", [_judgelm(0, score=[1], text="1")]), "--out", "results/y")
    assert "w.jsonl:1: score must hold two numbers" in wrong.err


# -- Prometheus ------------------------------------------------------------------------------------------------------------

FEEDBACK = {
    "orig_instruction": "Write.", "orig_response": "Text.", "orig_reference_answer": "Better text.",
    "orig_criteria": "Is it good?",
    **{f"orig_score{n}_description": f"Level {n}." for n in range(1, 6)}, "orig_feedback": "Fair.",
}  # fmt: skip
RUBRIC = "[Is it good?]\nScore 1: Level 1.\nScore 2: Level 2.\nScore 3: Level 3.\nScore 4: Level 4.\nScore 5: Level 5."


def _prompt(response: str, reference: str = "", instruction: str = "Write.") -> str:
    blocks = [
        "###Task Description:\nSay.",
        f"###The instruction to evaluate:\n{instruction}",
        f"###Response to evaluate:\n{response}",
    ]
    blocks += [f"###Reference Answer (Score 5):\n{reference}"] if reference else []
    return "\n\n".join([*blocks, f"###Score Rubrics:\n{RUBRIC}", "###Feedback: "])


def test_prometheus_feedback() -> None:
    """Scores 1 to 5, written as text or not; the rubric goes to the question, and another rubric is another question."""
    rows = [FEEDBACK | {"orig_score": s} for s in ("3", 5, "x", 7)]
    rows += [FEEDBACK | {"orig_score": 1, "orig_criteria": "Is it short?", "orig_response": "Other."}]
    run = imported(put("feedback_collection_test.json", rows, array=True))
    assert [(j.status, dict(j.scores), j.sample) for j in run.judgments] == [
        ("scored", {"overall": (3,)}, 0), ("scored", {"overall": (5,)}, 1), ("no_verdict", {}, 2), ("out_of_range", {}, 3),
        ("scored", {"overall": (1,)}, 0),
    ]  # fmt: skip
    assert run.questions[0].metadata == {"rubric": RUBRIC}
    assert run.questions[0].reference == ("Better text.",)
    assert len(run.questions) == 2
    assert run.judgments[0].explanation == "Fair."


def test_prometheus_test_sets() -> None:
    """Whole prompts are taken apart, headings in an answer included; several scores of one answer are repeats."""
    response = "# Title\n\n###Score Rubrics are a thing\nText."
    row = {"idx": 83, "response_source": "llama2", "category": "writing", "instruction": _prompt(response, "Best.")}
    run = imported(
        put("mt_bench_eval.json", [row | {"gpt4_score": [3, None, 4], "gpt4_feedback": ["a", "b", "c"]}], array=True)
    )
    assert (run.questions[0].turns, run.questions[0].reference) == (("Write.",), ("Best.",))
    assert run.questions[0].metadata["rubric"] == RUBRIC
    assert [(a.model, a.turns) for a in run.answers] == [("llama2", (response,))]
    assert [(j.status, j.explanation, j.sample) for j in run.judgments] == [
        ("scored", "a", 0), ("no_verdict", "b", 1), ("scored", "c", 2),
    ]  # fmt: skip


def test_prometheus_pairs() -> None:
    """Two prompts are a vote for the chosen, or a tie; a preference is a judgment in the order shown; pairs are not mixed."""
    rows = [{"source": "honest", "chosen_instruction": _prompt("Yes."), "rejected_instruction": _prompt(f"No {n}."), "tie": n}
            for n in (0, 1)]  # fmt: skip
    run = imported(put("hhh_alignment_eval.json", rows, array=True))
    assert _votes(run) == [("chosen", "rejected", "model_a", "label"), ("chosen", "rejected", "tie", "label")]
    assert [q.question_id.partition("-")[2] for q in run.questions] == ["0", "1"]
    assert not run.judgments
    pair = {k: v for k, v in FEEDBACK.items() if k != "orig_response"} | {
        "orig_response_A": "A text.",
        "orig_response_B": "B text.",
    }
    done = evalh("import", put("p.jsonl", [pair | {"orig_preference": "B"}]), "--out", "results/y")
    assert done.code == 0, done.err
    other = library.load("results/y")
    model = {a.answer_id: a.model for a in other.answers}
    (j,) = other.judgments
    assert (j.verdict, [model[a] for a in j.answers], j.explanation) == ("B", ["rejected", "chosen"], "Fair.")
    for name, row, said in (
        ("a", pair | {"orig_preference": "C"}, "orig_preference must be A or B"),
        ("b", rows[0] | {"rejected_instruction": _prompt("No.", instruction="Other.")}, "differ in more than the response"),
        ("c", {"instruction": "Rate this.", "gpt4_score": [1]}, "is no prompt of Prometheus's"),
    ):
        wrong = evalh("import", put(f"{name}.jsonl", [row]), "--out", "results/z")
        assert (wrong.code, f"{name}.jsonl:1: " in wrong.err, said in wrong.err) == (2, True, True), wrong.err


def test_blocks_of_a_prompt_without_its_end() -> None:
    """A prompt that was cut behind its rubric still has its rubric."""
    prompt = _prompt("Yes.").removesuffix("###Feedback: ").rstrip()
    assert parts_of(prompt, "x:1") == {"instruction": "Write.", "response": "Yes.", "reference": "", "rubric": RUBRIC}


# -- RewardBench and Auto-J ------------------------------------------------------------------------------------------------


def test_reward_bench() -> None:
    """Chosen and rejected are two models, the label is a vote, a judge of today can be held against it."""
    rows = [{"id": 30, "subset": "math", "prompt": "1+1?", "chosen": "2", "rejected": "3", "chosen_model": "human"},
            {"id": 31, "subset": "math", "prompt": "1+1?", "chosen": "two", "rejected": "three"}]  # fmt: skip
    run = imported(put("filtered.json", rows, array=True))
    assert [(q.question_id, q.category, dict(q.metadata)) for q in run.questions] == [
        ("math-30", "math", {"chosen_model": "human"}), ("math-31", "math", {}),
    ]  # fmt: skip
    assert _votes(run) == [("chosen", "rejected", "model_a", "label")] * 2
    done = evalh("judge", "results/x", "--judge", "baseline", "--mode", "pairwise", "--quiet", "--no-report")
    assert done.code == 0, done.err
    assert "as label in this share of 2 comparisons" in evalh("report", "results/x", "--no-report").out


def test_auto_j() -> None:
    """Labels 0, 1 and 2 are the first, the second and a tie; anything else is an error with its line."""
    rows = [{"scenario": "s", "label": n, "prompt": f"Q{n}", "response 1": "a", "response 2": "b"} for n in (0, 1, 2)]
    run = imported(put("testdata_pairwise.jsonl", rows))
    assert [v[2] for v in _votes(run)] == ["model_a", "model_b", "tie"]
    assert [q.question_id for q in run.questions] == ["s-0", "s-1", "s-2"]
    wrong = evalh("import", put("w.jsonl", [rows[0] | {"label": 3}]), "--out", "results/y")
    assert (wrong.code, "w.jsonl:1: label must be 0, 1 or 2" in wrong.err) == (2, True)
    empty = evalh("import", put("v.jsonl", [rows[0] | {"prompt": " "}]), "--out", "results/y")
    assert "v.jsonl:1: the prompt is empty" in empty.err
