"""`evalh judge RUN`: judge the answers that a run holds."""

from __future__ import annotations

from typing import Any

import click

from evalh.cli import options
from evalh.cli.stage import carry_out


@click.command("judge")
@options.apply(
    options.RUN_ARGUMENT,
    options.JUDGE,
    options.JUDGE_MODEL,
    options.ANSWERED,
    options.WHICH,
    options.HOW,
    options.SEPARATED,
    options.SAMPLES,
    options.REFERENCE,
    click.option("--no-report", is_flag=True, help="Print the leaderboard, write no report files."),
    options.RUNNING,
)
def command(run: str, **flags: Any) -> None:
    """Judge the answers of a run.

    A second judge is added beside the first; the answers stay as they are.

    \b
    Examples:
      evalh judge results/mine --judge gpt-4
      evalh judge results/mine --judge second=gpt-4 --judge-model openai:gpt-4o
    """
    carry_out({**flags, "out": options.run_folder(run)}, asks=False, reports=True)
