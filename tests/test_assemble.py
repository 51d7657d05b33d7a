"""A run folder -> what a report shows: brought together from the folder alone, and never more than it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalh.assemble import leaderboards, report_of, table_rows
from evalh.core.store import RunFolder
from evalh.errors import StoreError, UnknownName
from evalh.pipeline.collect import collect
from support.inside import FOLDER, JUDGE, SMALL, evalh


@pytest.fixture
def folder() -> RunFolder:
    """A small finished run."""
    assert evalh(*SMALL, "--quiet").code == 0
    return RunFolder(FOLDER)


def _rewrite(folder: RunFolder, **changes: Any) -> None:
    manifest = json.loads((folder.path / "run.json").read_text("utf-8"))
    (folder.path / "run.json").write_text(json.dumps({**manifest, **changes}), "utf-8")


def test_facts_come_from_the_manifest(folder: RunFolder) -> None:
    """Name, models, judges, question set and count, times and inputs are those of run.json."""
    report, manifest = report_of(folder), folder.manifest()
    assert report.run.name == "core-80--gpt-4"
    assert (report.run.models, report.run.judges) == (("one", "two"), ("gpt-4",))
    assert (report.run.questions, report.run.question_count) == ("core-80", 3)
    assert (report.run.started_at, report.run.finished_at) == (manifest["started_at"], manifest["finished_at"])
    assert report.run.inputs == manifest["inputs"]
    assert report.partial is None
    assert report.agreement is None


def test_costs_come_from_the_manifest(folder: RunFolder) -> None:
    """What was paid for is shown as stored; a run that never stored it shows nothing rather than zero."""
    cost = folder.manifest()["cost"]
    assert report_of(folder).cost.requests == cost["requests"] == 18
    assert report_of(folder).cost.unpriced == ("judge", "one", "two")
    _rewrite(folder, cost={})
    assert (report_of(folder).cost.usd, report_of(folder).cost.input_tokens) == (None, None)


def test_a_partial_run_says_so(folder: RunFolder) -> None:
    """Why figures rest on less than was asked for is part of the report."""
    _rewrite(folder, partial="interrupted", finished_at=None)
    assert report_of(folder).partial == "interrupted"
    assert "interrupted" in evalh("report", folder.path, "--no-report").out


def test_notes_of_judges_are_carried(folder: RunFolder) -> None:
    """What a judge says a reader has to know stands in every report by it."""
    assert evalh("judge", folder.path, "--judge", "baseline", "--quiet", "--no-report").code == 0
    assert "floor" in report_of(folder).judge_notes["baseline"]


def test_sheets_hold_everything_or_nothing(folder: RunFolder) -> None:
    """Each question with its answers and judgments, in order; none where they are not wanted."""
    report = report_of(folder)
    assert [s.question.question_id for s in report.sheets] == ["writing-01", "writing-02", "writing-03"]
    assert [[a.model for a in s.answers] for s in report.sheets] == [["one", "two"]] * 3
    assert report_of(folder, sheets=False).sheets == ()


def test_what_a_page_leaves_out_is_said(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the page says how many questions, answers and judgments it does not show; the figures stay the same."""
    from evalh.pipeline import excerpt
    from evalh.reports.page import page

    whole = report_of(folder)
    assert whole.left_out == ""
    monkeypatch.setattr(excerpt, "RECORDS", 1)
    cut = report_of(folder)
    assert [s.question.question_id for s in cut.sheets] == ["writing-01"]
    assert "2 questions, 5 answers and " in cut.left_out
    assert cut.left_out in page(cut)
    assert cut.leaderboards == whole.leaderboards


def test_rows_say_none_where_there_is_no_figure() -> None:
    """A figure that does not apply is None in every one of its columns; nothing is left out."""
    assert evalh(*SMALL, "--mode", "absolute", "--quiet").code == 0
    folder = RunFolder(FOLDER)
    board = leaderboards(folder, collect(folder), folder.manifest())["gpt-4"]
    for row in table_rows(board.overall):
        assert all(row[f"win_rate{part}"] is None for part in ("", "_low", "_high", "_n", "_standard_error"))
        assert row["mean_score_n"] == 3


def test_two_turns_have_columns_of_their_own() -> None:
    """Scores by turn stand beside the overall ones."""
    command = ("run", "--models", "one=scripted:words", *JUDGE, "--questions", "two-turn-16", "--mode", "absolute")
    assert evalh(*command, "--limit", "3", "--quiet", "--no-report").code == 0
    folder = RunFolder(Path("results/two-turn-16--gpt-4"))
    (row,) = table_rows(leaderboards(folder, collect(folder), folder.manifest())["gpt-4"].overall)
    assert {"turn_1", "turn_1_low", "turn_2", "turn_2_n"} <= set(row)
    assert row["mean_score"] == pytest.approx((row["turn_1"] + row["turn_2"]) / 2)


def test_votes_are_held_against_the_judge() -> None:
    """Where the folder holds verdicts, the report says how often the judge agrees, of how many, and with whom."""
    assert evalh("run", "--limit", "20", "--quiet", "--no-report").code == 0
    report = report_of(RunFolder(Path("results/core-80--baseline")))
    assert report.agreement is not None
    assert "the recorded defects" in report.agreement.sentence
    assert "20 comparisons" in report.agreement.sentence
    assert report.agreement.estimate.n == 20


def test_votes_of_several_people_are_counted(folder: RunFolder) -> None:
    """Two raters are named by number; votes on questions that nobody judged change nothing."""
    vote = {"question_id": "writing-01", "model_a": "one", "model_b": "two", "winner": "tie", "turn": 1}
    rows = [{**vote, "rater": "ann"}, {**vote, "rater": "bob", "question_id": "writing-02"}]
    folder.write_votes([*rows, {**vote, "rater": "bob", "question_id": "nowhere"}])
    report = report_of(folder)
    assert report.agreement is not None
    assert "as 2 raters in this share of 2 comparisons" in report.agreement.sentence


def test_votes_that_meet_nothing_are_no_error(folder: RunFolder) -> None:
    """Verdicts on other questions leave the report without an agreement."""
    folder.write_votes([{"question_id": "x", "model_a": "one", "model_b": "two", "winner": "tie", "rater": "a", "turn": 1}])
    assert report_of(folder).agreement is None


def test_a_reference_that_is_no_model_is_refused(folder: RunFolder) -> None:
    """The reference must be a model of the run."""
    with pytest.raises(UnknownName, match="reference"):
        report_of(folder, "three")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """What is missing is named."""
    with pytest.raises(StoreError, match=r"run\.json"):
        report_of(RunFolder(tmp_path))
