"""Three models of ties in paired comparisons, fitted by maximum likelihood on counts per pair.

With x = s_i - s_j the difference of two log strengths:

    half         a tie is half a win to each; P(win) = 1 / (1 + e^-x)                  Bradley & Terry (1952)
    davidson     odds win : tie : loss = e^(x/2) : nu : e^(-x/2)                       Davidson (1970), JASA 65, 317-328
    rao-kupper   P(win) = 1 / (1 + theta e^-x), P(loss) = 1 / (1 + theta e^x)          Rao & Kupper (1967), JASA 62, 194-204

Each log likelihood is concave in the strengths and the logarithm of its parameter (nu; theta >= 1), so Newton's method finds
the only maximum. It is finite, and the Hessian regular with the strengths' mean held at 0, where the win graph is strongly
connected (a tie being an edge both ways); with a parameter for ties there must also be ties and decided games, and these must
contradict each other (`bounded`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np

from evalh.errors import NotConverged, TooFewData
from evalh.stats.bradley_terry import existence, maximum

Ties = Literal["half", "davidson", "rao-kupper"]
_LARGEST_STEP: Final = 1.5
_LARGEST_COUNT: Final = 200
_SHARED_COUNT: Final = 12
_BLOCK: Final = 200_000  # entries of Hessians that are worked on at a time


class Slopes(NamedTuple):
    """Derivatives of the log likelihood by the difference x (B, P) and by the parameter (B,), first and second."""

    x: np.ndarray
    p: np.ndarray
    xx: np.ndarray
    xp: np.ndarray
    pp: np.ndarray


def _davidson(w: np.ndarray, t: np.ndarray, lost: np.ndarray, x: np.ndarray, p: np.ndarray) -> Slopes:
    """Of Davidson's model; p = log nu. An exponential family: derivatives are observed minus expected."""
    n = w + t + lost
    shift = np.maximum(0.5 * np.abs(x), p[:, None])
    win, loss, tie = np.exp(0.5 * x - shift), np.exp(-0.5 * x - shift), np.exp(p[:, None] - shift)
    total = win + loss + tie
    win, loss, tie = win / total, loss / total, tie / total
    lead = win - loss
    return Slopes(
        0.5 * (w - lost) - 0.5 * n * lead,
        (t - n * tie).sum(axis=1),
        -0.25 * n * (win + loss - lead**2),
        0.5 * n * lead * tie,
        -(n * tie * (1.0 - tie)).sum(axis=1),
    )


def _rao_kupper(w: np.ndarray, t: np.ndarray, lost: np.ndarray, x: np.ndarray, p: np.ndarray) -> Slopes:
    """Of Rao and Kupper's model; p = log theta > 0."""
    a, b = w + t, lost + t
    not_a, not_b = 0.5 * (1.0 + np.tanh(0.5 * (p[:, None] - x))), 0.5 * (1.0 + np.tanh(0.5 * (p[:, None] + x)))
    slope_a, slope_b = a * not_a * (1.0 - not_a), b * not_b * (1.0 - not_b)
    gap = -np.expm1(-2.0 * p)
    ties = t.sum(axis=1)
    return Slopes(
        a * not_a - b * not_b,
        2.0 * ties / gap - (a * not_a + b * not_b).sum(axis=1),
        -(slope_a + slope_b),
        slope_a - slope_b,
        -(slope_a + slope_b).sum(axis=1) - 4.0 * ties * (1.0 - gap) / gap**2,
    )


FITS: Final[dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], Slopes]]] = {
    "davidson": _davidson,
    "rao-kupper": _rao_kupper,
}


