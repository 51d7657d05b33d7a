"""The stages alone: `evalh answer`, `evalh judge`, `evalh report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalh as library
from support.inside import JUDGE, MODELS, SMALL, evalh

RECORDS = ("questions.jsonl", "answers.jsonl", "judgments.jsonl")


@pytest.fixture
def answered() -> Path:
    """A folder with answers and nothing more."""
    done = evalh("answer", *MODELS, "--limit", "3", "--out", "results/a", "--quiet")
    assert done.code == 0
    assert done.err == ""
    assert done.out == f"6 answers (0 failed) in {Path('results/a/answers.jsonl')}\n"
    return Path("results/a")


def test_answers_alone_are_named_after_the_questions() -> None:
    """Without --out the folder of `evalh answer` bears the question set's name."""
    assert evalh("answer", *MODELS, "--limit", "1", "--quiet").code == 0
    assert Path("results/core-80/answers.jsonl").is_file()


def test_a_run_without_judgments_says_how_to_get_them(answered: Path) -> None:
    """A report on answers alone is no error; it names the command that judges them."""
    done = evalh("report", answered, "--no-report")
    assert done.code == 0
    assert f"evalh judge {answered}" in done.err


@pytest.mark.parametrize("samples", ["1", "2"])
def test_stages_alone_equal_the_run(samples: str) -> None:
    """`answer`, then `judge`, give the very bytes that `run` gives, repeats included."""
    common = ("--limit", "3", "--samples", samples, "--quiet")
    assert evalh("answer", *MODELS, *common, "--out", "results/a").code == 0
    assert evalh("judge", "results/a", *JUDGE, "--samples", samples, "--quiet", "--no-report").code == 0
    assert evalh("run", *MODELS, *JUDGE, *common, "--out", "results/b", "--no-report").code == 0
    for name in RECORDS:
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes(), name


def test_stages_alone_count_a_lost_answer_as_the_run_does() -> None:
    """An answer that failed is no reason to forget its judgments: they are records without an answer, and counted."""
    Path("some.jsonl").write_text('{"question_id": "writing-01", "turns": ["quality=5"]}\n', "utf-8")
    common = ("--models", "one=scripted:words,some=file:some.jsonl", "--limit", "2", "--quiet", "--max-failures", "100%")
    assert evalh("answer", *common, "--out", "results/a").code == 0
    assert evalh("judge", "results/a", *JUDGE, "--quiet", "--no-report").code == 3
    assert evalh("run", *common, *JUDGE, "--out", "results/b", "--no-report").code == 0
    for name in RECORDS:
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes(), name
    assert library.load("results/a").manifest["counts"]["by_status"] == {"no_answer": 3, "scored": 5}


def test_judging_keeps_what_the_run_says_of_its_answers(answered: Path) -> None:
    """How the models were asked stays in run.json when a judge comes later."""
    before = json.loads((answered / "run.json").read_text())
    assert evalh("judge", answered, *JUDGE, "--quiet", "--no-report").code == 0
    after = json.loads((answered / "run.json").read_text())
    assert after["config"]["generation"] == before["config"]["generation"] != {}
    assert after["models"] == before["models"]
    assert after["run_id"] == before["run_id"]


def test_judging_some_models_only(answered: Path) -> None:
    """--models of `evalh judge` chooses among the run's models; a name that is not one gets the nearest."""
    assert evalh("judge", answered, *JUDGE, "--models", "two", "--mode", "absolute", "--quiet", "--no-report").code == 0
    run = library.load(answered)
    owner = {a.answer_id: a.model for a in run.answers}
    assert {owner[j.answers[0]] for j in run.judgments} == {"two"}
    done = evalh("judge", answered, *JUDGE, "--models", "twoo")
    assert done.code == 2
    assert "unknown model of this run 'twoo'. Did you mean 'two'?" in done.err


