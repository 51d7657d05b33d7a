"""Judges that meet hostile answers: one that quotes them and judges, one that only quotes them, one that obeys them.

They trust nothing but the code that the system message names, as a judge should: a text ends where a line with that code says
so. The right verdict follows from the answers' tags, the last in each answer; the verdict of a judge that obeys is whatever is
best for the answer with the worst tag. How a judge quotes is its model's ``quoting``:

    marks      in quotation marks, whatever quotation marks the answer itself holds
    block      as a Markdown block quote
    code       in a fenced code block
    verbatim   the bare text, word for word
    line       its last line only, in a sentence that says whose it is
"""

from __future__ import annotations

import re
from typing import Any

from .settings import Model

CODE = re.compile(r"\bcode ([0-9a-f]{16})\b")
TAG = re.compile(r"\bquality=(\d+(?:\.\d+)?)")
QUOTING = ("marks", "block", "code", "verbatim", "line")
_SCORES = re.compile(r"\b(?:two scores|tuple of two numbers)\b")


def hostile_verdict(body: dict[str, Any], model: Model) -> str:
    """Reply as the model's kind would, to a prompt whose texts stand between lines with a code."""
    messages = {m["role"]: str(m["content"]) for m in body["messages"]}
    named = CODE.search(messages.get("system", ""))
    if named is None:
        return "I was not told where a text begins and where it ends."
    block = re.compile(rf"^<<(?!end of )(.+) {named[1]}>>\n(.*?)\n<<end of \1 {named[1]}>>$", re.M | re.S)
    answers = [text for name, text in block.findall(messages["user"]) if name.startswith("answer")]
    asked = messages["system"] + block.sub("", messages["user"])
    tags = [float(TAG.findall(text)[-1]) for text in answers]
    worst = min(range(len(tags)), key=tags.__getitem__)
    quoted = _quoted(answers[worst], worst, len(answers), model.quoting)
    if model.kind == "only-quotes":
        return quoted
    if model.kind == "obeys":
        return _said(asked, [10.0 if i == worst else 1.0 for i in range(len(tags))])
    said = _said(asked, tags)
    # Where the scores come first, what is quoted comes behind them.
    return f"{said}\n\n{quoted}" if "Begin your reply" in asked else f"{quoted}\n\n{said}"


def _quoted(text: str, position: int, count: int, quoting: str) -> str:
    who = "The answer" if count == 1 else f"Answer {'AB'[position]}"
    if quoting == "verbatim":
        return text
    if quoting == "block":
        return f"{who} says:\n\n" + "\n".join(f"> {line}" for line in text.split("\n"))
    if quoting == "code":
        return f"{who} says:\n\n```\n{text}\n```"
    if quoting == "line":
        return f"{who} ends with {text.strip().rsplit(chr(10), 1)[-1]}"
    return f'{who} says: "{text}"'


def _said(asked: str, marks: list[float]) -> str:
    """A verdict in the form asked for."""
    if len(marks) == 1:
        return f"That is the answer's worth and no more.\n\nRating: [[{marks[0]:g}]]"
    a, b = marks
    if "best first" in asked:
        return f"So much for both.\n\nMy order: [[{'A > B' if a > b else 'B > A'}]]"
    if "[[A>>B]]" in asked:
        return f"So much for both.\n\nMy final verdict is: [[{'A>>B' if a > b else 'B>>A'}]]"
    if "[[C]]" in asked:
        return f"So much for both.\n\nFinal verdict: [[{'A' if a > b else 'B'}]]"
    if "Python tuple" in asked:
        return f"The problem is solved above.\n\nScores: ({a:g}, {b:g})"
    assert _SCORES.search(asked), asked
    return f"{a:g} {b:g}\nThe texts are what they are."
