"""One way in which a judge of a folder asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evalh.core.records import Mode
from evalh.judges.prompt import Prompt
from evalh.judges.scale import Scale
from evalh.judges.structured import Form

ReadingName = Literal["strict", "published"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a judge asks: for a mode, a number of turns, with or without a reference, for some categories.

    `fenced`: every text is shown between lines that carry the unit's code (see `evalh.judges.fence`). `structured`: the form
    that the server is to hold the reply to (see `evalh.judges.structured`); empty where it stays text.
    """

    name: str
    mode: Mode
    prompt: Prompt
    scale: Scale
    reader: str
    reading: ReadingName = "strict"
    turns: int = 1
    reference: bool = False
    categories: tuple[str, ...] = ()
    orders: int = 2
    rubric: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    fenced: bool = True
    structured: Form | Literal[""] = ""
