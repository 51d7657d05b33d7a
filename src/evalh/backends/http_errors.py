"""An HTTP reply that is not a completion -> the error class that says whether trying again will help.

Told by status first, then by what OpenAI-compatible servers are known to write: `error.code` and `error.type` where they follow
OpenAI, a few phrases where they do not (llama.cpp and vLLM say in words that a prompt is too long).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from evalh.errors import AuthFailed, BackendError, BadRequest, NotServed, RateLimited, Refused, ServerFault, TooLong

_LONG: Final = (
    "context_length_exceeded",
    "maximum context length",
    "context size",
    "context window",
    "prompt is too long",
    "too many tokens",
)
_FILTER: Final = ("content_filter", "content_policy", "responsibleai", "content management policy")
_QUOTA: Final = ("insufficient_quota", "billing_hard_limit", "exceeded your current quota")


def error_of(status: int, body: bytes, headers: Mapping[str, str], who: str) -> BackendError:
    """The error of a reply with a status other than 200.

    Args:
        status: the HTTP status.
        body: as received.
        headers: with lower-case names.
        who: the model and its address, for the message.
    """
    code, text = _detail(body)
    said = f"HTTP {status} from {who}: {text}" if text else f"HTTP {status} from {who}"
    low = f"{code} {text}".lower()
    if status in (401, 403) and not _any(low, _FILTER):
        return AuthFailed(f"{said}. The key is missing, wrong or not allowed to use this model", status=status)
    if status == 429:
        if _any(low, _QUOTA):
            return AuthFailed(f"{said}. The account has no credit left", status=status)
        return RateLimited(said, retry_after=retry_after(headers))
    if _any(low, _LONG) and status in (400, 413, 422, 500):
        return TooLong(said, status=status)
    if _any(low, _FILTER):
        return Refused(said, status=status)
    if status in (408, 409, 425) or status >= 500:
        return ServerFault(said, retry_after=retry_after(headers), status=status)
    if status == 404:
        return NotServed(f"{said}. The server does not know this model or path", status=status)
    return BadRequest(said, status=status)


def _any(text: str, marks: tuple[str, ...]) -> bool:
    return any(mark in text for mark in marks)


def _detail(body: bytes) -> tuple[str, str]:
    """(code, message) of an error body, shortened; the start of the text where it is no JSON."""
    try:
        data: Any = json.loads(body[:100_000])
    except ValueError:
        return "", _short(body[:400].decode("utf-8", "replace"))
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return "", _short(str(error))
    code = f"{error.get('code') or ''} {error.get('type') or ''}"
    return code, _short(str(error.get("message") or error.get("detail") or error))


def unsupported(body: bytes) -> str | None:
    """The request parameter that a 400 says the model does not take, or None."""
    try:
        error = json.loads(body)["error"]
        param, code, message = error.get("param"), str(error.get("code")), str(error.get("message"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(param, str):
        return None
    if (
        code in ("unsupported_parameter", "unsupported_value")
        or "unsupported" in message.lower()
        or "not supported" in message.lower()
    ):
        return param
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked to wait, from `retry-after-ms`, or `retry-after` as a number or a date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _short(text: str, most: int = 300) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= most else text[:most] + "…"
