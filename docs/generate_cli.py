"""Write docs/cli.md from the commands' own help. Run it after changing a command:  python docs/generate_cli.py

`tests/cli/test_help.py` fails while the page is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from evalh.cli.main import cli

PAGE: Final = Path(__file__).with_name("cli.md")
WIDTH: Final = 100
HEAD: Final = """\
# The command line

This page is made from the commands' own help by `docs/generate_cli.py`; do not edit it by hand.

Results go to standard output, everything else to standard error. A `RUN` is a run folder (`results/x`) or the name of one under
`results/`. Lists are separated by commas. Colours and live displays appear only on a terminal, and not where `NO_COLOR` is set.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage or configuration; nothing was sent |
| 3 | done, but more units failed or stayed unscored than `--max-failures` allows, or `--offline` found gaps |
| 4 | stopped by a budget |
| 130 | interrupted; everything received is kept |
"""


def commands(group: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """(full name, help text) of a command and of everything below it, in the order in which help lists them."""
    settings = {**group.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(group, info_name=name, parent=parent, **settings)
    yield context.command_path, group.get_help(context)
    if isinstance(group, click.Group):
        for child in group.list_commands(context):
            found = group.get_command(context, child)
            assert found is not None, child
            yield from commands(found, child, context)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, text in commands(cli, "evalh"):
        lines = "\n".join(line.rstrip() for line in text.splitlines())
        parts.append(f"## {path}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
