"""`evalh import FORMAT PATH`: another tool's files as a run folder."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("vicuna-2023",)


@click.command("import")
@click.argument("form", metavar="FORMAT")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--reviews", metavar="SET", help="vicuna-2023: a folder under review/. Default: the one behind the published figures."
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="RUN", help="The run folder to write."
)
def command(form: str, path: Path, reviews: str | None, out: Path) -> None:
    """Turn another tool's files into a run folder.

    FORMAT is vicuna-2023: the folder layout of the evaluation of March 2023.

    \b
    Example:
      evalh import vicuna-2023 table/ --out results/vicuna-2023
      evalh report results/vicuna-2023
    """
    from evalh.errors import UnknownName

    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    from evalh.importers import vicuna_2023, write

    chosen = reviews or vicuna_2023.DEFAULT_SET
    folder = write.write(vicuna_2023.read(path, chosen), out, f"vicuna-2023/{chosen}")
    counts = folder.manifest()["counts"]
    click.echo(
        f"{counts['answers']} answers and {counts['judgments']} judgments ({counts['judgments_unscored']} unscored) in {out}"
    )
