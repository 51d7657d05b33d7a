"""The fake server as a process: its life, https, the proxy before it, and its speed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from support.server import FakeServer
from support.server.client import TESTS
from support.server.fixtures import Factory
from support.server.proxy import FakeProxy
from support.server.tls import Certificate

from .calls import chat, chat_body


def started(*arguments: str, **options: Any) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the module by hand and read its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.server", *arguments], cwd=TESTS, text=True, stdout=subprocess.PIPE, **options
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def ended(process: subprocess.Popen[str], seconds: float) -> int:
    """Wait for the end of a process and close its pipes."""
    code = process.wait(seconds)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_module_runs_by_hand_and_ends_with_its_standard_input() -> None:
    """`python -m support.server` says its port in a JSON line and ends when its standard input closes."""
    process, told = started("--model", "e=echo", "--latency", "0", stdin=subprocess.PIPE)
    assert told["host"] == "127.0.0.1"
    assert told["pid"] == process.pid
    with openai.OpenAI(base_url=f"http://127.0.0.1:{told['port']}/v1", api_key="any") as client:
        said = client.chat.completions.create(**chat_body("hello", "e"))
    assert said.choices[0].message.content == "hello"
    assert process.stdin is not None
    process.stdin.close()
    assert ended(process, 5) == 0


def test_server_ends_by_itself_at_its_time_limit() -> None:
    """A server that nobody stops ends at its limit."""
    process, _ = started("--limit", "0.3", stdin=subprocess.DEVNULL)
    assert ended(process, 5) == 0


def test_bad_settings_by_hand_are_one_json_line() -> None:
    """The module refuses settings with a slip in one line and exit code 2."""
    process, told = started("--model", "a=nonsense", stdin=subprocess.DEVNULL)
    assert "nonsense" in told["error"]
    assert ended(process, 5) == 2


def test_failed_start_is_told(fake_server: Factory) -> None:
    """A server that cannot have its port says so in the parent."""
    server = fake_server()
    with pytest.raises(RuntimeError, match="in use"):
        FakeServer(port=server.port).start()


def test_server_is_a_process_of_its_own_that_ends_with_the_block() -> None:
    """The server has another process id, and the port is closed after the block, or after a kill."""
    with FakeServer() as server:
        port = server.port
        assert server.pid != os.getpid()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    other = FakeServer().start()
    other.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", other.port))


def test_restarted_server_may_take_its_old_port() -> None:
    """A server that comes back at the same port is found there."""
    with FakeServer() as server:
        chat(server)
        port = server.port
    with FakeServer(port=port) as server:
        assert server.port == port
        assert chat(server).status == 200


def test_key_is_not_in_the_process_list() -> None:
    """Settings go through a pipe, so the key is in no argument."""
    with FakeServer(api_key="sk-canary") as server:
        path = f"/proc/{server.pid}/cmdline"
        if not os.path.exists(path):
            pytest.skip("no /proc here")
        with open(path, "rb") as file:
            assert b"sk-canary" not in file.read()


def test_https_with_a_certificate_of_its_own(fake_server: Factory, certificate: Certificate) -> None:
    """The server speaks https; a client that does not know the certificate refuses it."""
    server = fake_server(tls=certificate, models={"e": "echo"})
    assert server.base_url.startswith("https://")
    context = ssl.create_default_context(cafile=str(certificate.cert))
    with (
        httpx2.Client(verify=context) as http,
        openai.OpenAI(base_url=server.base_url, api_key="any", http_client=http) as client,
    ):
        said = client.chat.completions.create(**chat_body("safe", "e"))
    assert said.choices[0].message.content == "safe"
    with (
        openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()
    stats = server.stats()
    assert (stats["total"], stats["completed"]) == (1, 1)


def test_proxy_forwards_tunnels_and_counts(
    fake_server: Factory, fake_proxy: Callable[..., FakeProxy], certificate: Certificate
) -> None:
    """Plain requests are forwarded, https goes through a tunnel, and both are counted by target."""
    plain, safe = fake_server(models={"e": "echo"}), fake_server(tls=certificate, models={"e": "echo"})
    proxy = fake_proxy(resolve={"api.example.test:80": plain.port, "localhost:443": safe.port})
    context = ssl.create_default_context(cafile=str(certificate.cert))
    body = chat_body("through", "e")
    with httpx2.Client(proxy=proxy.url, verify=context) as client:
        for url in ("http://api.example.test/v1", "https://localhost/v1", f"http://127.0.0.1:{plain.port}/v1"):
            got = client.post(f"{url}/chat/completions", json=body)
            assert got.json()["choices"][0]["message"]["content"] == "through"
        assert client.get("http://nowhere.example.test/").status_code == 502
    stats = proxy.stats()
    assert stats["counts"] == {"forwarded": 2, "tunnels": 1, "unreachable": 1}
    assert stats["targets"]["api.example.test:80"] == stats["targets"]["localhost:443"] == 1


def test_proxy_asks_for_credentials(fake_server: Factory, fake_proxy: Callable[..., FakeProxy]) -> None:
    """A proxy with credentials answers 407 without them and forwards with them."""
    server = fake_server()
    proxy = fake_proxy(credentials="user:pass")
    for url, status in ((f"http://127.0.0.1:{proxy.port}", 407), (proxy.url, 200)):
        with httpx2.Client(proxy=url) as client:
            assert client.get(f"{server.base_url}/models").status_code == status
    assert proxy.stats()["counts"] == {"refused": 1, "forwarded": 1}


async def _held(port: int, count: int) -> float:
    """Hold so many requests at once and return the seconds until the last reply."""
    body = json.dumps(chat_body()).encode()
    data = b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()

    start = time.monotonic()
    await asyncio.gather(*(one() for _ in range(count)))
    return time.monotonic() - start


def test_thousand_connections_are_held_at_once(fake_server: Factory) -> None:
    """A thousand requests of two seconds each are in flight together and come back together."""
    server = fake_server(latency=2.0)
    took = asyncio.run(_held(server.port, 1000))
    assert server.stats()["max_in_flight"] == 1000
    assert 2.0 <= took < 6.0
