"""Imported records -> a run folder like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalh.core.records import Question
from evalh.core.store import RunFolder
from evalh.errors import RunMismatch
from evalh.importers.vicuna_2023 import Imported
from evalh.pipeline.manifest import bare
from evalh.pipeline.settle import settle


def write(imported: Imported, out: Path, source: str) -> RunFolder:
    """Write a new run folder.

    Args:
        source: the format and set it came from, kept in run.json.

    Raises:
        RunMismatch: the folder holds a run already.
    """
    folder = RunFolder(out)
    if folder.exists():
        raise RunMismatch(f"{out} holds a run already; choose another folder with --out, or remove it")
    with folder.writing():
        questions: tuple[Question, ...] = imported.questions
        folder.write_questions(questions)
        folder.append(imported.answers.values())
        folder.append(imported.judgments)
        manifest: dict[str, Any] = bare(folder.name)
        manifest |= {
            "config": {"imported": source},
            "inputs": dict(sorted(imported.inputs.items())),
            "models": imported.models,
            "judges": imported.judges,
            "questions": {"set": source, "sha256": imported.inputs.get("question.jsonl")},
        }
        manifest["counts"] = settle(folder, manifest)
        manifest["finished_at"] = manifest["started_at"]
        folder.write_manifest(manifest)
    return folder
