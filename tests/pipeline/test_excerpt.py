"""Of a large run a report shows the beginning, says how much it leaves out, and holds no more than that in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from evalh.core import wire
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import FILES, RunFolder
from evalh.pipeline import excerpt as excerpts
from evalh.pipeline.excerpt import Excerpt, LeftOut, Sizes, excerpt
from pipeline.made import answer, judgment, question


def _folder(questions: int, judgments: int, text: str = "said") -> RunFolder:
    """A run of one answer and so many judgments for each question."""
    lines: dict[type, list[bytes]] = {Question: [], Answer: [], Judgment: []}
    for n in range(questions):
        shown = answer("a", f"q{n}")
        lines[Question].append(wire.dump(question(f"q{n}")))
        lines[Answer].append(wire.dump(shown))
        lines[Judgment] += [
            wire.dump(judgment(shown, mode="absolute", question_id=f"q{n}", unit=f"{n}.{i}", explanation=text))
            for i in range(judgments)
        ]
    Path("run").mkdir(exist_ok=True)
    for kind, name in FILES.items():
        (Path("run") / name).write_bytes(b"".join(lines[kind]))
    return RunFolder(Path("run"))


def _shown(folder: RunFolder) -> Excerpt:
    sizes = Sizes(folder)
    for kind in (Answer, Judgment):
        for block in folder.columns(kind):
            sizes.note(block)
    return excerpt(folder, sizes, sum(1 for _ in folder.read(Question)))


def test_a_small_run_is_shown_whole() -> None:
    """Every record, as it stands in the file, and nothing is said to be left out."""
    folder = _folder(3, 2)
    shown = _shown(folder)
    assert shown.left_out is None
    assert list(shown.questions) == list(folder.read(Question))
    assert [a for some in shown.answers.values() for a in some] == list(folder.read(Answer))
    assert [j for some in shown.judgments.values() for j in some] == list(folder.read(Judgment))


@pytest.mark.parametrize("limit", ["RECORDS", "CHARACTERS"])
def test_whole_questions_are_shown_up_to_the_limit(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first questions that fit, with all their records; what is left out is counted."""
    folder = _folder(5, 8, "x" * 100)
    monkeypatch.setattr(excerpts, limit, {"RECORDS": 29, "CHARACTERS": 2400}[limit])
    shown = _shown(folder)
    assert [q.question_id for q in shown.questions] == ["q0", "q1"]
    assert [len(some) for some in shown.judgments.values()] == [8, 8]
    assert shown.left_out == LeftOut(3, 3, 24)


def test_of_a_question_that_alone_is_too_large_a_part_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question with very many judgments is cut, not left out."""
    monkeypatch.setattr(excerpts, "RECORDS", 10)
    shown = _shown(_folder(2, 50))
    assert [q.question_id for q in shown.questions] == ["q0"]
    assert (len(shown.answers["q0"]), len(shown.judgments["q0"])) == (1, 9)
    assert shown.left_out == LeftOut(1, 1, 91)


def test_memory_does_not_grow_with_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times as many judgments, 16 MB more, take less than 2 MB more."""
    monkeypatch.setattr(excerpts, "RECORDS", 100)

    def peak(questions: int) -> int:
        folder = _folder(questions, 20, "x" * 5000)
        tracemalloc.start()
        try:
            assert len(_shown(folder).questions) == 4
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5)
    assert peak(200) - peak(40) < 2_000_000
