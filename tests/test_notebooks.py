"""Every notebook runs from its first cell to its last, and shows what it says it shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """name -> code cells with their outputs, from a copy of the notebooks beside a copy of the reference run."""
    from nbclient import NotebookClient
    from nbformat import read

    place = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    shutil.copytree(ROOT / "results" / "reference", place / "results" / "reference")
    done = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(place / name.lower()))
        patch.setenv("PYTHONWARNINGS", "ignore")  # of the notebook's kernel; its cells are run, not its libraries tested
        for path in sorted((place / "notebooks").glob("*.ipynb")):
            notebook = read(path, as_version=4)
            client = NotebookClient(
                notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
            )
            client.execute()
            done[path.name] = [dict(cell) for cell in notebook.cells if cell.cell_type == "code"]
    return done


def _shown(cell: dict[str, Any]) -> str:
    """All that a cell printed or displayed as text."""
    return "".join(str(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in cell["outputs"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """A notebook in the repository holds no output and no execution count, so that a diff shows what somebody wrote."""
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    assert cells
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_hold_no_logic(path: Path) -> None:
    """A notebook imports evalh's public names only, and defines nothing."""
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    lines = [line for c in cells for line in "".join(c["source"]).splitlines()]
    assert not [line for line in lines if line.lstrip().startswith(("def ", "class ", "from evalh.", "import evalh."))]


def test_every_notebook_runs(executed: dict[str, list[dict[str, Any]]]) -> None:
    """No notebook stops on an error; nbclient raises at the first cell that does."""
    assert sorted(executed) == [p.name for p in NOTEBOOKS]


def test_reading_a_run_shows_what_it_promises(executed: dict[str, list[dict[str, Any]]]) -> None:
    """Leaderboard with limits, the frame, a question with both answers and the judge's words, and a plot."""
    cells = executed["01-read-a-run.ipynb"]
    said = [_shown(cell) for cell in cells]
    assert "careful" in said[0]
    assert all(word in said[1] for word in ("mean_score_low", "win_rate_high", "careful", "hasty"))
    assert all(word in said[3] for word in ("model_a", "outcome"))
    assert "mean_score_n" in said[2]
    assert "writing-01" in said[5]
    assert "--- careful" in said[6]
    assert "--- hasty" in said[6]
    assert "--- absolute: scored" in said[7]
    assert "--- pairwise: scored" in said[7]
    assert any("image/png" in o.get("data", {}) for o in cells[-1]["outputs"])


def test_judges_and_people_shows_what_it_promises(executed: dict[str, list[dict[str, Any]]]) -> None:
    """Agreement of two judges with votes, position and length, the leaderboard with and without correction, and a figure."""
    cells = executed["02-judges-and-people.ipynb"]
    said = [_shown(cell) for cell in cells]
    assert "judged by baseline, reader" in said[1]
    assert all(word in said[2] for word in ("by chance", "kappa", "61 of 80", "36 of 80"))
    assert "the two judges: 33 of 80" in said[3]
    assert all(word in said[4] for word in ("flips", "first shown", "slope of length", "low", "high"))
    assert all(word in said[5] for word in ("judge", "people_low", "corrected_low", "too poor to help"))
    assert "win_rate_low" in said[6]
    assert any("image/png" in o.get("data", {}) for o in cells[-1]["outputs"])
