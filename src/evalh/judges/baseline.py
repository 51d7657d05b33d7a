"""The built-in judge `baseline`: it asks no model and computes every score from the texts. A floor for LLM judges.

Five components, each from 0 to 1, are read off the answer:

    relevance     how much of the question's content words the answer takes up, rare and long ones counting more
    agreement     where there is a reference: how many of its numbers and content words the answer has
    specificity   how many different content words and numbers there are, with diminishing returns in length
    structure     whether it ends as a text does, is divided once it is long, and has code exactly where code is asked for
    repetition    how much of it says again what it has said before (lowers the score)

The score is 1 + 9 x the weighted mean of the first four x (1 - repetition), to one decimal; `WEIGHTS` holds the weights, and
without a reference the others share agreement's. Of two answers the one whose score is higher by more than `MARGIN` is better.
The judge knows nothing: an answer that is wrong in the right words scores as well as one that is right. It sees no positions,
no model names and no other answers. Everything is one pass over the words, so cost is linear in the length of the texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp, log
from types import MappingProxyType
from typing import Any, Final

from evalh.core.ids import digest
from evalh.core.records import Completion, JudgeTask, Mode, Question, Reading, Request
from evalh.judges.scale import OVERALL

VERSION: Final = "1"
"""Part of every hash: raise it whenever a score may change."""

WEIGHTS: Final = {"relevance": 0.20, "agreement": 0.30, "specificity": 0.35, "structure": 0.15}
MARGIN: Final = 0.3
LOOKED_AT: Final = 50_000
"""How many words and numbers of a text are looked at: no real answer has more, and a hostile one shall not fill the memory."""

_TOKEN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_NUMBER: Final = re.compile(r"(?<![\w.])\d{1,15}(?:[,\u202f ]\d{3}){0,4}(?:\.\d{1,9})?(?!\d)")
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+\S", re.M)
_HEADING: Final = re.compile(r"^(?:#{1,6} \S|\*\*[^*\n]{1,80}\*\*:?[ \t]*$)", re.M)
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")
_ENDED: Final = re.compile(r"(?:[.!?:;)\]}\"'”»。！？*`_~>|]|\d|\bend)\s*\Z")
_CODE: Final = re.compile(
    r"```|~~~|^(?: {4}|\t)\S|^[ \t]*(?:def|class|import|from|function|const|public|#include|SELECT)\b", re.M
)
_ASKS_CODE: Final = re.compile(
    r"```|\b(?:code|program|script|function|implement\w*|algorithm|python|java(?:script)?|c\+\+|sql|html|css|regex|bash|rust|golang"
    r"|class|method|snippet|refactor\w*|debug\w*|bug)\b",
    re.I,
)
_STOP_WORDS: Final = """
a about after all also am an and any are as at be because been before being but by can could d did do does doesn don
done each else for from get give had has have he her here him his how i if in into is isn it its just like ll m make
many may me might more most much must my no not of on one only or other our out over own please re s same shall she
should so some such t than that the their them then there these they this those through to too up us use ve very was we
were what when where which while who whom why will with would you your
"""
_STOP: Final = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Components:
    """What was read off one answer. `agreement` is None where there is no reference."""

    relevance: float
    agreement: float | None
    specificity: float
    structure: float
    repetition: float

    @property
    def score(self) -> float:
        """1 to 10, one decimal."""
        parts: dict[str, float | None] = {name: getattr(self, name) for name in WEIGHTS}
        there = [(WEIGHTS[name], part) for name, part in parts.items() if part is not None]
        mean = sum(weight * part for weight, part in there) / sum(weight for weight, _ in there)
        return round(1 + 9 * mean * (1 - self.repetition), 1)

    def __str__(self) -> str:
        agreement = "none to compare with" if self.agreement is None else f"{self.agreement:.2f}"
        return (
            f"relevance {self.relevance:.2f}, agreement {agreement}, specificity {self.specificity:.2f}, "
            f"structure {self.structure:.2f}, repetition {self.repetition:.2f}"
        )


class BaselineJudge:
    """A judge that computes. Any options but the label are taken and ignored, so that it can stand in for any judge."""

    note = (
        "The baseline judge counts words; it understands nothing. It is a floor for LLM judges, not a judge of quality: "
        "a judge worth paying for has to do clearly better."
    )
    modes: tuple[Mode, ...] = ("absolute", "pairwise")
    bounds: Mapping[Mode, tuple[float, float]] = MappingProxyType({"absolute": (1.0, 10.0)})
    attempts = 1
    model = ""

    def __init__(self, label: str = "baseline", **ignored: Any) -> None:
        self.name = label

    def variants(self, question: Question, mode: Mode, turn: int) -> tuple[str, ...]:
        """The mode is the variant; a reference is used wherever there is one."""
        return (mode,) if mode in self.modes and 1 <= turn <= len(question.turns) else ()

    def orders(self, variant: str) -> int:
        """2 for pairs, like any judge, although both orders give the same verdict."""
        return 2 if variant == "pairwise" else 1

    def protocol(self, variant: str) -> str:
        """What a judgment calls its protocol."""
        return f"baseline/{variant}"

    def hash(self, variant: str) -> str:
        """Names the computation: its version and the variant."""
        return digest({"judge": "baseline", "version": VERSION, "variant": variant}, digits=16)

    def requests(self, task: JudgeTask) -> tuple[Request, ...]:
        """Nothing has to be asked."""
        return ()

    def read(self, task: JudgeTask, replies: Sequence[Completion] = ()) -> Reading:
        """Compute the reading from the texts alone."""
        if any(len(answer.turns) < task.turn for answer in task.answers):
            return Reading("no_answer", explanation=f"There is no answer to turn {task.turn}.")
        found = [components(task.question, answer.turns, task.turn) for answer in task.answers]
        if task.mode == "absolute":
            return Reading("scored", scores={OVERALL: (found[0].score,)}, explanation=f"{found[0].score:.1f}: {found[0]}.")
        a, b = found
        lead = round(a.score - b.score, 1)
        why = f"A {a.score:.1f}: {a}; B {b.score:.1f}: {b}."
        return Reading("scored", verdict="tie" if abs(lead) <= MARGIN else "A" if lead > 0 else "B", explanation=why)


def components(question: Question, turns: Sequence[str], turn: int) -> Components:
    """Read the components off the answer to one turn; the turns before it are context."""
    asked, text = question.turns[turn - 1], turns[turn - 1]
    if not text.strip():
        return Components(0.0, None if question.reference_for(turn) is None else 0.0, 0.0, 0.0, 0.0)
    words = _words(text)
    content = Counter(map(_stem, (word for word in words if word not in _STOP)))
    reference = question.reference_for(turn)
    return Components(
        relevance=_relevance(asked, question.turns[: turn - 1], content),
        agreement=None if reference is None else _agreement(reference, text, content),
        specificity=_specificity(content, text),
        structure=_structure(asked, text, len(words)),
        repetition=_repetition(words, [_words(earlier) for earlier in turns[: turn - 1]]),
    )


def _words(text: str) -> list[str]:
    return [match[0] for match in islice(_TOKEN.finditer(text.lower()), LOOKED_AT)]


def _stem(word: str) -> str:
    """A word without its commonest English endings, so that "estimates" meets "estimating"."""
    for ending in ("ing", "ed", "es", "s", "e", "ly"):
        if len(word) - len(ending) >= 4 and word.endswith(ending):
            return word[: -len(ending)]
    return word


def _weights(text: str) -> dict[str, float]:
    """Content words of a text and what each counts: more the rarer it is in the text, and the longer."""
    counts = Counter(_stem(word) for word in _words(text) if word not in _STOP)
    total = sum(counts.values())
    return {word: log(1 + total / count) * min(len(word), 10) for word, count in counts.items()}


def _covered(weights: dict[str, float], content: Counter[str]) -> float:
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in content) / total if total else 1.0


def _relevance(asked: str, before: Sequence[str], content: Counter[str]) -> float:
    """Taking up 60 % of the question's words is as relevant as it gets: an answer need not repeat the question."""
    weights = _weights(asked)
    for earlier in before:
        for word, weight in _weights(earlier).items():
            weights.setdefault(word, weight / 4)
    return min(1.0, _covered(weights, content) / 0.6)


