"""Error replies in the shapes that OpenAI, Azure and the proxies before them send."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import orjson

from .settings import Rule
from .wire import Reply

_GATEWAY = (
    "<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n"
    "<hr><center>fake gateway</center>\r\n</body>\r\n</html>\r\n"
)
_PHRASES = {502: "Bad Gateway", 504: "Gateway Time-out"}
_MESSAGES: dict[int, tuple[str, str, str | None]] = {
    400: ("The request was not understood.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"),
    404: ("The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    408: ("The request took too long to arrive.", "timeout", None),
    409: ("The request conflicts with another one.", "invalid_request_error", None),
    429: ("Rate limit reached for requests. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    503: ("The engine is currently overloaded, please try again later", "server_error", None),
    529: ("Overloaded", "overloaded_error", None),
}


def failure(status: int, message: str, kind: str, param: str | None = None, code: str | None = None) -> Reply:
    """Return an error reply with OpenAI's JSON body."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Reply(status, orjson.dumps({"error": error}))


def invalid(message: str, param: str | None = None, code: str | None = None) -> Reply:
    """Return the 400 of a request that cannot succeed."""
    return failure(400, message, "invalid_request_error", param, code)


def unknown_model(name: str) -> Reply:
    """Return the 404 of a model the server does not have."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return failure(404, message, "invalid_request_error", None, "model_not_found")


def refused_key(given: str, echo: bool) -> Reply:
    """Return the 401 of a missing or wrong key; OpenAI repeats its first and last letters, careless gateways all of it."""
    if not given:
        message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
        return failure(401, message, "invalid_request_error")
    shown = given if echo else f"{given[:3]}{'*' * 8}{given[-4:]}" if len(given) > 12 else "*" * len(given)
    message = f"Incorrect API key provided: {shown}."
    return failure(401, message, "invalid_request_error", None, "invalid_api_key")


def too_long(limit: int, tokens: int) -> Reply:
    """Return the 400 of a prompt that is longer than the context."""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages."
    )
    return invalid(message, "messages", "context_length_exceeded")


def refused_by_reasoning(body: dict[str, Any]) -> Reply | None:
    """Return the 400 a reasoning model gives for parameters of the older models, if there is one; one fault at a time."""
    if body.get("max_tokens") is not None:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        return invalid(message, "max_tokens", "unsupported_parameter")
    for name, default in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        value = body.get(name)
        if value is not None and value != default:
            message = (
                f"Unsupported value: '{name}' does not support {orjson.dumps(value).decode()} with this model. "
                f"Only the default ({default}) value is supported."
            )
            return invalid(message, name, "unsupported_value")
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name):
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            return invalid(message, name, "unsupported_parameter")
    return None


def retry_lines(after: float | None, after_ms: float | None = None) -> bytes:
    """Return the header lines that tell when to come again."""
    lines = "" if after is None else f"retry-after: {after:g}\r\n"
    if after_ms is not None:
        lines += f"retry-after-ms: {after_ms:g}\r\n"
    return lines.encode()


def scripted(rule: Rule) -> Reply | None:
    """Return the error reply of a rule that plays one, or None for the other faults."""
    if rule.kind == "context":
        return too_long(8192, 9001)
    if rule.kind == "content_filter_400":
        message = "The response was filtered due to the prompt triggering the content management policy."
        return failure(400, message, "invalid_request_error", "prompt", "content_filter")
    if rule.kind == "quota":
        message = "You exceeded your current quota, please check your plan and billing details."
        return failure(429, message, "insufficient_quota", None, "insufficient_quota")
    status = rule.status if rule.kind == "status" else int(rule.kind) if rule.kind.isdigit() else 0
    if not status:
        return None
    if status in _PHRASES:
        page = _GATEWAY.format(status=status, phrase=_PHRASES[status])
        reply = Reply(status, page.encode(), "text/html")
    else:
        message, kind, code = _MESSAGES.get(status, (f"Scripted status {status}.", "server_error", None))
        reply = failure(status, message, kind, None, rule.code or code)
    if rule.retry_after_date and rule.retry_after is not None:
        reply.extra = f"retry-after: {formatdate(time.time() + rule.retry_after, usegmt=True)}\r\n".encode()
    else:
        reply.extra = retry_lines(rule.retry_after, rule.retry_after_ms)
    return reply
