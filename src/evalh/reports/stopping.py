"""What a report says of a run that was stopped by --until-separated: which limits hold, what was asked, and why it ended.

Which comparisons such a run holds depends on what the judge said before. Figures that take a fixed number of questions for
granted (limits of ratings and of models' win rates, p values) would be wrong, so they are left out; docs/stopping.md says more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table, place
from evalh.reports.numbers import count
from evalh.reports.stopped import Stopping
from evalh.stats.cells import collect
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.stopping import STATUSES, Standing, beaten, orders, pairs_of, standings, tables

WORDS: Mapping[str, str] = {
    "separated": "separated",
    "equal": "equal within the indifference",
    "out_of_reach": "out of reach of the whole design",
    "exhausted": "asked about everything",
    "open": "open",
}


def stopping(results: Results, told: Mapping[str, Any], judge: str, seed: int) -> Stopping:
    """What is known of each pair, worked out from the records and what run.json says was asked.

    Args:
        results: rows of this judge.
        told: the judge's entry of `separation` in run.json.
        seed: of the run.
    """
    models = sorted({name for a, b, _ in told["asked"] for name in (a, b)})
    questions = list(told["questions"])
    cells = collect(results, models)
    ids = sorted(results.question_id.labels)
    weight, outcome = tables(cells.comparisons, cells.models, ids, models, questions)
    turn = orders(seed, judge, models, questions)
    known = {(a, b): n for a, b, n in told["asked"]}
    asked = np.array([known[models[a], models[b]] for a, b in pairs_of(len(models)).tolist()], dtype=np.int64)
    weight, outcome = (np.take_along_axis(table, turn, axis=1) for table in (weight, outcome))
    rows = max(told["rows"], float(weight.max()))  # repeats may have been added since
    found, order = standings(len(models), rows, weight, outcome, asked, told["indifference"], told["level"])
    names = tuple(models[m] for m in order)
    return Stopping(tuple(models), names, len(questions), told["indifference"], told["level"], tuple(found))


def adaptive(board: Leaderboard, found: Stopping) -> Leaderboard:
    """A leaderboard with the limits and ranks that hold however its comparisons were chosen, and without those that do not."""
    notes = sentences(found)
    if not found.adaptive:
        return replace(board, stopping=found, notes=(*board.notes, *notes))
    names = found.models
    limits = {(names[p.a], names[p.b]): p for p in found.pairs}
    two_score = any(pair.total_a is not None for pair in board.overall.pairs)
    pairs = tuple(_pair(pair, limits.get((pair.model_a, pair.model_b))) for pair in board.overall.pairs)
    better = beaten(found.pairs, len(names))
    ranks = {name: (1 + int(better[:, i].sum()), len(names) - int(better[i].sum())) for i, name in enumerate(names)}
    models = [replace(_model(row, two_score), rank=ranks.get(row.model)) for row in board.overall.models]
    categories = {
        name: Table(
            tuple(sorted((replace(_model(row, two_score), rank=None) for row in table.models), key=place)),
            tuple(_pair(pair, None) for pair in table.pairs),
        )
        for name, table in board.categories.items()
    }
    return replace(
        board,
        overall=Table(tuple(sorted(models, key=place)), pairs),
        categories=categories,
        stopping=found,
        notes=(*board.notes, *notes),
    )


def _pair(pair: PairRow, standing: Standing | None) -> PairRow:
    """Without p values; with the limits that hold, where there are any."""
    rate = pair.win_rate_a
    if rate is not None:
        low, high = (None, None) if standing is None else (standing.low_unlimited, standing.high_unlimited)
        rate = replace(rate, low=low, high=high, standard_error=None)
    return replace(pair, win_rate_a=rate, p_value=None, p_adjusted=None, p_bh=None)


def _model(row: ModelRow, two_score: bool) -> ModelRow:
    """Without limits of what comparisons say, and without the groups of a fixed number of questions."""
    relative = _bare(row.relative_score) if two_score else row.relative_score
    return replace(
        row,
        win_rate=_bare(row.win_rate),
        rating=_bare(row.rating),
        relative_score=relative,
        length_controlled_win_rate=_bare(row.length_controlled_win_rate),
        groups=None,
    )


def _bare(estimate: Estimate | None) -> Estimate | None:
    return None if estimate is None else replace(estimate, low=None, high=None, standard_error=None)


def sentences(found: Stopping) -> tuple[str, ...]:
    """What a reader has to know before citing a figure."""
    near = found.neighbours
    counted = ", ".join(f"{count(near[s])} {WORDS[s]}" for s in STATUSES if near[s])
    pairs = "pair of neighbours" if sum(near.values()) == 1 else "pairs of neighbours"
    asked = f"{count(found.asked)} of {count(found.possible)} comparisons were asked (a comparison is one question of one pair)"
    if not found.ended:
        why = f"it has not come to its end: of the {pairs}, {counted}"
    else:
        why = f"it stopped because no two neighbours of the leaderboard are open: of the {pairs}, {counted}"
    if not found.adaptive:
        return (f"With --until-separated every comparison was asked; {counted}.",)
    percent = f"{100 * (1 - found.level):g} %"
    return (
        f"With --until-separated {asked}; {why}.",
        "Ratings and win rates of models are adaptive: what was asked depends on what was said before, so they have no "
        "interval, and pairs have no p value. Limits of a pair's win rate hold for all pairs at once, with a probability of "
        f"{percent}, whenever the run was stopped.",
        "Ranks follow from separated pairs, on the assumption that who is better than the one that is better than a third is "
        "better than the third.",
    )


def stopping_json(found: Stopping | None) -> dict[str, Any] | None:
    """The field `stopping`; null for a run of a fixed design."""
    if found is None:
        return None
    names = found.models
    return {
        "adaptive": found.adaptive,
        "ended": found.ended,
        "asked": found.asked,
        "comparisons": found.possible,
        "indifference": found.indifference,
        "level": found.level,
        "neighbours": found.neighbours,
        "order": list(found.order),
        "pairs": [
            {
                "model_a": names[p.a],
                "model_b": names[p.b],
                "status": p.status,
                "neighbours": p.neighbours,
                "asked": p.asked,
                "questions": found.questions,
                "of_run": {"value": p.value, "low": p.low, "high": p.high, "n": p.n},
                "unlimited": {"value": p.value, "low": p.low_unlimited, "high": p.high_unlimited, "n": p.n},
            }
            for p in found.pairs
        ],
    }


def of_run(
    boards: Mapping[str, Leaderboard], results: Results, told: Mapping[str, Any], seed: int, juries: Sequence[str] = ()
) -> dict[str, Leaderboard]:
    """The leaderboards of a run, those of stopped judges with what holds for them."""
    found = dict(boards)
    for judge in told:
        if judge in found and judge not in juries:
            rows = results.take(np.flatnonzero(results.judge.where(judge)))
            found[judge] = adaptive(found[judge], stopping(rows, told[judge], judge, seed))
    return found
