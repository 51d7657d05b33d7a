"""`evalh run`: the three stages in one."""

from __future__ import annotations

from typing import Any

import click

from evalh.cli import options
from evalh.cli.stage import carry_out


@click.command("run")
@options.apply(
    options.MODELS,
    options.JUDGE,
    options.JUDGE_MODEL,
    options.QUESTIONS,
    options.WHICH,
    options.HOW,
    options.SEPARATED,
    options.SAMPLES,
    options.OUT,
    options.REFERENCE,
    click.option("--no-report", is_flag=True, help="Print the leaderboard, write no report files."),
    options.RUNNING,
)
def command(**flags: Any) -> None:
    """Ask models, judge their answers, write the report.

    The same command again continues where it stopped, and pays for nothing twice.

    \b
    Examples:
      evalh run
      evalh run --models vicuna,alpaca --judge gpt-4
      evalh run --models mine=openai:ft-123,base=ollama:mistral --judge gpt-4 --judge-model openai:gpt-4o
    """
    carry_out(flags, asks=True, reports=True)
