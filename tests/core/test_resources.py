"""Where question sets and judges are found: the order of places, explicit paths, plugins."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from evalh.core import registry, resources
from evalh.errors import MissingExtra


def put(folder: Path, name: str = "mine") -> Path:
    """A question set of a name below a folder."""
    made = folder / "questions" / name
    made.mkdir(parents=True)
    (made / "questions.jsonl").write_text("{}\n")
    return made


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the plugins that a test names."""
    monkeypatch.setattr(registry, "registered", lambda group: {})


def test_the_first_place_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Working folder, EVALH_PATH in its order, user data folder, built in."""
    env = {"EVALH_PATH": f"{tmp_path / 'p1'}:{tmp_path / 'p2'}::", "EVALH_HOME": str(tmp_path / "data")}
    order = [Path.cwd(), tmp_path / "p1", tmp_path / "p2", tmp_path / "data"]
    seen = []
    for folder in reversed(order):
        put(folder)
        found = resources.find("questions", "mine", env)
        assert found is not None
        assert found.path == folder / "questions" / "mine"
        seen.append(found.origin)
    assert seen == ["user data folder", f"EVALH_PATH ({tmp_path / 'p2'})", f"EVALH_PATH ({tmp_path / 'p1'})", "working folder"]
    assert [place for place, _ in resources.places("questions", env)][-1] == "built in"


def test_what_we_ship_is_found_and_can_be_covered() -> None:
    """A built-in name is found anywhere, until something nearer has the same name."""
    shipped = resources.find("questions", "core-80")
    assert shipped is not None
    assert shipped.origin == "built in"
    put(Path.cwd(), "core-80")
    nearer = resources.find("questions", "core-80")
    assert nearer is not None
    assert nearer.origin == "working folder"
    judge = resources.find("judges", "gpt-4")
    assert judge is not None
    assert (judge.path / "judge.toml").is_file()


def test_found_lists_each_winner_once(tmp_path: Path) -> None:
    """The list is by name, and says for each which place won; what is no resource is passed over."""
    put(tmp_path / "p1", "zebra")
    put(tmp_path / "p1", "core-80")
    (tmp_path / "p1" / "questions" / "empty").mkdir()
    names = {f.name: f.origin for f in resources.found("questions", {"EVALH_PATH": str(tmp_path / "p1")})}
    assert list(names) == sorted(names)
    assert names["core-80"] == names["zebra"] == f"EVALH_PATH ({tmp_path / 'p1'})"
    assert names["two-turn-16"] == "built in"
    assert "empty" not in names


def test_an_explicit_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set folder or a .jsonl file is taken as given, absolute, relative, or a folder right here."""
    made = put(tmp_path)
    file = made / "questions.jsonl"
    monkeypatch.chdir(made.parent)
    for name, path in ((str(made), made), ("./mine", Path("mine")), ("mine", Path("mine")), (str(file), file)):
        found = resources.find("questions", name)
        assert found is not None
        assert (found.path, found.origin) == (path, "path")
    monkeypatch.chdir(made)
    here = resources.find("questions", ".")
    assert here is not None
    assert here.name == "mine"


def test_nothing_is_nothing() -> None:
    """A name, a path or a judge's file that is not there is None, not an error."""
    assert resources.find("questions", "nobody") is None
    assert resources.find("questions", "/nowhere/nobody") is None
    assert resources.find("judges", "nobody.jsonl") is None


def test_the_data_folder_is_that_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """EVALH_HOME, else XDG_DATA_HOME, else below the home; on Windows LOCALAPPDATA."""
    monkeypatch.setenv("HOME", "/home/x")
    assert resources.user_data({"EVALH_HOME": "~/mine"}) == Path("/home/x/mine")
    assert resources.user_data({"XDG_DATA_HOME": "/data"}) == Path("/data/evalh")
    assert resources.user_data({}) == Path("/home/x/.local/share/evalh")


def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Register a module as the data package `extra`."""
    monkeypatch.setattr(registry, "registered", lambda group: {"extra": EntryPoint("extra", module, group)})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.mark.parametrize("form", ["package", "namespace", "module"])
def test_a_plugin_carries_its_own_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """A package with or without __init__.py, or a module beside its data, before what is built in."""
    name = f"evalh_data_{form}"
    root = tmp_path if form == "module" else tmp_path / name
    put(root, "theirs")
    put(root, "core-80")
    if form != "namespace":
        (tmp_path / f"{name}.py" if form == "module" else root / "__init__.py").write_text("")
    plugin(tmp_path, monkeypatch, name)
    found = resources.find("questions", "theirs")
    assert found is not None
    assert (found.path, found.origin) == (root / "questions" / "theirs", "plugin extra")
    covered = resources.find("questions", "core-80")
    assert covered is not None
    assert covered.origin == "plugin extra"
    assert {f.name: f.origin for f in resources.found("questions")}["two-turn-16"] == "built in"
    sys.modules.pop(name, None)


def test_a_broken_plugin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data package that cannot be imported is an error that says whose, not a traceback."""
    plugin(tmp_path, monkeypatch, "evalh_data_gone")
    with pytest.raises(MissingExtra, match="data package 'extra' of the package evalh_data_gone cannot be loaded"):
        resources.find("questions", "theirs")
