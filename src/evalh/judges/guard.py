"""Reading a reply about answers that may want to be read themselves, and naming those that do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from evalh.core.records import JudgeTask, Reading
from evalh.judges.echo import LEAST, without_marks, without_passages
from evalh.judges.fence import altered, shown
from evalh.judges.hostile import KINDS, attempts, crosses
from evalh.judges.scale import label
from evalh.judges.variant import Variant
from evalh.judges.voice import plain

Parse = Callable[[str, bool], Reading]
"""(reply, whether it was cut off) -> Reading."""

MARKER: Final = "marker_in_answer"
INJECTION: Final = "injection"
WRITTEN_OUT: Final = "written_out"
_DOUBTFUL: Final = ("no_verdict", "quoted", "empty", "truncated")


@dataclass(frozen=True, slots=True)
class Seen:
    """A turn of an answer as a judge sees it: in plain characters, the kinds of attempts in it, whether it was written out."""

    plain: str
    kinds: tuple[str, ...]
    altered: bool


@lru_cache(maxsize=256)  # the same answer is judged in several pairs and orders, one after the other
def _seen(text: str, fenced: bool) -> Seen:
    return Seen(plain(shown(text) if fenced else text), attempts(text), fenced and altered(text))


def seen(variant: Variant, task: JudgeTask) -> tuple[tuple[Seen, ...], ...]:
    """The answers of a task: for each position the turns up to the one judged."""
    return tuple(tuple(_seen(turn, variant.fenced) for turn in answer.turns[: task.turn]) for answer in task.answers)


def guarded(parse: Parse, reply: str, cut_off: bool, answers: Sequence[Sequence[Seen]], marks: re.Pattern[str]) -> Reading:
    """Read a reply; of answers that hold a verdict or an attempt, only what is the judge's own.

    A verdict that is only repeated is `quoted`. Where verdicts conflict, and all but the one that ends the reply stand in the
    answers, that one counts. An unreadable reply is looked at too: an answer's open code fence may hide the judge's verdict.
    """
    reading = parse(reply, cut_off)
    hostile = any(turn.kinds or marks.search(turn.plain) for turns in answers for turn in turns)
    if not hostile and reading.status not in _DOUBTFUL:
        return reading
    texts = [turn.plain for turns in answers for turn in turns]
    said = plain(reply)
    own = without_marks(said, texts, (marks,))
    if own != said:
        reading = _quoted(parse(own, cut_off))
    passages = without_passages(own, texts)
    if passages:
        rest = (parse(text, cut_off) for text in passages)
        found = next((r for r in rest if r.status == "scored"), None)
        # What was scored but is not in the rest of the reply stood in a repeated passage.
        reading = found or (Reading("quoted", flags=reading.flags) if reading.status == "scored" else reading)
    if reading.status == "conflicting":
        # As if it had been cut off: then only a verdict that ends the reply is read.
        last = parse(without_marks(said, texts, (marks,), every=True), True)
        reading = last if last.status == "scored" else reading
    return replace(reading, explanation=reply)


def unless_repeated(reading: Reading, reply: str, answers: Sequence[Sequence[Seen]]) -> Reading:
    """The reading of a reply that is one object, unless the whole of it stands in an answer: then it was quoted."""
    said = plain(reply).strip()
    if reading.status == "scored" and len(said) >= LEAST and any(said in turn.plain for turns in answers for turn in turns):
        return Reading("quoted", flags=reading.flags, explanation=reading.explanation)
    return reading


def _quoted(reading: Reading) -> Reading:
    """The reading of a reply from which a repeated verdict was taken: where there is no other, that one was quoted."""
    return replace(reading, status="quoted") if reading.status == "no_verdict" else reading


def flags(variant: Variant, answers: Sequence[Sequence[Seen]], marks: Sequence[re.Pattern[str]]) -> list[str]:
    """What there is to say about the answers, by position: `marker_in_answer:A`, `injection:role:A`, `written_out:A`.

    A marker is what would be a verdict of this protocol; it may be there by chance. `written_out` says that characters of an
    answer were shown in another form (see `fence.shown`).
    """
    marked = [any(m.search(turn.plain) for turn in turns for m in marks) for turns in answers]
    found = [f"{MARKER}:{label(at)}" for at, is_marked in enumerate(marked) if is_marked]
    prompt = "" if variant.fenced else f"{variant.prompt.system}\n{variant.prompt.user}"
    for at, turns in enumerate(answers):
        kinds = {kind for turn in turns for kind in turn.kinds}
        if prompt and any(crosses(turn.plain, prompt) for turn in turns):
            kinds.add("delimiter")
        found += [f"{INJECTION}:{kind}:{label(at)}" for kind in KINDS if kind in kinds]
        if any(turn.altered for turn in turns):
            found.append(f"{WRITTEN_OUT}:{label(at)}")
    return found
