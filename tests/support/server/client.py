"""The server as a test sees it: a context manager around a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from .settings import Settings
from .tls import Certificate

TESTS = Path(__file__).resolve().parents[2]
_Self = TypeVar("_Self", bound="_Child")


class _Child:
    """A child process that serves on a loopback port and ends when its standard input does."""

    def __init__(self, arguments: list[str], first_line: str = "", limit: float = 600.0) -> None:
        """Say what to start; nothing starts before `start`."""
        self._arguments = [sys.executable, "-m", "support.server", "--limit", str(limit), *arguments]
        self._first_line = first_line
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self: _Self) -> _Self:
        """Start the process and wait for its port."""
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the program under test; this child ends with its standard input
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._first_line:
            with contextlib.suppress(BrokenPipeError):  # a child that died says why on its standard output
                self._process.stdin.write(self._first_line + "\n")
                self._process.stdin.flush()
        line = self._process.stdout.readline()
        told: dict[str, Any] = json.loads(line) if line else {"error": "the server ended before it said its port"}
        if "error" in told:
            self.stop()
            raise RuntimeError(told["error"])
        self.port = told["port"]
        return self

    def stop(self) -> None:
        """Close the child's standard input and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def _call(self, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        """Ask the child's control path; a refusal is a ValueError."""
        with contextlib.closing(self._connection()) as connection:
            connection.request(method, path, None if data is None else json.dumps(data))
            reply = connection.getresponse()
            result = json.loads(reply.read())
        if reply.status != 200:
            raise ValueError(result["error"]["message"])
        return result

    def __enter__(self: _Self) -> _Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()


class FakeServer(_Child):
    """A fake OpenAI-compatible server in a process of its own.

    Keywords are the fields of `Settings`: ``models={"gpt-4": "judge"}``,
    ``latency=0.1``, ``rules=[{"kind": "429", "share": 0.05}]``, ``seed=1`` and
    so on. ``port`` 0 takes any free one. With ``tls`` (from `tls.make`) it
    speaks https.
    """

    def __init__(self, *, port: int = 0, limit: float = 600.0, tls: Certificate | None = None, **settings: Any) -> None:
        """Check the settings; nothing starts before the ``with`` block."""
        checked = Settings.of(settings)
        arguments = ["--settings", "-", "--port", str(port)]
        if tls is not None:
            arguments += ["--tls", str(tls.cert), str(tls.key)]
        super().__init__(arguments, json.dumps(checked.to_json()), limit)
        self._tls = tls

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.origin}/v1"

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return super()._connection()
        context = ssl.create_default_context(cafile=str(self._tls.cert))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)

    def stats(self) -> dict[str, Any]:
        """Return the counts since the start or the last reset."""
        return dict(self._call("GET", "/_stats"))

    def log(self) -> list[dict[str, Any]]:
        """Return the last requests, oldest first."""
        return list(self._call("GET", "/_log"))

    def bodies(self) -> dict[str, dict[str, int]]:
        """Return what happened to each body, by its hash."""
        return dict(self._call("GET", "/_bodies"))

    def reset(self, batches: bool = False, hang_up: bool = False) -> None:
        """Forget all counts; if asked, forget files and batches and reset every other connection too."""
        self._call("POST", "/_reset", {"batches": batches, "hang_up": hang_up})

    def renew(self, **settings: Any) -> None:
        """Become like a server just started with these settings."""
        self._call("POST", "/_faults", Settings.of(settings).to_json())
        self.reset(batches=True)

    def configure(self, **settings: Any) -> None:
        """Replace the named settings; the rules' own counts start afresh, how often a body was seen does not."""
        data = Settings.of(settings).to_json()
        self._call("POST", "/_faults", {name: data[name] for name in settings})

    def faults(self, *rules: Any, **settings: Any) -> None:
        """Replace the scripted faults (none given: no more faults), and other settings if named."""
        self.configure(rules=rules, **settings)
