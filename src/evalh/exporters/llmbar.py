"""A run -> LLMBar's folders: datasets/<subset>.json and results/<subset>/<evaluator>.jsonl (see `importers.llmbar`).

For runs over pairs of the models `better` and `worse`, as an import of LLMBar makes: the answer that stands first is output_1.
A row of results needs both orders; "original" shows output_1 first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalh.core.records import Answer, Judgment, Question
from evalh.errors import BadConfig
from evalh.exporters.putting import Folder
from evalh.exporters.taking import NOT_GIVEN, Taken, file_name, side_of
from evalh.importers.llmbar import NAMES

LOST: Final = "pairs of which a text is missing"


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows.

    Raises:
        BadConfig: the run is not over pairs of `better` and `worse`.
    """
    if set(taken.manifest["models"]) != set(NAMES):
        raise BadConfig(
            f"llmbar holds pairs of the models {' and '.join(NAMES)}; this run has {', '.join(taken.manifest['models'])}"
        )
    folder = Folder(path)
    try:
        pairs: dict[str, list[Answer]] = {}
        for answer in taken.texts().values():
            if answer.sample == 0:
                pairs.setdefault(answer.question_id, []).append(answer)
        places: dict[str, int] = {}
        counts: dict[str, int] = {}
        for q in taken.questions().values():
            places[q.question_id] = _place(q, counts)
            _dataset(folder, taken, q, pairs.get(q.question_id, []))
        subsets = {q.question_id: q.category for q in taken.questions().values()}
        for games in taken.comparisons():
            question = games[0].question_id
            _result(folder, taken, games, pairs[question], subsets[question], places[question])
    finally:
        folder.close()
    return folder.rows


def _place(q: Question, counts: dict[str, int]) -> int:
    """The row of a question within its subset: what its id says, else the next."""
    at = counts.get(q.category, 0)
    counts[q.category] = at + 1
    head, _, number = q.question_id.rpartition("-")
    return int(number) if head == q.category and number.isdecimal() else at


def _dataset(folder: Folder, taken: Taken, q: Question, pair: list[Answer]) -> None:
    if not q.turns or len(pair) != 2 or any(NOT_GIVEN in a.flags or not a.turns for a in pair):
        taken.leave_out(LOST)
        return
    row = {"input": q.turns[0], "output_1": pair[0].turns[0], "output_2": pair[1].turns[0], "label": _label(pair)}
    folder.item(f"datasets/{file_name(q.category)}.json", row)


def _label(pair: list[Answer]) -> int:
    return 1 if pair[0].model == NAMES[0] else 2


def _result(folder: Folder, taken: Taken, games: list[Judgment], pair: list[Answer], subset: str, place: int) -> None:
    if len(games) != 2 or games[0].answers != games[1].answers[::-1]:
        taken.leave_out("comparisons without both orders")
        return
    first = pair[0].answer_id
    ordered = sorted(games, key=lambda g: g.answers[0] != first)
    row: dict[str, Any] = {"row": place, "label": _label(pair)}
    for order, j, outputs in zip(("original", "swapped"), ordered, (("1", "2"), ("2", "1")), strict=True):
        winner = {"A": outputs[0], "B": outputs[1]}.get(side_of(j) or "")
        row[order] = {"completion": [j.explanation, "stop"], "winner": winner}
    judge = ordered[0].judge.replace("/", "__")
    folder.line(f"results/{file_name(subset)}/{file_name(judge)}.jsonl", row)
