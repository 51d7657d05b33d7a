"""The measured card of the built-in baseline judge."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from evalh.judges.baseline import VERSION
from evalh.judges.card import COLUMNS, card_text, load_card
from support.inside import evalh
from support.shared_data import shared

ROOT = Path(__file__).resolve().parents[2]
STORED = (ROOT / "judges" / "baseline" / "card.toml").read_text("utf-8")


def _measuring() -> ModuleType:
    spec = importlib.util.spec_from_file_location("baseline_card", ROOT / "benchmarks" / "baseline_card.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


MEASURING = _measuring()


def data() -> Path:
    for folder in ("alpaca-eval", "llmbar", "vicuna-bench-2023", "arena-hard-v0.1"):
        shared(folder)
    return shared("llmbar").parent


def test_the_card_is_of_the_present_judge() -> None:
    """A judge whose scores have changed needs a new card: run `python benchmarks/baseline_card.py --data ../shared/data`."""
    assert load_card()["version"] == VERSION


def test_show_prints_the_card() -> None:
    """`evalh judges show baseline` has a line for each row, every figure with its n and interval."""
    out = evalh("judges", "show", "baseline").out
    assert card_text() in out
    row = next(row for row in load_card()["row"] if row["data"] == "LLMBar, all five")
    (line,) = [line for line in out.splitlines() if line.startswith("LLMBar, all five")]
    for name in COLUMNS:
        value, low, high = row[name]
        assert f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]" in line
    assert line.split("people")[1].split()[:2] == ["419", "419"]
    assert "n/a: MT-bench" in out


def test_a_card_of_another_version_says_so(tmp_path: Path) -> None:
    """Figures that are not of the judge as it is now are named as such."""
    (tmp_path / "card.toml").write_text(STORED.replace(f'version = "{VERSION}"', 'version = "0"'), "utf-8")
    assert "These figures are of version 0 of the judge" in card_text(tmp_path / "card.toml")
    assert "These figures are of version" not in card_text()


def test_the_page_of_the_judge_shows_the_card() -> None:
    """judges/baseline/README.md holds the table as it is printed."""
    page = (ROOT / "judges" / "baseline" / "README.md").read_text("utf-8")
    assert f"```text\n{card_text()}\n```\n" in page
    assert MEASURING.readme(page) == page


@pytest.mark.parametrize("name", ["LLMBar", "Vicuna"])
def test_the_figures_are_what_the_data_give(name: str) -> None:
    """Computed again, the rows of the smaller data sets are the stored ones, to the digit."""
    found = [part for part in MEASURING.parts(data()) if part.data.startswith(name)]
    assert len(found) == {"LLMBar": 6, "Vicuna": 2}[name]
    for part in found:
        assert f"{MEASURING.row(part)}\n" in STORED


@pytest.mark.slow
def test_the_whole_card_is_what_the_data_give() -> None:
    """The stored file is the one that the command writes."""
    assert MEASURING.card(MEASURING.parts(data())) == STORED


def cases(*better: int, lengths: tuple[int, int] = (5, 9)) -> tuple[object, ...]:
    return tuple(
        MEASURING.Case(f"q{i}", "m", "Say it.", ("x" * lengths[0], "y" * lengths[1]), side) for i, side in enumerate(better)
    )


def test_agreement_is_counted_as_stated() -> None:
    """Always-longer names the second of (5, 9) characters; a tie counts half; alike weighs both sides the same."""
    mostly = MEASURING.Part("d", "v", cases(1, 1, 1, 0))
    assert MEASURING.agreement(mostly, MEASURING.longer).value == pytest.approx(0.75)
    assert MEASURING.agreement(mostly, MEASURING.first).value == pytest.approx(0.25)
    assert MEASURING.agreement(mostly, MEASURING.longer).n == 4
    alike = MEASURING.Part("d", "v", mostly.cases, alike=True)
    assert MEASURING.agreement(alike, MEASURING.longer).value == pytest.approx(0.5)
    tied = MEASURING.Part("d", "v", cases(1, 0, lengths=(5, 5)))
    assert MEASURING.agreement(tied, MEASURING.longer).value == pytest.approx(0.5)


def test_one_verdict_for_each_question_has_wilsons_interval() -> None:
    """40 of 100 right: Wilson's limits, worked out by hand."""
    part = MEASURING.Part("d", "v", cases(*[1] * 40, *[0] * 60))
    estimate = MEASURING.agreement(part, MEASURING.longer)
    assert estimate.low == pytest.approx(0.3094, abs=2e-3)
    assert estimate.high == pytest.approx(0.4980, abs=2e-3)


def test_balanced_models_are_those_that_win_about_as_often_as_they_lose() -> None:
    """Models outside 35 to 65 % are left out of the balanced row, cases and all."""
    even, uneven = cases(0, 1), cases(0, 0, 0, 1)
    uneven = tuple(MEASURING.Case(c.question, "other", c.asked, c.answers, c.better) for c in uneven)  # type: ignore[attr-defined]
    assert MEASURING.balanced([*even, *uneven]) == even
