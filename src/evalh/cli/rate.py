"""`evalh rate BATTLES`: ratings from any table of battles, or of a run's comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options

if TYPE_CHECKING:
    import numpy as np

    from evalh.importers.battle_table import BattleTable
    from evalh.stats.estimate import Estimate

HALF, ELO = "half", "elo"
NAME = 60
"""Characters of a model's name in the table; longer ones lose their middle."""


def anchored(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, float] | None:
    """`MODEL=VALUE` -> (model, points)."""
    if value is None:
        return None
    name, _, number = value.rpartition("=")
    try:
        return name or "", float(number)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not MODEL=VALUE, such as gpt-4=1000") from None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    method: str
    k: float
    ties: str
    cluster: str | None
    bootstrap: int | None
    control: tuple[str, ...]
    anchor: tuple[str, float] | None
    seed: int

    def check(self) -> None:
        """Refuse options that have no meaning together."""
        told = {
            "--bootstrap": self.bootstrap,
            "--ties": self.ties != HALF,
            "--control": self.control,
            "--cluster": self.cluster,
            "--anchor": self.anchor,
        }
        without = [name for name, value in told.items() if value and (self.method == ELO)]
        if without:
            raise click.UsageError(f"online Elo has no {', '.join(without)}; leave it out, or leave out --method elo")
        if self.control and (self.ties != HALF or self.bootstrap):
            what = "--ties" if self.ties != HALF else "--bootstrap"
            raise click.UsageError(f"style control counts a tie as half a win and has closed-form intervals: leave out {what}")


@dataclass(frozen=True, slots=True)
class Rated:
    """Ratings of M models, in the order of `models`, with what stands beside them."""

    models: tuple[str, ...]
    ratings: Sequence[Estimate]
    record: np.ndarray
    ranks: Sequence[tuple[int, int]] | None
    coefficients: dict[str, Estimate]


@click.command("rate")
@click.argument("battles", metavar="BATTLES")
@options.apply(
    click.option(
        "--ties",
        type=click.Choice([HALF, "davidson", "rao-kupper"]),
        default=HALF,
        show_default=True,
        help="What a tie is: half a win to each, or an outcome of its own.",
    ),
    click.option("--cluster", metavar="COLUMN", help="Rows with the same value here move together, e.g. question_id."),
    click.option(
        "--bootstrap",
        type=click.IntRange(min=100),
        metavar="N",
        help="Intervals from N bootstrap rounds. Default: the closed-form sandwich.",
    ),
    click.option(
        "--control",
        callback=options.listed,
        metavar="NAMES",
        help="Ratings at equal style: length, headers, lists, bold, or any NAME with columns NAME_a and NAME_b.",
    ),
    click.option("--anchor", callback=anchored, metavar="MODEL=VALUE", help="Fix one model's rating. Default: mean 1000."),
    click.option(
        "--method",
        type=click.Choice(["bradley-terry", ELO]),
        default="bradley-terry",
        show_default=True,
        help="Maximum likelihood, or online Elo in the order of the rows, to compare with older lists.",
    ),
    click.option("--k", type=click.FloatRange(min=0, min_open=True), default=4.0, show_default=True, help="elo: step size."),
    click.option("--judge", metavar="NAME", help="For a run: whose comparisons. May be left out where there is one judge."),
    options.SEED,
    options.FORMAT,
)
def command(battles: str, judge: str | None, shape: str, **flags: Any) -> None:
    """Ratings from any table of battles.

    BATTLES has the columns model_a, model_b and winner (model_a, model_b or a tie): CSV, JSON, JSONL, Parquet, packed with gzip
    or not. Or it is a run, whose comparisons are clustered by question. Ratings are Bradley-Terry's by maximum likelihood on
    the Elo scale, where 400 points are odds of 10 to 1, with 95 % intervals. Where some models never both won and lost against
    the rest, ratings are not defined: the groups are named, and no number is given.

    With --control ratings are at equal style, and the effect of each feature is shown. Counts are read from conv_metadata, as
    in the Arena's tables, or from the texts of a run.

    \b
    Examples:
      evalh rate battles.csv
      evalh rate battles.jsonl --ties davidson --cluster question_id --bootstrap 1000 --anchor gpt-4=1000
      evalh rate battles.jsonl --control length,headers,lists,bold
      evalh rate results/x --control length
    """
    from evalh.errors import TooFewData, UnknownName

    asked = Asked(**flags)
    asked.check()
    table, units = _read(battles, judge, asked)
    if not len(table.first):
        said = "; ".join(f"{n} rows with {why}" for why, n in table.left_out.items()) or "it has no rows"
        raise TooFewData(f"{battles}: there is no battle to rate ({said})")
    if asked.anchor is not None and asked.anchor[0] not in table.models:
        raise UnknownName("model of this table (--anchor)", asked.anchor[0], table.models)
    found = _rated(table, asked)
    order = sorted(range(len(found.models)), key=lambda i: -(found.ratings[i].value or 0.0))
    if shape == "json":
        click.echo(options.as_json(_document(found, order, table, asked)))
    else:
        _print(found, order, table, asked, units)


