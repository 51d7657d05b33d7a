"""Every stored reply of the published data, read again: docs/replies.md is what comes out."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from evalh.judges.scale import Scale
from support.shared_data import shared

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_replies", DOCS / "generate_replies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


REPLIES = _generator()
# replies; equal as published, equal strictly. The rest is listed by place and cause in docs/replies.md.
EXPECTED = {
    "Vicuna reviews, 2023": (1001, 1001, 997),
    "Vicuna reviews, 2023, math": (39, 0, 37),
    "MT-bench, single answers": (1770, 1770, 1770),
    "MT-bench, pairs": (150, 150, 150),
    "Arena-bench v1": (2100, 2096, 2099),
    "WildVision-Bench": (4000, 3938, 3933),
    "LLMBar, plain": (3352, 3352, 3352),
    "LLMBar, explaining": (1676, 1676, 1675),
    "AlpacaEval 2": (8020, 8020, 8020),
}


@pytest.mark.parametrize("source", REPLIES.SOURCES, ids=lambda source: source.title)
def test_every_reply_is_read_as_stored_or_the_difference_is_explained(source: object) -> None:
    """The published reading gives the stored value; each row for which it or the strict one does not has a cause."""
    outcome = REPLIES.replay(source, shared(source.folder.split("/")[0]).parent)  # type: ignore[attr-defined]
    equal = (outcome.replies, outcome.equal["published"], outcome.equal["strict"])
    assert equal == EXPECTED[source.title]  # type: ignore[attr-defined]
    assert [why for _, why in outcome.differ if why == "unexplained"] == []
    listed = sum(len(places) for files in outcome.differ.values() for places in files.values())
    assert listed == 2 * outcome.replies - outcome.equal["published"] - outcome.equal["strict"]


def test_the_page_is_what_the_data_give() -> None:
    """docs/replies.md is not stale; if this fails, run `python docs/generate_replies.py --data ../shared/data`."""
    data = shared("vicuna-bench-2023").parent
    for source in REPLIES.SOURCES:
        shared(*source.folder.split("/"))
    assert (DOCS / "replies.md").read_text("utf-8") == REPLIES.page(data)
    for page in (DOCS / "judges.md", DOCS.parent / "CHANGELOG.md"):
        assert f"{sum(replies for replies, *_ in EXPECTED.values()):,}" in page.read_text("utf-8")


def test_a_value_that_differs_is_not_the_same() -> None:
    """The comparison can fail: another number, the other side, nothing, and a preference off by a little."""
    assert REPLIES.same(7, 7.0)
    assert REPLIES.same(None, None)
    assert not REPLIES.same(7, 7.5)
    assert not REPLIES.same("A", "B")
    assert not REPLIES.same(None, 7)
    assert not REPLIES.same(("A", 1), ("A", 2))
    assert REPLIES.same(("preference", 1.25), 0.75)
    assert REPLIES.same(("preference", 1.25), 0.25)
    assert not REPLIES.same(("preference", 1.25), 0.2501)
    assert not REPLIES.same(("preference", 1.25), None)


def test_a_difference_is_counted_and_named(tmp_path: Path) -> None:
    """A reply that is read otherwise than stored, or not at all, appears with file and row under a cause."""
    rows = [REPLIES.Reply("f", "1", "[[7]]", 8), REPLIES.Reply("f", "2", "fine", 5), REPLIES.Reply("g", "1", "[[3]]", 3)]
    source = REPLIES.Source("t", ".", "bracket-rating", Scale("rating"), lambda folder: iter(rows))
    outcome = REPLIES.replay(source, tmp_path)
    assert (outcome.replies, dict(outcome.equal), dict(outcome.other)) == (
        3,
        {"published": 1, "strict": 1},
        {"published": 1, "strict": 1},
    )
    assert dict(outcome.unread) == {"no_verdict": 1}
    assert {way: dict(files) for (way, _), files in outcome.differ.items()} == {
        "published": {"f": ["1", "2"]},
        "strict": {"f": ["1", "2"]},
    }
