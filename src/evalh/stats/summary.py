"""Every figure of one leaderboard table, from cells; a figure that cannot be had is None and leaves a note."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evalh.errors import StatsError
from evalh.stats.bradley_terry import rating_estimates
from evalh.stats.cells import Cells
from evalh.stats.estimate import Estimate
from evalh.stats.paired import benjamini_hochberg, holm, sign_flip_test
from evalh.stats.ranks import ranks
from evalh.stats.scores import UnitMeans, chains, mean_scores, pair_totals, paired_differences, relative_by_chain, relative_to
from evalh.stats.winrate import model_win_rates, pair_win_rates, tallies


@dataclass(frozen=True, slots=True)
class PairSummary:
    """Two models compared, seen from `model_a`, whose name sorts first."""

    model_a: str
    model_b: str
    wins_a: int
    ties: int
    wins_b: int
    total_a: float | None
    total_b: float | None
    win_rate_a: Estimate | None
    p_value: float | None
    p_adjusted: float | None
    p_bh: float | None
    lead: float
    scored: int
    unscored: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of M models, lists in the order of `models`; pairs by name.

    `judged` and `missing` count scored and unscored judgments per model; `counts` are wins, ties and losses, shape (M, 3).
    `no_ratings` says why there are none although models were compared.
    """

    models: tuple[str, ...]
    mean_score: list[Estimate | None]
    turns: list[dict[str, Estimate]]
    aspects: list[dict[str, Estimate]]
    win_rate: list[Estimate | None]
    rating: list[Estimate | None]
    counts: np.ndarray
    judged: np.ndarray
    missing: np.ndarray
    rank: list[tuple[int, int] | None]
    pairs: list[PairSummary]
    no_ratings: StatsError | None


def summarise(cells: Cells, stream: Sequence[int | str] = (0,)) -> Summary:
    """All figures but relative scores.

    Args:
        cells: one judge's, of all questions or of one category.
        stream: seed and names that decide the random draws (bootstrap of ratings, Monte Carlo tests).
    """
    size = len(cells.models)
    judged, missing = _judgments(cells)
    pairs = _pairs(cells, stream)
    found = ranks([m for m, n in zip(cells.models, judged.tolist(), strict=True) if n], leads(pairs))
    rating, no_ratings = _ratings(cells, stream)
    mean_score = mean_scores(cells.scores, size, cells.score_step)
    return Summary(
        models=cells.models,
        mean_score=mean_score,
        turns=_turns(cells, mean_score),
        aspects=_by_aspect(cells),
        win_rate=model_win_rates(cells.comparisons, size),
        rating=rating,
        counts=tallies(cells.comparisons, size),
        judged=judged,
        missing=missing,
        rank=[found.get(m) for m in cells.models],
        pairs=pairs,
        no_ratings=no_ratings,
    )


def leads(pairs: Sequence[PairSummary]) -> dict[tuple[str, str], tuple[float, float]]:
    """The pairs that were tested, as `evalh.stats.ranks` takes them."""
    return {(p.model_a, p.model_b): (p.lead, p.p_adjusted) for p in pairs if p.p_adjusted is not None}


def default_reference(summary: Summary) -> str | None:
    """The model that relative scores relate to by default: the highest rating where there are pairs, else mean score.

    Where ratings are not defined (some model won everything, say), win rates decide in their place. Equal figures: the first
    by name. None where nothing was scored.
    """
    for figures in (summary.rating, summary.win_rate, summary.mean_score):
        named = zip(figures, summary.models, strict=True)
        ranked = [(-e.value, name) for e, name in named if e is not None and e.value is not None]
        if ranked:
            return min(ranked)[1]
    return None


def relative_scores(cells: Cells, reference: str | None) -> tuple[list[Estimate | None], tuple[str, ...]]:
    """Scores relative to the reference: from two-score reviews where there are any, else from absolute judgments.

    Returns:
        One estimate per model (a fraction; the reference's own is 1 without limits), None where it is not defined, and notes.
    """
    found: list[Estimate | None] = [None] * len(cells.models)
    if reference is None or reference not in cells.models:
        return found, ()
    target = cells.models.index(reference)
    two_score = bool(cells.comparisons.reviews.any())
    paths = chains(cells.comparisons, cells.models, target) if two_score else {}
    chained: dict[str, list[str]] = {}
    scores = UnitMeans.of(cells.scores, len(cells.models))
    for model, name in enumerate(cells.models):
        if model == target:
            found[model] = _own_score(cells, target, two_score)
            continue
        try:
            if not two_score:
                found[model] = relative_to(scores, model, target, cells.score_step)
            elif model in paths:
                found[model] = relative_by_chain(cells.comparisons, paths[model], cells.score_step)
        except StatsError:
            continue
        if len(paths.get(model, ())) > 2:
            chained.setdefault(", ".join(cells.models[i] for i in paths[model][1:-1]), []).append(name)
    return found, tuple(
        f"Relative scores chained through {through}, because the model was not judged beside {reference}: {', '.join(names)}."
        for through, names in chained.items()
    )


