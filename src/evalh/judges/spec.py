"""A judge folder -> a frozen JudgeSpec: `judge.toml`, one table per variant, and the prompt files it names.

Everything that can be wrong in a folder is found when it is read, all of it at once, and named by file, key or line, and
fault. docs/judges.md describes the layout.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from evalh.core.config import UNSENT
from evalh.core.ids import digest
from evalh.core.records import EMPTY, Mode
from evalh.errors import BadJudge
from evalh.judges.exact import SUFFIX, parse_exact
from evalh.judges.fence import FORM
from evalh.judges.overall import MEAN
from evalh.judges.overall import faults as overall_faults
from evalh.judges.parse import READERS
from evalh.judges.prompt import Prompt, allowed_fields, missing_fields, parse_prompt
from evalh.judges.scale import MODES, NUMERIC, OVERALL, Kind, Scale
from evalh.judges.structured import FORMS, Form, unfit
from evalh.judges.variant import ReadingName, Variant

SCHEMA: Final = 1
FILE: Final = "judge.toml"
TEXTS: Final = ("name", "title", "description", "citation", "licence", "note", "model")
KEYS: Final = ("schema", *TEXTS, "attempts", "overall", "strong_weight", "fenced", "params", "variants")
VARIANT_KEYS: Final = (
    "mode",
    "turns",
    "reference",
    "categories",
    "prompt",
    "scale",
    "reader",
    "reading",
    "orders",
    "rubric",
    "fenced",
    "structured",
    "params",
)
SCALE_KEYS: Final = ("kind", "low", "high", "decimals", "aspects", "tokens", "not_applicable")
READINGS: Final = ("strict", "published")
SHOWN: Final[Mapping[Mode, tuple[str, ...]]] = {
    "absolute": ("answer",),
    "pairwise": ("answer_a", "answer_b"),
    "two-score": ("answer_a", "answer_b"),
    "ranking": ("answers",),
    "checklist": ("answer",),
}
"""The modes a folder can describe, and the fields under which each shows its answers."""
MOST_TURNS: Final = 9


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A judge as its folder describes it.

    `note` is a sentence that reports by this judge must carry; `strong_weight` is how many times a strong verdict ("A>>B")
    counts.
    """

    name: str
    variants: Mapping[str, Variant]
    title: str = ""
    description: str = ""
    citation: str = ""
    licence: str = ""
    note: str = ""
    model: str = ""
    attempts: int = 3
    params: Mapping[str, Any] = field(default_factory=dict)
    overall: str = MEAN
    strong_weight: int = 1
    folder: Path | None = field(default=None, compare=False)

    def parameters(self, variant: str, override: Mapping[str, Any] = EMPTY) -> dict[str, Any]:
        """Generation parameters of a variant: the judge's, then the variant's, then those of whoever runs it."""
        return {**self.params, **self.variants[variant].params, **override}

    def hash(
        self,
        variant: str,
        model: str | None = None,
        params: Mapping[str, Any] = EMPTY,
        held: Mapping[str, Any] = EMPTY,
    ) -> str:
        """Names everything about a request that does not come from the question or the answers, and how its reply is read.

        `held` is what holds the reply to a form, where anything does.
        """
        v = self.variants[variant]
        scale: dict[str, Any] = {"kind": v.scale.kind}
        if v.scale.kind in NUMERIC:
            scale |= {"low": _plain(v.scale.low), "high": _plain(v.scale.high), "decimals": v.scale.decimals}
        if v.scale.aspects != (OVERALL,):
            scale["aspects"] = list(v.scale.aspects)
        if v.scale.not_applicable:
            scale["not_applicable"] = True
        if v.scale.kind == "preference":
            scale["tokens"] = list(v.scale.tokens)
        return digest(
            {
                "prompt": [v.prompt.system, v.prompt.user, *([v.rubric] if v.rubric else [])],
                **({"fence": FORM} if v.fenced else {}),
                **({"structured": dict(held)} if held else {}),
                "scale": scale,
                "reader": [v.reader, v.reading],
                "model": self.model if model is None else model,
                "params": {key: _plain(value) for key, value in self.parameters(variant, params).items()},
            },
            digits=16,
        )

    def with_reading(self, reading: ReadingName) -> JudgeSpec:
        """The same judge with every reply read the other way, for replays."""
        return replace(self, variants={name: replace(v, reading=reading) for name, v in self.variants.items()})


