"""The run that is checked in: what the demonstration makes, and its report to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.command import evalh

REFERENCE = Path(__file__).resolve().parents[1] / "results" / "reference"
FILES = sorted(p.relative_to(REFERENCE / "report").as_posix() for p in (REFERENCE / "report").rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report made again from the records alone."""
    copy = tmp_path_factory.mktemp("copy") / "reference"
    shutil.copytree(REFERENCE, copy, ignore=shutil.ignore_patterns("report", ".lock"))
    assert not (copy / "report").exists()
    done = evalh("report", copy)
    assert done.returncode == 0, done.stderr
    return copy / "report"


def test_there_is_a_report() -> None:
    """Page, tables, JSON and every plot in both forms are checked in."""
    assert {"index.html", "leaderboard.csv", "leaderboard.md", "report.json"} <= set(FILES)
    assert sum(f.endswith(".png") for f in FILES) == sum(f.endswith(".svg") for f in FILES) == 4


@pytest.mark.parametrize("name", FILES)
def test_the_report_is_rebuilt_to_the_byte(rebuilt: Path, name: str) -> None:
    """`evalh report results/reference` gives the checked-in file again."""
    assert (rebuilt / name).read_bytes() == (REFERENCE / "report" / name).read_bytes()


def test_the_demonstration_makes_these_records() -> None:
    """`evalh run` with nothing else makes the checked-in answers, judgments and votes, byte for byte."""
    done = evalh("run", "--no-report", "--quiet")
    assert done.returncode == 0, done.stderr
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl", "votes.jsonl"):
        assert Path("results/core-80--baseline", name).read_bytes() == (REFERENCE / name).read_bytes(), name


def test_the_demonstration_says_how_often_it_is_right() -> None:
    """The leaderboard comes with intervals, what the judge is, and its agreement with the recorded defects."""
    done = evalh("report", REFERENCE, "--no-report")
    assert "not a judge of quality" in " ".join(done.stdout.split())
    assert "the recorded defects" in " ".join(done.stdout.split())
    agreement = json.loads(evalh("report", REFERENCE, "--format", "json").stdout)["agreement"]["agreement"]
    assert agreement["low"] < agreement["value"] < agreement["high"]
    assert agreement["n"] == 80


def test_it_is_small() -> None:
    """A clone does not pay for it: under two megabytes."""
    assert sum(p.stat().st_size for p in REFERENCE.rglob("*") if p.is_file()) < 2_000_000
