"""How memory grows with the plan.

    python benchmarks/plan_memory.py [--runs 5]

4 models, absolute and every pair in both orders: 20 units for each question, so 500, 5,000 and 50,000 questions make 10,000,
100,000 and 1,000,000 units. `evalh plan` of each, and a `run` of the largest, interrupted after 20,000 requests.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec

from common import FakeServer, Figure, Workshop, configure, main, median, question_set, workshop

MODELS = ("m1", "m2", "m3", "m4")
UNITS = 20
SIZES = (10_000, 100_000, 1_000_000)
AFTER = 20_000
JOB = ("--models", ",".join(MODELS), "--judge", "gpt-4")


def interrupted(place: Workshop, server: FakeServer) -> float:
    """The memory of a run of the largest plan that is stopped by Ctrl-C, in megabytes."""
    place.forget()
    server.reset()
    going = place.start("run", *JOB, "--questions", f"{SIZES[-1]}.jsonl", "--concurrency", "256", "--no-report")
    until = time.monotonic() + 300
    while server.stats()["total"] < AFTER and time.monotonic() < until:
        time.sleep(0.2)
    going.interrupt()
    ran = going.wait()
    assert ran.code == 130, (ran.code, ran.err[-500:])
    return ran.megabytes


def measure(runs: int) -> Iterator[Figure]:
    """Peak memory, and how much of it the size of the plan makes."""
    models = {**dict.fromkeys(MODELS, "quality"), "gpt-4": "judge"}
    with FakeServer(models=models, log_size=0, limit=3600) as server, workshop() as place:
        configure(place.folder, server, *MODELS, "gpt-4")
        for units in SIZES:
            question_set(place.folder / f"{units}.jsonl", units // UNITS)
        least: float | None = None
        if find_spec("evalh.cli.plan") is None:
            print("there is no `evalh plan` yet: skipped")
        else:
            for units in SIZES:
                ran = [place.evalh("plan", *JOB, "--questions", f"{units}.jsonl") for _ in range(runs)]
                memory = median(f"plan of {units:,} units", [r.megabytes for r in ran], "MB")
                yield memory
                yield median("  seconds", [r.seconds for r in ran], "s")
                least = memory.value if least is None else least
                if units == SIZES[-1]:
                    yield Figure("  beyond the smallest plan", memory.value - least, "MB", ("at most", 200))
        used = median("run of 1,000,000 units stopped after 20,000", [interrupted(place, server) for _ in range(runs)], "MB")
        yield used
        if least is not None:
            yield Figure("  beyond the smallest plan", used.value - least, "MB", ("at most", 200))


if __name__ == "__main__":
    main(measure, __doc__)
