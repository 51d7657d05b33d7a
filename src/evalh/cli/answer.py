"""`evalh answer`: the first stage alone."""

from __future__ import annotations

from typing import Any

import click

from evalh.cli import options
from evalh.cli.stage import carry_out


@click.command("answer")
@options.apply(options.MODELS, options.QUESTIONS, options.WHICH, options.SAMPLES, options.OUT_OF_ANSWERS, options.RUNNING)
def command(**flags: Any) -> None:
    """Ask models, and nothing more.

    \b
    Examples:
      evalh answer --models vicuna,alpaca --out results/mine
      evalh judge results/mine --judge gpt-4
    """
    carry_out({**flags, "judges": (), "no_judge": True}, asks=True, reports=False)
