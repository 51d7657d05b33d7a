"""`evalh judges`: what judges there are, what they ask, how they read a reply, and whether one is any good."""

from __future__ import annotations

import click

from evalh.cli.judges_check import command as check
from evalh.cli.judges_import import command as import_
from evalh.cli.judges_replies import parse, render
from evalh.cli.judges_show import list_, show, validate


@click.group("judges")
def group() -> None:
    """Judges: list, show, validate, check, render, parse, import.

    \b
    Examples:
      evalh judges list
      evalh judges show gpt-4
      evalh judges check gpt-4 --judge-model ollama:llama3
    """


for command in (list_, show, validate, check, render, parse, import_):
    group.add_command(command)