def test_a_second_judge_stands_beside_the_first(finished: Path) -> None:
    """Another label adds judgments and changes none; the report has both, and none of them on top."""
    first = (finished / "judgments.jsonl").read_bytes().splitlines()
    assert evalh("judge", finished, "--judge", "baseline", "--quiet", "--no-report").code == 0
    both = (finished / "judgments.jsonl").read_bytes().splitlines()
    assert [line for line in both if b'"judge":"gpt-4"' in line] == first
    report = json.loads(evalh("report", finished, "--format", "json").out)
    assert list(report["by_judge"]) == report["run"]["judges"] == ["gpt-4", "baseline"]
    assert report["models"] is report["pairs"] is report["categories"] is None


def test_judging_afresh_keeps_the_answers(finished: Path) -> None:
    """`evalh judge --fresh` sets a copy aside and forgets that judge's words only; the answers, and other judges, stay."""
    assert evalh("judge", finished, "--judge", "baseline", "--quiet", "--no-report").code == 0
    before = {name: (finished / name).read_bytes() for name in RECORDS}
    done = evalh("judge", finished, *JUDGE, "--fresh", "--no-report")
    assert done.code == 0
    assert f"{finished}.old-1" in done.err
    kept = [line for line in before["judgments.jsonl"].splitlines() if b'"judge":"baseline"' in line]
    after = (finished / "judgments.jsonl").read_bytes().splitlines()
    assert sorted(after) == sorted(before["judgments.jsonl"].splitlines())
    assert [line for line in after if b'"judge":"baseline"' in line] == kept
    assert (finished / "answers.jsonl").read_bytes() == before["answers.jsonl"]
    for name in RECORDS:
        assert Path(f"{finished}.old-1", name).read_bytes() == before[name]


def test_a_second_time_does_nothing(finished: Path) -> None:
    """The same command again changes no byte of any file, run.json included."""
    before = {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    assert evalh(*SMALL, "--quiet").code == 0
    assert {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()} == before


def test_reports_of_several_runs(finished: Path) -> None:
    """Each run named gets its report; a name under results/ is as good as a folder."""
    assert evalh(*SMALL, "--out", "results/other", "--quiet").code == 0
    done = evalh("report", finished, "other", "--no-report")
    assert done.code == 0
    assert done.out.count("Judged by gpt-4") == 2


def test_a_report_needs_nothing_but_the_folder(finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the ledger gone and from another folder, the same leaderboard."""
    shown = evalh("report", finished, "--no-report").out
    folder = finished.resolve()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("EVALH_HOME", str(elsewhere / "none"))
    assert evalh("report", folder, "--no-report").out == shown
    assert list(elsewhere.iterdir()) == []


def test_a_reference_of_ones_own(finished: Path) -> None:
    """--reference moves the model that relative scores relate to; a name that is not one is exit 2."""
    for name in ("one", "two"):
        report = json.loads(evalh("report", finished, "--format", "json", "--reference", name).out)
        assert report["reference"] == name
        row = next(m for m in report["models"] if m["model"] == name)
        assert (row["relative_score"]["value"], row["relative_score"]["low"]) == (1.0, None)
    done = evalh("report", finished, "--reference", "tow")
    assert done.code == 2
    assert "Did you mean 'two'" in done.err


def test_a_corrupt_record_is_exit_1_with_its_line(finished: Path) -> None:
    """A line that is no record: file, line and fault, and exit code 1."""
    lines = (finished / "judgments.jsonl").read_bytes().splitlines(keepends=True)
    (finished / "judgments.jsonl").write_bytes(b"".join([*lines[:2], b"{}\n", *lines[2:]]))
    done = evalh("report", finished)
    assert done.code == 1
    assert "judgments.jsonl:3" in done.err


def test_a_newer_schema_is_exit_2(finished: Path) -> None:
    """A run written by a newer evalh is refused, saying so."""
    manifest = json.loads((finished / "run.json").read_text())
    (finished / "run.json").write_text(json.dumps({**manifest, "schema": 99}))
    done = evalh("report", finished)
    assert done.code == 2
    assert "newer evalh" in done.err
