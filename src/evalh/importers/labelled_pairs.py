"""Pairs of answers with a label, and no judge yet: RewardBench and Auto-J's test set -> questions, answers and votes.

    RewardBench   {"prompt", "chosen", "rejected", "subset", "id"?, "chosen_model"?, "rejected_model"?}
    Auto-J        {"scenario", "label": 0 first, 1 second, 2 tie, "prompt", "response 1", "response 2"}

RewardBench's answers are those of `chosen` and `rejected`, so that a win rate of `chosen` is an accuracy; who wrote them is
kept with the question. Auto-J's are those of `response 1` and `response 2`. The label is a vote, against which
`evalh judge RUN --judge J` and the report hold a judge.

Source of the layout: allenai/reward-bench; GAIR-NLP/auto-j, data/test/testdata_pairwise.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.records import Question
from evalh.errors import BadImport
from evalh.importers.fields import identity, number, optional, said, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import UNSORTED, Sink

KINDS: Final = ("reward-pair", "auto-j-pair")
CHOSEN: Final = ("chosen", "rejected")
NUMBERED: Final = ("response 1", "response 2")
LABELS: Final = {0: "model_a", 1: "model_b", 2: "tie"}
LABEL: Final = "label"


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every pair. Raises BadImport with file and line."""
    counts: dict[str, int] = {}
    for where, row, file in of_kind(files, options, "reward-pair"):
        group = optional(row, "subset") or file.source.stem
        writers = {f"{name}_model": who for name in CHOSEN if (who := optional(row, f"{name}_model"))}
        question = _question(sink, row, where, group, counts, writers)
        for name in CHOSEN:
            if name not in row:
                raise BadImport(f"{where}: lacks {name!r}")
            sink.answer(question, name, (said(row[name]),))
        sink.vote(question, *CHOSEN, "model_a", LABEL)
    for where, row, _ in of_kind(files, options, "auto-j-pair"):
        label = number(row.get("label"))
        if label not in LABELS:
            raise BadImport(f"{where}: label must be 0, 1 or 2")
        question = _question(sink, row, where, optional(row, "scenario") or UNSORTED, counts, {})
        for name in NUMBERED:
            sink.answer(question, name, (text(row, where, name),))
        sink.vote(question, *NUMBERED, LABELS[int(label)], LABEL)


def _question(
    sink: Sink, row: Mapping[str, Any], where: str, group: str, counts: dict[str, int], metadata: Mapping[str, str]
) -> str:
    """The question of a row: named by its group, and its id or its place in it."""
    at = counts.get(group, 0)
    counts[group] = at + 1
    own = identity(row, where, "id") if row.get("id") not in (None, "") else str(at)
    asked = said(row.get("prompt"))
    if not asked.strip():
        raise BadImport(f"{where}: the prompt is empty")
    sink.question(Question(f"{group}-{own}", group, (asked,), metadata=dict(metadata)), where)
    return f"{group}-{own}"
