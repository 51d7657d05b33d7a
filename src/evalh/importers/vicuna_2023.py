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

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from evalh.core.ids import answer_id, digest, file_sha256, group_id, judgment_id, unit_id
from evalh.core.questions import read_questions
from evalh.core.records import Answer, Judgment, Question
from evalh.errors import BadImport, UnknownName

DEFAULT_SET: Final = "vicuna-13b_20230322-clean-lang"
JUDGE: Final = "gpt-4"
PROTOCOL: Final = "vicuna-2023/published"


class Imported:
    """What an importer hands over: records in order, and what the manifest says of models, judges and inputs."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self.questions = questions
        self.answers: dict[str, Answer] = {}
        self.judgments: list[Judgment] = []
        self.models: dict[str, dict[str, Any]] = {}
        self.judges: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, str] = {}


def read(folder: Path, reviews: str = DEFAULT_SET) -> Imported:
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
    done = Imported(read_questions(folder / "question.jsonl"))
    done.inputs["question.jsonl"] = file_sha256(folder / "question.jsonl")
    texts = _answer_texts(folder / "answer", done)
    known = {q.question_id for q in done.questions}
    for file in sorted((folder / "review" / reviews).glob("review_*.jsonl")):
        names = re.fullmatch(r"review_([^_]+)_(.+)", file.stem)
        if names is None:
            raise BadImport(f"{file}: the name must be review_<model>_<model>.jsonl")
        done.inputs[f"review/{reviews}/{file.name}"] = file_sha256(file)
        for number, row in _rows(file):
            _review(done, row, (names[1], names[2]), texts, known, f"{file}:{number}", number)
    if not done.judgments:
        raise BadImport(f"{folder / 'review' / reviews}: holds no review")
    mark = digest([JUDGE, PROTOCOL])
    note = (
        "GPT-4 of March 2023, one reply with two scores, the first model always shown first; scores as stored with the reviews"
    )
    done.judges[JUDGE] = {
        "judge": "vicuna-2023",
        "model": None,
        "params": {},
        "attempts": 1,
        "variants": {"published": mark},
        "note": note,
        "hash": mark,
    }
    return done


def _answer_texts(folder: Path, done: Imported) -> Mapping[str, tuple[str, str]]:
    """answer id -> (text, model id)."""
    texts: dict[str, tuple[str, str]] = {}
    for file in sorted(folder.glob("answer_*.jsonl")):
        done.inputs[f"answer/{file.name}"] = file_sha256(file)
        for number, row in _rows(file):
            try:
                texts[str(row["answer_id"])] = (str(row["text"]), str(row.get("model_id") or ""))
            except KeyError as error:
                raise BadImport(f"{file}:{number}: lacks {error}") from None
    return texts


def _review(
    done: Imported,
    row: Mapping[str, Any],
    names: tuple[str, str],
    texts: Mapping[str, tuple[str, str]],
    known: set[str],
    where: str,
    number: int,
) -> None:
    try:
        question = str(row["question_id"])
        ids = (str(row["answer1_id"]), str(row["answer2_id"]))
        scores = tuple(float(x) for x in row["score"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadImport(f"{where}: not a review ({error})") from None
    if question not in known or len(scores) != 2:
        raise BadImport(f"{where}: " + ("an unknown question" if question not in known else "score must hold two numbers"))
    shown = tuple(_answer(done, name, question, original, texts, where) for name, original in zip(names, ids, strict=True))
    mark = digest([JUDGE, PROTOCOL])
    named = (JUDGE, mark, question, "two-score", 1, [*shown, str(number)], 0)
    readable = all(math.isfinite(s) and s >= 0 for s in scores)  # the original reader wrote -1 where it found none
    a, b = scores
    done.judgments.append(
        Judgment(
            judgment_id(unit_id(*named), 0),
            group_id(*named),
            question,
            1,
            JUDGE,
            mark,
            PROTOCOL,
            "two-score",
            shown,
            "scored" if readable else "no_verdict",
            verdict=("A" if a > b else "B" if a < b else "tie") if readable else None,
            scores={"overall": scores} if readable else {},
            explanation=str(row.get("text") or ""),
        )
    )


def _answer(done: Imported, name: str, question: str, original: str, texts: Mapping[str, tuple[str, str]], where: str) -> str:
    """The id of our record of an original answer; made on first sight."""
    if original not in texts:
        raise BadImport(f"{where}: answer {original} stands in no answer file")
    text, model_id = texts[original]
    entry = done.models.setdefault(
        name, {"provider": "import", "model": model_id, "metadata": {"model_id": model_id}, "price": None}
    )
    if entry["model"] != model_id:
        raise BadImport(f"{where}: model {name} has answers of both {entry['model']} and {model_id}")
    made = answer_id(question, name, {}, 0, (text,))
    done.answers.setdefault(made, Answer(made, question, name, {}, 0, (text,)))
    return made


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadImport(f"{file}: cannot be read ({error})") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise BadImport(f"{file}:{number}: not a JSON object")
            yield number, row
