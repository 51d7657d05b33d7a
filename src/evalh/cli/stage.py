"""What `run`, `answer` and `judge` share: flags -> config -> one call -> what is printed and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options
from evalh.cli.main import INTERRUPTED, UNSCORED, exit_code
from evalh.cli.progress import Progress

if TYPE_CHECKING:
    from evalh.pipeline.conduct import Outcome


def carry_out(flags: dict[str, Any], *, asks: bool, reports: bool) -> None:
    """Run a stage from its flags, print what came of it, and leave with the exit code that CLI users rely on."""
    from evalh import api
    from evalh.core import config as configs

    user = configs.load(flags["config_file"])
    models = flags["models"] or (api.DEFAULT_MODELS if asks else ())
    judges = () if flags.get("no_judge") else flags["judges"] or api.DEFAULT_JUDGES
    config, user = api.configure(models if asks else (), judges, user, flags.get("judge_model"), **options.settings(**flags))
    if not asks and models:
        from dataclasses import replace

        config = replace(config, models=tuple(configs.ModelSpec(m, "file", "") for m in models))
    watcher = Progress(
        quiet=flags["quiet"],
        verbose=flags["verbose"],
        form=flags["log_format"],
        ask=not (flags["yes"] or flags["budget"]),
        next_up=("evalh.assemble", "evalh.reports.render") if reports else (),
    )
    outcome = api.carry_out(config, user, watcher, flags["ledger"], asks=asks)
    folder = outcome.folder.path
    if outcome.set_aside:
        watcher.say(f"the old records are in {outcome.set_aside}")
    if reports and outcome.counts.get("judgments"):
        show(folder, flags.get("reference"), write_files=not flags.get("no_report"))
    elif not reports:
        click.echo(
            f"{outcome.counts['answers']} answers ({outcome.counts['answers_failed']} failed) in {folder / 'answers.jsonl'}"
        )
    leave(outcome, folder, flags["max_failures"], watcher.must_say)


def show(folder: Path, reference: str | None, *, write_files: bool) -> None:
    """Print the leaderboard; write the report files and name the page."""
    from evalh.assemble import report_of
    from evalh.core.store import RunFolder
    from evalh.reports.render import plain, terminal

    report = report_of(RunFolder(folder), reference, sheets=write_files)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(terminal(report))
    else:
        click.echo(plain(report))
    if not report.leaderboards:
        click.echo(f"evalh: {folder} holds no judgments; evalh judge {folder} adds them", err=True)
    if write_files:
        from evalh.reports.write import write

        write(report, folder / "report")
        click.echo(f"report: {folder / 'report' / 'index.html'}")


def leave(outcome: Outcome, folder: Path, most: tuple[float | None, int | None], say: Callable[[str], None]) -> None:
    """Exit as promised; silent where all is done."""
    pending = ""
    if outcome.batches:
        names, verb = ", ".join(outcome.batches), "goes" if len(outcome.batches) == 1 else "go"
        pending = f" {names} {verb} on at the server: the same command with --batch takes it up, and nothing is sent twice."
    if outcome.interrupted:
        say(f"interrupted; everything received is kept in {folder}. Run the same command again to go on.{pending}")
        sys.exit(INTERRUPTED)
    if outcome.error is not None:
        say(f"{outcome.error}\nEverything received is kept; run the same command again to go on.{pending}")
        sys.exit(exit_code(outcome.error))
    lost, total = outcome.lost
    share, count = most
    if lost > (share * total if share is not None else count or 0):
        words = ", ".join(f"{n} {status}" for status, n in outcome.counts["by_status"].items() if status != "scored")
        failed = outcome.counts["answers_failed"]
        say(
            f"{lost} of {total} units failed or stayed unscored, more than --max-failures allows"
            f" ({'; '.join(x for x in (f'{failed} answers failed' if failed else '', words) if x)})."
            " Their records say why; run the same command again to try failed ones again."
        )
        sys.exit(UNSCORED)
