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

import aiohttp
from yarl import URL

from evalh.errors import BackendError, BadRequest, ServerFault, TimedOut

CONNECT: Final = 15.0  # seconds to a connection
SILENCE: Final = 300.0  # seconds without a byte: first byte of a long reasoning reply included
TOTAL: Final = 900.0  # seconds for a whole reply
MOST_BYTES: Final = 64 << 20  # a reply larger than this is no chat completion


class LightWire:
    """POSTs to `<endpoint>/chat/completions`."""

    def __init__(self, endpoint: str, key: str | None, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._where = endpoint
        self._url = URL(f"{endpoint}/chat/completions").update_query(dict(query))
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        names = {name.lower() for name in headers}
        if key and "authorization" not in names:
            self._headers["Authorization"] = f"Bearer {key}"
        if key and "azure" in (self._url.host or "") and "api-key" not in names:
            self._headers["api-key"] = key
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
        context: ssl.SSLContext | bool = True
        if self._url.scheme == "https":
            context = ssl.create_default_context(cafile=bundle) if bundle else ssl.create_default_context()
        connector = aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=30, ttl_dns_cache=60)
        timeout = aiohttp.ClientTimeout(total=TOTAL, sock_connect=CONNECT, sock_read=SILENCE)
        return aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True, headers=self._headers)

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """One request; see `Wire.post`."""
        if self._session is None:
            self._session = self._open()
        began = time.perf_counter()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                if (response.content_length or 0) > MOST_BYTES:
                    raise ServerFault(
                        f"{self._where} announced a reply of {response.content_length} bytes, which is no chat completion"
                    )
                data = await response.read()
                headers = {k.lower(): v for k, v in response.headers.items()}
                return response.status, headers, data, time.perf_counter() - began
        except BackendError:
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise BadRequest(
                f"{self._where}: its certificate is not trusted ({error.certificate_error}). "
                "Set SSL_CERT_FILE to the file of your certificate authority"
            ) from None
        except aiohttp.InvalidURL as error:
            raise BadRequest(f"{self._where} is not a valid address ({error})") from None
        except (TimeoutError, aiohttp.ServerTimeoutError):
            raise TimedOut(f"{self._where} sent no complete reply within {time.perf_counter() - began:.0f} s") from None
        except aiohttp.ClientConnectorError as error:
            raise ServerFault(f"{self._where} cannot be reached ({error.os_error.strerror or error.os_error})") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ServerFault(f"{self._where}: the connection broke ({type(error).__name__})") from None

    async def aclose(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None
