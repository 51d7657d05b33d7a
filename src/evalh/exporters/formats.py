"""The formats that a run can be taken to, and the one way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evalh.core.store import RunFolder
from evalh.errors import UnknownName
from evalh.exporters import alpaca_eval, arena_hard, battles, dpo, fastchat, huggingface, llmbar, vicuna_2023
from evalh.exporters.putting import new
from evalh.exporters.taking import Choice, Taken

FORMATS: Final[Mapping[str, Callable[[Taken, Path], int]]] = {
    "fastchat": fastchat.write,
    "alpaca-eval": alpaca_eval.write,
    "arena-hard": arena_hard.write,
    "dpo": dpo.write,
    "huggingface": huggingface.write,
    "llmbar": llmbar.write,
    "vicuna-2023": vicuna_2023.write,
}
NAMES: Final = ("fastchat", "alpaca-eval", "arena-hard", "battles", "vicuna-2023", "llmbar", "dpo", "huggingface")


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, and what the format has no place for."""

    rows: int
    left_out: Mapping[str, int]


def take_out(form: str, folder: RunFolder, out: Path, choice: Choice) -> Written:
    """Export a run.

    Args:
        out: a file for battles and pairs, a folder for the others; nothing may be there yet.

    Raises:
        UnknownName: no such format, judge or model.
        BadConfig: the format cannot hold what is asked for.
        RunMismatch: `out` is there already.
        StoreError: the run cannot be read, or the disk refuses.
    """
    if form not in NAMES:
        raise UnknownName("format", form, NAMES)
    taken = Taken(folder, choice)
    with new(out) as draft:
        rows = battles.write(taken, draft, out.name) if form == "battles" else FORMATS[form](taken, draft)
        if not rows and not draft.exists():
            draft.mkdir()
    return Written(rows, taken.left_out)
