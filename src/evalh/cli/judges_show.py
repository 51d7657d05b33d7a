"""`evalh judges list`, `show` and `validate`: what judges there are, what they ask, and what is wrong with a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options
from evalh.cli.main import USAGE

if TYPE_CHECKING:
    from evalh.core.config import Jury
    from evalh.core.resources import Found
    from evalh.judges.prompted import PromptedJudge
    from evalh.judges.scale import Scale
    from evalh.judges.spec import JudgeSpec
    from evalh.judges.variant import Variant

COMPUTES = "computes"


def unknown(name: str) -> Exception:
    """The error for a judge that nobody knows, with the nearest names of those there are."""
    from evalh.core import resources
    from evalh.core.registry import registered
    from evalh.errors import UnknownName

    known = sorted({*(f.name for f in resources.found("judges")), *registered("evalh.judges")})
    return UnknownName("judge", name, known, "A path to a judge folder works too.")


def prompted(name: str) -> PromptedJudge:
    """A judge that asks, by name or path.

    Raises:
        UnknownName: there is no such judge folder.
        ConfigError: the judge computes its scores.
        BadJudge: with every fault of the folder.
    """
    from evalh.core import resources
    from evalh.core.registry import registered
    from evalh.errors import ConfigError
    from evalh.judges.prompted import PromptedJudge
    from evalh.judges.spec import load_spec

    found = resources.find("judges", name)
    if found is None:
        if name in registered("evalh.judges"):
            raise ConfigError(
                f"judge {name} computes its scores: it asks nothing, so there is no request to show and no reply to read"
            )
        raise unknown(name)
    spec = load_spec(found.path)
    # What is asked and how replies are read does not depend on who is asked, so a judge without a model of its own will do.
    return PromptedJudge(spec, model=spec.model or "none:none")


def scale_of(scale: Scale) -> dict[str, Any]:
    """A scale as JSON: its kind, and whatever else of it matters for that kind."""
    from evalh.judges.scale import NUMERIC, OVERALL

    said: dict[str, Any] = {"kind": scale.kind}
    if scale.kind in NUMERIC:
        said |= {"low": scale.low, "high": scale.high, "decimals": scale.decimals}
    if scale.aspects != (OVERALL,):
        said["aspects"] = list(scale.aspects)
    if scale.kind == "preference":
        said["tokens"] = list(scale.tokens)
    return said


def scale_words(scale: Scale) -> str:
    """A scale in a few words: `rating 1 to 10`, `five-step`."""
    said = scale_of(scale)
    text: str = scale.kind
    if "low" in said:
        text += f" {scale.low:g} to {scale.high:g}"
        text += f", {scale.decimals} decimals" if scale.decimals else ""
    if "aspects" in said:
        text += f", of {', '.join(scale.aspects)}"
    if "tokens" in said:
        text += f", {scale.tokens[0]} or {scale.tokens[1]}"
    return text


@click.command("list")
@options.FORMAT
def list_(shape: str) -> None:
    """The judges and juries there are, what each gives, and which folder it comes from.

    A folder judges/ in the working folder goes before the built-in one, so a judge of your own just works; where it takes the
    name of another, the other is hidden and said to be.

    \b
    Example:
      evalh judges list
    """
    from evalh.core import config, resources
    from evalh.core.registry import load, registered

    rows = [_folder_row(found) for found in resources.found("judges")]
    taken = {r["name"] for r in rows}
    for name in registered("evalh.judges"):
        judge = load("evalh.judges", name, "judge")()
        row = {"name": name, "title": judge.note, "model": None, "modes": list(judge.modes), "scales": []}
        rows += [] if name in taken else [{**row, "origin": "plugin or built in, computes", "hides": [], "fault": None}]
    rows.sort(key=lambda r: r["name"])
    juries = [_jury_row(jury) for _, jury in sorted(config.load().juries.items())]
    if shape == "json":
        click.echo(options.as_json({"schema": 1, "judges": rows, "juries": juries}))
        return
    for r in rows:
        click.echo("\n    ".join(_row_lines(r)))
    for r in juries:
        rule = f"{r['rule']}, at least {r['quorum']} of {len(r['judges'])}"
        click.echo(
            "\n    ".join(filter(None, (f"{r['name']}: a jury of {', '.join(r['judges'])}; {rule} (evalh.toml)", r["note"])))
        )


def _jury_row(jury: Jury) -> dict[str, Any]:
    return {"name": jury.name, "judges": list(jury.members), "rule": jury.rule, "quorum": jury.quorum, "note": jury.note}


def _row_lines(r: dict[str, Any]) -> list[str]:
    if r["fault"]:
        return [f"{r['name']}: cannot be used ({r['origin']})", str(r["fault"]).split("\n")[0]]
    asks = "asks nobody" if r["model"] is None else f"asks {r['model']}" if r["model"] else "asks the model of --judge-model"
    lines = [f"{r['name']}: {', '.join(r['modes'])}; {asks} ({r['origin']})", r["title"]]
    lines += [f"gives: {'; '.join(r['scales'])}"] if r["scales"] else []
    return [*lines, *([f"hides the one from: {', '.join(r['hides'])}"] if r["hides"] else [])]


def _folder_row(found: Found) -> dict[str, Any]:
    """One judge folder; a broken one is named, so that it neither hides nor takes the others with it."""
    from evalh.core import resources
    from evalh.errors import BadJudge
    from evalh.judges.spec import FILE, load_spec

    hides = [o for o, place in resources.places("judges") if o != found.origin and (place / found.name / FILE).is_file()]
    row: dict[str, Any] = {"name": found.name, "title": "", "model": "", "modes": [], "scales": []}
    row |= {"origin": found.origin, "hides": hides, "fault": None}
    try:
        spec = load_spec(found.path)
    except BadJudge as error:
        return row | {"fault": str(error)}
    variants = spec.variants.values()
    modes, scales = (list(dict.fromkeys(x)) for x in ((v.mode for v in variants), (scale_words(v.scale) for v in variants)))
    return row | {"title": spec.title, "model": spec.model, "modes": modes, "scales": scales}


@click.command("show")
@click.argument("name", metavar="JUDGE")
@options.FORMAT
def show(name: str, shape: str) -> None:
    """A judge: its source, model and folder, and how each variant asks and is read.

    \b
    Examples:
      evalh judges show gpt-4
      evalh judges show ./judges/mine --format json
    """
    from evalh.core import resources
    from evalh.core.registry import load, registered
    from evalh.judges.spec import load_spec

    found = resources.find("judges", name)
    if found is None and name in registered("evalh.judges"):
        _show_coded(name, load("evalh.judges", name, "judge")(), shape)
        return
    if found is None:
        raise unknown(name)
    told = _told(load_spec(found.path), found)
    if shape == "json":
        click.echo(options.as_json({"schema": 1, **told}, indent=2))
        return
    click.echo(f"{told['name']}: {told['title']}")
    for key in ("description", "note"):
        if told[key]:
            click.echo(told[key])
    click.echo(f"source: {told['citation'] or 'not said'}")
    click.echo(f"licence: {told['licence'] or 'not said'}")
    click.echo(f"model: {told['model'] or 'none of its own (--judge-model)'}, at most {told['attempts']} attempts")
    click.echo(f"folder: {told['folder']} ({told['origin']})")
    for v in told["variants"]:
        _show_variant(v)


def _show_coded(name: str, judge: Any, shape: str) -> None:
    """A judge that is code."""
    if shape == "json":
        row = {"schema": 1, "name": name, "modes": list(judge.modes), "model": None, "note": judge.note, "variants": []}
        if name == "baseline":
            from evalh.judges.card import load_card

            row["card"] = load_card()
        click.echo(options.as_json(row, indent=2))
        return
    click.echo(f"{name}: {', '.join(judge.modes)}; computes its scores and asks nobody\n{judge.note}")
    if name == "baseline":
        from evalh.judges.card import card_text

        click.echo(f"\n{card_text()}")


def _told(spec: JudgeSpec, found: Found) -> dict[str, Any]:
    """A judge as JSON."""
    import tomllib

    from evalh.judges.spec import FILE

    tables = tomllib.loads((found.path / FILE).read_text("utf-8-sig"))["variants"]
    texts = {k: getattr(spec, k) for k in ("name", "title", "description", "citation", "licence", "note", "model", "attempts")}
    variants = [_variant(spec, v, tables[v.name]) for v in spec.variants.values()]
    return texts | {"folder": str(found.path), "origin": found.origin, "variants": variants}


def _variant(spec: JudgeSpec, v: Variant, table: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": v.name,
        "mode": v.mode,
        "turns": v.turns,
        "reference": v.reference,
        "categories": list(v.categories),
        "orders": v.orders,
        "scale": scale_of(v.scale),
        "gives": scale_words(v.scale),
        "reader": v.reader,
        "reading": v.reading,
        "prompt": table["prompt"],
        "rubric": bool(v.rubric),
        "params": spec.parameters(v.name),
    }


def _show_variant(v: dict[str, Any]) -> None:
    what = (
        f"{v['mode']}, turn {v['turns']}"
        + (", with reference" if v["reference"] else "")
        + (f", for {', '.join(v['categories'])}" if v["categories"] else "")
    )
    read = f"read by {v['reader']}" + (" as published" if v["reading"] == "published" else "")
    orders = "" if v["mode"] in ("absolute", "checklist") else "; in both orders" if v["orders"] == 2 else "; in one order"
    params = ", ".join(f"{key} {options.as_json(value)}" for key, value in v["params"].items())
    click.echo(f"\n{click.style(v['name'], bold=True)}: {what}; {read}")
    click.echo(f"    gives: {v['gives']}{orders}")
    click.echo(f"    prompt: {v['prompt']}" + (f"; {params}" if params else ""))


@click.command("validate")
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
