"""Options that several commands share, and their way into a run config. Commands only translate flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def listed(_ctx: click.Context, _param: click.Parameter, value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """A comma-separated list, or several of them."""
    parts = (value,) if isinstance(value, str) else value or ()
    return tuple(item.strip() for part in parts for item in part.split(",") if item.strip())


def share(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[float | None, int | None]:
    """`5%`, `0.05` or a count -> (share, None) or (None, count)."""
    text = value.strip()
    if re.fullmatch(r"\d+", text):
        return None, int(text)
    match = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text)
    number = float(match[1]) / (100 if match[2] else 1) if match else 2.0
    if number > 1:
        raise click.BadParameter(f"{value!r} is neither a share (5%, 0.05) nor a count (4)")
    return number, None


def apply(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, shown in the order given."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


MODELS = click.option(
    "--models",
    callback=listed,
    multiple=True,
    metavar="A,B",
    help="Models: names (evalh.toml, then the catalogue), provider:model, file:answers.jsonl, or LABEL=any of these. "
    "Default: the embedded answer sets careful,hasty.",
)
JUDGE = click.option(
    "--judge",
    "judges",
    callback=listed,
    multiple=True,
    metavar="J",
    help="Judges or juries of evalh.toml, one or several. Default: baseline, which asks no model.",
)
JUDGE_MODEL = click.option(
    "--judge-model", metavar="SPEC", help="The model behind the judge, e.g. openai:gpt-4o; its protocol stays."
)
ANSWERED = click.option(
    "--models",
    callback=listed,
    multiple=True,
    metavar="A,B",
    help="Only the answers of these models of the run. Default: all of them.",
)
QUESTIONS = click.option(
    "--questions", default="core-80", show_default=True, metavar="SET", help="A question set's name or path."
)
WHICH = apply(
    click.option("--categories", callback=listed, multiple=True, metavar="C,D", help="Only these categories."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions."),
)
HOW = apply(
    click.option("--mode", default="both", show_default=True, metavar="MODE", help="absolute, pairwise or both."),
    click.option("--pairs", default="all", show_default=True, metavar="RULE", help="all, or baseline:MODEL."),
    click.option("--no-swap", is_flag=True, help="Ask each comparison in one order only."),
)
SEPARATED = apply(
    click.option(
        "--until-separated",
        is_flag=True,
        help="Ask comparisons alone, in the order that separates the leaderboard soonest, and stop when every two neighbours "
        "are separated, equal, out of reach, or asked about everything.",
    ),
    click.option(
        "--indifference",
        type=click.FloatRange(0, 1),
        default=0.05,
        show_default=True,
        metavar="GAP",
        help="For --until-separated: share won minus share lost within which two models are equal.",
    ),
)
SAMPLES = click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Repeats of everything; what becomes of a judge's is its `repeats` in evalh.toml.",
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Run folder. Default: results/<questions>--<judge>.",
)
OUT_OF_ANSWERS = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Run folder. Default: results/<questions>.",
)
LEDGER = click.option(
    "--ledger",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ledger of paid responses. Default: in the user's data folder.",
)
SEED = click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of everything that is drawn.")
YES = click.option(
    "--yes",
    is_flag=True,
    help="Never ask. (A person at a terminal is asked before a run that could cost more than $1, a download, or pruning.)",
)
RUNNING = apply(
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=16,
        show_default=True,
        metavar="N",
        help="Requests in flight at the most.",
    ),
    SEED,
    click.option(
        "--budget",
        type=click.FloatRange(min=0),
        metavar="USD",
        help="Stop before the run could cost more than this, all sessions together.",
    ),
    click.option("--batch", is_flag=True, help="Send requests through the OpenAI Batch API: half the price, up to 24 hours."),
    click.option("--accept-model-change", is_flag=True, help="Go on when a server answers as another model than before."),
    click.option("--offline", is_flag=True, help="Answer from the ledger alone; say what is missing."),
    click.option("--fresh", is_flag=True, help="Set the old records of the run aside and begin again."),
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Default: evalh.toml, searched upwards.",
    ),
    LEDGER,
    click.option(
        "--max-failures",
        default="5%",
        show_default=True,
        callback=share,
        metavar="X",
        help="Failed or unscored units that are still exit 0: 5%, 0.05, or a count.",
    ),
    YES,
    click.option("--quiet", is_flag=True, help="No progress."),
    click.option("-v", "verbose", count=True, help="Say every retry and its reason; -vv also shows tracebacks."),
    click.option(
        "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of progress lines."
    ),
)


_FIELDS = (
    *("questions", "categories", "limit", "mode", "pairs", "samples", "out", "seed"),
    *("concurrency", "offline", "fresh", "budget", "accept_model_change", "batch", "until_separated", "indifference"),
)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON for standard output, with every character that a terminal might obey written as its escape."""
    import json

    from evalh.reports.text import UNSEEN

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return UNSEEN.sub(lambda m: json.dumps(m[0])[1:-1], text)


def settings(**flags: Any) -> dict[str, Any]:
    """Flags as fields of `RunConfig`; those that are not its own are left out."""
    chosen = {name: flags[name] for name in _FIELDS if name in flags}
    if "no_swap" in flags:
        chosen["swap"] = not flags["no_swap"]
    return chosen


def known_encoding(name: str) -> str:
    """The usual name of an encoding. Raises BadConfig where there is no such encoding."""
    import codecs

    from evalh.errors import BadConfig

    try:
        return codecs.lookup(name).name
    except LookupError:
        raise BadConfig(f"--encoding {name}: there is no such encoding") from None


def run_folder(text: str) -> Path:
    """A run as named on the command line: a folder, or the name of one under results/.

    Raises:
        UnknownName: there is no such run; the nearest ones are suggested.
    """
    from evalh.errors import UnknownName

    for path in (Path(text), Path("results") / text):
        if (path / "run.json").is_file():
            return path
    known = sorted(p.parent.name for p in Path("results").glob("*/run.json"))
    raise UnknownName("run", text, known, "Give a run folder, or the name of one under results/.")


RUN_ARGUMENT = click.argument("run", metavar="RUN")
FORMAT = click.option(
    "--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the output."
)
ENCODING = click.option(
    "--encoding", metavar="NAME", default="utf-8", help="Of the text, where it is not UTF-8: latin-1, cp1252, …"
)
LICENCE = click.option("--licence", default="", metavar="ID", help="Noted with what is written, such as cc-by-4.0.")
REFERENCE = click.option("--reference", metavar="MODEL", help="The model that relative scores relate to. Default: the best.")
