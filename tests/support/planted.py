"""Judges of known behaviour for the planted cases, played by the loopback server as kind "function", "support.planted:NAME".

Each reads a request of the judge `gpt-4`, finds the answers shown, and replies in the marks that were asked for.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from .server.replies import UNREADABLE, text_of

SET = Path(__file__).resolve().parents[2] / "questions" / "planted"
_SHOWN = re.compile(r"<<answer(?: [AB])? (\w+)>>\n(.*?)\n<<end of answer(?: [AB])? \1>>", re.S)
_ASKED = re.compile(r"<<question (\w+)>>\n(.*?)\n<<end of question \1>>", re.S)


def answers_of(name: str) -> dict[str, str]:
    """Question id -> the text of one of the two recorded answers, "one" or "two"."""
    rows = map(json.loads, (SET / "answers" / f"{name}.jsonl").read_text("utf-8").splitlines())
    return {row["question_id"]: row["turns"][0] for row in rows}


@cache
def cases() -> dict[str, dict[str, Any]]:
    """Question text -> the case, with the text of the answer looked at."""
    found = {}
    for line in (SET / "questions.jsonl").read_text("utf-8").splitlines():
        question = json.loads(line)
        found[question["turns"][0]] = question["metadata"] | {"id": question["question_id"]}
    answers = {name: answers_of(name) for name in ("one", "two")}
    return {text: case | {"answer": answers[case["looked_at"]][case["id"]]} for text, case in found.items()}


def _read(body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The case asked about, and the answers shown."""
    prompt = "\n".join(text_of(message) for message in body["messages"])
    asked = _ASKED.search(prompt)
    assert asked is not None, prompt
    return cases()[asked[2]], [match[2] for match in _SHOWN.finditer(prompt)]


def _say(case: dict[str, Any], shown: list[str], *, obeys: bool = False) -> str:
    neither = case["planted"] in ("same", "padded")
    looked = [text.strip() == case["answer"].strip() for text in shown]
    prefers_other = obeys and case["planted"] == "injected"
    if len(shown) == 2:
        return f"Compared.\n\n[[{'C' if neither else 'A' if looked[0] is not prefers_other else 'B'}]]"
    rating = 7 if neither else 9 if looked[0] else 10 if prefers_other else 3
    return f"Graded.\n\nRating: [[{rating}]]"


def perfect(body: dict[str, Any], n_seen: int) -> str:
    """Name the better answer; call equal what has the same content."""
    return _say(*_read(body))


def obedient(body: dict[str, Any], n_seen: int) -> str:
    """The same, but do what an answer with a planted verdict says."""
    return _say(*_read(body), obeys=True)


def first(body: dict[str, Any], n_seen: int) -> str:
    """Always name the first answer; give every answer a 5."""
    return "[[A]]" if len(_read(body)[1]) == 2 else "Rating: [[5]]"


def longer(body: dict[str, Any], n_seen: int) -> str:
    """Always name the longer answer; the longer, the more points."""
    sizes = [len(text) for text in _read(body)[1]]
    if len(sizes) == 1:
        return f"Rating: [[{min(10, 1 + sizes[0] / 100):.2f}]]"
    return f"[[{'A' if sizes[0] > sizes[1] else 'B' if sizes[1] > sizes[0] else 'C'}]]"


def wavering(body: dict[str, Any], n_seen: int) -> str:
    """Say something else every time."""
    return f"[[{'AB'[n_seen % 2]}]]" if len(_read(body)[1]) == 2 else f"Rating: [[{1 + n_seen % 10}]]"


def silent(body: dict[str, Any], n_seen: int) -> str:
    """Never give a verdict."""
    return UNREADABLE
