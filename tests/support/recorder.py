"""A loopback HTTP server that writes down what it was sent, byte for byte, and answers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

REPLY = b'{"choices":[{"message":{"content":"Seven."},"finish_reason":"stop"}]}'


@dataclass(frozen=True)
class Seen:
    """One request as it came: the header names are in lower case, and a repeated one is a list."""

    method: str
    path: str
    headers: Mapping[str, list[str]]
    body: bytes


class Recorder:
    """with Recorder() as server: ... server.seen"""

    def __init__(self, status: int = 200, body: bytes = REPLY, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        self.seen: list[Seen] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                names = {name.lower(): self.headers.get_all(name, []) for name in self.headers}
                body = self.rfile.read(int(self.headers["content-length"]))
                recorder.seen.append(Seen(self.command, self.path, names, body))
                self.send_response(recorder.status)
                for name, value in recorder.headers.items():
                    self.send_header(name, value)
                if "transfer-encoding" in recorder.headers:
                    self.end_headers()
                    for start in range(0, len(recorder.body), 1000):
                        part = recorder.body[start : start + 1000]
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")
                    return
                self.send_header("content-length", str(len(recorder.body)))
                self.end_headers()
                self.wfile.write(recorder.body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: object) -> None:
                """A client that hangs up is none of our business."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
