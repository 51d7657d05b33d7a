"""Answers recorded earlier: `file:PATH`, JSON Lines.

Each line is an answer record of ours, or the short form `{"question_id", "turns": [...]}` (or `"text"` for one turn; `sample`
where a model answered more than once). Nothing is sent and nothing is paid, so the ledger is not asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalh.core.config import ModelSpec
from evalh.core.ids import file_sha256
from evalh.core.records import Completion, RawReply, Request
from evalh.core.wire import clean
from evalh.errors import BadConfig, PermanentError


def open_backend(spec: ModelSpec) -> FileBackend:
    """The backend of a `file:` model.

    Raises:
        BadConfig: the file cannot be read as answers; names file and line.
    """
    return FileBackend(spec)


class FileBackend:
    """Replies with what a file holds."""

    paid = False

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.path = Path(spec.model)
        self.endpoint = f"file:{self.path.name}"
        self._answers = _read(self.path)

    @property
    def identity(self) -> dict[str, Any]:
        """A file is known by its content."""
        return {"endpoint": self.endpoint, "sha256": file_sha256(self.path), "label": self.spec.label}

    async def generate(self, request: Request) -> Completion:
        """The recorded text of the turn asked for."""
        turns, finish = self._answers.get((request.question_id, request.sample), (None, None))
        if turns is None or len(turns) < request.turn:
            raise PermanentError(
                f"{self.path} holds no answer to question {request.question_id}, turn {request.turn}, sample {request.sample}"
            )
        return Completion(turns[request.turn - 1], finish if request.turn == len(turns) else "stop")

    async def send(self, request: Request) -> RawReply:  # pragma: no cover - nothing is sent
        raise NotImplementedError

    def read(self, raw: RawReply) -> Completion:  # pragma: no cover - nothing is sent
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


def _read(path: Path) -> dict[tuple[str, int], tuple[tuple[str, ...], str]]:
    """(question id, sample) -> (the text of each turn, how the last one ended)."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise BadConfig(f"{path}: cannot be read ({error.strerror})") from None
    answers: dict[tuple[str, int], tuple[tuple[str, ...], str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        key, answer = _answer(line, f"{path}:{number}")
        if key in answers:
            raise BadConfig(f"{path}:{number}: a second answer to question {key[0]} (sample {key[1]})")
        answers[key] = answer
    if not answers:
        raise BadConfig(f"{path}: holds no answer")
    return answers


def _answer(line: bytes, where: str) -> tuple[tuple[str, int], tuple[tuple[str, ...], str]]:
    try:
        data: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadConfig(f"{where}: not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError):
        raise BadConfig(f"{where}: not JSON") from None
    if not isinstance(data, dict):
        raise BadConfig(f"{where}: not a JSON object")
    turns = data.get("turns", [data["text"]] if "text" in data else None)
    identity = data.get("question_id")
    if not isinstance(identity, str | int) or isinstance(identity, bool):
        raise BadConfig(f"{where}: question_id is missing")
    if not isinstance(turns, list) or not all(isinstance(t, str) for t in turns):
        raise BadConfig(f'{where}: an answer needs "turns", a list of texts (or "text")')
    sample = data.get("sample", 0)
    if not isinstance(sample, int) or isinstance(sample, bool):
        raise BadConfig(f"{where}: sample must be a whole number")
    finish = data.get("finish_reason")
    return (str(identity), sample), (tuple(map(clean, turns)), clean(finish) if isinstance(finish, str) else "stop")
