"""What it costs to run again what is done.

    python benchmarks/resume.py [--runs 5]

The same command again, whole and with --no-report: for a finished run of 800 calls, for a finished run of 100,000 units (5,000
questions, 4 models, absolute and every pair in both orders: 20,000 answers and 80,000 judgments), and for that run with one
judgment cut off, which is then found in the ledger. The server counts what it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from common import FakeServer, Figure, Workshop, configure, main, median, question_set, workshop

MODELS = ("m1", "m2", "m3", "m4")
JOB = ("run", "--models", ",".join(MODELS), "--judge", "gpt-4", "--no-report")
SMALL = (*JOB, "--mode", "pairwise", "--pairs", "baseline:m1", "--concurrency", 64)
LARGE = (*JOB, "--questions", "questions.jsonl", "--concurrency", 256, "--out", "results/large")


def again(place: Workshop, server: FakeServer, command: tuple[str | int, ...], *, torn: bool = False) -> tuple[float, float]:
    """Seconds and megabytes of a command whose run is done, or all but its last judgment."""
    if torn:
        with (place.folder / "results" / "large" / "judgments.jsonl").open("rb+") as f:
            f.truncate(f.seek(0, 2) - 40)
    before = server.stats()["total"]
    ran = place.evalh(*map(str, command))
    assert server.stats()["total"] == before, "a finished run asked for something"
    return ran.seconds, ran.megabytes


def measure(runs: int) -> Iterator[Figure]:
    """Seconds of a second run."""
    models = {**{name: {"kind": "quality", "words": 20} for name in MODELS}, "gpt-4": "judge"}
    with FakeServer(models=models, log_size=0, limit=3600) as server, workshop() as place:
        configure(place.folder, server, *MODELS, "gpt-4")
        place.evalh(*map(str, SMALL))
        values = [again(place, server, SMALL)[0] for _ in range(runs)]
        yield median("finished run of 800 calls, --no-report, again", values, "s", ("at most", 0.6))
        question_set(place.folder / "questions.jsonl", 5000)
        place.evalh(*map(str, LARGE))
        assert server.stats()["total"] == 800 + 100_000
        used = [again(place, server, LARGE) for _ in range(runs)]
        yield median("finished run of 100,000 units, --no-report, again", [s for s, _ in used], "s", ("at most", 5))
        yield median("  its memory", [m for _, m in used], "MB")
        used = [again(place, server, LARGE, torn=True) for _ in range(runs)]
        yield median("  with all but one unit done", [s for s, _ in used], "s")


if __name__ == "__main__":
    main(measure, __doc__)
