"""Pytest fixtures: list ``support.server.fixtures`` in ``pytest_plugins``, or import them in a ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import tls
from .client import FakeServer
from .proxy import FakeProxy

Factory = Callable[..., FakeServer]


@pytest.fixture
def fake_server() -> Iterator[Factory]:
    """Start servers with the settings given; each ends with the test, by the process that was started for it."""
    started: list[FakeServer] = []

    def start(**settings: Any) -> FakeServer:
        server = FakeServer(**settings).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def fake_proxy() -> Iterator[Callable[..., FakeProxy]]:
    """Start forward proxies; each ends with the test."""
    started: list[FakeProxy] = []

    def start(**options: Any) -> FakeProxy:
        proxy = FakeProxy(**options).start()
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tls.Certificate:
    """Make a self-signed certificate once; skip where there is no openssl command."""
    if not tls.available():
        pytest.skip("no openssl command to make a certificate with")
    folder: Path = tmp_path_factory.mktemp("tls")
    return tls.make(folder)
