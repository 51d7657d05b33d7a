"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.inside import FOLDER, SMALL, evalh


@pytest.fixture
def finished() -> Path:
    """The folder of a small finished run."""
    done = evalh(*SMALL, "--quiet")
    assert done.code == 0, done.err
    return FOLDER
