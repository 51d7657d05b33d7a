"""`evalh agree RUN`: how far a judge agrees with people, or with another judge."""

from __future__ import annotations

import click

from evalh.cli import options


@click.command("agree")
@options.RUN_ARGUMENT
@options.apply(
    click.option(
        "--with",
        "votes",
        metavar="VOTES",
        help="Votes (CSV, JSON, JSONL, Parquet; FastChat's human judgments too), or a run. Default: the votes in RUN.",
    ),
    click.option("--raters", metavar="PATTERN", help="Only votes of raters of such names: 'expert*', or several with commas."),
    click.option("--judge", metavar="J", help="Whose judgments. May be left out where there is one judge or one jury."),
    click.option("--with-judge", metavar="J", help="Which judge of VOTES, where that is a run with several."),
    options.ENCODING,
    options.FORMAT,
)
def command(
    run: str, votes: str | None, raters: str | None, judge: str | None, with_judge: str | None, encoding: str, shape: str
) -> None:
    """How far a judge agrees with people, or with another judge.

    A file of votes has the columns question_id, model_a, model_b and winner (model_a, model_b or a tie), and may have rater (or
    judge), turn and inclusion_probability. Prints agreement with ties kept and dropped, what chance alone would give, Cohen's
    kappa, Krippendorff's alpha, the Brier score, whether both order the models alike, and win rates and ratings as people
    would have them, corrected by the votes; each with its interval.

    \b
    Examples:
      evalh agree results/core-80--gpt-4 --with votes.csv
      evalh agree results/mt-bench --with human.jsonl --raters 'expert*' --judge gpt-4
      evalh agree results/core-80 --judge gpt-4 --with results/core-80 --with-judge baseline
    """
    from evalh.agreeing import agreed
    from evalh.core.store import RunFolder
    from evalh.reports import agreement

    found = agreed(RunFolder(options.run_folder(run)), votes, judge, raters, with_judge, options.known_encoding(encoding))
    click.echo(options.as_json(agreement.to_json(found)) if shape == "json" else agreement.text(found))
