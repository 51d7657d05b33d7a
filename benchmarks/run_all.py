"""All benchmarks, one after the other, each in a process of its own; one table.

    python benchmarks/run_all.py [--runs 5]

Exit code 1 where a target is missed. It takes about three quarters of an hour; `million` and `ratings` half of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from common import HERE, QUIET, load, number

NAMES = (
    "throughput",
    "processor_time",
    "plan_memory",
    "resume",
    "storm",
    "startup",
    "parsing",
    "ratings",
    "length_control",
    "million",
)


def rows(name: str, runs: int) -> list[dict[str, Any]]:
    """The figures of one benchmark; a crash ends everything, with its traceback."""
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", "--runs", str(runs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode not in (0, 1) or (done.returncode == 1 and not any(f["met"] is False for f in found)):
        sys.exit(f"{name} did not finish")
    return found


def cells(name: str, f: dict[str, Any]) -> list[str]:
    """One line of the table."""
    unit = f" {f['unit']}" if f["unit"] else ""
    low, high = f["spread"] or (f["value"], f["value"])
    spread = "" if low == high else f"{number(low)}–{number(high)}"
    target = "" if f["target"] is None else f"{f['target'][0]} {number(f['target'][1])}"
    verdict = {None: "", True: "met", False: "**missed**"}[f["met"]]
    return [f"`{name}.py`", f["what"].strip(), f"{number(f['value'])}{unit}", spread, target, verdict, f"{max(f['load']):.1f}"]


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often each thing is measured; figures are medians")
    arguments = parser.parse_args()
    if load() > QUIET:
        print(f"the machine is busy (load {load():.1f}): figures of time will be worse than they are", file=sys.stderr)
    missed = False
    print("| benchmark | figure | median | lowest–highest | target | | load |\n|---|---|---|---|---|---|---|", flush=True)
    for name in NAMES:
        for f in rows(name, arguments.runs):
            missed = missed or f["met"] is False
            print(f"| {' | '.join(cells(name, f))} |", flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
