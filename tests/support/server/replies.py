"""What the models say: pure functions of the request's body, so every expected number can be computed by a test.

A fake model of kind ``quality`` puts a tag such as ``quality=7`` into each
answer, drawn from its name and the question. A fake judge reads those tags and
nothing else, so its verdicts follow from the models' names and the questions.
"""

from __future__ import annotations

import importlib
import re
from ast import literal_eval as _literal
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import orjson

from . import listed
from .hostile import hostile_verdict
from .kinds import HOSTILE_KINDS
from .settings import Model

Reply = Callable[[dict[str, Any], int], str]

TAG = re.compile(r"\bquality=(\d+(?:\.\d+)?)")
UNREADABLE = "Both answers have their merits, and I would rather not say which one I prefer."
_PROSE = (
    "the answer gives a plain reason and one example that a reader can check by hand before the next step follows from "
    "what was said while each number keeps its unit and every claim names its source so nothing is left to guess"
)
_WORDS = _PROSE.split()


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def last_user_text(body: dict[str, Any]) -> str:
    """Return the last thing the user said: the question."""
    for message in reversed(body["messages"]):
        if message.get("role") == "user":
            return text_of(message)
    return ""


def number(*parts: str | bytes | int) -> int:
    """Return 64 bits that depend on the parts and on nothing else."""
    text = b"\x1f".join(p if isinstance(p, bytes) else str(p).encode() for p in parts)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def quality(model: str, question: str, low: int = 1, high: int = 10) -> int:
    """Return the quality that the fake model of this name shows on this question."""
    return low + number("quality", model, question) % (high - low + 1)


def prose(key: int, words: int) -> str:
    """Return a text of so many words that depends on the key alone."""
    picked = []
    for _ in range(max(words, 1)):
        # A linear congruential step: the random module takes longer to seed than all words together.
        key = (key * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & 0xFFFF_FFFF_FFFF_FFFF
        picked.append(_WORDS[(key >> 33) % len(_WORDS)])
    return " ".join(picked).capitalize() + "."


def echo(body: dict[str, Any], n_seen: int) -> str:
    """Say what the user said last."""
    return last_user_text(body)


def make(name: str, model: Model) -> Reply:
    """Return the function that answers for the model of this name."""
    if model.kind == "text":
        return lambda body, n_seen: model.text
    if model.kind == "echo":
        return echo
    if model.kind == "hash":
        return lambda body, n_seen: _hashed(body, n_seen, model)
    if model.kind == "judge":
        return lambda body, n_seen: verdict(body, model)
    if model.kind in HOSTILE_KINDS:
        return lambda body, n_seen: hostile_verdict(body, model)
    if model.kind == "function":
        module, _, function = model.target.partition(":")
        found: Reply = getattr(importlib.import_module(module), function)
        return found
    return lambda body, n_seen: _tagged(name, body, n_seen, model)


def _hashed(body: dict[str, Any], n_seen: int, model: Model) -> str:
    canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    key = number("hash", canonical, n_seen if model.vary else 0)
    return f"{key:016x} {prose(key, model.words)}"


def _tagged(name: str, body: dict[str, Any], n_seen: int, model: Model) -> str:
    question = last_user_text(body)
    key = number("prose", name, question, n_seen if model.vary else 0)
    # The tag comes early, so that a small output cap leaves it whole.
    return f"This has quality={quality(name, question, model.low, model.high)}. {prose(key, model.words)}"


def verdict(body: dict[str, Any], model: Model) -> str:
    """Judge by the tags, in the marks that the prompt asks for.

    Of the tags in the user's messages the first half belongs to the first
    answer and the rest to the second; the last of each counts, so that of two
    turns the second is judged. A single answer is judged by its last tag.
    """
    messages = body["messages"]
    prompt = "\n".join(text_of(m) for m in messages)
    tags = [float(t) for m in messages if m.get("role") == "user" for t in TAG.findall(text_of(m))]
    several = listed.reply(prompt, tags, UNREADABLE)
    if several is not None:
        return several
    for mark, say in _FORMS:
        if mark in prompt:
            return _pair(tags, body, model, say)
    if model.two_score_marker.lower() in prompt.lower():
        return _pair(tags, body, model, lambda a, b: f"{a:g} {b:g}\nThe tags of the two answers say so.")
    if not tags:
        if model.untagged != "hash":
            return UNREADABLE
        tags = [1.0 + number("untagged", prompt) % 10]
    if "[RESULT]" in prompt:
        return f"The tag of the answer says so. [RESULT] {max(1, min(5, round(tags[-1] / 2)))}"
    return f"The tag of the answer says so. Rating: [[{tags[-1]:g}]]"


def _pair(tags: list[float], body: dict[str, Any], model: Model, say: Callable[[float, float], str]) -> str:
    if len(tags) < 2:
        if model.untagged != "hash":
            return UNREADABLE
        key = number("untagged", orjson.dumps(body["messages"]))
        tags = [1.0 + key % 10, 1.0 + key // 10 % 10]
    return say(tags[len(tags) // 2 - 1] + model.first_bonus, tags[-1])


def _three_ways(first: float, second: float) -> str:
    mark = "A" if first > second else "B" if second > first else "C"
    return f"The tags are {first:g} and {second:g}. My verdict: [[{mark}]]"


def _five_steps(first: float, second: float) -> str:
    gap = first - second
    mark = "A=B" if gap == 0 else ("A" if gap > 0 else "B") + (">>" if abs(gap) >= 3 else ">") + ("B" if gap > 0 else "A")
    return f"The tags are {first:g} and {second:g}. My final verdict is: [[{mark}]]"


def _by(first: float, second: float, a: str, b: str, tie: str | None = None) -> str:
    """One of the words, by the better tag; the first where both are as good and there is no word for that."""
    return b if second > first else a if first > second or tie is None else tie


def _ranks(first: float, second: float) -> str:
    ranks = _by(first, second, "12", "21")
    records = [{"model": f"model_{i}", "rank": int(rank)} for i, rank in enumerate(ranks, 1)]
    return str(records)


# What a prompt asks for, by what only a prompt that asks for it says, and how to say it.
_FORMS: tuple[tuple[str, Callable[[float, float], str]], ...] = (
    ("[[A>>B]]", _five_steps),
    ("[[C]]", _three_ways),
    ("Say in two or three short sentences why", lambda a, b: f"The tags say so.\n\n{_by(a, b, 'm', 'M')}"),
    ('"m" or "M"', lambda a, b: _by(a, b, "m", "M")),
    ("make_leaderboard", lambda a, b: orjson.dumps({"ordered_models": _literal(_ranks(a, b))}).decode()),
    ("'rank': <", _ranks),
    ('"Output (a) is better."', lambda a, b: f"The tags say so. Output {_by(a, b, '(a)', '(b)')} is better."),
    ('"Output (a)"', lambda a, b: f"Output {_by(a, b, '(a)', '(b)')}"),
    ("### Evaluation:", lambda a, b: f"{_by(a, b, '1', '2', 'Tie')}\n\n### Reason: the tags say so."),
    ("[RESULT] (A or B)", lambda a, b: f"The tags say so. [RESULT] {_by(a, b, 'A', 'B')}"),
    ("the final decision is", lambda a, b: f"So, the final decision is {_by(a, b, 'Response 1', 'Response 2', 'Tie')}."),
)
