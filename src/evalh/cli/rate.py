"""`evalh rate BATTLES`: ratings from any table of battles, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalh.cli import options

if TYPE_CHECKING:
    from evalh.importers.battle_table import BattleTable
    from evalh.stats.battles import Battles
    from evalh.stats.estimate import Estimate


def anchored(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, float] | None:
    """`MODEL=VALUE` -> (model, points)."""
    if value is None:
        return None
    name, _, number = value.rpartition("=")
    try:
        return name or "", float(number)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not MODEL=VALUE, such as gpt-4=1000") from None


@click.command("rate")
@click.argument("battles", metavar="BATTLES", type=click.Path(path_type=Path))
@options.apply(
    click.option(
        "--ties",
        type=click.Choice(["half", "davidson", "rao-kupper"]),
        default="half",
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
    click.option("--anchor", callback=anchored, metavar="MODEL=VALUE", help="Fix one model's rating. Default: mean 1000."),
    options.SEED,
    options.FORMAT,
)
def command(
    battles: Path,
    ties: str,
    cluster: str | None,
    bootstrap: int | None,
    anchor: tuple[str, float] | None,
    seed: int,
    shape: str,
) -> None:
    """Ratings from any table of battles.

    BATTLES has the columns model_a, model_b and winner (model_a, model_b or a tie): CSV, JSON, JSONL, Parquet, packed with gzip
    or not. Ratings are Bradley-Terry's by maximum likelihood on the Elo scale, where 400 points are odds of 10 to 1, with 95 %
    intervals. Where some models never both won and lost against the rest, ratings are not defined: the groups are named, and
    no number is given.

    \b
    Examples:
      evalh rate battles.csv
      evalh rate battles.jsonl --ties davidson --cluster question_id --bootstrap 1000 --anchor gpt-4=1000
    """
    import numpy as np

    from evalh.errors import TooFewData, UnknownName
    from evalh.importers.battle_table import read_battles
    from evalh.stats.battles import fold, rate

    table = read_battles(battles, cluster)
    if not len(table.first):
        said = "; ".join(f"{n} rows with {why}" for why, n in table.left_out.items()) or "it has no rows"
        raise TooFewData(f"{battles}: there is no battle to rate ({said})")
    folded = fold(table.models, table.first, table.second, table.outcome, table.cluster)
    if anchor is not None and anchor[0] not in folded.models:
        raise UnknownName("model of this table (--anchor)", anchor[0], folded.models)
    fixed = folded.models.index(anchor[0]) if anchor else None
    rng = np.random.default_rng(seed)
    found = rate(folded, ties, bootstrap or 0, rng, fixed)  # type: ignore[arg-type]
    found = [_moved(e, anchor[1]) for e in found] if anchor else found
    order = sorted(range(len(found)), key=lambda i: -(found[i].value or 0.0))
    if shape == "json":
        click.echo(options.as_json(_document(folded, found, order, table)))
    else:
        _print(folded, found, order, table, cluster)


def _moved(estimate: Estimate, by: float) -> Estimate:
    """The same estimate on a scale that starts elsewhere."""
    from dataclasses import replace

    value, low, high = (None if x is None else x + by for x in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)


def _document(folded: Battles, found: list[Estimate], order: list[int], table: BattleTable) -> dict[str, object]:
    from dataclasses import asdict

    record = folded.record()
    models = [
        {
            "model": folded.models[i],
            "rating": asdict(found[i]),
            **dict(zip(("wins", "ties", "losses"), map(int, record[i].tolist()), strict=True)),
        }
        for i in order
    ]
    return {"schema": 1, "models": models, "battles": len(table.first), "left_out": dict(table.left_out)}


def _print(folded: Battles, found: list[Estimate], order: list[int], table: BattleTable, cluster: str | None) -> None:
    from evalh.reports.text import visible

    record = folded.record()
    names = [visible(folded.models[i]) for i in order]
    width = max(len("model"), *map(len, names))
    click.echo(f"{'model':<{width}}  rating  95 % interval      wins   ties  losses")
    for name, i in zip(names, order, strict=True):
        e = found[i]
        ends = ["open" if x is None else f"{x:.0f}" for x in (e.low, e.high)]
        span = "fixed" if e.standard_error is None and e.low is None and e.high is None else f"{ends[0]} to {ends[1]}"
        won, tied, lost = map(int, record[i].tolist())
        click.echo(f"{name:<{width}}  {e.value:>6.0f}  {span:<15}  {won:>6} {tied:>6}  {lost:>6}")
    units = f"{folded.n} values of {cluster}" if cluster else "each by itself"
    click.echo(f"{len(table.first)} battles, {units}; Elo scale, 400 points are odds of 10 to 1.")
    for why, count in table.left_out.items():
        click.echo(f"left out: {count} rows with {visible(why)}")
