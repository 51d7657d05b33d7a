"""Locks between processes: held by an open file, and gone with the process whatever ends it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

LOOK: Final = 0.2  # seconds between two tries

if sys.platform == "win32":  # pragma: no cover - untested here

    def lock_file(f: BinaryIO) -> None:
        """Take the lock of an open file, or raise BlockingIOError or PermissionError at once."""
        import msvcrt

        f.seek(0x7FFF0000)
        msvcrt.locking(f.fileno(), msvcrt.LK_NBLCK, 1)
        f.seek(0)

else:

    def lock_file(f: BinaryIO) -> None:
        """Take the lock of an open file, or raise BlockingIOError or PermissionError at once."""
        import fcntl

        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def held(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is not there; told once where another process has to be waited for."""
    with path.open("a+b") as f:
        told = False
        while True:
            try:
                lock_file(f)
                break
            except (BlockingIOError, PermissionError):
                if not told:
                    waiting()
                told = True
                time.sleep(LOOK)
        yield
