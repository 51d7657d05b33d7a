"""What the server counts, so that a test can assert exact costs."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Any

import orjson

from .kinds import HARMLESS
from .wire import Reply, Request

_SECRET = (b"authorization", b"api-key", b"proxy-authorization", b"cookie")


class Body:
    """What happened to one body: how often it was seen, replied to with 200, and replied to without a fault."""

    __slots__ = ("clean", "replied", "seen")

    def __init__(self) -> None:
        """Start a body that was not seen."""
        self.seen = self.replied = self.clean = 0


class Stats:
    """Counts since the start or the last reset."""

    def __init__(self, log_size: int) -> None:
        """Start at nothing."""
        self.log: deque[list[Any]] = deque(maxlen=log_size)
        self.total = self.completed = self.abandoned = 0
        self.in_flight = self.max_in_flight = 0
        self.connections = 0
        self.by_path: Counter[str] = Counter()
        self.by_model: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.tokens = [0, 0]
        self.clean_tokens = [0, 0]
        self.tokens_by_model: dict[str, list[int]] = {}
        self.batch_lines = 0
        self.batch_tokens = [0, 0]
        self.batch_faults: Counter[str] = Counter()
        self.first_request: float | None = None
        self.last_reply: float | None = None
        self.bodies: dict[bytes, Body] = {}

    def see(self, digest: bytes) -> int:
        """Note that a body came and return how often it had come before."""
        body = self.bodies.get(digest)
        if body is None:
            body = self.bodies[digest] = Body()
        body.seen += 1
        return body.seen - 1

    def begin(self, request: Request, reply: Reply) -> None:
        """Count a request that is to be answered."""
        self.total += 1
        self.connections += request.fresh
        self.in_flight += 1
        if self.in_flight > self.max_in_flight:
            self.max_in_flight = self.in_flight
        if self.first_request is None:
            self.first_request = request.arrived
        self.by_path[request.path] += 1
        if reply.model:
            self.by_model[reply.model] += 1
        if reply.fault:
            self.by_fault[reply.fault] += 1
        if self.log.maxlen:
            reply.log = [request, reply, None, False]
            self.log.append(reply.log)

    def finish(self, reply: Reply, whole: bool) -> None:
        """Count a reply that went out whole, or was cut off by us or by the client."""
        now = time.monotonic()
        self.in_flight -= 1
        if reply.log is not None:
            reply.log[2:] = [now, whole]
            reply.log = None
        if not whole:
            self.by_status["none"] += 1
            if reply.delivery in ("plain", "drip"):
                self.abandoned += 1
            return
        self.last_reply = now
        self.completed += 1
        self.by_status[str(reply.status)] += 1
        if reply.status == 200 and reply.digest:
            self._bill(reply)

    def _bill(self, reply: Reply) -> None:
        clean = not reply.fault or reply.fault in HARMLESS
        body = self.bodies.get(reply.digest)
        if body is not None:  # else it was forgotten by a reset in between
            body.replied += 1
            body.clean += clean
        by_model = self.tokens_by_model.setdefault(reply.model, [0, 0])
        for account in (self.tokens, by_model, *((self.clean_tokens,) if clean else ())):
            account[0] += reply.prompt_tokens
            account[1] += reply.completion_tokens

    def bill_line(self, reply: Reply) -> None:
        """Count one line of a batch that was answered."""
        self.batch_lines += 1
        if reply.fault:
            self.batch_faults[reply.fault] += 1
        if reply.status == 200:
            body = self.bodies.get(reply.digest)
            if body is not None:
                body.replied += 1
                body.clean += not reply.fault
            self.batch_tokens[0] += reply.prompt_tokens
            self.batch_tokens[1] += reply.completion_tokens

    def to_json(self) -> dict[str, Any]:
        """Return all counts but the table of bodies."""
        return {
            "total": self.total,
            "completed": self.completed,
            "abandoned": self.abandoned,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "connections": self.connections,
            "by_path": self.by_path,
            "by_model": self.by_model,
            "by_status": self.by_status,
            "by_fault": self.by_fault,
            "bodies": {
                "distinct": len(self.bodies),
                "seen_again": sum(body.seen > 1 for body in self.bodies.values()),
                "repeated": {d.hex(): b.replied for d, b in self.bodies.items() if b.replied > 1},
                "repeated_clean": {d.hex(): b.clean for d, b in self.bodies.items() if b.clean > 1},
            },
            "tokens": _tokens(self.tokens),
            "clean_tokens": _tokens(self.clean_tokens),
            "tokens_by_model": {name: _tokens(pair) for name, pair in self.tokens_by_model.items()},
            "batch": {
                "lines": self.batch_lines,
                "tokens": _tokens(self.batch_tokens),
                "by_fault": self.batch_faults,
            },
            "first_request": self.first_request,
            "last_reply": self.last_reply,
            "processor_seconds": time.process_time(),
        }

    def bodies_json(self) -> dict[str, dict[str, int]]:
        """Return, for each body's hash, how often it was seen, replied to with 200, and replied to without a fault."""
        return {d.hex(): {"seen": b.seen, "replied": b.replied, "clean": b.clean} for d, b in self.bodies.items()}

    def log_json(self) -> list[dict[str, Any]]:
        """Return the last requests, oldest first, without any secret."""
        return [_entry(*row) for row in self.log]


def _tokens(pair: list[int]) -> dict[str, int]:
    return {"prompt": pair[0], "completion": pair[1], "total": pair[0] + pair[1]}


def _entry(request: Request, reply: Reply, done: float | None, whole: bool) -> dict[str, Any]:
    headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in request.headers.items() if n not in _SECRET}
    try:
        body: Any = orjson.loads(request.body) if request.body else None
    except orjson.JSONDecodeError:
        body = request.body.decode("utf-8", "replace")
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "authorized": any(name in request.headers for name in _SECRET[:2]),
        "body": body,
        "digest": reply.digest.hex(),
        "arrived": request.arrived,
        "replied": done,
        "whole": whole,
        "status": reply.status,
        "fault": reply.fault,
    }
