"""Content hashes that name records and ledger entries.

A name is the first 20 hex digits (80 bits) of a SHA-256 over canonical JSON: sorted keys, no spaces, ASCII escapes. Canonical
JSON is written by the standard library on purpose: a faster encoder may format a number differently one day, and every name
would change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from typing import Any, Final

DIGITS: Final = 20


def canonical(value: Any) -> bytes:
    """Canonical JSON of a value made of mappings, sequences, strings, numbers, booleans and None."""
    return _ENCODER.encode(value).encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a name")


# Made once: with options of its own, json.dumps makes an encoder for every call.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def digest(value: Any, digits: int = DIGITS) -> str:
    """The name of a value."""
    return hashlib.sha256(canonical(value)).hexdigest()[:digits]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    h = hashlib.sha256()
    with path.open("rb") as f:
        while piece := f.read(1 << 20):
            h.update(piece)
    return h.hexdigest()


def answer_id(
    question_id: str, model: str, params: Mapping[str, Any], sample: int, turns: Sequence[str], position: int | None = None
) -> str:
    """Names an answer by what was asked of whom and what came back; imported ones add their position in the original file."""
    # Canonical JSON of [question_id, model, params, sample, turns, position], the last where there is one: written by hand,
    # as below, since an import names every answer.
    names, texts = f"{_quoted(question_id)},{_quoted(model)}", ",".join(map(_quoted, turns))
    asked = _ENCODER.encode(dict(params)) if params else "{}"
    end = "" if position is None else f",{position}"
    return hashlib.sha256(f"[{names},{asked},{sample},[{texts}]{end}]".encode("ascii")).hexdigest()[:DIGITS]


def unit_id(judge: str, judge_hash: str, question_id: str, mode: str, turn: int, answers: Sequence[str], sample: int) -> str:
    """Names a judgment by who judges what, in which order it is shown, and which repeat it is."""
    # Canonical JSON of [judge, judge_hash, question_id, mode, turn, sample, answers]: a plan is gone through by these names.
    texts = ",".join(map(_quoted, (judge, judge_hash, question_id, mode)))
    text = f"[{texts},{turn},{sample},[{','.join(map(_quoted, answers))}]]"
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGITS]


def group_id(judge: str, judge_hash: str, question_id: str, mode: str, turn: int, answers: Sequence[str], sample: int) -> str:
    """The same for every order of the same answers."""
    return unit_id(judge, judge_hash, question_id, mode, turn, sorted(answers), sample)


def judgment_id(unit: str, attempt: int) -> str:
    """The id of one attempt at a judgment unit."""
    return f"{unit}-{attempt}"
