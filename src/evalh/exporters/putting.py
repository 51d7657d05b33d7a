"""Files of an export, written row by row; they appear under their names when all of them are complete."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from evalh.errors import RunMismatch, StoreError

OPEN: Final = 64
"""So many files are held open; a run may have more models than a process may have files."""


class Folder:
    """A folder of files, each of JSON lines or one JSON array."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, BinaryIO] = {}
        self._arrays: dict[str, bool] = {}
        self.rows = 0

    def line(self, name: str, row: Mapping[str, Any]) -> None:
        """One JSON line more."""
        self._file(name).write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        self.rows += 1

    def item(self, name: str, row: Mapping[str, Any]) -> None:
        """One item more of a JSON array."""
        file = self._file(name)
        began = name in self._arrays
        self._arrays[name] = True
        file.write((b",\n" if began else b"[\n") + orjson.dumps(row))
        self.rows += 1

    def close(self) -> None:
        """End every array and file."""
        try:
            for name in self._arrays:
                self._file(name).write(b"\n]\n")
        finally:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _file(self, name: str) -> BinaryIO:
        file = self._files.pop(name, None)
        if file is None:
            if len(self._files) >= OPEN:
                self._files.pop(next(iter(self._files))).close()
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        self._files[name] = file  # the one used last stands last
        return file


class Table:
    """One file: CSV, or JSON lines."""

    def __init__(self, path: Path, columns: Sequence[str], as_csv: bool) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.DictWriter(self._file, columns, lineterminator="\n") if as_csv else None
        if self._csv is not None:
            self._csv.writeheader()
        self.rows = 0

    def row(self, row: Mapping[str, Any]) -> None:
        """One row more; in CSV lists and objects become JSON, and what a row does not have stays empty."""
        if self._csv is None:
            self._file.write(orjson.dumps(row).decode() + "\n")
        else:
            cells = {k: orjson.dumps(v).decode() if isinstance(v, list | dict) else v for k, v in row.items()}
            self._csv.writerow(cells)
        self.rows += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()


@contextlib.contextmanager
def new(out: Path) -> Iterator[Path]:
    """A draft beside `out` that becomes it when the block ends well.

    Raises:
        RunMismatch: there is something already.
        StoreError: the disk refuses; nothing is left behind.
    """
    final = Path(os.path.abspath(out))
    if final.exists():
        raise RunMismatch(f"{out} is there already; choose another --out, or remove it")
    draft = final.with_name(f".{final.name}.{os.getpid()}.exporting")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, final)
    except (OSError, io.UnsupportedOperation) as error:
        raise StoreError(f"{out}: cannot be written ({getattr(error, 'strerror', None) or error})") from None
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)
