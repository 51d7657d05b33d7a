"""The better of two from a ranking as a list of records, `[{"model": "model_1", "rank": 2}, …]` (AlpacaEval 1). Pure, linear.

The list comes as Python or JSON, alone or under a key of an object, as text or as the arguments of a tool call, with or without
a sentence around it. The first answer shown is called `model_1` (or `m`), the second `model_2` (or `M`).
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, Final

from evalh.core.records import Reading, Status
from evalh.judges.scale import Scale, Verdict
from evalh.judges.voice import Foreign

_NAMES: Final = {"model_1": 0, "model_2": 1}
_LETTERS: Final = {"m": 0, "M": 1}  # the case is all that tells these apart
_KEY: Final = r"""(?:"(?:model|rank)"|'(?:model|rank)')"""
_VALUE: Final = r"""(?:"[^"\n]{0,60}+"|'[^'\n]{0,60}+'|[+-]?\d{1,9}(?:\.\d{1,9})?|\w{1,20}+)"""
_GAP: Final = r"\s{0,20}+"  # possessive, like all repeats here, so that no run of spaces can be divided in many ways
_PAIR: Final = rf"{_KEY}{_GAP}:{_GAP}{_VALUE}"
_RECORD: Final = rf"\{{{_GAP}{_PAIR}(?:{_GAP},{_GAP}{_PAIR}){{1,3}}+{_GAP},?{_GAP}\}}"
_LIST: Final = re.compile(rf"[\[(]{_GAP}{_RECORD}(?:{_GAP},{_GAP}{_RECORD}){{0,5}}+{_GAP},?{_GAP}[\])]")
_RECORDS: Final = re.compile(_RECORD)
_PAIRS: Final = re.compile(rf"({_KEY})\s*:\s*({_VALUE})")
_FENCED: Final = re.compile(r"(?:`{3,9}|~{3,9})\w{0,12}[ \t]*\n(.*)\n[ \t]*(?:`{3,9}|~{3,9})", re.S)
_ENDS: Final = re.compile(r"[\s\]})>`~\"'*_.,;:!]*+")
_ATTRIBUTES: Final = re.compile(
    r"\b(?:answer|output|response|assistant|user|model_[12]|example|format|contains?|says?)\b", re.I
)
_LONGEST: Final = 20_000  # characters of an object read whole; the protocol's replies have 100 tokens

Record = dict[str, Any]
Found = tuple[Status, Verdict | None]


def strict(text: str, scale: Scale, truncated: bool) -> Reading:
    """The one ranking that the judge gives in its own voice: a permutation of the ranks 1 and 2 over both names."""
    fenced = _FENCED.fullmatch(text.strip()) if text.lstrip().startswith(("`", "~")) else None
    whole = _whole((fenced[1] if fenced else text).strip())
    if whole is not None:
        return _reading([_judge(whole)])
    matches = list(_LIST.finditer(text))
    if not matches:
        return Reading("no_verdict")
    foreign = Foreign(_blank(text, matches))  # the quotation marks inside a list are not quotations
    own = [m for m in matches if not foreign.block(m.start()) and foreign.quotation(m.start()) is None]
    if not own:
        last = matches[-1]
        if not _closes(text, last):
            return Reading("quoted")
        own = [last]
    if truncated and not _ENDS.fullmatch(text, own[-1].end()):
        return Reading("truncated")
    return _reading([_judge(_records(match[0])) for match in own])


def published(text: str, scale: Scale) -> Reading:
    """AlpacaEval: the whole reply as a Python literal, or as a JSON object with `ordered_models`; the first record named
    `model_1` decides, and its rank has to equal 1 or 2."""
    if len(text) > _LONGEST:
        return Reading("no_verdict")
    try:
        records = json.loads(text)["ordered_models"] if text.lstrip().startswith("{") else _literal(text)
        named = [record for record in records if record["model"] == "model_1"]  # a record without a name spoils the list
        rank = named[0]["rank"]
        first, second = bool(rank == 1), bool(rank == 2)
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, MemoryError, RecursionError):
        return Reading("no_verdict")
    return Reading("scored", verdict="A" if first else "B") if first or second else Reading("no_verdict")


