"""FastChat's folders for MT-bench and its kin -> records.

    question.jsonl                       {"question_id", "category", "turns", "reference"?}
    model_answer/<model>.jsonl           {"question_id", "answer_id", "model_id", "choices": [{"index", "turns"}], "tstamp"}
    reference_answer/<judge>.jsonl       the same
    model_judgment/<judge>_single.jsonl  {"question_id", "model", "judge": [model, prompt], "user_prompt", "judgment", "score",
                                          "turn", "tstamp"}
    model_judgment/<judge>_pair.jsonl    {"question_id", "model_1", "model_2", "g1_winner", "g2_winner", "judge",
                                          "g1_judgment", "g2_judgment", "turn", …}

A score of -1, and a winner "error", arrive unscored. Both games of a row share a group: the first shows model_1 first, the
second model_2; the winner is stored as a model and becomes a position here. Times and prompts sent are not kept.

Source of the layout: lm-sys/FastChat, fastchat/llm_judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fields import ERROR_TEXT, identity, number, reading_status, said, whole
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.texts import read_answers, read_questions
from evalh.importers.write import JudgeName, Sink

KINDS: Final = ("question", "reference", "answer", "single", "pair")
NOTE: Final = "scores and verdicts as stored with the original's judgments; the prompts were those of FastChat"
UNNAMED: Final = "unnamed"


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every record of a FastChat folder. Raises BadImport with file and line."""
    read_questions(sink, files, options)
    read_answers(sink, files, options)
    for where, row, file in of_kind(files, options, "single"):
        _single(sink, row, where, judge_of(sink, row, "single", options), file)
    for where, row, _ in of_kind(files, options, "pair"):
        _pair(sink, row, where, judge_of(sink, row, "pair", options))


def judge_of(sink: Sink, row: Mapping[str, Any], otherwise: str, options: Options) -> JudgeName:
    """The judge that a row names, as [model, prompt] or by the model alone."""
    given = row.get("judge")
    names = [str(n) for n in given] if isinstance(given, list) else [given] if isinstance(given, str) and given else []
    label = options.judge or (names[0] if names else UNNAMED)
    return sink.judge(label, names[1] if len(names) > 1 else otherwise, NOTE)


def _single(sink: Sink, row: Mapping[str, Any], where: str, judge: JudgeName, file: File) -> None:
    question = identity(row, where, "question_id", "uid")
    model = identity(row, where, "model")
    sink.asked(question)
    turn = whole(row, where, "turn", 1)
    words = said(row.get("judgment"))
    score = number(row.get("score"))
    kept = "" if words == ERROR_TEXT else words
    if score is None or score < 0:  # the original writes -1, or null, where it could read none
        reading = Reading(reading_status(words), explanation=kept)  # type: ignore[arg-type]
    else:
        reading = Reading("scored", scores={"overall": (score,)}, explanation=kept)
    answer = sink.latest(question, model)
    sink.judgment(judge, question, turn, "absolute", (answer,), sink.place(judge, question, turn, (model,)), reading)


def _pair(sink: Sink, row: Mapping[str, Any], where: str, judge: JudgeName) -> None:
    question = identity(row, where, "question_id", "uid")
    names = identity(row, where, "model_1"), identity(row, where, "model_2")
    sink.asked(question)
    turn = whole(row, where, "turn", 1)
    answers = sink.latest(question, names[0]), sink.latest(question, names[1])
    place = sink.place(judge, question, turn, names)
    for game, shown in enumerate((answers, answers[::-1])):
        winner = row.get(f"g{game + 1}_winner")
        words = said(row.get(f"g{game + 1}_judgment"))
        reading = game_reading(winner, ("model_1", "model_2") if game == 0 else ("model_2", "model_1"), words, where)
        sink.judgment(judge, question, turn, "pairwise", shown, place, reading, game)


def game_reading(winner: object, shown: tuple[str, str], words: str, where: str) -> Reading:
    """What one game says.

    Args:
        winner: as stored: one of `shown`, "tie", or "error" or null where the original could read none.
        shown: the names of the first and of the second answer shown.

    Raises:
        BadImport: the winner is none of these.
    """
    kept = "" if words == ERROR_TEXT else words
    verdict: Literal["A", "B", "tie"]
    if winner == shown[0]:
        verdict = "A"
    elif winner == shown[1]:
        verdict = "B"
    elif winner == "tie":
        verdict = "tie"
    elif winner in ("error", None, ""):
        return Reading(reading_status(words), explanation=kept)  # type: ignore[arg-type]
    else:
        raise BadImport(f"{where}: winner is {winner!r}; it must be {shown[0]}, {shown[1]}, tie or error")
    return Reading("scored", verdict=verdict, explanation=kept)
