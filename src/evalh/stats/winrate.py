"""Win rates, and wins, ties and losses, from pair cells."""

from __future__ import annotations

import numpy as np

from evalh.stats.cells import PairCells
from evalh.stats.coding import distinct
from evalh.stats.estimate import Estimate
from evalh.stats.resample import estimates, jackknife, unequal


def tallies(cells: PairCells, models: int) -> np.ndarray:
    """Wins, ties and losses of every model over all its opponents, after the both-orders rule; shape (models, 3), integers."""
    pair = np.stack([cells.per_pair(c) for c in (cells.wins, cells.ties, cells.losses)], axis=1).astype(np.int64)
    total = np.zeros((models, 3), dtype=np.int64)
    np.add.at(total, cells.pairs[:, 0], pair)
    np.add.at(total, cells.pairs[:, 1], pair[:, ::-1])
    return total


def pair_win_rates(cells: PairCells) -> list[Estimate | None]:
    """Win rate of each pair's first model: weighted mean outcome over rows, a tie 0.5, a weighted preference its value.

    Returns:
        One estimate per pair (0..1, n = questions), None where nothing was scored.

    Source: mean of outcomes as in Zheng et al. (2023) and AlpacaEval; interval as `evalh.stats.resample.share_limits`.
    """
    cells = cells.take(cells.weight > 0)
    value, left_out = _rates(cells)
    moments = jackknife(left_out, cells.pair, len(cells.pairs))
    found = estimates(
        value, moments, share=True, most=unequal(_weight(cells.weight, cells.scored), cells.pair, len(cells.pairs))
    )
    return [e if e.n else None for e in found]


def model_win_rates(cells: PairCells, models: int) -> list[Estimate | None]:
    """Win rate of each model: the mean over its opponents of the pair's win rate, so that each opponent counts equally.

    Args:
        cells: comparisons of all pairs.
        models: how many models the table has; an opponent with whom nothing was scored is left out.

    Returns:
        One estimate per model (0..1, n = questions), None where nothing was scored. A model that met some opponent on a single
        question has no interval: what that win rate would be on other questions is not known.
    """
    cells = cells.take(cells.weight > 0)
    value, left_out = _rates(cells)
    met = np.bincount(cells.pair, minlength=len(cells.pairs)) > 0
    a, b = cells.pairs[met, 0], cells.pairs[met, 1]
    opponents = np.bincount(a, minlength=models) + np.bincount(b, minlength=models)
    earned = np.bincount(a, weights=value[met], minlength=models) + np.bincount(b, weights=1.0 - value[met], minlength=models)
    rate = np.where(opponents > 0, earned / np.maximum(opponents, 1), np.nan)

    change = left_out - value[cells.pair]
    questions = int(cells.question.max(initial=0)) + 1
    model = np.concatenate([cells.pairs[cells.pair, 0], cells.pairs[cells.pair, 1]])
    key, cell = distinct(model * questions + np.tile(cells.question, 2))
    moved = np.bincount(cell, weights=np.concatenate([change, -change]), minlength=len(key))
    model = key // questions
    moments = jackknife(rate[model] + moved / opponents[model], model, models)
    given, rows = (np.bincount(cell, weights=np.tile(c, 2)) for c in (cells.weight, cells.scored))
    most = unequal(_weight(given, rows), model, models)
    found = estimates(rate, moments, share=True, most=most, parts=opponents)
    return [e if e.n else None for e in found]


def _weight(given: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What a question's judgments weigh on average; how many of them there are is another matter."""
    return np.where(rows > 0, given / np.maximum(rows, 1), 1.0)


def _rates(cells: PairCells) -> tuple[np.ndarray, np.ndarray]:
    """Win rate per pair (P,), and per cell (C,) that of its pair without the cell's question; NaN where nothing remains."""
    weight, outcome = cells.per_pair(cells.weight), cells.per_pair(cells.outcome)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = weight[cells.pair] - cells.weight
        left_out = np.where(
            np.bincount(cells.pair, minlength=len(cells.pairs))[cells.pair] > 1,
            (outcome[cells.pair] - cells.outcome) / rest,
            np.nan,
        )
        value = outcome / weight
    return np.clip(value, 0.0, 1.0), left_out
