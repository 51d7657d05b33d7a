"""What every import of another tool's judge prompts shares: a draft of a judge, and the folder made of it.

The prompts of those tools are their authors' texts and are not part of evalh; whoever has them gets a judge folder of the usual
layout, whose requests are the original's to the byte. Three steps, of which only the last touches the disk:

    the tool's template ──▶ pieces (`str.format` or plain replacement) ──▶ our prompt text, checked by filling it ──▶ folder
"""

from __future__ import annotations

import json
import re
import shutil
import string
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from evalh.errors import BadImport, BadJudge
from evalh.judges.exact import SUFFIX, quote, write_exact
from evalh.judges.prompt import fill
from evalh.judges.spec import FILE, JudgeSpec, load_spec

Piece = tuple[str, str | None]
"""Literal text, and the original's name of the field that follows it, or None."""


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """One table of judge.toml and its prompt. `scale` is the value of that key, `params` go before the judge's."""

    name: str
    mode: str
    system: str
    user: str
    scale: str | Mapping[str, Any]
    reader: str
    turns: int = 1
    reference: bool = False
    categories: tuple[str, ...] = ()
    orders: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeDraft:
    """A judge to be written. `left_out` says in sentences what of the original it does not do."""

    name: str
    title: str
    citation: str
    variants: tuple[VariantDraft, ...]
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    strong_weight: int = 1


def json_lines(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """(place, object) of every line of a prompt file, its texts exactly as they are.

    Raises:
        BadImport: the file cannot be read, or a line is no JSON object; names file and line.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadImport(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadImport(f"{file}: is not UTF-8: {error.reason} at byte {error.start}") from None
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            row = line
        if isinstance(row, dict):
            found.append((f"{file}:{number}", row))
        elif row is not None or line.strip():
            raise BadImport(f"{file}:{number}: is not a JSON object")
    return found


def format_pieces(template: str, where: str) -> list[Piece]:
    """A template of Python's `str.format` in pieces, its doubled braces undone.

    Raises:
        BadImport: the original could not fill it either, or it formats a value in a way that we do not.
    """
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise BadImport(f"{where}: is no template of str.format: {error}") from None
    for _, name, spec, conversion in parsed:
        if name is not None and (not name.isidentifier() or spec or conversion):
            raise BadImport(f"{where}: the field {{{name}}} is not a plain name; only plain names can be taken over")
    return [(literal, name) for literal, name, _, _ in parsed]


def replace_pieces(template: str) -> list[Piece]:
    """A template whose fields are replaced as text, AlpacaEval's way: braces around anything without a space or a brace."""
    parts = re.split(r"\{([^ \s]+?)\}", template)
    return [*zip(parts[::2], parts[1::2], strict=False), (parts[-1], None)]


def names_of(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """The fields of a template in the order in which they stand."""
    return tuple(name for _, name in pieces if name is not None)


def our_text(pieces: Sequence[Piece], ours: Mapping[str, str], where: str) -> str:
    """The pieces as text of a prompt file of ours.

    Args:
        ours: the original's field names -> ours.
        where: what an error names.

    Raises:
        BadImport: a field that we have none for, or a text that our fields cannot express.
    """
    if unknown := [name for name in names_of(pieces) if name not in ours]:
        raise BadImport(
            f"{where}: the field {{{unknown[0]}}} is none that evalh can fill; it knows {', '.join(f'{{{n}}}' for n in ours)}"
        )
    text, literal = "", ""
    for piece, name in pieces:
        literal += piece  # texts that touch are quoted as one: only together may they look like a field
        if name:
            text, literal = f"{text}{quote(literal)}{{{ours[name]}}}", ""
    text += quote(literal)
    # Filling it again shows whether it says the same: braces directly around a field would be read as a literal one.
    values = {name: f"\0{name}\0" for name in ours.values()}
    expected = "".join(literal + (values[ours[name]] if name else "") for literal, name in pieces)
    if fill(text, values) != expected:
        raise BadImport(f"{where}: has a field directly between two other braces, which our prompt files cannot express")
    return text


def judge_toml(draft: JudgeDraft, published: bool) -> str:
    """The draft's judge.toml: the original's delimiters stay as they are, so attempts to break out of them are only flagged."""
    lines = [
        "schema = 1",
        f"name = {toml(draft.name)}",
        f"title = {toml(draft.title)}",
        f"description = {toml(' '.join(['Imported by `evalh judges import`.', *draft.left_out]))}",
        f"citation = {toml(draft.citation)}",
        *([f"model = {toml(draft.model)}"] if draft.model else []),
        "attempts = 1",
        *([f"strong_weight = {draft.strong_weight}"] if draft.strong_weight != 1 else []),
        "fenced = false",
    ]
    if draft.params:
        lines += ["", "[params]", *(f"{_key(key)} = {toml(value)}" for key, value in draft.params.items())]
    for v in draft.variants:
        lines += ["", f"[variants.{_key(v.name)}]", f"mode = {toml(v.mode)}"]
        lines += [f"turns = {v.turns}"] if v.turns > 1 else []
        lines += ["reference = true"] if v.reference else []
        lines += [f"categories = {toml(list(v.categories))}"] if v.categories else []
        lines += [f"prompt = {toml(_file(v))}", f"scale = {toml(v.scale)}", f"reader = {toml(v.reader)}"]
        lines += ['reading = "published"'] if published else []
        lines += [f"orders = {v.orders}"] if v.orders > 1 or v.mode in ("pairwise", "two-score") else []
        if v.params:
            lines += [f"params = {toml(v.params)}"]
    return "\n".join(lines) + "\n"


def write(draft: JudgeDraft, folder: Path, published: bool = False) -> JudgeSpec:
    """Write a judge folder, whole or not at all, and read it back. The judge's name is the folder's.

    Args:
        published: read replies as the protocol's authors did, instead of strictly.

    Raises:
        BadImport: there is something at that place already, or what was written is not a judge.
    """
    if folder.exists():
        raise BadImport(f"{folder} is there already; choose another folder with --out, or remove it")
    folder = folder.resolve()
    draft = replace(draft, name=folder.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as temporary:
        made = Path(temporary) / folder.name
        (made / "prompts").mkdir(parents=True)
        (made / FILE).write_text(judge_toml(draft, published), "utf-8", newline="\n")
        for v in draft.variants:
            (made / _file(v)).write_text(write_exact(v.system, v.user), "utf-8", newline="\n")
        try:
            load_spec(made)
        except BadJudge as error:
            raise BadImport(f"the prompts make no judge of ours; {str(error).replace(str(made), folder.name)}") from None
        shutil.move(made, folder)
    return load_spec(folder)


def toml(value: Any) -> str:
    """A JSON value as TOML on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    # A JSON text is a TOML text but for one character, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def _key(key: Any) -> str:
    return str(key) if _BARE.fullmatch(str(key)) else json.dumps(str(key), ensure_ascii=False)


def _file(variant: VariantDraft) -> str:
    return f"prompts/{variant.name}{SUFFIX}"
