"""Records -> results frame: positions undone once, the last attempt decides, and nothing unscored gets a number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import STATUSES, Answer, Judgment
from evalh.pipeline.collect import frame_of
from pipeline.made import answer, judgment

A, B, C = answer("a"), answer("b", "q1", "longer than a"), answer("c")


def _rows(
    *judgments: Judgment, answers: tuple[Answer, ...] = (A, B, C), judges: dict[str, dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    known = {a.answer_id: (a.model, tuple(len("".join(a.turns[: i + 1])) for i in range(len(a.turns)))) for a in answers}
    frame = frame_of(judgments, known, {"q1": "math"}, judges or {}).to_frame()
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


@pytest.mark.parametrize(
    ("shown", "verdict", "outcome", "swapped"),
    [
        ((A, B), "A", 1.0, False),
        ((A, B), "B", 0.0, False),
        ((A, B), "tie", 0.5, False),
        ((B, A), "A", 0.0, True),
        ((B, A), "B", 1.0, True),
        ((B, A), "tie", 0.5, True),
    ],
)
def test_the_order_shown_is_undone(
    shown: tuple[Answer, Answer], verdict: Literal["A", "B", "tie"], outcome: float, swapped: bool
) -> None:
    """Whatever was shown first, model_a is the one whose name comes first, and the outcome is its own."""
    (row,) = _rows(judgment(*shown, verdict=verdict))
    assert (row["model_a"], row["model_b"], row["outcome"], row["swapped"]) == ("a", "b", outcome, swapped)
    assert (row["length_a"], row["length_b"]) == (len(A.turns[0]), len(B.turns[0]))


@settings(deadline=None)
@given(st.floats(0, 1))
def test_a_preference_turns_round_with_the_order(preference: float) -> None:
    """A weighted preference of p for the first shown is p for that model, and 1 - p for the other."""
    one, other = _rows(judgment(A, B, preference=preference)), _rows(judgment(B, A, preference=preference))
    assert one[0]["outcome"] == preference
    assert other[0]["outcome"] == 1.0 - preference


@settings(deadline=None)
@given(st.floats(1, 10), st.floats(1, 10))
def test_two_scores_go_with_their_models(first: float, second: float) -> None:
    """Scores follow the answers, and the outcome follows the scores, in either order."""
    straight = _rows(judgment(A, B, mode="two-score", scores={"overall": (first, second)}))[0]
    turned = _rows(judgment(B, A, mode="two-score", scores={"overall": (second, first)}))[0]
    for key in ("model_a", "model_b", "score_a", "score_b", "outcome"):
        assert straight[key] == turned[key]
    assert (straight["score_a"], straight["score_b"]) == (first, second)
    assert straight["outcome"] == (1.0 if first > second else 0.0 if first < second else 0.5)


def test_a_strong_verdict_counts_as_often_as_its_judge_says() -> None:
    """Rows of a judge with a strong weight of 3 weigh 3 where the verdict is a strong one, and 1 otherwise."""
    said = [judgment(A, B, verdict="A", strength=strength, sample=n) for n, strength in enumerate((2, 1, None))]
    judges = {said[0].judge: {"strong_weight": 3}}
    assert [row["weight"] for row in _rows(*said, judges=judges)] == [3.0, 1.0, 1.0]
    assert [row["weight"] for row in _rows(*said)] == [1.0, 1.0, 1.0]


def test_the_length_of_an_answer_that_was_not_given_is_not_known() -> None:
    """No text is no length: neither 0 nor that of the other answer."""
    (row,) = _rows(judgment(A, replace(B, turns=()), verdict="A"), answers=(A, replace(B, turns=())))
    assert row["length_a"] == len(A.turns[0])
    assert math.isnan(row["length_b"])


def test_each_aspect_is_a_row() -> None:
    """Several aspects of one judgment give one row each, and one more for their mean."""
    rows = _rows(judgment(A, mode="absolute", scores={"style": (3.0,), "truth": (9.0,)}))
    assert [(r["aspect"], r["score_a"]) for r in rows] == [("style", 3.0), ("truth", 9.0), ("overall", 6.0)]
    assert [r["model_b"] for r in rows] == ["", "", ""]
    assert all(math.isnan(r["outcome"]) for r in rows)
    assert {r["protocol"] for r in rows} == {"idle/absolute"}


def _about(rule: str = "mean", **variants: str) -> dict[str, dict[str, Any]]:
    """What a manifest says of judge "idle", whose variants score one aspect each."""
    aspects = {name: {"aspects": [aspect], "turn": 1, "always": True} for name, aspect in variants.items()}
    return {"idle": {"overall": rule, "aspects": aspects}}


def _one(aspect: str, score: float | None, shown: Answer = A, status: str = "scored", **more: Any) -> Judgment:
    """A judgment of one aspect, by the variant "v-aspect"."""
    scores = {aspect: (score,)} if status == "scored" else {}
    unit = f"{aspect}-{shown.model}-{more.get('sample', 0)}"
    return judgment(shown, unit=unit, protocol=f"idle/v-{aspect}", status=status, scores=scores, mode="absolute", **more)


STYLE_TRUTH = {"v-style": "style", "v-truth": "truth"}


def _overall(*judgments: Judgment, rule: str = "mean") -> list[tuple[str, float | None, str]]:
    rows = _rows(*judgments, judges=_about(rule, **STYLE_TRUTH))
    return [(r["model_a"], r["score_a"], r["status"]) for r in rows if r["aspect"] == "overall"]


def test_aspects_asked_one_by_one_are_put_together() -> None:
    """The overall row of an answer is the mean over its judgments, or the score of the aspect that stands for the whole."""
    both = (_one("style", 2.0), _one("truth", 5.0))
    assert _overall(*both) == [("a", 3.5, "scored")]
    assert _overall(*both, rule="truth") == [("a", 5.0, "scored")]
    rows = _rows(*both, judges=_about(**STYLE_TRUTH))
    assert rows[-1]["protocol"] == "idle/overall"


def test_an_unreadable_aspect_leaves_no_overall_score() -> None:
    """A mean of the rest would be another figure: the overall row is unscored, under the aspect's own status."""
    ((model, score, status),) = _overall(_one("style", 2.0), _one("truth", None, status="conflicting"))
    assert (model, status) == ("a", "conflicting")
    assert math.isnan(score or 0)
    rows = _rows(_one("style", 2.0), _one("truth", None, status="failed"), judges=_about(**STYLE_TRUTH))
    assert [(r["aspect"], r["status"]) for r in rows] == [("style", "scored"), ("truth", "failed"), ("overall", "failed")]


