"""Scores by aspect in every form of a report."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from evalh.reports import render
from evalh.reports.aspects import ABREAST, by_name, names
from evalh.reports.document import Report, to_json
from evalh.reports.page import page
from evalh.stats.estimate import Estimate
from reports import builder


def _with(aspects: list[str]) -> Report:
    """A report of three models; the last has no score in the first aspect."""
    made = builder.report(3, answers=False)
    board = made.leaderboards["gpt-4"]
    rows = []
    for place, row in enumerate(board.overall.models):
        scores = {name: Estimate(3.0 + place + i / 8, 2.5, 4.5, 80 - i) for i, name in enumerate(aspects)}
        rows.append(replace(row, aspects=dict(list(scores.items())[1:]) if place == 2 else scores))
    table = replace(board.overall, models=tuple(rows))
    return replace(made, leaderboards={"gpt-4": replace(board, overall=table, categories={"math": table})})


def test_a_judge_of_one_score_has_no_such_table() -> None:
    """Nothing about aspects is shown where there are none, and the JSON says so with an empty object."""
    made = builder.report(3)
    assert to_json(made)["aspects"] == {}
    assert "aspect" not in render.plain(made) + render.markdown(made) + render.csv_text(made)
    assert "Scores by aspect" not in page(made)


def test_the_terminal_shows_each_with_interval_and_n() -> None:
    """One table for up to five, within eighty columns; a missing score is a dash."""
    text = render.plain(_with(["honesty", "helpfulness", "instruction following", "truthfulness"]))
    assert all(len(line) <= 80 for line in text.splitlines())
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("score by aspect"))
    assert lines[start].split()[3:5] == ["helpfulness", "honesty"]
    first = lines[start + 2].split()
    assert first == ["vicuna-13b", "3.12", "3.00", "3.25", "3.38", "77–80"]
    assert "2.50–4.50" in lines[start + 3]
    last = lines[start + 6].split()
    assert (last[2], last[-1]) == ("–", "77–79")


def test_many_aspects_stand_below_each_other() -> None:
    """More than five would outgrow a terminal, so they go on in a further table."""
    text = render.plain(_with([f"aspect-{i}" for i in range(ABREAST + 2)]))
    assert text.count("score by aspect") == 2
    assert all(len(line) <= 80 for line in text.splitlines())


def test_files_have_every_figure() -> None:
    """Markdown and page show figure, interval and n, also by category; CSV and JSON all parts of it, unrounded."""
    made = _with(["style", "truth"])
    assert render.markdown(made).count("| model | style | truth | n |") == 2
    assert "| vicuna-13b | 3.00 (2.50–4.50) | 3.12 (2.50–4.50) | 79–80 |" in render.markdown(made)
    html = page(made)
    assert html.count("Scores by aspect: ") == 2
    assert "3.12" in html
    rows = list(csv.DictReader(io.StringIO(render.csv_text(made))))
    assert (rows[0]["aspect_truth"], rows[0]["aspect_truth_low"], rows[0]["aspect_truth_n"]) == ("3.125", "2.5", "79")
    assert rows[2]["aspect_style"] == ""
    shown = to_json(made)
    assert shown["aspects"] == shown["by_judge"]["gpt-4"]["aspects"] == shown["categories"]["math"]["aspects"]
    assert shown["aspects"]["truth"]["vicuna-13b"]["value"] == 3.125
    assert shown["aspects"]["style"][made.leaderboards["gpt-4"].overall.models[2].model] is None


@pytest.mark.parametrize("name", builder.HOSTILE[:8])
def test_a_hostile_aspect_is_text(name: str) -> None:
    """What a judge's folder calls an aspect can neither act as markup nor move the cursor."""
    made = _with([name, "b"])
    html, text = page(made), render.plain(made) + render.markdown(made)
    assert "<script>window.hacked" not in html
    assert "<img src=x" not in html
    assert "\x1b" not in text + html
    assert "\u202e" not in text + html
    assert set(names(made.leaderboards["gpt-4"].overall)) == {name, "b"}
    assert set(by_name(made.leaderboards["gpt-4"].overall)) == {name, "b"}
