"""`evalh judges import`: another tool's prompts as a judge folder."""

from __future__ import annotations

import json
from pathlib import Path

from support.inside import evalh

ROW = {
    "name": "single-v1",
    "type": "single",
    "system_prompt": "Mark it.",
    "prompt_template": "{question}\n\n{answer}\n",
    "output_format": "[[rating]]",
}


def prompts(folder: Path) -> Path:
    file = folder / "judge_prompts.jsonl"
    file.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "name": "single-v0"}) + "\n", "utf-8")
    return file


def test_it_says_what_it_wrote_and_what_it_left_out(tmp_path: Path) -> None:
    """The folder goes to judges/ of the working folder and is found there; a second time it refuses."""
    done = evalh("judges", "import", "fastchat", prompts(tmp_path))
    assert done.code == 0, done.err
    assert done.out.startswith(f"{Path('judges/fastchat')}: single-v1; asks gpt-4; read strictly\n")
    assert "not carried over: Left out: single-v0" in done.out
    assert evalh("judges", "validate", "judges/fastchat").code == 0
    assert "fastchat: absolute; asks gpt-4 (working folder)" in evalh("judges", "list").out
    again = evalh("judges", "import", "fastchat", prompts(tmp_path))
    assert again.code == 2
    assert "is there already; choose another folder with --out" in again.err


def test_an_imported_judge_asks_and_is_read_as_told(tmp_path: Path, monkeypatch: object) -> None:
    """A run with it works; its records say that they were read as published, where that was asked for."""
    file = prompts(tmp_path)
    assert evalh("judges", "import", "fastchat", file, "--out", "judges/mine", "--reading", "published").code == 0
    command = ("run", "--models", "one=scripted:words", "--judge", "mine", "--judge-model", "scripted:judge", "--limit", "2")
    done = evalh(*command, "--mode", "absolute", "--no-report", "--quiet", "--out", "results/r")
    assert done.code == 0, done.err
    judgments = [json.loads(line) for line in Path("results/r/judgments.jsonl").read_text("utf-8").splitlines()]
    assert {j["protocol"] for j in judgments} == {"mine/single-v1"}
    assert all("reading:published" in j["flags"] for j in judgments)


def test_wrong_usage_names_what_there_is(tmp_path: Path) -> None:
    """An unknown format, an option of another format and a missing file are exit 2."""
    file = prompts(tmp_path)
    assert "Did you mean 'fastchat'?" in evalh("judges", "import", "fast-chat", file).err
    assert "--settings belongs to arena-hard" in evalh("judges", "import", "fastchat", file, "--settings", "x").err
    assert evalh("judges", "import", "fastchat", tmp_path / "none.jsonl").code == 2
    assert not Path("judges").exists()
