"""Liking of a judge for answers of its own family, told apart from their quality by what others say of the same comparisons.

A judge that likes the answers of its own family, and answers of that family that are good, look the same as long as one judge
alone is heard. So the figure is a difference: the outcome that the judge gives to its family's models against all others, less
the outcome that other judges, or people, give to them in the same comparisons.

Source of the idea: Zheng et al. (2023), "Judging LLM-as-a-judge with MT-bench and Chatbot Arena", section 3.3 (self-enhancement
bias), which holds judges against people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from evalh.stats.bias import ratio
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.orders import by_question, compared, key_of, leaning, names_of, numbered, of_aspect, recoded, usable
from evalh.stats.resample import interval

_WINNERS: Final = {"model_a": 1.0, "model_b": 0.0}
_TIE: Final = 0.5
_STEP: Final = 0.4  # how far one more question may differ although none did: nearly a win in one order instead of a loss


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Comparisons of a model of a family with one outside it; all arrays have shape (n,).

    Attributes:
        question, turn: as in the results frame that they come from.
        own, other: codes of the two models in `names_of` that frame.
        outcome: 0 to 1 for the own one.
    """

    question: np.ndarray
    own: np.ndarray
    other: np.ndarray
    turn: np.ndarray
    outcome: np.ndarray

    def __len__(self) -> int:
        return len(self.outcome)


@dataclass(frozen=True, slots=True)
class Preference:
    """A judge's liking for its family, by the comparisons that others decided, too.

    Attributes:
        difference: the judge's outcome less the others', -1 to 1; 0 is no preference.
        by_judge, by_others: the two outcomes, 0 to 1, over the same comparisons.
        comparisons: how many.
    """

    difference: Estimate
    by_judge: Estimate
    by_others: Estimate
    comparisons: int


def outcomes(rows: Results, own: Collection[str], others: Collection[str]) -> Outcomes:
    """What one judge says of a family's models against others.

    Args:
        rows: of one judge, taken from the frame of all judges that it is to be held against.
        own, others: models of the family, and models known to be outside it.

    Returns:
        Complete comparisons, both orders as one; of a judge that only gives scores, which of two answers got more.
    """
    names = names_of(rows)
    mine, theirs = (np.array([name in group for name in names] or [False]) for group in (own, others))
    games = compared(rows)
    if not len(games):
        return _from_scores(rows, mine, theirs)
    games = games.take(games.complete)
    forward, backward = mine[games.low] & theirs[games.high], theirs[games.low] & mine[games.high]
    games, turned = games.take(forward | backward), backward[forward | backward]
    return Outcomes(
        games.question,
        np.where(turned, games.high, games.low),
        np.where(turned, games.low, games.high),
        games.turn,
        np.where(turned, 1.0 - games.outcome, games.outcome),
    )


