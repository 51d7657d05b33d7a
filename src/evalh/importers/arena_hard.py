"""Arena-Hard's folders, and WildVision's judgments, which have their form -> records.

    question.jsonl                          {"uid", "category", "subcategory" or "cluster", "prompt"}
    model_answer/<model>.jsonl              {"uid", "ans_id", "model", "messages", "metadata"}
    model_judgment/<judge>/<model>.jsonl    {"uid", "category", "judge", "model", "baseline",
                                             "games": [{"score", "judgment"}, …]}

The first game shows the baseline first, the second the model. A game that is null, and one whose score is null or none of the
scale's, arrives unscored. A>>B and B<<A are the same verdict; its strength is 2, of A>B it is 1, of A=B none. A verdict of
strength 2 counts three times in every weighted figure, as in both originals. Version 0.1 says
`question_id`, `turns` and `choices`; both are read.

Source of the layout: lmarena/arena-hard-auto; WildVision-AI/WildVision-Bench.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fastchat import UNNAMED
from evalh.importers.fields import ERROR_TEXT, identity, optional, reading_status, said
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.texts import QUESTION_KEYS, read_answers, read_questions
from evalh.importers.write import Sink

KINDS: Final = ("question", "reference", "answer", "games")
SCORE: Final = re.compile(r"([AB])\s*(<<|<|=|>|>>)\s*([AB])")
REFERENCE: Final = re.compile(r"judge_.+_reference_(.+)")
"""WildVision's folders name the baseline that its rows leave out."""
NOTE: Final = "verdicts as stored with the original's judgments; a strong one (A>>B) counts three times, as there"
STRONG_WEIGHT: Final = 3


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every record of an Arena-Hard folder. Raises BadImport with file and line."""
    read_questions(sink, files, options)
    read_answers(sink, files, options)
    for where, row, file in of_kind(files, options, "games"):
        question = identity(row, where, *QUESTION_KEYS)
        sink.asked(question, optional(row, "category"))
        _games(sink, row, where, question, file, options)


def _games(sink: Sink, row: Mapping[str, Any], where: str, question: str, file: File, options: Options) -> None:
    model = optional(row, "model") or file.source.stem
    found = REFERENCE.fullmatch(file.source.path.parent.name)
    baseline = found[1] if found and "baseline" not in row else identity(row, where, "baseline")
    games = row.get("games")
    if not isinstance(games, list) or not 1 <= len(games) <= 2:
        raise BadImport(f"{where}: games must be a list of one or two")
    judge = sink.judge(options.judge or optional(row, "judge") or UNNAMED, "published", NOTE, STRONG_WEIGHT)
    answers = sink.latest(question, baseline), sink.latest(question, model)
    place = sink.place(judge, question, 1, (baseline, model))
    for number, game in enumerate(games):
        shown = answers if number == 0 else answers[::-1]
        sink.judgment(judge, question, 1, "pairwise", shown, place, reading_of(game), number)


def reading_of(game: object) -> Reading:
    """What one game says, A being the first answer shown."""
    if not isinstance(game, Mapping):
        return Reading("failed")
    words = said(game.get("judgment"))
    kept = "" if words == ERROR_TEXT else words
    found = SCORE.fullmatch(str(game.get("score") or "").strip())
    if found is None or found[1] == found[3]:
        return Reading(reading_status(words), explanation=kept)  # type: ignore[arg-type]
    if found[2] == "=":
        return Reading("scored", verdict="tie", explanation=kept)
    winner = found[1] if ">" in found[2] else found[3]
    return Reading("scored", verdict="A" if winner == "A" else "B", strength=len(found[2]), explanation=kept)
