"""Questions, reference answers and models' answers as FastChat and Arena-Hard store them, old and new.

question   {"question_id" or "uid", "category", "turns": [text, …] or [{"content"}, …], or "prompt", or "text"}
answer     {"question_id" or "uid", "model_id" or "model",
            "choices": [{"turns": [text or {"content"}, …]}], or "messages": [{"role", "content"}, …], or "text"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.records import Question
from evalh.errors import BadImport
from evalh.importers.fields import ERROR_TEXT, identity, optional, said
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import UNSORTED, Sink

QUESTION_KEYS: Final = ("question_id", "uid")
KNOWN: Final = ("question_id", "uid", "category", "turns", "prompt", "text", "reference")
STYLE: Final = ("token_len", "header_count", "list_count", "bold_count")


def read_questions(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every question of the files, with the reference answers that stand in files of their own."""
    references: dict[str, tuple[str, ...]] = {}
    for where, row, _ in of_kind(files, options, "reference"):
        references.setdefault(identity(row, where, *QUESTION_KEYS), turns_of(row, where)[0])
    for where, row, _ in of_kind(files, options, "question"):
        sink.question(question_of(row, where, references), where)


def question_of(row: Mapping[str, Any], where: str, references: Mapping[str, tuple[str, ...]]) -> Question:
    """The question of a row. Raises BadImport where it is none."""
    name = identity(row, where, *QUESTION_KEYS)
    given = row.get("turns", row.get("prompt", row.get("text")))
    turns = tuple(said(t) for t in given) if isinstance(given, list) else (said(given),)
    if not turns or not all(turns):
        raise BadImport(f"{where}: question {name} asks nothing")
    own = row.get("reference")
    reference: tuple[str | None, ...] = references.get(name, ())
    if not reference and isinstance(own, list):
        reference = tuple(r if isinstance(r, str) and r else None for r in own)
    return Question(
        name,
        optional(row, "category") or UNSORTED,
        turns,
        reference[: len(turns)],
        metadata={k: v for k, v in row.items() if k not in KNOWN and v is not None},
    )


def read_answers(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every answer of the files; several choices of one row are repeats, and it is the first that is judged there."""
    for where, row, file in of_kind(files, options, "answer"):
        question = identity(row, where, *QUESTION_KEYS)
        sink.asked(question)
        name = optional(row, "model_id", "model") or file.source.stem
        given = row.get("conv_metadata") or row.get("metadata")
        counted = given if isinstance(given, Mapping) else {}
        style = {k: v for k in STYLE if (v := counted.get(k)) is not None}
        for choice, turns in enumerate(turns_of(row, where)):
            kept = turns[: turns.index(ERROR_TEXT)] if ERROR_TEXT in turns else turns
            sink.answer(
                question, name, kept, {"style": style} if style else {}, failed=len(kept) < len(turns), judged=not choice
            )


def turns_of(row: Mapping[str, Any], where: str) -> list[tuple[str, ...]]:
    """The turns of every choice of an answer row. Raises BadImport where it holds none."""
    if isinstance(choices := row.get("choices"), list) and choices:
        found = [c.get("turns") if isinstance(c, Mapping) else None for c in choices]
    elif isinstance(messages := row.get("messages"), list):
        found = [[m for m in messages if isinstance(m, Mapping) and m.get("role") == "assistant"]]
    else:
        found = [[row.get("text")]]
    made: list[tuple[str, ...]] = []
    for turns in found:
        if not isinstance(turns, list) or not turns or not all(isinstance(t, str | Mapping) for t in turns):
            raise BadImport(f"{where}: holds no answer")
        made.append(tuple(said(t) for t in turns))
    return made
