"""Question sets and judges travel: inside the wheel, inside the sdist, and out of an editable install."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "questions/core-80/questions.jsonl",
    "questions/core-80/answers/careful.jsonl",
    "questions/two-turn-16/set.toml",
    "judges/gpt-4/judge.toml",
    "judges/vicuna-2023/judge.toml",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist, built as a release would be, without asking the network."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return out


def test_the_wheel_holds_the_data(built: Path) -> None:
    """Sets, judges, templates, catalogue and the typing marker are in the wheel."""
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    assert {f"evalh/_data/{n}" for n in NEEDED} <= names
    assert {"evalh/py.typed", "evalh/backends/catalog.toml", "evalh/backends/prices.toml"} <= names
    assert any(n.startswith("evalh/reports/templates/") for n in names)


def test_the_sdist_holds_the_data(built: Path) -> None:
    """Whoever builds from the sdist gets the same."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    assert {*NEEDED, "LICENSE", "README.md", "Makefile", "tests/test_wheel.py"} <= names


def test_the_wheel_works_alone(built: Path, tmp_path: Path) -> None:
    """Unpacked far from any checkout, it finds its sets and judges and runs the demonstration."""
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    code += "sys.argv = ['evalh', 'run', '--limit', '3', '--no-report']\n"
    code += "import evalh; assert 'site' in evalh.__file__\nfrom evalh.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "careful" in done.stdout


def test_an_editable_install_sees_the_checkout() -> None:
    """What this environment runs finds the checkout's own folders, not a stale copy."""
    from evalh.core import resources

    assert resources.builtin("questions") == ROOT / "questions"
    assert resources.builtin("judges") == ROOT / "judges"
