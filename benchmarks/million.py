"""A million rows: judgments to the frame, its statistics and its report, and imports of a million rows.

    python benchmarks/million.py [--runs 5]          ROWS=100000 in the environment makes all of it smaller

Every step runs in a process of its own and is held against `pandas.read_json(lines=True)` (or `read_csv`) of the same file in
the same run. A machine that is shared slows both, so ratios are of processor time. The run: 20 models, every pair in both
orders and a score of every answer, 2,500 questions in eight categories, one in a hundred unreadable. The imports: battles of
100 models, each with an id of its own and a voter, as JSON lines and as CSV; FastChat's single judgments.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Figure, Workshop, main, median, workshop

ROWS = 1_000_000
MODELS = tuple(f"model-{i:02}" for i in range(20))
WORKER = """
import json, resource, sys, time
from pathlib import Path
what, path = sys.argv[1:3]
if what.startswith("pandas"):
    import pandas
    read = {"pandas-json": lambda: pandas.read_json(path, lines=True), "pandas-csv": lambda: pandas.read_csv(path)}[what]
elif what == "frame":
    from evalh.core.store import RunFolder
    from evalh.pipeline.collect import collect
    read = lambda: collect(RunFolder(Path(path)))
elif what == "figures":
    from evalh.core.store import RunFolder
    from evalh.pipeline.collect import collect
    from evalh.reports.leaderboard import build
    results = collect(RunFolder(Path(path)))
    read = lambda: build(results)
elif what == "import":
    from evalh.importers.formats import bring_in
    read = lambda: bring_in(Path(path), Path(sys.argv[3]))
began, used = time.perf_counter(), time.process_time()
kept = read()
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": time.perf_counter() - began, "processor": time.process_time() - used, "megabytes": most}))
"""


def worker(place: Workshop, what: str, *paths: Path) -> dict[str, float]:
    """One step in a process of its own: {"seconds", "processor", "megabytes"}, imports of modules not in the time."""
    command = [sys.executable, "-c", WORKER, what, *map(str, paths)]
    done = subprocess.run(command, cwd=place.folder, env=place.env, stdout=subprocess.PIPE, text=True, check=True)
    used: dict[str, float] = json.loads(done.stdout)
    return used


def name(*parts: object) -> str:
    """An id as evalh's are."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:20]


