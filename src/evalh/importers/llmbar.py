"""LLMBar: pairs with one better output, and evaluators' verdicts in both orders -> records.

    datasets/<subset>.json or <subset>/dataset.json       [{"input", "output_1", "output_2", "label": 1 or 2}]
    results/<subset>/<evaluator>.jsonl                    {"row", "label", "original": {"completion": [text, reason], "winner"},
                                                           "swapped": …}

The outputs become answers of two models, `better` and `worse`, so that a win rate of `better` is an accuracy. The labels are
also kept as votes. "original" shows output_1 first, "swapped" output_2; the winner is "1" or "2", and mapped back already.

Source of the layout: princeton-nlp/LLMBar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from evalh.core.records import Question, Reading
from evalh.errors import BadImport
from evalh.importers.fields import identity, number, said, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import Sink

KINDS: Final = ("llmbar-pair", "llmbar-result")
NAMES: Final = ("better", "worse")
NOTE: Final = "winners as stored with LLMBar's results"
NAMELESS: Final = ("dataset", "datasets", "data")


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every pair and every verdict. Raises BadImport with file and line."""
    labels: dict[str, int] = {}
    counts: dict[str, int] = {}
    for where, row, file in of_kind(files, options, "llmbar-pair"):
        subset = _subset(file)
        question = f"{subset}-{counts.get(subset, 0)}"
        counts[subset] = counts.get(subset, 0) + 1
        labels[question] = _label(row, where)
        outputs = text(row, where, "output_1"), text(row, where, "output_2")
        sink.question(Question(question, subset, (text(row, where, "input"),)), where)
        for output, name in zip(outputs, _names(labels[question]), strict=True):
            sink.answer(question, name, (output,))
        sink.vote(question, *NAMES, "model_a", "label")
    at: dict[str, int] = {}
    for where, row, file in of_kind(files, options, "llmbar-result"):
        subset = PurePosixPath(file.source.name).parent.name or "llmbar"
        given = number(row.get("row"))
        place = int(given) if given is not None else at.get(file.source.name, 0)
        at[file.source.name] = place + 1
        question = f"{subset}-{place}"
        label = labels.get(question) or _label(row, where)
        sink.asked(question, subset)
        _verdicts(sink, row, where, question, label, file, options)


def _verdicts(sink: Sink, row: Mapping[str, Any], where: str, question: str, label: int, file: File, options: Options) -> None:
    evaluator = file.source.stem.replace("__", "/")
    judge = sink.judge(options.judge or evaluator, evaluator.rpartition("/")[2], NOTE)
    names = _names(label)
    answers = sink.latest(question, names[0]), sink.latest(question, names[1])
    place = sink.place(judge, question, 1, names)
    for game, order in enumerate(("original", "swapped")):
        told = row.get(order)
        if not isinstance(told, Mapping):
            raise BadImport(f"{where}: {order} is no verdict")
        shown = answers if game == 0 else answers[::-1]
        sink.judgment(judge, question, 1, "pairwise", shown, place, _reading(told, game), game)


def _reading(told: Mapping[str, Any], game: int) -> Reading:
    words = said(told.get("completion"))
    winner = str(told.get("winner"))
    if winner not in ("1", "2"):
        return Reading("no_verdict" if words.strip() else "empty", explanation=words)
    first = "1" if game == 0 else "2"
    return Reading("scored", verdict="A" if winner == first else "B", explanation=words)


def _label(row: Mapping[str, Any], where: str) -> int:
    label = number(identity(row, where, "label"))
    if label not in (1, 2):
        raise BadImport(f"{where}: label must be 1 or 2")
    return int(label)


def _names(label: int) -> tuple[str, str]:
    """The names of output_1 and output_2."""
    return NAMES if label == 1 else (NAMES[1], NAMES[0])


def _subset(file: File) -> str:
    """The subset of a file of pairs: its own name, or its folder's."""
    if file.source.stem in NAMELESS:
        return PurePosixPath(file.source.name).parent.name or "llmbar"
    return file.source.stem
