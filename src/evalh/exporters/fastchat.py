"""A run -> FastChat's folder: question.jsonl, model_answer/, reference_answer/, model_judgment/ (see `importers.fastchat`).

Scores become rows of `<judge>_single.jsonl`, -1 where unscored. A comparison needs both orders to become a row of
`<judge>_pair.jsonl`; its winner is named as a model, "error" where unscored. The prompts that were sent are not in a run
folder, so `user_prompt` is empty, and times are 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalh.core.records import Answer, Judgment, Question
from evalh.exporters.putting import Folder
from evalh.exporters.taking import ERROR_TEXT, Taken, extra, file_name, named, side_of, variant_of, words_of

KNOWN = ("question_id", "category", "turns", "reference")


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows."""
    folder = Folder(path)
    try:
        questions = taken.questions()
        _questions(folder, taken, questions)
        for answer in taken.answers():
            if answer.question_id in questions:
                folder.line(f"model_answer/{file_name(answer.model)}.jsonl", _answer(answer, questions[answer.question_id]))
        models = taken.models()
        for j in taken.judgments():
            if j.mode == "absolute":
                _single(folder, taken, j, models)
        for games in taken.comparisons():
            _pair(folder, taken, games, models)
        taken.left_out.pop("judgments in mode absolute", None)
    finally:
        folder.close()
    return folder.rows


def _questions(folder: Folder, taken: Taken, questions: dict[str, Question]) -> None:
    judge = next(iter(taken.manifest["judges"]), "reference")
    for q in questions.values():
        if not q.turns:
            continue
        row: dict[str, Any] = {"question_id": named(q.question_id), "category": q.category, "turns": q.turns}
        if q.reference:
            row["reference"] = [r or "" for r in q.reference]
            if all(q.reference):
                reference = {"index": 0, "turns": q.reference}
                folder.line(
                    f"reference_answer/{file_name(judge)}.jsonl",
                    {
                        "question_id": named(q.question_id),
                        "answer_id": f"reference-{q.question_id}",
                        "model_id": judge,
                        "choices": [reference],
                        "tstamp": 0.0,
                    },
                )
        folder.line("question.jsonl", row | extra(q, *KNOWN))


def _answer(answer: Answer, question: Question) -> dict[str, Any]:
    turns = list(answer.turns)
    if answer.failure is not None:
        turns += [ERROR_TEXT] * max(1, len(question.turns) - len(turns))
    return {
        "question_id": named(answer.question_id),
        "answer_id": answer.answer_id,
        "model_id": answer.model,
        "choices": [{"index": 0, "turns": turns}],
        "tstamp": 0.0,
    }


def _single(folder: Folder, taken: Taken, j: Judgment, models: dict[str, str]) -> None:
    if j.answers[0] not in models:
        return
    score = j.scores["overall"][0] if j.status == "scored" and "overall" in j.scores else None
    if j.status == "scored" and score is None:
        taken.leave_out("scores in aspects")
        return
    row = {
        "question_id": named(j.question_id),
        "model": models[j.answers[0]],
        "judge": [j.judge, variant_of(j)],
        "user_prompt": "",
        "judgment": words_of(j),
        "score": -1 if score is None else score,
        "turn": j.turn,
        "tstamp": 0.0,
    }
    folder.line(f"model_judgment/{file_name(j.judge)}_single.jsonl", row)


def _pair(folder: Folder, taken: Taken, games: list[Judgment], models: dict[str, str]) -> None:
    if len(games) != 2 or games[0].answers != games[1].answers[::-1]:
        taken.leave_out("comparisons without both orders", 1)
        return
    first, second = games
    row: dict[str, Any] = {
        "question_id": named(first.question_id),
        "model_1": models[first.answers[0]],
        "model_2": models[first.answers[1]],
    }
    row["g1_winner"] = {"A": "model_1", "B": "model_2", "tie": "tie"}.get(side_of(first) or "", "error")
    row["g2_winner"] = {"A": "model_2", "B": "model_1", "tie": "tie"}.get(side_of(second) or "", "error")
    row["judge"] = [first.judge, variant_of(first)]
    for n, game in enumerate(games, 1):
        row |= {f"g{n}_user_prompt": "", f"g{n}_judgment": words_of(game)}
    folder.line(f"model_judgment/{file_name(first.judge)}_pair.jsonl", row | {"turn": first.turn, "tstamp": 0.0})
