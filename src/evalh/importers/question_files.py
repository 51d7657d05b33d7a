"""Questions of other tools, in files or in a data set of Hugging Face's, -> a question set's folder.

CSV, JSON lines, JSON arrays and Parquet, one file or a folder of them; a folder that the datasets library saved, or `hf:NAME`
for one from the hub (both need evalh[hf]). A row is a question. Which column is which is told by name, or by the user:

    question_id   question_id, uid, id, idx; else the file's name and the row's number
    turns         turns, prompt, question, instruction, text, or the user's part of messages, conversation; a list is several
                  turns; `input` beside an instruction is added behind an empty line
    reference     reference, reference_answer, answer
    category      category, subset, task, dataset, type; else "uncategorised"

Every other column goes to the question's metadata.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from evalh.core.ids import file_sha256
from evalh.core.questions import open_set
from evalh.core.store import write_atomic
from evalh.errors import BadImport, MissingExtra, RunMismatch, UnknownName
from evalh.importers.fields import said
from evalh.importers.reading import Row, plain, rows
from evalh.importers.sources import sources
from evalh.importers.write import UNSORTED

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "question_id": ("question_id", "uid", "id", "idx"),
    "turns": ("turns", "prompt", "question", "instruction", "text", "messages", "conversation"),
    "reference": ("reference", "reference_answer", "answer"),
    "category": ("category", "subset", "task", "dataset", "type"),
}
HUB: Final = "hf:"
SAVED: Final = ("dataset_dict.json", "state.json")
"""What the datasets library leaves in a folder that it saved."""


@dataclass(slots=True)
class Made:
    """A question set that was written, and what the user should know."""

    path: Path
    questions: int = 0
    categories: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Count something."""
        self.notes[what] = self.notes.get(what, 0) + 1


def bring_in(
    source: str,
    out: Path,
    columns: Mapping[str, str] | None = None,
    *,
    encoding: str = "utf-8",
    split: str | None = None,
    licence: str = "",
) -> Made:
    """Write a question set's folder from rows of another tool.

    Args:
        source: a file, a folder, or `hf:NAME`.
        out: the folder to write; it must not be there, or be empty.
        columns: field -> column, where the names do not tell.
        split: of a data set that has several.
        licence: noted in set.toml.

    Raises:
        UnknownName: no such field, column or split.
        BadImport: a row is no question; names its place. Nothing is left behind.
        MissingExtra: a package is needed that is not installed.
        RunMismatch: `out` holds something.
        StoreError: the disk refuses.
    """
    chosen = dict(columns or {})
    for name in chosen:
        if name not in COLUMNS:
            raise UnknownName("field of a question", name, tuple(COLUMNS))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunMismatch(f"{out} is not an empty folder; choose another with --out")
    made = Made(out)
    there = out.is_dir()
    try:
        lines = _lines(_rows(source, encoding, split), Path(source.removeprefix(HUB)).stem, chosen, made)
        write_atomic(out / "questions.jsonl", lines)
        if not (out / "questions.jsonl").stat().st_size:
            raise BadImport(f"{source}: holds no question")
        write_atomic(out / "set.toml", _about(out, source, licence).encode())
        opened = open_set(str(out))
    except BaseException:
        for name in ("questions.jsonl", "set.toml"):
            (out / name).unlink(missing_ok=True)
        if not there:
            shutil.rmtree(out, ignore_errors=True)
        raise
    made.questions, made.categories = len(opened.questions), len(opened.categories)
    return made


def _rows(source: str, encoding: str, split: str | None) -> Iterator[tuple[str, Row]]:
    path = Path(source)
    if source.startswith(HUB) or any((path / name).is_file() for name in SAVED):
        yield from _of_datasets(source, split)
        return
    if split is not None:
        raise BadImport(f"{source}: --split is for data sets of Hugging Face's; this is a plain file or folder")
    for one in sources(path):
        yield from rows(one, encoding)


def _of_datasets(source: str, split: str | None) -> Iterator[tuple[str, Row]]:
    """The rows of a data set, by the library that wrote it."""
    try:
        import datasets
    except ImportError:
        raise MissingExtra(f"{source}: needs the datasets library; install it with: pip install 'evalh[hf]'") from None
    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(source.removeprefix(HUB)) if source.startswith(HUB) else datasets.load_from_disk(source)
    except Exception as error:  # whatever goes wrong inside the library, the network included
        raise BadImport(f"{source}: the datasets library cannot read it ({type(error).__name__}: {error})") from None
    if isinstance(found, datasets.DatasetDict):
        names = list(found)
        if split is None and len(names) > 1:
            raise BadImport(f"{source}: has the splits {', '.join(names)}; say which with --split")
        if split is not None and split not in names:
            raise UnknownName("split", split, names)
        found = found[split or names[0]]
    elif split is not None:
        raise UnknownName("split", split, ())
    for number, row in enumerate(found, 1):
        yield f"{source}, row {number}", row


