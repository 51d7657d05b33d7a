"""Read a question set, reporting file, line and fault of everything that is wrong with it.

A set is a folder with `questions.jsonl` and, optionally, `set.toml` (name, title, licence, source, sha256, and generation
parameters by category); or a bare `.jsonl` file. Questions are written in our form (`turns`) or in that of Vicuna 2023
(`text`); ids may be whole numbers, which become text.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from evalh.core import resources
from evalh.core.config import check_generation
from evalh.core.ids import file_sha256
from evalh.core.records import Question
from evalh.errors import BadConfig, BadQuestionSet, UnknownName

FIELDS: Final = ("schema", "question_id", "category", "turns", "text", "reference", "tags", "metadata")
SET_KEYS: Final = ("name", "title", "description", "version", "licence", "source", "language", "sha256", "generation")
MOST_FAULTS: Final = 20


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A question set as read.

    `generation` maps a category, or "default", to generation parameters; `sha256` is that of the question file.
    """

    name: str
    path: Path
    origin: str
    questions: tuple[Question, ...]
    sha256: str
    about: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories in the order of their first question."""
        return tuple(dict.fromkeys(q.category for q in self.questions))

    def params_for(self, category: str) -> dict[str, Any]:
        """Generation parameters of a category: the set's default, overridden by the category's own."""
        return {**self.generation.get("default", {}), **self.generation.get(category, {})}

    def select(self, categories: Sequence[str] = (), limit: int | None = None) -> tuple[Question, ...]:
        """The questions of some categories, then the first `limit` of them.

        Raises:
            UnknownName: a category that the set does not have.
        """
        for name in categories:
            if name not in self.categories:
                raise UnknownName(f"category of {self.name}", name, self.categories)
        chosen = [q for q in self.questions if not categories or q.category in categories]
        return tuple(chosen[:limit])


def open_set(name: str) -> QuestionSet:
    """Find and read a question set.

    Raises:
        UnknownName: there is no such set.
        BadQuestionSet: it has faults; all of them are listed.
    """
    where = resources.find("questions", name)
    if where is None:
        known = [f.name for f in resources.found("questions")]
        raise UnknownName(
            "question set",
            name,
            known,
            "A path to a set folder or a .jsonl file works too; of another table, evalh questions import makes a set.",
        )
    file = where.path if where.path.is_file() else where.path / "questions.jsonl"
    questions = read_questions(file)
    about = _about(where.path / "set.toml") if where.path.is_dir() else {}
    params = about.pop("generation", {})
    pinned, found = about.get("sha256"), file_sha256(file)
    if pinned and pinned != found:
        raise BadQuestionSet(
            f"{where.path / 'set.toml'}: sha256 is that of another questions.jsonl (the file has {found});"
            " if the questions were changed on purpose, write the new one and raise the version"
        )
    return QuestionSet(where.name, where.path, where.origin, questions, found, about, params)


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        text = path.read_text("utf-8")
        about = tomllib.loads(text)
        about["generation"] = check_generation(path, text, about.get("generation", {}))
    except BadConfig as error:
        raise BadQuestionSet(str(error)) from None
    except (OSError, ValueError) as error:  # tomllib.TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise BadQuestionSet(f"{path}: {error}") from None
    for key in about:
        if key not in SET_KEYS:
            raise BadQuestionSet(f"{path}: {UnknownName('key', key, SET_KEYS)}")
    return about


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions of a file, in its order.

    Raises:
        BadQuestionSet: one line per fault, each "file:line: fault"; at most MOST_FAULTS of them.
    """
    questions, faults = check_questions(path)
    if faults:
        shown = faults[:MOST_FAULTS]
        more = len(faults) - len(shown)
        raise BadQuestionSet("\n".join(shown) + (f"\n… and {more} more" if more else ""))
    return tuple(questions)


