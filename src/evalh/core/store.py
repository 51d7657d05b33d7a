"""What was concluded: a run folder, complete by itself.

    results/<run>/
      run.json         what was asked for and with what (manifest)
      questions.jsonl  the questions of the run
      answers.jsonl    one Answer a line
      judgments.jsonl  one Judgment a line
      votes.jsonl      verdicts of people, or recorded ones, over the same answers (optional)
      report/          made from the above alone

Record files are appended to while a run goes on, each record in one write, and rewritten in plan order by one atomic rename at
its end. A torn last line (the process died in mid-write) is recognised, reported and cut off when the folder is next opened for
writing. One process writes at a time; the others are told which one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import orjson

from evalh.core import wire
from evalh.core.locks import lock_file
from evalh.core.records import Answer, Judgment, Question, Vote
from evalh.core.upgrades import SCHEMA, upgraded
from evalh.errors import CorruptRecord, RunLocked, StoreError

MANIFEST: Final = "run.json"
VOTES: Final = "votes.jsonl"
FILES: Final[dict[type, str]] = {Question: "questions.jsonl", Answer: "answers.jsonl", Judgment: "judgments.jsonl"}
BLOCK: Final = 1 << 17
"""Bytes of lines that are decoded together: what comes of them should not outgrow a processor's own memory."""
R = TypeVar("R", Question, Answer, Judgment)


