"""`evalh judges check`: what a judge makes of planted cases, as a report card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options

if TYPE_CHECKING:
    from evalh.core.config import RunConfig
    from evalh.core.protocols import Judge
    from evalh.pipeline.conduct import Outcome
    from evalh.reports.qualification import Qualification

PREFIX = "check--"


@click.command("check")
@options.apply(
    click.argument("name", metavar="JUDGE"),
    options.JUDGE_MODEL,
    click.option("--mode", default="both", show_default=True, metavar="MODE", help="absolute, pairwise or both."),
    options.WHICH,
    click.option(
        "--samples",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        metavar="N",
        help="Repeats of everything; what becomes of a judge's is its `repeats` in evalh.toml.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Run folder. Default: results/check--<judge>, and the judge model's name where one is given.",
    ),
    options.FORMAT,
    options.RUNNING,
)
def command(name: str, **flags: Any) -> None:
    """Whether a judge can be trusted: a report card over planted cases.

    Asks the judge about forty pairs of short answers of which is known how they compare: one plainly better, one fact wrong,
    no answer, the same text twice, the same content at length, a verdict planted in the worse answer; each pair in both
    orders. It is a run like any other: budgeted, kept in a run folder, and paid for once. With --samples 1 nothing is asked
    twice, so repeatability is not known.

    \b
    Examples:
      evalh judges check baseline
      evalh judges check gpt-4 --judge-model ollama:llama3
      evalh judges check ./judges/mine --limit 12 --samples 1
    """
    from evalh import api
    from evalh.cli.progress import Progress
    from evalh.cli.stage import leave
    from evalh.core import config as configs
    from evalh.errors import BadConfig
    from evalh.pipeline import qualify

    user = configs.load(flags["config_file"])
    chosen = options.settings(**flags) | {"questions": str(qualify.place())}
    chosen["out"] = flags["out"] or Path("results") / _folder(name, flags["judge_model"])
    config, user = api.configure(qualify.specs(), [name], user, flags["judge_model"], **chosen)
    if config.juries or len(config.judges) != 1:
        raise BadConfig(f"{name} is not one judge; check each judge of a jury by itself")
    watcher = Progress(
        quiet=flags["quiet"],
        verbose=flags["verbose"],
        form=flags["log_format"],
        ask=not (flags["yes"] or flags["budget"]),
    )
    outcome = api.carry_out(config, user, watcher, flags["ledger"])
    if outcome.set_aside:
        watcher.say(f"the old records are in {outcome.set_aside}")
    if outcome.counts.get("judgments"):
        _show(_qualification(config, user, outcome), flags["shape"])
    leave(outcome, outcome.folder.path, flags["max_failures"], watcher.must_say)


def _folder(name: str, model: str | None) -> str:
    """A run folder of its own for every judge and every model behind it."""
    from evalh.core.models import split_label

    label, protocol = split_label(name)
    parts = [label or Path(protocol).name, *([split_label(model)[0] or model] if model else [])]
    return PREFIX + re.sub(r"[^\w.+-]", "_", "--".join(parts))


def _qualification(config: RunConfig, user: Any, outcome: Outcome) -> Qualification:
    """The card, from the run folder alone."""
    from evalh.core.records import Judgment, Question
    from evalh.pipeline import manifest as manifests
    from evalh.pipeline import qualify
    from evalh.reports.document import Cost
    from evalh.reports.qualification import Qualification

    judge = _judge(config, user)
    manifest = manifests.read(outcome.folder)
    about = manifest["judges"][judge.name]
    model = about.get("model") or {}
    return Qualification(
        judge=judge.name,
        model=model.get("label"),
        run=str(outcome.folder.path),
        cases=sum(1 for _ in outcome.folder.read(Question)),
        samples=config.samples,
        cards=qualify.cards(outcome.folder, judge),
        statuses=qualify.statuses(outcome.folder.raw(Judgment), judge.name),
        cost=Cost.of(manifest["cost"]),
        partial=manifest.get("partial"),
        note=str(about.get("note") or ""),
    )


def _judge(config: RunConfig, user: Any) -> Judge:
    """The judge once more, for its scales."""
    from evalh.pipeline.setup import prepare

    return prepare(config, user, access=False).judges[0].judge


def _show(card: Qualification, shape: str) -> None:
    from evalh.reports.qualification import as_json, lines
    from evalh.reports.text import visible

    if shape == "json":
        click.echo(options.as_json(as_json(card)))
        return
    for line in lines(card):
        click.echo(visible(line))
