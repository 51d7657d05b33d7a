"""JudgeLM's pairs with GPT-4's scores -> records.

    judgelm_train_100k.jsonl       {"question_id", "question_body", "answer1_body", "answer2_body", "answer1_model_id",
                                    "answer2_model_id", "score": [a, b], "text", …}
    judgelm_val_5k.jsonl           the same without scores (`score` then holds measures of the answers' texts)
    judgelm_val_5k_gpt4.jsonl      {"question_id", "score": [a, b], "text", …}: the review of the pair of that id
    judgelm_val_5k_references.jsonl  {"question_id", "reference": {"text"}}
    answers/<model>.jsonl          {"question_id", "question_body", "text", "model", …}

One reply holds two scores, the first answer shown first. -1, and a score that is none, arrive unscored. What JudgeLM itself
said (`pred_text`) is a text without a stored score: it is passed over and counted; `evalh judges parse judgelm` reads it.

Source of the layout: baaivision/JudgeLM, judgelm/llm_judge; BAAI/JudgeLM-100K.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fields import identity, number, optional, said, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import UNSORTED, Sink

KINDS: Final = ("judgelm-pair", "judgelm-answer", "judgelm-reference", "review")
GPT_4: Final = "gpt-4"
NOTE: Final = "one reply with two scores, the first answer always shown first; scores as stored with JudgeLM's data"

Pair = tuple[tuple[str, str], tuple[str, str]]
"""Models and answers; the first of each was shown first."""


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every pair, answer and review. Raises BadImport with file and line."""
    references: dict[str, str] = {}
    for where, row, _ in of_kind(files, options, "judgelm-reference"):
        references[identity(row, where, "question_id")] = said(row.get("reference"))
    for where, row, file in of_kind(files, options, "judgelm-answer"):
        question = _question(sink, row, where, references)
        sink.answer(question, optional(row, "model") or file.source.stem, (text(row, where, "text"),))
    pairs: dict[str, Pair | None] = {}
    reviews = any(f.kind == "review" for f in files)
    for where, row, _ in of_kind(files, options, "judgelm-pair"):
        question = _question(sink, row, where, references)
        pair = _pair(sink, row, where, question)
        if reviews:
            pairs[question] = pair if question not in pairs else None
        if "pred_text" in row:
            sink.note("predictions of JudgeLM (pred_text), which hold no stored score")
        if isinstance(row.get("text"), str):
            _review(sink, row, where, question, pair, options)
    for where, row, _ in of_kind(files, options, "review"):
        question = identity(row, where, "question_id")
        held = pairs.get(question)
        if held is None:
            many = "several pairs have" if question in pairs else "no pair has"
            raise BadImport(f"{where}: {many} the question_id {question}, so that it is not known what is reviewed")
        _review(sink, row, where, question, held, options)


def _question(sink: Sink, row: Mapping[str, Any], where: str, references: Mapping[str, str]) -> str:
    name = identity(row, where, "question_id")
    own = said(row.get("reference")) or references.get(name, "")
    sink.told(name, UNSORTED, (text(row, where, "question_body").strip(),), (own,) if own else ())
    return name


def _pair(sink: Sink, row: Mapping[str, Any], where: str, question: str) -> Pair:
    names = tuple(optional(row, f"answer{i}_model_id") or f"answer{i}" for i in (1, 2))
    answers = tuple(sink.text(question, n, (text(row, where, f"answer{i}_body"),)) for i, n in enumerate(names, 1))
    return (names[0], names[1]), (answers[0], answers[1])


def _review(sink: Sink, row: Mapping[str, Any], where: str, question: str, pair: Pair, options: Options) -> None:
    given = row.get("score")
    if not isinstance(given, list) or len(given) != 2:
        raise BadImport(f"{where}: score must hold two numbers")
    words = said(row.get("text"))
    a, b = (number(score) for score in given)
    if a is None or b is None or a < 0 or b < 0:
        reading = Reading("no_verdict" if words.strip() else "empty", explanation=words)
    else:
        scores = {"overall": (float(a), float(b))}
        reading = Reading("scored", verdict="A" if a > b else "B" if a < b else "tie", scores=scores, explanation=words)
    judge = sink.judge(options.judge or GPT_4, "published", NOTE)
    sink.judgment(judge, question, 1, "two-score", pair[1], sink.place(judge, question, 1, pair[0]), reading)
