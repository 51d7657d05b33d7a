"""Routing, keys, control paths and the listening socket."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from collections import Counter
from hashlib import blake2b
from typing import Any

import orjson

from . import errors
from .batch import BatchQueue
from .chat import Chat
from .completion import spoil_bytes
from .settings import Settings
from .stats import Stats
from .wire import Connection, Reply, Request

HOST = "127.0.0.1"


class App:
    """One fake server."""

    def __init__(self, settings: Settings, tls: ssl.SSLContext | None = None) -> None:
        """Prepare a server that does not listen yet."""
        self.tls = tls
        self.port = 0
        self.server: asyncio.Server | None = None
        self.connections: set[Connection] = set()
        self.request_count = 0
        self.other_seen: Counter[bytes] = Counter()
        self.tasks: set[asyncio.Task[None]] = set()
        self.stats = Stats(settings.log_size)
        self.configure(settings)
        self.batches = BatchQueue(self)

    def configure(self, settings: Settings) -> None:
        """Take other settings; counts of requests go on, those of the rules start afresh."""
        self.settings = settings
        self.chunked = settings.chunked
        self.requests_per_connection = settings.requests_per_connection
        self.chat = Chat(settings, self.stats)

    def reset(self, batches: bool = False) -> None:
        """Forget all counts, and files and batches too if asked; requests under way stay under way."""
        old, self.stats = self.stats, Stats(self.settings.log_size)
        self.stats.in_flight = old.in_flight
        self.other_seen.clear()
        self.request_count = 0
        self.configure(self.settings)
        if batches:
            self.batches = BatchQueue(self)

    # What a connection calls.

    def opened(self, connection: Connection) -> None:
        """Note a new connection."""
        self.connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    def finished(self, reply: Reply, whole: bool) -> None:
        """Count a reply that went out whole, or did not."""
        if reply.counted:
            self.stats.finish(reply, whole)

    def handle(self, request: Request, connection: Connection) -> Reply:
        """Decide the reply to a request."""
        path = request.path
        if path.startswith("/_"):
            return self._control(request, connection)
        try:
            reply = self._refused(request) or self._answer(request)
        except Exception as fault:  # a model function of a test, or our own mistake: say so and go on
            traceback.print_exc()
            reply = errors.failure(500, f"The fake server itself failed: {fault!r}", "server_error")
            reply.fault = "internal"
        self.request_count += 1
        reply.extra += b"x-request-id: req_%08d\r\n" % self.request_count
        reply.path = path
        self.stats.begin(request, reply)
        if reply.fault == "refuse":
            self._refuse(reply, connection)
        return reply

    def _answer(self, request: Request) -> Reply:
        if not request.path.endswith("/chat/completions"):
            return self._other(request)
        if request.method == "POST":
            return self.chat.answer(request.body, request.path, in_flight=self.stats.in_flight)
        return errors.failure(405, f"Not allowed to {request.method} here.", "invalid_request_error")

    def _refused(self, request: Request) -> Reply | None:
        key = self.settings.api_key
        if not key:
            return None
        headers = request.headers
        given = headers.get(b"api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if given == key.encode():
            return None
        return errors.refused_key(given.decode("latin-1"), self.settings.echo_key)

    def _other(self, request: Request) -> Reply:
        """Answer everything but chat; scripted faults strike here too if their rules name the path."""
        what = f"{request.method} {request.path}\n".encode()
        digest = blake2b(what + request.body, digest_size=16).digest()
        n_seen = self.other_seen[digest]
        self.other_seen[digest] += 1
        rule = self.chat.script.pick(request.path, "", False, "live", digest, n_seen)
        reply = errors.scripted(rule) if rule is not None else None
        if reply is None:
            reply = self._models(request) or self.batches.handle(request)
            if rule is not None:
                spoil_bytes(rule, reply)
        if rule is not None:
            reply.fault = rule.kind
        return reply

    def _models(self, request: Request) -> Reply | None:
        _, found, name = request.path.partition("/models")
        if not found or request.method != "GET":
            return None
        if name in ("", "/"):
            return Reply(200, orjson.dumps({"object": "list", "data": [_card(n) for n in self.settings.models]}))
        if name[1:] in self.settings.models or not self.settings.strict:
            return Reply(200, orjson.dumps(_card(name[1:])))
        return errors.unknown_model(name[1:])

    # Control.

    def _control(self, request: Request, connection: Connection) -> Reply:
        try:
            result = self._controlled(request, connection)
        except (ValueError, TypeError) as fault:  # JSONDecodeError is a ValueError
            reply = errors.invalid(str(fault))
        else:
            reply = Reply(200, orjson.dumps(result))
            if result is None:
                reply = errors.failure(404, f"No control path {request.method} {request.path}.", "invalid_request_error")
        reply.counted = False
        return reply

    def _controlled(self, request: Request, connection: Connection) -> Any:
        what = (request.method, request.path)
        data = orjson.loads(request.body) if request.body else {}
        if what == ("GET", "/_stats"):
            return {**self.stats.to_json(), "open_connections": len(self.connections)}
        if what == ("GET", "/_log"):
            return self.stats.log_json()
        if what == ("GET", "/_bodies"):
            return self.stats.bodies_json()
        if what == ("POST", "/_reset"):
            self.reset(bool(data.get("batches")))
            if data.get("hang_up"):
                self._hang_up(connection)
        elif what == ("POST", "/_faults"):
            self.configure(self.settings.changed(data))
        else:
            return None
        return {"ok": True}

    # Listening.

    async def listen(self, port: int = 0) -> int:
        """Open the loopback port, any free one for 0, and return it."""
        sock = self._bound(port)
        self.port = sock.getsockname()[1]
        await self._start(sock)
        return self.port

    def _bound(self, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.setblocking(False)
        return sock

    async def _start(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self, loop), sock=sock, ssl=self.tls, backlog=2048)

    def _refuse(self, reply: Reply, connection: Connection) -> None:
        """Close the listening socket for some seconds and reset every connection, as a server that dies does."""
        loop = asyncio.get_running_loop()
        reply.delivery, reply.delay = "reset", 0.0
        if self.server is None:
            return
        server, self.server = self.server, None
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())
        # What has been accepted already is set up first: asyncio would otherwise leave it open and never read from it.
        loop.call_soon(loop.call_soon, self._close_for, server, connection, reply.seconds)

    def _close_for(self, server: asyncio.Server, spared: Connection, seconds: float) -> None:
        server.close()
        # Bound but not listening: the port stays ours and connecting to it is refused.
        sock = self._bound(self.port)
        self._hang_up(spared)
        asyncio.get_running_loop().call_later(seconds, self._listen_again, sock)

    def _listen_again(self, sock: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._start(sock))
        self.tasks.add(task)  # the loop itself would not keep it alive
        task.add_done_callback(self.tasks.discard)

    def _hang_up(self, spared: Connection) -> None:
        """Reset every connection but one."""
        for connection in list(self.connections):
            if connection is not spared:
                connection.drop(hard=True)

    def stop(self) -> None:
        """Stop listening and hang up."""
        if self.server is not None:
            self.server.close()
        for connection in list(self.connections):
            connection.drop(hard=True)


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fake"}
