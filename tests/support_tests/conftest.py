"""Fixtures of the fake server, for its own tests."""

from support.server.fixtures import certificate, fake_proxy, fake_server

__all__ = ["certificate", "fake_proxy", "fake_server"]
