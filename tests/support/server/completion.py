"""The JSON of a chat completion: choices, log probabilities, usage, and what a fault leaves of them."""

from __future__ import annotations

import math
import re
from typing import Any

import orjson

from .replies import UNREADABLE, prose
from .settings import Rule
from .wire import Reply

CREATED = 1_700_000_000
_TOKEN = re.compile(r"\[\[|\]\]|\w+|\s+|[^\w\s]")
_VERDICT = re.compile(r"\[\[([ABC]|\d+)\]\]")
_MARK = re.compile(r"\[\[([^\[\]]+)\]\]")
_LETTERS = {"m": "M", "M": "m"}


def prompt_tokens(body: dict[str, Any]) -> int:
    """Count a quarter of the UTF-8 bytes said, and a little for each message, as chat formats do."""
    size = 0
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, str):
            size += len(content) if content.isascii() else len(content.encode())
        elif content is not None:
            size += len(orjson.dumps(content))
    return size // 4 + 4 * len(body["messages"]) + 3


def output_tokens(text: str) -> int:
    """Count a quarter of the UTF-8 bytes, rounded up."""
    return -(-len(text.encode()) // 4)


def capped(text: str, cap: int | None) -> tuple[str, str]:
    """Return the text and the finish reason under an output cap in tokens."""
    if cap is None or output_tokens(text) <= cap:
        return text, "stop"
    return text.encode()[: cap * 4].decode("utf-8", "ignore"), "length"


def log_probabilities(text: str, top: int) -> dict[str, Any]:
    """Return simple made-up log probabilities; a verdict's letter or number competes with its neighbours.

    A letter m or M by itself competes with the other, so the one that is said has 0.7 / (0.7 + 0.15) of the two.
    """
    verdict = _VERDICT.search(text)
    content = []
    for found in _TOKEN.finditer(text):
        token = found.group()
        rivals = _rivals(token) if verdict and found.start() == verdict.start(1) else ["the", " a", "\n"]
        rivals = [_LETTERS[token], "The"] if token in _LETTERS else rivals
        chances = [(token, 0.7), *((rival, 0.3 / 2 ** (i + 1)) for i, rival in enumerate(rivals))]
        entries = [{"token": t, "logprob": math.log(p), "bytes": list(t.encode())} for t, p in chances]
        content.append({**entries[0], "top_logprobs": entries[:top]})
    return {"content": content, "refusal": None}


def _rivals(token: str) -> list[str]:
    if token.isdigit():
        return [str(int(token) + step) for step in (1, -1, 2, -2) if int(token) + step > 0]
    return [letter for letter in "ABC" if letter != token]


def tool_call(body: dict[str, Any], text: str) -> dict[str, Any] | None:
    """Return the message that calls the one tool that was forced, with the text as its arguments; None if none was."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or not body.get("tools"):
        return None
    call = {"id": "call_1", "type": "function", "function": {"name": choice["function"]["name"], "arguments": text}}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}


def constrained(body: dict[str, Any], text: str) -> str:
    """Return what a judge says in the form that the request holds it to, where its marks give the value for it."""
    found = _MARK.findall(text)
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    if schema is not None and found:
        (name,) = [key for key in schema["properties"] if key != "explanation"]
        value = float(found[-1]) if name == "score" else found[-1]
        return orjson.dumps({key: value if key == name else text for key in schema["properties"]}).decode()
    held = body.get("structured_outputs") or {"choice": body.get("guided_choice"), "regex": body.get("guided_regex")}
    if found and (held.get("choice") or held.get("regex")):
        return f"[[{found[-1]}]]"
    if found and "grammar" in body:
        return f"The tags say so.\n\n[[{found[-1]}]]"
    return text


def spoil_json(rule: Rule, completion: dict[str, Any]) -> None:
    """Do to a completion what the rule's fault does to its content."""
    choices = completion["choices"]
    if rule.kind == "empty_choices":
        completion["choices"] = []
        return
    for choice in choices:
        message = choice["message"]
        text = message["content"]
        if rule.kind == "null_content":
            message["content"] = None
        elif rule.kind == "unreadable":
            message["content"] = rule.text or UNREADABLE
        elif rule.kind == "huge":
            message["content"] = text + " " + ("x" * 79 + "\n") * (rule.size // 80)
        elif rule.kind in ("content_filter", "length"):
            message["content"] = text[: len(text) // 2]
            choice["finish_reason"] = rule.kind


def spoil_bytes(rule: Rule, reply: Reply) -> None:
    """Do to a finished reply what the rule's fault does to its bytes or its delivery."""
    if rule.kind in ("reset", "close", "reset_body", "cut_body", "hang"):
        reply.delivery = rule.kind
    elif rule.kind == "drip":
        reply.delivery, reply.pieces, reply.seconds = "drip", max(rule.pieces, 2), rule.seconds
    elif rule.kind == "slow":
        reply.delay += rule.seconds
    elif rule.kind == "refuse":
        reply.seconds = rule.seconds
    elif rule.kind == "cut_json":
        reply.body = reply.body[: len(reply.body) // 2]
    elif rule.kind in _BODIES:
        reply.body, reply.content_type = _BODIES[rule.kind]
        reply.prompt_tokens = reply.completion_tokens = 0


_BODIES = {
    "malformed": (b"{'choices': [oops, this was never JSON", "application/json"),
    "empty_body": (b"", "application/json"),
    "html": (b"<!doctype html><title>Sign in</title><p>" + prose(7, 60).encode(), "text/html; charset=utf-8"),
    "error_200": (b'{"error": {"message": "upstream failed", "type": "server_error", "code": 502}}', "application/json"),
}
