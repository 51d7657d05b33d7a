"""`evalh replay NAME`: published figures against replayed ones."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalh.cli import options
from evalh.cli.fetch import FROM, bring, say
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
    n; where they differ, the cause is named if it is known. Exit code 1 where a figure differs for no known cause. --from may
    also name a copy in another form, which is read as it is.

    \b
    Examples:
      evalh replay vicuna-2023
      evalh replay alpaca-eval-2 --from /media/mirror/alpaca-eval-2
    """
    from evalh.published.catalogue import find
    from evalh.published.replay import as_it_lies, replay

    chosen = find(name)
    copy = as_it_lies(chosen, source)
    if copy is not None:
        say(f"{copy}: not the set's own files, so that its bytes cannot be checked against what was published; read as it is")
    files = copy or (Path(bring(name, source, yes)) if chosen.form else Path())
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
    if any(r.ours is not None and not r.same and not r.published.cause for r in found):
        sys.exit(FAILED)


def _print(found: list[Replayed]) -> None:
    from evalh.published.replay import COLUMNS, cells

    if not found:
        click.echo("no figure of this set was published in a form that could be held against")
        return
    rows = [COLUMNS, *map(cells, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
