"""Both sides of the seam, `light` and `sdk`, against real sockets: the same bytes, the same errors, no credential in any."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evalh.backends import light, sdk
from evalh.backends.openai import OpenAIBackend, Wire, open_backend
from evalh.core.config import ModelSpec
from evalh.core.records import RawReply, Request
from evalh.errors import AuthFailed, BackendError, BadRequest, RateLimited, ServerFault, TimedOut, Unreachable
from support.recorder import REPLY, Recorder
from support.server.fixtures import Factory
from support.server.tls import Certificate

BODY = '{"model":"m","messages":[{"role":"user","content":"naïve 😀 \\u0000"}],"n":1.50}'.encode()
ASK = Request(({"role": "user", "content": "How many?"},), {"max_tokens": 50}, question_id="q1")
KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_authorities_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine trusts besides its system is no part of a test."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["light", "sdk"])
def client(request: pytest.FixtureRequest) -> str:
    """Both sides of the seam, one after the other."""
    return str(request.param)


def wire(client: str, url: str, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Wire:
    """One side of the seam."""
    kind = light.LightWire if client == "light" else sdk.SdkWire
    return kind(url, headers or {}, query or {})


def post(made: Wire, times: int = 1) -> tuple[int, Mapping[str, str], bytes, float]:
    """The same body some times over one wire, which is closed afterwards; the last reply."""

    async def go() -> tuple[int, Mapping[str, str], bytes, float]:
        try:
            for _ in range(times):
                got = await made.post(BODY)
            return got
        finally:
            await made.aclose()

    return asyncio.run(go())


def backend(client: str, url: str, **spec: Any) -> OpenAIBackend:
    """A backend on this side of the seam."""
    return open_backend(ModelSpec("label", "openai", "m", url, client=client, **spec))


def send(made: OpenAIBackend) -> RawReply:
    """One request over a real connection, closed afterwards."""

    async def go() -> RawReply:
        try:
            return await made.send(ASK)
        finally:
            await made.aclose()

    return asyncio.run(go())


# -- bytes and headers ---------------------------------------------------------------------------------------------------


def test_the_bytes_go_out_and_come_back_as_they_are(client: str) -> None:
    """No wire re-encodes a request or a reply; method, path and type are those of the chat endpoint."""
    strange = b'{"choices" : [ ], "n": 1.0}\n\xff'
    with Recorder(body=strange, headers={"X-Request-Id": "req-1", "content-type": "application/json"}) as server:
        status, headers, body, seconds = post(wire(client, server.url))
    [seen] = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions", BODY)
    assert seen.headers["content-type"] == ["application/json"]
    assert seen.headers["accept"] == ["application/json"]
    assert (status, body, headers["x-request-id"]) == (200, strange, "req-1")
    assert 0 < seconds < 5


@pytest.mark.parametrize("status", [201, 400, 503])
def test_every_status_comes_back_with_its_body(client: str, status: int) -> None:
    """An error is a reply like any other to the wire, and it is not sent twice."""
    with Recorder(status, b'{"error": {}}', {"retry-after": "7"}) as server:
        got, headers, body, seconds = post(wire(client, server.url))
    assert (got, headers["retry-after"], body) == (status, "7", b'{"error": {}}')
    assert seconds > 0
    assert len(server.seen) == 1


def test_query_and_headers_are_sent(client: str) -> None:
    """What evalh.toml says about the endpoint reaches it."""
    with Recorder() as server:
        post(wire(client, server.url, {"X-Team": "eval"}, {"api-version": "2024-10-21", "x": "a b"}))
    [seen] = server.seen
    path, _, query = seen.path.partition("?")
    assert path == "/v1/chat/completions"
    assert sorted(query.replace("%20", "+").split("&")) == ["api-version=2024-10-21", "x=a+b"]
    assert seen.headers["x-team"] == ["eval"]


def test_a_connection_is_used_again(client: str) -> None:
    """Several requests over one wire."""
    with Recorder() as server:
        assert post(wire(client, server.url), times=3)[2] == REPLY
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("key", "headers", "sent"),
    [
        (f"  {KEY}\n", {}, [f"Bearer {KEY}"]),
        (None, {}, []),
        (KEY, {"authorization": "Basic abc"}, ["Basic abc"]),
        (None, {"Authorization": "Basic abc"}, ["Basic abc"]),
    ],
)
def test_the_key_goes_into_one_header(
    client: str, monkeypatch: pytest.MonkeyPatch, key: str | None, headers: dict[str, str], sent: list[str]
) -> None:
    """As Bearer, stripped; none without a key, though the SDK insists on one; a header of one's own wins."""
    if key is not None:
        monkeypatch.setenv("MY_KEY", key)
    with Recorder() as server:
        send(backend(client, server.url, api_key_env="MY_KEY", headers=headers))
    assert server.seen[0].headers.get("authorization", []) == sent


