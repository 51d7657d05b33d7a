"""Streams: what goes to a pipe, to a terminal, and to somebody who has stopped reading."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import support.command
from support.inside import MODELS, evalh
from support.server import FakeServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and terminals of POSIX")


@pytest.mark.parametrize("arguments", [("--help",), ("models", "list"), ("show", "results/core-80--baseline")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    """`evalh … | head`: exit code 0 and nothing on standard error, whether little or much is printed."""
    if arguments[0] == "show":
        assert evalh("run", "--quiet", "--no-report").code == 0
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([sys.executable, "-m", "evalh", *arguments], stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def _on_a_terminal(*arguments: str | Path, env: dict[str, str]) -> str:
    """What a command prints on a terminal of its own."""
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "evalh", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env},
    ) as process:
        os.close(follower)
        parts = []
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
        assert process.wait() == 0
    os.close(leader)
    return b"".join(parts).decode("utf-8", "replace")


def test_no_color_is_honoured(finished: Path) -> None:
    """On a terminal the leaderboard is in colour or bold; with NO_COLOR not one colour is set."""
    import re

    colour = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|4[0-9]|9[0-7])[0-9;]*m")
    shown = _on_a_terminal("report", finished, "--no-report", env={})
    plain = _on_a_terminal("report", finished, "--no-report", env={"NO_COLOR": "1"})
    assert "\x1b[" in shown
    assert not colour.search(plain)
    assert not colour.search(_on_a_terminal("show", finished, env={"NO_COLOR": "1"}))


def test_nothing_but_text_goes_to_a_pipe(finished: Path) -> None:
    """Away from a terminal there is no escape sequence at all, even where colours are asked for elsewhere."""
    for arguments in (("report", finished, "--no-report"), ("show", finished), ("models", "list")):
        done = support.command.evalh(*arguments, env={"TERM": "xterm-256color"})
        assert "\x1b" not in done.stdout + done.stderr


def test_output_is_utf_8_whatever_the_locale(finished: Path) -> None:
    """A locale without UTF-8 changes nothing in what is written."""
    utf8 = support.command.evalh("report", finished, "--no-report")
    other = support.command.evalh("report", finished, "--no-report", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert other.returncode == 0
    assert other.stdout == utf8.stdout
    assert "–" in other.stdout


def test_retries_are_said_with_v_only(fake_server: Callable[..., FakeServer]) -> None:
    """Every retry and its reason with -v; without it the final line counts them."""
    rules = [{"kind": "500", "count": 1}]
    for options, said in (((), False), (("-v",), True)):
        server = fake_server(rules=rules)
        Path("evalh.toml").write_text(f'[models.one]\nbase_url = "{server.base_url}"\nmodel = "m"\n', "utf-8")
        done = evalh("answer", "--models", "one", "--limit", "2", "--out", f"results/{said}", *options)
        assert done.code == 0, done.err
        assert ("; try 2 in" in done.err) == said
        assert "1 retries" in done.err


def test_progress_counts_what_came_from_the_ledger() -> None:
    """A second folder is filled without asking, and the last line says how much came from the ledger."""
    for out in ("results/a", "results/b"):
        done = evalh("answer", *MODELS, "--limit", "2", "--out", out)
        assert done.code == 0
    assert "4 from the ledger" in done.err
