"""Prompt files that are taken to the letter: `.json`, for prompts whose every byte counts, such as another tool's.

    {"system": TEXT, "user": TEXT}      TEXT is a text, or a list of texts that are put together without anything between

Nothing is trimmed and no line end is changed. Fields are those of any prompt file (`prompt.py`): a name in braces is filled in,
`{{name}}` writes a literal `{name}`, and any other brace is text. `quote` writes a text so that it comes out as it was.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from evalh.judges.prompt import FIELD, PARTS, Prompt

SUFFIX: Final = ".json"


def parse_exact(text: str) -> tuple[Prompt, list[tuple[int, str]]]:
    """A JSON prompt file's text -> the prompt, and its faults as (line, what is wrong). Never raises."""
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        return Prompt("", "", {}), [(getattr(error, "lineno", 1), f"is not JSON: {getattr(error, 'msg', error)}")]
    if not isinstance(data, dict):
        return Prompt("", "", {}), [(1, 'must be an object with the texts "system" and "user"')]
    faults = [(1, f"unknown part {name!r}; there are system and user") for name in data if name not in PARTS]
    parts = {name: _joined(data.get(name, "")) for name in PARTS}
    faults += [(1, f"{name} must be a text or a list of texts") for name, part in parts.items() if part is None]
    if "user" not in data:
        faults.append((1, 'there is no "user" part'))
    system, user = (parts[name] or "" for name in PARTS)
    names = [match["name"] for part in (system, user) for match in FIELD.finditer(part) if match["name"]]
    fields = {name: text[: max(0, text.find(f"{{{name}}}"))].count("\n") + 1 for name in names}
    return Prompt(system, user, fields), faults


def _joined(part: Any) -> str | None:
    if isinstance(part, list) and all(isinstance(piece, str) for piece in part):
        return "".join(part)
    return part if isinstance(part, str) else None


def write_exact(system: str, user: str) -> str:
    """The text of a prompt file that `parse_exact` reads back as these two parts, one line of theirs in each line of it."""
    parts = {name: part.splitlines(keepends=True) for name, part in (("system", system), ("user", user)) if part}
    unpaired = re.search("[\ud800-\udfff]", system + user) is not None  # half a character: only its escape can be stored
    return json.dumps(parts, ensure_ascii=unpaired, indent=1) + "\n"


def quote(text: str) -> str:
    """The text with everything doubled that would be taken for a field, so that filling gives it back."""
    return FIELD.sub(lambda match: f"{{{{{match['name']}}}}}" if match["name"] else f"{{{match[0]}}}", text)
