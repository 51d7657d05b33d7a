"""Any OpenAI-compatible chat endpoint.

What is said to the server and what is read from its reply stands here; how the bytes travel stands behind a seam with two
sides: `light.py` (aiohttp, the default) and `sdk.py` (the openai SDK's client). The measurements that decided the default are
in benchmarks/README.md.

Newer models refuse `max_tokens` or `temperature`. A refusal that names a parameter is answered by renaming or dropping it, once
per model, and every reply that came so carries a flag that says it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final, Protocol

import orjson

from evalh.backends.http_errors import error_of, unsupported
from evalh.core.config import ModelSpec
from evalh.core.models import OPENAI_URL
from evalh.core.records import Completion, RawReply, Request, Usage
from evalh.errors import BackendError, ServerFault

KEPT_HEADERS: Final = ("x-ratelimit-", "retry-after", "openai-processing-ms")


class Wire(Protocol):
    """Carries one POST: the two sides of the seam."""

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """(status, headers with lower-case names, body, seconds). Raises TimedOut or ServerFault where nothing whole came."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""
        ...


def open_backend(spec: ModelSpec) -> OpenAIBackend:
    """The backend of an `openai:` model."""
    return OpenAIBackend(spec)


def open_ollama(spec: ModelSpec) -> OpenAIBackend:
    """The backend of an `ollama:` model: the same API at Ollama's own address."""
    return OpenAIBackend(spec)


class OpenAIBackend:
    """One model at one OpenAI-compatible endpoint."""

    paid = True

    def __init__(self, spec: ModelSpec, wire: Wire | None = None) -> None:
        self.spec = spec
        self.endpoint = spec.base_url or OPENAI_URL
        self._wire = wire
        # OpenAI itself deprecates max_tokens for every model; most other servers know nothing else.
        self._limit_name = "max_completion_tokens" if self.endpoint == OPENAI_URL else "max_tokens"
        self._dropped: tuple[str, ...] = ()
        self._secrets = _secrets(spec)

    @property
    def identity(self) -> dict[str, Any]:
        """What names this model in the ledger's keys; never a credential."""
        s = self.spec
        return {
            "endpoint": self.endpoint,
            "model": s.model,
            "label": s.label,
            "revision": s.revision,
            "query": dict(s.query),
            "extra_body": dict(s.extra_body),
        }

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON body of a request as this server takes it."""
        body: dict[str, Any] = {"model": self.spec.model, "messages": [dict(m) for m in request.messages]}
        for name, value in request.params.items():
            if name in self._dropped or value is None:
                continue
            body[self._limit_name if name == "max_tokens" else name] = value
        body.update(self.spec.extra_body)
        return body

    async def send(self, request: Request) -> RawReply:
        """One chat request on the wire. Raises BackendError by class."""
        if self._wire is None:
            self._wire = _open_wire(self.spec, self.endpoint)
        for _ in range(4):  # each round can adapt to one refused parameter
            dropped, limit_name = self._dropped, self._limit_name
            status, headers, body, seconds = await self._wire.post(_encode(self.body(request)))
            for secret in self._secrets:  # careless gateways repeat the key, and what they say is stored and shown
                body = body.replace(secret, b"[key]")
            if status == 200:
                kept = {k: v for k, v in headers.items() if k.startswith(KEPT_HEADERS)}
                adapted = tuple(f"dropped:{name}" for name in dropped if name in request.params)
                return RawReply(body, adapted, seconds, headers.get("x-request-id"), kept)
            param = unsupported(body) if status == 400 else None
            if (dropped, limit_name) == (self._dropped, self._limit_name) and not self._adapt(param, request):
                break
            # else: another request has learned something meanwhile; ask again with it
        raise error_of(status, body, headers, f"{self.spec.model} at {self.endpoint}")

    def _adapt(self, param: str | None, request: Request) -> bool:
        """Change how a refused parameter is sent; False where nothing can be changed."""
        if param in ("max_tokens", "max_completion_tokens") and "max_tokens" in request.params:
            other = "max_completion_tokens" if param == "max_tokens" else "max_tokens"
            changed = self._limit_name != other
            self._limit_name = other
            return changed
        if param in request.params and param in (
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "stop",
        ):
            self._dropped = (*self._dropped, param)
            return True
        return False

    def read(self, raw: RawReply) -> Completion:
        """A chat completion's text and facts. Raises ServerFault where the body is not one."""
        try:
            data = _decode(raw.body)
            choice = data["choices"][0]
            message = choice["message"]
            text = message.get("content")
            usage = data.get("usage") or {}
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ServerFault(
                f"{self.spec.model} at {self.endpoint} sent a reply that is not a chat completion ({_why(error)})"
            ) from None
        if isinstance(text, list):  # content parts
            text = "".join(p.get("text") or "" for p in text if isinstance(p, dict))
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        return Completion(
            text=_clean(text or message.get("refusal") or ""),
            finish_reason=choice.get("finish_reason"),
            usage=Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))) if usage else None,
            served_model=data.get("model"),
            fingerprint=data.get("system_fingerprint"),
            logprobs=_logprobs(choice.get("logprobs")),
            reasoning=_clean(reasoning) if isinstance(reasoning, str) else None,
            flags=(*raw.adapted, *(("refusal",) if message.get("refusal") else ())),
        )

    async def generate(self, request: Request) -> Completion:
        """Reply to one request; what the engine does in two steps, so that it can store the reply in between."""
        return self.read(await self.send(request))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._wire is not None:
            await self._wire.aclose()
            self._wire = None


def _secrets(spec: ModelSpec) -> tuple[bytes, ...]:
    """Credentials that may be sent: the key, and header values under names that sound like one."""
    headers = [v for k, v in spec.headers.items() if any(word in k.lower() for word in ("auth", "key", "token", "secret"))]
    values = [
        os.environ.get(spec.api_key_env, "") if spec.api_key_env else "",
        *headers,
        *(h.partition(" ")[2] for h in headers),
    ]
    return tuple(v.encode() for v in values if len(v) >= 4)


def _open_wire(spec: ModelSpec, endpoint: str) -> Wire:
    key = os.environ.get(spec.api_key_env) if spec.api_key_env else None
    if spec.client == "sdk":
        from evalh.backends.sdk import SdkWire

        return SdkWire(endpoint, key, spec.headers, spec.query)
    from evalh.backends.light import LightWire

    return LightWire(endpoint, key, spec.headers, spec.query)


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # a lone surrogate, say, which JSON can carry only escaped
        return json.dumps(body).encode("ascii")


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # takes lone surrogates and NaN, which some servers write


def _clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates become U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _logprobs(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    """The chat form of log-probabilities, or None where there is none that can be used."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return None
    tokens = []
    for item in content:
        if not isinstance(item, dict) or not isinstance(item.get("token"), str):
            return None
        top = {
            t["token"]: t["logprob"]
            for t in item.get("top_logprobs") or ()
            if isinstance(t, dict) and "token" in t and "logprob" in t
        }
        tokens.append({"token": item["token"], "logprob": item.get("logprob"), "top": top})
    return tuple(tokens)


__all__ = ["BackendError", "OpenAIBackend", "open_backend", "open_ollama"]
