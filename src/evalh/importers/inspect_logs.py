"""Inspect's `.eval` logs, one or a folder of them -> records.

    header.json, or _journal/start.json      {"eval": {"task", "model"}}
    samples/<id>_epoch_<n>.json              {"id", "epoch", "input", "target", "output": {"completion"}, "error",
                                              "scores": {name: {"value", "explanation"}}}

A sample is a question of its task, what was asked is one turn, an epoch a repeat, a scorer a judge of single answers. Values
are numbers, true and false, or C, P, I and N (1, 0.5, 0 and 0, as Inspect counts them); a map holds aspects. Anything else
arrives unscored. The target is the reference.

Source of the layout: UKGovernmentBEIS/inspect_ai.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fields import number, said, text
from evalh.importers.options import Options
from evalh.importers.reading import whole_object
from evalh.importers.sources import Source, sources
from evalh.importers.write import Sink

HEADERS: Final = ("header.json", "_journal/start.json")
LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
NOTE: Final = "scores as stored with the original's log"


def logs_of(path: Path) -> list[Path]:
    """The logs that a path stands for; none where it is something else."""
    if path.is_dir():
        return sorted(p for p in path.rglob("*.eval") if p.is_file())
    if not path.is_file() or not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return [path] if set(HEADERS) & set(archive.namelist()) else []
    except (OSError, zipfile.BadZipFile):
        return []


def read(sink: Sink, logs: Sequence[Path], options: Options) -> None:
    """Every sample of every log. Raises BadImport with the file."""
    for log in logs:
        members = {s.name: s for s in sources(log)}
        found = next((members[name] for name in HEADERS if name in members), None)
        if found is None:
            raise BadImport(f"{log}: not a log of Inspect's (it lacks header.json)")
        about = whole_object(found).get("eval")
        if not isinstance(about, Mapping):
            raise BadImport(f"{found.where}: says nothing of an evaluation")
        model, task = text(about, found.where, "model"), text(about, found.where, "task")
        sink.inputs[log.name] = Source(str(log), log.name, log).sha256()
        samples = sorted((m for name, m in members.items() if name.startswith("samples/")), key=_natural)
        for member in samples:
            _sample(sink, whole_object(member), member.where, model, task, options)


def _natural(source: Source) -> tuple[tuple[str, int], ...]:
    """Names with numbers in the order of the numbers."""
    return tuple((word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", source.name))


def _sample(sink: Sink, row: Mapping[str, Any], where: str, model: str, task: str, options: Options) -> None:
    question = f"{task}-{text(row, where, 'id')}"
    target = row.get("target")
    reference = target if isinstance(target, str) else "\n".join(map(str, target)) if isinstance(target, list) else ""
    sink.told(question, task, (_asked(row.get("input")),), (reference,) if reference else ())
    output = row.get("output")
    completion = output.get("completion") if isinstance(output, Mapping) else None
    failed = row.get("error") is not None or not isinstance(completion, str)
    answer = sink.answer(question, model, () if failed else (str(completion),), failed=failed)
    scores = row.get("scores")
    for name, score in scores.items() if isinstance(scores, Mapping) else ():
        if isinstance(score, Mapping):
            judge = sink.judge(options.judge or str(name), str(name), NOTE)
            place = sink.place(judge, question, 1, (model,))
            sink.judgment(judge, question, 1, "absolute", (answer,), place, reading_of(score))


def _asked(given: object) -> str:
    """The text of an input: itself, or what the user says in its messages."""
    if isinstance(given, str):
        return given
    messages = given if isinstance(given, list) else []
    return "\n\n".join(said(m.get("content")) for m in messages if isinstance(m, Mapping) and m.get("role") == "user")


def reading_of(score: Mapping[str, Any]) -> Reading:
    """What a stored score says."""
    words = str(score.get("explanation") or "")
    value = score.get("value")
    given = value if isinstance(value, Mapping) else {"overall": value}
    points = {str(aspect): _points(v) for aspect, v in given.items()}
    if not points or None in points.values():
        return Reading("no_verdict", explanation=words)
    return Reading("scored", scores={aspect: (v,) for aspect, v in points.items()}, explanation=words)


def _points(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and (known := LETTERS.get(value, LETTERS.get(value.lower()))) is not None:
        return known
    return number(value)
