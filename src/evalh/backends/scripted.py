"""Deterministic replies without a model: `scripted:NAME`, for tests, documentation and trying things out.

scripted:echo        repeats the last message
scripted:words       a few words that follow from the messages, with a tag `quality=N` (1 to 9)
scripted:judge       judges by those tags: `Rating: [[N]]`, or `[[A]]`, `[[B]]`, `[[C]]` where the prompt offers a tie,
                     or two numbers on the first line where it asks for two scores
scripted:RULES.jsonl the first line {"match": …, "reply": …} whose `match` stands in the last message
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jsonlines

from evalh.core.config import ModelSpec
from evalh.core.ids import digest, file_sha256
from evalh.core.records import Completion, RawReply, Request, Usage
from evalh.core.wire import clean
from evalh.errors import BadConfig, PermanentError, ServerFault, UnknownName

_TAG: Final = re.compile(r"quality=(\d+(?:\.\d+)?)")


def _echo(request: Request, label: str) -> str:
    return request.messages[-1]["content"]


def _words(request: Request, label: str) -> str:
    seed = digest([label, [dict(m) for m in request.messages], request.sample], digits=8)
    return f"An answer of {label}, {seed}. quality={1 + int(seed, 16) % 9}"


def _judge(request: Request, label: str) -> str:
    text = request.messages[-1]["content"]
    tags = [float(t) for t in _TAG.findall(text)]
    if "[[C]]" in text or any("[[C]]" in m["content"] for m in request.messages):
        a, b = (*tags, 0.0, 0.0)[:2]
        return f"Compared {a:g} with {b:g}.\n[[{'A' if a > b else 'B' if b > a else 'C'}]]"
    if len(tags) >= 2 and "[[" not in text:
        return f"{tags[0]:g} {tags[1]:g}\nAs tagged."
    return f"Rating: [[{(tags[-1:] or [1.0])[0]:g}]]"


BEHAVIOURS: Final[dict[str, Callable[[Request, str], str]]] = {"echo": _echo, "words": _words, "judge": _judge}


def open_backend(spec: ModelSpec) -> ScriptedBackend:
    """The backend of a `scripted:` model.

    Raises:
        UnknownName: neither a behaviour nor a file.
        BadConfig: the rules file cannot be read.
    """
    if spec.model in BEHAVIOURS:
        return ScriptedBackend(spec, BEHAVIOURS[spec.model])
    path = Path(spec.model)
    if not path.is_file():
        raise UnknownName("scripted behaviour", spec.model, tuple(BEHAVIOURS), "A path to a file of rules works too.")
    return ScriptedBackend(spec, _rules(path))


def _rules(path: Path) -> Callable[[Request, str], str]:
    try:
        with jsonlines.open(path) as reader:
            rules = [(str(line["match"]), str(line["reply"])) for line in reader.iter(type=dict, skip_empty=True)]
    except KeyError as error:
        raise BadConfig(f'{path}: every line must be {{"match": …, "reply": …}} (one has no {error})') from None
    except (jsonlines.InvalidLineError, OSError, UnicodeDecodeError) as error:
        raise BadConfig(f'{path}: every line must be {{"match": …, "reply": …}} ({error})') from None

    def reply(request: Request, label: str) -> str:
        text = request.messages[-1]["content"]
        for match, answer in rules:
            if match in text:
                return answer
        raise PermanentError(f"{path} has no rule for question {request.question_id}")

    return reply


class ScriptedBackend:
    """Replies by rule. It goes through the ledger like any paid model, so that examples show what real runs do."""

    paid = True

    def __init__(self, spec: ModelSpec, behaviour: Callable[[Request, str], str]) -> None:
        self.spec = spec
        # Rules are known by their content: a changed file gives other replies.
        name = spec.model if spec.model in BEHAVIOURS else f"rules {file_sha256(Path(spec.model))[:16]}"
        self.endpoint = f"scripted:{name}"
        self._behaviour = behaviour

    @property
    def identity(self) -> dict[str, Any]:
        """Behaviour, label and revision."""
        return {"endpoint": self.endpoint, "label": self.spec.label, "revision": self.spec.revision}

    async def send(self, request: Request) -> RawReply:
        """The reply as bytes, as a server would send it."""
        text = self._behaviour(request, self.spec.label)
        size = sum(len(m["content"]) for m in request.messages)
        return RawReply(json.dumps({"text": text, "usage": [-(-size // 4), -(-len(text) // 4)]}).encode("ascii"))

    def read(self, raw: RawReply) -> Completion:
        """The text of a stored reply. Raises ServerFault where it is none of ours."""
        try:
            data = json.loads(raw.body)
            text, usage = clean(data["text"]), Usage(*data["usage"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ServerFault(f"a stored reply of {self.endpoint} is not one") from None
        return Completion(text, "stop", usage, served_model=self.spec.model)

    async def generate(self, request: Request) -> Completion:
        """Reply to one request."""
        return self.read(await self.send(request))

    async def aclose(self) -> None:
        """Nothing is open."""
