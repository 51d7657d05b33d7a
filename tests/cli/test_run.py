"""`evalh run`: its defaults, what it prints where, and the code it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalh as library
from support.inside import FOLDER, JUDGE, MODELS, SMALL, evalh


def test_without_options_it_is_the_demonstration() -> None:
    """No option at all: the embedded answers, core-80, the baseline judge, both modes, both orders, and a report."""
    done = evalh("run", "--quiet", "--no-report")
    assert done.code == 0
    assert "careful" in done.out
    run = library.load("core-80--baseline")
    config = run.manifest["config"]
    assert list(run.manifest["models"]) == ["careful", "hasty"]
    assert list(run.manifest["judges"]) == ["baseline"]
    assert (config["questions"], config["mode"], config["pairs"], config["swap"]) == ("core-80", "both", ["all"], True)
    assert (config["samples"], config["seed"], config["limit"], config["categories"]) == (1, 0, None, [])
    assert len(run.answers) == 160
    assert len(run.judgments) == 160 + 160


def test_the_demonstration_says_what_it_is() -> None:
    """The baseline judge calls itself a floor, and the agreement with the recorded defects is shown."""
    done = evalh("run", "--quiet", "--no-report")
    assert "floor for LLM" in done.out
    assert "the recorded defects" in done.out


def test_recorded_defects_belong_to_the_recorded_answers() -> None:
    """Other answers that merely bear the names of the embedded ones are not held against their defects."""
    Path("mine.jsonl").write_text('{"question_id": "writing-01", "turns": ["Hello."]}\n', "utf-8")
    done = evalh("run", "--models", "careful=file:mine.jsonl,hasty", "--limit", "1", "--quiet", "--no-report")
    assert done.code == 0
    assert not Path("results/core-80--baseline/votes.jsonl").exists()
    assert "recorded defects" not in done.out


def test_a_part_of_a_run_keeps_all_recorded_defects() -> None:
    """A later command with --limit continues the run and takes nothing from it."""
    assert evalh("run", "--quiet", "--no-report").code == 0
    votes = Path("results/core-80--baseline/votes.jsonl").read_bytes()
    assert evalh("run", "--quiet", "--no-report", "--limit", "2").code == 0
    assert Path("results/core-80--baseline/votes.jsonl").read_bytes() == votes


def test_no_report_writes_no_file(finished: Path) -> None:
    """With --no-report the leaderboard is printed and the report folder is not made."""
    assert not (finished / "report").exists()


def test_the_report_is_named_last() -> None:
    """Without --no-report the last line on standard output names the page, and it is there."""
    done = evalh(*[a for a in SMALL if a != "--no-report"], "--quiet")
    assert done.out.rstrip().endswith("report: " + str(FOLDER / "report" / "index.html"))
    assert (FOLDER / "report" / "index.html").is_file()


@pytest.mark.parametrize(
    ("options", "judgments", "modes"),
    [
        ((), 12, {"absolute", "pairwise"}),
        (("--mode", "absolute"), 6, {"absolute"}),
        (("--mode", "pairwise"), 6, {"pairwise"}),
        (("--mode", "pairwise", "--no-swap"), 3, {"pairwise"}),
        (("--samples", "2"), 24, {"absolute", "pairwise"}),
        (("--categories", "math,coding", "--limit", "4"), 16, {"absolute", "pairwise"}),
        (("--models", "three=scripted:words", "--mode", "pairwise", "--no-swap"), 9, {"pairwise"}),
        (("--models", "three=scripted:words", "--mode", "pairwise", "--no-swap", "--pairs", "baseline:two"), 6, {"pairwise"}),
    ],
)
def test_options_decide_what_is_asked(options: tuple[str, ...], judgments: int, modes: set[str]) -> None:
    """Modes, orders, repeats, categories, models and pairs multiply as one expects."""
    assert evalh(*SMALL, *options, "--quiet").code == 0
    run = library.load(FOLDER)
    assert len(run.judgments) == judgments
    assert {j.mode for j in run.judgments} == modes


def test_the_folder_is_named_after_questions_and_judges() -> None:
    """The derived name holds question set and judges only, so that more models extend the run."""
    evalh(*SMALL, "--quiet", "--questions", "two-turn-16", "--judge", "second=gpt-4", "--limit", "1")
    assert Path("results/two-turn-16--gpt-4+second/run.json").is_file()


def test_progress_is_on_standard_error_only(finished: Path) -> None:
    """Standard output holds the leaderboard and nothing else; without a terminal, progress is plain lines."""
    quiet, loud = evalh(*SMALL, "--quiet"), evalh(*SMALL)
    assert quiet.out == loud.out
    assert quiet.err == ""
    assert "judgments 12/12" in loud.err


def test_quiet_says_nothing_on_standard_error() -> None:
    """--quiet on a run that goes well: not a byte on standard error."""
    assert evalh(*SMALL, "--quiet").err == ""
    assert evalh(*SMALL, "--quiet", "--fresh").err == ""


def test_json_lines_are_json() -> None:
    """--log-format json: every line on standard error is an object with its event, also when the run does not end well."""
    done = evalh(*SMALL, "--log-format", "json", "--fresh")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert lines
    assert {line["event"] for line in lines} <= {"note", "progress"}
    last = [line for line in lines if line["event"] == "progress"][-1]
    assert (last["answers"], last["answers_total"], last["judgments"], last["judgments_total"]) == (6, 6, 12, 12)
    done = evalh(
        "run", *MODELS, *JUDGE, "--limit", "3", "--offline", "--out", "results/x", "--log-format", "json", "--samples", "2"
    )
    assert done.code == 3
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert lines[-1]["event"] == "error"
    assert "not in the ledger" in lines[-1]["text"]


def _silent_judge() -> tuple[str, ...]:
    """A judge that never gives a verdict: of 4 answers and 8 judgments, 8 units stay unscored."""
    Path("rules.jsonl").write_text('{"match": "", "reply": "I would rather not say."}\n', "utf-8")
    return (
        "run",
        *MODELS,
        "--judge",
        "gpt-4",
        "--judge-model",
        "scripted:rules.jsonl",
        "--limit",
        "2",
        "--no-report",
        "--quiet",
    )


@pytest.mark.parametrize(
    ("most", "code"), [("0", 3), ("7", 3), ("8", 0), ("66%", 3), ("67%", 0), ("0.5", 3), ("1.0", 0), ("100%", 0), ("0.67", 0)]
)
def test_max_failures_is_a_share_or_a_count(most: str, code: int) -> None:
    """8 of 12 units stay unscored: 5%, 0.05 and a count say how many are too many."""
    done = evalh(*_silent_judge(), "--max-failures", most)
    assert done.code == code, done.err
    assert (done.err == "") == (code == 0)


def test_too_many_unscored_units_are_counted_by_status() -> None:
    """The message says how many of how many, and why, and what to do."""
    done = evalh(*_silent_judge())
    assert done.code == 3
    assert "8 of 12 units failed or stayed unscored" in done.err
    assert "8 no_verdict" in done.err


@pytest.mark.parametrize("wrong", ["101%", "-1", "five", "", "1.5", "5 %%"])
def test_max_failures_refuses_what_is_neither(wrong: str) -> None:
    """Neither a share nor a count is exit 2."""
    assert evalh("run", "--max-failures", wrong).code == 2


def test_a_missing_answer_is_a_record_and_no_score() -> None:
    """A model that has no answer to a question: a failure, judgments without answer, and the rest is scored."""
    Path("some.jsonl").write_text('{"question_id": "writing-01", "turns": ["quality=5"]}\n', "utf-8")
    done = evalh("run", "--models", "one=scripted:words,some=file:some.jsonl", *JUDGE, "--limit", "2", "--quiet", "--no-report")
    assert done.code == 3
    run = library.load(FOLDER)
    assert [a.failure.kind for a in run.answers if a.failure] == ["permanent"]
    assert sorted(j.status for j in run.judgments) == ["no_answer"] * 3 + ["scored"] * 5
    assert run.leaderboard()["unscored"].tolist() != [0, 0]


def test_an_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C outside a run is one line and exit code 130."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evalh.core.config.load", interrupted)
    done = evalh("run")
    assert done.code == 130
    assert "interrupted" in done.err
    assert "Traceback" not in done.err


def test_a_fault_of_the_disk_is_exit_1() -> None:
    """What is neither usage nor configuration ends with 1: here a ledger that cannot be opened."""
    Path("folder").mkdir()
    done = evalh(*SMALL, "--quiet", "--ledger", "folder")
    assert done.code == 1
    assert "the ledger cannot be" in done.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error outside our tree is not dressed up."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("evalh.core.config.load", broken)
    with pytest.raises(ZeroDivisionError):
        evalh("run")


def test_fresh_sets_aside_and_says_where(finished: Path) -> None:
    """--fresh begins again in an empty folder; the old one is kept under another name, which is said."""
    old = (finished / "judgments.jsonl").read_bytes()
    done = evalh(*SMALL, "--fresh", "--limit", "1")
    assert done.code == 0
    assert f"the old records are in {finished}.old-1" in done.err
    assert Path(f"{finished}.old-1", "judgments.jsonl").read_bytes() == old
    assert len(library.load(finished).questions) == 1


def test_more_questions_extend_a_run_in_the_sets_order(finished: Path) -> None:
    """A run begun with some questions and continued with others ends like one that asked for all of them at once."""
    assert evalh(*SMALL, "--categories", "math", "--quiet").code == 0
    assert evalh(*SMALL, "--limit", "80", "--quiet").code == 0
    assert evalh(*SMALL, "--limit", "80", "--quiet", "--out", "results/at-once").code == 0
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl"):
        assert Path("results/at-once", name).read_bytes() == (finished / name).read_bytes(), name
