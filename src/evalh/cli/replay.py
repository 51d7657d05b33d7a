"""`evalh replay NAME`: published figures against replayed ones."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalh.cli import options
from evalh.cli.fetch import FROM, bring
from evalh.cli.main import FAILED

if TYPE_CHECKING:
    from evalh.published.replay import Replayed


@click.command("replay")
@click.argument("name", metavar="NAME")
@options.apply(
    FROM,
    options.YES,
    click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The run folder. Default: results/NAME."),
    options.FORMAT,
)
def command(name: str, source: str, yes: bool, out: Path | None, shape: str) -> None:
    """Hold a published set's figures against ours.

    The set is fetched where it is not here, and imported. Every published figure is printed beside ours with its interval and
    n; where they differ, the cause is named if it is known. Exit code 1 where a figure differs for no known cause.

    \b
    Examples:
      evalh replay vicuna-2023
      evalh replay alpaca-eval-2 --from /media/mirror/alpaca-eval-2
    """
    from evalh.published.catalogue import find
    from evalh.published.replay import replay

    chosen = find(name)
    files = Path(bring(name, source, yes)) if chosen.form else Path()
    folder, found = replay(chosen, files, out or Path("results") / name)
    if shape == "json":
        rows = [
            {
                **asdict(r.published),
                "replayed": None if r.ours is None else asdict(r.ours),
                "difference": r.difference,
                "same": r.same,
            }
            for r in found
        ]
        click.echo(options.as_json({"schema": 1, "name": name, "run": str(folder.path), "figures": rows}))
    else:
        _print(found)
        click.echo(f"imported into {folder.path}; evalh report {folder.path} shows the rest", err=True)
    if any(not r.same and not r.published.cause for r in found):
        sys.exit(FAILED)


def _print(found: list[Replayed]) -> None:
    from evalh.reports.numbers import interval

    if not found:
        click.echo("no figure of this set was published in a form that could be held against")
        return
    rows = [("figure", "model", "published", "replayed", "95% interval", "n", "")]
    for r in found:
        p, e = r.published, r.ours
        what = p.figure.replace("_", " ") + (f" against {p.against}" if p.against else "")
        ours = "–" if e is None or e.value is None else shown(p.figure, e.value)
        span = "–" if e is None else interval(e.low, e.high, lambda x: "–" if x is None else shown(p.figure, x))  # noqa: B023
        verdict = "same" if r.same else f"differs: {p.cause}" if p.cause else "DIFFERS"
        rows.append((what, p.model, shown(p.figure, p.value), ours, span, str(e.n) if e else "–", verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def shown(figure: str, value: float) -> str:
    if figure == "total":
        return f"{value:.1f}"
    return f"{value:.3f}" if figure == "mean_score" else f"{100 * value:.3f}%"
