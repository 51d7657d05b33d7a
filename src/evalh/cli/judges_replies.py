"""`evalh judges render` and `parse`: the request that a judge would be sent, and how it reads stored replies."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalh.cli import options
from evalh.cli.judges_show import prompted


@click.command("render")
@click.argument("name", metavar="JUDGE")
@click.option("--run", metavar="RUN", required=True, help="The run whose answers are shown.")
@click.option("--question", metavar="ID", required=True, help="The question.")
@click.option(
    "--models",
    callback=options.listed,
    multiple=True,
    required=True,
    metavar="A[,B]",
    help="One model, two in the order shown, or more for a ranking.",
)
@click.option(
    "--turn", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="The turn to be judged, from 1."
)
@click.option("--mode", metavar="MODE", help="Where the judge has several that fit.")
def render(name: str, run: str, question: str, models: tuple[str, ...], turn: int, mode: str | None) -> None:
    """The exact messages that a judge would be sent, as JSON.

    \b
    Example:
      evalh judges render gpt-4 --run results/reference --question math-03 --models careful,hasty
    """
    from evalh.api import Run
    from evalh.core.records import JudgeTask
    from evalh.errors import ConfigError, UnknownName
    from evalh.judges.spec import SHOWN

    judge, loaded = prompted(name), Run(options.run_folder(run))
    asked = next((q for q in loaded.questions if q.question_id == question), None)
    if asked is None:
        raise UnknownName("question of this run", question, [q.question_id for q in loaded.questions])
    answers = {a.model: a for a in loaded.answers if a.question_id == question and a.sample == 0}
    for model in models:
        if model not in answers:
            raise UnknownName("model with an answer to this question", model, tuple(answers))
    ranked = len(models) > 1
    fitting = [
        m
        for m in judge.modes
        if mode in (None, m) and (ranked if m == "ranking" else len(SHOWN[m]) == len(models)) and judge.variants(asked, m, turn)
    ]
    if not fitting:
        raise ConfigError(
            f"judge {name} has no variant for {len(models)} answer(s) to {question}, turn {turn}"
            + (f", mode {mode}" if mode else "")
        )
    shown, seed = tuple(answers[m] for m in models), int(loaded.manifest.get("seed") or 0)
    for variant in judge.variants(asked, fitting[0], turn):  # several where aspects are asked for one by one
        for request in judge.requests(JudgeTask(asked, shown, fitting[0], turn, seed=seed, variant=variant)):
            told = {"messages": [dict(m) for m in request.messages], "params": dict(request.params)}
            click.echo(options.as_json(told, indent=2))


@click.command("parse")
@click.argument("name", metavar="JUDGE")
@click.argument("replies", metavar="REPLIES", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="Which variant's reader. Default: the first.")
@click.option("--reading", type=click.Choice(["strict", "published"]), help="Read as the protocol's authors did, or strictly.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Answers that a ranking orders, or items of a checklist: needed there.",
)
def parse(name: str, replies: Path, variant: str | None, reading: str | None, count: int | None) -> None:
    """Read stored replies of a judge; prints a JSON list.

    REPLIES is a JSON list of texts, or JSON Lines of texts or of objects with "text".

    \b
    Example:
      evalh judges parse gpt-4 replies.jsonl --variant pairwise
    """
    from dataclasses import replace

    from evalh.errors import ConfigError, UnknownName
    from evalh.judges.parse import parse as read

    variants = prompted(name).spec.variants
    chosen = variant or next(iter(variants))
    if chosen not in variants:
        raise UnknownName(f"variant of {name}", chosen, tuple(variants))
    v = variants[chosen]
    counts = v.scale.kind in ("ranking", "yes-no")
    if counts != (count is not None):
        what = "needs --count N, how many answers or items there are" if counts else "has no use for --count"
        raise ConfigError(f"variant {chosen} of {name} {what}")
    scale = replace(v.scale, count=count or 0)
    rows = []
    for text in _texts(replies):
        r = read(v.reader, text, scale, reading=reading or v.reading)
        rows.append(
            {
                "status": r.status,
                "verdict": r.verdict,
                "strength": r.strength,
                "preference": r.preference,
                "scores": {k: list(v) for k, v in r.scores.items()},
                "ranking": list(r.ranking),
                "flags": list(r.flags),
            }
        )
    click.echo(options.as_json(rows))


def _texts(path: Path) -> list[str]:
    """The texts of a file of replies.

    Raises:
        BadConfig: names file and line.
    """
    from evalh.errors import BadConfig

    try:
        raw = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read ({error})") from None
    try:
        whole = json.loads(raw)
        items = list(enumerate(whole if isinstance(whole, list) else [whole], 1))
    except json.JSONDecodeError:
        items = []
        for number, line in enumerate(raw.splitlines(), 1):
            try:
                items += [(number, json.loads(line))] if line.strip() else []
            except json.JSONDecodeError as error:
                raise BadConfig(f"{path}:{number}: not JSON ({error.msg})") from None
    texts = []
    for number, item in items:
        text = item if isinstance(item, str) else item.get("text", item.get("judgment")) if isinstance(item, dict) else None
        if not isinstance(text, str):
            raise BadConfig(f'{path}:{number}: neither a text nor an object with "text"')
        texts.append(text)
    return texts
