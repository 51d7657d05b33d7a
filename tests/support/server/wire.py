"""HTTP/1.1 by hand: one asyncio Protocol that reads requests and delivers replies, faulty ones too.

Written for speed, since benchmarks measure clients against it on the same
machine: no framework, no task and no future for a request.
"""

from __future__ import annotations

import asyncio
import http
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
_HEADS: dict[tuple[int, str], bytes] = {}
_MAX_HEAD = 64 * 1024
_RST = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST instead of FIN
_HARD = {"reset", "reset_body"}


@dataclass(slots=True)
class Request:
    """One request as it was read."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    arrived: float
    fresh: bool = False  # the first request of its connection


@dataclass(slots=True)
class Reply:
    """One reply, how it is delivered and what is counted once it is out."""

    status: int
    body: bytes
    content_type: str = "application/json"
    extra: bytes = b""  # more header lines, each with its line end
    delay: float = 0.0
    delivery: str = "plain"  # or reset, close, reset_body, cut_body, drip, hang
    pieces: int = 1
    seconds: float = 0.0
    counted: bool = True  # False for the control paths
    fault: str = ""
    path: str = ""
    model: str = ""
    digest: bytes = b""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    log: list[object] | None = None


class Handler(Protocol):
    """What a connection needs of the server behind it."""

    chunked: bool
    requests_per_connection: int

    def opened(self, connection: Connection) -> None:
        """Note a new connection."""

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""

    def handle(self, request: Request, connection: Connection) -> Reply:
        """Decide the reply to a request."""

    def finished(self, reply: Reply, whole: bool) -> None:
        """Count a reply that went out whole, or did not."""


class BadHead(Exception):
    """The bytes received are not an HTTP/1.1 request."""


def head_of(status: int, content_type: str) -> bytes:
    """Return status line and the headers that every reply of this kind has."""
    key = (status, content_type)
    found = _HEADS.get(key)
    if found is None:
        found = f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\ncontent-type: {content_type}\r\n".encode()
        _HEADS[key] = found
    return found


class Connection(asyncio.Protocol):
    """One client connection; requests are answered one after the other."""

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare for a connection that is not there yet."""
        self.handler = handler
        self.loop = loop
        self.transport: asyncio.Transport  # from `connection_made` on
        self.buffer = bytearray()
        self.head: tuple[str, str, str, dict[bytes, bytes], int] | None = None
        self.reply: Reply | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.last = False  # the reply under way is this connection's last one
        self.over = False
        self.draining = False
        self.asked = self.served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to listen; a limit of 0 makes `resume_writing` tell when the last byte is out."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        self.handler.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the reply under way."""
        self._cancel()
        if self.reply is not None:
            reply, self.reply = self.reply, None
            self.handler.finished(reply, False)
        self.over = True
        self.handler.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; while a reply is under way they wait in the buffer."""
        self.buffer += data
        self._serve()

    def resume_writing(self) -> None:
        """Go on once a large reply is out."""
        if self.draining:
            self.draining = False
            self._done()
            self._serve()

    def _serve(self) -> None:
        """Answer what is in the buffer, unless a reply is under way."""
        while self.reply is None and not self.over:
            try:
                request = self._parse()
            except (BadHead, ValueError):
                self.transport.write(head_of(400, "text/plain") + b"content-length: 0\r\nconnection: close\r\n\r\n")
                self.over = True
                self.transport.close()
                return
            if request is None:
                return
            self.reply = reply = self.handler.handle(request, self)
            if reply.delay > 0:  # the server's own work is part of the latency that it was told
                self.timer = self.loop.call_at(request.arrived + reply.delay, self._fire)
            else:
                self._send(reply)

    def _fire(self) -> None:
        self.timer = None
        reply = self.reply
        if reply is not None:
            self._send(reply)
            self._serve()

    def _parse(self) -> Request | None:
        buffer = self.buffer
        if self.head is None:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > _MAX_HEAD:
                    raise BadHead
                return None
            self.head = self._parse_head(bytes(buffer[:end]))
            del buffer[: end + 4]
        method, path, query, headers, length = self.head
        if length >= 0:
            if len(buffer) < length:
                return None
            body = bytes(buffer[:length])
            del buffer[:length]
        else:
            found = _unchunk(buffer)
            if found is None:
                return None
            body, used = found
            del buffer[:used]
        self.head = None
        self.asked += 1
        return Request(method, path, query, headers, body, self.loop.time(), self.asked == 1)

    def _parse_head(self, head: bytes) -> tuple[str, str, str, dict[bytes, bytes], int]:
        first, *lines = head.split(b"\r\n")
        parts = first.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            raise BadHead
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = int(headers.get(b"content-length", b"0"))
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            length = -1
        if headers.get(b"connection", b"").lower() == b"close" or parts[2] == b"HTTP/1.0":
            self.last = True
        if headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = parts[1].decode("ascii").partition("?")
        return parts[0].decode("ascii"), path, query, headers, length

    def _send(self, reply: Reply) -> None:
        delivery = reply.delivery
        if delivery == "plain":
            self._write(self._frame(reply))
        elif delivery == "drip":
            self._drip(reply, 0, self._frame(reply, plain=True))
        elif delivery == "hang":
            pass  # the reply stays under way until the client goes
        else:
            if delivery in ("reset_body", "cut_body"):
                whole = self._frame(reply, plain=True)
                self.transport.write(whole[: len(whole) - max(len(reply.body) // 2, 1)])
            self.drop(hard=delivery in _HARD)

    def _frame(self, reply: Reply, plain: bool = False) -> bytes:
        body = reply.body
        head = head_of(reply.status, reply.content_type)
        close = b"connection: close\r\n" if self.last else b""
        if self.handler.chunked and not plain and body:
            half = len(body) // 2
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
            return b"%btransfer-encoding: chunked\r\n%b%b\r\n%b0\r\n\r\n" % (head, close, reply.extra, chunks)
        return b"%bcontent-length: %d\r\n%b%b\r\n%b" % (head, len(body), close, reply.extra, body)

    def _drip(self, reply: Reply, sent: int, whole: bytes) -> None:
        """Send the head with the first piece, then a piece at a time."""
        self.timer = None
        head = len(whole) - len(reply.body)
        upto = head + len(reply.body) * (sent + 1) // reply.pieces
        start = 0 if sent == 0 else head + len(reply.body) * sent // reply.pieces
        if sent + 1 >= reply.pieces:
            self._write(whole[start:])
            self._serve()
            return
        self.transport.write(whole[start:upto])
        self.timer = self.loop.call_later(reply.seconds / (reply.pieces - 1), self._drip, reply, sent + 1, whole)

    def _write(self, data: bytes) -> None:
        self.transport.write(data)
        if self.transport.get_write_buffer_size() == 0:
            self._done()
        else:
            self.draining = True

    def _done(self) -> None:
        reply, self.reply = self.reply, None
        if reply is None:
            return
        self.served += 1
        limit = self.handler.requests_per_connection
        if limit and self.served >= limit:
            self.last = True
        self.handler.finished(reply, not self.transport.is_closing())
        if self.last:
            self.over = True
            self.transport.close()

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def drop(self, hard: bool) -> None:
        """End the connection now: with RST if hard, else with FIN after what was written."""
        self._cancel()
        self.over = True
        if not hard:
            self.transport.close()
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self.transport.abort()


def _unchunk(buffer: bytearray) -> tuple[bytes, int] | None:
    """Decode a chunked body from the start of the buffer: the body and the bytes used, or None if it is not all there."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(buffer[at:end].split(b";")[0], 16)
        at = end + 2
        if size == 0:
            done = buffer.find(b"\r\n", at)
            while done > at:  # trailers end with an empty line
                at = done + 2
                done = buffer.find(b"\r\n", at)
            return None if done < 0 else (b"".join(parts), done + 2)
        if len(buffer) < at + size + 2:
            return None
        parts.append(bytes(buffer[at : at + size]))
        at += size + 2