def _lines(given: Iterator[tuple[str, Row]], stem: str, chosen: dict[str, str], made: Made) -> Iterator[bytes]:
    """A line for each question; of one that stands twice, the first."""
    seen: dict[str, bytes] = {}
    for number, (where, row) in enumerate(given, 1):
        if number == 1:
            for name, column in chosen.items():
                if column not in row:
                    raise UnknownName(f"column for {name}", column, list(row))
            made.columns = {name: c for name in COLUMNS if (c := chosen.get(name) or _known(name, row))}
            if "turns" not in made.columns:
                had = ", ".join(map(str, list(row)[:20]))
                raise BadImport(
                    f"{where}: no column is known to hold the question; say which: --column turns=NAME (it has {had})"
                )
        question = _question(row, where, f"{stem}-{number}", made)
        line = orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE)
        before = seen.setdefault(question["question_id"], line)
        if before is line:
            yield line
        elif before == line:
            made.note("questions that stand there twice, kept once")
        else:
            raise BadImport(f"{where}: question_id {question['question_id']!r} stands there already, with another content")


def _known(name: str, row: Row) -> str | None:
    """The first column that goes by one of a field's names and holds something here, else the first that there is."""
    there = [c for c in COLUMNS[name] if c in row]
    return next((c for c in there if row[c] not in (None, "", [])), there[0] if there else None)


def _question(row: Row, where: str, otherwise: str, made: Made) -> dict[str, Any]:
    columns = made.columns
    used = set(columns.values())
    asked = _turns(row.get(columns["turns"]), where)
    more = row.get("input")
    if columns["turns"] == "instruction" and isinstance(more, str):
        used.add("input")
        asked = [f"{asked[0]}\n\n{more}", *asked[1:]] if more.strip() else asked
    identity = row.get(columns.get("question_id", ""))
    category = row.get(columns.get("category", ""))
    question: dict[str, Any] = {
        "question_id": otherwise if identity in (None, "") else str(identity).strip(),
        "category": str(category).strip() if category not in (None, "") else UNSORTED,
        "turns": asked,
    }
    if (reference := _reference(row.get(columns.get("reference", "")), len(asked), where)) is not None:
        question["reference"] = reference
    metadata = {}
    for name, value in row.items():
        if name in used or value is None:
            continue
        with contextlib.suppress(TypeError):
            metadata[str(name)] = plain(json.loads(json.dumps(value)))
            continue
        made.note(f"values of the column {name}, which JSON cannot hold, left out")
    return question | ({"metadata": metadata} if metadata else {})


def _turns(value: Any, where: str) -> list[str]:
    """What the user says, turn by turn."""
    if isinstance(value, str) and value[:1] == "[":  # a cell of a CSV file may hold a list
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    given = value if isinstance(value, list) else [value]
    spoken = [m for m in given if not isinstance(m, Mapping) or m.get("role", m.get("from", "user")) in ("user", "human")]
    found = [said(m.get("value") if isinstance(m, Mapping) and "value" in m else m) for m in spoken]
    if not found or not all(text.strip() for text in found):
        raise BadImport(f"{where}: asks nothing")
    return found


def _reference(value: Any, turns: int, where: str) -> list[str | None] | None:
    """A reference for each turn; None where there is none."""
    if isinstance(value, str) and value[:1] == "[" and turns > 1:
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if value in (None, "", []):
        return None
    given = value if isinstance(value, list) else [value]
    if len(given) > turns:
        raise BadImport(f"{where}: has {len(given)} references for {turns} turn(s)")
    return [str(v) if v is not None and str(v).strip() else None for v in given]


def _about(out: Path, source: str, licence: str) -> str:
    """set.toml."""
    name = out.resolve().name
    origin = source.removeprefix(HUB) if source.startswith(HUB) else Path(source).name
    told = {"name": name, "title": f"Questions of {origin}", "source": origin, "licence": licence}
    told["sha256"] = file_sha256(out / "questions.jsonl")
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=True)}\n" for key, value in told.items() if value)