def _own_score(cells: Cells, target: int, two_score: bool) -> Estimate | None:
    """The reference's own relative score: 1 by definition, if it was scored at all."""
    if two_score:
        pairs = np.flatnonzero((cells.comparisons.pairs == target).any(axis=1))
        own = cells.comparisons.take(np.isin(cells.comparisons.pair, pairs) & (cells.comparisons.reviews > 0))
        n = len(np.unique(own.question))
    else:
        n = len(np.unique(cells.scores.question[(cells.scores.model == target) & (cells.scores.weight > 0)]))
    return Estimate(1.0, n=n) if n else None


def _judgments(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Scored and unscored judgments that each model took part in, both (M,)."""
    size = len(cells.models)
    found = []
    for compared, rated in (("judged", "scored"), ("missed", "unscored")):
        pair = cells.comparisons.per_pair(getattr(cells.comparisons, compared))
        total = np.bincount(cells.scores.model, weights=getattr(cells.scores, rated), minlength=size).astype(np.float64)
        for side in (0, 1):
            np.add.at(total, cells.comparisons.pairs[:, side], pair)
        found.append(np.rint(total).astype(np.int64))
    return found[0], found[1]


def _turns(cells: Cells, mean_score: list[Estimate | None]) -> list[dict[str, Estimate]]:
    """Mean score by turn, per model."""
    scores = cells.scores
    turns = np.unique(scores.unit_turn[scores.unit]).tolist()
    found: list[dict[str, Estimate]] = [{} for _ in cells.models]
    for turn in turns:
        means = mean_score if len(turns) == 1 else mean_scores(scores, len(cells.models), cells.score_step, turn)
        for model, estimate in enumerate(means):
            if estimate is not None:
                found[model][str(turn)] = estimate
    return found


def _by_aspect(cells: Cells) -> list[dict[str, Estimate]]:
    """Mean score by aspect, per model; an aspect that does not apply to an answer has no score of it."""
    found: list[dict[str, Estimate]] = [{} for _ in cells.models]
    for name, (scores, step) in cells.aspects.items():
        for model, estimate in enumerate(mean_scores(scores, len(cells.models), step)):
            if estimate is not None:
                found[model][name] = estimate
    return found


def _ratings(cells: Cells, stream: Sequence[int | str]) -> tuple[list[Estimate | None], StatsError | None]:
    """Ratings, and the error if there are none although models were compared."""
    none: list[Estimate | None] = [None] * len(cells.models)
    if not (cells.comparisons.weight > 0).any():
        return none, None
    try:
        return rating_estimates(cells.comparisons, cells.models, _generator(stream, "ratings")), None
    except StatsError as error:
        return none, error


def _pairs(cells: Cells, stream: Sequence[int | str]) -> list[PairSummary]:
    """Every pair that was compared, or whose scores can be compared question by question."""
    comparisons = cells.comparisons
    columns = [comparisons.wins, comparisons.ties, comparisons.losses, comparisons.scored, comparisons.unscored]
    counts = np.stack([comparisons.per_pair(c) for c in columns], axis=1).astype(np.int64).tolist()
    totals = pair_totals(comparisons).tolist()
    rates = pair_win_rates(comparisons)
    order = np.searchsorted(comparisons.pair, np.arange(len(comparisons.pairs) + 1))
    excess = comparisons.outcome - 0.5 * comparisons.weight
    listed = {(a, b): i for i, (a, b) in enumerate(comparisons.pairs.tolist())}
    scores = UnitMeans.of(cells.scores, len(cells.models))
    rng = _generator(stream, "tests")
    first = rng.bit_generator.state
    found: list[PairSummary] = []
    for a, b in combinations(range(len(cells.models)), 2):
        i = listed.get((a, b), -1)
        wins, ties, losses, scored, unscored = counts[i] if i >= 0 else (0, 0, 0, 0, 0)
        differences = excess[order[i] : order[i + 1]] if scored else paired_differences(scores, a, b)
        if not scored and not unscored and not len(differences):
            continue
        rng.bit_generator.state = first  # the same patterns for every pair, whatever it is called
        total = totals[i] if i >= 0 else (float("nan"), float("nan"))
        found.append(
            PairSummary(
                model_a=cells.models[a],
                model_b=cells.models[b],
                wins_a=wins,
                ties=ties,
                wins_b=losses,
                total_a=None if np.isnan(total[0]) else total[0],
                total_b=None if np.isnan(total[1]) else total[1],
                win_rate_a=rates[i] if i >= 0 else None,
                p_value=sign_flip_test(differences, rng) if len(differences) else None,
                p_adjusted=None,
                p_bh=None,
                lead=float(differences.sum()),
                scored=scored,
                unscored=unscored,
            )
        )
    p_values = [p.p_value for p in found]
    adjusted = zip(found, holm(p_values), benjamini_hochberg(p_values), strict=True)
    return [replace(p, p_adjusted=q, p_bh=b) for p, q, b in adjusted]


def _generator(stream: Sequence[int | str], purpose: str) -> np.random.Generator:
    """A generator of its own for each table and purpose, so that no figure depends on which others are computed."""
    words = [word if isinstance(word, int) else zlib.crc32(word.encode()) for word in (*stream, purpose)]
    return np.random.default_rng(words)
