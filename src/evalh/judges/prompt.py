"""Prompt files, and filling one from a question and answers.

A prompt file has a `[user]` part, and before it, optionally, a `[system]` part, each opened by that word on a line of its own.
A field is a name in braces. All fields are filled in one pass, so that braces or field names inside a question or an answer
stay the text they are. Braces around anything else are text as well; `{{name}}` writes a literal `{name}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evalh.judges.fence import Block

FIELD: Final = re.compile(r"\{\{(?P<literal>[a-z][a-z0-9_]*)\}\}|\{(?P<name>[a-z][a-z0-9_]*)\}")
PARTS: Final = ("system", "user")
NOT_GIVEN: Final = "(none)"
"""Stands for the reference of an earlier turn that has none."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two parts of a prompt, and where in its file each field was first used (name -> line)."""

    system: str
    user: str
    fields: Mapping[str, int]


def parse_prompt(text: str) -> tuple[Prompt, list[tuple[int, str]]]:
    """A prompt file's text -> the prompt, and its faults as (line, what is wrong)."""
    parts: dict[str, list[str]] = {}
    faults: list[tuple[int, str]] = []
    fields: dict[str, int] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), start=1):
        part = line.strip()[1:-1] if line.strip() in {f"[{name}]" for name in PARTS} else None
        if part is not None:
            if part in parts:
                faults.append((number, f"a second [{part}] part; a prompt has one"))
            current = parts.setdefault(part, [])
        elif current is not None:
            current.append(line)
            for match in FIELD.finditer(line):
                if match["name"]:
                    fields.setdefault(match["name"], number)
        elif line.strip():
            faults.append((number, "text before the first part; begin with a line [system] or [user]"))
            current = []
    if "user" not in parts:
        faults.append((1, "there is no [user] part; open it with a line [user]"))
    system, user = ("\n".join(parts.get(name, ())).strip() for name in PARTS)
    return Prompt(system, user, fields), faults


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put the values in, once: what is put in is never looked at again. A fenced text gets lines of its own."""

    def put(match: re.Match[str]) -> str:
        if match["literal"]:
            return f"{{{match['literal']}}}"
        value = values[match["name"]]
        if not isinstance(value, Block):
            return value
        before = "" if template[match.start() - 1 : match.start()] in ("", "\n") else "\n"
        after = "" if template[match.end() : match.end() + 1] in ("", "\n") else "\n"
        return f"{before}{value}{after}"

    return FIELD.sub(put, template)


def allowed_fields(answers: tuple[str, ...], turns: int, reference: bool) -> frozenset[str]:
    """The names a prompt may use: of the turn judged without a number, of any turn with it (`answer_a_1`)."""
    bases = ["question", *answers, *(["reference"] if reference else [])]
    return frozenset(
        [
            "category",
            "scale",
            "aspect",
            "rubric",
            "checklist",
            *bases,
            *(f"{base}_{turn}" for base in bases for turn in range(1, turns + 1)),
        ]
    )


def missing_fields(used: frozenset[str], answers: tuple[str, ...], turns: int, reference: bool) -> list[str]:
    """The names a prompt has to use and does not: of the turn judged, the question, each answer, and the reference if any."""
    bases = ["question", *answers, *(["reference"] if reference else [])]
    return [base for base in bases if not {base, f"{base}_{turns}"} & used]
