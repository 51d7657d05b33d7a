"""The chat endpoint: a request's body in, a reply out, the same for live requests and for the lines of a batch."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import Any

import orjson

from . import completion, errors
from .faults import Buckets, Script, seconds
from .replies import Reply as ReplyFunction
from .replies import make
from .settings import Model, Rule, Settings
from .stats import Stats
from .wire import Reply


class Chat:
    """The models of one server."""

    def __init__(self, settings: Settings, stats: Stats) -> None:
        """Prepare the models that are named; others appear when they are asked for."""
        self.settings = settings
        self.stats = stats
        self.script = Script(settings.rules, settings.seed)
        self.buckets = Buckets(settings.rate_limit)
        self.asked: Counter[str] = Counter()
        self.players: dict[str, tuple[Model, ReplyFunction]] = {}
        for name, model in settings.models.items():
            self.players[name] = (model, make(name, model))

    def player(self, name: str) -> tuple[Model, ReplyFunction] | None:
        """Return the model of this name and the function that speaks for it; None if there is none."""
        found = self.players.get(name)
        if found is None and not self.settings.strict:
            model = Model()
            found = self.players[name] = (model, make(name, model))
        return found

    def answer(self, raw: bytes | dict[str, Any], path: str, where: str = "live", in_flight: int = 0) -> Reply:
        """Return the reply to one request, with its fault and its latency."""
        body, fault = _read(raw)
        if fault is not None:
            return fault
        name = body["model"]
        digest = blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
        n_seen = self.stats.see(digest)
        player = self.player(name)
        if player is None:
            reply = errors.unknown_model(name)
        else:
            reply = self._play(body, player, digest, n_seen, (path, where, in_flight))
            latency = player[0].latency or self.settings.latency
            # Who is turned away or asks for what cannot be is told so at once.
            if where == "live" and not 400 <= reply.status < 500 and reply.fault != "capacity":
                reply.delay += seconds(latency, self.settings.seed, digest, n_seen)
        reply.model, reply.digest = name, digest
        return reply

    def _play(
        self,
        body: dict[str, Any],
        player: tuple[Model, ReplyFunction],
        digest: bytes,
        n_seen: int,
        how: tuple[str, str, int],
    ) -> Reply:
        path, where, in_flight = how
        model, say = player
        if model.reasoning:
            refused = errors.refused_by_reasoning(body)
            if refused is not None:
                return refused
        tokens = completion.prompt_tokens(body)
        if model.context and tokens > model.context:
            return errors.too_long(model.context, tokens)
        if where == "live":
            refused = self._turned_away(tokens + (output_cap(body) or 0), in_flight)
            if refused is not None:
                return refused
        rule = self.script.pick(path, body["model"], model.kind == "judge", where, digest, n_seen)
        reply = errors.scripted(rule) if rule is not None else None
        if reply is None:
            reply = self._complete(body, model, say, digest, n_seen, tokens, rule)
        if rule is not None:
            reply.fault = rule.kind
        if self.buckets.on and where == "live":
            reply.extra += self.buckets.headers()
        return reply

    def _turned_away(self, tokens: int, in_flight: int) -> Reply | None:
        """Return the refusal of a server that has had enough, if it has."""
        capacity = self.settings.capacity
        if capacity.concurrent and in_flight >= capacity.concurrent:
            reply = errors.scripted(Rule("status", status=capacity.status, retry_after=capacity.retry_after))
            assert reply is not None
            reply.fault = "capacity"
            return reply
        if not self.buckets.on:
            return None
        wait = self.buckets.take(tokens)
        if not wait:
            return None
        reply = errors.failure(429, f"Rate limit reached. Please try again in {wait:.3f}s.", "requests", None)
        reply.body = reply.body.replace(b'"code":null', b'"code":"rate_limit_exceeded"')
        reply.extra = self.buckets.headers()
        if self.settings.rate_limit.retry_after:
            reply.extra += errors.retry_lines(round(wait + 0.0005, 3), round(wait * 1000 + 0.5))
        reply.fault = "rate_limit"
        return reply

    def _complete(
        self,
        body: dict[str, Any],
        model: Model,
        say: ReplyFunction,
        digest: bytes,
        n_seen: int,
        tokens: int,
        rule: Rule | None,
    ) -> Reply:
        cap = output_cap(body)
        thought = min(model.reasoning_tokens, cap) if cap is not None else model.reasoning_tokens
        count = int(body.get("n") or 1) if model.honour_n else 1
        choices, written = [], 0
        for i in range(count):
            said = say(body, n_seen + i)
            if model.honour_schema:
                said = completion.constrained(body, said)
            text, finish = completion.capped(said, None if cap is None else cap - thought)
            logprobs = None
            if body.get("logprobs") and model.logprobs:
                logprobs = completion.log_probabilities(text, int(body.get("top_logprobs") or 0))
            message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
            if model.thinks:
                message["reasoning_content"] = model.thinks
            if model.tools:
                message = completion.tool_call(body, text) or message
            choices.append({"index": i, "message": message, "logprobs": logprobs, "finish_reason": finish})
            written += completion.output_tokens(text)
        served, fingerprint = self._identity(body["model"], model)
        written += thought
        usage: dict[str, Any] = {
            "prompt_tokens": tokens,
            "completion_tokens": written,
            "total_tokens": tokens + written,
        }
        if model.reasoning:
            usage["completion_tokens_details"] = {"reasoning_tokens": thought}
        whole = {
            "id": f"chatcmpl-{digest.hex()[:20]}{n_seen}",
            "object": "chat.completion",
            "created": completion.CREATED,
            "model": served,
            "system_fingerprint": fingerprint,
            "choices": choices,
            "usage": usage,
        }
        if not model.usage:
            del whole["usage"]
        if rule is not None:
            completion.spoil_json(rule, whole)
        reply = Reply(200, orjson.dumps(whole), prompt_tokens=tokens, completion_tokens=written)
        if rule is not None:
            completion.spoil_bytes(rule, reply)
        return reply

    def _identity(self, name: str, model: Model) -> tuple[str, str | None]:
        """Return the name and the fingerprint reported, which may change after so many requests."""
        self.asked[name] += 1
        served, fingerprint = model.served or name, model.fingerprint
        if model.later_after and self.asked[name] > model.later_after:
            served, fingerprint = model.served_later or served, model.fingerprint_later or fingerprint
        return served, fingerprint


def output_cap(body: dict[str, Any]) -> int | None:
    """Return the most tokens the request lets the model write, if it says so."""
    cap = body.get("max_completion_tokens")
    if cap is None:
        cap = body.get("max_tokens")
    return cap


def _read(raw: bytes | dict[str, Any]) -> tuple[dict[str, Any], Reply | None]:
    """Return the body of a chat request, or the 400 it deserves."""
    try:
        body = orjson.loads(raw) if isinstance(raw, bytes) else raw
    except orjson.JSONDecodeError:
        return {}, errors.invalid("We could not parse the JSON body of your request.")
    if not isinstance(body, dict) or not isinstance(body.get("model"), str) or not body["model"]:
        return {}, errors.invalid("you must provide a model parameter")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        return {}, errors.invalid("Invalid 'messages': a list of messages was expected.", "messages")
    if body.get("stream"):
        return {}, errors.invalid("This server does not stream.", "stream", "unsupported_value")
    return body, None
