"""What the documents say is so: links lead somewhere, examples run, and no field or key is left out."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from evalh.core import config
from evalh.core.records import STATUSES, Answer, Judgment, Question
from evalh.pipeline import manifest as manifests
from evalh.stats.frame import COLUMNS
from support.inside import SMALL, evalh
from support.job import PLAYED
from support.server import FakeServer
from support.shared_data import shared

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    p for f in (".", "docs", "questions", "judges", "results", "notebooks", "benchmarks") for p in (ROOT / f).glob("*.md")
)
README = (ROOT / "README.md").read_text("utf-8")
RECORDS = (ROOT / "docs" / "records.md").read_text("utf-8")
BACKENDS = (ROOT / "docs" / "backends.md").read_text("utf-8")


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in heads}


def _blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project, and to a heading in it, exists."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_toml_examples_are_valid(page: Path, tmp_path: Path) -> None:
    """Every block of an evalh.toml is one that evalh takes."""
    for block in _blocks(page.read_text("utf-8"), "toml"):
        tables = tomllib.loads(block)
        if set(tables) <= set(config.TABLES):
            (tmp_path / "evalh.toml").write_text(block, "utf-8")
            config.load(tmp_path / "evalh.toml")


def test_the_first_example_of_the_readme_runs(fake_server: Callable[..., FakeServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """The job with GPT-4 as it stands in the README, with servers of ours behind the addresses."""
    server = fake_server(models={**PLAYED, "alpaca-7b": "quality"}, strict=True)
    text = next(block for block in _blocks(README, "toml") if "[models.vicuna]" in block)
    Path("evalh.toml").write_text(re.sub(r"http://127\.0\.0\.1:\d+/v1", server.base_url, text), "utf-8")
    monkeypatch.setenv("OPENAI_API_KEY", "any key at all")
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    (command,) = re.findall(r"^evalh (run --models vicuna,alpaca --judge gpt-4)", README, re.MULTILINE)
    done = evalh(*command.split(), "--limit", "2", "--no-report", "--quiet")
    assert done.code == 0, done.err
    assert server.stats()["total"] == 12


def _shown_in_readme(begin: str, end: str) -> list[str]:
    """The lines of output that the README shows after one command and before another, without those that say "left out"."""
    part = README.partition(begin)[2].partition("\n")[2].partition(end)[0]
    return [line for line in part.splitlines() if line.strip() and line != "…"]


def test_the_readme_shows_what_the_demonstration_prints() -> None:
    """Every line shown after `make demo` is one that it prints."""
    printed = evalh("run", "--quiet").out.splitlines()
    shown = _shown_in_readme("$ make demo", "$ make test")
    assert len(shown) > 10
    assert [line for line in shown if line not in printed] == []


def test_the_readme_shows_the_famous_table_as_it_is_printed() -> None:
    """Every line shown of the evaluation of March 2023 is one that comes out."""
    done = evalh("import", "vicuna-2023", shared("vicuna-bench-2023"), "--out", "results/vicuna-2023")
    printed = (done.out + evalh("report", "results/vicuna-2023", "--no-report").out).splitlines()
    shown = [line for line in _shown_in_readme("$ evalh import vicuna-2023", "```") if not line.startswith("$ ")]
    assert len(shown) > 10
    assert [line for line in shown if line not in printed] == []


def test_the_python_of_the_readme_runs() -> None:
    """Reading a run as the README shows it."""
    assert evalh("run", "--quiet", "--no-report").code == 0
    (block,) = _blocks(README, "python")
    exec(compile(block, "README.md", "exec"), {})


def test_every_key_of_evalh_toml_is_described() -> None:
    """docs/backends.md names every key that evalh.toml may hold."""
    keys = {*config.MODEL_KEYS, *config.JUDGE_KEYS, *config.JURY_KEYS, *config.LIMIT_KEYS, *config.GENERATION}
    assert {key for key in keys if f"`{key}`" not in BACKENDS} == set()


@pytest.mark.parametrize("record", [Question, Answer, Judgment], ids=lambda r: r.__name__)
def test_every_field_is_described(record: type) -> None:
    """docs/records.md has a row for every field of a record, in the order in which it is written."""
    section = re.split(r"^## ", RECORDS, flags=re.MULTILINE)
    text = next(
        part for part in section if part.lower().startswith((f"a {record.__name__}".lower(), f"an {record.__name__}".lower()))
    )
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert rows[: len(fields(record)) + 1] == ["schema", *(f.name for f in fields(record))]


def test_every_status_column_and_manifest_key_is_described(finished_manifest: dict[str, object]) -> None:
    """Statuses, columns of the frame and keys of run.json stand in docs/records.md."""
    for name in (*STATUSES, *COLUMNS, *manifests.bare("x"), *finished_manifest):
        assert f"`{name}`" in RECORDS, name


@pytest.fixture
def finished_manifest() -> dict[str, object]:
    """The run.json of a small run, with the keys of its parts."""
    assert evalh(*SMALL, "--quiet").code == 0
    manifest = json.loads(Path("results/core-80--gpt-4/run.json").read_text("utf-8"))
    model, judge = manifest["models"]["one"], manifest["judges"]["gpt-4"]
    parts = (manifest, manifest["config"], manifest["counts"], manifest["cost"], manifest["questions"], model, judge)
    return {key: None for part in parts for key in part if key != "by_status"}
