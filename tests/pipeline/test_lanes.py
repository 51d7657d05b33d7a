"""Lanes: what is missing, and when it is ready. No unit is lost, done twice or handed out before its answers exist."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.core.records import Answer
from evalh.core.store import RunFolder
from evalh.pipeline import lanes
from evalh.pipeline.asking import Target
from evalh.pipeline.book import Book
from evalh.pipeline.lanes import AnswerLane, JudgeLane
from evalh.pipeline.plan import AnswerUnit, JudgmentUnit, Plan
from pipeline.made import Idle, answer, judgment, plan


class _Backend:
    endpoint = "somewhere"


def _book(path: Path, p: Plan, answers: list[Answer]) -> Book:
    folder = RunFolder(path)
    with folder.writing():
        folder.write_questions(p.questions)
        folder.append(answers)
    return Book(p, folder)


def _answer(p: Plan, unit: AnswerUnit) -> Answer:
    return answer(p.models[unit.model], p.questions[unit.question].question_id, f"text {unit.sample}", sample=unit.sample)


def _handed(lane: JudgeLane) -> list[JudgmentUnit]:
    """Everything that a lane hands out now, without running it."""
    units = []
    while lane.waiting():
        units.append(lane.ready[0][0] if lane.ready else lane._next[0])  # type: ignore[index]
        lane.take()
    return units


@given(there=st.sets(st.integers(0, 11)), seed=st.integers(0, 99), samples=st.integers(1, 2))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_judgment_is_handed_out_once(tmp_path: Path, there: set[int], seed: int, samples: int) -> None:
    """Whichever answers exist at the start, and in whatever order the others come: each judgment once, when it can be made."""
    p = plan(questions=2, models=3, samples=samples, answer_samples=(samples, 1, samples))
    units = [u for m in range(3) for u in p.answer_units(m)]
    first = [u for i, u in enumerate(units) if i in there]
    book = _book(tmp_path / f"{seed}-{samples}-{sorted(there)}", p, [_answer(p, u) for u in first])
    lane = JudgeLane(book, 0, None, 0)
    handed = _handed(lane)
    rest = [u for u in units if u not in first]
    random.Random(seed).shuffle(rest)
    for unit in rest:
        book.answers[unit.model, unit.question, unit.sample] = _answer(p, unit)
        lane.answered(unit)
        for ready in _handed(lane):
            assert all((m, ready.question, p.answer_sample(m, ready.sample)) in book.answers for m in ready.models)
            handed.append(ready)
    assert sorted(handed, key=repr) == sorted(p.judgment_units(0), key=repr)


def test_what_is_on_disk_is_not_handed_out_again(tmp_path: Path) -> None:
    """Judgments that exist are kept; failed ones and those without an answer are tried again, unreadable ones are not."""
    p = plan(questions=1, models=2, swap=False)
    answers = [answer(m, "q0") for m in p.models]
    book = _book(tmp_path / "run", p, answers)
    absolute_a, absolute_b, pair = p.judgment_units(0)
    shown = {u: book.shown(u) for u in (absolute_a, absolute_b, pair)}
    records = []
    for unit, status in ((absolute_a, "no_verdict"), (absolute_b, "failed"), (pair, "no_answer")):
        found = shown[unit]
        assert found is not None
        records.append(judgment(*found, unit=book.name(unit, found), status=status))
    with book.folder.writing():
        book.folder.append(records)
    again = Book(p, book.folder)
    assert _handed(JudgeLane(again, 0, None, 0)) == [absolute_b, pair]
    assert again.counts == {"judgments kept": 1}


def test_missing_answers_come_in_plan_order(tmp_path: Path) -> None:
    """An answer lane hands out what is missing; failures of an earlier run count as missing."""
    p = plan(questions=3, models=1)
    book = _book(tmp_path / "run", p, [answer("a", "q1"), answer("a", "q2", failure="gone")])
    lane = AnswerLane(book, 0, Target("a", _Backend()), lambda _: {}, None)
    taken = []
    while lane.waiting():
        assert lane._next is not None
        taken.append(p.questions[lane._next.question].question_id)
        lane.take()
    assert taken == ["q0", "q2"]
    assert lane.take() is None


def test_answers_wait_while_judgments_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When more judgments are ready than a bound, no further answer is started, so that memory does not grow."""
    monkeypatch.setattr(lanes, "MOST_READY", 2)
    p = plan(questions=3, models=1)
    book = _book(tmp_path / "run", p, [])
    lane, judges = AnswerLane(book, 0, Target("a", _Backend()), lambda _: {}, None), JudgeLane(book, 0, None, 0)
    lane.judges = (judges,)
    for unit in list(p.answer_units(0))[:2]:
        assert lane.waiting()
        book.answers[unit.model, unit.question, unit.sample] = _answer(p, unit)
        judges.answered(unit)
    assert not lane.waiting()
    judges.take()
    assert lane.waiting()


def test_a_lane_knows_its_endpoint(tmp_path: Path) -> None:
    """A judge that computes has the endpoint "local"; the others have that of their model."""
    book = _book(tmp_path / "run", plan(judges=(Idle(),)), [])
    target: Any = Target("m", _Backend())
    assert JudgeLane(book, 0, None, 0).endpoint == "local"
    assert JudgeLane(book, 0, target, 0).endpoint == "somewhere"
    assert JudgeLane(book, 0, None, 0).take() is None
