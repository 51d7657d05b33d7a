"""`evalh.run` and `evalh.load`: the command line as functions, and a run as an object."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import evalh
from evalh.errors import BadConfig, EvalhError, Incomplete, MissingCredential, StoreError, UnknownName
from evalh.stats.frame import COLUMNS
from support import inside

MODELS = ["one=scripted:words", "two=scripted:words"]


def _run(**options: Any) -> evalh.Run:
    given = {"judge_model": "scripted:judge", "report": False, "limit": 3, **options}
    return evalh.run(MODELS, "gpt-4", **given)


def test_run_is_the_command_as_a_function() -> None:
    """The same names give the same records as on the command line."""
    run = _run(out="results/mine")
    assert inside.evalh(*inside.SMALL, "--quiet").code == 0
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl"):
        assert Path("results/mine", name).read_bytes() == (inside.FOLDER / name).read_bytes()
    assert run.path == Path("results/mine")


def test_without_arguments_it_is_the_demonstration() -> None:
    """`evalh.run()` runs the embedded default, here in part, and writes its report."""
    run = evalh.run(limit=2)
    assert list(run.manifest["models"]) == ["careful", "hasty"]
    assert (run.path / "report" / "index.html").is_file()


def test_one_name_needs_no_list() -> None:
    """One model and one judge may be given as texts."""
    run = evalh.run("one=scripted:words", "baseline", limit=1, report=False, mode="absolute")
    assert list(run.manifest["models"]) == ["one"]


def test_it_works_within_a_running_loop() -> None:
    """In a notebook a loop is running already; the call works there and leaves it running."""

    async def cell() -> evalh.Run:
        run = _run()
        await asyncio.sleep(0)
        return run

    assert len(asyncio.run(cell()).judgments) == 12


def test_load_finds_a_folder_or_a_name() -> None:
    """A path, or the name of a run under results/; anything else says that it is no run."""
    _run()
    assert evalh.load("core-80--gpt-4").path == evalh.load("results/core-80--gpt-4").path == inside.FOLDER
    with pytest.raises(StoreError, match="nowhere is not a run folder"):
        evalh.load("nowhere")


def test_a_run_is_read_as_records() -> None:
    """Questions, answers and judgments are tuples of frozen records, in the order of the files."""
    run = _run()
    assert [type(x[0]) for x in (run.questions, run.answers, run.judgments)] == [evalh.Question, evalh.Answer, evalh.Judgment]
    assert (len(run.questions), len(run.answers), len(run.judgments)) == (3, 6, 12)
    with pytest.raises(AttributeError):
        run.answers[0].model = "other"  # type: ignore[misc]
    assert repr(run) == f"<evalh.Run {str(inside.FOLDER)!r}: one, two; judged by gpt-4>"


def test_the_frame_has_the_columns_promised() -> None:
    """One row per comparison or score with the columns of the results frame, in order."""
    frame = _run().frame
    assert isinstance(frame, pd.DataFrame)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 12


def test_the_leaderboard_says_what_the_report_says() -> None:
    """Every figure of the JSON report stands in the frame under its name, with its limits, n and standard error."""
    run = _run(limit=20)
    board = run.leaderboard()
    report = json.loads(inside.evalh("report", run.path, "--format", "json").out)
    assert list(board.index) == [m["model"] for m in report["models"]]
    for row in report["models"]:
        mine = board.loc[row["model"]]
        assert [mine["rank_best"], mine["rank_worst"]] == row["rank"]
        for figure in ("mean_score", "relative_score", "win_rate", "rating"):
            said = row[figure]
            assert mine[figure] == said["value"]
            for part in ("low", "high", "n", "standard_error"):
                value = mine[f"{figure}_{part}"]
                assert (None if pd.isna(value) else value) == said[part], (figure, part)
        assert all(mine[k] == row[k] for k in ("wins", "ties", "losses", "scored", "unscored"))


def test_the_leaderboard_of_a_category() -> None:
    """A category has its own figures; a name that is none gets the nearest."""
    run = _run(limit=20)
    assert run.leaderboard(category="writing")["mean_score_n"].tolist() == [10, 10]
    with pytest.raises(UnknownName, match="Did you mean 'writing'"):
        run.leaderboard(category="writting")


def test_several_judges_have_to_be_told_apart() -> None:
    """With two judges one has to be named, and each has figures of its own."""
    run = evalh.run(MODELS, ["gpt-4", "second=gpt-4"], judge_model="scripted:judge", limit=3, report=False)
    with pytest.raises(BadConfig, match="several judges \\(gpt-4, second\\)"):
        run.leaderboard()
    assert run.leaderboard(judge="second")["scored"].tolist() == run.leaderboard(judge="gpt-4")["scored"].tolist()
    with pytest.raises(UnknownName, match="judge of this run"):
        run.leaderboard(judge="third")


def test_the_reference_can_be_chosen() -> None:
    """Relative scores relate to the model named; its own is 1 without limits."""
    board = _run().leaderboard(reference="one")
    assert board.loc["one", "relative_score"] == 1.0
    assert pd.isna(board.loc["one", "relative_score_low"])
    with pytest.raises(UnknownName, match="reference"):
        _run().leaderboard(reference="three")


def test_the_report_is_one_object() -> None:
    """`run.report()` holds facts, leaderboards, cost, and each question with its answers and judgments."""
    report = _run().report()
    assert report.run.models == ("one", "two")
    assert list(report.leaderboards) == ["gpt-4"]
    assert [len(sheet.judgments) for sheet in report.sheets] == [4, 4, 4]


def test_what_is_missing_rises_before_anything_is_sent() -> None:
    """Errors are those of the command line, as exceptions of evalh's own tree."""
    with pytest.raises(MissingCredential):
        evalh.run(["vicuna", "alpaca"], "gpt-4")
    with pytest.raises(UnknownName, match="mode"):
        _run(mode="sideways")
    with pytest.raises(Incomplete, match="not in the ledger"):
        _run(offline=True, out="results/other")
    with pytest.raises(TypeError):
        _run(no_such_option=1)
    assert issubclass(MissingCredential, EvalhError)


def test_a_ledger_of_ones_own() -> None:
    """Responses go where they are told to, and nowhere else."""
    _run(ledger="mine.sqlite3")
    assert Path("mine.sqlite3").is_file()
    assert not Path("../home/ledger.sqlite3").exists()


def test_reading_writes_nothing() -> None:
    """Loading, figures and the report object leave the folder as it is."""
    run = _run()
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    again = evalh.load(run.path)
    again.leaderboard()
    again.report()
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_a_jury_stands_for_the_run() -> None:
    """Judges put together by a rule: the leaderboard of the run is the jury's, and each judge's can be had."""
    Path("evalh.toml").write_text('[judges.other]\njudge = "gpt-4"\nmodel = "scripted:judge"\n', "utf-8")
    run = evalh.run(judge=["baseline", "other"], jury="mean", limit=4, report=False)
    assert run.path.name == "core-80--baseline+other+jury"
    assert run.leaderboard().equals(run.leaderboard("jury"))
    mean = (run.leaderboard("baseline")["mean_score"] + run.leaderboard("other")["mean_score"]) / 2
    assert run.leaderboard()["mean_score"].to_dict() == pytest.approx(mean.to_dict())
    assert set(run.frame["judge"]) == {"baseline", "other"}, "what a jury says is not part of the records"
    report = run.report()
    assert report.chief is report.leaderboards["jury"]
    assert report.agreement is not None
    assert report.agreement.sentence.startswith("jury jury names")
