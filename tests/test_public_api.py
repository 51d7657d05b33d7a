"""The names that users import, listed in one place and held against reality."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import evalh

ROOT = Path(__file__).resolve().parents[1]


def test_every_name_is_there() -> None:
    """Each exported name can be had, and is what its module defines."""
    for name in evalh.__all__:
        assert getattr(evalh, name) is not None


def test_lists_agree() -> None:
    """`__all__`, the lazy table and `dir()` name the same things."""
    assert set(evalh.__all__) == {*evalh._HOMES, "__version__"}
    assert dir(evalh) == evalh.__all__
    assert evalh.__all__ == sorted(evalh.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match="laod"):
        evalh.laod  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    """The constant equals what is installed."""
    from importlib.metadata import version

    assert version("evalh") == evalh.__version__


def test_users_code_type_checks() -> None:
    """A user's file that is never run passes the strict type checker."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(ROOT / "tests" / "typing" / "api.py")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
