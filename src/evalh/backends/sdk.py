"""The openai SDK's side of the seam: the same bytes through `AsyncOpenAI`, for whoever needs what only the SDK does.

Chosen per model with `client = "sdk"` in evalh.toml. Retries are off: they belong to the engine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from evalh.errors import BackendError, ServerFault, TimedOut


class SdkWire:
    """POSTs through the SDK's client, untyped."""

    def __init__(self, endpoint: str, key: str | None, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        import openai

        self._where = endpoint
        self._sdk = openai
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=endpoint,
            max_retries=0,
            timeout=openai.Timeout(900.0, connect=15.0, read=300.0),
            default_headers=dict(headers),
            default_query=dict(query),
        )

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """One request; see `Wire.post`."""
        began = time.perf_counter()
        try:
            reply: Any = await self._client.with_raw_response.post(
                "/chat/completions", cast_to=object, content=body, options={"headers": {"Content-Type": "application/json"}}
            )
        except self._sdk.APIStatusError as error:
            return error.status_code, {k.lower(): v for k, v in error.response.headers.items()}, error.response.content, 0.0
        except self._sdk.APITimeoutError:
            raise TimedOut(f"{self._where} sent no complete reply within {time.perf_counter() - began:.0f} s") from None
        except self._sdk.APIConnectionError as error:
            raise ServerFault(f"{self._where} cannot be reached ({error.__cause__ or error})") from None
        headers = {k.lower(): v for k, v in reply.http_response.headers.items()}
        return 200, headers, reply.http_response.content, time.perf_counter() - began

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()


__all__ = ["BackendError", "SdkWire"]
