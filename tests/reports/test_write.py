"""The files of a report: all of them, atomically, and always the same bytes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalh.reports import write as writing
from evalh.reports.write import write
from reports import builder

PLOTS = [f"plots/{name}.{kind}" for name in ("relative-score", "pairs", "radar", "heatmap") for kind in ("png", "svg")]
FILES = ["leaderboard.csv", "leaderboard.md", "report.json", *PLOTS, "index.html"]


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_all_files_are_written_and_named(tmp_path):
    """The paths returned are the files there, and no other file remains."""
    made = write(builder.report(3), tmp_path / "new" / "report")
    assert [path.relative_to(tmp_path / "new" / "report").as_posix() for path in made] == FILES
    assert sorted(content(tmp_path / "new" / "report")) == sorted(FILES)


@pytest.mark.parametrize("made", [builder.baseline, builder.missing, builder.hostile])
def test_the_same_report_gives_the_same_bytes(made, tmp_path):
    """Twice in one process."""
    write(made(), tmp_path / "a")
    write(made(), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_nothing_of_the_surroundings_reaches_the_bytes(tmp_path):
    """Another process with another hash seed, time zone, locale, terminal, backend and matplotlibrc writes the same."""
    write(builder.report(3, judges=("gpt-4", "claude")), tmp_path / "here")
    (tmp_path / "matplotlibrc").write_text("font.size: 40\nsvg.fonttype: path\nsavefig.dpi: 30\n")
    code = (
        "import locale, sys; from pathlib import Path\n"
        "locale.setlocale(locale.LC_ALL, '')\n"
        "from reports import builder; from evalh.reports.write import write\n"
        "write(builder.report(3, judges=('gpt-4', 'claude')), Path(sys.argv[1]))"
    )
    for seed, zone, language in (("1", "Asia/Tokyo", "C"), ("77", "America/St_Johns", "C.UTF-8")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "LANG": language, "COLUMNS": "31"}
        env |= {
            "MPLBACKEND": "svg",
            "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
            "FORCE_COLOR": "1",
            "SOURCE_DATE_EPOCH": seed,
        }
        env |= {"PYTHONPATH": str(Path(__file__).parents[1])}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], env=env, check=True)
        assert content(tmp_path / seed) == content(tmp_path / "here")


def test_plots_of_several_judges_have_names_of_their_own(tmp_path):
    """Judges become names that any file system takes, also when two would become the same."""
    judges = ("openai:gpt-4o", "openai/gpt-4o", "../..", "GPT 4")
    write(builder.report(2, judges=judges, answers=False, categories=1), tmp_path)
    found = sorted(path.name for path in (tmp_path / "plots").glob("*pairs.svg"))
    assert found == ["gpt-4.pairs.svg", "judge.pairs.svg", "openai-gpt-4o-2.pairs.svg", "openai-gpt-4o.pairs.svg"]


def test_plots_of_an_earlier_report_do_not_remain(tmp_path):
    """Only plots of ours are removed; what somebody else put there stays."""
    write(builder.report(2, judges=("a", "b"), answers=False), tmp_path)
    (tmp_path / "plots" / "mine.png").write_bytes(b"x")
    write(builder.report(2, judges=("a",), answers=False, categories=2), tmp_path)
    found = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert found == sorted(["mine.png", *(Path(name).name for name in PLOTS if "radar" not in name)])


def test_a_file_appears_complete_or_not_at_all(tmp_path, monkeypatch):
    """When the last step fails the old file is untouched and nothing is left beside it."""
    (tmp_path / "leaderboard.csv").write_text("old")

    def refuse(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(writing.os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write(builder.report(2, answers=False), tmp_path)
    assert (tmp_path / "leaderboard.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["leaderboard.csv"]


def test_four_models_on_eighty_questions_are_written_quickly(tmp_path):
    """About a second on two idle cores; the limit leaves room for a busy machine."""
    made = builder.report(4)
    write(builder.report(2, answers=False), tmp_path)
    start = time.process_time()
    write(made, tmp_path)
    assert time.process_time() - start < 6
