"""What a file holds, judged by the fields of its first row; and which format a set of such files is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalh.errors import BadImport
from evalh.importers.reading import Row, rows
from evalh.importers.sources import Source

# kind -> the fields that tell it: all of the first group, and none of the second. The first kind that fits is taken.
FIELDS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "games": (frozenset(("model", "games")), frozenset()),
    "pandalm-pair": (frozenset(("idx", "cmp_key", "response1", "response2")), frozenset()),
    "judgelm-pair": (frozenset(("question_body", "answer1_body", "answer2_body")), frozenset()),
    "judgelm-answer": (frozenset(("question_body", "text")), frozenset()),
    "judgelm-reference": (frozenset(("question_id", "reference")), frozenset(("turns", "prompt", "text"))),
    "prometheus-feedback": (frozenset(("orig_instruction", "orig_response")), frozenset()),
    "prometheus-preference": (frozenset(("orig_instruction", "orig_response_A", "orig_response_B")), frozenset()),
    "prometheus-scored": (frozenset(("instruction", "gpt4_score")), frozenset()),
    "prometheus-pair": (frozenset(("chosen_instruction", "rejected_instruction")), frozenset()),
    "reward-pair": (frozenset(("prompt", "chosen", "rejected")), frozenset()),
    "auto-j-pair": (frozenset(("prompt", "label", "response 1", "response 2")), frozenset()),
    "pair": (frozenset(("model_1", "model_2", "g1_winner")), frozenset()),
    "single": (frozenset(("model", "judgment", "score")), frozenset(("games",))),
    "battle": (frozenset(("model_a", "model_b")), frozenset()),
    "review": (frozenset(("answer1_id", "answer2_id", "score")), frozenset()),
    "annotation": (frozenset(("instruction", "preference")), frozenset()),
    "output": (frozenset(("instruction", "output", "generator")), frozenset(("preference",))),
    "llmbar-result": (frozenset(("original", "swapped")), frozenset()),
    "llmbar-pair": (frozenset(("input", "output_1", "output_2", "label")), frozenset()),
    "vicuna-answer": (frozenset(("question_id", "text", "answer_id", "model_id")), frozenset()),
}
JUDGED: Final = {
    "vicuna-2023": ("review",),
    "fastchat": ("single", "pair"),
    "alpaca-eval": ("annotation",),
    "llmbar": ("llmbar-result", "llmbar-pair"),
    "pandalm": ("pandalm-pair", "pandalm-result"),
    "judgelm": ("judgelm-pair", "judgelm-answer"),
    "prometheus": ("prometheus-feedback", "prometheus-preference", "prometheus-scored", "prometheus-pair"),
    "reward-bench": ("reward-pair",),
    "auto-j": ("auto-j-pair",),
}
"""Format -> the kinds of which one is enough to tell it."""
PEOPLE: Final = re.compile(r"(expert|author)")


@dataclass(frozen=True, slots=True)
class File:
    """A file, what it holds, and its first row."""

    source: Source
    kind: str
    first: Row


def kind_of(row: Mapping[str, Any], source: Source) -> str:
    """What kind of row this is; nothing where it is none that is known."""
    names = set(row)
    for kind, (needed, without) in FIELDS.items():
        if needed <= names and not without & names:
            return kind
    if "idx" in names and any(name.endswith("_result") for name in names):
        return "pandalm-result"
    identified = bool(names & {"question_id", "uid"})
    if identified and names & {"choices", "messages", "text"} and names & {"model_id", "model"}:
        return "reference" if "reference_answer" in source.name else "answer"
    if identified and names & {"turns", "prompt", "text"}:
        return "question"
    return ""


def files_of(sources: Sequence[Source], encoding: str) -> Iterator[File]:
    """Every file with its kind; one without rows has the kind "empty", one of which no row is known, nothing.

    Raises:
        BadImport: the first row cannot be read; a JSON file of a folder that holds a single object is passed over instead.
    """
    for source in sources:
        try:
            first = next(rows(source, encoding), None)
        except BadImport:
            if source.suffix == ".json" and len(sources) > 1:
                first = ("", {})
            else:
                raise
        if first is None:
            yield File(source, "empty", {})
        else:
            yield File(source, kind_of(first[1], source), first[1])


def detect(files: Sequence[File]) -> str:
    """The format of some files.

    Raises:
        BadImport: none, or several; says what was found.
    """
    kinds = {f.kind for f in files}
    found = [name for name, marks in JUDGED.items() if kinds.intersection(marks)]
    if "judgelm" in found and "vicuna-2023" in found:  # JudgeLM's reviews have the form of Vicuna's
        found.remove("vicuna-2023")
    games = [f for f in files if f.kind == "games"]
    if games:
        found.append("wildvision" if all(_one_game(f.first) for f in games) else "arena-hard")
    votes = [f for f in files if f.kind == "battle"]
    if votes:
        human = any(PEOPLE.match(str(f.first.get("judge") or "")) and f.first.get("turn") for f in votes)
        found.append("mt-bench-human" if human else "battles")
    if len(found) == 1:
        return found[0]
    where = files[0].source.path.parent if len(files) > 1 else files[0].source.path
    if found:
        raise BadImport(f"{where}: holds files of several formats ({', '.join(found)}); say which one is meant before the path")
    if "output" in kinds:
        return "alpaca-eval"
    if kinds & {"question", "answer"}:
        return "arena-hard" if any("uid" in f.first for f in files) else "fastchat"
    raise BadImport(f"{where}: of no format that is known; say which one is meant before the path (evalh import --help)")


def _one_game(row: Mapping[str, Any]) -> bool:
    games = row.get("games")
    return isinstance(games, list) and len(games) == 1
