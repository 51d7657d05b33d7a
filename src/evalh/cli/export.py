"""`evalh export FORMAT RUN`: a run as the files of another tool, or as pairs for training."""

from __future__ import annotations

from pathlib import Path

import click

from evalh.cli import options


@click.command("export")
@click.argument("form", metavar="FORMAT")
@click.argument("run", metavar="RUN")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PATH", help="The folder or file to write.")
@click.option("--judge", metavar="NAME", help="Whose judgments. May be left out where there is one judge or one jury.")
@click.option("--baseline", metavar="MODEL", help="alpaca-eval, arena-hard: the model that the others are compared with.")
@click.option("--min-agreement", type=click.FloatRange(0, 1), default=0.0, help="dpo: share of judgments that name the chosen.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.0, help="dpo: mean outcome of the chosen, 0.5 to 1.")
@click.option("--min-margin", type=click.FloatRange(0), default=0.0, help="dpo: margin, 0 to 1; of scores, in points.")
@options.LICENCE
def command(
    form: str,
    run: str,
    out: Path,
    judge: str | None,
    baseline: str | None,
    min_agreement: float,
    min_confidence: float,
    min_margin: float,
    licence: str,
) -> None:
    """Write a run as the files of another tool, or as pairs for training.

    \b
      fastchat     a folder: question.jsonl, model_answer/, reference_answer/, model_judgment/
      alpaca-eval  a folder: model_outputs.json and annotations.json for each model
      arena-hard   a folder: question.jsonl, model_answer/, model_judgment/
      battles      a file, .csv or .jsonl: model_a, model_b and winner in every row
      vicuna-2023  a folder: question.jsonl, answer/, review/
      llmbar       a folder: datasets/, results/; for runs over LLMBar's pairs
      dpo          a file, .jsonl: prompt, chosen, rejected and margin in every row
      huggingface  a folder: Parquet files and a card, as the datasets library loads them (evalh[parquet])

    Without --judge the judgments of all judges are written, but for battles, which hold one judge's.
    What the format has no place for is counted on standard error.

    \b
    Examples:
      evalh export fastchat results/x --out mt_bench
      evalh export dpo results/x --out pairs.jsonl --min-agreement 1
    """
    from evalh.core.store import RunFolder
    from evalh.errors import UnknownName
    from evalh.exporters.formats import NAMES, take_out
    from evalh.exporters.taking import Choice

    if form not in NAMES:
        raise UnknownName("format", form, NAMES)
    choice = Choice(judge, baseline, min_agreement, min_confidence, min_margin, licence)
    done = take_out(form, RunFolder(options.run_folder(run)), out, choice)
    for what, count in done.left_out.items():
        click.echo(f"left out: {count} {what}", err=True)
    click.echo(f"{done.rows} rows in {out}")
