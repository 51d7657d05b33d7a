"""The end of a run: records in plan order, what was superseded left out, everything counted; however the run went."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.core.records import Answer, Judgment
from evalh.core.store import RunFolder
from evalh.pipeline.settle import settle
from pipeline.made import answer, judgment, question

MODELS, QUESTIONS = ("b", "a"), ("q2", "q1")  # the order of the run, not of the alphabet


def _folder(path: Path, answers: list[Answer], judgments: list[Judgment]) -> tuple[RunFolder, dict[str, Any]]:
    """A run folder with these records, in this order, and its counts after settling."""
    folder = RunFolder(path)
    with folder.writing():
        folder.write_questions([question(q) for q in QUESTIONS])
        folder.append(answers)
        folder.append(judgments)
        counts = settle(folder, {"models": dict.fromkeys(MODELS), "judges": {"idle": None}})
    return folder, counts


def _complete() -> tuple[list[Answer], list[Judgment]]:
    """Two models on two questions, twice, scored and compared in both orders; in plan order."""
    answers = [answer(m, q, f"{m} {q} {s}", sample=s) for q in QUESTIONS for m in MODELS for s in (0, 1)]
    by = {(a.question_id, a.model, a.sample): a for a in answers}
    judgments = []
    for q in QUESTIONS:
        for m in MODELS:
            judgments += [judgment(by[q, m, s], sample=s) for s in (0, 1)]
        for shown in (MODELS, MODELS[::-1]):
            judgments += [judgment(*(by[q, m, s] for m in shown), sample=s) for s in (0, 1)]
    return answers, judgments


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_does_not_depend_on_how_records_came(tmp_path: Path, seed: int) -> None:
    """Any order of arrival ends in the same bytes: questions, then models or judges, as the run knows them."""
    answers, judgments = _complete()
    calm, _ = _folder(tmp_path / f"calm-{seed}", answers, judgments)
    shuffle = random.Random(seed).sample
    mixed, _ = _folder(tmp_path / f"mixed-{seed}", shuffle(answers, len(answers)), shuffle(judgments, len(judgments)))
    for name in ("answers.jsonl", "judgments.jsonl"):
        assert (mixed.path / name).read_bytes() == (calm.path / name).read_bytes()
    assert [(a.question_id, a.model, a.sample) for a in mixed.read(Answer)] == [
        (q, m, s) for q in QUESTIONS for m in MODELS for s in (0, 1)
    ]
    assert [j.question_id for j in mixed.read(Judgment)] == ["q2"] * 8 + ["q1"] * 8


def test_settling_twice_changes_nothing(tmp_path: Path) -> None:
    """What is in order stays as it is, to the byte."""
    folder, counts = _folder(tmp_path / "run", *_complete())
    before = (folder.path / "judgments.jsonl").read_bytes()
    with folder.writing():
        assert settle(folder, {"models": dict.fromkeys(MODELS), "judges": {"idle": None}}) == counts
    assert (folder.path / "judgments.jsonl").read_bytes() == before


def test_everything_is_counted(tmp_path: Path) -> None:
    """Answers, failures, judgments by the status of their last attempt, and attempts beyond the first."""
    good, lost = answer("a"), answer("b", failure="gone")
    judgments = [
        judgment(good, unit="u", attempt=0, status="no_verdict"),
        judgment(good, unit="u", attempt=1, status="no_verdict"),
        judgment(good, unit="u", attempt=2),
        judgment(lost, status="no_answer"),
        judgment(good, lost, status="no_answer"),
    ]
    _, counts = _folder(tmp_path / "run", [good, lost], judgments)
    assert counts == {
        "answers": 2,
        "answers_failed": 1,
        "judgments": 3,
        "judgments_unscored": 2,
        "asked_again": 2,
        "by_status": {"no_answer": 2, "scored": 1},
    }


def test_a_failure_that_was_mended_goes(tmp_path: Path) -> None:
    """An answer that came at last replaces its failure, and what was said of the failure goes with it."""
    lost, good, other = answer("a", failure="gone"), answer("a"), answer("b")
    judgments = [judgment(lost, status="no_answer"), judgment(lost, other, status="no_answer"), judgment(good, other)]
    folder, counts = _folder(tmp_path / "run", [lost, other, good], judgments)
    assert [a.failure for a in folder.read(Answer)] == [None, None]
    assert [j.status for j in folder.read(Judgment)] == ["scored"]
    assert (counts["answers_failed"], counts["judgments_unscored"]) == (0, 0)


@pytest.mark.parametrize("again", ["gone", "gone again"])
def test_a_failure_that_failed_otherwise_goes_too(tmp_path: Path, again: str) -> None:
    """Of several failures of one answer the last stays, and no judgment refers to an answer that is not there."""
    first, last = answer("a", failure="gone"), answer("a", "q1", "one turn", failure=again)
    judgments = [judgment(first, status="no_answer"), judgment(last, turn=2, status="no_answer")]
    folder, counts = _folder(tmp_path / "run", [first, last], judgments)
    assert [a.turns for a in folder.read(Answer)] == [("one turn",)]
    assert [j.answers for j in folder.read(Judgment)] == [(last.answer_id,)]
    assert (counts["answers"], counts["answers_failed"], counts["judgments"]) == (1, 1, 1)


def test_a_failed_judgment_that_was_mended_goes(tmp_path: Path) -> None:
    """The same unit tried again replaces its failure."""
    good = answer("a")
    folder, counts = _folder(tmp_path / "run", [good], [judgment(good, unit="u", status="failed"), judgment(good, unit="u")])
    assert [j.status for j in folder.read(Judgment)] == ["scored"]
    assert counts["by_status"] == {"scored": 1}


def test_judgments_of_unknown_answers_go(tmp_path: Path) -> None:
    """A judgment whose answer is in no file can mean nothing."""
    folder, counts = _folder(tmp_path / "run", [answer("a")], [judgment(answer("c"))])
    assert list(folder.read(Judgment)) == []
    assert counts["judgments"] == 0
