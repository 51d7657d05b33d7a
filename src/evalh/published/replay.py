"""`evalh replay`: a published set fetched, imported, reported, and held against its published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path

from evalh.assemble import report_of
from evalh.core.store import RunFolder
from evalh.errors import BadConfig
from evalh.importers.formats import bring_in
from evalh.published.catalogue import PublishedFigure, PublishedSet
from evalh.reports.leaderboard import Leaderboard
from evalh.stats.estimate import Estimate


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
    return folder, [Replayed(figure, _ours(folder, figure)) for figure in chosen.published]


def _ours(folder: RunFolder, figure: PublishedFigure) -> Estimate | None:
    report = report_of(folder, figure.reference or None, sheets=False)
    boards: Sequence[Leaderboard] = list(report.leaderboards.values())
    found = [e for board in boards if (e := _of(board, figure)) is not None]
    return found[0] if found else None


def _of(board: Leaderboard, figure: PublishedFigure) -> Estimate | None:
    if figure.figure in ("total", "win_rate") and figure.against:
        return _of_pair(board, figure)
    row = next((m for m in board.overall.models if m.model == figure.model), None)
    found: Estimate | None = getattr(row, figure.figure, None)
    return found


def _of_pair(board: Leaderboard, figure: PublishedFigure) -> Estimate | None:
    first, second = sorted((figure.model, figure.against))
    pair = next((p for p in board.overall.pairs if (p.model_a, p.model_b) == (first, second)), None)
    if pair is None:
        return None
    mine = figure.model == first
    if figure.figure == "total":
        total = pair.total_a if mine else pair.total_b
        n = pair.win_rate_a.n if pair.win_rate_a else 0
        return None if total is None else Estimate(total, n=n)
    rate = pair.win_rate_a
    if rate is None or mine:
        return rate
    value, low, high = (None if x is None else 1.0 - x for x in (rate.value, rate.high, rate.low))
    return Estimate(value, low, high, rate.n, rate.standard_error)
