"""Bootstrap rounds of ratings: drawn and fitted a block at a time, so that memory does not grow with their number.

Battles that stand alone are reweighted, cell by cell: a round's count of every pair and outcome is drawn instead of its
battles. Clusters are drawn as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from evalh.stats.bradley_terry import existence, newton
from evalh.stats.resample import bootstrap_counts
from evalh.stats.ties import Ties, by_pair, curvature, fit_rounds, laplacian, win_matrices

Draw = Callable[[int], np.ndarray]
"""How many rounds -> counts (P, 3, rounds) of the first of a pair winning, tying and losing."""

_EXACT: Final = 2_000  # battles up to which a round holds exactly as many; beyond, as many on average
_BLOCKS: Final = 500  # clusters are drawn in at most this many blocks
_SINGLE: Final = 2.0**22  # sums of half games that are exact in single precision
_ELEMENTS: Final = 200_000  # of an array of pairs and rounds that is worked on at a time: it stays in the processor's cache
_STEPS: Final = 30  # with a shared Hessian
_TOLERANCE: Final = 1e-6  # log odds; 0.0002 Elo points


class Rounds(NamedTuple):
    """Fits of B rounds.

    Attributes:
        strength: (B, M) log strengths with mean 0, NaN where a round has no finite maximum.
        finite: (B,) which rounds have one.
        above, below: (B, M) which models go to plus and to minus infinity in the others.
    """

    strength: np.ndarray
    finite: np.ndarray
    above: np.ndarray
    below: np.ndarray


def reweighted(counts: np.ndarray, rng: np.random.Generator) -> Draw:
    """Battles drawn with replacement, as counts of the cells (P, 3).

    Up to 2,000 battles a round's counts are multinomial. From there on they are independent Poisson numbers, which are
    multinomial given their sum: ratings do not change when all counts are multiplied, so only the number of battles of a round
    varies, by one part in its square root.
    """
    flat = counts.ravel()
    cells, total = np.flatnonzero(flat), float(flat.sum())
    there = flat[cells]

    def draw(rounds: int) -> np.ndarray:
        found = np.zeros((len(flat), rounds))
        if total <= _EXACT:
            found[cells] = rng.multinomial(round(total), there / total, size=rounds).T
        else:
            found[cells] = rng.poisson(there[:, None], size=(len(cells), rounds))
        return found.reshape(*counts.shape, rounds)

    return draw


def clustered(pairs: int, cluster: np.ndarray, cell: np.ndarray, weight: np.ndarray, n: int, rng: np.random.Generator) -> Draw:
    """Clusters drawn with replacement, n of them, with all that they hold; `cluster`, `cell`, `weight` as in `Battles`.

    Blocks of clusters drawn at random are as independent as clusters, and hundreds of them as good for an interval.
    """
    blocks, size = min(n, _BLOCKS), 3 * pairs
    key = cell.astype(np.int64) * blocks + (rng.permutation(n) % blocks)[cluster]
    table = np.bincount(key, weights=weight, minlength=blocks * size).reshape(size, blocks)
    if table.sum(axis=1).max() < _SINGLE:  # whole numbers that single precision holds: half the time and memory, same sums
        table = table.astype(np.float32)

    def draw(rounds: int) -> np.ndarray:
        times = bootstrap_counts(blocks, rounds, rng).T.astype(table.dtype)
        return (table @ times).astype(np.float64).reshape(pairs, 3, rounds)

    return draw


def refits(
    pairs: np.ndarray, counts: np.ndarray, draw: Draw, rounds: int, ties: Ties, strength: np.ndarray, parameter: float
) -> Rounds:
    """Maximum likelihood on B bootstrap rounds, from the estimate on.

    Args:
        pairs: (P, 2) model indices, sorted.
        counts: (P, 3) all battles.
        draw: `reweighted` or `clustered`.
        rounds: B.
        ties: what a tie is.
        strength, parameter: the estimate from all battles.
    """
    size = len(strength)
    made = Rounds(np.empty((rounds, size)), *(np.empty(s, dtype=bool) for s in ((rounds,), (rounds, size), (rounds, size))))
    half = _Half(pairs, counts, strength) if ties == "half" else None
    block = max(16, _ELEMENTS // len(pairs))
    for first in range(0, rounds, block):
        part = slice(first, min(first + block, rounds))
        drawn = draw(part.stop - first)
        if half is not None:
            found = half.fit(drawn)
        else:
            found = Rounds(*fit_rounds(pairs, drawn.transpose(2, 0, 1), size, ties, strength, parameter))
        for whole, piece in zip(made, found, strict=True):
            whole[part] = piece
    return made


class _Half:
    """Fits of rounds with ties as half a win to each, by Newton's method with the Hessian of all battles at their estimate.

    Each model's information is summed over all its opponents, so rounds differ little in it and the error shrinks several-fold
    with each step. A round counts as settled once a step is below the tolerance and at most half of the one before; the others
    get Hessians of their own.
    """

    def __init__(self, pairs: np.ndarray, counts: np.ndarray, start: np.ndarray) -> None:
        self._pairs, self._start, self._size = pairs, start, len(start)
        self._inverse = np.linalg.inv(laplacian(pairs, curvature(pairs, counts, start), self._size))
        self._sums = by_pair(pairs, self._size)

    def fit(self, drawn: np.ndarray) -> Rounds:
        """Rounds of counts (P, 3, b)."""
        won = drawn[:, 0] + 0.5 * drawn[:, 1]
        lost = drawn[:, 2] + 0.5 * drawn[:, 1]
        finite, above, below = self._existence(won, lost)
        strength = np.full((drawn.shape[2], self._size), np.nan)
        chosen = finite if not finite.all() else slice(None)
        found, settled = self._chord(won[:, chosen], lost[:, chosen])
        if not settled.all():
            counts = drawn[:, :, chosen][:, :, ~settled].transpose(2, 0, 1)
            begin = np.tile(self._start, (len(counts), 1))
            found[~settled], done = newton(win_matrices(self._pairs, counts, self._size), begin, _TOLERANCE)
            settled[~settled] = done
        found[~settled] = np.nan
        strength[chosen] = found
        return Rounds(strength, finite, above, below)

    def _existence(self, won: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `existence`; where pairs that both won in every round tie all models together, there is nothing to search."""
        rounds, size = won.shape[1], self._size
        always = ((won > 0) & (lost > 0)).all(axis=1)
        edges = np.zeros((1, size, size), dtype=bool)
        first, second = self._pairs[always].T
        edges[:, first, second] = edges[:, second, first] = True
        if existence(edges)[0][0]:
            none = np.zeros((rounds, size), dtype=bool)
            return np.ones(rounds, dtype=bool), none, none
        first, second = self._pairs.T
        edges = np.zeros((rounds, size, size), dtype=bool)
        edges[:, first, second] = (won > 0).T
        edges[:, second, first] = (lost > 0).T
        return existence(edges)

    def _chord(self, won: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log strengths (b, M) with mean 0, and which rounds settled (b,)."""
        rounds = won.shape[1]
        surplus = self._sums(0.5 * (won - lost))
        games = 0.5 * (won + lost)
        strength = np.repeat(self._start[:, None], rounds, axis=1)
        settled, before = np.zeros(rounds, dtype=bool), np.full(rounds, np.inf)
        lead, other = np.empty_like(games), np.empty_like(games)
        for _ in range(_STEPS if rounds else 0):
            np.take(strength, self._pairs[:, 0], axis=0, out=lead, mode="clip")
            np.take(strength, self._pairs[:, 1], axis=0, out=other, mode="clip")
            lead -= other
            lead *= 0.5
            np.tanh(lead, out=lead)
            lead *= games
            step = self._inverse @ (surplus - self._sums(lead))
            strength += step
            spread = step.max(axis=0) - step.min(axis=0)
            settled |= (spread <= _TOLERANCE) & (spread <= 0.5 * before)
            if settled.all() or not spread.max() < 100.0:
                break
            before = spread
        return (strength - strength.mean(axis=0)).T, settled
