"""What faults of the server cost, and whether anything is lost in them.

    python benchmarks/storm.py [--runs 5]

The job of throughput.py (800 calls of 100 ms at concurrency 64), undisturbed, then with 5 % 429 (Retry-After: 1), 2 % 500, 1 %
resets and 1 % unreadable verdicts, then with the hard mix. What ends well has the same number of scored judgments and the same
last verdicts as the undisturbed run, and has sent one request for each unit and one for each fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from common import FakeServer, Figure, Workshop, configure, main, median, workshop
from throughput import CALLS, COMMAND, LATENCY, MODELS

MILD: list[dict[str, Any]] = [
    {"kind": "429", "share": 0.05, "retry_after": 1},
    {"kind": "500", "share": 0.02},
    {"kind": "reset", "share": 0.01},
    {"kind": "unreadable", "share": 0.01},
]
HARD: list[dict[str, Any]] = [
    {"kind": "429", "share": 0.10, "retry_after": 1},
    {"kind": "500", "share": 0.05},
    {"kind": "reset", "share": 0.03},
    {"kind": "cut_json", "share": 0.02},
    {"kind": "cut_body", "share": 0.02},
    {"kind": "drip", "share": 0.02},
    {"kind": "unreadable", "share": 0.03},
]
HARMLESS = ("drip", "slow")


def verdicts(place: Workshop) -> dict[str, tuple[str, str | None]]:
    """unit -> (status, verdict) of its last attempt."""
    last: dict[str, tuple[str, str | None]] = {}
    with (place.folder / "results" / "core-80--gpt-4" / "judgments.jsonl").open("rb") as f:
        for line in f:
            j = json.loads(line)
            last[j["judgment_id"].rpartition("-")[0]] = j["status"], j["verdict"]
    return last


def once(place: Workshop, server: FakeServer, rules: list[dict[str, Any]], seed: int) -> tuple[float, int, int, Any]:
    """(seconds, requests beyond units and faults, answers that failed, verdicts) of one run."""
    place.forget()
    server.configure(rules=rules, seed=seed)
    server.reset()
    ran = place.evalh(*COMMAND, "--no-report", "--max-failures", "100%")
    stats = server.stats()
    costing = sum(n for kind, n in stats["by_fault"].items() if kind not in HARMLESS)
    failed = json.loads((place.folder / "results" / "core-80--gpt-4" / "run.json").read_text("utf-8"))["counts"]
    return ran.seconds, abs(stats["total"] - CALLS - costing), failed["answers_failed"], verdicts(place)


def measure(runs: int) -> Iterator[Figure]:
    """Seconds beyond the undisturbed run's, and how many units were lost or scored otherwise; each run draws other faults."""
    with (
        FakeServer(models={**dict.fromkeys(MODELS, "quality"), "gpt-4": "judge"}, latency=LATENCY, log_size=0) as server,
        workshop() as place,
    ):
        configure(place.folder, server, *MODELS, "gpt-4")
        calm = [once(place, server, [], seed) for seed in range(runs)]
        yield median("undisturbed", [c[0] for c in calm], "s")
        for name, rules, bound in (("mild mix", MILD, 2.5), ("hard mix", HARD, None)):
            stormy = [once(place, server, rules, seed) for seed in range(runs)]
            late = [s[0] - c[0] for s, c in zip(stormy, calm, strict=True)]
            yield median(f"{name}, beyond the undisturbed run", late, "s", ("at most", bound) if bound else None)
            yield median(f"{name}, requests beyond units and faults", [s[1] for s in stormy], "", ("at most", 0))
            wrong = [s[2] + sum(s[3].get(u) != v for u, v in c[3].items()) for s, c in zip(stormy, calm, strict=True)]
            yield median(f"{name}, units lost or scored otherwise", wrong, "", ("at most", 0))


if __name__ == "__main__":
    main(measure, __doc__)