def fit(pairs: np.ndarray, counts: np.ndarray, size: int, ties: Ties) -> tuple[np.ndarray, float]:
    """Maximum likelihood on P pairs of M connected models.

    Args:
        pairs: (P, 2) model indices.
        counts: (P, 3) games that the first won, tied and lost.
        size: M.
        ties: which model.

    Returns:
        (M,) log strengths with mean 0, and the parameter of ties: nu or theta; NaN for "half".

    Raises:
        TooFewData: a parameter for ties is asked for where every game is a tie, or none is, or no games contradict each other.
        NotConverged: Newton's method did not reach 1e-10.
    """
    if ties == "half":
        return maximum(win_matrices(pairs, counts[None], size)[0]), float("nan")
    total = counts.sum(axis=0)
    if not total[1] or not total[[0, 2]].any():
        said = "no game was a tie" if not total[1] else "every game was a tie"
        raise TooFewData(f"{said}, so the tie parameter of {ties} has no estimate; take ties as half wins")
    if not bounded(pairs, counts[None], size)[0]:
        raise TooFewData(
            f"ratings with {ties} ties are not finite, because no model lost to one that it beat, directly or in a circle; "
            f"take ties as half wins"
        )
    start = np.log(total[1] / total[[0, 2]].sum()) if ties == "davidson" else np.log1p(2.0 * total[1] / total[[0, 2]].sum())
    strength, p, done = _newton(pairs, counts[None], np.zeros((1, size)), np.array([start]), ties, 1e-10)
    if not done[0]:
        raise NotConverged(f"ratings with {ties} ties did not converge; please report the pair counts")
    return strength[0], float(np.exp(p[0]))


