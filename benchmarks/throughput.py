"""How close evalh comes to what the server allows.

    python benchmarks/throughput.py [--runs 5]

4 models × 80 questions, each model against the first in both orders: 320 answers and 480 judgments, 800 calls of 100 ms at
concurrency 64. No client can be faster than 13 waves of 100 ms = 1.3 s. Time from the first request to the last reply is the
server's own; the whole command includes starting Python. Two bare loops make as many calls in the same run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from common import FakeServer, Figure, bare, configure, main, median, wave, workshop

CALLS, CONCURRENCY, LATENCY = 800, 64, 0.1
MODELS = ("m1", "m2", "m3", "m4")
COMMAND = (
    *("run", "--models", ",".join(MODELS), "--judge", "gpt-4"),
    *("--mode", "pairwise", "--pairs", "baseline:m1", "--concurrency", CONCURRENCY),
)


def measure(runs: int) -> Iterator[Figure]:
    """Spans and whole commands."""
    ideal = wave(CALLS, CONCURRENCY, LATENCY)
    shares: dict[str, list[float]] = {"evalh": [], "aiohttp": [], "openai": []}
    whole: dict[str, list[float]] = {"--no-report": [], "report": []}
    with (
        FakeServer(models={**dict.fromkeys(MODELS, "quality"), "gpt-4": "judge"}, latency=LATENCY, log_size=CALLS) as server,
        workshop() as place,
    ):
        configure(place.folder, server, *MODELS, "gpt-4")
        bodies = place.folder / "bodies.json"
        for _ in range(runs):
            for kind, extra in (("--no-report", ("--no-report",)), ("report", ())):
                place.forget()
                server.reset()
                whole[kind].append(place.evalh(*COMMAND, *extra).seconds)
                stats = server.stats()
                assert stats["total"] == CALLS, stats["total"]
                shares["evalh"].append(ideal / (stats["last_reply"] - stats["first_request"]))
            if not bodies.exists():
                bodies.write_text(json.dumps([entry["body"] for entry in server.log()]), encoding="utf-8")
            for kind in ("aiohttp", "openai"):
                shares[kind].append(ideal / bare(kind, server, bodies, CALLS, CONCURRENCY)["seconds"])
    yield median("share of the ideal, first request to last reply", shares["evalh"], "", ("at least", 0.95))
    yield median("  the same of a bare aiohttp loop", shares["aiohttp"])
    yield median("  the same of a bare openai SDK loop", shares["openai"])
    yield median("whole command with --no-report", whole["--no-report"], "s", ("at most", 2.2))
    yield median("whole command with report and plots", whole["report"], "s", ("at most", 4.5))


if __name__ == "__main__":
    main(measure, __doc__)
