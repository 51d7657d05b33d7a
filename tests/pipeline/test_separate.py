"""`--until-separated` within the process: what is refused, what is asked, and what reports make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evalh
from evalh.core.records import Judgment
from evalh.stats.stopping import orders
from support.inside import evalh as inside

MODELS = ("--models", ",".join(f"m{i}=scripted:words" for i in range(4)))
JUDGE = ("--judge", "gpt-4", "--judge-model", "scripted:judge")
RUN = ("run", *MODELS, *JUDGE, "--limit", "16", "--no-report")
SEPARATED = (*RUN, "--until-separated")
FOLDER = Path("results/core-80--gpt-4")


def _stopping() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(inside("report", FOLDER, "--format", "json").out)["stopping"]
    return found


def _files() -> dict[str, bytes]:
    return {name: (FOLDER / name).read_bytes() for name in ("answers.jsonl", "judgments.jsonl")}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--mode", "absolute"), "--mode absolute"),
        (("--pairs", "baseline:m0"), "--pairs baseline:m0"),
        (("--batch",), "--batch"),
    ],
)
def test_what_it_cannot_do_is_refused(more: tuple[str, ...], said: str) -> None:
    """Absolute scores, a baseline and batches are refused before anything is sent, and the message says what to do."""
    done = inside(*SEPARATED, *more)
    assert (done.code, said in done.err, "--until-separated cannot do this" in done.err) == (2, True, True)
    assert not FOLDER.exists()


def test_one_model_and_other_judges_are_refused() -> None:
    """One model, a judge that compares nothing, and a jury are refused, each by name."""
    alone = inside("run", "--models", "m0=scripted:words", *JUDGE, "--until-separated")
    assert (alone.code, "two models" in alone.err) == (2, True)
    rater = inside("run", *MODELS, "--judge", "ultrafeedback", "--judge-model", "scripted:judge", "--until-separated")
    assert (rater.code, "judge ultrafeedback" in rater.err) == (2, True)
    Path("evalh.toml").write_text(
        '[judges.again]\njudge = "baseline"\n[juries.both]\njudges = ["baseline", "again"]\nrule = "mean"\n', encoding="utf-8"
    )
    jury = inside("run", *MODELS, "--judge", "both", "--until-separated")
    assert (jury.code, "jury both" in jury.err) == (2, True)


def test_only_comparisons_are_asked_in_the_pairs_own_orders() -> None:
    """Every judgment is a comparison, in both orders, of the first questions in each pair's own random order."""
    assert inside(*SEPARATED).code == 0
    run = evalh.load(FOLDER)
    told = run.manifest["separation"]["gpt-4"]
    answers = {a.answer_id: a for a in run.answers}
    asked: dict[tuple[str, ...], set[str]] = {}
    for j in run.judgments:
        assert j.mode == "pairwise"
        pair = tuple(sorted(answers[a].model for a in j.answers))
        asked.setdefault(pair, set()).add(j.question_id)
    names, questions = ["m0", "m1", "m2", "m3"], [q.question_id for q in run.questions]
    assert told["questions"] == questions
    turn = orders(0, "gpt-4", names, questions)
    for row, (a, b, count) in zip(turn.tolist(), told["asked"], strict=True):
        assert asked[a, b] == {questions[i] for i in row[:count]}
    assert len(run.judgments) == 2 * sum(count for _, _, count in told["asked"])


