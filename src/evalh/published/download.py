"""One file from an address or a folder, whole or not at all: resumed where it was cut, checked against its SHA-256.

What has arrived lies in `NAME.part` until it is whole and right; a later try goes on behind it. Proxies and certificate
authorities are those of the environment.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from evalh.errors import FetchFailed
from evalh.published.catalogue import PublishedFile

TRIES: Final = 4
PAUSE: Final = 1.0  # seconds before the second try; doubled for each further one
SILENCE: Final = 30.0  # seconds without a byte
PIECE: Final = 1 << 16
AGAIN: Final = (408, 429, 500, 502, 503, 504)  # statuses after which another try may help
SCHEMES: Final = ("http", "https")


def present(path: Path, file: PublishedFile) -> bool:
    """Whether the file is there, whole and right."""
    return path.is_file() and path.stat().st_size == file.bytes and sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex digits."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def obtain(file: PublishedFile, url: str, target: Path, say: Callable[[str], None] = lambda _: None) -> None:
    """Bring a file to `target` from an http(s) address or a path.

    Raises:
        FetchFailed: it cannot be had, or is not what it should be; names the address and the remedy.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if urlsplit(url).scheme in SCHEMES:
            _download(file, url, part, say)
        else:
            _copy(Path(url), part)
        _check(file, url, part)
        part.replace(target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchFailed(
                f"{target.parent}: the disk is full; free {file.bytes} bytes, then run the same command again: it goes on where"
                " it stopped"
            ) from None
        raise FetchFailed(f"{target}: cannot be written ({error.strerror or error})") from None


def _copy(source: Path, part: Path) -> None:
    if not source.is_file():
        raise FetchFailed(f"{source}: there is no such file; --from names a folder with the set's files, or an address")
    shutil.copyfile(source, part)


def _check(file: PublishedFile, url: str, part: Path) -> None:
    size, found = part.stat().st_size, sha256_of(part)
    if found != file.sha256:
        part.unlink()
        raise FetchFailed(
            f"{url}: not the published file: {size} bytes with SHA-256 {found}, not {file.bytes} bytes with {file.sha256}."
            " It was thrown away; try another mirror with --from"
        )


def _download(file: PublishedFile, url: str, part: Path, say: Callable[[str], None]) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            _go_on(file, url, part)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in AGAIN or attempt == TRIES:
                hint = "the address has moved" if error.code in (404, 410) else "the server refuses"
                raise FetchFailed(f"{url}: HTTP {error.code}: {hint}; try a mirror with --from DIR-or-URL") from None
            why = f"HTTP {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, OSError) and reason.errno == errno.ENOSPC:
                raise reason from None
            why = str(reason) or type(reason).__name__
            if attempt == TRIES:
                raise FetchFailed(
                    f"{url}: cannot be fetched ({why}); what has arrived is kept: run the same command again to go on, or"
                    " name a mirror with --from DIR-or-URL"
                ) from None
        pause = PAUSE * 2.0 ** (attempt - 1)
        say(f"{file.name}: {why}; try {attempt + 1} in {pause:g} s")
        time.sleep(pause)


def _go_on(file: PublishedFile, url: str, part: Path) -> None:
    """One request, from where the last one stopped."""
    have = part.stat().st_size if part.exists() else 0
    if have == file.bytes:
        return
    if have > file.bytes:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "evalh", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=SILENCE) as response:
        whole = response.status != 206
        with part.open("wb" if whole else "ab") as f:
            _pour(response, f, file.bytes - (0 if whole else have))
    if part.stat().st_size < file.bytes:
        raise http.client.IncompleteRead(b"", file.bytes - part.stat().st_size)


def _pour(response: http.client.HTTPResponse, f: BinaryIO, most: int) -> None:
    """Write what comes, at most one byte more than there should be: a longer file is a wrong one, and may be endless."""
    left = most + 1
    while left > 0 and (piece := response.read(min(PIECE, left))):
        f.write(piece)
        left -= len(piece)
