"""`evalh import [FORMAT] PATH`: another tool's files as a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalh.cli import options

if TYPE_CHECKING:
    from evalh.importers.formats import Done

VOTES = "votes"
QUESTIONS = "questions"


@click.command("import")
@click.argument("what", nargs=-1, metavar="[FORMAT] PATH", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="The run folder to write.")
@click.option(
    "--with",
    "extra",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="One more file or folder, such as the questions that verdicts are about. May be repeated.",
)
@click.option("--judge-name", metavar="NAME", help="The judge's label, where the files name none or another is wanted.")
@options.ENCODING
@click.option(
    "--reviews", metavar="SET", help="vicuna-2023: a folder under review/. Default: the one behind the published figures."
)
def command(
    what: tuple[Path, ...],
    out: Path,
    extra: tuple[Path, ...],
    judge_name: str | None,
    encoding: str,
    reviews: str | None,
) -> None:
    """Turn another tool's files into a run folder.

    PATH is a file, a folder or a zip archive; files may be packed with gzip. Where FORMAT is left out, the files tell it:

    \b
      vicuna-2023     the folder layout of the evaluation of March 2023
      fastchat        question.jsonl, model_answer/, reference_answer/, model_judgment/
      alpaca-eval     model_outputs.json and annotations.json of every version
      arena-hard      question.jsonl, model_answer/, model_judgment/
      battles         model_a, model_b and winner in every row: CSV, JSON, JSON lines, Parquet
      mt-bench-human  the same, with expert_… and author_… as voters
      llmbar          pairs with one better output, and evaluators' verdicts
      pandalm         PandaLM's test set with its annotators, and judges' results on it
      judgelm         JudgeLM's pairs, answers and GPT-4's scores
      prometheus      Feedback and Preference Collection, and Prometheus's test sets
      reward-bench    prompt, chosen, rejected
      auto-j          Auto-J's pairs with their label
      inspect         .eval logs, one or a folder of them
      wildvision      judgments of WildVision-Bench
      votes           question_id, model_a, model_b, winner, rater, turn: into RUN, which is there already
      questions       a question set instead of a run; evalh questions import has more options

    \b
    Examples:
      evalh import fastchat data/mt_bench --out results/mt-bench
      evalh import battles.csv --out results/arena
      evalh import gpt-4_single.jsonl --with question.jsonl --out results/mt-bench
      evalh import votes votes.csv --out results/core-80--gpt-4
    """
    from evalh.importers.formats import FORMATS, bring_in
    from evalh.importers.options import Options

    form = str(what[0]) if len(what) == 2 else None
    if len(what) not in (1, 2) or (len(what) == 1 and str(what[0]) in (*FORMATS, VOTES, QUESTIONS) and not what[0].exists()):
        raise click.UsageError("say what is to be imported: evalh import [FORMAT] PATH --out RUN")
    encoding = options.known_encoding(encoding)
    if form == VOTES:
        _votes(what[-1], out, encoding)
        return
    if form == QUESTIONS:
        from evalh.cli.questions import make

        make(str(what[-1]), out, encoding=encoding)
        return
    _tell(bring_in(what[-1], out, form, extra, Options(encoding, judge_name, reviews)), out, form)


def _tell(done: Done, out: Path, form: str | None) -> None:
    """What came of an import; its form where that was found out."""
    from evalh.reports.text import visible

    for note, count in done.notes.items():
        click.echo(f"{count} {note}", err=True)
    if done.ignored:
        shown = ", ".join(done.ignored[:10])
        more = len(done.ignored) - 10
        click.echo(f"not of this format, passed over: {visible(shown)}{f' and {more} more' if more > 0 else ''}", err=True)
    counts = done.folder.manifest()["counts"]
    detected = f", {done.form}" if form is None else ""
    click.echo(
        f"{counts['answers']} answers and {counts['judgments']} judgments ({counts['judgments_unscored']} unscored) "
        f"in {out}{detected}"
    )


def _votes(path: Path, out: Path, encoding: str) -> None:
    """Votes into a run that is there."""
    from evalh.core.store import RunFolder
    from evalh.importers.votes import add_votes
    from evalh.reports.text import visible

    added = add_votes(path, RunFolder(out), encoding)
    for reason, count in added.left_out.items():
        click.echo(f"left out: {count} rows with {visible(reason)}", err=True)
    click.echo(f"{added.votes} votes in {out}")
