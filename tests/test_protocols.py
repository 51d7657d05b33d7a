"""The table of protocols: every judge folder is in it, and every test it names is there."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_protocols", ROOT / "docs" / "generate_protocols.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = _generator()
NAMED = sorted({test for tests in TABLE.PINNED.values() for test in tests} | {t for *_, tests in TABLE.IMPORTS for t in tests})


def test_every_judge_folder_has_a_row() -> None:
    """A folder without a test that pins it is not finished; a row without a folder is left over."""
    assert sorted(TABLE.PINNED) == TABLE.folders()
    assert all(TABLE.PINNED.values())


@pytest.mark.parametrize("name", NAMED)
def test_every_named_test_exists(name: str) -> None:
    """The table names tests by file and function."""
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_is_not_stale() -> None:
    """docs/protocols.md is what the folders say; if this fails, run `python docs/generate_protocols.py`."""
    assert (ROOT / "docs" / "protocols.md").read_text("utf-8") == TABLE.page()
