"""`evalh questions`: what sets there are, what is in them, and whether a file is one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalh.cli import options
from evalh.cli.main import USAGE


@click.group("questions")
def group() -> None:
    """Question sets: list, show, validate.

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
