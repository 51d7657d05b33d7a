"""Reading a verdict in double square brackets, `[[A]]` or `[[7]]`, the way a careful person would. Pure, linear.

Every mark outside foreign passages is put on a step:

    1 stated    alone on its line, behind a label such as "Final verdict:", in a sentence that states it, or ending the reply
    2 labelled  behind any other label ("Accuracy: [[8]]")
    3 plain     in some other sentence ("[[A]] opens well")
    0 mention   talk about the marks: the format quoted, a condition, several marks in one sentence

The highest step that has a mark decides. Marks on it that differ, or a different one after it further down, are conflicting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from evalh.core.records import Status
from evalh.judges.voice import Foreign
from evalh.judges.words import Words

Value = tuple[Status, object]
"""What a mark says: ("scored", value), or the status that it ends in and what it holds."""
Interpret = Callable[[str, str | None], Value | None]
"""(what stands in the brackets, a denominator behind them) -> what it says, or None for text that only looks like a mark."""

MARK: Final = re.compile(r"\[\[([^\[\]\n]{0,60})\]\](?:[ \t]?/[ \t]?(\d{1,6}))?")
_ORNAMENT: Final = r"\s>#*_\-•–—.,;!|)`\"'“”„«»「」『』{}\[\]\\$=~→✅🏆"
_TRAILER: Final = re.compile(rf"[{_ORNAMENT}]*+(?:</?\w{{1,8}}>[{_ORNAMENT}]*+)*+(?:\([^()\n]*+\)[{_ORNAMENT}]*+)?+")
_LABEL: Final = re.compile(r"([^:=\n]{1,80})(?::|=|->|→| is| ist| est| es| é)[\s*_`\"'“]*")
_NOTHING: Final = re.compile(rf"[({_ORNAMENT}]*+")
_TAG: Final = re.compile(r"</?\w{1,8}>|\\boxed\{|\\text(?:bf)?\{")
_SENTENCE: Final = re.compile(r"[.!?;]\s+|。")
_SHORT: Final = ("e.g", "i.e", "vs", "z.B", "etc", "ca")

_NAMES_A_VERDICT: Final = re.compile(
    r"verdict|rating|score|overall|final|answer|decision|conclusion|judge?ment|evaluation|winner|result|output|choice|grade|mark"
    r"|urteil|bewertung|wertung|fazit|entscheidung|ergebnis|note|punkt|endgültig|gesamt"
    r"|évaluation|décision|résultat|gagnant|notation"
    r"|veredicto|puntuación|puntaje|calificación|decisión|resultado|valoración|conclusión"
    r"|veredito|pontuação|nota|avaliação|decisão|conclusão|verdetto|punteggio|voto|valutazione|giudizio"
    r"|вердикт|оценка|итог|вывод|решение|балл|ocena|werdykt|oordeel|beoordeling|karar|puan"
    r"|评分|评级|得分|分数|结论|判断|判定|裁决|最终|评价|评判|結論|評価|採点|スコア|最終|勝者|評分|최종|평가|점수|판정|결론"
    r"|التقييم|الحكم|النتيجة|रेटिंग|निर्णय|अंक",
    re.I,
)
_STATES: Final = Words(
    r"\b(?:final (?:verdict|rating|score|answer|decision)"
    r"|(?:my|the|overall) (?:verdict|rating|score|decision|choice)(?: is| would be|:)"
    r"|i(?:['’]d| would|['’]ll| will| must| have to)? ?"
    r"(?:rate|choose|pick|select|prefer|give|award|assign|vote|conclude|decide|go with|say)"
    r"|therefore|thus|hence|consequently|in conclusion|to conclude|verdict is|rating is|deserves|earns|receives)\b",
    *("verdict", "rating", "score", "answer", "decision", "choice", "therefore", "thus", "hence", "consequently", "conclu"),
    *("deserves", "earns", "receives", "rate", "choose", "pick", "select", "prefer", "give", "award", "assign", "vote"),
    *("decide", "go with", "say"),
)
_LEANS: Final = Words(
    r"\b(?:better|winner|wins|superior|stronger|a tie|tied|equal(?:ly)?|rating|score)\b",
    *("better", "winner", "wins", "superior", "stronger", "tie", "equal", "rating", "score"),
)
_TALKS: Final = Words(
    r"\b(?:format|for example|e\.g\.|example|such as|instructed|instructions?|asked to|told to|supposed to"
    r"|(?:must|should|will|can|could) (?:output|answer|reply|respond|write|print|return|use)"
    r"|one of|either|options?|placeholder|strictly"
    r"|zum beispiel|beispiel|par exemple|por ejemplo)\b|例如|格式|形式|например",
    *("format", "example", "e.g.", "such as", "instruct", "asked to", "told to", "supposed to", "must ", "should ", "will "),
    *("can ", "could ", "one of", "either", "option", "placeholder", "strictly", "beispiel", "exemple", "ejemplo"),
)
_SUPPOSES: Final = Words(
    r"\b(?:if|when|whether|unless|in case|wenn|falls|если)\b|如果|若|もし",
    *("if", "when", "whether", "unless", "in case", "wenn", "falls"),
)
_DENIES: Final = re.compile(r"\b(?:not|never|than|instead of|nicht|als|pas|que)\W{1,6}$", re.I)
_AS_TIE: Final = re.compile(r"\W{0,6}for an? (?:tie|draw)\b", re.I)
_ATTRIBUTES: Final = re.compile(
    r"\b(?:says?|said|wrote|writes?|written|stat(?:es|ed)|contain\w*|reads?|claim\w*|ask\w*|request\w*|demand\w*|insert\w*|append\w*"
    r"|includ\w*|end(?:s|ed|ing)? with|quot\w*|instruct\w*|told|tells?|user|prompt|format|example)\b",
    re.I,
)
_ANNOUNCES: Final = re.compile(r"\b(?:rated?|rating|scored?|verdict|decision|decide|conclude|conclusion|judge?ment)\b", re.I)
_CONDITION: Final = re.compile(
    r"\W{0,6}(?:(?:if|when|for example|would mean|means|stands for|indicates|denotes|in case|wenn|falls|если)\b"
    r"|如果|若)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark in a text, where it stands and what it says."""

    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Decision:
    """What all marks of a text say together. `at_end`: the deciding mark is the last thing in the text."""

    status: Status
    value: object = None
    at_end: bool = False