def bounded(pairs: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """(B,) in which of B rounds, counts (B, P, 3) with ties, the parameter for ties is finite.

    Strengths and parameter may grow together without limit if there are numbers of which those of a winner and its loser differ
    by at least one, and those of a tie by at most one. There are none if some circle of games has more wins than ties.
    """
    found = np.asarray(((counts[:, :, 0] > 0) & (counts[:, :, 2] > 0)).any(axis=1))
    first, second = pairs.T
    for i in np.flatnonzero(~found).tolist():
        won, tied, lost = (counts[i] > 0).T
        far = np.full((size, size), np.inf)
        far[first[tied], second[tied]] = far[second[tied], first[tied]] = 1.0
        far[first[won], second[won]] = -1.0
        far[second[lost], first[lost]] = -1.0
        for k in range(size):
            far = np.minimum(far, far[:, [k]] + far[[k]])
            if (np.diagonal(far) < 0).any():
                found[i] = True
                break
    return found


def fit_rounds(
    pairs: np.ndarray, counts: np.ndarray, size: int, ties: Ties, start: np.ndarray, parameter: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same for B bootstrap rounds, counts (B, P, 3), from the estimate on, in a model with a parameter for ties.

    Returns:
        (B, M) log strengths, NaN where a round has no finite maximum; (B,) which rounds have one; and (B, M) which models go
        to plus and to minus infinity in the others.
    """
    finite, above, below = existence(win_matrices(pairs, counts, size))
    strength = np.full((len(counts), size), np.nan)
    # A round without a finite parameter (no tie, or ties alone, say) says nothing about the strengths either way.
    total = counts.sum(axis=1)
    finite &= (total[:, 1] > 0) & (total[:, [0, 2]].any(axis=1)) & bounded(pairs, counts, size)
    chosen = counts if finite.all() else counts[finite]
    found, p, done = _shared(pairs, chosen, start, np.log(parameter), ties)
    if not done.all():
        found[~done], _, done[~done] = _newton(pairs, chosen[~done], found[~done], p[~done], ties, 1e-4)
    found[~done] = np.nan
    strength[finite] = found
    return strength, finite, above, below


def _shared(
    pairs: np.ndarray, counts: np.ndarray, start: np.ndarray, begin: float, ties: Ties
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method with the mean round's Hessian for all rounds: one inverse instead of a solution per round and step.

    Rounds differ little from their mean where games are many, and the error then shrinks several-fold with each step. A round
    counts as settled once a step is below 1e-3 log odds and at most half of the one before.

    Returns:
        log strengths (B, M), parameters (B,), and which rounds are settled (B,).
    """
    size = len(start)
    strength, p = np.tile(start, (len(counts), 1)), np.full(len(counts), begin)
    settled = np.zeros(len(counts), dtype=bool)
    if not len(counts):
        return strength, p, settled
    mean = counts.mean(axis=0)[None]
    x = (start[pairs[:, 0]] - start[pairs[:, 1]])[None]
    inverse = np.linalg.inv(-_joint(pairs, FITS[ties](mean[:, :, 0], mean[:, :, 1], mean[:, :, 2], x, p[:1]), size)[0])
    block = max(1, _BLOCK // len(pairs))
    for first in range(0, len(counts), block):
        part = slice(first, first + block)
        now, before = counts[part], np.full(len(counts[part]), np.inf)
        for _ in range(_SHARED_COUNT):
            x = strength[part][:, pairs[:, 0]] - strength[part][:, pairs[:, 1]]
            slopes = FITS[ties](now[:, :, 0], now[:, :, 1], now[:, :, 2], x, p[part])
            step = np.concatenate([_by_model(pairs, slopes.x, size), slopes.p[:, None]], axis=1) @ inverse
            spread = np.maximum(step[:, :size].max(axis=1) - step[:, :size].min(axis=1), np.abs(step[:, size]))
            step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(spread, 1e-300))[:, None]
            strength[part] += step[:, :size]
            moved = p[part] + step[:, size]
            p[part] = moved if ties == "davidson" else np.maximum(moved, 0.25 * p[part])
            settled[part] |= (spread <= 1e-3) & (spread <= 0.5 * before)
            if settled[part].all():
                break
            before = spread
    return strength - strength.mean(axis=1, keepdims=True), p, settled


def scores(
    pairs: np.ndarray, counts: np.ndarray, size: int, ties: Ties, strength: np.ndarray, parameter: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the sandwich is made of, at the estimate.

    Returns:
        (3 P, M [+ 1]) gradient of one game's log likelihood by strengths and parameter, a row per pair and outcome in turn;
        (3 P, 3) its negative second derivatives by the difference, by difference and parameter, and by the parameter;
        and the information of all games ([M + 1] squared), made regular by holding the strengths' mean.
    """
    count = len(pairs)
    x = np.repeat(strength[pairs[:, 0]] - strength[pairs[:, 1]], 3)[None]
    single = np.tile(np.eye(3), (count, 1))
    both = np.repeat(pairs, 3, axis=0)
    gradient = np.zeros((3 * count, size + (ties != "half")))
    second = np.zeros((3 * count, 3))
    rows = np.arange(3 * count)
    if ties == "half":
        won = np.array([1.0, 0.5, 0.0])[None].repeat(count, axis=0).ravel()
        share = 0.5 * (1.0 + np.tanh(0.5 * x[0]))
        by_x, second[:, 0] = won - share, share * (1.0 - share)
        information = laplacian(pairs, curvature(pairs, counts, strength), size)
    else:
        p = np.array([np.log(parameter)])
        # One game at a time: each is a "round" with one pair.
        one = FITS[ties](single[:, [0]], single[:, [1]], single[:, [2]], x[0][:, None], p.repeat(3 * count))
        by_x = one.x[:, 0]
        gradient[:, size] = one.p
        second = -np.stack([one.xx[:, 0], one.xp[:, 0], one.pp], axis=1)
        whole = FITS[ties](counts[None, :, 0], counts[None, :, 1], counts[None, :, 2], x[:, ::3], p)
        information = -_joint(pairs, whole, size)[0]
    gradient[rows, both[:, 0]] = by_x
    gradient[rows, both[:, 1]] = -by_x
    return gradient, second, information


def curvature(pairs: np.ndarray, counts: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """(P,) information on x of all games of a pair, ties as half."""
    share = 0.5 * (1.0 + np.tanh(0.5 * (strength[pairs[:, 0]] - strength[pairs[:, 1]])))
    found: np.ndarray = counts.sum(axis=1) * share * (1.0 - share)
    return found


def laplacian(pairs: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """Laplacian of the pairs' weights (M, M), with a constant added that makes it regular and keeps the mean."""
    matrix = np.zeros((size, size))
    matrix[pairs[:, 0], pairs[:, 1]] = matrix[pairs[:, 1], pairs[:, 0]] = -weight
    total = -matrix.sum(axis=1)
    matrix[np.arange(size), np.arange(size)] = total
    shifted: np.ndarray = matrix + total.mean() / size
    return shifted


def _joint(pairs: np.ndarray, slopes: Slopes, size: int) -> np.ndarray:
    """Hessians (B, M + 1, M + 1) by strengths and parameter, negative definite."""
    rounds = len(slopes.p)
    found = np.zeros((rounds, size + 1, size + 1))
    first, second = pairs[:, 0], pairs[:, 1]
    found[:, first, second] = found[:, second, first] = -slopes.xx
    total = -found[:, :size, :size].sum(axis=2)
    diagonal = np.arange(size)
    found[:, diagonal, diagonal] = total
    found[:, :size, :size] += (total.mean(axis=1) / size)[:, None, None]
    cross = _by_model(pairs, slopes.xp, size)
    found[:, :size, size] = found[:, size, :size] = cross
    found[:, size, size] = slopes.pp
    return found


def by_pair(pairs: np.ndarray, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that sums values of pairs (P, B) by model (M, B): plus for the first of a pair, minus for the second.

    Pairs are sorted. Quicker than a product with the matrix of signs, and in place of it where pairs are very many.
    """
    order = np.argsort(pairs[:, 1], kind="stable")
    first, starts = np.unique(pairs[:, 0], return_index=True)
    second, ends = np.unique(pairs[order, 1], return_index=True)

    def summed(values: np.ndarray) -> np.ndarray:
        found = np.zeros((size, values.shape[1]))
        found[first] = np.add.reduceat(values, starts, axis=0)
        found[second] -= np.add.reduceat(values[order], ends, axis=0)
        return found

    return summed


def _by_model(pairs: np.ndarray, by_x: np.ndarray, size: int) -> np.ndarray:
    """Derivatives by x (B, P) as derivatives by the strengths (B, M)."""
    sign = np.zeros((len(pairs), size))
    sign[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    sign[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    found: np.ndarray = by_x @ sign
    return found


def _newton(
    pairs: np.ndarray, counts: np.ndarray, strength: np.ndarray, p: np.ndarray, ties: Ties, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method for B rounds at once; log strengths (B, M), parameters (B,) and which rounds converged (B,)."""
    size = strength.shape[1]
    strength, p = strength.copy(), p.copy()
    converged = np.zeros(len(counts), dtype=bool)
    block = max(1, _BLOCK // (size + 1) ** 2)
    for begin in range(0, len(counts), block):
        active = np.arange(begin, min(begin + block, len(counts)))
        for _ in range(_LARGEST_COUNT):
            now = counts[active]
            x = strength[active][:, pairs[:, 0]] - strength[active][:, pairs[:, 1]]
            slopes = FITS[ties](now[:, :, 0], now[:, :, 1], now[:, :, 2], x, p[active])
            gradient = np.concatenate([_by_model(pairs, slopes.x, size), slopes.p[:, None]], axis=1)
            step = -np.linalg.solve(_joint(pairs, slopes, size), gradient[:, :, None])[:, :, 0]
            spread = np.maximum(step[:, :size].max(axis=1) - step[:, :size].min(axis=1), np.abs(step[:, size]))
            step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(spread, 1e-300))[:, None]
            strength[active] += step[:, :size]
            moved = p[active] + step[:, size]
            p[active] = moved if ties == "davidson" else np.maximum(moved, 0.25 * p[active])  # theta stays above 1
            done = spread <= tolerance
            converged[active[done]] = True
            active = active[~done]
            if not len(active):
                break
    return strength - strength.mean(axis=1, keepdims=True), p, converged


def win_matrices(pairs: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Win matrices (B, M, M), ties as half, of counts (B, P, 3)."""
    wins = np.zeros((len(counts), size, size))
    wins[:, pairs[:, 0], pairs[:, 1]] = counts[:, :, 0] + 0.5 * counts[:, :, 1]
    wins[:, pairs[:, 1], pairs[:, 0]] = counts[:, :, 2] + 0.5 * counts[:, :, 1]
    return wins
