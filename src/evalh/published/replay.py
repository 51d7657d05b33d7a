"""`evalh replay`: a published set fetched, imported, reported, and held against its published figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Final

from evalh.core.store import RunFolder
from evalh.errors import BadConfig
from evalh.importers.formats import bring_in
from evalh.published.catalogue import PublishedFigure, PublishedSet
from evalh.published.figures import Desk, computed
from evalh.reports.numbers import MINUS, MISSING, fixed, interval
from evalh.stats.estimate import Estimate

COLUMNS: Final = ("figure", "of", "published", "replayed", "95% interval", "n", "difference", "")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A published figure beside ours; `ours` is None where it cannot be had from the set's files."""

    published: PublishedFigure
    ours: Estimate | None

    @property
    def same(self) -> bool:
        """Whether ours is the published figure to the digits that were printed."""
        if self.ours is None or self.ours.value is None:
            return False
        if self.published.digits is None:
            return isclose(self.ours.value, self.published.value, rel_tol=1e-9, abs_tol=1e-12)
        return abs(self.ours.value - self.published.value) <= 0.5 * 10.0**-self.published.digits + 1e-12

    @property
    def difference(self) -> float | None:
        """Ours minus the published one."""
        return None if self.ours is None or self.ours.value is None else self.ours.value - self.published.value


WORDS: Final[Mapping[str, str]] = {
    "won": "comparisons won",
    "alpaca_length_controlled": "length-controlled win rate",
}


def title_of(figure: PublishedFigure) -> str:
    """What a figure is, in words."""
    words = WORDS.get(figure.figure, figure.figure.replace("_", " "))
    if figure.against:
        words += f" against {figure.against}"
    if figure.turn:
        words += f", turn {figure.turn}"
    if figure.ties:
        words += f", ties {figure.ties}"
    if figure.category:
        words += f", {figure.category}"
    return words


def subject_of(figure: PublishedFigure) -> str:
    """Whose figure it is: a model's, or a judge's."""
    if figure.figure == "agreement":
        return "between raters" if figure.model == "raters" else f"{figure.judge} and raters"
    return figure.judge if figure.figure in ("accuracy", "kappa") else figure.model


def shown(figure: str, value: float) -> str:
    """A value with three decimals, sums and points with one."""
    if figure in ("total", "reward"):
        return fixed(value, 1)
    return fixed(value, 3) if figure in ("mean_score", "kappa") else f"{fixed(100 * value, 3)}%"


def span(r: Replayed) -> str:
    """The 95 % interval of ours."""
    if r.ours is None or r.ours.value is None:
        return MISSING
    return interval(r.ours.low, r.ours.high, lambda x: MISSING if x is None else shown(r.published.figure, x))


def difference(r: Replayed) -> str:
    """Ours minus the published one, in two digits."""
    if r.difference is None:
        return MISSING
    return "0" if abs(r.difference) < 5e-13 else f"{r.difference:+.2g}".replace("-", MINUS)


def verdict(r: Replayed) -> str:
    """Whether they are the same, and else why not."""
    if r.ours is None:
        return "not to be had from these files"
    return "same to the digits printed" if r.same else f"differs: {r.published.cause}" if r.published.cause else "DIFFERS"


def as_it_lies(chosen: PublishedSet, source: str) -> Path | None:
    """A local copy of a set in another form than its own files, to be read as it is; None where it holds those, or is none."""
    path = Path(source).expanduser()
    if not source or not path.exists():
        return None
    return None if all((path / f.name).is_file() for f in chosen.files) else path


def replay(chosen: PublishedSet, files: Path, out: Path) -> tuple[RunFolder, list[Replayed]]:
    """Import a fetched set into `out`, unless it is there already, and compute every published figure.

    Raises:
        BadConfig: the set holds no judgments.
        BadImport, RunMismatch: a file cannot be read, or `out` holds something else.
    """
    if not chosen.form:
        raise BadConfig(
            f"{chosen.name} holds questions and no judgments: there is nothing to replay; use --questions {chosen.name}"
        )
    folder = RunFolder(out)
    if not folder.exists():
        folder = bring_in(files, out, chosen.form).folder
    desk = Desk(folder, files)
    return folder, [Replayed(figure, computed(desk, figure)) for figure in chosen.published]


def cells(r: Replayed) -> tuple[str, ...]:
    """One line of the table of a replay, in the order of `COLUMNS`."""
    p, e = r.published, r.ours
    there = e is not None and e.value is not None
    ours = shown(p.figure, e.value) if e is not None and e.value is not None else MISSING
    n = str(e.n) if e is not None and there else MISSING
    return title_of(p), subject_of(p), shown(p.figure, p.value), ours, span(r), n, difference(r), verdict(r)