def _plain(value: Any) -> Any:
    """A temperature of 0.0 and one of 0 are the same request."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def load_spec(folder: str | Path) -> JudgeSpec:
    """Read a judge folder.

    Raises:
        BadJudge: with every fault found, one per line, each naming the file and the key or line.
    """
    return _Folder(Path(folder).resolve()).spec()


class _Folder:
    """Reads one folder, collecting faults instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.faults: list[str] = []
        self.fenced = True

    def fault(self, key: str, what: str) -> None:
        self.faults.append(f"{self.file}: {key}: {what}")

    def stop(self) -> BadJudge:
        head = f"judge {self.folder.name!r} cannot be used"
        return BadJudge(f"{head}: {self.faults[0]}" if len(self.faults) == 1 else "\n  ".join([f"{head}:", *self.faults]))

    def spec(self) -> JudgeSpec:
        data = self.toml()
        self.unknown(data, KEYS, "")
        if data.get("schema", SCHEMA) != SCHEMA:
            self.fault("schema", f"this evalh reads schema {SCHEMA}, not {data['schema']!r}")
        texts = {key: self.typed(data, key, str, "", "") for key in TEXTS}
        name = texts["name"] or self.folder.name
        if name != self.folder.name:
            self.fault("name", f"{name!r} is not the folder's name, {self.folder.name!r}; give both the same name")
        attempts = self.whole(data, "attempts", 3, 1, 20, "")
        params = self.params(data, "")
        self.fenced = self.typed(data, "fenced", bool, True, "")
        tables = self.typed(data, "variants", dict, {}, "")
        if not tables:
            self.fault("variants", "there is none; add a table [variants.NAME] with mode, prompt, scale and reader")
        found = {key: self.variant(key, table) for key, table in tables.items()}
        overall = self.typed(data, "overall", str, MEAN, "")
        strong = self.whole(data, "strong_weight", 1, 1, 10, "")
        if strong != 1 and not any(v is not None and v.scale.kind == "five-step" for v in found.values()):
            self.fault("strong_weight", "no variant has a five-step scale, so no verdict is a strong one; leave the key out")
        if not self.faults:
            self.faults += [f"{self.file}: overall: {what}" for what in overall_faults(overall, filter(None, found.values()))]
        if self.faults:
            raise self.stop()
        variants = MappingProxyType({key: v for key, v in found.items() if v is not None})
        told = {**texts, "name": name, "overall": overall, "strong_weight": strong}
        return JudgeSpec(**told, variants=variants, attempts=attempts, params=params, folder=self.folder)

    def toml(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.file.read_text("utf-8-sig"))
        except OSError as error:
            self.faults.append(f"{self.file}: cannot be read: {error.strerror}")
        except UnicodeDecodeError as error:
            self.faults.append(f"{self.file}: is not UTF-8: {error.reason} at byte {error.start}")
        except tomllib.TOMLDecodeError as error:
            self.faults.append(f"{self.file}: is not TOML: {error}")
        raise self.stop()

    def unknown(self, table: Mapping[str, Any], known: Iterable[str], within: str) -> None:
        known = tuple(known)
        for key in table:
            if key not in known:
                self.fault(within + key, f"unknown key{_nearest(key, known)}")

    def typed(self, table: Mapping[str, Any], key: str, kind: type, default: Any, within: str) -> Any:
        value = table.get(key, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            word = {str: "text", bool: "true or false", int: "a whole number", dict: "a table", list: "a list"}[kind]
            self.fault(within + key, f"must be {word}, not {value!r}")
            return default
        return value

    def texts(self, table: Mapping[str, Any], key: str, default: list[str], within: str) -> tuple[str, ...]:
        value = self.typed(table, key, list, default, within)
        if not value or len(set(map(str, value))) < len(value) or not all(isinstance(text, str) and text for text in value):
            self.fault(within + key, f"must be a list of different texts, not {value!r}")
            return tuple(default)
        return tuple(value)

    def whole(self, table: Mapping[str, Any], key: str, default: int, low: int, high: int, within: str) -> int:
        value = self.typed(table, key, int, default, within)
        if not low <= value <= high:
            self.fault(within + key, f"must be from {low} to {high}, not {value}")
        return cast(int, value)

    def choice(
        self, table: Mapping[str, Any], key: str, known: Iterable[str], within: str, default: str | None = None
    ) -> str | None:
        known = tuple(known)
        if key not in table and default is None:
            self.fault(within + key, f"is missing; one of {', '.join(known)}")
            return None
        value = table.get(key, default)
        if isinstance(value, str) and value in known:
            return value
        near = _nearest(value, known) if isinstance(value, str) else ""
        self.fault(within + key, f"unknown {key} {value!r}{near or '; one of ' + ', '.join(known)}")
        return None

    def params(self, table: Mapping[str, Any], within: str) -> Mapping[str, Any]:
        params = self.typed(table, "params", dict, {}, within)
        for key, value in params.items():
            if key in UNSENT and value not in (None, UNSENT[key]):
                self.fault(f"{within}params.{key}", "evalh asks for one whole reply at a time; --samples asks for several")
            if not _is_json(value):
                what = "text, a finite number, true or false, or a list or table of these"
                self.fault(f"{within}params.{key}", f"must be {what}, not {value!r}")
        return MappingProxyType(params)

    def variant(self, name: str, table: Any) -> Variant | None:
        within = f"variants.{name}."
        if not isinstance(table, dict):
            self.fault(within.rstrip("."), "must be a table")
            return None
        before = len(self.faults)
        self.unknown(table, VARIANT_KEYS, within)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            self.fault(within.rstrip("."), "a variant's name is letters, digits, '.', '_' and '-'")
        mode = cast("Mode | None", self.choice(table, "mode", SHOWN, within))
        turns = self.whole(table, "turns", 1, 1, MOST_TURNS, within)
        reference = self.typed(table, "reference", bool, False, within)
        categories = self.typed(table, "categories", list, [], within)
        if not all(isinstance(category, str) for category in categories):
            self.fault(within + "categories", f"must be a list of texts, not {categories!r}")
        reader = self.choice(table, "reader", READERS, within)
        reading = self.choice(table, "reading", READINGS, within, "strict")
        scale = self.scale(table, mode, reader, within)
        orders = self.orders(table, mode, within)
        rubric = self.typed(table, "rubric", str, "", within)
        params = self.params(table, within)
        fenced = self.fence(table, within)
        prompt = self.prompt(table, mode, turns, reference, fenced, within)
        if len(self.faults) > before or mode is None or reader is None or scale is None or prompt is None:
            return None
        variant = Variant(
            name,
            mode,
            prompt,
            scale,
            reader,
            cast(ReadingName, reading),
            turns,
            reference,
            tuple(categories),
            orders,
            rubric,
            params,
            fenced,
        )
        if "structured" not in table:
            return variant
        form = cast("Form | None", self.choice(table, "structured", FORMS, within))
        if form is not None and (wrong := unfit(form, scale, reader, variant.reading, params)):
            self.fault(within + "structured", wrong)
        return replace(variant, structured=form or "")

    def fence(self, table: Mapping[str, Any], within: str) -> bool:
        """Whether a variant's texts are fenced: not in a prompt that is taken to the letter, and else unless told otherwise."""
        exact = str(table.get("prompt")).endswith(SUFFIX)
        fenced = bool(self.typed(table, "fenced", bool, self.fenced and not exact, within))
        if fenced and exact:
            self.fault(within + "fenced", f"a {SUFFIX} prompt is sent to the letter, so nothing can be put around its texts")
        return fenced

    def orders(self, table: Mapping[str, Any], mode: Mode | None, within: str) -> int:
        alone = mode in ("absolute", "checklist")
        orders = self.whole(table, "orders", 1 if alone or mode == "ranking" else 2, 1, 2, within)
        if alone and orders != 1:
            self.fault(within + "orders", "one answer has one order")
        return orders

    def scale(self, table: Mapping[str, Any], mode: Mode | None, reader: str | None, within: str) -> Scale | None:
        entry = table.get("scale")
        fields = {"kind": entry} if isinstance(entry, str) else entry
        if not isinstance(fields, dict):
            self.fault(
                within + "scale", f'must be {", ".join(MODES)}, or a table such as {{ kind = "rating", low = 1, high = 10 }}'
            )
            return None
        before = len(self.faults)
        self.unknown(fields, SCALE_KEYS, within + "scale.")
        kind = self.choice(fields, "kind", MODES, within + "scale.")
        if kind is None:
            return None
        for key in ("low", "high"):
            if not isinstance(fields.get(key, 1), int | float) or not isfinite(fields.get(key, 1)):
                self.fault(f"{within}scale.{key}", f"must be a finite number, not {fields[key]!r}")
        decimals = self.whole(fields, "decimals", 0, 0, 6, within + "scale.")
        aspects = self.texts(fields, "aspects", [OVERALL], within + "scale.")
        tokens = self.texts(fields, "tokens", ["m", "M"], within + "scale.")
        if len(tokens) != 2:
            self.fault(within + "scale.tokens", "must be two texts, the token for the first answer shown first")
        not_applicable = self.typed(fields, "not_applicable", bool, False, within + "scale.")
        own = {
            "rating": ("low", "high", "decimals", "aspects", "not_applicable"),
            "two-scores": SCALE_KEYS[1:4],
            "preference": ("tokens",),
        }
        for key in fields:
            if key != "kind" and key in SCALE_KEYS and key not in own.get(kind, ()):
                self.fault(f"{within}scale.{key}", f"a {kind} scale has no such key")
        if len(self.faults) > before:
            return None
        scale = Scale(
            cast(Kind, kind), fields.get("low", 1), fields.get("high", 10), decimals, aspects, cast("tuple[str, str]", tokens)
        )
        scale = replace(scale, not_applicable=not_applicable)
        if scale.low >= scale.high:
            self.fault(within + "scale", f"low ({scale.low:g}) must be below high ({scale.high:g})")
        if mode is not None and MODES[scale.kind] != mode:
            self.fault(within + "scale", f"a {kind} scale belongs to mode {MODES[scale.kind]!r}, not {mode!r}")
        if reader is not None and READERS[reader].scale != kind:
            self.fault(within + "reader", f"{reader!r} reads a {READERS[reader].scale} scale, not a {kind} one")
        elif reader is not None and scale.aspects != (OVERALL,) and not READERS[reader].by_aspect:
            able = ", ".join(name for name, r in READERS.items() if r.by_aspect)
            self.fault(within + "reader", f"{reader!r} reads one overall score, not that of an aspect; {able} does")
        return scale

    def prompt(
        self, table: Mapping[str, Any], mode: Mode | None, turns: int, reference: bool, fenced: bool, within: str
    ) -> Prompt | None:
        name = table.get("prompt")
        if not isinstance(name, str) or not name:
            self.fault(within + "prompt", "is missing; name the variant's prompt file, such as prompts/pairwise.md")
            return None
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            self.fault(within + "prompt", f"{name!r} lies outside the judge's folder")
            return None
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.fault(within + "prompt", f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
            return None
        prompt, faults = (parse_exact if path.suffix == SUFFIX else parse_prompt)(text)
        self.faults += [f"{path}:{line}: {what}" for line, what in faults]
        if mode is not None:
            self.fields(prompt, path, mode, turns, reference, fenced)
        return prompt

    def fields(self, prompt: Prompt, path: Path, mode: Mode, turns: int, reference: bool, fenced: bool) -> None:
        answers = SHOWN[mode]
        allowed = allowed_fields(answers, turns, reference)
        allowed |= {"fence"} if fenced else set()
        for name, line in prompt.fields.items():
            if name in allowed:
                continue
            only_with = name in allowed_fields(answers, turns, True)
            why = "; set reference = true to use it" if only_with else _nearest(name, allowed)
            why = "; set fenced = true to use it" if name == "fence" else why
            self.faults.append(f"{path}:{line}: unknown field {{{name}}}{why}; write {{{{{name}}}}} for the text itself")
        missing = missing_fields(frozenset(prompt.fields), answers, turns, reference)
        for name in [*missing, *(["checklist"] if mode == "checklist" and "checklist" not in prompt.fields else [])]:
            self.faults.append(f"{path}: the field {{{name}}} is not used; a judge has to be shown it")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value))
