"""What a user may say about an import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalh.importers.kinds import File
from evalh.importers.reading import Row, rows


@dataclass(frozen=True, slots=True)
class Options:
    """`judge` labels the judge where the files do not name one; `reviews` chooses a review set of Vicuna 2023."""

    encoding: str = "utf-8"
    judge: str | None = None
    reviews: str | None = None


def of_kind(files: Sequence[File], options: Options, *kinds: str) -> Iterator[tuple[str, Row, File]]:
    """(place, row, file) of every row of the files of some kinds."""
    for file in files:
        if file.kind in kinds:
            for where, row in rows(file.source, options.encoding):
                yield where, row, file