@pytest.mark.parametrize(
    ("host", "headers", "sent"),
    [("x.openai.azure.com", {}, [KEY]), ("x.openai.azure.com", {"Api-Key": "other"}, ["other"]), ("gpu.test", {}, [])],
)
def test_azure_gets_its_own_header(
    client: str, monkeypatch: pytest.MonkeyPatch, host: str, headers: dict[str, str], sent: list[str]
) -> None:
    """An address of Azure's is sent `api-key` as well, whichever client; the proxy of the test plays it."""
    monkeypatch.setenv("MY_KEY", KEY)
    with Recorder() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        send(backend(client, f"http://{host}/v1", api_key_env="MY_KEY", headers=headers))
    assert server.seen[0].headers.get("api-key", []) == sent
    assert server.seen[0].path == f"http://{host}/v1/chat/completions"


def test_a_netrc_changes_nothing(client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A .netrc entry that fits the host neither takes the key's place nor is sent where there is no key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hunter22\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("MY_KEY", KEY)
    with Recorder() as server:
        send(backend(client, server.url, api_key_env="MY_KEY"))
        send(backend(client, server.url))
    assert [seen.headers.get("authorization") for seen in server.seen] == [[f"Bearer {KEY}"], None]


def test_whole_replies_of_the_fake_server_are_read(client: str, fake_server: Factory) -> None:
    """From request to completion over real HTTP, in chunks too, and by a model that refuses the old parameters."""
    server = fake_server(models={"m": {"kind": "text", "text": "Seven. 😀", "reasoning": True}}, chunked=True)
    made = backend(client, server.base_url)

    async def go() -> Any:
        try:
            request = Request(ASK.messages, {"max_tokens": 50, "temperature": 0.2})
            return [await made.generate(request) for _ in range(2)]
        finally:
            await made.aclose()

    for completion in asyncio.run(go()):
        assert (completion.text, completion.flags) == ("Seven. 😀", ("dropped:temperature",))
        assert (completion.served_model, completion.fingerprint) == ("m", "fp_fake_1")
    assert server.stats()["by_status"] == {"200": 2, "400": 2}


# -- when it goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["reset", "close", "reset_body", "cut_body"])
def test_a_broken_connection_may_be_tried_again(client: str, fake_server: Factory, fault: str) -> None:
    """Before the first byte or in mid-body, by reset or by end: half a reply is never taken for one."""
    server = fake_server(rules=[{"kind": fault}])
    with pytest.raises(ServerFault, match=server.base_url):
        post(wire(client, server.base_url))


def test_a_refused_connection_names_the_address(client: str) -> None:
    """Nobody listens there; the reason is the operating system's."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
        with pytest.raises(ServerFault, match=f"{url} cannot be reached"):
            post(wire(client, url))


def test_a_host_that_nobody_knows_cannot_be_reached(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is found out without a traceback."""

    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ServerFault, match=r"http://nowhere.test/v1 cannot be reached .*Name or service not known"):
        post(wire(client, "http://nowhere.test/v1"))


