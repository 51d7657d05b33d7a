"""The fake server's scripted faults: what goes over the wire, when, and how it is counted."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
from email.utils import parsedate_to_datetime
from typing import Any

import openai
import pytest

from support.server import FakeServer
from support.server.faults import draw, seconds, span
from support.server.fixtures import Factory
from support.server.settings import Latency

from .calls import Got, ask, chat, chat_body, raw

JUDGE = {"models": {"gpt-4": "judge", "text": {"kind": "text", "text": "twelve words " * 6}}}


def once(kind: str, **more: Any) -> dict[str, Any]:
    """Return a rule that strikes the first try of every body."""
    return {"kind": kind, "tries": 1, **more}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("400", 400, None),
        ("401", 401, "invalid_api_key"),
        ("403", 403, "unsupported_country_region_territory"),
        ("404", 404, "model_not_found"),
        ("429", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("500", 500, None),
        ("503", 503, None),
        ("context", 400, "context_length_exceeded"),
        ("content_filter_400", 400, "content_filter"),
    ],
)
def test_error_statuses_strike_once_and_then_let_through(fake_server: Factory, kind: str, status: int, code: str) -> None:
    """An error of the first try carries its status and code; the second try is served."""
    server = fake_server(rules=[once(kind)])
    first, second = chat(server), chat(server)
    assert (first.status, first.json["error"]["code"]) == (status, code)
    assert second.status == 200
    stats = server.stats()
    assert stats["by_fault"] == {kind: 1}
    assert stats["bodies"]["repeated"] == {}


def test_gateway_faults_are_html(fake_server: Factory) -> None:
    """A 502 and a 504 come from a gateway that knows no JSON."""
    server = fake_server(rules=[once("502")])
    got = chat(server)
    assert (got.status, got.headers["content-type"]) == (502, "text/html")
    server.faults({"kind": "status", "status": 418, "code": "teapot"})
    assert chat(server).json["error"]["code"] == "teapot"


def test_rate_limited_replies_say_when_to_come_again(fake_server: Factory) -> None:
    """Retry-After and retry-after-ms are sent as told, and not at all if not told."""
    server = fake_server(rules=[once("429", retry_after=1.5, retry_after_ms=50)])
    headers = chat(server).headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1.5", "50")
    server.faults(once("429"))
    assert "retry-after" not in chat(server, "another").headers
    server.faults(once("429", retry_after=60, retry_after_date=True))
    date = parsedate_to_datetime(chat(server, "a third").headers["retry-after"])
    assert 50 < date.timestamp() - time.time() <= 61


def test_real_sdk_retries_through_a_script(fake_server: Factory) -> None:
    """The openai SDK meets two 429 and is served at the third try."""
    server = fake_server(rules=[{"kind": "429", "tries": 2, "retry_after_ms": 20}])
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=3) as client:
        messages: list[Any] = [{"role": "user", "content": "hello"}]
        got = client.chat.completions.with_raw_response.create(model="gpt-4", messages=messages)
    assert got.retries_taken == 2
    assert [entry["headers"]["x-stainless-retry-count"] for entry in server.log()] == ["0", "1", "2"]
    assert list(server.bodies().values()) == [{"seen": 3, "replied": 1, "clean": 1}]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("reset", ConnectionResetError),
        ("close", http.client.RemoteDisconnected),
        ("reset_body", ConnectionResetError),
        ("cut_body", http.client.IncompleteRead),
    ],
)
def test_broken_connections_break_as_named_and_are_not_billed(fake_server: Factory, kind: str, fault: type[Exception]) -> None:
    """A reset is a reset, a hang-up is a hang-up, before or in the middle of the body; nothing is billed."""
    server = fake_server(**JUDGE, rules=[once(kind)])
    with pytest.raises(fault):
        chat(server, model="text")
    stats = server.stats()
    assert (stats["by_status"], stats["tokens"]["total"], stats["in_flight"]) == ({"none": 1}, 0, 0)
    assert chat(server, model="text").status == 200


def test_hang_holds_the_connection_until_the_client_goes(fake_server: Factory) -> None:
    """A hanging request stays in flight until the client hangs up."""
    server = fake_server(rules=[once("hang")])
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as sock:
        body = json.dumps(chat_body()).encode()
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert server.stats()["in_flight"] == 1
    wait_until(server, "in_flight", 0)


def wait_until(server: FakeServer, name: str, value: int) -> None:
    """Wait a moment for a count."""
    for _ in range(100):
        if server.stats()[name] == value:
            return
        time.sleep(0.02)
    assert server.stats()[name] == value


def test_client_that_goes_before_the_reply_is_counted_as_abandoned(fake_server: Factory) -> None:
    """A reply whose client is gone is neither billed nor counted as replied."""
    server = fake_server(latency=0.3)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        body = json.dumps(chat_body()).encode()
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.1)
    wait_until(server, "abandoned", 1)
    stats = server.stats()
    assert (stats["completed"], stats["tokens"]["total"], stats["bodies"]["distinct"]) == (0, 0, 1)


def test_slow_drip_takes_its_time_and_arrives_whole(fake_server: Factory) -> None:
    """A dripped body comes in pieces over the time told and is as good as any other."""
    server = fake_server(rules=[once("drip", seconds=0.3, pieces=4)])
    start = time.monotonic()
    dripped = chat(server)
    assert time.monotonic() - start > 0.28
    assert dripped.text == chat(server).text
    assert list(server.stats()["bodies"]["repeated_clean"].values()) == [2]


def test_slow_adds_latency(fake_server: Factory) -> None:
    """A slow reply is late by the seconds told."""
    server = fake_server(rules=[once("slow", seconds=0.25)])
    start = time.monotonic()
    chat(server)
    assert time.monotonic() - start > 0.24


@pytest.mark.parametrize("kind", ["cut_json", "malformed", "empty_body", "html"])
def test_bodies_that_are_no_json_are_valid_http(fake_server: Factory, kind: str) -> None:
    """The body has the length promised and is no JSON; billing a cut one counts as a 200 that was not clean."""
    server = fake_server(rules=[once(kind)])
    got = chat(server)
    assert got.status == 200
    assert int(got.headers["content-length"]) == len(got.body)
    with pytest.raises(json.JSONDecodeError):
        _ = got.json
    assert chat(server).json
    assert list(server.bodies().values()) == [{"seen": 2, "replied": 2, "clean": 1}]
    stats = server.stats()
    assert stats["clean_tokens"]["total"] == chat(server).json["usage"]["total_tokens"]
    assert stats["tokens"]["total"] == stats["clean_tokens"]["total"] * (2 if kind == "cut_json" else 1)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("empty_choices", lambda got: got.json["choices"] == []),
        ("null_content", lambda got: got.json["choices"][0]["message"]["content"] is None),
        ("error_200", lambda got: "error" in got.json),
        ("huge", lambda got: len(got.text) > 2_900_000),
        ("content_filter", lambda got: got.json["choices"][0]["finish_reason"] == "content_filter"),
        ("length", lambda got: got.json["choices"][0]["finish_reason"] == "length"),
    ],
)
def test_odd_contents_are_what_their_names_say(fake_server: Factory, kind: str, check: Any) -> None:
    """Each fault of the content is there at the first try and gone at the second."""
    server = fake_server(**JUDGE, rules=[once(kind, size=3_000_000)])
    first, second = chat(server, model="text"), chat(server, model="text")
    assert first.status == 200
    assert check(first)
    assert not check(second)
    assert server.stats()["by_status"] == {"200": 2}


def test_unreadable_verdicts_strike_judges_only(fake_server: Factory) -> None:
    """A rule of unreadable verdicts passes other models by."""
    server = fake_server(**JUDGE, rules=["unreadable"])
    assert "[[" not in chat(server, "rate quality=3", "gpt-4").text
    assert "twelve" in chat(server, "rate quality=3", "text").text
    server.faults({"kind": "unreadable", "text": "[[A]] or [[B]]"})
    assert chat(server, "rate quality=3", "gpt-4").text == "[[A]] or [[B]]"


def test_shares_are_exact_draws_that_do_not_depend_on_the_order(fake_server: Factory) -> None:
    """The same bodies meet the same faults in any order, near the share told, and the rules never overlap."""
    rules = [{"kind": "429", "share": 0.2}, {"kind": "500", "share": 0.1}]
    server = fake_server(rules=rules, seed=7)
    statuses = {text: chat(server, text).status for text in map(str, range(200))}
    server.reset()
    again = {text: chat(server, text).status for text in reversed(list(statuses))}
    assert again == statuses
    counts = server.stats()["by_fault"]
    assert 25 <= counts["429"] <= 55
    assert 10 <= counts["500"] <= 32
    server.configure(seed=8)
    assert {text: chat(server, text).status for text in statuses} != statuses


def test_rules_by_count_by_model_and_by_path(fake_server: Factory) -> None:
    """Rules may strike by number of request, by model or on another path."""
    server = fake_server(rules=[{"kind": "500", "start": 2, "every": 2, "count": 2}])
    assert [chat(server, str(i)).status for i in range(8)] == [200, 500, 200, 500, 200, 200, 200, 200]
    server.faults({"kind": "503", "model": "slow-*", "count": 1})
    assert [chat(server, model=name).status for name in ("fast-1", "slow-1", "slow-1")] == [200, 503, 200]
    server.faults(once("500", path="/models"), {"kind": "html", "path": "/models"})
    assert [ask(server, "GET", "/v1/models").status for _ in range(2)] == [500, 200]
    assert ask(server, "GET", "/v1/models").headers["content-type"].startswith("text/html")
    assert chat(server).status == 200


def test_refused_connections_for_a_while(fake_server: Factory) -> None:
    """From the request told the port refuses connections for some seconds, resets those it had, and comes back."""
    server = fake_server(rules=[{"kind": "refuse", "start": 2, "count": 1, "seconds": 1.0}])
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        chat(server)
        with pytest.raises(ConnectionResetError):
            chat(server, "2")
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
    start = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        chat(server, "3")
    got: Got | None = None
    while got is None and time.monotonic() - start < 5:
        try:
            got = chat(server, "3")
        except ConnectionRefusedError:
            time.sleep(0.02)
    assert got is not None
    assert 0.5 < time.monotonic() - start < 5.0


def test_token_bucket_refuses_and_tells_when(fake_server: Factory) -> None:
    """More requests than the bucket holds get a 429 with headers; after the time told there is room again."""
    server = fake_server(rate_limit={"requests_per_minute": 60, "burst_seconds": 2.0})
    got = [chat(server, str(i)) for i in range(4)]
    assert [reply.status for reply in got] == [200, 200, 429, 429]
    assert got[0].headers["x-ratelimit-limit-requests"] == "60"
    assert got[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert got[2].headers["x-ratelimit-reset-requests"].endswith("s")
    time.sleep(float(got[3].headers["retry-after-ms"]) / 1000)
    assert chat(server, "again").status == 200
    assert server.stats()["by_fault"] == {"rate_limit": 2}
    server.configure(rate_limit={"tokens_per_minute": 600, "retry_after": False})
    got = [chat(server, str(i)) for i in range(2)]
    assert [reply.status for reply in got] == [200, 429]
    assert "retry-after" not in got[1].headers
    assert "x-ratelimit-remaining-tokens" in got[1].headers


def test_capacity_turns_away_what_comes_on_top(fake_server: Factory) -> None:
    """A server that holds one request at a time turns a second one away at once."""
    server = fake_server(latency=0.8, capacity={"concurrent": 1, "retry_after": 1})
    body = json.dumps(chat_body()).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        wait_until(server, "in_flight", 1)
        second = chat(server, "2")
        assert sock.recv(20).startswith(b"HTTP/1.1 200")
    assert (second.status, second.headers["retry-after"]) == (503, "1")


def test_latency_distributions_are_drawn_from_the_seed() -> None:
    """Uniform and lognormal latencies lie where they should and do not change for the same try."""
    keys = [b"%d" % i for i in range(2000)]
    uniform = [seconds(Latency("uniform", low=0.1, high=0.3), 1, key, 0) for key in keys]
    assert 0.1 <= min(uniform) < 0.11
    assert 0.29 < max(uniform) < 0.3
    lognormal = sorted(seconds(Latency("lognormal", median=0.2, sigma=0.5), 1, key, 0) for key in keys)
    assert 0.19 < lognormal[1000] < 0.21
    assert 0.30 < lognormal[1683] < 0.36  # one sigma up: 0.2 * e^0.5
    assert draw(1, b"x", b"k", 0) == draw(1, b"x", b"k", 0) != draw(1, b"x", b"k", 1)


def test_slow_model_has_its_own_latency(fake_server: Factory) -> None:
    """One model may be slower than the others."""
    server = fake_server(models={"slow": {"latency": 0.3}, "fast": {}}, latency=0.0)
    times = []
    for name in ("fast", "slow"):
        start = time.monotonic()
        chat(server, model=name)
        times.append(time.monotonic() - start)
    assert times[0] < 0.29 < times[1]


@pytest.mark.parametrize(("value", "text"), [(0.02, "20ms"), (1.5, "1.500s"), (360.0, "6m0s"), (0.0, "0ms")])
def test_reset_headers_are_written_as_openai_does(value: float, text: str) -> None:
    """Spans of time are written in milliseconds, seconds, or minutes and seconds."""
    assert span(value) == text


def test_huge_reply_is_billed_only_once_the_last_byte_is_out(fake_server: Factory) -> None:
    """A client that reads a part of a huge reply and goes has not been served."""
    server = fake_server(**JUDGE, rules=[once("huge", size=20_000_000)])
    body = json.dumps(chat_body(model="text")).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert server.stats()["in_flight"] == 1
    wait_until(server, "in_flight", 0)
    assert server.stats()["completed"] == 0
    assert raw(server, b"GET /v1/models HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
