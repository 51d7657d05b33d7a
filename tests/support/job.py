"""The job that the end-to-end tests share: two models and a judge played by the loopback server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.server import FakeServer

PLAYED: dict[str, Any] = {"lmsys/vicuna-13b-v1.5": "quality", "tatsu-lab/alpaca-7b-wdiff": "quality", "gpt-4": "judge"}
COMMAND = ("run", "--models", "vicuna,alpaca", "--judge", "gpt-4")


def configure(server: FakeServer, folder: Path | None = None, *, price: bool = False, extra: str = "") -> Path:
    """Write an evalh.toml that points at a server."""
    lines = []
    for name, model in (("vicuna", "lmsys/vicuna-13b-v1.5"), ("alpaca", "tatsu-lab/alpaca-7b-wdiff"), ("gpt-4", "gpt-4")):
        lines += [f'[models."{name}"]', 'provider = "openai"', f'base_url = "{server.base_url}"', f'model = "{model}"']
        lines += ["price = { input = 1.0, output = 2.0 }"] if price else []
    path = (folder or Path.cwd()) / "evalh.toml"
    path.write_text("\n".join([*lines, extra, ""]), encoding="utf-8")
    return path