def test_silence_ends_in_time(client: str, fake_server: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the request and says nothing is given up after the time allowed."""
    for module in (light, sdk):
        monkeypatch.setattr(module, "SILENCE", 0.1)
    server = fake_server(rules=[{"kind": "hang"}])
    with pytest.raises(TimedOut, match="sent no complete reply within 0 s"):
        post(wire(client, server.base_url))


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed(client: str, status: int) -> None:
    """A key goes to no other address than the one that was written down; the message says where the server pointed."""
    with Recorder() as other, Recorder(status, b"", {"location": f"{other.url}/chat/completions"}) as server:
        made = backend(client, server.url, headers={"api-key": KEY})
        with pytest.raises(BadRequest, match=f"leads on to {other.url}"):
            send(made)
    assert not other.seen


def test_a_gigantic_reply_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its length announced or not, more than any completion has is a fault of the server."""
    monkeypatch.setattr(light, "MOST_BYTES", 10_000)
    for headers in ({}, {"transfer-encoding": "chunked"}):
        with Recorder(body=b"x" * 10_001, headers=headers) as server:
            made = wire("light", server.url)
            with pytest.raises(ServerFault, match="more than 10000 bytes"):
                post(made)
        with Recorder(body=b"x" * 10_000, headers=headers) as server:
            assert len(post(wire("light", server.url))[2]) == 10_000


def test_an_address_that_is_none_is_a_bad_request() -> None:
    """What slipped through the checks of evalh.toml still ends without a traceback."""
    for url in ("ftp://x/v1", "http:///v1"):
        with pytest.raises(Unreachable, match=f"{url} is not a valid address"):
            post(wire("light", url))


# -- certificates and proxies --------------------------------------------------------------------------------------------


def test_an_untrusted_certificate_is_explained(client: str, fake_server: Factory, certificate: Certificate) -> None:
    """Trying again will not help; the message names the variable that does."""
    server = fake_server(tls=certificate)
    with pytest.raises(Unreachable, match=r"its certificate is not trusted .*Set SSL_CERT_FILE"):
        post(wire(client, server.base_url))


@pytest.mark.parametrize(
    ("client", "variable"),
    [("light", "SSL_CERT_FILE"), ("light", "REQUESTS_CA_BUNDLE"), ("sdk", "SSL_CERT_FILE")],
)
def test_a_certificate_of_ones_own_is_trusted(
    client: str, fake_server: Factory, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The authority's file in the environment; the SDK's own client reads the first of the two only."""
    monkeypatch.setenv(variable, str(certificate.cert))
    server = fake_server(tls=certificate)
    assert post(wire(client, server.base_url))[0] == 200


def test_a_folder_of_authorities_is_taken(
    fake_server: Factory, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE may be a folder; one without the right authority trusts nobody."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.cert.parent))
    server = fake_server(tls=certificate)
    with pytest.raises(Unreachable, match="its certificate is not trusted"):
        post(wire("light", server.base_url))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_file_of_authorities_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    """A file that is not there, or holds something else, is an error of this machine's settings."""
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(Unreachable, match="not a file of certificate authorities"):
        post(wire("light", "https://127.0.0.1:9/v1"))


def test_plain_http_where_https_is_asked_cannot_be_reached(client: str) -> None:
    """A server that speaks no TLS, asked with https."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ServerFault, match="cannot be reached"):
            post(wire(client, f"https://127.0.0.1:{listening.getsockname()[1]}/v1"))
        thread.join()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(
    client: str, fake_server: Factory, fake_proxy: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A name that only the proxy knows, with user and password."""
    server = fake_server()
    proxy = fake_proxy(resolve={"api.example.test:80": server.port}, credentials="me:hunter22")
    monkeypatch.setenv(variable, proxy.url)
    made = backend(client, "http://api.example.test/v1")
    assert json.loads(send(made).body)["choices"]
    assert proxy.stats()["counts"] == {"forwarded": 1}


def test_https_goes_through_a_tunnel(
    client: str, fake_server: Factory, fake_proxy: Any, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONNECT, so that the proxy sees neither key nor text."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    server = fake_server(tls=certificate)
    proxy = fake_proxy()
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert json.loads(send(backend(client, server.base_url)).body)["choices"]
    assert proxy.stats()["counts"] == {"tunnels": 1}


def test_a_proxy_that_finds_no_way_may_be_asked_again(client: str, fake_proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its 502 to CONNECT is a server's fault, not a wrong password."""
    monkeypatch.setenv("HTTPS_PROXY", fake_proxy().url)
    with pytest.raises(ServerFault):
        post(wire(client, "https://api.example.test/v1"))


def test_no_proxy_is_honoured(client: str, fake_server: Factory, fake_proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What NO_PROXY names is asked directly."""
    server = fake_server()
    proxy = fake_proxy()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    send(backend(client, server.base_url))
    assert proxy.stats()["counts"] == {}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_from_a_server(
    client: str, fake_proxy: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Without its user and password no request will ever pass, and no password is repeated."""
    proxy = fake_proxy(credentials="me:right")
    monkeypatch.setenv(f"{scheme}_proxy", proxy.url.replace("right", "hunter22"))
    kinds = (AuthFailed,) if (scheme, client) != ("https", "sdk") else (ServerFault,)
    with pytest.raises(kinds) as caught:
        send(backend(client, f"{scheme}://api.example.test/v1"))
    assert "hunter22" not in str(caught.value)


# -- credentials ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429", "hang", "reset", "html", "echo", "refused", "tls"])
def test_no_error_shows_the_key(
    client: str, fake_server: Factory, monkeypatch: pytest.MonkeyPatch, certificate: Certificate, fault: str
) -> None:
    """Neither a message nor a representation nor the chain of causes holds it, whatever goes wrong."""
    for module in (light, sdk):
        monkeypatch.setattr(module, "SILENCE", 0.1)
    monkeypatch.setenv("MY_KEY", KEY)
    if fault == "tls":
        server = fake_server(tls=certificate)
    elif fault == "echo":
        server = fake_server(api_key="another", echo_key=True)
    else:
        server = fake_server(rules=[] if fault == "refused" else [{"kind": fault}])
    url = server.base_url if fault != "refused" else "http://127.0.0.1:9/v1"
    made = backend(client, url, api_key_env="MY_KEY", headers={"X-Secret": "hunter22hunter22"})

    async def go() -> None:
        try:
            await made.generate(ASK)
        finally:
            await made.aclose()

    with pytest.raises(BackendError) as caught:
        asyncio.run(go())
    error: BaseException | None = caught.value
    shown = repr(made) + repr(made.spec) + repr(vars(caught.value))
    shown += str(error) + repr(error)
    while error is not None:
        error = error.__cause__  # what a traceback shows: `from None` hides the rest
        shown += str(error) + repr(error)
    assert KEY not in shown
    assert "hunter22" not in shown
    assert isinstance(caught.value, RateLimited) is (fault == "429")


def test_the_environment_of_the_sdk_does_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENAI_API_KEY goes to the endpoints that name it, not to every endpoint asked through the SDK."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Recorder() as server:
        send(backend("sdk", server.url))
    assert KEY not in str(server.seen)


def test_the_certificates_fault_is_found_among_causes() -> None:
    """However deep a library wraps it; without one there is none."""
    fault = ssl.SSLCertVerificationError("self-signed")
    outer = RuntimeError("outer")
    outer.__context__ = fault
    assert sdk.certificate_fault(outer) is fault
    assert sdk.certificate_fault(RuntimeError("alone")) is None
