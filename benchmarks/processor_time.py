"""What a call costs in processor time and memory, records and ledger included.

    python benchmarks/processor_time.py [--runs 5]

2,500 questions with recorded answers of two models, judged absolute and pairwise in both orders: 10,000 judge calls of 20 ms at
concurrency 256. Processor time is that of the whole command, start-up included; that of the bare loops, which send 2,000 of
the very same requests and keep nothing, is of the loop alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from common import FakeServer, Figure, bare, configure, main, median, question_set, workshop

QUESTIONS, CALLS, CONCURRENCY, LATENCY, LOOP = 2500, 10_000, 256, 0.02, 2000
COMMAND = (
    *("run", "--models", "a=file:a.jsonl,b=file:b.jsonl", "--judge", "gpt-4", "--questions", "questions.jsonl"),
    *("--concurrency", CONCURRENCY, "--no-report"),
)


def recorded(path: Path, shift: int) -> None:
    """Write a model's answers, a line at a time."""
    with path.open("w", encoding="utf-8") as f:
        for i in range(QUESTIONS):
            text = f"This has quality={1 + (i * 7 + shift) % 9}. " + "A reason, and one example that can be checked. " * 20
            f.write(json.dumps({"question_id": f"q-{i}", "turns": [text]}) + "\n")


def measure(runs: int) -> Iterator[Figure]:
    """Processor seconds per 1,000 calls, their ratio to those of bare loops, and the memory."""
    ours: list[float] = []
    memory: list[float] = []
    loops: dict[str, list[float]] = {"aiohttp": [], "openai": []}
    with FakeServer(models={"gpt-4": "judge"}, latency=LATENCY, log_size=500) as server, workshop() as place:
        configure(place.folder, server, "gpt-4")
        question_set(place.folder / "questions.jsonl", QUESTIONS)
        recorded(place.folder / "a.jsonl", 1)
        recorded(place.folder / "b.jsonl", 3)
        bodies = place.folder / "bodies.json"
        for _ in range(runs):
            place.forget()
            server.reset()
            ran = place.evalh(*COMMAND)
            assert server.stats()["total"] == CALLS
            ours.append(ran.processor / CALLS * 1000)
            memory.append(ran.megabytes)
            bodies.write_text(json.dumps([entry["body"] for entry in server.log()]), encoding="utf-8")
            for kind, values in loops.items():
                values.append(bare(kind, server, bodies, LOOP, CONCURRENCY)["processor"] / LOOP * 1000)
    yield median("processor time per 1,000 calls, whole command", ours, "s")
    yield median("  of a bare aiohttp loop", loops["aiohttp"], "s")
    yield median("  of a bare openai SDK loop", loops["openai"], "s")
    yield median(
        "ratio to the openai SDK loop", [a / b for a, b in zip(ours, loops["openai"], strict=True)], "", ("at most", 0.35)
    )
    yield median("ratio to the aiohttp loop", [a / b for a, b in zip(ours, loops["aiohttp"], strict=True)])
    yield median("peak memory", memory, "MB", ("at most", 150))


if __name__ == "__main__":
    main(measure, __doc__)