def decide(text: str, interpret: Interpret) -> Decision:
    """Read the verdict of a plain text (see `voice.plain`)."""
    marks = [Mark(*m.span(), value) for m in MARK.finditer(text) if (value := interpret(m[1], m[2])) is not None]
    if not marks:
        return Decision("no_verdict")
    foreign = Foreign(text, marks[0].start)
    last_line = text.rfind("\n", 0, len(text.rstrip())) + 1
    own = marks
    if foreign.blocks or foreign.inline:
        own = [mark for mark in marks if _is_own(mark, text, foreign, last_line)]
        if not own:
            return Decision("quoted")
    if len(own) == 1:  # as below; nearly every reply has one mark
        ((step, mark),) = _steps(text, own, last_line)
        return _settle([mark], [], text) if step else Decision("no_verdict")
    steps: dict[int, list[Mark]] = {0: [], 1: [], 2: [], 3: []}
    for step, mark in _steps(text, own, last_line):
        steps[step].append(mark)
    for step in (1, 2, 3):
        if steps[step]:
            lower = [mark for below in range(step + 1, 4) for mark in steps[below]]
            return _settle(steps[step], lower, text)
    # Nothing but talk about the marks. Two of them in the last sentence are a verdict that cannot be told.
    differ = len({mark.value for mark in own if mark.start >= last_line}) > 1
    return Decision("conflicting" if differ and not _TALKS.search(text[last_line:]) else "no_verdict")


def _settle(top: list[Mark], lower: list[Mark], text: str) -> Decision:
    last = top[-1]
    if any(mark.value != last.value for mark in top):
        return Decision("conflicting")
    if any(mark.value != last.value and mark.start > last.start for mark in lower):
        return Decision("conflicting")
    status, value = last.value
    return Decision(status, value if status == "scored" else None, _ends(text, last.end))


def _is_own(mark: Mark, text: str, foreign: Foreign, last_line: int) -> bool:
    """A mark is the judge's own unless it stands in a foreign passage.

    A quotation that ends the reply and holds a verdict only may be the judge's own, written the way the prompt shows it.
    """
    if foreign.block(mark.start):
        return False
    span = foreign.quotation(mark.start)
    if span is None:
        return True
    if mark.start < last_line:
        return False
    label = text[max(span[0], mark.start - 80) : mark.start].strip(" \t*_`\"'“”„«»「」『』")
    if not _NOTHING.fullmatch(text, mark.end, span[1]) or not _ends(text, span[1]):
        return False
    begin = max([last_line, span[0] - 200, *_sentence_ends(text, max(last_line, span[0] - 200), span[0])])
    before = text[begin : span[0]].strip()
    if not before.strip("*_-># "):
        before = text[max(0, last_line - 200) : last_line].rstrip().rsplit("\n", 1)[-1]
        attributed = before.endswith(":") and _ATTRIBUTES.search(before) is not None
        return not attributed and (not label or _LABEL.fullmatch(label) is not None)
    if not label:
        return True
    return _LABEL.fullmatch(label) is not None and _ANNOUNCES.search(before) is not None and not _ATTRIBUTES.search(before)


