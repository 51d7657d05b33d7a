"""`--until-separated`: comparisons are asked in rounds until a leaderboard is separated.

What is asked depends on the seed and the replies alone, not on when they come: a round is chosen when the last one is complete.
Going on after an interruption replays the rounds from the records; a judgment that is there already is taken when its turn
comes. Which questions of which pair come next is decided by `evalh.stats.stopping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evalh.core.records import Judgment
from evalh.pipeline.book import REDO, Book
from evalh.pipeline.collect import frame_of
from evalh.pipeline.engine import Engine
from evalh.pipeline.lanes import JudgeLane, Ready
from evalh.stats.cells import collect
from evalh.stats.stopping import LEVEL, Separation, orders, tables


class Rounds:
    """One judge's comparisons, asked until its leaderboard is separated.

    Args:
        book: what exists of the run.
        lane: the judge's lane, which keeps what it hears (`listens`).
        index: of the judge in the plan.
        about: what run.json says of the judge.
        indifference: the gap within which two models are equal.
        seed: of the order in which each pair's questions are asked.
    """

    def __init__(
        self, book: Book, lane: JudgeLane, index: int, about: Mapping[str, Any], indifference: float, seed: int
    ) -> None:
        plan = book.plan
        self.lane = lane
        self.judge = plan.judges[index].name
        self.models = sorted(plan.models)
        self.questions = [q.question_id for q in plan.questions]
        self._book = book
        self._index = index
        self._about = about
        self._place = {name: i for i, name in enumerate(plan.models)}
        self._known = {a.answer_id: (a.model, (0,)) for a in book.answers.values()}
        self.indifference = indifference
        self._orders = orders(seed, self.judge, self.models, self.questions)
        shape = self._orders.shape
        self._weight, self._outcome = np.zeros(shape), np.zeros(shape)
        self._done = set(book.judged)
        self._add(j for j in book.folder.read(Judgment) if j.judge == self.judge and j.status not in REDO)
        # of a run that once had more repeats there may be more than is asked for now
        self.rows = max(_most_rows(book, index, about), float(self._weight.max()))
        self.found = Separation(len(self.models), len(self.questions), self.rows, indifference)

    def offer(self) -> bool:
        """Put what is missing of the next round before the lane; False where no round is left."""
        if self.lane.ready:
            return True
        while (more := self.found.round()).any():
            cells = list(self._cells(more))
            ready = [item for cell in cells for item in self._ready(*cell) if item[2] not in self._done]
            if ready:
                self.lane.ready.extend(ready)
                return True
            kept = sum(item[2] in self._book.judged for cell in cells for item in self._ready(*cell))
            if kept:
                self._book.count("judgments kept", kept)
            self._hear(more)
        return False

    def take_in(self) -> None:
        """Note what the lane has heard."""
        assert self.lane.heard is not None
        self._add(self.lane.heard)
        self._done.update(j.judgment_id.rpartition("-")[0] for j in self.lane.heard)
        self.lane.heard.clear()

    def told(self) -> dict[str, Any]:
        """What run.json says: by which rules, and how many questions of each pair were asked, in the pair's own order."""
        asked = self.found.bettors.asked.tolist()
        pairs = []
        for i, (a, b) in enumerate(self.found.pairs.tolist()):
            # beyond the complete rounds: those of a round that was interrupted, or that a run without the option asked
            while asked[i] < len(self.questions) and self._there(i, int(self._orders[i, asked[i]])):
                asked[i] += 1
            pairs.append([self.models[a], self.models[b], asked[i]])
        return {
            "indifference": self.indifference,
            "level": LEVEL,
            "rows": self.rows,
            "questions": self.questions,
            "asked": pairs,
        }

    def _cells(self, more: np.ndarray) -> Iterator[tuple[int, int]]:
        """(pair, question) of a round."""
        for pair in np.flatnonzero(more).tolist():
            first = int(self.found.bettors.asked[pair])
            for question in self._orders[pair, first : first + int(more[pair])].tolist():
                yield pair, question

    def _ready(self, pair: int, question: int) -> list[Ready]:
        """The judgments of a pair's question, but those that have no answer at all to show."""
        a, b = (self._place[self.models[m]] for m in self.found.pairs[pair].tolist())
        units = [u for u in self._book.plan.judgments_of(self._index, question, a) if b in u.models]
        shown = [(unit, self._book.shown(unit)) for unit in units]
        return [(unit, answers, self._book.name(unit, answers)) for unit, answers in shown if answers is not None]

    def _there(self, pair: int, question: int) -> bool:
        """Whether every judgment of a pair's question has been made."""
        ready = self._ready(pair, question)
        return bool(ready) and all(name in self._done for _, _, name in ready)

    def _hear(self, more: np.ndarray) -> None:
        """A round is complete."""
        for k in range(int(more.max())):
            pair = np.flatnonzero(more > k)
            question = self._orders[pair, self.found.bettors.asked[pair]]
            self.found.hear(pair, self._weight[pair, question], self._outcome[pair, question])

    def _add(self, judgments: Iterable[Judgment]) -> None:
        """Outcomes as the report counts them, by the same way."""
        results = frame_of(judgments, self._known, {}, {self.judge: self._about})
        cells = collect(results, self.models)
        ids = sorted(results.question_id.labels)
        weight, outcome = tables(cells.comparisons, cells.models, ids, self.models, self.questions)
        self._weight += weight
        self._outcome += outcome


def _most_rows(book: Book, index: int, about: Mapping[str, Any]) -> float:
    """The largest weight that the judgments of one question of one pair can have together."""
    plan = book.plan
    units = max(sum(1 for u in plan.judgments_of(index, q, 0) if 1 in u.models) for q in range(len(plan.questions)))
    aspects = max((len(told.get("aspects", ())) for told in about.get("aspects", {}).values()), default=1)
    return float(units * max(aspects, 1) * about.get("strong_weight", 1))


async def ask_in_rounds(engine: Engine, judges: Sequence[Rounds]) -> None:
    """One round of every judge after the other, until none is left or the engine is stopped.

    Raises:
        EvalhError: what ended the run early.
    """
    try:
        while not engine.stopping:
            offered = [rounds.offer() for rounds in judges]
            if not any(offered):
                return
            await engine.drain([rounds.lane for rounds in judges])
            for rounds in judges:
                rounds.take_in()
    finally:
        for rounds in judges:
            rounds.take_in()