def write_atomic(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file so that a reader sees the old or the new one, never half of it.

    Args:
        data: the whole content, or pieces of it, which are not held in memory together.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    parts = (data,) if isinstance(data, bytes) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as f:
            f.writelines(parts)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _disk(path, error) from None


def _disk(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: cannot be written ({error.strerror or error}). Every reply received so far is safe in the ledger: "
        "mend this and run the same command again"
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A record file to read; one that is not there is one without records."""
    try:
        f: BinaryIO = path.open("rb")
    except FileNotFoundError:
        f = io.BytesIO()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
    with f:
        yield f


def _whole_lines(f: BinaryIO, size: int) -> int:
    """How many bytes of a file of this size are whole lines; read from its end, in pieces."""
    step = 1 << 16
    for end in range(size, 0, -step):
        start = max(0, end - step)
        f.seek(start)
        at = f.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
    return 0


class RunFolder:
    """A run folder, for reading; `writing()` opens it for appending under a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[type, BinaryIO] = {}

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    def exists(self) -> bool:
        """Whether this is a run folder already."""
        return (self.path / MANIFEST).is_file()

    # -- reading ---------------------------------------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """run.json, as the present schema has it.

        Raises:
            StoreError: there is none, or it cannot be read.
            UnsupportedSchema: written by a newer evalh.
        """
        return {"schema": SCHEMA, **upgraded("run", self._manifest(), str(self.path / MANIFEST))}

    def _manifest(self) -> dict[str, Any]:
        """run.json as it lies there. Raises as `manifest`."""
        path = self.path / MANIFEST
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise StoreError(f"{self.path} is not a run folder (it holds no {MANIFEST})") from None
        except (OSError, ValueError) as error:
            raise CorruptRecord(f"{path}: cannot be read ({error})") from None
        if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
            raise CorruptRecord(f"{path}: not a run manifest")
        return data

    def read(self, kind: type[R]) -> Iterator[R]:
        """The records of a kind, in file order. A torn last line is passed over: it is not a record yet.

        Raises:
            CorruptRecord: names file and line.
        """
        path = self.path / FILES[kind]
        for number, _, line in self._lines(path):
            yield wire.load(kind, line, f"{path}:{number}")

    def checked(self, kind: type[R]) -> Iterator[dict[str, Any]]:
        """The records of a kind as decoded JSON of the present schema, every field there and of its type; raises as `read`."""
        path = self.path / FILES[kind]
        for number, _, line in self._lines(path):
            where = f"{path}:{number}"
            yield wire.checked(kind, wire.decode(line, where), where)

    def columns(self, kind: type[R]) -> Iterator[wire.Columns]:
        """The records of a kind as `checked` gives them, but some hundred at a time and field by field; raises as `read`."""
        path = self.path / FILES[kind]
        for number, lines in self._blocks(path):
            there = [line for line in lines if line != b"\n"]
            found = wire.columns(kind, there) if there else None
            if found is None:  # a line of another schema, with a field left out, or with a fault
                places = ((f"{path}:{n}", line) for n, line in enumerate(lines, number) if line != b"\n")
                rows = [wire.checked(kind, wire.decode(line, where), where) for where, line in places]
                found = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
            if found:
                yield found

    def raw(self, kind: type[R]) -> Iterator[dict[str, Any]]:
        """The records of a kind as decoded JSON, for whoever needs a few fields of very many; raises as `read`."""
        path = self.path / FILES[kind]
        for number, _, line in self._lines(path):
            where = f"{path}:{number}"
            yield wire.current(kind, wire.decode(line, where), where)

    def votes(self) -> list[dict[str, Any]]:
        """Verdicts of people over this run's answers, as {"question_id", "model_a", "model_b", "winner", "rater", "turn"}.

        Raises:
            CorruptRecord: names file and line.
        """
        path = self.path / VOTES
        places = ((f"{path}:{number}", line) for number, _, line in self._lines(path))
        return [wire.checked(Vote, wire.decode(line, where), where) for where, line in places]

    @staticmethod
    def _blocks(path: Path) -> Iterator[tuple[int, list[bytes]]]:
        """(number of the first line, lines) of pieces of a file, whole lines only, empty ones included."""
        with _opened(path) as f:
            number = 1
            while lines := f.readlines(BLOCK):
                if not lines[-1].endswith(b"\n"):  # torn
                    lines.pop()
                yield number, lines
                number += len(lines)

    @staticmethod
    def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
        """(line number, offset, line) of every whole line that is not empty."""
        with _opened(path) as f:
            offset = 0
            for number, line in enumerate(f, 1):
                if line.endswith(b"\n") and line != b"\n":
                    yield number, offset, line
                offset += len(line)

    # -- writing ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self, report: Callable[[str], None] = lambda _: None) -> Iterator[RunFolder]:
        """Hold the folder for writing; cut off torn last lines first, telling `report` about each.

        Raises:
            RunLocked: another process holds it.
            StoreError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self._acquire()
        except OSError as error:
            raise _disk(self.path, error) from None
        try:
            if self.exists() and (old := self._manifest()["schema"]) < SCHEMA:
                report(
                    f"{self.path}: was begun in schema {old}; its records stay as they are, what is added and run.json are"
                    f" written in schema {SCHEMA}"
                )
            for kind, name in FILES.items():
                if kind is not Question:
                    self._mend(self.path / name, report)
                    self._open(kind)
            yield self
        finally:
            self._release(lock)

    def _open(self, kind: type) -> None:
        path = self.path / FILES[kind]
        try:
            self._files[kind] = path.open("ab", buffering=0)
        except OSError as error:
            raise _disk(path, error) from None

    def _acquire(self) -> BinaryIO:
        lock = (self.path / ".lock").open("a+b")
        try:
            lock_file(lock)
        except (BlockingIOError, PermissionError):
            lock.seek(0)
            holder = lock.read(200).decode("utf-8", "replace").strip() or "another process"
            lock.close()
            raise RunLocked(
                f"{self.path} is being written by {holder}; wait for it to finish, or choose another folder with --out"
            ) from None
        except OSError:  # a file system without locks
            lock.close()
            raise
        lock.truncate(0)
        lock.write(f"evalh, process {os.getpid()}".encode())
        lock.flush()
        return lock

    def _release(self, lock: BinaryIO) -> None:
        for f in self._files.values():
            f.close()
        self._files.clear()
        with contextlib.suppress(OSError):
            lock.truncate(0)
        lock.close()  # the file stays: removing it would let two processes lock two files of one name

    @staticmethod
    def _mend(path: Path, report: Callable[[str], None]) -> None:
        """Cut off a last line without its newline."""
        try:
            if not path.exists() or path.stat().st_size == 0:
                return
            with path.open("r+b") as f:
                size = f.seek(0, os.SEEK_END)
                keep = _whole_lines(f, size)
                if keep == size:
                    return
                f.truncate(keep)
        except OSError as error:
            raise _disk(path, error) from None
        report(f"{path}: the last line was torn ({size - keep} bytes) and has been cut off; what it held is done again")

    def append(self, records: Iterable[Answer | Judgment]) -> None:
        """Append records; each file gets its lines in one write. Raises StoreError where the disk refuses."""
        lines: dict[type, list[bytes]] = {}
        for record in records:
            lines.setdefault(type(record), []).append(wire.dump(record))
        for kind, parts in lines.items():
            self.append_lines(kind, parts)

    def append_lines(self, kind: type[Answer | Judgment], lines: Sequence[bytes]) -> None:
        """Append records of a kind as `wire.line` gives them, in one write; raises as `append`."""
        f = self._files[kind]
        data = b"".join(lines)
        start = f.seek(0, os.SEEK_END)
        try:
            done = f.write(data)
            if done != len(data):
                raise OSError(28, "No space left on device")
        except OSError as error:
            with contextlib.suppress(OSError):
                f.truncate(start)
            raise _disk(self.path / FILES[kind], error) from None

    def rewrite(self, kind: type[R], order: Callable[[dict[str, Any]], tuple[Any, ...] | None]) -> int:
        """Put a record file in plan order by one atomic rename; of several records with one order key the last stays.

        Args:
            order: a sort key for a record's decoded line, or None to leave it out (it has been superseded).

        Returns:
            The number of records kept.
        """
        path = self.path / FILES[kind]
        latest: dict[tuple[Any, ...], tuple[int, int]] = {}
        previous: tuple[Any, ...] | None = None
        in_order = True
        for number, offset, line in self._lines(path):
            where = f"{path}:{number}"
            try:
                key = order(wire.current(kind, wire.decode(line, where), where))
            except (KeyError, TypeError, AttributeError) as error:
                raise CorruptRecord(f"{where}: not a valid record ({error!r})") from None
            if key is None or key in latest or (previous is not None and key < previous):
                in_order = False
            if key is not None:
                latest[key] = (offset, len(line))
                previous = key
        if in_order:
            return len(latest)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with path.open("rb") as old, temporary.open("wb") as new:
                for key in sorted(latest):
                    at, length = latest[key]
                    old.seek(at)
                    new.write(old.read(length))
            held = self._files.pop(kind, None)
            if held is not None:
                held.close()  # Windows renames no open file
            try:
                os.replace(temporary, path)
            finally:
                if held is not None:
                    self._open(kind)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise _disk(path, error) from None
        return len(latest)

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace run.json."""
        write_atomic(self.path / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def write_questions(self, questions: Iterable[Question]) -> None:
        """Replace questions.jsonl."""
        write_atomic(self.path / FILES[Question], map(wire.dump, questions))

    def write_votes(self, votes: Iterable[dict[str, Any]]) -> None:
        """Replace votes.jsonl."""
        write_atomic(self.path / VOTES, (wire.dump(Vote(**v)) for v in votes))

    def set_aside(self) -> Path:
        """Move the whole folder to a sibling that is not in use, for --fresh; returns where it went.

        Raises:
            RunLocked: another process is writing to it.
            StoreError: it cannot be moved.
        """
        path = self.path.absolute()  # "." has no name to add to; not resolved, since a link is what is to be moved
        try:
            self._acquire().close()
            for n in range(1, 10_000):
                target = path.with_name(f"{path.name}.old-{n}")
                if not target.exists():
                    os.replace(path, target)
                    return self.path.with_name(target.name) if self.path.name else target
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be set aside ({error.strerror or error})") from None
        raise StoreError(f"{self.path}: too many old copies beside it; remove some")
