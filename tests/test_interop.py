"""Other tools' files and published sets from Python: the same as on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import evalh as library
from evalh.errors import BadConfig, BadImport, UnknownName
from importers.test_formats import fastchat_folder
from support.inside import evalh
from support.shared_data import shared

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "import-export.md").read_text("utf-8")


def test_in_and_out_again() -> None:
    """The run that comes of an import is the command's, byte for byte; what an export leaves out is told."""
    run = library.import_run(fastchat_folder(), "results/a")
    assert evalh("import", fastchat_folder(), "--out", "results/b").code == 0
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl"):
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes()
    assert library.export_run(run, "fastchat", "out") == {}
    assert sorted(p.name for p in Path("out").iterdir()) == [
        "model_answer", "model_judgment", "question.jsonl", "reference_answer",
    ]  # fmt: skip
    left = library.export_run("a", "alpaca-eval", "out2", judge="gpt-4")
    assert left["judgments in mode absolute"] == 7
    with pytest.raises(UnknownName, match="fastchat"):
        library.export_run(run, "fastchet", "out3")
    Path("bad.jsonl").write_text("{oops\n")
    with pytest.raises(BadImport, match=r"bad\.jsonl:1"):
        library.import_run("bad.jsonl", "results/c", "battles")


def test_fetch_and_replay() -> None:
    """A set from a folder, and its published figures beside ours; sets of questions alone have none."""
    source = str(shared("vicuna-bench-2023"))
    rows = library.replay("vicuna-2023", source=source)
    assert rows
    assert all(row.same for row in rows)
    assert (library.fetch("vicuna-2023", source) / "question.jsonl").is_file()
    assert library.load("results/vicuna-2023").manifest["config"]["imported"].startswith("vicuna-2023/")
    with pytest.raises(BadConfig, match="nothing to replay"):
        library.replay("arena-hard-v2.0")
    with pytest.raises(UnknownName, match="vicuna-2023"):
        library.fetch("vicuna-2032")


def test_the_example_of_the_docs() -> None:
    """The Python of docs/import-export.md runs as it stands there."""
    fastchat_folder().rename("mt_bench")
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(block, "import-export.md", "exec"), {})
    rows = json.loads(Path("out/n/gpt-4/annotations.json").read_text("utf-8"))
    assert {row["generator_1"] for row in rows} == {"m"}
