"""Published sets replayed from the copies beside the project: their figures to the digits that were printed."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from evalh.core.store import RunFolder
from evalh.importers.formats import bring_in
from evalh.published.catalogue import PublishedFigure, catalogue, find
from evalh.published.figures import OWN, Desk, computed
from evalh.published.replay import Replayed, as_it_lies, cells, replay, verdict
from evalh.stats.estimate import Estimate
from support.inside import evalh
from support.shared_data import shared

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PAGE = _generator("generate_replays")


@cache
def _replayed(name: str, out: Path) -> list[Replayed]:
    place = PAGE.PLACES[name]
    return replay(find(name), shared(*place.split("/")), out)[1]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's replays are imported to, each once."""
    return tmp_path_factory.mktemp("replays")


def test_march_2023() -> None:
    """Totals and relative scores of the blog post, every one the same; exit 0."""
    root = shared("vicuna-bench-2023")
    done = evalh("replay", "vicuna-2023", "--from", root, "--format", "json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert len(document["figures"]) == 13
    assert all(f["same"] for f in document["figures"])
    percent = {f["model"]: f["replayed"]["value"] for f in document["figures"] if f["figure"] == "relative_score"}
    assert {m: round(100 * v, 3) for m, v in percent.items()} == {
        "llama-13b": 68.053,
        "alpaca-13b": 76.240,
        "vicuna-13b": 92.063,
        "bard": 93.257,
        "gpt35": 100.0,
    }
    table = evalh("replay", "vicuna-2023", "--from", root)
    assert table.code == 0
    assert table.out.count("same") == 13
    assert "DIFFERS" not in table.out


def test_every_set_with_figures_is_on_the_page() -> None:
    """Whatever set has published figures has its table in docs/replays.md."""
    assert [s.name for s in catalogue().values() if s.published and s.name not in PAGE.PLACES] == []


@pytest.mark.parametrize("name", PAGE.PLACES)
def test_the_page_is_what_the_data_give(root: Path, name: str) -> None:
    """docs/replays.md is not stale, every figure is there, and whatever differs has its cause; else make it again."""
    found = _replayed(name, root / name)
    assert all(r.ours is not None and r.ours.value is not None for r in found)
    assert [cells(r) for r in found if not r.same and not r.published.cause] == []
    assert PAGE.part(find(name), found) in (DOCS / "replays.md").read_text("utf-8")


def test_length_controlled(root: Path) -> None:
    """AlpacaEval 2's figures within 0.2 points; of the two models with missing rows, those with the right instructions."""
    found = {
        r.published.model: (100 * r.published.value, 100 * r.ours.value)
        for r in _replayed("alpaca-eval-2", root / "alpaca-eval-2")
        if r.published.figure == "alpaca_length_controlled" and r.ours is not None and r.ours.value is not None
    }
    assert len(found) == 12
    right = {"minotaur-13b": 9.104, "text_davinci_001": 6.576}
    for model, (published, ours) in found.items():
        assert ours == pytest.approx(right.get(model, published), abs=0.2)


def test_llmbars_kappas(root: Path) -> None:
    """Accuracies and corrected kappas, means of both orders, of all six evaluators on all five subsets."""
    _replayed("llmbar", root / "llmbar")
    desk = Desk(RunFolder(root / "llmbar"), shared("llmbar"))
    expected = json.loads(shared("llmbar", "expected.json").read_text("utf-8"))
    for subset, told in expected.items():
        for judge, want in told["evaluators"].items():
            about = {"model": "better", "value": 0.0, "source": "", "judge": judge, "category": subset}
            accuracy, kappa = (computed(desk, PublishedFigure(figure, **about)) for figure in ("accuracy", "kappa"))
            assert accuracy is not None
            assert accuracy.value == pytest.approx(want["accuracy_average"], abs=1e-12)
            if want["winner_values"].get("None"):
                continue  # what upstream's kappa does with a winner that could not be read is not said
            both = [want[f"kappa_{order}_order_correct_definition"] for order in ("original", "swapped")]
            assert kappa is not None
            assert kappa.value == pytest.approx(sum(both) / 2, abs=1e-12)
            assert kappa.low < kappa.value < kappa.high


def test_a_copy_in_another_form_is_said_to_be_one(root: Path) -> None:
    """A folder without the set's own files is read as it is, and that its bytes were not checked stands on standard error."""
    done = evalh("replay", "wildvision", "--from", shared("wildvision-bench"), "--out", root / "copy")
    assert done.code == 0, done.err
    assert "cannot be checked" in done.err
    assert done.out.count("same to the digits printed") == 24
    assert as_it_lies(find("mt-bench-human"), str(shared("mt-bench-human"))) is None
    assert as_it_lies(find("wildvision"), "") is None


def test_what_the_files_do_not_hold_is_missing(tmp_path: Path) -> None:
    """A figure that cannot be had from the files is shown as missing, with neither a number nor a difference."""
    vote = {"model_a": "a", "model_b": "b", "winner": "tie", "question_id": "q", "turn": 1, "judge": ["expert_1"]}
    (tmp_path / "votes.jsonl").write_text(json.dumps(vote) + "\n")
    desk = Desk(bring_in(tmp_path / "votes.jsonl", tmp_path / "run").folder, tmp_path)
    for name in OWN:
        figure = PublishedFigure(name, "m", 0.5, "somewhere", against="b", judge="j", turn=1, ties="kept", category="c")
        row = Replayed(figure, computed(desk, figure))
        assert row.ours is None, name
        assert verdict(row) == "not to be had from these files"
        assert cells(row)[3:7] == ("–", "–", "–", "–")
    other = Replayed(PublishedFigure("win_rate", "m", 0.5, "somewhere", digits=2), Estimate(0.6, 0.5, 0.7, 9))
    assert verdict(other) == "DIFFERS"


def test_wildvisions_folders_name_the_baseline(tmp_path: Path) -> None:
    """In the original's own files the baseline stands in the folder's name only."""
    folder = tmp_path / "judge_gpt-4o_reference_base-1"
    folder.mkdir()
    row = {"question_id": "q", "model": "m", "judge": "gpt-4o", "games": [{"judgment": "[[B>>A]]", "score": "B>>A"}]}
    (folder / "m.jsonl").write_text(json.dumps(row) + "\n")
    done = bring_in(folder, tmp_path / "run")
    assert done.form == "wildvision"
    assert set(done.folder.manifest()["models"]) == {"base-1", "m"}
    assert done.folder.manifest()["judges"]["gpt-4o"]["strong_weight"] == 3
