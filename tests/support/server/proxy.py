"""A tiny forward proxy on the loopback: CONNECT and absolute-form requests, counted.

It connects to 127.0.0.1 only. Names are looked up in its own table
(``resolve={"api.example.test:80": 8000}``), so a request for a name that no
resolver knows proves that it went through the proxy.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from .app import HOST
from .client import _Child

_LOCAL = ("127.0.0.1", "localhost")


class Proxy:
    """The proxy as it runs in its own process."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Take ``resolve`` (host:port -> local port) and ``credentials`` (user:password)."""
        self.resolve: dict[str, int] = options.get("resolve", {})
        self.credentials: str = options.get("credentials", "")
        self.counts: Counter[str] = Counter()
        self.targets: Counter[str] = Counter()
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[Any]] = set()

    async def listen(self, port: int = 0) -> int:
        """Open the port and return it."""
        self.server = await asyncio.start_server(self._client, HOST, port)
        return int(self.server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop listening and drop what is under way."""
        if self.server is not None:
            self.server.close()
        for task in self.tasks:
            task.cancel()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.counts["broken"] += 1
        except asyncio.CancelledError:
            pass  # only `stop` cancels, and the streams of asyncio would complain of a cancelled task
        finally:
            self.tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False ends the connection."""
        head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        lines = head.split(b"\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if target == "/_stats":
            self._answer(writer, 200, json.dumps({"counts": self.counts, "targets": self.targets}).encode())
            return False
        if self.credentials:
            wanted = b"Basic " + base64.b64encode(self.credentials.encode())
            if headers.get(b"proxy-authorization") != wanted:
                self.counts["refused"] += 1
                self._answer(writer, 407, b"", b"proxy-authenticate: Basic\r\n")
                return False
        if method == "CONNECT":
            return await self._tunnel(target, reader, writer)
        url = urlsplit(target)
        upstream = await self._open(f"{url.hostname}:{url.port or 80}", writer)
        if upstream is None:
            return False
        self.counts["forwarded"] += 1
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:"))]
        start = f"{method} {path} HTTP/1.1".encode()
        upstream[1].write(b"\r\n".join([start, *kept, b"connection: close", b"", b""]))
        # One request for a connection keeps this short: the upstream closes after its reply, and so do we.
        await self._pipe_both(reader, writer, *upstream)
        return False

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        upstream = await self._open(target, writer)
        if upstream is not None:
            self.counts["tunnels"] += 1
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._pipe_both(reader, writer, *upstream)
        return False

    async def _open(
        self, target: str, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self.targets[target] += 1
        host, _, port = target.rpartition(":")
        local = self.resolve.get(target, int(port) if host in _LOCAL else 0)
        try:
            if not local:
                raise ConnectionRefusedError
            return await asyncio.open_connection(HOST, local)
        except OSError:
            self.counts["unreachable"] += 1
            self._answer(writer, 502, b"no such target")
            return None

    @staticmethod
    def _answer(writer: asyncio.StreamWriter, status: int, body: bytes, extra: bytes = b"") -> None:
        writer.write(
            b"HTTP/1.1 %d Proxy\r\nconnection: close\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), extra, body)
        )

    @staticmethod
    async def _pipe_both(
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        """Copy both ways until either side ends."""
        ways = [asyncio.create_task(_copy(reader, up_writer)), asyncio.create_task(_copy(up_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


class FakeProxy(_Child):
    """A forward proxy in a process of its own; `url` is what the proxy variables are set to."""

    def __init__(self, *, resolve: dict[str, int] | None = None, credentials: str = "", limit: float = 600.0) -> None:
        """Say where names lead and whether a user and password (``user:password``) are asked for."""
        self._credentials = credentials
        # Made-up credentials of a test may stand in the process list; real ones have no place here.
        options = json.dumps({"resolve": resolve or {}, "credentials": credentials})
        super().__init__(["--proxy", options], limit=limit)

    @property
    def url(self) -> str:
        """The proxy's address, with the credentials it asks for."""
        user = f"{self._credentials}@" if self._credentials else ""
        return f"http://{user}127.0.0.1:{self.port}"

    def stats(self) -> dict[str, dict[str, int]]:
        """Return counts (forwarded, tunnels, refused, unreachable, broken) and requests by target."""
        return dict(self._call("GET", "/_stats"))
