"""The light path to a chat endpoint: one aiohttp session per backend, bytes in, bytes out.

Proxies (`HTTPS_PROXY`, `NO_PROXY` …) and custom certificate authorities (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`) are those of
the environment. Nothing is retried here: retrying belongs to the engine.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from typing import Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from evalh.backends.http_errors import error_of
from evalh.errors import BackendError, ServerFault, TimedOut, Unreachable

CONNECT: Final = 15.0  # seconds to a connection
SILENCE: Final = 300.0  # seconds without a byte: first byte of a long reasoning reply included
TOTAL: Final = 900.0  # seconds for a whole reply
MOST_BYTES: Final = 64 << 20  # a reply larger than this is no chat completion


class LightWire:
    """POSTs to `<endpoint>/chat/completions`."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._where = endpoint
        self._url = URL(f"{endpoint}/chat/completions").update_query(dict(query))
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        context = _context() if self._url.scheme == "https" else True
        connector = aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=30, ttl_dns_cache=60)
        timeout = aiohttp.ClientTimeout(total=TOTAL, sock_connect=CONNECT, sock_read=SILENCE)
        # Not trust_env: with it a .netrc is read for every request, and an entry that fits takes the place of the key.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            proxy=_proxy(self._url),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """One request; see `Wire.post`."""
        if self._session is None:
            self._session = self._open()
        began = time.perf_counter()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                data = await self._body(response)
                headers = {k.lower(): v for k, v in response.headers.items()}
                return response.status, headers, data, time.perf_counter() - began
        except BackendError:
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise untrusted(self._where, error.certificate_error) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Unreachable(f"{self._where} is not a valid address ({error})") from None
        except aiohttp.ClientHttpProxyError as error:
            raise error_of(error.status if error.status == 407 else 502, b"", {}, f"the proxy to {self._where}") from None
        except (TimeoutError, aiohttp.ServerTimeoutError):
            raise TimedOut(f"{self._where} sent no complete reply within {time.perf_counter() - began:.0f} s") from None
        except aiohttp.ClientConnectorError as error:
            raise ServerFault(f"{self._where} cannot be reached ({error.os_error.strerror or error.os_error})") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ServerFault(f"{self._where}: the connection broke ({type(error).__name__})") from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body, unless it is longer than any completion."""
        if response.content_length is not None and response.content_length <= MOST_BYTES:
            return await response.read()
        parts = bytearray()
        async for part in response.content.iter_any():
            parts += part
            if max(len(parts), response.content_length or 0) > MOST_BYTES:
                raise ServerFault(f"{self._where} sends a reply of more than {MOST_BYTES} bytes, which is no chat completion")
        return bytes(parts)

    async def aclose(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def untrusted(where: str, fault: Exception) -> Unreachable:
    """The error of a server whose certificate nobody vouches for."""
    return Unreachable(
        f"{where}: its certificate is not trusted ({fault}). Set SSL_CERT_FILE to the file of your certificate authority"
    )


def _context() -> ssl.SSLContext:
    """Who is trusted: the authorities of the environment, else those of the system."""
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if not bundle:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(capath=bundle) if os.path.isdir(bundle) else ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError is one
        raise Unreachable(
            f"{bundle}: not a file of certificate authorities ({error.strerror or error}). Mend SSL_CERT_FILE"
        ) from None


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for an address, or None."""
    if proxy_bypass(url.host or ""):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
