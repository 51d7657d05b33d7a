"""An HTTP reply that is not a completion -> the error class that says whether trying again will help.

Told by status first, then by what OpenAI-compatible servers are known to write: `error.code` and `error.type` where they follow
OpenAI, a few phrases where they do not (llama.cpp and vLLM say in words that a prompt is too long).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from evalh.errors import AuthFailed, BackendError, BadRequest, NotServed, RateLimited, Refused, ServerFault, TooLong

_LONG: Final = (
    "context_length_exceeded",
    "context length",
    "context size",
    "context window",
    "maximum model length",  # vLLM
    "max_new_tokens` must be",  # TGI
    "exceeds the maximum number of tokens",  # Gemini
    "prompt is too long",
    "too many tokens",
)
_LARGE: Final = "request too large"  # more than a minute's allowance in one request: no minute will take it
_FILTER: Final = (
    "content_filter",
    "content_policy",
    "responsibleai",
    "content management policy",
    "invalid_prompt",
    "was flagged",
)
_QUOTA: Final = ("insufficient_quota", "billing_hard_limit")  # not the words: Gemini says "quota" of a limit per minute
_UNSUPPORTED: Final = re.compile(r"[Uu]nsupported (?:parameter|value): '(\w+)'")


def error_of(status: int, body: bytes, headers: Mapping[str, str], who: str) -> BackendError:
    """The error of a reply with a status other than 200.

    Args:
        status: the HTTP status.
        body: as received.
        headers: with lower-case names.
        who: the model and its address, for the message.
    """
    code, text = _parts(body)
    said = f"HTTP {status} from {who}: {text}" if text else f"HTTP {status} from {who}"
    low = f"{code} {text}".lower()
    if status in (401, 403) and not _any(low, _FILTER):
        return AuthFailed(f"{said}. The key is missing, wrong or not allowed to use this model", status=status)
    if status == 407:
        return AuthFailed(f"{said}. The proxy wants a user and password: HTTPS_PROXY=http://USER:PASSWORD@HOST", status=status)
    if status == 402 or (status == 429 and _any(low, _QUOTA)):
        return AuthFailed(f"{said}. The account has no credit left", status=status)
    if status in (413, 429) and _LARGE in low:
        return TooLong(said, status=status)
    if status == 429:
        return RateLimited(said, retry_after=retry_after(headers))
    if _any(low, _LONG) and status in (400, 413, 422, 500):
        return TooLong(said, status=status)
    if _any(low, _FILTER):
        return Refused(said, status=status)
    if status in (408, 409, 425) or status >= 500:
        return ServerFault(said, retry_after=retry_after(headers), status=status)
    if status == 404:
        return NotServed(f"{said}. The server does not know this model or path", status=status)
    if 300 <= status < 400:
        moved = headers.get("location", "nowhere").partition("?")[0]
        return BadRequest(f"{said}. The address leads on to {moved}: write the final one as base_url", status=status)
    return BadRequest(said, status=status)


def _any(text: str, marks: tuple[str, ...]) -> bool:
    return any(mark in text for mark in marks)


def detail(body: bytes) -> str:
    """What a body that is not a completion says, shortened."""
    return _parts(body)[1]


def _parts(body: bytes) -> tuple[str, str]:
    """(code, message) of an error body, shortened; the start of the text where it is no JSON."""
    try:
        data: Any = json.loads(body[:100_000])
    except (ValueError, RecursionError):
        return "", _short(body[:400].decode("utf-8", "replace"))
    if isinstance(data, list) and len(data) == 1:  # Gemini
        data = data[0]
    error = (data.get("error") or data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return "", _short(str(error))
    code = f"{error.get('code') or ''} {error.get('type') or ''}"
    return code, _short(str(error.get("message") or error.get("detail") or error))


def unsupported(body: bytes) -> str | None:
    """The request parameter that a 400 says the model does not take, or None."""
    try:
        error = json.loads(body)["error"]
        param, code, message = error.get("param"), str(error.get("code")), str(error.get("message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(param, str):  # a gateway that passes on OpenAI's words only
        found = _UNSUPPORTED.search(message)
        return found.group(1) if found else None
    if code in ("unsupported_parameter", "unsupported_value") or _any(message.lower(), ("unsupported", "not supported")):
        return param
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked to wait, from `retry-after-ms`, or `retry-after` as a number or a date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _short(text: str, most: int = 300) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= most else text[:most] + "…"
