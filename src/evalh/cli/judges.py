"""`evalh judges`: what judges there are, what they ask, and how they read a reply."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options
from evalh.cli.main import USAGE

if TYPE_CHECKING:
    from evalh.judges.prompted import PromptedJudge


@click.group("judges")
def group() -> None:
    """Judges: list, show, validate, render, parse.

    \b
    Examples:
      evalh judges list
      evalh judges show gpt-4
    """


def _prompted(name: str) -> PromptedJudge:
    """A judge that asks, by name or path.

    Raises:
        UnknownName: there is no such judge folder.
    """
    from evalh.core import resources
    from evalh.core.registry import registered
    from evalh.errors import ConfigError, UnknownName
    from evalh.judges.prompted import PromptedJudge

    found = resources.find("judges", name)
    if found is None:
        if name in registered("evalh.judges"):
            raise ConfigError(
                f"judge {name} computes its scores: it asks nothing, so there is no request to show and no reply to read"
            )
        raise UnknownName("judge", name, [f.name for f in resources.found("judges")], "A path to a judge folder works too.")
    return PromptedJudge.from_folder(found.path)


@group.command("list")
@options.FORMAT
def list_(shape: str) -> None:
    """The judges there are, and where each comes from.

    \b
    Example:
      evalh judges list
    """
    from evalh.core import resources
    from evalh.core.registry import load, registered
    from evalh.judges.spec import load_spec

    rows: list[dict[str, Any]] = []
    for found in resources.found("judges"):
        spec = load_spec(found.path)
        modes = list(dict.fromkeys(v.mode for v in spec.variants.values()))
        rows.append({"name": found.name, "title": spec.title, "model": spec.model, "modes": modes, "origin": found.origin})
    for name in registered("evalh.judges"):
        judge = load("evalh.judges", name, "judge")()
        rows.append(
            {
                "name": name,
                "title": judge.note,
                "model": None,
                "modes": list(judge.modes),
                "origin": "plugin or built in, computes",
            }
        )
    if shape == "json":
        click.echo(options.as_json({"schema": 1, "judges": rows}))
        return
    for r in sorted(rows, key=lambda r: r["name"]):
        click.echo(
            f"{r['name']}: {', '.join(r['modes'])}; {'asks ' + r['model'] if r['model'] else 'asks nobody'}"
            f" ({r['origin']})\n    {r['title']}"
        )


@group.command("show")
@click.argument("name", metavar="JUDGE")
def show(name: str) -> None:
    """A judge: its source, model, variants and readers.

    \b
    Example:
      evalh judges show gpt-4
    """
    from evalh.core import resources
    from evalh.core.registry import load, registered
    from evalh.judges.spec import load_spec

    found = resources.find("judges", name)
    if found is None and name in registered("evalh.judges"):
        judge = load("evalh.judges", name, "judge")()
        click.echo(f"{name}: {', '.join(judge.modes)}; computes its scores and asks nobody\n{judge.note}")
        return
    spec = _prompted(name).spec if found is None else load_spec(found.path)
    click.echo(
        f"{spec.name}: {spec.title}\n{spec.description}\nsource: {spec.citation}\n"
        f"model: {spec.model}, at most {spec.attempts} attempts"
    )
    for v in spec.variants.values():
        what = (
            f"{v.mode}, turn {v.turns}"
            + (", with reference" if v.reference else "")
            + (f", for {', '.join(v.categories)}" if v.categories else "")
        )
        click.echo(f"\n{click.style(v.name, bold=True)}: {what}; read by {v.reader}")


@group.command("validate")
@click.argument("paths", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Whether folders are judges; every fault with its file.

    \b
    Example:
      evalh judges validate judges/mine
    """
    from evalh.errors import BadJudge
    from evalh.judges.spec import load_spec

    wrong = False
    for path in paths:
        try:
            spec = load_spec(path)
        except BadJudge as error:
            click.echo(str(error), err=True)
            wrong = True
        else:
            click.echo(f"{path}: {len(spec.variants)} variants, no fault")
    if wrong:
        sys.exit(USAGE)


@group.command("render")
@click.argument("name", metavar="JUDGE")
@click.option("--run", metavar="RUN", required=True, help="The run whose answers are shown.")
@click.option("--question", metavar="ID", required=True, help="The question.")
@click.option(
    "--models",
    callback=options.listed,
    multiple=True,
    required=True,
    metavar="A[,B]",
    help="One model, or two in the order shown.",
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

    judge, loaded = _prompted(name), Run(options.run_folder(run))
    asked = next((q for q in loaded.questions if q.question_id == question), None)
    if asked is None:
        raise UnknownName("question of this run", question, [q.question_id for q in loaded.questions])
    answers = {a.model: a for a in loaded.answers if a.question_id == question and a.sample == 0}
    for model in models:
        if model not in answers:
            raise UnknownName("model with an answer to this question", model, tuple(answers))
    fitting = [m for m in judge.modes if mode in (None, m) and len(SHOWN[m]) == len(models) and judge.variants(asked, m, turn)]
    if not fitting:
        raise ConfigError(
            f"judge {name} has no variant for {len(models)} answer(s) to {question}, turn {turn}"
            + (f", mode {mode}" if mode else "")
        )
    task = JudgeTask(asked, tuple(answers[m] for m in models), fitting[0], turn, seed=int(loaded.manifest.get("seed") or 0))
    for request in judge.requests(task):
        click.echo(options.as_json({"messages": [dict(m) for m in request.messages], "params": dict(request.params)}, indent=2))


@group.command("parse")
@click.argument("name", metavar="JUDGE")
@click.argument("replies", metavar="REPLIES", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="Which variant's reader. Default: the first.")
@click.option("--reading", type=click.Choice(["strict", "published"]), help="Read as the protocol's authors did, or strictly.")
def parse(name: str, replies: Path, variant: str | None, reading: str | None) -> None:
    """Read stored replies of a judge; prints a JSON list.

    REPLIES is a JSON list of texts, or JSON Lines of texts or of objects with "text".

    \b
    Example:
      evalh judges parse gpt-4 replies.jsonl --variant pairwise
    """
    from evalh.errors import UnknownName
    from evalh.judges.parse import parse as read

    variants = _prompted(name).spec.variants
    chosen = variant or next(iter(variants))
    if chosen not in variants:
        raise UnknownName(f"variant of {name}", chosen, tuple(variants))
    rows = []
    for text in _texts(replies):
        v = variants[chosen]
        r = read(v.reader, text, v.scale, reading=reading or v.reading)
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