def run_folder(path: Path, rows: int) -> None:
    """A run of so many judgments, a line at a time."""
    path.mkdir()
    draw = random.Random(1)
    strength = [draw.gauss(0, 1) for _ in MODELS]
    questions = -(-rows // (len(MODELS) ** 2))
    same = {"strength": None, "preference": None}
    end = {"ranking": [], "sample": 0, "attempt": 0, "flags": []}
    left = rows
    with (
        (path / "questions.jsonl").open("w") as asked,
        (path / "answers.jsonl").open("w") as answered,
        (path / "judgments.jsonl").open("w") as judged,
    ):
        for q in range(questions):
            question = {"question_id": f"q-{q}", "category": f"c{q % 8}", "turns": [f"Question number {q}?"]}
            _line(asked, {**question, "reference": [], "tags": [], "metadata": {}})
            ids = [name("a", q, m) for m in MODELS]
            for model, answer in zip(MODELS, ids, strict=True):
                text = "An answer. " * draw.randint(3, 20)
                told = {
                    "answer_id": answer,
                    "question_id": f"q-{q}",
                    "model": model,
                    "params": {},
                    "sample": 0,
                    "turns": [text],
                }
                _line(answered, {**told, "finish_reason": "stop", "usage": None, "flags": [], "failure": None})
            shown = [*itertools.permutations(range(len(MODELS)), 2), *((m,) for m in range(len(MODELS)))]
            for games in shown[:left]:
                unit = name("j", q, *games)
                mode = "pairwise" if len(games) == 2 else "absolute"
                read = draw.random() > 0.01
                lead = strength[games[0]] - (strength[games[1]] if len(games) == 2 else 0.0) + draw.gauss(0.2, 1)
                verdict = ("A" if lead > 0.4 else "B" if lead < -0.4 else "tie") if len(games) == 2 and read else None
                scores = {"overall": [min(10, max(1, round(6 + lead)))]} if len(games) == 1 and read else {}
                named = {
                    "judgment_id": f"{unit}-0",
                    "group_id": name("g", q, *sorted(games)),
                    "question_id": f"q-{q}",
                    "turn": 1,
                }
                by = {"judge": "gpt-4", "judge_hash": name(mode), "protocol": f"gpt-4/{mode}", "mode": mode}
                of = {"answers": [ids[i] for i in games], "status": "scored" if read else "no_verdict", "verdict": verdict}
                said = {"explanation": f"My verdict: [[{verdict or scores}]]", "usage": None, "failure": None}
                _line(judged, {**named, **by, **of, **same, "scores": scores, **end, **said})
            left -= len(shown)
    models: dict[str, Any] = {m: {"provider": "import", "model": m, "metadata": {}, "price": None} for m in MODELS}
    judge: dict[str, Any] = {
        "judge": "gpt-4",
        "model": None,
        "params": {},
        "attempts": 1,
        "variants": {},
        "note": "",
        "hash": "h",
    }
    from evalh.pipeline.manifest import bare

    manifest = {**bare("million"), "models": models, "judges": {"gpt-4": judge}, "questions": {"set": "made", "sha256": None}}
    (path / "run.json").write_text(json.dumps(manifest), encoding="utf-8")


def _line(file: Any, record: dict[str, Any]) -> None:
    file.write(json.dumps({"schema": 1, **record}, ensure_ascii=False, separators=(",", ":")) + "\n")


def battles(lines: Path, table: Path, rows: int) -> None:
    """So many battles as JSON lines and as CSV."""
    draw = random.Random(3)
    with lines.open("w") as f, table.open("w") as g:
        for n in range(rows):
            a, b = draw.sample(range(100), 2)
            row: dict[str, Any] = {"question_id": f"{n:032x}", "model_a": f"model-{a:03}", "model_b": f"model-{b:03}"}
            row["winner"] = draw.choice(("model_a", "model_b", "tie", "tie (bothbad)"))
            row |= {"judge": f"voter-{draw.randrange(100_000)}", "turn": 1, "language": "English", "tstamp": 1.68e9 + n}
            if not n:
                g.write(",".join(row) + "\n")
            f.write(json.dumps(row) + "\n")
            g.write(",".join(map(str, row.values())) + "\n")


def singles(path: Path, rows: int) -> None:
    """So many of FastChat's single judgments: 100 models, two turns."""
    draw = random.Random(4)
    with path.open("w") as f:
        for n in range(rows):
            question, model = divmod(n, 100)
            row: dict[str, Any] = {
                "question_id": question // 2 + 1,
                "model": f"model-{model:03}",
                "judge": ["gpt-4", "single-v1"],
            }
            row |= {"user_prompt": "[Instruction]\nPlease act as an impartial judge.", "score": draw.randint(1, 10)}
            row |= {
                "judgment": f"Relevant and accurate. Rating: [[{row['score']}]]",
                "turn": question % 2 + 1,
                "tstamp": 1.68e9,
            }
            f.write(json.dumps(row) + "\n")


def held_against(
    what: str, ours: list[dict[str, float]], plain: list[dict[str, float]], most: float | None
) -> Iterator[Figure]:
    """Processor time and memory of a step, and as ratios to pandas."""
    ratios = [a["processor"] / b["processor"] for a, b in zip(ours, plain, strict=True)]
    yield median(f"{what}: processor time, of pandas", ratios, "", None if most is None else ("at most", most))
    yield median("  processor seconds", [used["processor"] for used in ours], "s")
    yield median("  processor seconds of pandas", [used["processor"] for used in plain], "s")
    yield median("  peak memory, of pandas", [a["megabytes"] / b["megabytes"] for a, b in zip(ours, plain, strict=True)])


def measure(runs: int) -> Iterator[Figure]:
    """All steps; a run of the benchmark is pandas and ours, one after the other."""
    rows = int(os.environ.get("ROWS", ROWS))
    with workshop() as place:
        yield from _of_run(place, runs, rows)
        lines, table, single = (place.folder / file for file in ("battles.jsonl", "battles.csv", "gpt-4_single.jsonl"))
        battles(lines, table, rows)
        singles(single, rows)
        for what, path, reader in (
            ("battles as JSON lines, imported", lines, "pandas-json"),
            ("battles as CSV, imported", table, "pandas-csv"),
            ("FastChat's single judgments, imported", single, "pandas-json"),
        ):
            plain, ours = [], []
            for n in range(runs):
                plain.append(worker(place, reader, path))
                ours.append(worker(place, "import", path, place.folder / f"{path.stem}-{path.suffix[1:]}-{n}"))
            yield from held_against(what, ours, plain, None)
            yield median("  peak memory", [used["megabytes"] for used in ours], "MB", ("at most", 500))
        imported = [place.evalh("report", f"{lines.stem}-jsonl-{n}") for n in range(runs)]
        yield from whole_report("report of the imported battles", imported)


def _of_run(place: Workshop, runs: int, rows: int) -> Iterator[Figure]:
    folder = place.folder / "million"
    run_folder(folder, rows)
    judgments = folder / "judgments.jsonl"
    yield Figure("judgments.jsonl", judgments.stat().st_size / 1e6, "MB")
    first, again, plain, figures = [], [], [], []
    for _ in range(runs):
        (folder / ".cache" / "frame.npz").unlink(missing_ok=True)
        plain.append(worker(place, "pandas-json", judgments))
        first.append(worker(place, "frame", folder))
        again.append(worker(place, "frame", folder))
        figures.append(worker(place, "figures", folder))
    yield from held_against("judgments to the frame, the first time", first, plain, 0.5)
    yield median("  peak memory", [used["megabytes"] for used in first], "MB", ("at most", 900))
    yield median("  from the sidecar, processor seconds", [used["processor"] for used in again], "s")
    yield median("all figures of the report: processor seconds", [used["processor"] for used in figures], "s", ("at most", 3))
    yield median("  seconds", [used["seconds"] for used in figures], "s")
    yield from whole_report("report of the run", [place.evalh("report", folder) for _ in range(runs)])
    page = folder / "report" / "index.html"
    yield Figure("  its page", page.stat().st_size / 1e6, "MB", ("at most", 60))


def whole_report(what: str, ran: list[Any]) -> Iterator[Figure]:
    """`evalh report RUN`, files and plots included."""
    yield median(f"{what}, whole command: processor seconds", [r.processor for r in ran], "s")
    yield median("  seconds", [r.seconds for r in ran], "s")
    yield median("  peak memory", [r.megabytes for r in ran], "MB")


if __name__ == "__main__":
    main(measure, __doc__)
