"""The files of an import: a file, a folder of files, or a zip archive; packed ones are unpacked on the way, never to disk.

What comes from outside may be made to harm, or broken by accident. So nothing is read without a limit: an archive may expand to
`RATIO` times its own size (but always to `FREE` bytes), a line may have `LINE` bytes, and the name of a member may not lead out
of its archive. Each of these is one BadImport that names the file.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final

from evalh.errors import BadImport

LINE: Final = 64 << 20
"""The longest line, or item of a JSON array, in bytes."""
FREE: Final = 64 << 20
"""What any packed file may expand to, in bytes."""
RATIO: Final = 200
"""How many times its packed size a file may expand to; text seldom reaches 30, a bomb 1000."""
MEMBERS: Final = 10_000
"""The most members that an archive may have."""
PIECE: Final = 1 << 20
SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED: Final = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}


@dataclass(slots=True)
class Allowance:
    """How much an archive, or a packed file, may still expand; shared by the members of one archive."""

    packed: int
    spent: int = 0

    def spend(self, size: int, where: str) -> None:
        """Count what has been unpacked. Raises BadImport beyond the limit."""
        self.spent += size
        if self.spent > max(FREE, RATIO * self.packed):
            raise BadImport(
                f"{where}: expands to more than {RATIO} times its size, as an archive made to fill a disk does; "
                "if you trust it, unpack it yourself and import the file"
            )


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be read.

    Attributes:
        where: as messages name it.
        name: its path within what is imported, with `/`.
        path: the file, or the archive that it is a member of.
        member: its name in the archive, or None.
    """

    where: str
    name: str
    path: Path
    member: str | None = None
    allowance: Allowance | None = field(default=None, compare=False)

    @property
    def stem(self) -> str:
        """The file's name without any suffix that says how it is written."""
        name = PurePosixPath(self.name).name.removesuffix(".gz")
        return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)

    @property
    def suffix(self) -> str:
        """`.jsonl`, `.csv`, …: how it is written; packing aside."""
        name = self.name.lower().removesuffix(".gz")
        return next((s for s in SUFFIXES if name.endswith(s)), "")

    @property
    def order(self) -> tuple[str, ...]:
        """Where it stands among others: by folder and stem, so that packing or another suffix changes nothing."""
        return (*PurePosixPath(self.name).parts[:-1], self.stem)

    def pieces(self) -> Iterator[bytes]:
        """The content, unpacked, in pieces of at most `PIECE` bytes.

        Raises:
            BadImport: it cannot be read, is cut off, is packed in a way that is not known, or expands too far.
        """
        try:
            if self.member is None:
                with self.path.open("rb") as f:
                    yield from self._unpacked(f, Allowance(self.path.stat().st_size))
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as f:
                    yield from self._unpacked(f, self.allowance or Allowance(self.path.stat().st_size), counted=True)
        except EOFError:
            raise BadImport(f"{self.where}: the packed file is cut off; fetch it again") from None
        except (OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise BadImport(f"{self.where}: cannot be read ({reason})") from None

    def _unpacked(self, f: IO[bytes], allowance: Allowance, *, counted: bool = False) -> Iterator[bytes]:
        first = f.read(8)
        for magic, what in PACKED.items():
            if first.startswith(magic):
                raise BadImport(f"{self.where}: packed with {what}, which evalh does not read; unpack it first")
        f.seek(0)
        if first.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=f) as inner:
                while piece := inner.read(PIECE):
                    allowance.spend(len(piece), self.where)
                    yield piece
            return
        while piece := f.read(PIECE):
            if counted:
                allowance.spend(len(piece), self.where)
            yield piece

    def sha256(self) -> str:
        """Of the file as it lies on the disk; of a member, of its content."""
        h = hashlib.sha256()
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as f:
                while piece := f.read(PIECE):
                    h.update(piece)
            return h.hexdigest()
        with self.path.open("rb") as f:
            while piece := f.read(PIECE):
                h.update(piece)
        return h.hexdigest()


def sources(path: Path) -> list[Source]:
    """The files that a path stands for: itself, those below it, or those in it; in the order of their names.

    Raises:
        BadImport: there is nothing there, or an archive cannot be read or leads out of itself.
    """
    if path.is_dir():
        found = [Source(str(p), p.relative_to(path).as_posix(), p) for p in _below(path)]
        if not found:
            raise BadImport(f"{path}: holds no file that could be imported ({', '.join(SUFFIXES)}, packed with gzip or not)")
    elif not path.exists():
        raise BadImport(f"{path}: there is no such file or folder")
    elif zipfile.is_zipfile(path):
        found = list(_members(path))
    else:
        found = [Source(str(path), path.name, path)]
    return sorted(found, key=lambda s: s.order)


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(d for d in folders if not d.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().removesuffix(".gz").endswith(SUFFIXES):
                yield Path(where, name)


def _members(path: Path) -> Iterator[Source]:
    """The readable members of a zip archive; every name is checked, also of those that are not read."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise BadImport(f"{path}: not a zip archive that can be read ({error})") from None
    if len(entries) > MEMBERS:
        raise BadImport(f"{path}: has {len(entries)} members, more than {MEMBERS}; unpack it and import the folder")
    allowance = Allowance(path.stat().st_size)
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or ":" in name.partition("/")[0] or stat.S_ISLNK(entry.external_attr >> 16):
            raise BadImport(f"{path}: its member {entry.filename!r} leads out of the archive; it is not read at all")
        if name in seen:
            raise BadImport(f"{path}: holds two members called {entry.filename!r}")
        seen.add(name)
        hidden = any(p.startswith((".", "__MACOSX")) for p in parts)
        if not entry.is_dir() and not hidden and name.lower().removesuffix(".gz").endswith(SUFFIXES):
            yield Source(f"{path}/{name}", name, path, entry.filename, allowance)
