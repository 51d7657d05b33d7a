"""results/reference: what the demonstration makes, checked in, and made again to the byte.

If a change to a judge, a question set or a report is meant to change it:  make reference
"""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from support.inside import evalh

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"
REPORT = sorted(p.relative_to(REFERENCE / "report").as_posix() for p in (REFERENCE / "report").rglob("*") if p.is_file())
DRAWN_WITH = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("matplotlib==")]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run whose report was thrown away and made again."""
    copy = tmp_path_factory.mktemp("rebuilt") / "reference"
    shutil.copytree(REFERENCE, copy, ignore=shutil.ignore_patterns("report", ".lock"))
    done = evalh("report", copy)
    assert done.code == 0, done.err
    return copy / "report"


def test_the_demonstration_makes_these_records(tmp_path: Path) -> None:
    """`make demo` on any machine gives the very questions, answers, judgments and recorded verdicts that are checked in."""
    assert evalh("run", "--quiet", "--no-report", "--out", tmp_path / "demo").code == 0
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl", "votes.jsonl"):
        assert (tmp_path / "demo" / name).read_bytes() == (REFERENCE / name).read_bytes(), name


@pytest.mark.parametrize("name", REPORT)
def test_the_report_is_rebuilt_to_the_byte(rebuilt: Path, name: str) -> None:
    """Every file of the report, from the records alone; drawings are compared where matplotlib is the one they were made with."""
    if name.endswith((".png", ".svg", ".html")) and DRAWN_WITH != [f"matplotlib=={version('matplotlib')}"]:
        pytest.skip(f"drawn with {DRAWN_WITH}")
    assert (rebuilt / name).read_bytes() == (REFERENCE / "report" / name).read_bytes()


def test_nothing_else_is_written(rebuilt: Path) -> None:
    """The rebuilt report has the same files, no more and no fewer."""
    assert sorted(p.relative_to(rebuilt).as_posix() for p in rebuilt.rglob("*") if p.is_file()) == REPORT


def test_it_is_small() -> None:
    """What everybody clones stays below 2 MB."""
    assert sum(p.stat().st_size for p in REFERENCE.rglob("*") if p.is_file()) < 2 << 20
