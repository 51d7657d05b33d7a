"""The part of the page that shows what models wrote and what judges said, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evalh.core.records import Answer, Judgment
from evalh.reports.document import Sheet
from evalh.reports.text import cut, line
from evalh.reports.words import status_words

STRENGTH = {1: "slightly ", 2: "clearly "}


@dataclass(frozen=True, slots=True)
class Passage:
    """A text as far as it is shown, and a sentence on the rest."""

    text: str
    left_out: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer: who wrote it, its turns, and what there is to know before reading it."""

    model: str
    passages: tuple[Passage, ...]
    remarks: tuple[str, ...]
    failure: str


@dataclass(frozen=True, slots=True)
class JudgmentView:
    """One reply of a judge: what it was shown, what it said in a word, and in full."""

    subject: str
    result: str
    scored: bool
    remarks: tuple[str, ...]
    passage: Passage
    failure: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question with all that was answered and judged."""

    name: str
    opening: str
    turns: tuple[Passage, ...]
    references: tuple[Passage, ...]
    answers: tuple[AnswerView, ...]
    judgments: dict[str, list[JudgmentView]]
    failed: int
    unscored: int


@dataclass(slots=True)
class CategoryView:
    """The questions of one category."""

    name: str
    questions: list[QuestionView] = field(default_factory=list)


def browse(sheets: Sequence[Sheet]) -> list[CategoryView]:
    """Questions by category, both in the order given."""
    found: dict[str, CategoryView] = {}
    for sheet in sheets:
        category = sheet.question.category
        found.setdefault(category, CategoryView(line(category) or "no category")).questions.append(_question(sheet))
    return list(found.values())


def _question(sheet: Sheet) -> QuestionView:
    question = sheet.question
    several = len(question.turns) > 1
    where = f"the question set, {line(question.question_id)[:80]}"
    models = {answer.answer_id: line(answer.model) for answer in sheet.answers}
    judgments: dict[str, list[JudgmentView]] = {}
    for judgment in sheet.judgments:
        judgments.setdefault(line(judgment.judge), []).append(_judgment(judgment, models))
    references = [(i, text) for i, text in enumerate(question.reference, 1) if text is not None]
    return QuestionView(
        name=line(question.question_id[:200]),
        opening=line(question.turns[0][:160]) if question.turns else "",
        turns=tuple(Passage(*cut(text, where), f"Turn {i}" if several else "") for i, text in enumerate(question.turns, 1)),
        references=tuple(Passage(*cut(text, where), f"Turn {i}" if several else "") for i, text in references),
        answers=tuple(_answer(answer, several) for answer in sheet.answers),
        judgments=judgments,
        failed=sum(answer.failure is not None for answer in sheet.answers),
        unscored=sum(judgment.status != "scored" for judgment in sheet.judgments),
    )


def _answer(answer: Answer, several: bool) -> AnswerView:
    where = f"answers.jsonl, answer {line(answer.answer_id)[:80]}"
    remarks = [f"sample {answer.sample + 1}"] if answer.sample else []
    if answer.finish_reason not in (None, "stop"):
        remarks.append(f"ended by {line(str(answer.finish_reason)[:80])}")
    remarks += [line(flag[:80]) for flag in answer.flags]
    failure = answer.failure
    return AnswerView(
        model=line(answer.model),
        passages=tuple(Passage(*cut(text, where), f"Turn {i}" if several else "") for i, text in enumerate(answer.turns, 1)),
        remarks=tuple(remarks),
        failure=f"{line(failure.kind)}: {line(failure.message[:500])}" if failure else "",
    )


def _judgment(judgment: Judgment, models: dict[str, str]) -> JudgmentView:
    shown = [models.get(answer, f"answer {line(answer)[:12]}") for answer in judgment.answers]
    where = f"judgments.jsonl, judgment {line(judgment.judgment_id)[:80]}"
    remarks = [line(judgment.protocol[:80])]
    if judgment.turn > 1:
        remarks.append(f"turn {judgment.turn}")
    if judgment.sample:
        remarks.append(f"sample {judgment.sample + 1}")
    if judgment.attempt:
        remarks.append(f"attempt {judgment.attempt + 1}")
    remarks += [line(flag[:80]) for flag in judgment.flags]
    failure = judgment.failure
    return JudgmentView(
        subject=shown[0] if len(shown) == 1 else ", ".join(f"{chr(65 + i)} = {name}" for i, name in enumerate(shown)),
        result=_result(judgment, shown),
        scored=judgment.status == "scored",
        remarks=tuple(remark for remark in remarks if remark),
        passage=Passage(*cut(judgment.explanation, where)),
        failure=f"{line(failure.kind)}: {line(failure.message[:500])}" if failure else "",
    )


def _result(judgment: Judgment, shown: list[str]) -> str:
    """What a judgment comes to, in a few words, with models by name instead of by position."""
    if judgment.status != "scored":
        return f"unscored: {status_words(judgment.status)}"
    parts = []
    if judgment.verdict == "tie":
        parts.append("tie")
    elif judgment.verdict is not None:
        at = "AB".index(judgment.verdict)
        name = shown[at] if at < len(shown) else f"answer {judgment.verdict}"
        parts.append(f"{name} {STRENGTH.get(judgment.strength or 0, '')}better")
    if judgment.preference is not None and shown:
        parts.append(f"preference {judgment.preference:.2f} for {shown[0]}")
    if judgment.ranking:
        order = sorted(zip(judgment.ranking, shown, strict=False))
        parts.append(", ".join(f"{place}. {name}" for place, name in order))
    for aspect, values in judgment.scores.items():
        numbers = " : ".join("–" if v is None else f"{v:g}" for v in values)
        parts.append(f"{line(aspect)} {numbers}" if len(judgment.scores) > 1 else numbers)
    return " · ".join(parts)
