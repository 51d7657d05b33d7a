"""What servers say when they do not answer, as seen in real life, and the error class that each of them means."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from evalh.backends.http_errors import detail, error_of, retry_after, unsupported
from evalh.errors import (
    AuthFailed,
    BackendError,
    BadRequest,
    NotServed,
    RateLimited,
    Refused,
    ServerFault,
    TooLong,
)


def openai(
    message: str, kind: str | None = "invalid_request_error", code: Any = None, param: str | None = None
) -> dict[str, Any]:
    """An error body in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


QUOTA = "You exceeded your current quota, please check your plan and billing details."
FLAGGED = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
AZURE_FILTER = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
    }
}
GEMINI_LIMIT = [{"error": {"code": 429, "message": QUOTA + " Please retry in 32.5s.", "status": "RESOURCE_EXHAUSTED"}}]
VLLM_LONG = {
    "object": "error",
    "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4488 in the messages, "
    "512 in the completion). Please reduce the length of the messages or completion.",
    "type": "BadRequestError",
    "param": None,
    "code": 400,
}
LLAMA_LONG = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5000,
        "n_ctx": 4096,
    }
}
TGI_LONG = {
    "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4096 `inputs` tokens",
    "error_type": "validation",
}
GROQ_LARGE = openai(
    "Request too large for model `llama3` on tokens per minute (TPM): Limit 6000, Requested 8000",
    "tokens",
    "rate_limit_exceeded",
)
OPENAI_LARGE = openai(
    "Request too large for gpt-4 in organization org on tokens per min (TPM)", "tokens", "rate_limit_exceeded"
)
OPENROUTER_403 = {"error": {"message": 'Your input was flagged for "violence". No credits were charged.', "code": 403}}
GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>"

TABLE: list[tuple[str, int, Any, type[BackendError], str]] = [
    # who, status, body, class, a part of the message
    (
        "openai key",
        401,
        openai("Incorrect API key provided: sk-a***b.", code="invalid_api_key"),
        AuthFailed,
        "The key is missing",
    ),
    ("openai country", 403, openai("Country not supported", "request_forbidden"), AuthFailed, "Country not supported"),
    ("cloudflare", 403, "<html>Attention Required!</html>", AuthFailed, "Attention Required!"),
    ("openai model", 404, openai("The model `gpt-9` does not exist", code="model_not_found"), NotServed, "gpt-9"),
    ("wrong path", 404, b"404 page not found", NotServed, "does not know this model or path"),
    ("openai quota", 429, openai(QUOTA, "insufficient_quota", "insufficient_quota"), AuthFailed, "no credit left"),
    ("openai billing", 429, openai("Hard limit", None, "billing_hard_limit_reached"), AuthFailed, "no credit left"),
    ("deepseek", 402, openai("Insufficient Balance", "unknown_error"), AuthFailed, "no credit left"),
    ("openai rate", 429, openai("Rate limit reached", "requests", "rate_limit_exceeded"), RateLimited, "Rate limit reached"),
    ("azure rate", 429, openai("exceeded call rate limit", None, "429"), RateLimited, "call rate"),
    ("gemini rate", 429, GEMINI_LIMIT, RateLimited, "Please retry in 32.5s"),
    ("empty rate", 429, b"", RateLimited, "HTTP 429 from m"),
    ("openai tpm", 429, OPENAI_LARGE, TooLong, "Request too large"),
    ("groq tpm", 413, GROQ_LARGE, TooLong, "Request too large"),
    ("openai long", 400, openai("maximum context length is 8192", code="context_length_exceeded"), TooLong, "8192"),
    ("openai code", 400, openai("Too long.", code="context_length_exceeded"), TooLong, "Too long."),
    ("vllm long", 400, VLLM_LONG, TooLong, "4096 tokens"),
    (
        "vllm newer",
        400,
        openai("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", "BadRequestError", 400),
        TooLong,
        "decoder prompt",
    ),
    ("llama.cpp", 400, LLAMA_LONG, TooLong, "available context size"),
    ("llama.cpp 500", 500, {"error": {"code": 500, "message": "context size exceeded"}}, TooLong, "context size"),
    ("tgi", 422, TGI_LONG, TooLong, "4097"),
    ("sglang", 400, {"message": "The input (5000 tokens) is longer than the model's context length (4096)"}, TooLong, "5000"),
    (
        "gemini long",
        400,
        openai("The input token count (9) exceeds the maximum number of tokens allowed (8)."),
        TooLong,
        "count",
    ),
    ("anthropic", 400, openai("prompt is too long: 210000 tokens > 200000 maximum"), TooLong, "210000"),
    ("azure filter", 400, AZURE_FILTER, Refused, "content management policy"),
    ("openai policy", 400, openai("Rejected.", code="content_policy_violation"), Refused, "Rejected."),
    ("openai flagged", 400, openai(FLAGGED, code="invalid_prompt"), Refused, "flagged"),
    ("openrouter", 403, OPENROUTER_403, Refused, "flagged"),
    ("bad request", 400, openai("'messages' is too short"), BadRequest, "'messages' is too short"),
    ("fastapi", 422, {"detail": [{"loc": ["body", "seed"], "msg": "extra fields"}]}, BadRequest, "extra fields"),
    ("unnamed", 418, b"short and stout", BadRequest, "short and stout"),
    ("nginx size", 413, "<html>413 Request Entity Too Large</html>", BadRequest, "Entity Too Large"),
    ("proxy", 407, b"", AuthFailed, "HTTPS_PROXY"),
    ("request timeout", 408, openai("slow", "timeout"), ServerFault, "slow"),
    ("conflict", 409, b"", ServerFault, "HTTP 409"),
    ("too early", 425, b"", ServerFault, "HTTP 425"),
    ("openai 500", 500, openai("The server had an error", "server_error"), ServerFault, "had an error"),
    ("nginx", 502, GATEWAY, ServerFault, "502 Bad Gateway"),
    ("overloaded", 503, openai("overloaded"), ServerFault, "overloaded"),
    ("anthropic 529", 529, openai("Overloaded", "overloaded_error"), ServerFault, "Overloaded"),
    ("moved", 301, b"", BadRequest, "leads on to https://new.test/v1: write"),
    ("null error", 500, {"error": None, "message": "lost"}, ServerFault, "lost"),
    ("bare text", 500, '"a plain text"', ServerFault, "a plain text"),
    ("number", 500, b"7", ServerFault, "7"),
    ("broken json", 500, b'{"error": {"mess', ServerFault, '{"error"'),
    ("deep json", 500, b"[" * 90_000, ServerFault, "[[["),
    ("latin-1", 500, b"caf\xe9", ServerFault, "caf\ufffd"),
    ("surrogate", 500, b'{"error": {"message": "half \\ud800 \\u0000 pair"}}', ServerFault, "half pair"),
]