def check_questions(path: Path) -> tuple[list[Question], list[str]]:
    """Every question that can be read, and every fault, as "file:line: fault"."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return [], [f"{path}: {error.strerror}"]
    faults: list[str] = []
    if raw.startswith(b"\xef\xbb\xbf"):
        faults.append(f"{path}:1: starts with a byte order mark; save the file as UTF-8 without BOM")
        raw = raw[3:]
    if b"\r\n" in raw:
        first = raw[: raw.index(b"\r\n")].count(b"\n") + 1
        faults.append(f"{path}:{first}: lines end in CRLF; convert them to LF")
        raw = raw.replace(b"\r\n", b"\n")
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        question, wrong = _question(line)
        faults += [f"{path}:{number}: {fault}" for fault in wrong]
        if question is None:
            continue
        if question.question_id in seen:
            faults.append(
                f"{path}:{number}: question_id {question.question_id!r} stands on line {seen[question.question_id]} already"
            )
        seen.setdefault(question.question_id, number)
        questions.append(question)
    if not questions and not faults:
        faults.append(f"{path}: holds no question")
    return questions, faults


def _question(line: bytes) -> tuple[Question | None, list[str]]:
    try:
        data = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, [f"not UTF-8 (byte {error.start})"]
    except json.JSONDecodeError as error:
        return None, [f"not JSON: {error.msg} (column {error.colno})"]
    except (ValueError, RecursionError) as error:
        return None, [f"not JSON that can be read: {error}"]
    if not isinstance(data, dict):
        return None, ["not a JSON object"]
    try:
        orjson.dumps(data)
    except orjson.JSONEncodeError as error:  # half of a surrogate pair, a number beyond 64 bits
        return None, [f"holds what no record can hold: {error}"]
    faults = [str(UnknownName("field", key, FIELDS)) for key in data if key not in FIELDS]
    identity = data.get("question_id")
    if isinstance(identity, bool) or not isinstance(identity, str | int) or not str(identity).strip():
        faults.append("question_id must be text or a whole number")
    category = data.get("category", "")
    if not isinstance(category, str) or not category.strip():
        faults.append("category must be non-empty text")
    turns = [data["text"]] if "text" in data and "turns" not in data else data.get("turns")
    faults += _texts("turns", turns, needed=True)
    if "text" in data and "turns" in data:
        faults.append('"text" and "turns" both stand there; write one of them')
    reference = _given(data, "reference", [])
    faults += _texts("reference", reference, none_allowed=True)
    if isinstance(reference, list) and isinstance(turns, list) and len(reference) > len(turns):
        faults.append(f"reference has {len(reference)} entries for {len(turns)} turn(s)")
    tags = _given(data, "tags", [])
    faults += _texts("tags", tags)
    metadata = _given(data, "metadata", {})
    if not isinstance(metadata, dict):
        faults.append("metadata must be an object")
    else:
        faults += _judged_by(metadata)
    if faults:
        return None, faults
    return Question(str(identity), category, tuple(turns or ()), tuple(reference), tuple(tags), metadata), []


def _judged_by(metadata: Mapping[str, Any]) -> Iterable[str]:
    """The two entries of the metadata that judges are shown: a list of items to be answered with yes or no, and a rubric."""
    faults = list(_texts("metadata.checklist", metadata["checklist"], needed=True)) if "checklist" in metadata else []
    if not faults and any("\n" in item.strip() for item in metadata.get("checklist", ())):
        faults.append("metadata.checklist: an item is one line")
    rubric = metadata.get("rubric", "-")
    if not isinstance(rubric, str) or not rubric.strip():
        faults.append("metadata.rubric must be non-empty text")
    return faults


def _given(data: Mapping[str, Any], key: str, otherwise: Any) -> Any:
    """A field's value; null stands for "not given"."""
    value = data.get(key)
    return otherwise if value is None else value


def _texts(name: str, value: Any, *, needed: bool = False, none_allowed: bool = False) -> Iterable[str]:
    if not isinstance(value, list):
        return [f"{name} must be a list of texts"]
    if needed and not value:
        return [f"{name} is empty"]
    for i, text in enumerate(value, 1):
        if text is None and none_allowed:
            continue
        if not isinstance(text, str):
            return [f"{name}: entry {i} must be text"]
        if not text.strip():
            return [f"{name}: entry {i} is empty text"]
    return []
