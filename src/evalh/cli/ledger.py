"""`evalh ledger`: what has been paid for, on this machine, by all runs."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options
from evalh.cli.main import FAILED

if TYPE_CHECKING:
    from evalh.core.ledger_files import WholeLedger


@click.group("ledger")
def group() -> None:
    """The ledger of paid responses: look, check, clean, carry.

    \b
    Examples:
      evalh ledger info
      evalh ledger export paid.jsonl.gz
    """


def _open(path: Path | None, *, made: bool = False) -> closing[WholeLedger]:
    """The ledger, for a while.

    Args:
        made: whether one is made where there is none.

    Raises:
        BadConfig: there is none.
    """
    from evalh.core import resources
    from evalh.core.ledger_files import WholeLedger
    from evalh.errors import BadConfig

    where = path or resources.user_data() / "ledger.sqlite3"
    if not made and not where.is_file():
        raise BadConfig(f"{where}: there is no ledger; the first run that asks a model begins one, and --ledger names another")
    return closing(WholeLedger(where))


@group.command("info")
@options.apply(options.LEDGER, options.FORMAT)
def info(ledger: Path | None, shape: str) -> None:
    """What is in the ledger, by model and endpoint.

    \b
    Examples:
      evalh ledger info
      evalh ledger info --ledger team.sqlite3 --format json
    """
    from evalh.reports.numbers import count
    from evalh.reports.text import line

    with _open(ledger) as opened:
        found = opened.survey()
    if shape == "json":
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{found['path']}: {_size(found['bytes'])}, {count(found['responses'])} responses, {_paid(found)}")
    for m in found["models"]:
        click.echo(
            f"{line(m['label'])} at {line(m['endpoint'])}: {count(m['responses'])} responses, {_paid(m)},"
            f" {m['oldest']} to {m['newest']}"
        )
    if found["failed"]:
        said = ", ".join(f"{count(f['count'])} {f['kind']} ({line(f['label'])})" for f in found["failed"])
        click.echo(f"failures in the journal: {said}")


def _paid(found: dict[str, Any]) -> str:
    """Tokens and dollars in words."""
    from evalh.reports.numbers import count

    unpriced = f"{count(found['unpriced'])} without a price" if found["unpriced"] else ""
    dollars = "" if found["usd"] is None else f"${found['usd']:.4f}"
    money = f", {' and '.join(x for x in (dollars, unpriced) if x)}" if dollars or unpriced else ""
    return f"{count(found['input_tokens'])} tokens in, {count(found['output_tokens'])} out{money}"


def _size(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


@group.command("verify")
@options.LEDGER
def verify(ledger: Path | None) -> None:
    """Whether the ledger is sound; names every response that is not.

    \b
    Example:
      evalh ledger verify
    """
    from evalh.reports.numbers import count

    with _open(ledger) as opened:
        looked, faults = opened.verify()
        for fault in faults:
            click.echo(f"{opened.path}: {fault}", err=True)
        click.echo(f"{opened.path}: {count(looked)} responses, {count(len(faults)) if faults else 'no'} faults")
    if faults:
        sys.exit(FAILED)


@group.command("prune")
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="What came more than so many days ago.")
@click.option("--label", metavar="NAME", help="What came from the model of this label.")
@click.option("--failures", is_flag=True, help="Only the journal of failures, no response.")
@options.apply(options.LEDGER, options.YES)
def prune(older_than: float | None, label: str | None, failures: bool, ledger: Path | None, yes: bool) -> None:
    """Take responses out of the ledger for good.

    Takes what fits all that is given, and says first what that is. Finished runs do not need their
    responses. A run that is continued pays again for what is gone and missing in its folder, and its
    --budget no longer counts what that cost before.

    \b
    Examples:
      evalh ledger prune --older-than 180
      evalh ledger prune --label my-local-model --yes
      evalh ledger prune --failures
    """
    from evalh.core.ledger_files import Criteria
    from evalh.errors import BadConfig
    from evalh.reports.numbers import count

    if older_than is None and label is None and not failures:
        raise BadConfig("say what is to go: --older-than DAYS, --label NAME or --failures")
    criteria = Criteria(older_than, label, failures)
    with _open(ledger) as opened:
        found = opened.would_prune(criteria)
        cost = f", which cost ${found.usd:.4f}" if found.usd else ""
        what = f"{count(found.responses)} responses{cost}, and {count(found.failures)} failures"
        click.echo(f"{opened.path}: to go: {what}; {_size(found.bytes)} of replies", err=True)
        if not found.responses and not found.failures:
            return
        if not yes and sys.stdin.isatty():
            click.confirm("Take them out for good?", abort=True, err=True)
        shrunk = opened.prune(criteria)
        click.echo(f"{opened.path}: gone: {what}")
        if not shrunk:
            click.echo("the file keeps its size for now: it is in use, or the disk has no room for a copy", err=True)


@group.command("export")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path, dir_okay=False))
@options.LEDGER
def export(path: Path, ledger: Path | None) -> None:
    """Write all responses to a file: JSON Lines, compressed if PATH ends in .gz.

    The file holds replies, what they cost and the addresses they came from; no prompts and no keys.

    \b
    Example:
      evalh ledger export paid.jsonl.gz
    """
    from evalh.reports.numbers import count

    with _open(ledger) as opened:
        click.echo(f"{count(opened.export(path))} responses in {path}")


@group.command("import")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path, dir_okay=False))
@options.LEDGER
def take(path: Path, ledger: Path | None) -> None:
    """Take in responses that another ledger exported.

    What is there already stays as it is. A line that is none is named and left out.

    \b
    Example:
      evalh ledger import paid.jsonl.gz
    """
    from evalh.reports.numbers import count

    with _open(ledger, made=True) as opened:
        taken = opened.take(path)
    for fault in taken.faults[:MOST_FAULTS]:
        click.echo(fault, err=True)
    if len(taken.faults) > MOST_FAULTS:
        click.echo(f"… and {len(taken.faults) - MOST_FAULTS} more", err=True)
    click.echo(f"{count(taken.new)} responses taken, {count(taken.known)} known already, {len(taken.faults)} lines left out")
    if taken.faults:
        sys.exit(FAILED)


MOST_FAULTS = 20
