"""A run -> AlpacaEval's files: <model>/model_outputs.json and <model>/<judge>/annotations.json (see `importers.alpaca_eval`).

Comparisons of the first turn. The baseline is output_1; where none is named it is the answer shown first. Each game is an
annotation; an unscored one has the preference null.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalh.core.records import Answer, Judgment, Question
from evalh.exporters.putting import Folder
from evalh.exporters.taking import ERROR_TEXT, NOT_GIVEN, UNSORTED, Taken, file_name, first_flag, outcome_of
from evalh.importers.alpaca_eval import ODD


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows."""
    folder = Folder(path)
    try:
        questions = taken.questions()
        answers = taken.texts()
        for answer in answers.values():
            q = questions[answer.question_id]
            if q.turns and NOT_GIVEN not in answer.flags:
                row = _about(q) | {"output": _text(answer), "generator": answer.model}
                folder.item(f"{file_name(answer.model)}/model_outputs.json", row)
        for j in taken.judgments():
            q = questions[j.question_id]
            if j.mode != "pairwise" or j.turn != 1 or not q.turns:
                taken.leave_out(f"judgments in mode {j.mode}" if j.mode != "pairwise" else "judgments of later turns")
            else:
                _annotation(folder, taken, j, q, answers)
    finally:
        folder.close()
    return folder.rows


def _about(q: Question) -> dict[str, Any]:
    about: dict[str, Any] = {"instruction": q.turns[0]}
    if "eval_set_index" in q.metadata:  # a question's place in the set, by which AlpacaEval 2 knows how hard it is
        about["eval_set_index"] = q.metadata["eval_set_index"]
    return about if q.category == UNSORTED else {"dataset": q.category, **about}


def _text(answer: Answer) -> str | None:
    if NOT_GIVEN in answer.flags:
        return None
    return answer.turns[0] if answer.turns else ERROR_TEXT


def _annotation(folder: Folder, taken: Taken, j: Judgment, q: Question, answers: dict[str, Answer]) -> None:
    shown = [answers[a] for a in j.answers]
    baseline = taken.choice.baseline
    if baseline is not None and baseline not in (shown[0].model, shown[1].model):
        taken.leave_out("comparisons that are not with the baseline")
        return
    turned = baseline is not None and shown[0].model != baseline
    first, second = shown[::-1] if turned else shown
    value = outcome_of(j)
    preference: float | None = None
    if value is not None:
        preference = 1 + value if turned else 2 - value
    elif odd := first_flag(j.flags, ODD):
        preference = float(odd)
    row = _about(q) | {
        "output_1": _text(first),
        "generator_1": first.model,
        "output_2": _text(second),
        "generator_2": second.model,
        "annotator": j.judge,
        "preference": preference,
        "raw_completion": j.explanation or None,
    }
    folder.item(f"{file_name(second.model)}/{file_name(j.judge)}/annotations.json", row)