def test_nothing_depends_on_how_it_was_interrupted() -> None:
    """Records torn off anywhere are asked for again in the same order: the same bytes as without the interruption."""
    assert inside(*SEPARATED).code == 0
    whole = _files()
    manifest = json.loads((FOLDER / "run.json").read_text())["separation"]
    lines = whole["judgments.jsonl"].splitlines(keepends=True)
    for kept in (0, len(lines) // 3, len(lines) - 1):
        (FOLDER / "judgments.jsonl").write_bytes(b"".join(lines[:kept]))
        assert inside(*SEPARATED).code == 0
        assert _files() == whole
        assert json.loads((FOLDER / "run.json").read_text())["separation"] == manifest


def test_concurrency_changes_nothing() -> None:
    """One request at a time or many: the same records."""
    assert inside(*SEPARATED, "--concurrency", "1").code == 0
    one = _files()
    assert inside(*SEPARATED, "--out", "results/other", "--concurrency", "32").code == 0
    assert {name: Path("results/other", name).read_bytes() for name in one} == one


def test_figures_of_a_stopped_run_claim_nothing_they_cannot() -> None:
    """Ratings and models' win rates have no limits, pairs no p value but anytime limits, and the notes say why."""
    assert inside(*SEPARATED).code == 0
    report = json.loads(inside("report", FOLDER, "--format", "json").out)
    found = report["stopping"]
    assert found["adaptive"]
    assert found["asked"] < found["comparisons"]
    for model in report["models"]:
        for name in ("rating", "win_rate"):
            if model[name] is not None:
                assert (model[name]["low"], model[name]["high"], model[name]["standard_error"]) == (None, None, None)
    limits = {(p["model_a"], p["model_b"]): p for p in found["pairs"]}
    for pair in report["pairs"]:
        assert (pair["p_value"], pair["p_adjusted"]) == (None, None)
        standing = limits[pair["model_a"], pair["model_b"]]
        assert pair["win_rate_a"]["value"] == pytest.approx(standing["of_run"]["value"])
        assert (pair["win_rate_a"]["low"], pair["win_rate_a"]["high"]) == (
            standing["unlimited"]["low"],
            standing["unlimited"]["high"],
        )
        assert standing["unlimited"]["low"] < standing["unlimited"]["high"]
        assert standing["of_run"]["low"] <= standing["of_run"]["value"] <= standing["of_run"]["high"]
    for table in report["categories"].values():
        assert all(p["p_value"] is None for p in table["pairs"])
        assert all(m["rank"] is None for m in table["models"])
    assert any("adaptive" in note for note in report["by_judge"]["gpt-4"]["notes"])
    shown = " ".join(inside("report", FOLDER).out.split())
    assert f"{found['asked']} of {found['comparisons']} comparisons were asked" in shown


def test_a_model_more_goes_on_from_there() -> None:
    """A model added later joins: what was asked is not asked again, and all pairs are covered."""
    assert inside("run", "--models", "m0=scripted:words,m1=scripted:words,m2=scripted:words", *SEPARATED[3:]).code == 0
    before = {j.judgment_id for j in evalh.load(FOLDER).judgments}
    assert inside(*SEPARATED).code == 0
    after = evalh.load(FOLDER)
    assert before <= {j.judgment_id for j in after.judgments}
    assert len(after.manifest["separation"]["gpt-4"]["asked"]) == 6
    part = inside("run", "--models", "m0=scripted:words,m1=scripted:words", *SEPARATED[3:])
    assert (part.code, "m2, m3" in part.err) == (2, True)


def test_judgments_that_are_there_already_are_taken_when_their_turn_comes() -> None:
    """After a run of everything nothing is asked, and the figures are those of the whole design."""
    assert inside(*RUN, "--mode", "pairwise").code == 0
    whole = _files()
    assert inside(*SEPARATED).code == 0
    assert _files() == whole
    report = json.loads(inside("report", FOLDER, "--format", "json").out)
    assert report["stopping"] is None
    assert all(p["p_value"] is not None for p in report["pairs"])


def test_replies_that_cannot_be_read_are_left_out_and_counted() -> None:
    """A judge none of whose replies can be read: it ends, claims nothing, and exits as any run with too much unscored."""
    done = inside("run", *MODELS, "--judge", "gpt-4", "--judge-model", "scripted:words", *SEPARATED[7:])
    assert done.code == 3
    run = evalh.load(FOLDER)
    assert run.judgments
    assert not [j for j in run.judgments if isinstance(j, Judgment) and j.status == "scored"]
    found = _stopping()
    assert found["ended"]
    assert {p["of_run"]["value"] for p in found["pairs"]} == {None}


def test_judging_the_answers_of_a_run() -> None:
    """`evalh judge RUN` takes the option too."""
    assert inside("answer", *MODELS, "--limit", "16", "--out", "results/answers").code == 0
    assert inside("judge", "results/answers", *JUDGE, "--until-separated", "--no-report").code == 0
    assert evalh.load("results/answers").manifest["separation"]["gpt-4"]["asked"]


def test_repeats_added_later_change_what_is_known_not_whether_it_can_be_told() -> None:
    """More repeats of what was asked: the report still tells where each pair stands."""
    assert inside(*SEPARATED).code == 0
    two = ("run", "--models", "m0=scripted:words,m1=scripted:words", *RUN[3:])
    assert inside(*two, "--mode", "pairwise", "--samples", "2").code == 0
    found = _stopping()
    assert found["adaptive"]
    assert all(p["of_run"]["low"] <= p["of_run"]["high"] for p in found["pairs"])
    assert inside(*SEPARATED).code == 0


def test_a_plan_counts_the_most_it_can_come_to() -> None:
    """`evalh plan` takes the option too: comparisons alone, all of them, and it says that fewer may do."""
    done = inside("plan", *SEPARATED[1:-2], "--until-separated")
    assert (done.code, "the most it can come to" in done.out) == (0, True)
    stages = json.loads(inside("plan", *SEPARATED[1:-2], "--until-separated", "--format", "json").out)["stages"]
    assert stages[-1]["requests"] == 2 * 6 * 16


def test_a_stopped_run_is_not_compared_by_a_test_of_fixed_size() -> None:
    """`evalh compare` refuses comparisons whose number depends on the outcomes, and says where limits are."""
    assert inside(*SEPARATED).code == 0
    done = inside("compare", FOLDER, "--models", "m0,m1")
    assert (done.code, "--until-separated" in done.err) == (2, True)


def test_what_was_chosen_by_outcomes_is_not_corrected_by_votes() -> None:
    """`evalh agree` says what the agreement rests on, and corrects nothing until the whole design was asked."""
    assert inside(*SEPARATED).code == 0
    questions = {json.loads(s)["question_id"] for s in (FOLDER / "judgments.jsonl").read_text(encoding="utf-8").splitlines()}
    rows = [f"{q},{a},{b},model_a,x" for q in sorted(questions) for a, b in (("m0", "m1"), ("m2", "m3"), ("m1", "m2"))]
    Path("votes.csv").write_text("\n".join(["question_id,model_a,model_b,winner,rater", *rows]), encoding="utf-8")
    found = json.loads(inside("agree", FOLDER, "--with", "votes.csv", "--format", "json").out)
    assert (found["corrected"], "--until-separated" in found["notes"][0]) == (None, True)
    with pytest.raises(evalh.EvalhError, match="--until-separated"):
        evalh.load(FOLDER).corrected("votes.csv")
    assert inside(*RUN, "--mode", "pairwise").code == 0
    assert json.loads(inside("agree", FOLDER, "--with", "votes.csv", "--format", "json").out)["notes"] == []
