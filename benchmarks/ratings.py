"""Ratings from a frame of battles: time and memory beside a bare numpy floor, arena-rank and choix.

    python benchmarks/ratings.py [--runs 3]

10,000, 100,000 and 1.7 million synthetic battles of 100 models, a fifth of them tied, as a frame with names as text; ratings
with intervals from 1,000 bootstrap rounds. The floor folds battles to pair x outcome cells, draws 1,000 Poisson or multinomial
weight vectors and solves all rounds by one batched Newton to 1e-8, from the optimum on. Everything is measured in a process of
its own (`ratings_one.py`), one after the other, on one thread of linear algebra, so that neighbours on the machine do not
decide. arena-rank gives sandwich intervals without a bootstrap, choix no intervals; they live in `.peers` (see `peers.txt`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from common import HERE, Figure, main, median

SIZES = (10_000, 100_000, 1_700_000)
FLOOR = "floor-poisson"
OURS = ("evalh", FLOOR, "floor-multinomial", "evalh-sandwich", "evalh-clusters")
PEERS = ("arena-rank", "choix")
MOST = ("at most", 1.2)


def one(kind: str, count: int) -> dict[str, Any]:
    """What `ratings_one.py` printed."""
    python = str(HERE.parent / ".peers" / "bin" / "python") if kind in PEERS else sys.executable
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, str(HERE / "ratings_one.py"), kind, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **threads}, text=True, check=True, timeout=1800)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of two lists of ratings, in Elo points."""
    return max(abs(one[name] - other[name]) for name in other)


def measure(runs: int) -> Iterator[Figure]:
    """Ratios for every size."""
    peers = [kind for kind in PEERS if (HERE.parent / ".peers" / "bin" / "python").exists()]
    if not peers:
        print("no .peers environment (make .peers/stamp): arena-rank and choix are left out", file=sys.stderr)
    for count in SIZES:
        # in turn, so that whatever else the machine does falls on all of them
        told: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*OURS, *peers)}
        for _ in range(runs):
            for kind, ran in told.items():
                ran.append(one(kind, count))
        yield from shown(count, told)


def shown(count: int, told: dict[str, list[dict[str, Any]]]) -> Iterator[Figure]:
    """The figures of one size; targets are held against the quicker floor."""
    name = f"{count:,} battles"
    for kind, ran in told.items():
        yield median(f"{name}, {kind}: seconds", [r["seconds"] for r in ran], "s")
        yield median(f"{name}, {kind}: processor time", [r["processor"] for r in ran], "s")
        yield median(f"{name}, {kind}: memory above the imports and the frame", [r["megabytes"] for r in ran], "MB")
    for kind in told:
        if kind == FLOOR:
            continue
        for what, key in (("time", "seconds"), ("processor time", "processor"), ("memory", "megabytes")):
            ratio = statistics.median(r[key] for r in told[kind]) / statistics.median(r[key] for r in told[FLOOR])
            target = MOST if kind == "evalh" else None
            yield Figure(f"{name}, {kind}: {what} over the Poisson floor's", ratio, "", target)
    exact = told[FLOOR][0]["ratings"]
    for kind in told:
        if kind not in (FLOOR, "floor-multinomial"):
            target = ("at most", 1e-6) if kind.startswith("evalh") else None
            yield Figure(
                f"{name}, {kind}: ratings from the floor's optimum", apart(told[kind][0]["ratings"], exact), "Elo", target
            )


if __name__ == "__main__":
    main(measure, __doc__)
