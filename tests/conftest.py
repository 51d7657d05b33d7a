"""What every test gets: a home of its own, no key from outside, and the loopback server's fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["support.server.fixtures", "support.small_disk"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's ledger, keys or configuration, nor writes into the checkout."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "OLLAMA_", "EVALH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVALH_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