def _ends(text: str, position: int) -> bool:
    """Whether nothing but ornaments and a remark in brackets follows."""
    return len(text) - position < 2000 and _TRAILER.fullmatch(text, position) is not None


def _steps(text: str, marks: list[Mark], last_line: int) -> Iterator[tuple[int, Mark]]:
    """Each mark with its step. Marks are taken line by line, so a line is looked at once however many marks it holds."""
    at = 0
    while at < len(marks):
        start = text.rfind("\n", 0, marks[at].start) + 1
        end = text.find("\n", marks[at].end)
        end = len(text) if end < 0 else end
        stop = at
        while stop < len(marks) and marks[stop].start < end:
            stop += 1
        yield from _line(text, start, end, marks[at:stop], start >= last_line)
        at = stop


def _line(text: str, start: int, end: int, marks: list[Mark], is_last: bool) -> Iterator[tuple[int, Mark]]:
    if len({mark.value for mark in marks}) == 1:
        step = _alone(text, start, end, marks)
        if step is not None:
            yield from ((step, mark) for mark in marks)
            return
    elif is_last and _only_marks(text, start, end, marks):
        yield from ((1, mark) for mark in marks)
        return
    cuts = [start, *_sentence_ends(text, start, end), end]
    at = 0
    for begin, finish in pairwise(cuts):
        stop = at
        while stop < len(marks) and marks[stop].start < finish:
            stop += 1
        if stop > at:
            step = _sentence(text, begin, finish, marks[at:stop], is_last and finish == end)
            yield from ((step, mark) for mark in marks[at:stop])
        at = stop


def _sentence_ends(text: str, start: int, end: int) -> list[int]:
    return [m.end() for m in _SENTENCE.finditer(text, start, end) if not text.endswith(_SHORT, start, m.start())]


def _only_marks(text: str, start: int, end: int, marks: list[Mark]) -> bool:
    edges = [start, *(edge for mark in marks for edge in (mark.start, mark.end)), end]
    rest = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return all(_NOTHING.fullmatch(piece) or len(piece.strip()) < 6 for piece in rest)


def _alone(text: str, start: int, end: int, marks: list[Mark]) -> int | None:
    """The step of a line that consists of a mark and perhaps a label before it; None for any other line."""
    if len(marks) > 1 or end - marks[0].end > 400 or marks[0].start - start > 160:
        return None
    if not _TRAILER.fullmatch(text, marks[0].end, end):
        return None
    head = _TAG.sub("", text[start : marks[0].start])
    head = head[_NOTHING.match(head).end() :]  # type: ignore[union-attr]
    if not head:
        return 0 if _announced(text, start) else 1
    label = _LABEL.fullmatch(head)
    if label is None or _TALKS.search(label[1]):
        return None
    if _NAMES_A_VERDICT.search(label[1]):
        return 0 if _announced(text, start) else 1
    return 2


def _announced(text: str, start: int) -> bool:
    """Whether the line before says that an example or the format follows."""
    before = text[max(0, start - 200) : start].rstrip()
    line = before[before.rfind("\n") + 1 :]
    return line.endswith(":") and _TALKS.search(line)


def _sentence(text: str, begin: int, finish: int, marks: list[Mark], is_last: bool) -> int:
    if len({mark.value for mark in marks}) > 1:
        return 0
    if _CONDITION.match(text, marks[-1].end, finish):
        return 0
    before = text[max(begin, marks[0].start - 300) : marks[0].start]
    talks, states = _TALKS.last(before), _STATES.last(before)
    if (
        talks > states
        or _DENIES.search(before, max(0, len(before) - 20))
        or (states < 0 and _AS_TIE.match(text, marks[-1].end, finish))
    ):
        return 0
    if is_last and _TRAILER.fullmatch(text, marks[-1].end, finish):
        return 1
    if _SUPPOSES.last(before) > states:
        return 0
    return 1 if states >= 0 or _LEANS.search(before) else 3