def _read(battles: str, judge: str | None, asked: Asked) -> tuple[BattleTable, str]:
    """The battles of a file or of a run, and what the independent units are."""
    from evalh.errors import UnknownName
    from evalh.importers.battle_table import read_battles

    path = Path(battles)
    run = None
    if not path.exists() or (path / "run.json").is_file():
        try:
            run = options.run_folder(battles)
        except UnknownName:
            if judge is not None:
                raise
    if run is None:
        if judge is not None:
            raise click.UsageError("--judge is for a run; a table of battles has none")
        table = read_battles(path, asked.cluster, asked.control)
        return table, f"values of {asked.cluster}" if asked.cluster else ""
    if asked.cluster:
        raise click.UsageError("a run's comparisons are clustered by question; leave out --cluster")
    from evalh.core.store import RunFolder
    from evalh.exporters.run_battles import battles_of

    return battles_of(RunFolder(run), judge, asked.control), "questions"


def _rated(table: BattleTable, asked: Asked) -> Rated:
    import numpy as np

    from evalh.stats.battles import rank_intervals, rate
    from evalh.stats.elo import online_elo
    from evalh.stats.estimate import Estimate
    from evalh.stats.folding import fold

    folded = fold(table.models, table.first, table.second, table.outcome, table.cluster)
    fixed = folded.models.index(asked.anchor[0]) if asked.anchor else None
    ranks: Sequence[tuple[int, int]] | None = None
    coefficients: dict[str, Estimate] = {}
    ratings: Sequence[Estimate]
    if asked.method == ELO:
        points = online_elo(table.first, table.second, table.outcome, len(table.models), asked.k)
        by_name = dict(zip(table.models, points.tolist(), strict=True))
        ratings = [Estimate(by_name[name], n=len(table.first)) for name in folded.models]
    elif asked.control:
        from evalh.stats.style import controlled

        assert table.style is not None
        place = np.array([folded.models.index(name) for name in table.models])
        styled = controlled(
            folded.models,
            place[table.first],
            place[table.second],
            table.outcome,
            table.style,
            asked.control,
            table.cluster,
            fixed,
        )
        ratings, ranks = styled.ratings, styled.ranks
        coefficients = dict(zip(styled.features, styled.coefficients, strict=True))
    else:
        rng = np.random.default_rng(asked.seed)
        ratings = rate(folded, asked.ties, asked.bootstrap or 0, rng, fixed)  # type: ignore[arg-type]
        ranks = rank_intervals(folded, asked.ties)  # type: ignore[arg-type]
    if asked.anchor:
        ratings = [_moved(e, asked.anchor[1]) for e in ratings]
    return Rated(folded.models, ratings, folded.record(), ranks, coefficients)


def _moved(estimate: Estimate, by: float) -> Estimate:
    """The same estimate on a scale that starts elsewhere."""
    value, low, high = (None if x is None else x + by for x in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)


def _document(found: Rated, order: list[int], table: BattleTable, asked: Asked) -> dict[str, object]:
    from dataclasses import asdict

    models = [
        {
            "model": found.models[i],
            "rank": None if found.ranks is None else list(found.ranks[i]),
            "rating": asdict(found.ratings[i]),
            **dict(zip(("wins", "ties", "losses"), map(int, found.record[i].tolist()), strict=True)),
        }
        for i in order
    ]
    control = {name: asdict(e) for name, e in found.coefficients.items()} or None
    return {
        "schema": 1,
        "method": asked.method,
        "models": models,
        "control": control,
        "battles": len(table.first),
        "left_out": dict(table.left_out),
    }


def _print(found: Rated, order: list[int], table: BattleTable, asked: Asked, units: str) -> None:
    from evalh.reports.text import shorten, visible

    names = [shorten(found.models[i], NAME) for i in order]
    width = max(len("model"), *map(len, names))
    click.echo(f"{'model':<{width}}  rating  95 % interval      wins   ties  losses  rank")
    for name, i in zip(names, order, strict=True):
        e = found.ratings[i]
        ends = ["open" if x is None else f"{x:.0f}" for x in (e.low, e.high)]
        fixed = asked.anchor is not None and found.models[i] == asked.anchor[0]
        span = "fixed" if fixed else "none" if asked.method == ELO else f"{ends[0]} to {ends[1]}"
        won, tied, lost = map(int, found.record[i].tolist())
        rank = "" if found.ranks is None else "–".join(map(str, dict.fromkeys(found.ranks[i])))
        click.echo(f"{name:<{width}}  {e.value:>6.0f}  {span:<15}  {won:>6} {tied:>6}  {lost:>6}  {rank:>4}".rstrip())
    for name, e in found.coefficients.items():
        span = "no interval" if e.low is None else f"{e.low:.3f} to {e.high:.3f}"
        click.echo(f"{visible(name)}: {e.value:+.3f} ({span}) log odds for one standard deviation more")
    independent = f"{found.ratings[0].n} {units}" if units else "each by itself"
    if asked.method == ELO:
        independent = f"online Elo with K = {asked.k:g} in the order of the rows"
    click.echo(f"{len(table.first)} battles, {independent}; Elo scale, 400 points are odds of 10 to 1.")
    for why, count in table.left_out.items():
        click.echo(f"left out: {count} rows with {visible(why)}")
