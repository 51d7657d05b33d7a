"""Any OpenAI-compatible chat endpoint.

What is said to the server and what is read from its reply stands here; how the bytes travel stands behind a seam with two
sides: `light.py` (aiohttp, the default) and `sdk.py` (the openai SDK's client). The measurements that decided the default are
in benchmarks/README.md.

Newer models refuse `max_tokens` or `temperature`. A refusal that names a parameter is answered by renaming or dropping it, once
per model, and every reply that came so carries a flag that says it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from evalh.backends.http_errors import detail, error_of, unsupported
from evalh.backends.json_body import decode, encode
from evalh.core.config import UNSENT, ModelSpec
from evalh.core.models import OPENAI_URL
from evalh.core.records import Completion, RawReply, Request, Usage
from evalh.core.wire import clean
from evalh.errors import AuthFailed, BackendError, BadRequest, ServerFault

if TYPE_CHECKING:
    from evalh.backends.batches import BatchService

DROPPABLE: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
FORMS: Final = len(DROPPABLE) + 2  # each round can adapt to one refused parameter
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
    return OpenAIBackend(spec, batches=False)


class OpenAIBackend:
    """One model at one OpenAI-compatible endpoint.

    Attributes:
        batches: whether there may be a Batch API at the endpoint.
    """

    paid = True

    def __init__(self, spec: ModelSpec, wire: Wire | None = None, *, batches: bool = True) -> None:
        self.spec = spec
        self.batches = batches
        self.endpoint = spec.base_url or OPENAI_URL
        self._wire = wire
        # OpenAI itself deprecates max_tokens for every model; most other servers know nothing else.
        self._limit_name = "max_completion_tokens" if self.endpoint == OPENAI_URL else "max_tokens"
        self._renamed = False
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
        for name, only in UNSENT.items():
            if body.get(name) not in (None, only):
                raise BadRequest(
                    f"{self._who} would be sent {name} = {body[name]!r}: a request has one whole reply here, and servers that"
                    " know no other way ignore the field in silence. Leave it out; --samples asks several times"
                )
        return body

    async def send(self, request: Request) -> RawReply:
        """One chat request on the wire. Raises BackendError by class."""
        if self._wire is None:
            self._wire = _open_wire(self.spec, self.endpoint)
        for _ in range(FORMS):
            form, adapted = self.form, self.adapted(request)  # as it is sent, whatever others learn meanwhile
            status, headers, body, seconds = await self._wire.post(self.encoded(request))
            if status == 200:
                kept = {k: v for k, v in headers.items() if k.startswith(KEPT_HEADERS)}
                return RawReply(body, adapted, seconds, _name(headers.get("x-request-id")), kept)
            if not self.adapts(request, form, status, body):
                break
        raise self.refusal(status, body, headers)

    # What follows is `send` in its parts, for a request that travels in a batch.

    @property
    def form(self) -> tuple[Any, ...]:
        """How parameters are sent at present: it changes with what the server is found to refuse."""
        return self._dropped, self._limit_name

    def encoded(self, request: Request) -> bytes:
        """The body of a request, as bytes."""
        return encode(self.body(request))

    def adapted(self, request: Request) -> tuple[str, ...]:
        """What is left out of a request in the present form."""
        return tuple(f"dropped:{name}" for name in self._dropped if name in request.params)

    def adapts(self, request: Request, form: tuple[Any, ...], status: int, body: bytes) -> bool:
        """Whether a refusal of a request, sent in `form`, is reason to ask again in another form."""
        param = unsupported(body) if status == 400 else None
        # Another request may have learned something meanwhile: then ask again with it.
        return param is not None and (form != self.form or self._adapt(param, request))

    def refusal(self, status: int, body: bytes, headers: Mapping[str, str]) -> BackendError:
        """The error that a reply with another status than 200 means."""
        return error_of(status, self._without_secrets(body), headers, self._who)

    def open_batches(self) -> BatchService:
        """The Batch API at this endpoint."""
        from evalh.backends.batches import BatchService

        return BatchService(self.endpoint, _headers(self.spec, self.endpoint), self.spec.query, self._without_secrets)

    @property
    def _who(self) -> str:
        return f"{self.spec.model} at {self.endpoint}"

    def _without_secrets(self, body: bytes) -> bytes:
        """What a server said about an error, fit to be stored and shown: careless gateways repeat the key."""
        for secret in self._secrets:
            body = body.replace(secret, b"[key]")
        return body

    def _adapt(self, param: str, request: Request) -> bool:
        """Change how a refused parameter is sent; False where nothing can be changed."""
        if param == self._limit_name and "max_tokens" in request.params and not self._renamed:
            self._renamed = True
            self._limit_name = "max_completion_tokens" if param == "max_tokens" else "max_tokens"
            return True
        if param in DROPPABLE and param in request.params and param not in self._dropped:
            self._dropped = (*self._dropped, param)
            return True
        return False

    def read(self, raw: RawReply) -> Completion:
        """A chat completion's text and facts. Raises ServerFault where the body is not one."""
        try:
            data = decode(raw.body)
            choice = data["choices"][0]
            message = choice["message"]
            text, refusal = _content(message.get("content")), _name(message.get("refusal"))
            called = None if text else _arguments(message)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            said = detail(self._without_secrets(raw.body))
            raise ServerFault(f"{self._who} sent a reply that is not a chat completion: {said or 'an empty one'}") from None
        usage = data.get("usage")
        return Completion(
            text=text or refusal or called or "",
            finish_reason=_name(choice.get("finish_reason")),
            usage=_usage(usage) if isinstance(usage, dict) and usage else None,
            served_model=_name(data.get("model")),
            fingerprint=_name(data.get("system_fingerprint")),
            logprobs=_logprobs(choice.get("logprobs")),
            reasoning=_name(message.get("reasoning_content")) or _name(message.get("reasoning")),
            flags=(*raw.adapted, *(("refusal",) if refusal else ()), *(("tool_call",) if called and not refusal else ())),
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
    # Local servers are given keys such as "none" or "test": words that a message may well hold.
    return tuple(v.strip().encode() for v in values if len(v.strip()) >= 8)


def _headers(spec: ModelSpec, endpoint: str) -> dict[str, str]:
    """The headers that every request carries, the key among them."""
    key = os.environ.get(spec.api_key_env, "").strip() if spec.api_key_env else ""
    if not (key.isascii() and key.isprintable()):
        raise AuthFailed(
            f"the variable {spec.api_key_env} holds characters that no key has, such as a line break: set it again"
        )
    headers = dict(spec.headers)
    names = {name.lower() for name in headers}
    if key and "authorization" not in names:
        headers["Authorization"] = f"Bearer {key}"
    if key and "azure" in (urlsplit(endpoint).hostname or "") and "api-key" not in names:
        headers["api-key"] = key
    return headers


def _open_wire(spec: ModelSpec, endpoint: str) -> Wire:
    headers = _headers(spec, endpoint)
    if spec.client == "sdk":
        from evalh.backends.sdk import SdkWire

        return SdkWire(endpoint, headers, spec.query)
    from evalh.backends.light import LightWire

    return LightWire(endpoint, headers, spec.query)


def _content(value: Any) -> str:
    """The text of a message, written as one text, as content parts, or not at all."""
    if isinstance(value, list):
        value = "".join(p["text"] for p in value if isinstance(p, dict) and isinstance(p.get("text"), str))
    if value is not None and not isinstance(value, str):
        raise TypeError("content is neither text nor parts")
    return clean(value or "")


def _arguments(message: dict[str, Any]) -> str | None:
    """The arguments of the one tool call that a message without text consists of, as the JSON text that they are."""
    calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], dict):
        return None
    function = calls[0].get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict):  # some servers hand over what they have read already
        arguments = encode(arguments).decode()
    return clean(arguments) if isinstance(arguments, str) else None


def _name(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def _usage(data: dict[str, Any]) -> Usage:
    return Usage(_count(data.get("prompt_tokens")), _count(data.get("completion_tokens")))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _logprobs(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    """The chat form of log-probabilities, or None where there is none that can be used."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return None
    tokens = []
    for item in content:
        if not isinstance(item, dict) or not isinstance(item.get("token"), str):
            return None
        rivals = item.get("top_logprobs")
        top = {
            clean(t["token"]): t["logprob"]
            for t in (rivals if isinstance(rivals, list) else ())
            if isinstance(t, dict) and isinstance(t.get("token"), str) and "logprob" in t
        }
        tokens.append({"token": clean(item["token"]), "logprob": item.get("logprob"), "top": top})
    return tuple(tokens)
