"""One rating of the same synthetic battles in a process of its own, for `ratings.py`; prints seconds, memory and ratings.

    python benchmarks/ratings_one.py KIND BATTLES

KIND: evalh, evalh-sandwich, evalh-clusters, floor-poisson, floor-multinomial (evalh's environment); arena-rank, choix (the
peers' environment). Battles are a pandas frame with names as text. Time is that of the work, without imports and without making
the frame; memory is the most that the process held during it, above what it held before.
"""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MODELS = 100
ROUNDS = 1_000
SCALE = 400.0 / np.log(10.0)


def battles(count: int, seed: int = 20240101) -> pd.DataFrame:
    """Battles of random pairs of 100 models, a fifth of them tied; several to a question."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(0.0, 0.6, MODELS)
    first = rng.integers(0, MODELS, count)
    second = (first + rng.integers(1, MODELS, count)) % MODELS
    won = rng.random(count) < 1.0 / (1.0 + np.exp(strength[second] - strength[first]))
    winner = np.where(rng.random(count) < 0.2, 1, np.where(won, 0, 2))
    names = np.array([f"model-{i:03d}" for i in range(MODELS)], dtype=object)
    words = np.array(["model_a", "tie", "model_b"], dtype=object)
    question = rng.integers(0, max(count // 5, 1), count)
    return pd.DataFrame({"model_a": names[first], "model_b": names[second], "winner": words[winner], "question_id": question})


def floor(frame: pd.DataFrame, poisson: bool) -> dict[str, float]:
    """Bare numpy: fold to pair x outcome cells, draw 1,000 weight vectors, one batched Newton to 1e-8 from the optimum."""
    first, names = pd.factorize(frame["model_a"])
    second, others = pd.factorize(frame["model_b"])
    result, words = pd.factorize(frame["winner"])
    place = {name: i for i, name in enumerate(names)}
    second = np.array([place[name] for name in others])[second]
    result = np.array([{"model_a": 0, "tie": 1, "model_b": 2}[word] for word in words])[result]
    swap = first > second
    low, high = np.where(swap, second, first), np.where(swap, first, second)
    size = len(names)
    key = (low * size + high) * 3 + np.where(swap, 2 - result, result)
    table = np.bincount(key, minlength=3 * size * size).reshape(-1, 3)
    met = np.flatnonzero(table.any(axis=1))
    counts, pairs = table[met].astype(float), np.stack([met // size, met % size], axis=1)
    point = newton(pairs, counts[None], np.zeros((1, size)))
    rng = np.random.default_rng(1)
    flat = counts.ravel()
    if poisson:
        drawn = rng.poisson(flat, size=(ROUNDS, len(flat)))
    else:
        drawn = rng.multinomial(round(flat.sum()), flat / flat.sum(), size=ROUNDS)
    rounds = newton(pairs, drawn.reshape(ROUNDS, -1, 3), np.repeat(point, ROUNDS, axis=0))
    np.quantile(rounds, [0.025, 0.975], axis=0)
    return {str(name): float(1000.0 + SCALE * x) for name, x in zip(names, point[0], strict=True)}


def newton(pairs: np.ndarray, counts: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Log strengths (B, M) of counts (B, P, 3); every step solves all rounds at once."""
    games = counts.sum(axis=2).astype(float)
    won = counts[:, :, 0] + 0.5 * counts[:, :, 1]
    size = strength.shape[1]
    first, second = pairs.T
    sign = np.zeros((len(pairs), size))
    sign[np.arange(len(pairs)), first], sign[np.arange(len(pairs)), second] = 1.0, -1.0
    diagonal = np.arange(size)
    for _ in range(50):
        share = 1.0 / (1.0 + np.exp(strength[:, second] - strength[:, first]))
        gradient = (won - games * share) @ sign
        weight = games * share * (1.0 - share)
        hessian = np.zeros((len(counts), size, size))
        hessian[:, first, second] = hessian[:, second, first] = -weight
        hessian[:, diagonal, diagonal] = -hessian.sum(axis=2)
        hessian += 1.0 / size
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        strength = strength + step
        if np.abs(step).max() <= 1e-8:
            break
    return strength - strength.mean(axis=1, keepdims=True)


def ours(frame: pd.DataFrame, rounds: int, cluster: str | None = None) -> dict[str, float]:
    """Ours, from the frame to ratings with intervals."""
    from evalh.stats.battles import rate
    from evalh.stats.folding import from_frame

    folded = from_frame(frame, cluster)
    found = rate(folded, "half", rounds, np.random.default_rng(1))
    return {name: float(e.value or 0.0) for name, e in zip(folded.models, found, strict=True)}


def arena_rank(frame: pd.DataFrame) -> dict[str, float]:
    """arena-rank's ratings with its sandwich intervals, without a bootstrap."""
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    dataset = PairDataset.from_pandas(frame)
    found = BradleyTerry(n_competitors=len(dataset.competitors)).compute_ratings_and_cis(dataset)
    np.asarray(found["rating_lower"])
    ratings = np.asarray(found["ratings"])
    return dict(zip(found["competitors"], (ratings - ratings.mean() + 1000.0).tolist(), strict=True))


def choix(frame: pd.DataFrame) -> dict[str, float]:
    """choix's ratings alone, from the matrix of wins (a tie half a win to each): it takes no frame and gives no interval."""
    import choix as library

    first, names = pd.factorize(frame["model_a"])
    second, others = pd.factorize(frame["model_b"])
    place = {name: i for i, name in enumerate(names)}
    second = np.array([place[name] for name in others])[second]
    won = frame["winner"].map({"model_a": 1.0, "tie": 0.5, "model_b": 0.0}).to_numpy()
    size = len(names)
    wins = np.bincount(first * size + second, weights=won, minlength=size * size)
    wins += np.bincount(second * size + first, weights=1.0 - won, minlength=size * size)
    found = library.ilsr_pairwise_dense(wins.reshape(size, size))
    return {str(name): float(1000.0 + SCALE * x) for name, x in zip(names, found - found.mean(), strict=True)}


KINDS: dict[str, Callable[[pd.DataFrame], dict[str, float]]] = {
    "evalh": lambda frame: ours(frame, ROUNDS),
    "evalh-sandwich": lambda frame: ours(frame, 0),
    "evalh-clusters": lambda frame: ours(frame, ROUNDS, "question_id"),
    "floor-poisson": lambda frame: floor(frame, poisson=True),
    "floor-multinomial": lambda frame: floor(frame, poisson=False),
    "arena-rank": arena_rank,
    "choix": choix,
}


def held() -> float:
    """Megabytes held now, freed memory returned, and the peak set back to that; where the kernel can't, the peak so far."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return _peak()


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {field}")


def _peak() -> float:
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> None:
    """Warm up on a thousand battles, so that everything is imported and compiled, then measure once."""
    kind, count = sys.argv[1], int(sys.argv[2])
    work = KINDS[kind]
    work(battles(20_000))
    frame = battles(count)
    before, began, used = held(), time.perf_counter(), time.process_time()
    found = work(frame)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    told: dict[str, Any] = {"seconds": seconds, "processor": used, "megabytes": _peak() - before, "ratings": found}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
