"""Networks that are not there, or not what they should be: each ends or recovers, and says so in words a tired person gets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer
from support.server.proxy import FakeProxy
from support.server.tls import Certificate

FakeServers = Callable[..., FakeServer]
FEW = ("--limit", "3", "--no-report")


def _point_to(url: str) -> None:
    lines = []
    for name in ("vicuna", "alpaca", "gpt-4"):
        lines += [f'[models."{name}"]', f'base_url = "{url}"', f'model = "{name}"', 'api_key_env = "MY_KEY"']
    Path("evalh.toml").write_text("\n".join([*lines, ""]))


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_a_server_that_is_down() -> None:
    """Nothing listens: the run ends within seconds, says where it looked, and asks the right question."""
    _point_to(f"http://127.0.0.1:{_free_port()}/v1")
    began = time.monotonic()
    done = evalh(*COMMAND, *FEW, env={"MY_KEY": "x"})
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "is the server up, and the address right?" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 30


def test_a_name_that_does_not_exist() -> None:
    """A host that no name server knows ends the run and is named."""
    _point_to("http://no-such-host.invalid/v1")
    done = evalh(*COMMAND, *FEW, env={"MY_KEY": "x"})
    assert done.returncode == 1
    assert "no-such-host.invalid" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_certificate_nobody_trusts(fake_server: FakeServers, certificate: Certificate) -> None:
    """A self-signed certificate is refused with the variable that would make it trusted; with it, the run works."""
    server = fake_server(
        tls=certificate, models={n: ("judge" if n == "gpt-4" else "quality") for n in ("vicuna", "alpaca", "gpt-4")}
    )
    _point_to(server.base_url)
    done = evalh(*COMMAND, *FEW, env={"MY_KEY": "x"})
    assert done.returncode == 1, done.stderr
    assert "certificate" in done.stderr
    assert "SSL_CERT_FILE" in done.stderr
    done = evalh(*COMMAND, *FEW, env={"MY_KEY": "x", "SSL_CERT_FILE": str(certificate.cert)})
    assert done.returncode == 0, done.stderr


def test_a_proxy_of_the_environment(fake_server: FakeServers, fake_proxy: Callable[..., FakeProxy]) -> None:
    """HTTP_PROXY is used for a host that only the proxy can reach."""
    server = fake_server(models={n: ("judge" if n == "gpt-4" else "quality") for n in ("vicuna", "alpaca", "gpt-4")})
    proxy = fake_proxy(resolve={"api.example.test:80": server.port})
    _point_to("http://api.example.test/v1")
    done = evalh(*COMMAND, *FEW, env={"MY_KEY": "x", "HTTP_PROXY": proxy.url, "http_proxy": proxy.url})
    assert done.returncode == 0, done.stderr
    assert server.stats()["total"] == 18


@pytest.mark.parametrize("seconds", [3.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_a_server_that_goes_away_and_comes_back(fake_server: FakeServers, seconds: float) -> None:
    """The server vanishes in mid-run: the run waits for it and ends complete, nothing scored wrongly, nothing lost."""
    server = fake_server(models=PLAYED, latency=0.02, rules=[{"kind": "refuse", "start": 8, "count": 1, "seconds": seconds}])
    configure(server)
    done = evalh(*COMMAND, *FEW, timeout=180)
    assert done.returncode == 0, done.stderr
    counts: dict[str, Any] = json.loads(Path("results/core-80--gpt-4/run.json").read_text())["counts"]
    assert counts["by_status"] == {"scored": 12}
    assert server.stats()["bodies"]["repeated"] == {}


def test_no_key_is_ever_written_or_said(fake_server: FakeServers) -> None:
    """A canary key stands in no file, log, report or traceback, with -vv and a server that repeats it in its errors."""
    server = fake_server(
        models={n: ("judge" if n == "gpt-4" else "quality") for n in ("vicuna", "alpaca", "gpt-4")},
        api_key="canary-key-93c1",
        rules=[{"kind": "500", "share": 0.2}, {"kind": "400", "count": 1}, {"kind": "cut_json", "share": 0.1}],
    )
    _point_to(server.base_url)
    said = ""
    for more in ((), ("--mode", "pairwise"), ("--questions", "nowhere")):
        done = evalh(*COMMAND, "--limit", "3", "-vv", *more, env={"MY_KEY": "canary-key-93c1"})
        said += done.stdout + done.stderr
    assert "Traceback" in said  # -vv shows one for the unknown set
    assert "canary-key-93c1" not in said
    files = [p for p in Path.cwd().parent.rglob("*") if p.is_file()]
    assert len(files) > 10
    assert not [p for p in files if b"canary-key-93c1" in p.read_bytes()]
