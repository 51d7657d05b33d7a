"""What importing evalh, and asking its command line for help, may load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "asyncio",
    "importlib.metadata",
    "jinja2",
    "jsonlines",
    "matplotlib",
    "numpy",
    "openai",
    "orjson",
    "pandas",
    "rich",
    "scipy",
    "sqlite3",
    "tomllib",
}


def _loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import evalh",
        "from evalh.cli.main import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass",
        "from evalh.cli.main import cli\ntry: cli.main(['run', '--help'])\nexcept SystemExit: pass",
        "from evalh.cli.main import cli\ntry: cli.main(['--version'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    """Help and version come without any of the heavy modules."""
    assert not _loaded(code) & HEAVY


def test_help_loads_no_command() -> None:
    """The group's own help imports none of its commands."""
    loaded = _loaded("from evalh.cli.main import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass")
    assert {m for m in loaded if m.startswith("evalh")} == {"evalh", "evalh.cli", "evalh.cli.main"}


def test_a_run_without_report_files_needs_no_plotting() -> None:
    """Asking, judging and a leaderboard in the terminal load neither matplotlib nor pandas nor the openai SDK."""
    code = (
        "import sys\nfrom evalh.cli.main import cli\nsys.argv = ['evalh']\n"
        "try: cli.main(['run', '--no-report', '--quiet', '--limit', '2', '--ledger', 'l.sqlite3'])\nexcept SystemExit: pass"
    )
    assert not _loaded(code) & {"matplotlib", "pandas", "openai", "jinja2"}