def as_bytes(body: Any) -> bytes:
    """A body as the wire carries it."""
    return body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()


@pytest.mark.parametrize(("who", "status", "body", "kind", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_an_error_reply_means_its_class(who: str, status: int, body: Any, kind: type[BackendError], said: str) -> None:
    """The class says whether trying again will help; the message names the server and what it said, in one line."""
    error = error_of(status, as_bytes(body), {"location": "https://new.test/v1?key=s3cret"}, "m at http://x/v1")
    assert type(error) is kind
    assert error.status == status
    assert str(error).startswith(f"HTTP {status} from m at http://x/v1")
    assert said in str(error)
    assert str(error).isprintable()
    assert "s3cret" not in str(error)


def test_long_messages_are_cut() -> None:
    """A gateway's page of HTML does not fill the terminal."""
    text = str(error_of(500, b"x" * 100_000, {}, "m"))
    assert len(text) < 350
    assert text.endswith("…")


def test_the_delay_asked_for_reaches_whoever_retries() -> None:
    """Rate limits and server faults carry it; a missing one is None."""
    for status in (429, 503):
        error: Any = error_of(status, b"", {"retry-after": "7"}, "m")
        assert error.retry_after == 7.0
        other: Any = error_of(status, b"", {}, "m")
        assert other.retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "20"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_the_delay_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds or a date; nonsense is no delay."""
    assert retry_after(headers) == seconds


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that stands far from Greenwich."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_a_date_is_a_delay_from_now(zone: str) -> None:
    """A date without a zone is read as GMT, wherever this machine stands."""
    date = formatdate(time.time() + 60, usegmt=True).replace("GMT", zone).strip()
    assert retry_after({"retry-after": date}) == pytest.approx(60, abs=2)


MAX_TOKENS = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (openai(MAX_TOKENS, code="unsupported_parameter", param="max_tokens"), "max_tokens"),
        (openai("Unsupported value: 'temperature'", code="unsupported_value", param="temperature"), "temperature"),
        (openai("'seed' is not supported here", param="seed"), "seed"),
        (openai("Unsupported thing", param="stop"), "stop"),
        (openai(f"litellm.BadRequestError: OpenAIException - {MAX_TOKENS}", None, "400"), "max_tokens"),
        (openai("unsupported value: 'top_p' does not support 0.5"), "top_p"),
        (openai("max_tokens is too large: 5000", param="max_tokens", code="invalid_value"), None),
        (openai("'messages' is too short", param="messages"), None),
        (openai("Something else"), None),
        ({"error": "a text"}, None),
        ({"error": None}, None),
        ([1], None),
        (b"<html>", None),
        (b"[" * 90_000, None),
    ],
)
def test_a_refused_parameter_is_named(body: Any, param: str | None) -> None:
    """OpenAI names it in a field, gateways only repeat its words; other faults of the request name none."""
    assert unsupported(as_bytes(body)) == param


def test_the_words_of_a_body_that_is_no_completion() -> None:
    """For replies with status 200 that are none: the message if there is one, else the start of the text."""
    assert detail(b'{"error": {"message": "upstream failed"}}') == "upstream failed"
    assert detail(b"") == ""
    assert detail(b"<p>Sign\n in</p>") == "<p>Sign in</p>"
