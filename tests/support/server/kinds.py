"""The words settings are written in."""

from __future__ import annotations

from typing import Literal

HOSTILE_KINDS = ("quotes-then-judges", "only-quotes", "obeys")
REPLY_KINDS = ("text", "echo", "hash", "quality", "judge", "function", *HOSTILE_KINDS)
LATENCY_KINDS = ("fixed", "uniform", "lognormal")
BatchOutcome = Literal["completed", "expired", "failed"]

# Every fault and the promise it makes about the connection and the reply.
FAULT_KINDS: dict[str, str] = {
    "429": "rate limited; with retry_after and retry_after_ms as told",
    "400": "a bad request",
    "401": "a refused key",
    "403": "a forbidden country or project",
    "404": "a withdrawn model",
    "408": "a request timeout said by the server",
    "409": "a conflict",
    "500": "a server fault with a JSON body",
    "502": "a gateway fault with an HTML body",
    "503": "overloaded",
    "504": "a gateway timeout with an HTML body",
    "529": "overloaded, as some gateways say it",
    "status": "any other status",
    "quota": "429 that will not go away: insufficient_quota",
    "context": "400 context_length_exceeded",
    "content_filter_400": "400 content_filter, as Azure says it",
    "reset": "RST before the first byte of the reply",
    "close": "FIN before the first byte of the reply",
    "reset_body": "RST in the middle of the body",
    "cut_body": "FIN in the middle of the body: Content-Length promised more",
    "drip": "the body in small pieces over some seconds",
    "hang": "no reply at all while the client waits",
    "slow": "some more seconds of latency",
    "refuse": "the listening socket is closed for some seconds and all connections are reset",
    "cut_json": "valid HTTP with half of the JSON text",
    "malformed": "valid HTTP with a text that never was JSON",
    "empty_body": "200 with Content-Length 0",
    "html": "200 with an HTML page",
    "error_200": "200 whose JSON is an error object",
    "empty_choices": "200 with no choice in it",
    "null_content": "200 with null for the content",
    "huge": "200 with megabytes of text",
    "unreadable": "200 with a verdict nobody can read; strikes judges only",
    "content_filter": "200 with finish_reason content_filter and half of the text",
    "length": "200 with finish_reason length and half of the text",
}

# The reply of these is as good as an undisturbed one; they only take longer.
HARMLESS = frozenset({"drip", "slow"})
