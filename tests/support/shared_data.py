"""Where the tests find the published data that lies beside the project."""

import os
from pathlib import Path

import pytest

SHARED_ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def shared(*parts: str) -> Path:
    """Return the path of a published data file, given relative to ``shared/data``.

    The published data is not part of the project. It is expected in the
    directory ``shared`` next to the project's own directory. Where it, or the
    file asked for, is missing, the calling test is skipped and the reason names
    the missing path; with ``CI=true`` in the environment the test fails
    instead, so that a pipeline cannot pass by not having the data.
    """
    path = SHARED_ROOT.joinpath(*parts)
    if path.exists():
        return path
    reason = f"published data not found: {path} (put the directory 'shared' beside the project)"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