def _literal(text: str) -> Any:
    """A Python literal; nothing in it is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a text such as "\\d", which only the judge could mend
        return ast.literal_eval(text)


def _reading(found: list[Found]) -> Reading:
    if any(other != found[0] for other in found):
        return Reading("conflicting")
    status, verdict = found[0]
    return Reading(status, verdict=verdict)


def _whole(text: str) -> list[Record] | None:
    """The records of a reply that is nothing but JSON: a list, or an object that holds one."""
    if not text.startswith(("{", "[")) or len(text) > _LONGEST:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    lists = [data] if isinstance(data, list) else [value for value in data.values() if _are_records(value)]
    return lists[0] if len(lists) == 1 and _are_records(lists[0]) else None


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(r, dict) and {"model", "rank"} <= r.keys() for r in value)


def _records(text: str) -> list[Record]:
    """The records of a list in Python or JSON."""
    return [{key.strip("\"'"): _plain(value) for key, value in _PAIRS.findall(record)} for record in _RECORDS.findall(text)]


def _plain(value: str) -> Any:
    return value[1:-1] if value[0] in "\"'" else value


def _judge(records: list[Record]) -> Found:
    """What a list says. Every name has to be there once, and the ranks have to be 1 and 2."""
    ranks: list[list[Any]] = [[], []]
    for record in records:
        name = record.get("model")
        at = _place(name) if isinstance(name, str) else None
        if at is None:
            return "off_scale", None
        ranks[at].append(record.get("rank"))
    if any(len({str(rank) for rank in each}) > 1 for each in ranks):
        return "conflicting", None
    if not all(ranks):
        return "no_verdict", None
    numbers = [_number(each[0]) for each in ranks]
    if any(number is None for number in numbers):
        return "off_scale", None
    if any(number not in (1, 2) for number in numbers):
        whole = all(number == int(number) for number in numbers if number is not None)
        return "out_of_range" if whole else "off_scale", None
    if numbers[0] == numbers[1]:
        return "off_scale", None  # two firsts: a tie, which this protocol does not have
    return "scored", "A" if numbers[0] == 1 else "B"


def _place(name: str) -> int | None:
    name = name.strip()
    return _LETTERS.get(name, _NAMES.get(name.lower().replace(" ", "_")))


def _number(rank: Any) -> float | None:
    """A rank as a number: 1, 1.0 or "1"; no boolean, and nothing that is not finite."""
    if isinstance(rank, bool) or not isinstance(rank, int | float | str):
        return None
    text = str(rank).strip()
    return float(text) if re.fullmatch(r"[+-]?\d{1,9}(?:\.\d{1,9})?", text, re.A) else None


def _blank(text: str, matches: list[re.Match[str]]) -> str:
    return "".join(_pieces(text, matches))


def _pieces(text: str, matches: list[re.Match[str]]) -> Iterator[str]:
    at = 0
    for match in matches:
        yield text[at : match.start()]
        yield "x" * (match.end() - match.start())
        at = match.end()
    yield text[at:]


def _closes(text: str, match: re.Match[str]) -> bool:
    """Whether a list in a code block or in quotation marks is how the judge ends its reply, and nobody else's words."""
    begin = text.rfind("\n", 0, match.start()) + 1
    head = text[begin : match.start()].strip(" \t`\"'*_")
    if head.startswith(">") or not _ENDS.fullmatch(text, match.end()):
        return False
    before = re.sub(r"[`~]{3,9}\w{0,12}\s*$", "", text[max(0, begin - 240) : begin]).rstrip().rpartition("\n")[2]
    return not _ATTRIBUTES.search(f"{before} {head}")
