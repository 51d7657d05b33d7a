"""The end of a run: records in plan order, what has been superseded left out, and everything counted.

The order depends on the manifest and on the records alone, so that it is the same however and in how many pieces the run went.
Lines are looked at as decoded JSON: a million of them are put in order without building a record.
"""

from __future__ import annotations

from typing import Any, Final

from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder

LAST: Final = 1 << 40
"""The place of a question, model or judge that the manifest does not know."""


class _Order:
    """Where each record of a run belongs; counts what it sees."""

    def __init__(self, folder: RunFolder, manifest: dict[str, Any]) -> None:
        self.questions = {q["question_id"]: i for i, q in enumerate(folder.raw(Question))}
        self.models = {name: i for i, name in enumerate(manifest["models"])}
        self.judges = {name: i for i, name in enumerate(manifest["judges"])}
        self.shown: dict[str, tuple[int, str, int]] = {}
        self.units: dict[str, tuple[str, int]] = {}
        good: set[tuple[str, str, int]] = set()
        failed: dict[tuple[str, str, int], str] = {}
        earlier: set[str] = set()
        for a in folder.raw(Answer):
            place = a["model"], a["question_id"], a["sample"]
            self.shown[a["answer_id"]] = self.models.get(a["model"], LAST), a["model"], a["sample"]
            if a["failure"] is None:
                good.add(place)
            else:
                earlier.add(failed.get(place, a["answer_id"]))
                failed[place] = a["answer_id"]
        self.superseded = (earlier - set(failed.values())) | {name for place, name in failed.items() if place in good}
        self.failed = len(set(failed) - good)

    def answer(self, a: dict[str, Any]) -> tuple[Any, ...] | None:
        """The place of an answer; None for a failure that a later try has mended."""
        if a["answer_id"] in self.superseded:
            return None
        return (
            self.questions.get(a["question_id"], LAST),
            *self.shown[a["answer_id"]],
            a["failure"] is None and a["answer_id"],
        )

    def judgment(self, j: dict[str, Any]) -> tuple[Any, ...] | None:
        """The place of a judgment; None for one of an answer that is there no more."""
        if any(a in self.superseded or a not in self.shown for a in j["answers"]):
            return None
        shown = tuple([self.shown[a] for a in j["answers"]])
        unit = j["judgment_id"].rpartition("-")[0]
        self.units[unit] = j["status"], j["attempt"]
        return (
            self.questions.get(j["question_id"], LAST),
            self.judges.get(j["judge"], LAST),
            j["judge"],
            j["mode"],
            j["turn"],
            tuple(sorted(shown)),
            shown,
            j["sample"],
            unit,
            j["attempt"],
        )


def settle(folder: RunFolder, manifest: dict[str, Any]) -> dict[str, Any]:
    """Rewrite both record files in plan order, and count what is there.

    Returns:
        `answers`, `answers_failed`, `judgments`, `judgments_unscored`, `asked_again` (attempts beyond the first) and
        `by_status`, as in run.json.

    Raises:
        CorruptRecord: names file and line.
        StoreError: the folder cannot be written.
    """
    order = _Order(folder, manifest)
    answers = folder.rewrite(Answer, order.answer)
    folder.rewrite(Judgment, order.judgment)
    by_status: dict[str, int] = {}
    for status, _ in order.units.values():
        by_status[status] = by_status.get(status, 0) + 1
    return {
        "answers": answers,
        "answers_failed": order.failed,
        "judgments": len(order.units),
        "judgments_unscored": len(order.units) - by_status.get("scored", 0),
        "asked_again": sum(attempt for _, attempt in order.units.values()),
        "by_status": dict(sorted(by_status.items())),
    }