def _from_scores(rows: Results, mine: np.ndarray, theirs: np.ndarray) -> Outcomes:
    """The outcome between every two answers to the same turn, from their mean scores."""
    model = recoded(rows.model_a, names_of(rows))
    scored = of_aspect(rows.aspect, (model >= 0) & rows.model_b.where("")) & usable(rows) & np.isfinite(rows.score_a)
    chosen = np.flatnonzero(scored)
    rows, model = rows.take(chosen), model[chosen]
    unit_ids, unit = np.unique(rows.question_id.codes * (int(rows.turn.max(initial=0)) + 1) + rows.turn, return_inverse=True)
    cells, cell = np.unique(model * max(len(unit_ids), 1) + unit, return_inverse=True)
    points = np.bincount(cell, weights=rows.score_a) / np.bincount(cell) if len(cells) else np.zeros(0)
    at, model = cells % max(len(unit_ids), 1), cells // max(len(unit_ids), 1)
    outside = theirs[model] if len(cells) else np.zeros(0, dtype=bool)
    found = []
    for own in np.flatnonzero(mine).tolist():
        given = np.full(len(unit_ids), np.nan)
        given[at[model == own]] = points[model == own]
        pairs = np.flatnonzero(outside & np.isfinite(given[at]))
        lead = given[at[pairs]] - points[pairs]
        found.append((at[pairs], np.full(len(pairs), own), model[pairs], (1.0 + leaning(0.5 + lead)) / 2.0))
    empty = np.zeros(0, dtype=np.int64)
    at, own_code, other, outcome = (np.concatenate(c) for c in zip(*found, strict=True)) if found else (empty,) * 4
    base = int(rows.turn.max(initial=0)) + 1
    return Outcomes(unit_ids[at] // base, own_code, other, unit_ids[at] % base, outcome.astype(np.float64))


def outcomes_of_votes(
    votes: Iterable[Mapping[str, Any]], frame: Results, own: Collection[str], others: Collection[str]
) -> Outcomes:
    """What votes say of a family's models against others; several votes on one comparison count as their mean.

    Args:
        votes: {"question_id", "model_a", "model_b", "winner" ("model_a", "model_b" or anything with "tie"), "turn"}.
        frame: the results frame that they are to be held against, which gives the codes; other questions are passed over.
    """
    question = {label: code for code, label in enumerate(frame.question_id.labels)}
    model = {name: code for code, name in enumerate(names_of(frame))}
    found: dict[tuple[int, int, int, int], list[float]] = {}
    for vote in votes:
        a, b, asked = str(vote["model_a"]), str(vote["model_b"]), str(vote["question_id"])
        outcome = _WINNERS.get(str(vote["winner"]), _TIE)
        if b in own and a in others:
            a, b, outcome = b, a, 1.0 - outcome
        if a in own and b in others and asked in question and a in model and b in model:
            place = question[asked], model[a], model[b], int(vote.get("turn") or 1)
            found.setdefault(place, []).append(outcome)
    keys = np.array(list(found), dtype=np.int64).reshape(-1, 4)
    said = np.array([sum(v) / len(v) for v in found.values()], dtype=np.float64)
    return Outcomes(keys[:, 0], keys[:, 1], keys[:, 2], keys[:, 3], said)


def preference(judge: Outcomes, others: Sequence[Outcomes]) -> Preference | None:
    """How much more a judge gives to its family than others do.

    Args:
        judge: what it says.
        others: what each of the others says, from the same frame. Where several decided a comparison, their mean counts.

    Returns:
        None where no comparison was decided by the judge and by one of the others.
    """
    said = [judge, *others]
    who = np.repeat(np.arange(len(said)), [len(s) for s in said])
    columns = [np.concatenate([getattr(s, f.name) for s in said]) for f in fields(Outcomes)]
    key = numbered(key_of(*columns[:4])) if len(who) else who
    size = int(key.max(initial=-1)) + 1
    means = []
    for rows in (who == 0, who > 0):
        count = np.bincount(key[rows], minlength=size)
        total = np.bincount(key[rows], weights=columns[4][rows], minlength=size)
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    shared = np.flatnonzero(np.isfinite(means[0]) & np.isfinite(means[1]))
    if not len(shared):
        return None
    question = np.zeros(size, dtype=np.int64)
    question[key] = columns[0]
    question, mine, theirs = question[shared], means[0][shared], means[1][shared]
    one = np.ones(len(shared))
    return Preference(
        difference=difference(by_question(question, mine - theirs, one)),
        by_judge=interval(by_question(question, mine, one), ratio, share=True),
        by_others=interval(by_question(question, theirs, one), ratio, share=True),
        comparisons=len(shared),
    )


def difference(sums: np.ndarray) -> Estimate:
    """The mean of differences of outcomes, cut at -1 and 1; allows for one more question on which one comparison differs.

    Args:
        sums: (questions, 2), sum of the differences and number of comparisons of each question.
    """
    found = interval(sums, ratio, allowance=(_STEP * len(sums) / float(sums[:, 1].sum())) ** 2)
    return replace(
        found,
        low=None if found.low is None else max(-1.0, found.low),
        high=None if found.high is None else min(1.0, found.high),
    )
