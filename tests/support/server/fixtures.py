"""Pytest fixtures: name ``support.server.fixtures`` in ``pytest_plugins``, or import them all in a ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import tls as certificates
from .client import FakeServer
from .proxy import FakeProxy
from .tls import Certificate

Factory = Callable[..., FakeServer]


@pytest.fixture(scope="session")
def server_pool() -> Iterator[list[FakeServer]]:
    """Keep servers that wait for their next test: renewing one takes a hundredth of starting one."""
    idle: list[FakeServer] = []
    yield idle
    for server in idle:
        server.stop()


@pytest.fixture
def fake_server(server_pool: list[FakeServer]) -> Iterator[Factory]:
    """Get servers with the settings given; every one is as good as new, and none outlives the session."""
    lent: list[FakeServer] = []
    owned: list[FakeServer] = []

    def lend(*, port: int = 0, limit: float = 0.0, tls: Certificate | None = None, **settings: Any) -> FakeServer:
        special = bool(port or limit or tls)
        if server_pool and not special:
            server = server_pool.pop()
            server.renew(**settings)
        else:
            server = FakeServer(port=port, limit=limit or 3600.0, tls=tls, **settings).start()
        (owned if special else lent).append(server)
        return server

    yield lend
    for server in owned:
        server.stop()
    for server in lent:
        try:
            if server.alive:
                server.reset(hang_up=True)
                server_pool.append(server)
        except OSError:  # it refuses connections by script, or died
            pass
        if server not in server_pool:
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
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a self-signed certificate once; skip where there is no openssl command."""
    if not certificates.available():
        pytest.skip("no openssl command to make a certificate with")
    folder: Path = tmp_path_factory.mktemp("tls")
    return certificates.make(folder)
