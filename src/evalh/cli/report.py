"""`evalh report RUN...`: the report again, from the run folder alone."""

from __future__ import annotations

import click

from evalh.cli import options
from evalh.cli.stage import show


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@options.apply(
    options.REFERENCE,
    options.FORMAT,
    click.option("--no-report", is_flag=True, help="Print the leaderboard, write no report files."),
)
def command(runs: tuple[str, ...], reference: str | None, shape: str, no_report: bool) -> None:
    """Rebuild the report of a run from its folder alone.

    No model is asked. With --format json one object for each run goes to standard output and no file is written.

    \b
    Examples:
      evalh report results/core-80--gpt-4
      evalh report core-80--gpt-4 --format json
    """
    folders = [options.run_folder(run) for run in runs]
    for folder in folders:
        if shape == "json":
            from evalh.assemble import report_of
            from evalh.core.store import RunFolder
            from evalh.reports.document import to_json

            click.echo(options.as_json(to_json(report_of(RunFolder(folder), reference, sheets=False))))
        else:
            show(folder, reference, write_files=not no_report)
