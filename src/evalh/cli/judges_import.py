"""`evalh judges import FORMAT PATH`: another tool's judge prompts as a judge folder."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("fastchat", "alpaca-eval", "arena-hard")


@click.command("import")
@click.argument("form", metavar="FORMAT")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The judge folder to write; its name is the judge's. Default: judges/ and the original's name.",
)
@click.option(
    "--reading",
    type=click.Choice(["strict", "published"]),
    default="strict",
    show_default=True,
    help="Read as the protocol's authors did, or strictly.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="arena-hard: the file with the system prompts. Default: utils/judge_utils.py of the same checkout.",
)
def command(form: str, path: Path, out: Path | None, reading: str, settings: Path | None) -> None:
    """Turn another tool's judge prompts into a judge folder.

    What the judge then asks is the original's request to the byte, which is why the prompts have to come from you: evalh ships
    none of them. FORMAT and PATH are one of: fastchat and judge_prompts.jsonl (or prompt.jsonl of 2023); alpaca-eval and a
    folder of its evaluators_configs; arena-hard and a file of its config folder. The last two are YAML and need evalh[yaml].

    \b
    Examples:
      evalh judges import fastchat FastChat/fastchat/llm_judge/data/judge_prompts.jsonl
      evalh judges import alpaca-eval evaluators_configs/weighted_alpaca_eval_gpt4_turbo
      evalh judges import arena-hard arena-hard-auto/config/arena-hard-v2.0.yaml --out judges/mine
    """
    from evalh.errors import BadConfig, UnknownName
    from evalh.importers import judge_prompts, judges_alpaca_eval, judges_arena_hard, judges_fastchat

    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if settings is not None and form != "arena-hard":
        raise BadConfig("--settings belongs to arena-hard: it names the file that holds its system prompts")
    if form == "arena-hard":
        draft = judges_arena_hard.read(path, settings)
    else:
        draft = (judges_fastchat if form == "fastchat" else judges_alpaca_eval).read(path)
    folder = out or Path("judges") / draft.name
    spec = judge_prompts.write(draft, folder, reading == "published")
    asks = f"asks {spec.model}" if spec.model else "names no model (give --judge-model)"
    click.echo(f"{folder}: {', '.join(spec.variants)}; {asks}; read {'as published' if reading == 'published' else 'strictly'}")
    for sentence in draft.left_out:
        click.echo(f"not carried over: {sentence}")
