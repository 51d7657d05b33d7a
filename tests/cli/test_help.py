"""Help: the same words everywhere, an example on every command, and a page that is never stale."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest

from evalh.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HELP = dict(_generator().commands(cli, "evalh"))


def _command(path: str) -> click.Command:
    """The command of a full name such as "evalh judges list"."""
    found: click.Command = cli
    for name in path.split()[1:]:
        assert isinstance(found, click.Group)
        child = found.get_command(click.Context(found), name)
        assert child is not None
        found = child
    return found


def test_the_page_is_not_stale() -> None:
    """docs/cli.md is what the commands say of themselves; if this fails, run `python docs/generate_cli.py`."""
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == _generator().page()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    """The one-line text in `evalh --help` is the first line of the command's own help, and its name is its own."""
    command = _command(f"evalh {name}")
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]
    assert command.name == name


@pytest.mark.parametrize("path", HELP)
def test_every_help_has_an_example(path: str) -> None:
    """Each help shows at least one line that can be typed, and it begins with the command itself."""
    text = HELP[path]
    _, mark, after = text.partition("Example")
    assert mark, path
    lines = re.findall(r"^\s+(evalh\b.*)$", after, re.MULTILINE)
    assert any(line.startswith(path) for line in lines), lines


@pytest.mark.parametrize("path", HELP)
def test_examples_can_be_parsed(path: str) -> None:
    """Every option and argument in an example is one that its command takes."""
    for line in re.findall(r"^ +(evalh .*)$", HELP[path].partition("Options:")[0], re.MULTILINE):
        words = shlex.split(re.split(r"\s{3,}|\s\|\s", line)[0])[1:]
        found: click.Command = cli
        while words and isinstance(found, click.Group):
            child = found.get_command(click.Context(found), words.pop(0))
            assert child is not None, line
            found = child
        found.make_context("evalh", words)


@pytest.mark.parametrize("path", HELP)
def test_every_option_is_explained(path: str) -> None:
    """No option without a sentence; no short text that is cut off."""
    for parameter in _command(path).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert not re.search(r"\.\.\.$", HELP[path].partition("Commands:")[2], re.MULTILINE)


def test_the_same_word_means_the_same() -> None:
    """An option that several commands share has the same help everywhere, but for those that say what they default to."""
    texts: dict[str, set[str]] = {}
    for path in HELP:
        for parameter in _command(path).params:
            if isinstance(parameter, click.Option) and parameter.opts[0] not in (
                "--models",
                "--out",
                "--question",
                "--mode",
                "--judge",
                "--samples",
                "--with",
            ):
                texts.setdefault(parameter.opts[0], set()).add(str(parameter.help))
    assert {name: found for name, found in texts.items() if len(found) > 1} == {}
