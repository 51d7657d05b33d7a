"""A run -> a table of battles, one judgment a row, as CSV or JSON lines by the name of the file (see `importers.battles`).

One judge; the models stand in the order shown. What was shown to a voter is `model_a`. Texts are in it where the run has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalh.core.records import Answer, Judgment, Question
from evalh.errors import BadConfig
from evalh.exporters.putting import Table
from evalh.exporters.taking import NOT_GIVEN, UNSORTED, Taken, first_flag, named, side_of
from evalh.importers.battles import ABOUT, HUMAN, RATER, SIDES, WINNER

COLUMNS: Final = ("question_id", "turn", "model_a", "model_b", "winner", "judge", "category", "conv_metadata")
TEXTS: Final = ("prompt", ABOUT, "response_a", "response_b", "conversation_a", "conversation_b")


def write(taken: Taken, path: Path, name: str) -> int:
    """Write the file; returns the number of rows.

    Args:
        name: what it will be called: its suffix decides.
    """
    kinds = {".csv": True, ".jsonl": False}
    suffix = Path(name).suffix.lower()
    if suffix not in kinds:
        raise BadConfig(f"{name}: battles are written as .csv or .jsonl; name the file accordingly")
    judge = taken.one_judge()
    # Votes name their voter; a judge of MT-bench's is one among them, told by its name alone.
    voter = judge if judge != HUMAN and taken.manifest["config"].get("imported") == "mt-bench-human" else None
    questions, answers = taken.questions(), taken.texts()
    texts = any(q.turns for q in questions.values())
    table = Table(path, (*COLUMNS, *TEXTS) if texts else COLUMNS, kinds[suffix])
    try:
        for j in taken.judgments(judge):
            if j.mode != "pairwise" or len(j.answers) != 2:
                taken.leave_out(f"judgments in mode {j.mode}")
            else:
                table.row(_row(j, questions[j.question_id], answers[j.answers[0]], answers[j.answers[1]], voter or ""))
    finally:
        table.close()
    return table.rows


def _row(j: Judgment, q: Question, a: Answer, b: Answer, voter: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "question_id": named(q.question_id),
        "turn": j.turn,
        "model_a": a.model,
        "model_b": b.model,
        "winner": _winner(j),
    }
    if rater := first_flag(j.flags, RATER) or voter:
        row["judge"] = rater
    if q.category != UNSORTED:
        row["category"] = q.category
    style = {}
    for side, answer in (("a", a), ("b", b)):
        for key, names in SIDES.items():
            if key in answer.params.get("style", {}):
                style[names.format(side)] = answer.params["style"][key]
    if style:
        row["conv_metadata"] = style
    return row | _texts(q, a, b)


def _winner(j: Judgment) -> str:
    if j.status == "failed":
        return "error"
    return first_flag(j.flags, WINNER) or {"A": "model_a", "B": "model_b", "tie": "tie"}.get(side_of(j) or "", "")


def _texts(q: Question, a: Answer, b: Answer) -> dict[str, Any]:
    """Prompt and answers, as conversations where there are several turns; neither where no answer is given.

    In CSV an empty cell beside a prompt is an empty answer, so that a prompt without answers would say that both are empty.
    """
    if not q.turns or (NOT_GIVEN in a.flags and NOT_GIVEN in b.flags):
        return {}
    found: dict[str, Any] = {}
    if len(q.turns) == 1:
        found["prompt"] = q.turns[0]
    about = {"reference": list(q.reference), "metadata": dict(q.metadata)}
    if kept := {key: value for key, value in about.items() if value}:
        found[ABOUT] = kept
    for side, answer in (("a", a), ("b", b)):
        if NOT_GIVEN in answer.flags:
            continue
        if len(q.turns) == 1:
            found[f"response_{side}"] = answer.turns[0] if answer.turns else ""
        else:
            talk = []
            for i, asked in enumerate(q.turns):
                talk.append({"role": "user", "content": asked})
                if i < len(answer.turns):
                    talk.append({"role": "assistant", "content": answer.turns[i]})
            found[f"conversation_{side}"] = talk
    return found
