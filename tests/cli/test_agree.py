"""`evalh agree` as a user meets it, and MT-bench's published agreement from its raw votes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support.inside import FOLDER, SMALL, evalh
from support.shared_data import shared

N = {"value", "low", "high", "n", "standard_error"}


@pytest.fixture
def run() -> Path:
    """A run of two models, three questions and a scripted judge."""
    assert evalh(*SMALL, "--quiet").code == 0
    return FOLDER


def _votes(*rows: str, name: str = "votes.csv") -> Path:
    path = Path(name)
    path.write_text("question_id,model_a,model_b,winner,rater,turn\n" + "".join(row + "\n" for row in rows), "utf-8")
    return path


def _json(*arguments: str | Path) -> dict[str, Any]:
    done = evalh("agree", *arguments, "--format", "json")
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def test_the_published_agreement_of_mt_bench() -> None:
    """66, 85, 63 and 81 per cent (66, 85, 67 and 82 in the second turn), by FastChat's rules, from the raw votes."""
    folder = "mt-bench-human"
    assert evalh("import", shared(folder, "gpt4_pair.jsonl"), "--out", "results/gpt4").code == 0
    found = _json("gpt4", "--with", shared(folder, "human.jsonl"), "--raters", "expert*")
    want = json.loads(shared(folder, "expected.json").read_text("utf-8"))["fastchat_compute_agreement"]
    labels = {"kept": "with_ties_S1", "dropped": "without_ties_S2"}
    for entries, name in ((found["agreement"], "gpt4-pair_vs_human"), (found["raters"]["agreement"], "human_vs_human")):
        assert [(e["turn"], e["ties"]) for e in entries] == [(1, "kept"), (1, "dropped"), (2, "kept"), (2, "dropped")]
        for e in entries:
            told = want[f"turn{e['turn']}_{labels[e['ties']]}_{name}"]
            assert (e["agree"], e["n"]) == (told["agree"], told["total"])
            assert e["value"] == pytest.approx(told["ratio"], rel=1e-12)
            assert e["low"] < e["value"] < e["high"]
    assert found["left_out"]["rows"] == {"raters of other names": 687}
    assert found["left_out"]["comparisons_without_vote"] == 767
    everybody = _json("gpt4", "--with", shared(folder, "human.jsonl"))
    assert everybody["raters"]["alpha"]["nominal"]["value"] == pytest.approx(0.485, abs=5e-4)


def test_shape_for_scripts(run: Path) -> None:
    """The promised fields with unrounded fractions, every other figure with its interval, and what was left out."""
    found = _json(
        run, "--with", _votes("writing-01,one,two,one,ann,1", "writing-01,one,two,tie,bob,1", "writing-02,two,one,one,ann,1")
    )
    assert found["schema"] == 1
    for e in (*found["agreement"], *found["overall"]):
        assert {"turn", "ties", "value", "low", "high", "agree", "n", "questions", "expected", "kappa"} <= set(e)
        assert e["value"] is None or e["value"] == e["agree"] / e["n"]
    assert found["kappa"] is None or set(found["kappa"]) == N
    assert set(found["brier"]["score"]) == N
    assert found["with"]["raters"] == ["ann", "bob"]
    assert (found["with"]["votes"], found["with"]["comparisons"]) == (3, 2)
    assert found["raters"]["overall"][0]["n"] == 1
    assert found["left_out"]["comparisons_without_vote"] == 1
    assert found["leaderboards"]["separability"]["pairs"] == 1


def test_a_judge_against_itself_agrees(run: Path) -> None:
    """A copy of a run as the other side: every comparison the same, kappa 1 or, with one outcome only, not defined."""
    import shutil

    shutil.copytree(run, "results/copy")
    found = _json(run, "--with", "copy")
    (kept,) = (e for e in found["overall"] if e["ties"] == "kept")
    assert (kept["agree"], kept["n"], kept["value"]) == (3, 3, 1.0)
    assert found["raters"] is None
    assert found["with"]["judge"] == "gpt-4"


def test_two_judges_of_one_run() -> None:
    """`--with` the run itself takes its other judge; where there are more, it has to be said."""
    assert evalh("run", "--judge", "baseline", "--limit", "6", "--out", "results/r", "--no-report", "--quiet").code == 0
    more = ("judge", "results/r", "--judge", "gpt-4", "--judge-model", "scripted:judge", "--no-report", "--quiet")
    assert evalh(*more).code == 0
    found = _json("r", "--judge", "baseline", "--with", "r")
    assert (found["judge"], found["with"]["judge"], found["overall"][0]["n"]) == ("baseline", "gpt-4", 6)
    unclear = evalh("agree", "r", "--with", "r")
    assert (unclear.code, "--judge" in unclear.err) == (2, True)
    wrong = evalh("agree", "r", "--judge", "basline")
    assert (wrong.code, "Did you mean 'baseline'" in wrong.err) == (2, True)


