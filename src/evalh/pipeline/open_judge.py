"""A judge of a run, with whom it asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalh.core.config import JudgeChoice, ModelSpec
from evalh.core.protocols import Judge
from evalh.pipeline.asking import Target


@dataclass(frozen=True, slots=True)
class OpenJudge:
    """A judge ready to be used; `spec` and `target` are None for one that computes."""

    judge: Judge
    choice: JudgeChoice
    spec: ModelSpec | None
    target: Target | None
    folder: Path | None
