"""How often a judge and recorded votes say the same about the same comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalh.errors import TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results, as_results
from evalh.stats.games import LEFT_OUT, LOSS, WIN, fold
from evalh.stats.resample import interval

Verdicts = Mapping[tuple[str, str, str, int], int]
"""(question, model_a, model_b, turn) -> 1, 0 or -1 for model_a; see `verdicts`."""
WINNERS = {"model_a": WIN, "model_b": LOSS}


def verdicts(frame: Results) -> dict[tuple[str, str, str, int], int]:
    """(question, model_a, model_b, turn) -> the both-orders verdict for model_a (1, 0 or -1); unscored comparisons left out.

    Pairwise rows are used where there are any, else the comparisons of two-score rows, else differences of absolute scores.
    """
    frame = as_results(frame)
    for mode in ("pairwise", "two-score", "ranking"):
        rows = frame.take(np.flatnonzero(frame.mode.where(mode)))
        if len(rows):
            return _folded(rows)
    return _from_scores(frame)


def _folded(rows: Results) -> dict[tuple[str, str, str, int], int]:
    base = len(rows.model_a.labels) + 1, len(rows.model_b.labels) + 1, int(rows.turn.max()) + 1
    key = ((rows.question_id.codes.astype(np.int64) * base[0] + rows.model_a.codes) * base[1] + rows.model_b.codes) * base[
        2
    ] + rows.turn
    games = fold(key, rows.swapped, rows.outcome, rows.weight, rows.status.where("scored"))
    found = {}
    for verdict, row in zip(games.verdict.tolist(), games.row.tolist(), strict=True):
        if verdict != LEFT_OUT:
            found[
                rows.question_id.labels[rows.question_id.codes[row]],
                rows.model_a.labels[rows.model_a.codes[row]],
                rows.model_b.labels[rows.model_b.codes[row]],
                int(rows.turn[row]),
            ] = verdict
    return found


def _from_scores(frame: Results) -> dict[tuple[str, str, str, int], int]:
    rows = frame.take(np.flatnonzero(frame.mode.where("absolute") & frame.status.where("scored")))
    scores: dict[tuple[str, int], dict[str, list[float]]] = {}
    for i in range(len(rows)):
        place = rows.question_id.labels[rows.question_id.codes[i]], int(rows.turn[i])
        scores.setdefault(place, {}).setdefault(rows.model_a.labels[rows.model_a.codes[i]], []).append(float(rows.score_a[i]))
    found = {}
    for (question, turn), by_model in scores.items():
        names = sorted(by_model)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                found[question, a, b, turn] = int(np.sign(np.mean(by_model[a]) - np.mean(by_model[b])))
    return found


def agreement(frame: Results, votes: Iterable[Mapping[str, Any]], *, ties: str = "kept") -> tuple[Estimate, int]:
    """The share of votes that name the same outcome as the judge, with an interval clustered by question.

    Args:
        frame: the results frame of one judge.
        votes: {"question_id", "model_a", "model_b", "winner" ("model_a", "model_b" or anything with "tie"), "turn"}; each
            counts once.
        ties: "kept" (three outcomes) or "dropped" (a comparison counts only if neither side ties).

    Returns:
        (the estimate, with n in questions; the number of votes compared).

    Raises:
        TooFewData: no vote meets a scored comparison.

    Source: the two setups of Zheng et al. (2023), section 4.2.
    """
    said = verdicts(frame)
    cells: dict[str, list[float]] = {}
    count = 0
    for vote in votes:
        a, b, winner = str(vote["model_a"]), str(vote["model_b"]), str(vote["winner"])
        outcome = WINNERS.get(winner, 0)
        if a > b:
            a, b, outcome = b, a, -outcome
        verdict = said.get((str(vote["question_id"]), a, b, int(vote.get("turn") or 1)))
        if verdict is None or (ties == "dropped" and 0 in (verdict, outcome)):
            continue
        cell = cells.setdefault(str(vote["question_id"]), [0.0, 0.0])
        cell[0] += float(verdict == outcome)
        cell[1] += 1.0
        count += 1
    if not cells:
        raise TooFewData("no vote is about a comparison that was scored")
    sums = np.array(list(cells.values()))
    return interval(sums, lambda s: s[..., 0] / s[..., 1], share=True, parts=count / len(sums)), count


def between(first: Verdicts, second: Verdicts) -> tuple[Estimate, int]:
    """The share of comparisons that two judges both decided in which they name the same outcome: win, tie or loss.

    Returns:
        (the estimate, with n in questions and an interval clustered by question; the number of comparisons).

    Raises:
        TooFewData: there is no comparison that both decided.
    """
    cells: dict[str, list[float]] = {}
    for place in sorted(first.keys() & second.keys()):
        cell = cells.setdefault(place[0], [0.0, 0.0])
        cell[0] += float(first[place] == second[place])
        cell[1] += 1.0
    if not cells:
        raise TooFewData("there is no comparison that both judges decided")
    sums = np.array(list(cells.values()))
    count = int(sums[:, 1].sum())
    return interval(sums, lambda s: s[..., 0] / s[..., 1], share=True, parts=count / len(sums)), count


def alpha(said: Sequence[Verdicts]) -> Estimate:
    """Krippendorff's alpha of several judges' verdicts, with win, tie and loss as three names without an order.

    1 is perfect agreement, 0 what verdicts dealt out at random would give. Comparisons that fewer than two judges decided do
    not count. Allows, like `krippendorff.alpha`, for one more question on which half a pair of verdicts differs.

    Returns:
        Estimate with n in questions.

    Raises:
        TooFewData: no comparison was decided twice, or all verdicts are the same, so that there is no chance to agree by.

    Source: K. Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C.
    """
    names = sorted({verdict for verdicts in said for verdict in verdicts.values()})
    cells: dict[str, np.ndarray] = {}
    for place in sorted({place for verdicts in said for place in verdicts}):
        values = [verdicts[place] for verdicts in said if place in verdicts]
        if len(values) > 1:
            counts = np.array([values.count(side) for side in names], dtype=np.float64)
            apart = (len(values) ** 2 - float((counts**2).sum())) / (len(values) - 1)
            cells[place[0]] = cells.get(place[0], np.zeros(1 + len(names))) + np.array([apart, *counts])
    if not cells:
        raise TooFewData("there is no comparison that two judges decided")
    sums = np.stack(list(cells.values()))
    expected = float(_by_chance(sums.sum(axis=0)))
    found = interval(
        sums,
        lambda s: 1.0 - s[..., 0] / _by_chance(s),
        allowance=(len(sums) / expected) ** 2 if expected else 0.0,
    )
    return found if found.high is None else replace(found, high=min(1.0, found.high))


def _by_chance(sums: np.ndarray) -> np.ndarray:
    """Disagreement expected of verdicts in these numbers, in the unit of the observed one; (..., 1 + names) -> (...)."""
    n = sums[..., 1:].sum(axis=-1)
    expected: np.ndarray = (n**2 - (sums[..., 1:] ** 2).sum(axis=-1)) / (n - 1.0)
    return expected
