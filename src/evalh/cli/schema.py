"""`evalh schema [NAME]`: the JSON schemas of what evalh writes."""

from __future__ import annotations

import click

from evalh.cli import options


@click.command("schema")
@click.argument("name", metavar="[NAME]", required=False)
def command(name: str | None) -> None:
    """Print the JSON schema of a record, of run.json or of a command's JSON.

    Without NAME, which there are.

    \b
    Examples:
      evalh schema
      evalh schema judgment
    """
    from evalh.reports.schemas import NAMES, schema

    if name is None:
        for known in NAMES:
            click.echo(f"{known}: {schema(known)['title']}")
        return
    click.echo(options.as_json(schema(name), indent=2))
