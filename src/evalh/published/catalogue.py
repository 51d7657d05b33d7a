"""`published.toml`: the published sets that have a name, with address, licence, size and SHA-256 of every file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from evalh.core import resources
from evalh.errors import UnknownName

FILE: Final = Path(__file__).parent / "published.toml"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file: `name` is its path within the set's folder, `url` where it lives; size in bytes."""

    name: str
    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A figure of the original's own report.

    `figure` is a figure of our reports, "total" (a sum of two-score reviews), or one of `evalh.published.figures.OWN`. Shares
    are fractions. `judge`, `category`, `turn`, `raters` (a pattern) and `ties` ("kept" or "dropped") say of what it is.
    `digits` is how many decimals were printed, None where the figure was given in full; `cause` says why a replay may differ.
    """

    figure: str
    model: str
    value: float
    source: str
    against: str = ""
    reference: str = ""
    digits: int | None = None
    cause: str = ""
    judge: str = ""
    category: str = ""
    turn: int = 0
    raters: str = ""
    ties: str = ""


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """One published set.

    `form` is the import format of its judgments, or empty; `questions` names the file of its questions and that of its
    references.
    """

    name: str
    title: str
    licence: str
    home: str
    files: tuple[PublishedFile, ...]
    form: str = ""
    questions: Mapping[str, str] = field(default_factory=dict)
    published: tuple[PublishedFigure, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(f.bytes for f in self.files)


@lru_cache
def catalogue() -> Mapping[str, PublishedSet]:
    """Every published set by name, in the order of the file."""
    with FILE.open("rb") as f:
        return {name: _set(name, entry) for name, entry in tomllib.load(f).items()}


def find(name: str) -> PublishedSet:
    """The set of a name. Raises UnknownName with the nearest ones."""
    known = catalogue()
    if name not in known:
        raise UnknownName("published set", name, tuple(known))
    return known[name]


def folder_of(name: str, env: Mapping[str, str] = os.environ) -> Path:
    """Where a set's files are kept, once fetched."""
    return resources.user_data(env) / "published" / name


def _set(name: str, entry: Mapping[str, Any]) -> PublishedSet:
    files = tuple(
        PublishedFile(f["name"], source["base"] + f.get("path", f["name"]), f["bytes"], f["sha256"])
        for source in entry["sources"]
        for f in source["files"]
    )
    figures = tuple(PublishedFigure(**figure) for figure in entry.get("published", ()))
    about = {key: entry[key] for key in ("title", "licence", "home")}
    return PublishedSet(
        name, files=files, form=entry.get("form", ""), questions=entry.get("questions", {}), published=figures, **about
    )
