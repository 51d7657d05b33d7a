"""A run -> the folder layout of the evaluation of March 2023: question.jsonl, answer/, review/<set>/ (see its importer).

Judgments with two scores in one reply only; each is a review, with [-1, -1] where it is unscored. The set is the one that was
imported, else the one behind the published figures, so that it is found without being named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalh.core.records import Answer, Judgment
from evalh.errors import BadConfig
from evalh.exporters.putting import Folder
from evalh.exporters.taking import NOT_GIVEN, Taken, file_name, named, words_of
from evalh.importers.vicuna_2023 import DEFAULT_SET

FORM: Final = "vicuna-2023"
UNREAD: Final = -1


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows.

    Raises:
        BadConfig: a model's name cannot stand in a file's name of this layout.
    """
    judge = taken.one_judge()
    imported = str(taken.manifest["config"].get("imported") or "")
    reviews = imported.partition("/")[2] if imported.startswith(f"{FORM}/") else DEFAULT_SET
    folder = Folder(path)
    try:
        asked = set()
        for q in taken.questions().values():
            if len(q.turns) == 1:
                asked.add(q.question_id)
                folder.line("question.jsonl", {"question_id": named(q.question_id), "text": q.turns[0], "category": q.category})
            else:
                taken.leave_out("questions of several turns, or without a text")
        answers = taken.texts()
        for answer in answers.values():
            if answer.question_id in asked and answer.turns and NOT_GIVEN not in answer.flags:
                folder.line(f"answer/answer_{file_name(answer.model)}.jsonl", _answer(answer, taken))
        for j in taken.judgments(judge):
            if j.mode != "two-score" or j.question_id not in asked or any(not answers[a].turns for a in j.answers):
                taken.leave_out(f"judgments in mode {j.mode}" if j.mode != "two-score" else "judgments of what has no text")
            else:
                names = [_name(answers[a].model) for a in j.answers]
                folder.line(f"review/{file_name(reviews)}/review_{names[0]}_{names[1]}.jsonl", _review(j))
    finally:
        folder.close()
    return folder.rows


def _name(model: str) -> str:
    """A model's name within a review file's; the first one ends at the first `_`."""
    name = file_name(model)
    if "_" in name:
        raise BadConfig(
            f"model {model!r}: this layout tells models by file names that are joined by '_', so a name cannot have one"
        )
    return name


def _answer(answer: Answer, taken: Taken) -> dict[str, Any]:
    return {
        "answer_id": answer.answer_id,
        "model_id": taken.manifest["models"][answer.model].get("model") or answer.model,
        "question_id": named(answer.question_id),
        "text": answer.turns[0],
        "metadata": {},
    }


def _review(j: Judgment) -> dict[str, Any]:
    scores = j.scores.get("overall", ()) if j.status == "scored" else ()
    return {
        "review_id": j.judgment_id,
        "question_id": named(j.question_id),
        "answer1_id": j.answers[0],
        "answer2_id": j.answers[1],
        "reviewer_id": j.judge,
        "metadata": {},
        "text": words_of(j),
        "score": list(scores) if len(scores) == 2 and None not in scores else [UNREAD, UNREAD],
    }
