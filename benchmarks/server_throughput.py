"""How much the fake server of the tests can take: the ceiling of every benchmark that runs against it.

    python benchmarks/server_throughput.py [--requests 20000] [--connections 64]

Prints requests a second for a canned reply without latency, processor time of
the server for a request, and how late replies are that should take some
milliseconds. Loopback only; a run takes a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.server import FakeServer


class Caller(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the last reply is there."""

    def __init__(self, todo: list[bytes], took: list[float], done: asyncio.Event) -> None:
        """Share the list of requests with the other connections."""
        self.todo, self.took, self.done = todo, took, done
        self.buffer = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def _next(self) -> None:
        if not self.todo:
            self.transport.close()
            return
        self.sent = time.perf_counter()
        self.transport.write(self.todo.pop())

    def data_received(self, data: bytes) -> None:
        """Count a whole reply."""
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.index(b"content-length: ") + 16
        if len(body) >= int(head[at:].split(b"\r", 1)[0]):
            self.buffer = b""
            self.took.append(time.perf_counter() - self.sent)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell when the list is empty, or when the server hung up."""
        self.done.set()


def request(number: int) -> bytes:
    """Return a judge-sized request whose body no other request has."""
    prompt = f"Question {number}: which answer is better? " + "word " * 200
    body = json.dumps({"model": "canned", "messages": [{"role": "user", "content": prompt}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def call(port: int, count: int, connections: int) -> tuple[float, list[float]]:
    """Send so many requests over so many connections; return the seconds it took and each one's own."""
    todo = [request(i) for i in range(count)]
    took: list[float] = []
    loop = asyncio.get_running_loop()
    ends = [asyncio.Event() for _ in range(connections)]
    start = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: Caller(todo, took, end), "127.0.0.1", port)
    for end in ends:
        await asyncio.wait_for(end.wait(), 120)
    return time.perf_counter() - start, took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    with FakeServer(models={"canned": {"kind": "text", "text": "My verdict: [[A]]"}}, limit=300) as server:
        for _ in range(3):
            before = server.stats()["processor_seconds"]
            seconds, took = asyncio.run(call(server.port, arguments.requests, arguments.connections))
            spent = server.stats()["processor_seconds"] - before
            print(
                f"no latency: {len(took) / seconds:8.0f} requests/s, {spent / len(took) * 1e6:6.1f} us of processor a request "
                f"(alone on a core: {len(took) / spent:.0f} requests/s)"
            )
            server.reset()
        for latency, connections in ((0.02, 256), (0.1, 64), (1.0, 1000)):
            server.configure(latency=latency)
            server.reset()
            count = min(arguments.requests, 3 * connections)
            seconds, took = asyncio.run(call(server.port, count, connections))
            late = sorted(t - latency for t in took)
            print(
                f"latency {latency * 1e3:5.0f} ms x {connections:4d} connections: {len(took)} replies, late by "
                f"{statistics.median(late) * 1e3:.2f} ms (median), {late[int(len(late) * 0.99)] * 1e3:.2f} ms (99 %); "
                f"most in flight {server.stats()['max_in_flight']}"
            )


if __name__ == "__main__":
    main()
