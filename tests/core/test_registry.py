"""Entry points by name: suggestions, one owner each, and errors of other people's packages."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from evalh.core import registry
from evalh.errors import ConfigError, MissingExtra, UnknownName


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Entry points as if packages had been installed."""
    made: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in made if p.group == group])
    registry.registered.cache_clear()
    yield made
    registry.registered.cache_clear()


def test_our_own_backends_are_registered() -> None:
    """What pyproject.toml promises is there, sorted, and not imported before it is asked for."""
    assert list(registry.registered("evalh.backends")) == ["file", "ollama", "openai", "scripted"]


def test_a_name_is_loaded_on_use(points: list[EntryPoint]) -> None:
    """The object that the entry point names."""
    points += [EntryPoint("b", "json:dumps", "g"), EntryPoint("a", "json:loads", "g"), EntryPoint("c", "json", "other")]
    import json

    assert list(registry.registered("g")) == ["a", "b"]
    assert registry.load("g", "a", "thing") is json.loads


def test_a_misspelt_name_gets_the_nearest(points: list[EntryPoint]) -> None:
    """Nobody's name is answered with kind, suggestions and the caller's hint."""
    points += [EntryPoint("openai", "json", "g"), EntryPoint("ollama", "json", "g")]
    with pytest.raises(UnknownName) as caught:
        registry.load("g", "opnai", "backend", "Or install one.")
    assert str(caught.value) == "unknown backend 'opnai'. Did you mean 'openai'? Or install one."
    assert (caught.value.kind, caught.value.name, caught.value.suggestions) == ("backend", "opnai", ["openai"])


def test_two_owners_of_one_name_are_refused(points: list[EntryPoint]) -> None:
    """Which of them won would depend on the order of installation, so neither does."""
    points += [EntryPoint("x", "one:open", "g"), EntryPoint("x", "two:open", "g")]
    with pytest.raises(ConfigError, match="two installed packages claim 'x' in g: one:open and two:open"):
        registry.registered("g")


def test_one_owner_seen_twice_is_no_quarrel(points: list[EntryPoint]) -> None:
    """An editable install beside a wheel shows the same entry point twice."""
    points += [EntryPoint("x", "json:loads", "g"), EntryPoint("x", "json:loads", "g")]
    assert list(registry.registered("g")) == ["x"]


class Owner:
    """A distribution, as much of it as is asked for."""

    name = "evalh-extra"


@pytest.mark.parametrize("value", ["evalh_not_there:open", "json:not_there"])
def test_a_package_that_cannot_be_imported_is_named(points: list[EntryPoint], value: str) -> None:
    """A missing dependency of a plugin says which plugin, and keeps its cause for -vv."""
    owned: Any = EntryPoint("x", value, "g")
    vars(owned)["dist"] = Owner()
    points.append(owned)
    with pytest.raises(MissingExtra, match="backend 'x' of the package evalh-extra cannot be loaded") as caught:
        registry.load("g", "x", "backend")
    assert isinstance(caught.value.__cause__, ImportError | AttributeError)
