"""Plain HTTP calls for the tests of the fake server."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any

from support.server import FakeServer


@dataclass(frozen=True)
class Got:
    """A reply read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What the model said."""
        said = self.json["choices"][0]["message"]["content"]
        assert isinstance(said, str)
        return said


def chat_body(text: str = "Why is the sky blue?", model: str = "vicuna", **more: Any) -> dict[str, Any]:
    """Return the body of a chat request with one user message."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def ask(server: FakeServer, method: str, path: str, body: Any = None, **headers: str) -> Got:
    """Send one request over a connection of its own and read the reply."""
    data = body if isinstance(body, bytes | None) else json.dumps(body)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return Got(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())


def chat(server: FakeServer, text: str = "Why is the sky blue?", model: str = "vicuna", **more: Any) -> Got:
    """Ask one question over a connection of its own."""
    return ask(server, "POST", "/v1/chat/completions", chat_body(text, model, **more))


def raw(server: FakeServer, data: bytes, replies: int = 0) -> bytes:
    """Send bytes as they are and return all that comes back until the server hangs up (or so many heads came)."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as sock:
        sock.sendall(data)
        got = b""
        while part := sock.recv(65_536):
            got += part
            if replies and got.count(b"HTTP/1.1 ") >= replies and got.endswith(b"}"):
                break
        return got


def shout(body: dict[str, Any], n_seen: int) -> str:
    """Answer with the question in capitals and how often it was asked before."""
    return f"{body['messages'][-1]['content'].upper()} {n_seen}"