def _numbers(text: str) -> set[float]:
    return {float(re.sub(r"[,\u202f ]", "", match[0])) for match in islice(_NUMBER.finditer(text), LOOKED_AT)}


def _agreement(reference: str, text: str, content: Counter[str]) -> float:
    """Numbers are half of it where the reference has any; of words, half the reference's are as many as can be expected."""
    words = min(1.0, _covered(_weights(reference), content) / 0.5)
    wanted = _numbers(reference)
    if not wanted:
        return words
    return (words + len(wanted & _numbers(text)) / len(wanted)) / 2


def _specificity(content: Counter[str], text: str) -> float:
    numbers = len(_numbers(text))
    return 0.85 * (1 - exp(-len(content) / 90)) + 0.15 * (1 - exp(-numbers / 4))


def _structure(asked: str, text: str, length: int) -> float:
    ended = 1.0 if _ENDED.search(text, max(0, len(text) - 40)) else 0.0
    items, headings = len(_ITEM.findall(text)), len(_HEADING.findall(text))
    divisions = len(_PARAGRAPH.findall(text.strip())) + items + headings
    divided = 1.0 if length < 80 else min(1.0, divisions / min(6.0, length / 60))
    wants, has = _ASKS_CODE.search(asked) is not None, _CODE.search(text) is not None
    fits = 1.0 if wants == has else 0.3 if wants else 0.7
    return 0.4 * ended + 0.3 * divided + 0.3 * fits


def _repetition(words: list[str], before: Sequence[list[str]]) -> float:
    """The share of four-word sequences that were there already, here or in an earlier turn; a tenth of them is normal."""
    seen = {tuple(earlier[at : at + 4]) for earlier in before for at in range(len(earlier) - 3)}
    total, again = len(words) - 3, 0
    if total < 1:
        return 0.0
    for at in range(total):
        run = tuple(words[at : at + 4])
        again += run in seen
        seen.add(run)
    return min(1.0, max(0.0, again / total - 0.1) / 0.9)
