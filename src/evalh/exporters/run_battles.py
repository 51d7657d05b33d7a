"""A run -> its comparisons as battles, with the length and markdown of both answers, for ratings outside of a report.

One judge; every scored comparison is a battle, both orders of a pair are two. The cluster is the question. Lengths are tokens
where every answer has them stored, as imported answers may, else characters; up to the turn judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalh.core.records import Answer, Judgment
from evalh.core.store import RunFolder
from evalh.errors import BadConfig
from evalh.exporters.taking import NOT_GIVEN, Choice, Taken, side_of
from evalh.importers.battle_table import STYLE, BattleTable, Collector
from evalh.pipeline.markdown import markdown_counts, total


def battles_of(folder: RunFolder, judge: str | None = None, control: Sequence[str] = ()) -> BattleTable:
    """The battles of a run, clustered by question.

    Args:
        folder: the run.
        judge: whose comparisons; None for the only judge.
        control: features of style, of `STYLE`.

    Raises:
        BadConfig: the run has several judges and none is named, or a feature is unknown.
        UnknownName: there is no such judge.
    """
    if unknown := [name for name in control if name not in STYLE]:
        raise BadConfig(f"a run's answers can be controlled for {', '.join(STYLE)}; not for {', '.join(unknown)}")
    taken = Taken(folder, Choice(judge))
    judge = taken.one_judge()
    answers = taken.texts()
    tokens = all("token_len" in _stored(a) for a in answers.values() if a.failure is None)
    found = Collector(clustered=True, features=len(control))
    for j in taken.judgments(judge):
        if j.mode not in ("pairwise", "two-score") or len(j.answers) != 2:
            found.leave_out(f"judgments in mode {j.mode}")
            continue
        outcome = _outcome(j)
        a, b = (answers[name] for name in j.answers)
        if outcome is None:
            found.leave_out(f"status {j.status}")
        elif a.model == b.model:
            found.leave_out("a model against itself")
        else:
            sides = [_counts(one, j.turn, control, tokens) for one in (a, b)] if control else [[], []]
            if sides[0] is None or sides[1] is None:
                found.leave_out("no text of both answers, nor their stored style")
            else:
                found.add(a.model, b.model, outcome, j.question_id, [*sides[0], *sides[1]])
    return found.table()


def _outcome(j: Judgment) -> int | None:
    """0, 1 or 2 for the answer shown first, a tie and the other; None where it is not scored."""
    if j.mode == "two-score":
        scores = j.scores.get("overall") or next(iter(j.scores.values()), None)
        if j.status != "scored" or not scores or scores[0] is None or scores[1] is None:
            return None
        return 0 if scores[0] > scores[1] else 2 if scores[0] < scores[1] else 1
    side = side_of(j)
    return None if side is None else {"A": 0, "tie": 1, "B": 2}[side]


def _stored(answer: Answer) -> Mapping[str, Any]:
    """Counts that came with an answer; they are of the whole answer, and so of use where it has one turn."""
    style: Mapping[str, Any] = answer.params.get("style", {}) if len(answer.turns) <= 1 else {}
    return style


def _counts(answer: Answer, turn: int, control: Sequence[str], tokens: bool) -> list[float] | None:
    """The wanted counts of an answer, as stored or else of its text; None where there is neither."""
    text = "\n\n".join(answer.turns[:turn])
    known: dict[str, Any] = {**markdown_counts(text), "token_len": len(text)} if NOT_GIVEN not in answer.flags else {}
    known |= {k: v for k, v in _stored(answer).items() if tokens or k != "token_len"}
    found = [total(known.get(STYLE[name])) for name in control]
    return None if None in found else [count for count in found if count is not None]
