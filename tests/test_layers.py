"""Imports point down only; names on one line do not import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "evalh"
FLOORS = (
    ("cli", "interop", "testing"),
    ("comparing", "published"),
    ("api",),
    ("agreeing", "assemble"),
    ("exporters",),
    ("importers",),
    ("pipeline", "reports"),
    ("backends", "judges", "stats"),
    ("core",),
    ("errors",),
)
LEVEL = {name: i for i, floor in enumerate(FLOORS) for name in floor}
MODULES = sorted(SOURCE.rglob("*.py"))
FREE = {"core.models": "the catalogue is data that lies beside the backends"}


def _part(module: str) -> str:
    """`evalh.core.store` -> `core`."""
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path) -> list[str]:
    """Every module of ours that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{a.name}" for a in node.names] if node.module == "evalh" else [node.module]
    return [m for m in found if m.split(".")[0] == "evalh"]


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.parent != SOURCE or p.stem in LEVEL], ids=lambda p: p.relative_to(SOURCE).as_posix()
)
def test_imports_point_down(path: Path) -> None:
    """A module imports its own part and the parts below it, nothing beside or above."""
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for module in _imports(path):
        part = _part(module)
        if part in LEVEL and part != own:
            assert LEVEL[part] > LEVEL[own], f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted((SOURCE / "stats").glob("*.py")), ids=lambda p: p.stem)
def test_statistics_know_numbers_only(path: Path) -> None:
    """`stats` knows numpy, scipy, pandas, the standard library and our errors."""
    for module in _imports(path):
        assert module.startswith(("evalh.stats", "evalh.errors")), module


def test_every_part_stands_on_a_floor() -> None:
    """A new folder has to be given its place here."""
    parts = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert parts == {name for name in LEVEL if (SOURCE / name).is_dir()}
