"""`evalh questions`: what sets there are, what is in them, and whether a file is one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from evalh.cli import options
from evalh.cli.main import USAGE


@click.group("questions")
def group() -> None:
    """Question sets: list, show, validate, import.

    \b
    Examples:
      evalh questions list
      evalh questions validate mine/questions.jsonl
    """


@group.command("list")
@options.FORMAT
def list_(shape: str) -> None:
    """The question sets there are, and where each comes from.

    \b
    Example:
      evalh questions list
    """
    from evalh.core import resources
    from evalh.core.questions import open_set

    sets = [open_set(str(found.path)) for found in resources.found("questions")]
    origins = {found.name: found.origin for found in resources.found("questions")}
    if shape == "json":
        rows = [
            {
                "name": s.name,
                "questions": len(s.questions),
                "categories": list(s.categories),
                "origin": origins[s.name],
                "sha256": s.sha256,
                **s.about,
            }
            for s in sets
        ]
        click.echo(options.as_json({"schema": 1, "questions": rows}))
        return
    for s in sets:
        click.echo(
            f"{s.name}: {len(s.questions)} questions in {len(s.categories)} categories ({origins[s.name]})"
            f" {s.about.get('title', '')}"
        )


@group.command("show")
@click.argument("name", metavar="SET")
@click.option("--question", metavar="ID", help="Only this question.")
def show(name: str, question: str | None) -> None:
    """The questions of a set.

    \b
    Example:
      evalh questions show core-80 --question math-03
    """
    from evalh.core.questions import open_set
    from evalh.errors import UnknownName
    from evalh.reports.text import line, visible

    opened = open_set(name)
    if question is not None and question not in [q.question_id for q in opened.questions]:
        raise UnknownName(f"question of {name}", question, [q.question_id for q in opened.questions])
    for q in opened.questions:
        if question in (None, q.question_id):
            click.echo(click.style(line(f"{q.question_id} · {q.category}"), bold=True))
            for turn in range(1, len(q.turns) + 1):
                click.echo(visible(q.turns[turn - 1]))
                if question is not None and q.reference_for(turn):
                    click.echo(f"\nreference:\n{visible(q.reference_for(turn) or '')}")
            click.echo()


@group.command("validate")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Whether files are question sets; every fault with its file and line.

    \b
    Example:
      evalh questions validate mine/questions.jsonl
    """
    from evalh.core.questions import check_questions

    wrong = False
    for path in paths:
        file = path / "questions.jsonl" if path.is_dir() else path
        questions, faults = check_questions(file)
        for fault in faults:
            click.echo(fault, err=True)
        wrong = wrong or bool(faults)
        if not faults:
            click.echo(f"{file}: {len(questions)} questions in {len({q.category for q in questions})} categories, no fault")
    if wrong:
        sys.exit(USAGE)


@group.command("import")
@click.argument("source", metavar="PATH")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The set's folder to write.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column holds question_id, turns, reference or category, where its name does not tell. May be repeated.",
)
@click.option("--split", metavar="NAME", help="Of a data set of Hugging Face's that has several.")
@options.LICENCE
@options.ENCODING
def import_(source: str, out: Path, columns: tuple[str, ...], split: str | None, licence: str, encoding: str) -> None:
    """Make a question set of a table or a data set.

    PATH is a file (CSV, JSON lines, JSON, Parquet), a folder of them, a folder that the datasets library saved, or hf:NAME for
    one from the hub. The set can then be used as --questions DIR.

    \b
    Examples:
      evalh questions import questions.csv --out questions/mine
      evalh questions import gsm8k.parquet --column turns=question --column reference=answer --out questions/gsm8k
      evalh questions import hf:openai/gsm8k --split test --out questions/gsm8k
    """
    from evalh.errors import BadConfig

    chosen: dict[str, str] = {}
    for given in columns:
        name, equals, column = given.partition("=")
        if not equals or not column or name in chosen:
            raise BadConfig(f"--column {given}: write it as FIELD=COLUMN, each field once")
        chosen[name] = column
    make(source, out, chosen, encoding=options.known_encoding(encoding), split=split, licence=licence)


def make(source: str, out: Path, columns: Mapping[str, str] | None = None, **more: Any) -> None:
    """Write a question set and say what it holds."""
    from evalh.importers.question_files import bring_in

    made = bring_in(source, out, columns, **more)
    told = ", ".join(f"{name} from {column}" for name, column in made.columns.items())
    for note, count in made.notes.items():
        click.echo(f"{count} {note}", err=True)
    click.echo(f"{made.questions} questions in {made.categories} categories in {out} ({told})")
