"""PandaLM's test set, and judges' verdicts on it -> records.

    testset-v1.json            {"idx", "motivation_app", "cmp_key": "<model>_<model>", "instruction", "input",
                                "response1", "response2", "annotator1", "annotator2", "annotator3"}
    <judge>-testset-v1.json    {"idx", "<judge>_result", "<judge>_reason", "<judge>_reference"}

An annotator says 1, 2 or 0 for a tie. All three are judgments of the judge `human` with the flag `rater:annotatorN`, and votes.
A judge says 1, 2, 0 or "Tie"; anything else ("garbage") arrives unscored, where the original counts it as a tie. An instruction
and its input are one question, joined by an empty line. The judge's own reference answer is not kept.

Source of the layout: WeOpenML/PandaLM, data/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from evalh.core.ids import digest
from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fields import identity, optional, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import JudgeName, Sink

KINDS: Final = ("pandalm-pair", "pandalm-result")
HUMAN: Final = "human"
NOTE: Final = "verdicts as stored with PandaLM's test set"
ANNOTATORS: Final = ("annotator1", "annotator2", "annotator3")
RESULT: Final = "_result"
VERDICTS: Final[Mapping[str, Literal["A", "B", "tie"]]] = {"1": "A", "2": "B", "0": "tie", "tie": "tie"}
WINNERS: Final = {"A": "model_a", "B": "model_b", "tie": "tie"}

Pair = tuple[str, tuple[str, str], tuple[str, str]]
"""Question, models, answers; the first of each was shown first."""


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every pair, vote and verdict. Raises BadImport with file and line."""
    pairs: dict[str, Pair] = {}
    for where, row, _ in of_kind(files, options, "pandalm-pair"):
        name = identity(row, where, "idx")
        if name in pairs:
            raise BadImport(f"{where}: idx {name} stands there already")
        pairs[name] = _pair(sink, row, where)
        _votes(sink, row, pairs[name])
    for where, row, _ in of_kind(files, options, "pandalm-result"):
        name = identity(row, where, "idx")
        if name not in pairs:
            raise BadImport(f"{where}: no pair has the idx {name}; give the test set too: --with testset-v1.json")
        label = next((key.removesuffix(RESULT) for key in row if key.endswith(RESULT)), None)
        if label is None:
            raise BadImport(f"{where}: lacks a result (a field that ends in {RESULT!r})")
        judge = sink.judge(options.judge or label, "published", NOTE)
        _judgment(sink, judge, pairs[name], row[label + RESULT], words=optional(row, f"{label}_reason"))


def _pair(sink: Sink, row: Mapping[str, Any], where: str) -> Pair:
    names = tuple(identity(row, where, "cmp_key").split("_"))
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise BadImport(f"{where}: cmp_key must be the names of two models, joined by one '_'")
    asked = "\n\n".join(part for part in (text(row, where, "instruction"), optional(row, "input")) if part)
    question = digest(["pandalm", asked], 12)
    sink.told(question, optional(row, "motivation_app"), (asked,))
    answers = tuple(sink.text(question, n, (_response(row, where, f"response{i}"),)) for i, n in enumerate(names, 1))
    return question, (names[0], names[1]), (answers[0], answers[1])


def _response(row: Mapping[str, Any], where: str, key: str) -> str:
    """A response; a few of the test set are stored as true, which its prompts show as Python writes it."""
    given = row.get(key)
    return str(given) if isinstance(given, bool) else text(row, where, key)


def _votes(sink: Sink, row: Mapping[str, Any], pair: Pair) -> None:
    judge = sink.judge(HUMAN, "votes", NOTE)
    for rater in ANNOTATORS:
        if rater in row:
            verdict = _judgment(sink, judge, pair, row[rater], flags=(f"rater:{rater}",))
            if verdict is not None:
                sink.vote(pair[0], *pair[1], WINNERS[verdict], rater)


def _judgment(
    sink: Sink, judge: JudgeName, pair: Pair, given: object, flags: tuple[str, ...] = (), words: str = ""
) -> str | None:
    """One verdict; returns it, or None where it is none."""
    verdict = VERDICTS.get(str(given).strip().lower())
    if verdict is None:
        reading = Reading("no_verdict" if given not in (None, "") else "empty", flags=flags, explanation=words)
    else:
        reading = Reading("scored", verdict=verdict, flags=flags, explanation=words)
    question, names, answers = pair
    sink.judgment(judge, question, 1, "pairwise", answers, sink.place(judge, question, 1, names), reading)
    return verdict
