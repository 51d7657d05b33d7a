"""The results frame of a large run, kept beside its records so that it is read again in a fraction of the time.

`RUN/.cache/frame.npz` is derived: whoever removes it loses nothing but time. It carries the hash of what it was made of (the
record files, what run.json says of the judges, the evalh that made it) and is used only if that is still right; one that is
stale, damaged or of another form is passed over and made again. A folder that cannot be written to has none, and works as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalh import __version__
from evalh.core.ids import canonical, file_sha256
from evalh.core.records import Judgment
from evalh.core.store import FILES, MANIFEST, RunFolder
from evalh.stats.frame import INTEGERS, TEXT, Factor, Results

PLACE: Final = Path(".cache", "frame.npz")
LEAST: Final = 16 << 20
"""Bytes of judgments from which on it pays."""
FORM: Final = 1
"""Raised whenever the same records would give another frame, or the frame another file."""


def state(folder: RunFolder) -> tuple[tuple[str, int, int], ...]:
    """Size and time of change of every file that a frame is made of, those that are not there left out."""
    found = []
    for name in (*FILES.values(), MANIFEST):
        with contextlib.suppress(OSError):
            seen = (folder.path / name).stat()
            found.append((name, seen.st_size, seen.st_mtime_ns))
    return tuple(found)


def pays(found: tuple[tuple[str, int, int], ...]) -> bool:
    """Whether a folder in this state is worth a sidecar."""
    return any(name == FILES[Judgment] and size >= LEAST for name, size, _ in found)


def key_of(folder: RunFolder) -> str:
    """The hash of all that a frame is made of."""
    there = [path for name in FILES.values() if (path := folder.path / name).exists()]
    sources = {path.name: file_sha256(path) for path in there}
    made_of = [FORM, __version__, sources, folder.manifest().get("judges") or {}]
    return hashlib.sha256(canonical(made_of)).hexdigest()


def load(folder: RunFolder, key: str) -> Results | None:
    """The frame that was kept under this key, None where there is none that can be relied on."""
    try:
        with (folder.path / PLACE).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["key"]) != key:
                return None
            built: dict[str, Any] = {}
            for f in fields(Results):
                column = kept[f.name]
                built[f.name] = Factor(column, _unpacked(kept, f.name)) if f.name in TEXT else column
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, UnicodeDecodeError):
        return None
    return Results(**built) if _sound(built) else None


def _sound(built: dict[str, Any]) -> bool:
    """Whether columns are of their types, of one length, and every code has its label."""
    for name, column in built.items():
        codes = column.codes if isinstance(column, Factor) else column
        kind = np.int32 if name in TEXT else np.int64 if name in INTEGERS else bool if name == "swapped" else np.float64
        if codes.dtype != kind or codes.shape != built["turn"].shape:
            return False
        if isinstance(column, Factor) and len(codes) and not 0 <= codes.min() <= codes.max() < len(column.labels):
            return False
    return True


def save(folder: RunFolder, key: str, results: Results) -> None:
    """Keep a frame under a key, in one atomic rename; where that cannot be done nothing is kept."""
    arrays: dict[str, np.ndarray] = {"key": np.array(key)}
    for f in fields(Results):
        column = getattr(results, f.name)
        if isinstance(column, Factor):
            arrays[f.name] = column.codes
            arrays |= _packed(f.name, column.labels)
        else:
            arrays[f.name] = column
    path = folder.path / PLACE
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _packed(name: str, labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Labels as one text and the characters of each."""
    text = np.frombuffer("".join(labels).encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return {f"{name}.labels": text, f"{name}.sizes": np.fromiter(map(len, labels), dtype=np.int64, count=len(labels))}


def _unpacked(kept: Any, name: str) -> tuple[str, ...]:
    """What `_packed` made. Raises ValueError where the two do not fit."""
    text = kept[f"{name}.labels"].tobytes().decode("utf-8", "surrogatepass")
    ends = np.cumsum(kept[f"{name}.sizes"])
    if len(ends) and int(ends[-1]) != len(text):
        raise ValueError("labels are cut off")
    starts = np.concatenate([[0], ends])[:-1]
    return tuple(text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
