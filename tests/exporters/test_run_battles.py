"""A run's comparisons as battles, with the style of both answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalh.core.store import RunFolder
from evalh.errors import BadConfig, UnknownName
from evalh.exporters.run_battles import battles_of
from importers.test_formats import answer, pair, put, single
from support.inside import evalh


def _run() -> RunFolder:
    """Three questions answered by m and n; the first answer of m is in markdown, question 83 has a failed game."""
    put("f/question.jsonl", [{"question_id": n, "category": "c", "turns": [f"Ask {n}?", "And?"]} for n in (81, 82, 83)])
    put(
        "f/model_answer/m.jsonl",
        [answer(81, "m", "# Head\n\n- one\n- **two**", "more **b**"), answer(82, "m", "a", "b"), answer(83, "m", "a", "b")],
    )
    put("f/model_answer/n.jsonl", [answer(n, "n", "plain", "words") for n in (81, 82, 83)])
    games = [pair(), pair(question_id=82, g1_winner="tie", g2_winner="model_2"), pair(question_id=81, turn=2)]
    put("f/model_judgment/j_pair.jsonl", [*games, pair(question_id=83, g1_winner="error", g2_winner="model_1")])
    put("f/model_judgment/k_single.jsonl", [single(judge=["other", "single-v1"])])
    done = evalh("import", "fastchat", "f", "--out", "results/x")
    assert done.code == 0, done.err
    return RunFolder(Path("results/x"))


def test_every_scored_order_is_a_battle_of_its_question() -> None:
    """Both orders count, the side shown first is the first; unscored ones are left out and counted."""
    folder = _run()
    with pytest.raises(BadConfig, match="say which with --judge"):
        battles_of(folder)
    with pytest.raises(UnknownName):
        battles_of(folder, "z")
    assert not battles_of(folder, "other").first.size
    table = battles_of(folder, "gpt-4")
    assert table.cluster is not None
    won = {
        (table.models[a], table.models[b], o)
        for a, b, o in zip(table.first.tolist(), table.second.tolist(), table.outcome.tolist(), strict=True)
    }
    assert ("m", "n", 0) in won
    assert ("n", "m", 2) in won
    assert len(set(table.cluster.tolist())) == 3
    assert sum(n for why, n in table.left_out.items() if why.startswith("status")) == 1


def test_style_is_counted_up_to_the_turn_judged() -> None:
    """Characters and markdown of what the judge saw: one turn or both."""
    folder = _run()
    table = battles_of(folder, "gpt-4", ("length", "headers", "lists", "bold"))
    assert table.style is not None
    first = table.style[np.where(table.first == table.models.index("m"), 0, 1), np.arange(len(table.first))]
    text = "# Head\n\n- one\n- **two**"
    seen = {tuple(row) for row in first.tolist()}
    assert (float(len(text)), 1.0, 2.0, 1.0) in seen
    assert (float(len(text) + 2 + len("more **b**")), 1.0, 2.0, 2.0) in seen
    with pytest.raises(BadConfig, match="not for colour"):
        battles_of(folder, "gpt-4", ("colour",))