def test_an_aspect_that_does_not_apply_is_left_out_of_the_mean() -> None:
    """N/A is a reading: the others make the mean."""
    assert _overall(_one("style", None), _one("truth", 5.0)) == [("a", 5.0, "scored")]


def test_an_aspect_that_was_not_asked_for_yet_leaves_no_overall_score() -> None:
    """A run that was interrupted between two aspects shows no mean of the first one, even if no answer has the second."""
    assert [status for _, _, status in _overall(_one("style", 2.0))] == ["incomplete"]
    found = _overall(_one("style", 2.0), _one("truth", 4.0), _one("style", 2.0, B))
    assert [(model, status) for model, _, status in found] == [("a", "scored"), ("b", "incomplete")]


def test_repeats_and_questions_are_put_together_apart() -> None:
    """Each sample has an overall score of its own."""
    found = _overall(*(_one(aspect, score + n, sample=n) for n in (0, 1) for aspect, score in (("style", 2.0), ("truth", 4.0))))
    assert [score for _, score, _ in found] == [3.0, 4.0]


def test_a_judge_that_scores_the_whole_itself_is_left_alone() -> None:
    """Where "overall" is among the aspects, nothing is derived."""
    rows = _rows(judgment(A, mode="absolute", scores={"overall": (7.0,), "style": (3.0,)}))
    assert [(r["aspect"], r["score_a"]) for r in rows] == [("overall", 7.0), ("style", 3.0)]


