"""Bradley-Terry ratings by maximum likelihood on pair counts, on the Elo scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from evalh.errors import Disconnected, NotConverged, StatsError, TooFewData
from evalh.stats.cells import PairCells
from evalh.stats.coding import distinct
from evalh.stats.estimate import Estimate
from evalh.stats.rating_limits import least_error, rating_limits, widen
from evalh.stats.resample import bootstrap_counts

ELO_SCALE: Final = 400.0 / math.log(10.0)  # Elo points per unit of log odds
ELO_MEAN: Final = 1000.0
ROUNDS: Final = 1000
_BLOCKS: Final = 500  # questions are resampled in at most this many blocks
_LARGEST_STEP: Final = 1.5  # largest spread of a Newton step (see `newton`)
_LARGEST_COUNT: Final = 200  # of Newton steps; a gap of 100 log odds takes 70
_SHARED_FROM: Final = 12  # models from which bootstrap rounds first share one Hessian (see `_share`)
_SHARED_COUNT: Final = 12
_BLOCK_ELEMENTS: Final = 100_000  # win matrix entries that are worked on at a time


def ratings(wins: np.ndarray, models: Sequence[str] = ()) -> np.ndarray:
    """Ratings at which the observed number of wins of every model is the expected one.

    Args:
        wins: (M, M), wins[i, j] = games that i won against j, ties as half a win to each, weights multiplied in; in games.
        models: their names, for messages; numbers if left out.

    Returns:
        (M,) Elo points with scale 400, base 10 and mean 1000: 400 points are odds of 10 to 1.

    Raises:
        TooFewData: fewer than two models.
        Disconnected: the maximum is not finite, because some group of models never lost to, or never met, the rest.
        NotConverged: Newton's method did not reach 1e-10.

    Source: Bradley & Terry (1952), Biometrika 39, 324-345; existence by Ford (1957), Am. Math. Monthly 64(8), 28-33.
    """
    connected(wins, models)
    points: np.ndarray = ELO_MEAN + ELO_SCALE * maximum(wins)
    return points


def connected(wins: np.ndarray, models: Sequence[str] = ()) -> None:
    """Refuse a win matrix (M, M) whose ratings are not defined; raises TooFewData and Disconnected as `ratings`."""
    if len(wins) < 2:
        raise TooFewData("ratings need two models that were compared")
    if not np.isfinite(wins).all():
        raise StatsError("wins must be finite numbers")
    names = tuple(models) or tuple(str(i) for i in range(len(wins)))
    groups = components(wins)
    if len(groups) > 1:
        named = tuple(tuple(sorted(names[i] for i in group)) for group in groups)
        shown = "; ".join(", ".join(group) for group in named)
        raise Disconnected(
            f"ratings are not defined, because no model of any of these groups has both won and lost, directly or through "
            f"others, against the rest: {shown}",
            named,
        )


def maximum(wins: np.ndarray) -> np.ndarray:
    """(M,) log strengths with mean 0 of a connected win matrix (M, M); raises NotConverged."""
    strength, converged = newton(wins[None], np.zeros((1, len(wins))), 1e-10)
    if not converged[0]:
        raise NotConverged("Bradley-Terry ratings did not converge; please report the pair counts")
    found: np.ndarray = strength[0]
    return found


def components(wins: np.ndarray) -> list[list[int]]:
    """Strongly connected groups of the win graph (an edge i -> j where i has won something from j), shape of `wins` (M, M).

    Finite ratings exist if there is one group only (Ford 1957). Models within a group are comparable with each other.
    """
    reach = _reach((wins > 0)[None])[0]
    mutual = reach & reach.T
    left, groups = set(range(len(wins))), []
    while left:
        group = np.flatnonzero(mutual[min(left)]).tolist()
        groups.append(group)
        left -= set(group)
    return groups


def win_matrix(cells: PairCells, models: int) -> np.ndarray:
    """Weighted wins of every model against every other, ties as half; shape (models, models)."""
    wins: np.ndarray = _matrices(cells.pairs, cells.per_pair(cells.weight)[None], cells.per_pair(cells.outcome)[None], models)[
        0
    ]
    return wins


def rating_estimates(
    cells: PairCells, models: Sequence[str], rng: np.random.Generator, rounds: int = ROUNDS
) -> list[Estimate | None]:
    """Ratings of all models with 95 % intervals by resampling questions.

    Each round draws questions with replacement and refits from the pair counts, starting at the estimate. A round in which
    the maximum is not finite counts as +infinity for the models that only beat the others, as -infinity for those that only
    lost, and as both where neither is so; an end that falls among such rounds is open (None).

    Args:
        cells: comparisons of all pairs.
        models: names of the table's models.
        rng: source of the draws.
        rounds: bootstrap rounds.

    Returns:
        One estimate per model, in Elo points, n = questions; None for models without a scored comparison.

    Raises:
        TooFewData, Disconnected, NotConverged: as `ratings`, over the models that were compared.
    """
    cells = cells.take(cells.weight > 0)
    used = np.unique(cells.pairs[np.unique(cells.pair)])
    wins = win_matrix(cells, len(models))[np.ix_(used, used)]
    point = ratings(wins, [models[i] for i in used])
    questions, block = distinct(cells.question)
    n = len(questions)
    low, high, error = _bootstrap(cells, block, n, used, (point - ELO_MEAN) / ELO_SCALE, rng, rounds)
    together = float(cells.weight.mean())  # a cell is a pair on one question
    widen(point, low, high, error, ELO_SCALE * least_error(wins, (point - ELO_MEAN) / ELO_SCALE, together, n), n)
    found: list[Estimate | None] = [None] * len(models)
    for i, model in enumerate(used.tolist()):
        found[model] = Estimate(float(point[i]), low[i], high[i], n, error[i])
    return found


def _bootstrap(
    cells: PairCells, question: np.ndarray, n: int, used: np.ndarray, start: np.ndarray, rng: np.random.Generator, rounds: int
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    """Lower ends, upper ends and standard errors of the ratings of the `used` models, in Elo points."""
    size = len(used)
    if n < 2:
        return [None] * size, [None] * size, [None] * size
    # Blocks of questions drawn at random are as independent as questions, and hundreds of them as good for an interval.
    blocks = min(n, _BLOCKS)
    present, pair = np.unique(cells.pair, return_inverse=True)
    pairs = np.searchsorted(used, cells.pairs[present])
    key = (rng.permutation(n) % blocks)[question] * len(present) + pair
    shape = (blocks, len(present))
    weight = np.bincount(key, weights=cells.weight, minlength=shape[0] * shape[1]).reshape(shape)
    outcome = np.bincount(key, weights=cells.outcome, minlength=shape[0] * shape[1]).reshape(shape)
    drawn = bootstrap_counts(blocks, rounds, rng)
    wins = _matrices(pairs, drawn @ weight, drawn @ outcome, size)
    finite, above, below = existence(wins)
    fitted, converged = refit(wins if finite.all() else wins[finite], start)
    fitted[~converged] = np.nan
    points = np.full((rounds, size), np.nan)
    points[finite] = ELO_MEAN + ELO_SCALE * fitted
    return rating_limits(points, finite, above, below, n)


def _matrices(pairs: np.ndarray, weight: np.ndarray, outcome: np.ndarray, models: int) -> np.ndarray:
    """Win matrices (B, models, models) from sums per pair, weight and outcome of shape (B, P)."""
    wins = np.zeros((len(weight), models, models))
    wins[:, pairs[:, 0], pairs[:, 1]] = outcome
    lost = weight - outcome
    lost[np.abs(lost) <= 1e-12 * weight] = 0.0  # a difference that is rounding must not look like a win
    wins[:, pairs[:, 1], pairs[:, 0]] = lost
    return wins


def _reach(edges: np.ndarray) -> np.ndarray:
    """Transitive closure of boolean graphs (B, M, M), every model reaching itself, by repeated squaring."""
    size = edges.shape[-1]
    reach = (edges | np.eye(size, dtype=bool)).astype(np.float32)
    for _ in range(max(size - 1, 1).bit_length()):
        reach = np.minimum(reach @ reach, 1.0)
    closed: np.ndarray = reach > 0
    return closed


def existence(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ford's condition for each of B win matrices.

    Returns:
        finite (B,); and for the rounds where it fails, which models go to +infinity and which to -infinity, both (B, M).
    """
    edges = wins > 0
    strong = _strong(edges)
    none = np.zeros(edges.shape[:2], dtype=bool)
    if strong.all():
        return strong, none, none
    above, below = none, none.copy()
    above[~strong], below[~strong] = _directions(edges[~strong])
    return strong, above, below


