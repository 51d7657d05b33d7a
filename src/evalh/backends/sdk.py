"""The openai SDK's side of the seam: the same bytes through `AsyncOpenAI`, for whoever needs what only the SDK does.

Chosen per model with `client = "sdk"` in evalh.toml. Retries are off: they belong to the engine.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

from evalh.backends.light import CONNECT, SILENCE, TOTAL, untrusted
from evalh.errors import ServerFault, TimedOut

# The SDK's own switch for "the reply as it came", the same in its majors 2 and 3; servers ignore it.
_AS_IT_CAME: Final = {"X-Stainless-Raw-Response": "true"}


class SdkWire:
    """POSTs through the SDK's client, untyped."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        import openai

        self._where = endpoint
        self._sdk = openai
        named = {name.lower() for name in headers}
        sent: dict[str, Any] = {"Content-Type": "application/json", **_AS_IT_CAME, **headers}
        if "authorization" not in named:  # the SDK insists on a key; a server without one is sent none
            sent["Authorization"] = openai.Omit()
        # As on the other side of the seam, a redirect is not followed: the headers may hold a key under a name of their own.
        self._options: Any = {"headers": sent, "follow_redirects": False}
        self._client = openai.AsyncOpenAI(
            api_key="none",
            base_url=endpoint,
            max_retries=0,
            timeout=openai.Timeout(TOTAL, connect=CONNECT, read=SILENCE),
            default_query=dict(query),
        )

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """One request; see `Wire.post`."""
        began = time.perf_counter()
        try:
            reply: Any = await self._client.post("/chat/completions", cast_to=object, content=body, options=self._options)
            response = reply.http_response
        except self._sdk.APIStatusError as error:
            response = error.response
        except self._sdk.APITimeoutError:
            raise TimedOut(f"{self._where} sent no complete reply within {time.perf_counter() - began:.0f} s") from None
        except self._sdk.APIConnectionError as error:
            fault = certificate_fault(error)
            if fault is not None:
                raise untrusted(self._where, fault) from None
            raise ServerFault(f"{self._where} cannot be reached ({error.__cause__ or error})") from None
        headers = {k.lower(): v for k, v in response.headers.items()}
        return response.status_code, headers, response.content, time.perf_counter() - began

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()


def certificate_fault(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The certificate's fault among the causes of an error."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
