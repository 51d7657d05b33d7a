"""The judge card of a run: what it holds, what it leaves open, and how it says so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalh.reports import card_words, page, render
from evalh.reports.document import to_json
from evalh.reports.judge_card import INCONSISTENT, JudgeCard, Known, Strengths, cards, inconsistent_by_question
from evalh.reports.noticed import versions_of
from evalh.stats.frame import as_results
from reports import builder

NAN = float("nan")
COLUMNS = ("question_id", "judge", "mode", "model_a", "model_b", "outcome", "score_a", "swapped", "status")
COLUMNS += ("length_a", "length_b", "aspect")


def _row(question: int, outcome: float | None, **more: Any) -> dict[str, Any]:
    row = {"question_id": f"q{question}", "judge": "j", "mode": "pairwise", "model_a": "gpt-4", "model_b": "vicuna"}
    row |= {"swapped": False, "score_a": NAN, "length_a": 100.0 + question, "length_b": 90.0, "aspect": "overall"}
    row |= {"outcome": NAN if outcome is None else outcome, "status": "no_verdict" if outcome is None else "scored"}
    return row | more


def _both(question: int, first: float, second: float, **more: Any) -> list[dict[str, Any]]:
    return [_row(question, first, **more), _row(question, second, swapped=True, **more)]


def _cards(rows: list[dict[str, Any]], known: Known | None = None) -> dict[str, JudgeCard]:
    frame = as_results({name: [row[name] for row in rows] for name in COLUMNS})
    return cards(frame, frame, known or Known(judges={"j": "gpt"}, models={"gpt-4": "gpt", "vicuna": "llama"}))


def _json(card: JudgeCard) -> dict[str, Any]:
    found: dict[str, Any] = to_json(replace(builder.report(2, answers=False), judge_card={"j": card}))["judge_card"]["j"]
    json.dumps(found, allow_nan=False)
    return found


FIGURE = {"value", "low", "high", "n", "standard_error"}


def test_every_part_is_there_with_notes() -> None:
    """A figure is an N or null, in every part of every card."""
    shown = _json(_cards([row for q in range(12) for row in _both(q, 1.0, q % 2)])["j"])
    parts = {"position", "length", "self_preference", "scale", "unreadable", "repeatability", "drift"}
    assert set(shown) == parts
    assert all("notes" in shown[part] for part in parts - {"repeatability"})
    position = shown["position"]
    for name in ("flips", "flips_to_first", "flips_to_second", "reversals", "first_shown"):
        assert set(position[name]) == FIGURE
    assert (position["flips"]["value"], position["flips"]["n"], position["comparisons"]) == (0.5, 12, 12)
    assert position["first_shown_one_order"] is None
    assert set(shown["scale"]["modes"]["pairwise"]["ties"]) == FIGURE


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [_row(0, 1.0)],
        [_row(0, None)],
        [row for q in range(30) for row in _both(q, 0.5, 0.5)],
        [_row(q, 1.0, length_a=NAN, length_b=NAN) for q in range(5)],
        [_row(q, None, mode="absolute", model_b="", score_a=7.0, status="scored") for q in range(30)],
        [_row(q, 1.0, model_b="gpt-4") for q in range(3)],
    ],
    ids=["nothing", "one question", "unscored", "all ties", "no lengths", "one model", "a model with itself"],
)
def test_degenerate_runs_have_a_card(rows: list[dict[str, Any]]) -> None:
    """Whatever is missing, there is a card without NaN or warnings, and every form of the report can show it."""
    for card in _cards(rows).values():
        _json(card)
        made = replace(builder.report(2, answers=False), judge_card={"gpt-4": card})
        assert "Judge card" in page.page(made)
        assert "### Judge card" in render.markdown(made)
        assert "nan" not in render.plain(made)
    assert _cards([]) == {}


def test_one_judge_alone_has_no_figure_for_its_family() -> None:
    """The relation is named, with what it would take to measure it; no number is given."""
    card = _cards([row for q in range(12) for row in _both(q, 1.0, 1.0)])["j"]
    shown = _json(card)["self_preference"]
    assert (shown["family"], shown["own"], shown["by_judges"], shown["by_people"]) == ("gpt", ["gpt-4"], None, None)
    assert "cannot be told apart from their quality without votes, or judges of other families" in " ".join(shown["notes"])
    assert any("cannot be told apart" in text for text in card_words.lines(card))


def test_a_second_judge_and_votes_give_a_difference() -> None:
    """Another judge and people over the same comparisons: one figure each."""
    rows = [row for q in range(12) for row in (*_both(q, 1.0, 1.0), *_both(q, 0.5, 0.5, judge="k"))]
    vote = {"model_a": "gpt-4", "model_b": "vicuna", "winner": "model_b", "turn": 1}
    known = Known(
        judges={"j": "gpt", "k": None},
        models={"gpt-4": "gpt", "vicuna": "llama", "x": None},
        votes=[{**vote, "question_id": f"q{q}"} for q in range(6)],
    )
    found = _cards(rows, known)
    shown = _json(found["j"])["self_preference"]
    assert (shown["by_judges"]["difference"]["value"], shown["by_judges"]["comparisons"]) == (0.5, 12)
    assert (shown["by_people"]["difference"]["value"], shown["by_people"]["comparisons"]) == (1.0, 6)
    assert shown["judges"] == ["k"]
    assert any("family of x is not known" in note for note in shown["notes"])
    assert _json(found["k"])["self_preference"]["by_judges"] is None
    text = " ".join(card_words.lines(found["j"]))
    assert "Own family (gpt: gpt-4): +50.0" in text
    assert "beside people, over 6 comparisons" in text


def test_judges_of_the_same_family_are_no_witnesses() -> None:
    """A judge is not held against one of its own family."""
    rows = [row for q in range(12) for row in (*_both(q, 1.0, 1.0), *_both(q, 0.0, 0.0, judge="k"))]
    known = Known(judges={"j": "gpt", "k": "gpt"}, models={"gpt-4": "gpt", "vicuna": "llama"})
    assert _json(_cards(rows, known)["j"])["self_preference"]["by_judges"] is None


def test_one_order_is_said_to_tell_nothing() -> None:
    """Where every comparison was asked in one order, the figure stands apart with the warning."""
    card = _cards([_row(q, 1.0) for q in range(12)])["j"]
    shown = _json(card)["position"]
    assert (shown["flips"], shown["first_shown"], shown["first_shown_one_order"]["value"]) == (None, None, 1.0)
    assert "cannot be told apart from its quality" in shown["notes"][0]
    assert next(iter(card_words.lines(card))) == shown["notes"][0]


def test_an_order_that_is_not_stored_is_not_measured() -> None:
    """Imported verdicts that do not say what was shown first have no position."""
    known = Known(flags={"j": {"order:unknown": 12}})
    shown = _json(_cards([_row(q, 1.0) for q in range(12)], known)["j"])["position"]
    assert (shown["first_shown_one_order"], shown["unknown_order"]) == (None, 12)
    assert "12 judgments do not say which answer was shown first" in shown["notes"][0]


def test_flips_that_the_original_marks_are_taken_over() -> None:
    """One verdict of two orders, marked as inconsistent, is a flip: counted by question."""
    said = {"judge": "j", "status": "scored", "flags": []}
    records = [{**said, "question_id": f"q{q}", "flags": [INCONSISTENT] if q < 3 else []} for q in range(12)]
    records += [{**said, "question_id": "q0", "judge": "other"}, {**said, "question_id": "q0", "status": "failed"}]
    table = inconsistent_by_question(records, "j")
    assert table.tolist() == [[1, 1]] * 3 + [[0, 1]] * 9
    card = _cards([_row(q, 0.5) for q in range(12)], Known(inconsistent={"j": table}))["j"]
    shown = _json(card)["position"]
    assert (shown["recorded_flips"]["value"], shown["first_shown_one_order"]) == (0.25, None)
    assert "which way is lost" in shown["notes"][0]
    assert next(card_words.lines(card)).startswith("Position: 25.0%")


def test_a_ceiling_is_pointed_out() -> None:
    """A judge that gives the highest score to most, or ties most, is said to."""
    rows = [_row(q, NAN, mode="absolute", model_b="", score_a=9.0 if q < 8 else 10.0) for q in range(30)]
    rows += [row for q in range(30) for row in _both(q, 0.5, 0.5)]
    card = _cards(rows)["j"]
    text = " ".join(card_words.lines(card))
    assert "73.3% of 30 scores are the highest given, 10" in text
    assert "100.0% of 60 verdicts are ties" in text
    same = _cards([_row(q, NAN, mode="absolute", model_b="", score_a=8.0) for q in range(30)])["j"]
    assert "all 30 scores are 8" in " ".join(card_words.lines(same))


def test_missing_replies_about_one_model_are_flagged() -> None:
    """What is unscored, and why it matters, by model."""
    rows = [
        _row(q, NAN, mode="absolute", model_a=m, model_b="", score_a=NAN if m == "c" and q < 9 else 7.0)
        | {"status": "no_verdict" if m == "c" and q < 9 else "scored"}
        for q in range(30)
        for m in "abc"
    ]
    card = _cards(rows)["j"]
    shown = _json(card)["unreadable"]
    assert shown["p_value"] <= 0.01
    assert (shown["missing"], shown["asked"], shown["models"]["c"]["value"]) == (9, 90, 0.3)
    assert any("not spread evenly over the models" in text and "c 30.0%" in text for text in card_words.lines(card))
    assert any(row.title == "unscored: c" for row in card_words.rows(card))


def test_a_model_that_changed_within_the_run_is_named() -> None:
    """Two names or fingerprints under one judge are drift; one is none; of nothing, nothing is known."""
    rows = [_row(q, 1.0) for q in range(3)]
    known = Known(served={"j": (("gpt-4", "fp_1"), ("gpt-4", "fp_2"))})
    card = _cards(rows, known)["j"]
    assert _json(card)["drift"]["changed"] is True
    assert any("gpt-4 fp_1; gpt-4 fp_2" in text for text in card_words.lines(card))
    assert _json(_cards(rows, Known(served={"j": (("gpt-4", None),)}))["j"])["drift"]["changed"] is False
    assert _json(_cards(rows, Known(served={"j": (("gpt-4", None), ("gpt-4", "fp"))}))["j"])["drift"]["changed"] is False
    assert _json(_cards(rows)["j"])["drift"]["changed"] is None
    assert versions_of([("gpt-4", "fp"), (None, None), ("gpt-4", None)]) == ("gpt-4 fp", "unnamed")


def test_a_jury_has_a_card_of_its_rulings() -> None:
    """Position and length of what it ruled; it is of no family, and what a member does not say of orders it cannot say."""
    rows = [row for q in range(12) for row in (*_both(q, 1.0, q % 2), *_both(q, 1.0, 1.0, judge="panel"))]
    known = Known(judges={"j": "gpt"}, models={"gpt-4": "gpt", "vicuna": "llama"}, juries={"panel": ("j",)})
    shown = _json(_cards(rows, known)["panel"])
    assert (shown["position"]["flips"]["value"], shown["self_preference"]["family"]) == (0.0, None)
    assert (shown["self_preference"]["notes"], shown["drift"]["changed"]) == ([], None)
    blind = _cards(rows, replace(known, flags={"j": {"order:unknown": 3}}))["panel"]
    assert (blind.position.flips, blind.unknown_order) == (None, 3)


def test_strengths_are_counted() -> None:
    """How often a verdict was slight or clear, of scored judgments only."""
    counted = Strengths()
    counted.note({"judge": ["j"] * 4, "strength": [1, 2, 2, None], "status": ["scored", "scored", "failed", "scored"]})
    counted.note({"model": ["m"]})
    counted.note({"judge": ["j"], "strength": [None], "status": ["scored"]})
    known = Known(strengths=counted.judges)
    assert _json(_cards([_row(0, 1.0)], known)["j"])["scale"]["strengths"] == {"1": 1, "2": 1}


def test_the_order_of_rows_does_not_matter() -> None:
    """Shuffled rows give the same card, but for the last digits of sums."""
    rng = np.random.default_rng(6)
    rows = [row for q in range(20) for row in _both(q, *rng.choice([0.0, 0.5, 1.0], 2))]
    rows += [
        _row(q, NAN, mode="absolute", model_a=m, model_b="", score_a=float(rng.integers(1, 11)))
        for q in range(20)
        for m in "ab"
    ]
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    one, two = (_json(_cards(given)["j"]) for given in (rows, shuffled))
    assert _rounded(one) == _rounded(two)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 10) if isinstance(value, float) else value