def test_the_votes_in_the_run_are_the_default() -> None:
    """Without --with, the recorded verdicts of the demonstration; the library says the same."""
    assert evalh("run", "--limit", "20", "--quiet", "--no-report").code == 0
    done = evalh("agree", "core-80--baseline")
    assert done.code == 0, done.err
    assert "1 rater (results/core-80--baseline/votes.jsonl): 20 votes" in done.out.replace("\\", "/")
    found = library.load("core-80--baseline").agree()
    assert found.overall["kept"] is not None
    assert found.overall["kept"].n == 20


def test_what_cannot_be_compared_is_said(run: Path) -> None:
    """No votes, votes on other models, a file that is not there, a pattern that fits nobody: one message and its exit code."""
    cases = [
        ((run,), 2, "holds no votes; say --with VOTES"),
        ((run, "--with", _votes("writing-01,x,y,x,ann,1")), 1, "unknown to the run: x, y"),
        ((run, "--with", "nothing.csv"), 2, "there is no such file"),
        ((run, "--with", _votes("writing-01,one,two,one,ann,1", name="v.csv"), "--raters", "bob"), 2, "there are ann"),
        ((run, "--with", "v.csv", "--with-judge", "x"), 2, "holds votes, not a run"),
        ((run, "--with", "v.csv", "--encoding", "klingon"), 2, "no such encoding"),
    ]
    for arguments, code, said in cases:
        done = evalh("agree", *arguments)
        assert (done.code, said in done.err) == (code, True), done.err


def test_names_that_would_act_on_a_terminal_are_written_out(run: Path) -> None:
    """Control characters in a rater's or model's name are shown, not obeyed."""
    rows = ("writing-01,one,two,one,a\u202enn,1", "writing-02,one,bad\u001b[31m,tie,ann,1")
    done = evalh("agree", run, "--with", _votes(*rows))
    assert done.code == 0, done.err
    assert "\u001b" not in done.out
    assert "⟨U+001B⟩" in done.out


def test_the_leaderboard_as_people_would_have_it() -> None:
    """Votes on some comparisons correct the judge's win rates and ratings: in JSON, in words and in Python."""
    folder = "mt-bench-human"
    assert evalh("import", shared(folder, "gpt4_pair.jsonl"), "--out", "results/gpt4").code == 0
    arguments = ("gpt4", "--with", shared(folder, "human.jsonl"), "--raters", "expert*")
    found = _json(*arguments)["corrected"]
    assert (found["judged"], found["voted"], found["refused"]) == (2400, 1633, None)
    models = {m["model"]: m for m in found["models"]}
    want = json.loads(shared(folder, "expected.json").read_text("utf-8"))["gpt4_pair_win_rates"]
    for name, m in models.items():
        assert m["judge"]["value"] == pytest.approx(want[name]["win_rate_adjusted"])
        assert m["people"]["low"] < m["corrected"]["value"] < m["people"]["high"]
        width = (m["corrected"]["high"] - m["corrected"]["low"]) / (m["people"]["high"] - m["people"]["low"])
        assert width <= 1.0
        assert (m["tuning"] == 0) == (m["note"] is not None)
        assert m["rating"]["corrected"]["value"] is not None
    said = evalh("agree", *arguments).out
    assert "as people would have it, from votes on 1,633 of 2,400 comparisons:" in said
    frame = library.load("gpt4").corrected(shared(folder, "human.jsonl"), raters="expert*")
    assert frame.index[0] == "gpt-4"
    assert frame.loc["gpt-4", "corrected"] == models["gpt-4"]["corrected"]["value"]
    assert frame.loc["gpt-4", "rating_judge_low"] == models["gpt-4"]["rating"]["judge"]["low"]


def test_a_picked_sample_corrects_nothing() -> None:
    """Votes on the comparisons that a judge calls a tie: the reason stands where the corrected figures would."""
    folder = "mt-bench-human"
    assert evalh("import", shared(folder, "gpt4_pair.jsonl"), "--out", "results/gpt4").code == 0
    lines = map(json.loads, shared(folder, "gpt4_pair.jsonl").read_text("utf-8").splitlines())
    ties = [r for r in lines if r["winner"].startswith("tie")][:150]
    picked = _votes(*(f"{r['question_id']},{r['model_a']},{r['model_b']},tie,ann,{r['turn']}" for r in ties))
    found = _json("gpt4", "--with", picked)["corrected"]
    assert "the judge's verdicts" in found["random_sample"]["differs"]
    assert "not a random sample" in found["refused"]
    assert all(m["corrected"] is None for m in found["models"])
    assert "nothing is claimed from votes and judge together" in evalh("agree", "gpt4", "--with", picked).out
