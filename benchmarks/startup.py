"""How long `evalh --help` takes beside a Python that does nothing.

python benchmarks/startup.py [--runs 20]
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from common import Figure, Workshop, main, median, workshop


def milliseconds(place: Workshop, interpreter: Sequence[str], *arguments: str) -> float:
    """One start."""
    began = time.perf_counter()
    ran = place.start(*arguments, interpreter=interpreter).wait()
    assert ran.code == 0, ran.err
    return (time.perf_counter() - began) * 1000


def measure(runs: int) -> Iterator[Figure]:
    """Milliseconds of both, taken in turn; at least 20 of each, as one start is short."""
    ours, bare = [], []
    with workshop() as place:
        for _ in range(max(runs, 20)):
            ours.append(milliseconds(place, ("-m", "evalh"), "--help"))
            bare.append(milliseconds(place, ("-c", "pass")))
    yield median("evalh --help", ours, "ms", ("at most", 150))
    yield median("  python -c pass", bare, "ms")
    yield median("ratio", [a / b for a, b in zip(ours, bare, strict=True)])


if __name__ == "__main__":
    main(measure, __doc__)
