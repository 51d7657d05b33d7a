"""`evalh fetch`: the files of a published set into the user's data folder, and its questions as a set that runs can name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from evalh.core import resources
from evalh.core.locks import held
from evalh.core.store import write_atomic
from evalh.errors import FetchFailed
from evalh.published.catalogue import PublishedSet, folder_of
from evalh.published.download import SCHEMES, obtain, present

Say = Callable[[str], None]
LOCK: Final = ".lock"


def missing(chosen: PublishedSet, folder: Path) -> list[str]:
    """Names of the files that are not there, or not right."""
    return [f.name for f in chosen.files if not present(folder / f.name, f)]


def fetch(chosen: PublishedSet, source: str = "", say: Say = lambda _: None, env: Mapping[str, str] = os.environ) -> Path:
    """Bring every file that is missing; the folder of the set.

    Files that are there and right are not fetched again. Another process that fetches the same set is waited for.

    Args:
        source: a folder or an address that holds the set's files under their names; by default where they were published.
        say: told about every file and every further try.

    Raises:
        FetchFailed: a file cannot be had, or is not what was published; what has arrived is kept.
    """
    folder = folder_of(chosen.name, env)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchFailed(
            f"{folder}: cannot be written ({error.strerror or error}); set EVALH_HOME to another folder"
        ) from None
    with held(folder / LOCK, lambda: say(f"{chosen.name}: another process is fetching it; waiting for that")):
        for file in chosen.files:
            if present(folder / file.name, file):
                continue
            say(f"{file.name} ({file.bytes:,} bytes)")
            obtain(file, _address(source, file.name) or file.url, folder / file.name, say)
        if chosen.questions:
            _as_questions(chosen, folder, resources.user_data(env) / "questions" / chosen.name)
    return folder


def _address(source: str, name: str) -> str:
    """Where a file lies under --from; empty where nothing was said."""
    if not source:
        return ""
    if urlsplit(source).scheme in SCHEMES:
        return f"{source.rstrip('/')}/{name}"
    return str(Path(source).expanduser() / name)


def _as_questions(chosen: PublishedSet, folder: Path, target: Path) -> None:
    """The set's questions in our form, where `--questions NAME` finds them."""
    references = dict(_references(folder / chosen.questions["reference"])) if "reference" in chosen.questions else {}
    lines = [_question(row, references) for row in _rows(folder / chosen.questions["file"])]
    target.mkdir(parents=True, exist_ok=True)
    about = {"name": chosen.name, "title": chosen.title, "licence": chosen.licence, "source": chosen.home}
    write_atomic(target / "set.toml", "".join(f"{k} = {json.dumps(v)}\n" for k, v in about.items()).encode())
    write_atomic(target / "questions.jsonl", b"".join(orjson.dumps(line) + b"\n" for line in lines))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as f:
        for line in f:
            if line.strip():
                yield orjson.loads(line)


def _references(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Question id -> the turns of its reference answer, in FastChat's form."""
    for row in _rows(path):
        yield str(row["question_id"]), [str(turn) for turn in row["choices"][0]["turns"]]


def _question(row: Mapping[str, Any], references: Mapping[str, list[str]]) -> dict[str, Any]:
    """A published question in our form: turns, text or prompt; a reference of its own goes after a reference answer."""
    name = str(row.get("question_id", row.get("uid")))
    turns = row.get("turns") or [row.get("text") or row.get("prompt")]
    texts = [turn["content"] if isinstance(turn, Mapping) else str(turn) for turn in turns]
    made: dict[str, Any] = {
        "question_id": name,
        "category": str(row.get("subcategory") or row.get("category") or "general"),
        "turns": texts,
    }
    reference = references.get(name) or row.get("reference")
    if reference:
        made["reference"] = [str(text) if text else None for text in reference][: len(texts)]
    if row.get("cluster"):
        made["tags"] = [str(row["cluster"])]
    return made
