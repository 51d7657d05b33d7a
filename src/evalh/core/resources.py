"""Where question sets and judges are looked for, and which one won.

Order: explicit path, working folder, the folders of `EVALH_PATH`, user data folder, installed plugins (entry-point group
`evalh.data`, a package that carries its own `questions/` and `judges/`), built in. The built-in folders travel inside the
wheel under `evalh/_data/`; an editable install has no such copy, so the checkout is used instead, and only this module knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from evalh.core import registry

Kind = Literal["questions", "judges"]
MARKER: Final[dict[str, str]] = {"questions": "questions.jsonl", "judges": "judge.toml"}


@dataclass(frozen=True, slots=True)
class Found:
    """A resource folder and where it comes from ("working folder", "built in", …)."""

    name: str
    path: Path
    origin: str


def builtin(kind: Kind) -> Path:
    """The built-in folder of question sets or judges."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_data" / kind
    return shipped if shipped.is_dir() else package.parents[1] / kind


def user_data(env: Mapping[str, str] = os.environ) -> Path:
    """The user's data folder: `EVALH_HOME`, else the platform's own place. Nothing is created."""
    if env.get("EVALH_HOME"):
        return Path(env["EVALH_HOME"]).expanduser()
    if os.name == "nt":
        return Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "evalh"
    return Path(env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "evalh"


def places(kind: Kind, env: Mapping[str, str] = os.environ) -> Iterator[tuple[str, Path]]:
    """(origin, folder) in the order in which they are searched."""
    yield "working folder", Path.cwd() / kind
    for part in (env.get("EVALH_PATH") or "").split(os.pathsep):
        if part:
            yield f"EVALH_PATH ({part})", Path(part).expanduser() / kind
    yield "user data folder", user_data(env) / kind
    yield from _plugins(kind)
    yield "built in", builtin(kind)


def _plugins(kind: Kind) -> Iterator[tuple[str, Path]]:
    for name in registry.registered("evalh.data"):
        module = registry.load("evalh.data", name, "data package")
        for folder in module.__path__ if hasattr(module, "__path__") else [Path(module.__file__).parent]:
            yield f"plugin {name}", Path(folder).resolve() / kind


def found(kind: Kind, env: Mapping[str, str] = os.environ) -> list[Found]:
    """Every resource there is, the winner of each name only, by name."""
    winners: dict[str, Found] = {}
    for origin, folder in places(kind, env):
        if not folder.is_dir():
            continue
        for child in sorted(folder.iterdir()):
            if (child / MARKER[kind]).is_file():
                winners.setdefault(child.name, Found(child.name, child, origin))
    return [winners[name] for name in sorted(winners)]


def find(kind: Kind, name: str, env: Mapping[str, str] = os.environ) -> Found | None:
    """The resource of a name, or of an explicit path (a resource folder, or a .jsonl file of questions)."""
    path = Path(name).expanduser()
    if (path / MARKER[kind]).is_file():
        return Found(path.resolve().name, path, "path")
    if kind == "questions" and path.suffix == ".jsonl" and path.is_file():
        return Found(path.stem, path, "path")
    for origin, folder in places(kind, env):
        if (folder / name / MARKER[kind]).is_file():
            return Found(name, folder / name, origin)
    return None
