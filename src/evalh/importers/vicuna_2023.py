"""The folder layout of the Vicuna evaluation of March 2023 -> a run folder.

    question.jsonl            {"question_id", "text", "category"}
    answer/answer_*.jsonl     {"question_id", "text", "answer_id", "model_id"}
    review/<set>/review_<a>_<b>.jsonl
                              {"question_id", "answer1_id", "answer2_id", "text", "score": [a, b], "reviewer_id"}
    model.jsonl               {"model_id", …}

A model's name is the one in the review file's name; its `model_id` is kept in run.json. The stored score is taken as it is:
reading the reviews' texts again is a separate step. A pair that the original reader could not read ([-1, -1]) arrives unscored.

Source of the layout: lm-sys/FastChat, fastchat/eval/table, March 2023.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalh.core.questions import read_questions
from evalh.core.records import Reading
from evalh.errors import BadImport, UnknownName
from evalh.importers.fields import number
from evalh.importers.reading import rows
from evalh.importers.sources import Source
from evalh.importers.write import Sink

DEFAULT_SET: Final = "vicuna-13b_20230322-clean-lang"
JUDGE: Final = "gpt-4"
NOTE: Final = (
    "GPT-4 of March 2023, one reply with two scores, the first model always shown first; scores as stored with the reviews"
)


def read(sink: Sink, folder: Path, reviews: str = DEFAULT_SET, encoding: str = "utf-8") -> None:
    """Read one review set with its questions and answers.

    Raises:
        BadImport: not such a folder, or a line that cannot be read; names file and line.
        UnknownName: there is no such review set.
    """
    if not (folder / "review").is_dir() or not (folder / "question.jsonl").is_file():
        raise BadImport(f"{folder}: not a Vicuna 2023 folder (it lacks question.jsonl or review/)")
    sets = sorted(p.name for p in (folder / "review").iterdir() if p.is_dir())
    if reviews not in sets:
        raise UnknownName("review set", reviews, tuple(sets))
    questions = read_questions(folder / "question.jsonl")
    for question in questions:
        sink.question(question, str(folder / "question.jsonl"))
    _take(sink, folder, folder / "question.jsonl")
    texts = _answer_texts(sink, folder, encoding)
    known = {q.question_id for q in questions}
    found = False
    for file in sorted((folder / "review" / reviews).glob("review_*.jsonl")):
        names = re.fullmatch(r"review_([^_]+)_(.+)", file.stem)
        if names is None:
            raise BadImport(f"{file}: the name must be review_<model>_<model>.jsonl")
        for where, row in rows(_take(sink, folder, file), encoding):
            _review(sink, row, (names[1], names[2]), texts, known, where)
            found = True
    if not found:
        raise BadImport(f"{folder / 'review' / reviews}: holds no review")


def _take(sink: Sink, folder: Path, file: Path) -> Source:
    """A file of the folder, noted in run.json."""
    source = Source(str(file), file.relative_to(folder).as_posix(), file)
    sink.inputs[source.name] = source.sha256()
    return source


def _answer_texts(sink: Sink, folder: Path, encoding: str) -> Mapping[str, tuple[str, str]]:
    """answer id -> (text, model id)."""
    texts: dict[str, tuple[str, str]] = {}
    for file in sorted((folder / "answer").glob("answer_*.jsonl")):
        for where, row in rows(_take(sink, folder, file), encoding):
            try:
                texts[str(row["answer_id"])] = (str(row["text"]), str(row.get("model_id") or ""))
            except KeyError as error:
                raise BadImport(f"{where}: lacks {error}") from None
    return texts


def _review(
    sink: Sink,
    row: Mapping[str, Any],
    names: tuple[str, str],
    texts: Mapping[str, tuple[str, str]],
    known: set[str],
    where: str,
) -> None:
    try:
        question = str(row["question_id"])
        ids = (str(row["answer1_id"]), str(row["answer2_id"]))
        given = row["score"]
        if not isinstance(given, list):
            raise TypeError("score is no list")
    except (KeyError, TypeError) as error:
        raise BadImport(f"{where}: not a review ({error})") from None
    if question not in known or len(given) != 2:
        raise BadImport(f"{where}: " + ("an unknown question" if question not in known else "score must hold two numbers"))
    shown = tuple(_answer(sink, name, question, original, texts, where) for name, original in zip(names, ids, strict=True))
    judge = sink.judge(JUDGE, "published", NOTE)
    a, b = (number(score) for score in given)
    text = str(row.get("text") or "")
    if a is None or b is None or a < 0 or b < 0:  # the original reader wrote -1 where it found none
        reading = Reading("no_verdict", explanation=text)
    else:
        scores = {"overall": (float(a), float(b))}
        reading = Reading("scored", verdict="A" if a > b else "B" if a < b else "tie", scores=scores, explanation=text)
    sink.judgment(judge, question, 1, "two-score", shown, sink.place(judge, question, 1, names), reading)


def _answer(sink: Sink, name: str, question: str, original: str, texts: Mapping[str, tuple[str, str]], where: str) -> str:
    """The id of our record of an original answer; made on first sight."""
    if original not in texts:
        raise BadImport(f"{where}: answer {original} stands in no answer file")
    text, model_id = texts[original]
    sink.model(name, model_id=model_id)
    if sink.models[name]["model"] != model_id:
        raise BadImport(f"{where}: model {name} has answers of both {sink.models[name]['model']} and {model_id}")
    return sink.text(question, name, (text,))
