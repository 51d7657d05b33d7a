"""The command group, and the one place where errors become exit codes.

Commands are imported on use from the table below, so that `evalh --help` costs little more than Python itself.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

import evalh

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("evalh.cli.run:command", "Ask models, judge their answers, write the report."),
    "answer": ("evalh.cli.answer:command", "Ask models, and nothing more."),
    "judge": ("evalh.cli.judge:command", "Judge the answers of a run."),
    "plan": ("evalh.cli.plan:command", "Say what a run would take; sends nothing."),
    "report": ("evalh.cli.report:command", "Rebuild the report of a run from its folder alone."),
    "show": ("evalh.cli.show:command", "Print answers and the judge's words."),
    "runs": ("evalh.cli.runs:command", "List the runs there are."),
    "models": ("evalh.cli.models:group", "Models that have a name."),
    "judges": ("evalh.cli.judges:group", "Judges: list, show, validate, check, render, parse, import."),
    "questions": ("evalh.cli.questions:group", "Question sets: list, show, validate, import."),
    "import": ("evalh.cli.import_:command", "Turn another tool's files into a run folder."),
    "compare": ("evalh.cli.compare:command", "Whether one model is better than another."),
    "agree": ("evalh.cli.agree:command", "How far a judge agrees with people, or with another judge."),
    "export": ("evalh.cli.export:command", "Write a run as the files of another tool, or as pairs for training."),
    "fetch": ("evalh.cli.fetch:command", "Bring a published set here, checked against its SHA-256."),
    "replay": ("evalh.cli.replay:command", "Hold a published set's figures against ours."),
    "rate": ("evalh.cli.rate:command", "Ratings from any table of battles."),
    "schema": ("evalh.cli.schema:command", "Print the JSON schema of a record, of run.json or of a command's JSON."),
    "ledger": ("evalh.cli.ledger:group", "The ledger of paid responses: look, check, clean, carry."),
}
"""name -> (where it lives, what it says of itself); a test holds the words against each command's own."""

DONE, FAILED, USAGE, UNSCORED, BUDGET, INTERRUPTED = 0, 1, 2, 3, 4, 130


class ReaderGone(Exception):
    """Nobody reads standard output any more, as in `evalh show … | head`."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, with the nearest names when there is no such command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from evalh.errors import UnknownName

            raise click.UsageError(str(UnknownName("command", args[0], tuple(COMMANDS))))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; a reader that has gone away is told to `main`, as click would end with exit code 1."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        return result

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does; `--help` prints here."""
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError:
            raise ReaderGone from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, no_args_is_help=True
)
@click.version_option(evalh.__version__, message="evalh %(version)s")
def cli() -> None:
    """LLM-as-judge evaluation: answers, verdicts and leaderboards with intervals.

    \b
    Examples:
      evalh run                                             the embedded demonstration: no key, no network
      evalh run --models vicuna,alpaca --judge gpt-4        the main job
      evalh report results/core-80--gpt-4                   the same report again, no model asked
    """


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends in."""
    from evalh import errors

    if isinstance(error, errors.ConfigError | errors.RunMismatch | errors.UnsupportedSchema):
        return USAGE
    if isinstance(error, errors.Incomplete):
        return UNSCORED
    if isinstance(error, errors.BudgetReached):
        return BUDGET
    return FAILED


def fail(error: BaseException) -> NoReturn:
    """Say what went wrong, once, and leave with its code."""
    from evalh.reports.text import visible

    click.echo(f"evalh: {visible(str(error))}", err=True)
    sys.exit(exit_code(error))


def main() -> None:
    """Entry point of the `evalh` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console, or a pipe under another locale
            stream.reconfigure(encoding="utf-8", errors="replace")
    # Records live until the end and hardly any of them is part of a cycle: with Python's own thresholds a run of thousands of
    # them is traversed again and again, each time for tens of milliseconds in which nothing is sent.
    gc.set_threshold(100_000, 20, 100)
    verbose = any(a == "-vv" for a in sys.argv[1:])
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("evalh: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except (ReaderGone, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except Exception as error:
        from evalh.errors import EvalhError

        if verbose or not isinstance(error, EvalhError):
            raise
        fail(error)