def test_of_a_checklist_only_the_share_counts() -> None:
    """Items differ from question to question: they stay in the record and are no rows."""
    scores = {"overall": (0.5,), "item-1": (1.0,), "item-2": (0.0,)}
    (row,) = _rows(judgment(A, mode="checklist", scores=scores))
    assert (row["aspect"], row["score_a"], row["mode"]) == ("overall", 0.5, "checklist")


def test_a_score_that_is_missing_for_one_leaves_no_outcome() -> None:
    """In two-score mode an aspect without one of its numbers has no outcome."""
    (row,) = _rows(judgment(A, B, mode="two-score", scores={"style": (None, 4.0)}))
    assert math.isnan(row["outcome"])
    assert math.isnan(row["score_a"])
    assert row["score_b"] == 4.0


def test_a_ranking_is_a_row_for_every_pair() -> None:
    """Ranks 2, 1, 2: the second beats both others, who tie."""
    rows = _rows(judgment(C, A, B, mode="ranking", ranking=(2, 1, 2)))
    assert {(r["model_a"], r["model_b"]): r["outcome"] for r in rows} == {("a", "c"): 1.0, ("b", "c"): 0.5, ("a", "b"): 1.0}


@pytest.mark.parametrize("status", [s for s in STATUSES if s != "scored"])
def test_what_is_unscored_has_no_number(status: Any) -> None:
    """Of every status but "scored" there is a row, with that status, and neither outcome nor score."""
    for shown in ((A,), (A, B), (B, A)):
        (row,) = _rows(judgment(*shown, status=status))
        assert row["status"] == status
        assert all(math.isnan(row[key]) for key in ("outcome", "score_a", "score_b"))


def test_a_scored_comparison_without_a_verdict_is_no_tie() -> None:
    """A record that claims to be scored and says nothing has no outcome."""
    (row,) = _rows(judgment(A, B, verdict=None))
    assert math.isnan(row["outcome"])


def test_the_last_attempt_decides() -> None:
    """An unreadable reply that was asked again counts by what came last, and once."""
    first, second = (judgment(A, B, unit="u", attempt=n, status=s) for n, s in enumerate(("no_verdict", "scored")))
    (row,) = _rows(first, Judgment(**{**_fields(second), "verdict": "A"}))
    assert (row["status"], row["outcome"]) == ("scored", 1.0)


def test_a_failure_that_was_mended_is_forgotten() -> None:
    """A later record of the same unit supersedes an earlier failure, wherever in the file it stands."""
    failed, other, mended = judgment(A, unit="u", status="failed"), judgment(B), judgment(A, unit="u")
    rows = _rows(failed, other, mended)
    assert [(r["model_a"], r["status"]) for r in rows] == [("a", "scored"), ("b", "scored")]


def test_judgments_of_answers_that_are_gone_are_left_out() -> None:
    """A judgment of an answer that has been replaced since has no row."""
    assert _rows(judgment(A, B), answers=(A,)) == []


def test_lengths_are_those_up_to_the_turn_judged() -> None:
    """At turn 1 the first reply counts, at turn 2 both; an answer that lacks a turn counts with what there is."""
    two, one = answer("a", "q1", "xx", "yyy"), answer("b", "q1", "zzzz")
    first, second = (_rows(judgment(two, one, turn=t), answers=(two, one))[0] for t in (1, 2))
    assert (first["length_a"], first["length_b"]) == (2, 4)
    assert (second["length_a"], second["length_b"]) == (5, 4)


def test_the_category_is_that_of_the_question() -> None:
    """Rows carry their question's category; a question that is not in the run has none."""
    assert _rows(judgment(A))[0]["category"] == "math"
    elsewhere = answer("a", "q2")
    assert _rows(judgment(elsewhere), answers=(elsewhere,))[0]["category"] == ""


def _fields(j: Judgment) -> dict[str, Any]:
    return {name: getattr(j, name) for name in Judgment.__dataclass_fields__}
