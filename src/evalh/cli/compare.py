"""`evalh compare`: is one model better than another? For people, and as a gate in CI."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalh.cli import options
from evalh.cli.main import FAILED


@click.command("compare")
@click.argument("runs", metavar="RUN [RUN]", nargs=-1, required=True)
@options.apply(
    click.option(
        "--models",
        callback=options.listed,
        multiple=True,
        metavar="A,B",
        help="The old one and the new one. With two runs: the model of each, or one name that both have.",
    ),
    click.option("--judge", metavar="J", help="Whose judgments. May be left out where there is one judge or one jury."),
    click.option(
        "--figure",
        type=click.Choice(["win-rate", "against", "mean-score"]),
        help="What the sentence and the gate are about. Default: the most direct figure there is.",
    ),
    click.option("--gate", "gated", is_flag=True, help="Exit 1 where the new model is significantly worse (p < 0.05)."),
    click.option(
        "--fail-under", type=float, metavar="X", help="Exit 1 where the difference is below X (a fraction, or points)."
    ),
    click.option("--accept-judge-change", is_flag=True, help="Compare although the two runs' judges are not the same."),
    click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the outcome as JUnit XML too."),
    click.option(
        "--format",
        "shape",
        type=click.Choice(["text", "json", "github"]),
        default="text",
        show_default=True,
        help="Form of the output.",
    ),
)
def command(
    runs: tuple[str, ...],
    models: tuple[str, ...],
    judge: str | None,
    figure: str | None,
    gated: bool,
    fail_under: float | None,
    accept_judge_change: bool,
    junit: Path | None,
    shape: str,
) -> None:
    """Whether one model is better than another.

    Prints the difference with its interval, its p-value and a plain sentence. The first model (or run) is the old one, the
    second the new one; the difference is the new one's figure minus the old one's, on the questions scored for both.

    \b
    Examples:
      evalh compare results/core-80--gpt-4 --models base,tuned
      evalh compare results/main results/candidate --models tuned --gate --junit compare.xml
    """
    from evalh.api import Run
    from evalh.comparing import compared
    from evalh.reports import comparison

    if len(runs) > 2:
        raise click.UsageError("compare takes one run with two --models, or two runs")
    opened = [Run(options.run_folder(run)) for run in runs]
    found = compared(opened, models, judge, figure and figure.replace("-", "_"), accept_judge_change)
    verdict = comparison.gate(found, gated, fail_under)
    if shape == "json":
        click.echo(options.as_json(comparison.to_json(found, verdict)))
    else:
        click.echo((comparison.text if shape == "text" else comparison.markdown)(found, verdict))
    if junit is not None:
        from evalh.core.store import write_atomic

        write_atomic(junit, comparison.junit(found, verdict).encode("utf-8"))
    if not verdict.passed:
        sys.exit(FAILED)