def _strong(edges: np.ndarray) -> np.ndarray:
    """(B,) which graphs (B, M, M) are strongly connected: the first model reaches all others and is reached by them."""
    found = np.ones(len(edges), dtype=bool)
    for way in (edges, edges.transpose(0, 2, 1)):
        steps = way.astype(np.float32)
        reached = np.zeros((len(edges), 1, edges.shape[-1]), dtype=np.float32)
        reached[:, :, :1] = 1.0
        while True:
            further = np.minimum(reached @ steps + reached, 1.0)
            if np.array_equal(further, reached):
                break
            reached = further
        found &= (reached > 0).all(axis=(1, 2))
    return found


def _directions(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which models of graphs (B, M, M) that are not strongly connected go to plus and to minus infinity, both (B, M)."""
    # most rounds share few patterns of who ever beat whom
    packed = np.packbits(edges.reshape(len(edges), -1), axis=1)
    patterns: dict[bytes, int] = {}
    index = np.array([patterns.setdefault(row.tobytes(), len(patterns)) for row in packed])
    first = np.unique(index, return_index=True)[1]
    reach = _reach(edges[first])
    down = reach & ~reach.transpose(0, 2, 1)  # i is above j, and j never gets back
    apart = ~reach & ~reach.transpose(0, 2, 1)
    up, beaten, unclear = down.any(axis=2), down.any(axis=1), apart.any(axis=2)
    return (up & ~beaten & ~unclear)[index], (beaten & ~up & ~unclear)[index]


def refit(wins: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log strengths of B bootstrap rounds (B, M, M) to a fifth of an Elo point or better, from the estimate's (M,).

    Newton's method squares the error: after a step of 1e-2 log odds it is below 1e-4, a fiftieth of a point.
    """
    strength = np.tile(start, (len(wins), 1))
    settled = _share(wins, strength) if len(start) >= _SHARED_FROM and len(wins) else np.zeros(len(wins), dtype=bool)
    left = np.flatnonzero(~settled)
    if len(left):
        strength[left], settled[left] = newton(wins if len(left) == len(wins) else wins[left], strength[left], 1e-2)
    return strength - strength.mean(axis=1, keepdims=True), settled


def _share(wins: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Newton's method with the mean round's Hessian for all rounds, in place: one inverse instead of a solution per round.

    Each model's information is summed over all its opponents, so with many of them rounds differ little in it and the error
    shrinks several-fold with each step. A round counts as settled once a step is below 1e-3 log odds and at most half of the
    one before; those that are not keep where they got to.

    Returns:
        (B,) which rounds are settled.
    """
    size = wins.shape[-1]
    gap = strength[0][:, None] - strength[0][None, :]
    mean = wins.mean(axis=0)
    curvature = (mean + mean.T) / (2.0 + 2.0 * np.cosh(gap))
    total = curvature.sum(axis=1)
    inverse = np.linalg.inv(total.mean() / size - curvature + np.diag(total))
    settled = np.zeros(len(wins), dtype=bool)
    block = max(1, _BLOCK_ELEMENTS // size**2)
    for first in range(0, len(wins), block):
        part = slice(first, first + block)
        games = wins[part] + wins[part].transpose(0, 2, 1)
        surplus = wins[part].sum(axis=2) - 0.5 * games.sum(axis=2)
        before = np.full(len(games), np.inf)
        for _ in range(_SHARED_COUNT):
            lead = np.tanh(0.5 * (strength[part, :, None] - strength[part, None, :]))
            step = (surplus - 0.5 * np.einsum("bij,bij->bi", games, lead)) @ inverse
            spread = step.max(axis=1) - step.min(axis=1)
            strength[part] += step * np.minimum(1.0, _LARGEST_STEP / np.maximum(spread, 1e-300))[:, None]
            settled[part] |= (spread <= 1e-3) & (spread <= 0.5 * before)
            if settled[part].all():
                break
            before = spread
    return settled


def newton(wins: np.ndarray, start: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Maximum likelihood log strengths with mean 0 for B win matrices at once.

    The log likelihood is concave and its third derivative along a direction with spread S is at most S times the second
    (Bach 2010, Electron. J. Stat. 4, 384-414), so that a Newton step of spread up to 1.79 never overshoots: longer steps are
    shortened, and no line search is needed.

    Args:
        wins: (B, M, M), each strongly connected.
        start: (B, M) log strengths.
        tolerance: largest last step, in log odds.

    Returns:
        log strengths (B, M), and (B,) whether the tolerance was reached.
    """
    strength = start - start.mean(axis=1, keepdims=True)
    converged = np.zeros(len(wins), dtype=bool)
    block = max(1, _BLOCK_ELEMENTS // max(wins.shape[-1] ** 2, 1))
    for first in range(0, len(wins), block):
        part = slice(first, first + block)
        strength[part], converged[part] = _newton_block(wins[part], strength[part], tolerance)
    return strength, converged


def _newton_block(wins: np.ndarray, strength: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """`newton` for as many rounds as fit the processor's cache."""
    size = wins.shape[-1]
    strength = strength.copy()
    games = wins + wins.transpose(0, 2, 1)
    # with t = tanh(x / 2), the expected share is (1 + t) / 2 and its slope (1 - t^2) / 4
    surplus = np.einsum("bij->bi", wins) - 0.5 * np.einsum("bij->bi", games)
    active = np.arange(len(wins))
    converged = np.zeros(len(wins), dtype=bool)
    diagonal = np.arange(size)
    for _ in range(_LARGEST_COUNT):
        now = strength[active]
        met = games if len(active) == len(games) else games[active]
        lead = now[:, :, None] - now[:, None, :]
        lead *= 0.5
        np.tanh(lead, out=lead)
        gradient = surplus[active] - 0.5 * np.einsum("bij,bij->bi", met, lead)
        np.square(lead, out=lead)
        lead -= 1.0
        lead *= met
        lead *= 0.25
        hessian, total = lead, -np.einsum("bij->bi", lead)
        # strengths are defined up to a constant: a constant added to the Hessian keeps their mean and makes it regular
        hessian += (np.einsum("bi->b", total) / size**2)[:, None, None]
        hessian[:, diagonal, diagonal] += total
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        spread = step.max(axis=1) - step.min(axis=1)
        step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(spread, 1e-300))[:, None]
        strength[active] = now + step
        done = spread <= tolerance
        converged[active[done]] = True
        active = active[~done]
        if not len(active):
            break
    strength -= strength.mean(axis=1, keepdims=True)
    return strength, converged
