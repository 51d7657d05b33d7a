"""A run -> Arena-Hard's folder: question.jsonl, model_answer/, model_judgment/<judge>/ (see `importers.arena_hard`).

Comparisons with the baseline only: the first game shows it first, the second the model. A clear win is A>>B, any other A>B.
Questions of several turns have no place there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalh.core.records import Answer, Judgment, Question
from evalh.exporters.putting import Folder
from evalh.exporters.taking import ERROR_TEXT, UNSORTED, Taken, extra, file_name, side_of

KNOWN = ("uid", "category", "prompt")


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows."""
    folder = Folder(path)
    try:
        questions = taken.questions()
        for q in questions.values():
            if len(q.turns) == 1:
                row = {"uid": q.question_id, "category": q.category, "prompt": q.turns[0]}
                folder.line("question.jsonl", row | extra(q, *KNOWN))
            elif q.turns:
                taken.leave_out("questions of several turns")
        for answer in taken.answers():
            q = questions[answer.question_id]
            if len(q.turns) < 2:
                folder.line(f"model_answer/{file_name(answer.model)}.jsonl", _answer(answer, q))
        models = taken.models()
        for games in taken.comparisons():
            _games(folder, taken, games, models, questions)
    finally:
        folder.close()
    return folder.rows


def _answer(answer: Answer, question: Question) -> dict[str, Any]:
    text = answer.turns[0] if answer.turns else ERROR_TEXT
    asked = [{"role": "user", "content": t} for t in question.turns[:1]]
    return {
        "uid": answer.question_id,
        "ans_id": answer.answer_id,
        "model": answer.model,
        "messages": [*asked, {"role": "assistant", "content": {"answer": text}}],
        "tstamp": 0.0,
        "metadata": answer.params.get("style", {}),
    }


def _games(folder: Folder, taken: Taken, games: list[Judgment], models: dict[str, str], questions: dict[str, Question]) -> None:
    names = [models[a] for a in games[0].answers]
    baseline = taken.choice.baseline or names[0]
    if games[0].turn != 1 or len(questions[games[0].question_id].turns) > 1:
        taken.leave_out("comparisons of questions of several turns")
        return
    if baseline not in names or len(games) > 2:
        taken.leave_out("comparisons that are not with the baseline" if baseline not in names else "repeats of a comparison")
        return
    model = names[1] if names[0] == baseline else names[0]
    ordered = sorted(games, key=lambda g: models[g.answers[0]] != baseline) if baseline != model else games
    if models[ordered[0].answers[0]] != baseline:
        taken.leave_out("comparisons that never show the baseline first")
        return
    row: dict[str, Any] = {"uid": games[0].question_id}
    category = questions[games[0].question_id].category
    if category != UNSORTED:
        row["category"] = category
    row |= {"judge": games[0].judge, "model": model, "baseline": baseline, "games": [_game(g) for g in ordered]}
    folder.line(f"model_judgment/{file_name(games[0].judge)}/{file_name(model)}.jsonl", row)


def _game(j: Judgment) -> dict[str, Any] | None:
    if j.status == "failed":
        return None
    side = side_of(j)
    mark = ">>" if j.strength == 2 else ">"
    score = {"A": f"A{mark}B", "B": f"B{mark}A", "tie": "A=B"}.get(side or "")
    return {"score": score, "judgment": {"answer": j.explanation}, "prompt": []}
