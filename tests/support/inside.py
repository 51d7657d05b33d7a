"""The command line within the test's own process: as `main` runs it, exit code included, but without starting Python."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from evalh.cli.main import main

MODELS = ("--models", "one=scripted:words,two=scripted:words")
JUDGE = ("--judge", "gpt-4", "--judge-model", "scripted:judge")
SMALL = ("run", *MODELS, *JUDGE, "--limit", "3", "--no-report")
"""A run of two scripted models and a scripted judge: 6 answers, 12 judgments, in results/core-80--gpt-4."""
FOLDER = Path("results/core-80--gpt-4")


@dataclass(frozen=True)
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str


def evalh(*arguments: str | Path) -> Said:
    """Run `evalh …`; neither stream is a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    code: int | str | None = 0
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", ["evalh", *map(str, arguments)]):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    assert code is None or isinstance(code, int)
    return Said(code or 0, *texts)
