"""`evalh.testing`: an assertion that says what `evalh compare` says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import evalh as library
from cli.test_compare import answers, questions, run
from evalh.errors import BadConfig, RunMismatch, StoreError
from evalh.testing import assert_not_worse
from support.inside import evalh

__all__ = ["questions"]
DOCS = Path(__file__).resolve().parents[1] / "docs" / "comparing.md"


@pytest.fixture
def runs(questions: str) -> None:
    """Two runs of `mine`: a good one in results/good, and in results/bad one that is worse on every question."""
    run(f"{answers('mine', 6)}", questions, "results/good", "--mode", "absolute")
    run(f"{answers('mine', 1)}", questions, "results/bad", "--mode", "absolute")


def _sentence(*arguments: str) -> str:
    return evalh("compare", *arguments).out.splitlines()[0]


def test_a_loss_fails_with_the_sentence(runs: None) -> None:
    """Folders, names and runs that are read already; the message begins with the sentence of `evalh compare`."""
    opened = library.load("bad")
    for old, new in (("results/good", "results/bad"), ("good", Path("results/bad")), (library.load("good"), opened)):
        with pytest.raises(AssertionError) as caught:
            assert_not_worse(old, new)
        first, second = str(caught.value).splitlines()
        assert first == _sentence("good", "bad")
        assert re.fullmatch(r"mine \(bad\) is significantly worse than mine \(good\) \(p < 0\.001\)", second)


def test_what_is_not_worse_passes(runs: None) -> None:
    """A gain, and the same run twice; what was compared comes back."""
    found = assert_not_worse("good", "good", models="mine")
    assert (found.main.value.value, found.main.p_value) == (0.0, 1.0)
    assert (assert_not_worse("bad", "good", judge="baseline", figure="mean_score").main.value.value or 0.0) > 0


def test_one_run_may_hold_both(questions: str) -> None:
    """With one run the two models are named; the figure is the one of their own games."""
    run(f"{answers('old', 1)},{answers('new', 6)}", questions, "results/x")
    assert assert_not_worse("x", models=["old", "new"]).main.figure == "win_rate"
    with pytest.raises(AssertionError, match=r"^old is worse than new: of the games between the two it won 0\.0%"):
        assert_not_worse("x", models=("new", "old"))


def test_how_sure_is_enough(runs: None) -> None:
    """alpha, fail_under and margin: each decides where it stands, and says so."""
    d = assert_not_worse("bad", "good").main.value
    assert d.value is not None
    assert d.low is not None
    assert_not_worse("good", "bad", alpha=1e-9)
    assert_not_worse("bad", "good", fail_under=d.value - 0.001)
    with pytest.raises(AssertionError, match=r"the difference, .*, is below --fail-under"):
        assert_not_worse("bad", "good", fail_under=d.value + 0.001)
    assert_not_worse("good", "bad", alpha=1e-9, margin=10)
    with pytest.raises(AssertionError, match=r"a loss of more than the margin, 0\.01, is not ruled out: .* begins at -"):
        assert_not_worse("good", "bad", alpha=1e-9, margin=0.01)


def test_what_cannot_be_compared_is_no_pass_and_no_failure(runs: None) -> None:
    """Another judge, a run that is not there, a name that is unclear: errors of evalh, as on the command line."""
    with pytest.raises(StoreError, match="is not a run folder"):
        assert_not_worse("good", "nowhere")
    with pytest.raises(BadConfig):
        assert_not_worse("good", models="mine")
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        assert_not_worse("good", "bad", alpha=5)
    with pytest.raises(ValueError, match="margin"):
        assert_not_worse("good", "bad", margin=-0.1)
    changed = library.load("bad")
    judge = changed.manifest["judges"]["baseline"]
    judge["variants"] = dict.fromkeys(judge["variants"], "another")
    with pytest.raises(RunMismatch, match="judge baseline is not the same"):
        assert_not_worse("bad", changed)
    notes = assert_not_worse("bad", changed, accept_judge_change=True).notes
    assert any("a difference may be the judge's" in note for note in notes)


def test_the_example_of_the_docs_under_pytest(runs: None) -> None:
    """The test file of docs/comparing.md: it fails on its own line with the sentence, without evalh's frames."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    Path("test_models.py").write_text(block)
    for name, held in (("main", "good"), ("candidate", "bad")):
        Path("results", name).symlink_to(held)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_models.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert ">       assert_not_worse(" in done.stdout
    assert "AssertionError: mine (bad) is worse than mine (good): its mean score is" in done.stdout
    assert "testing.py" not in done.stdout
