"""Length-controlled win rates of 200 models: AlpacaEval 2's, exactly, beside scikit-learn's liblinear; and the general form.

    python benchmarks/length_control.py [--runs 3]

Synthetic annotations: 805 instructions, 1,610 rows of gamed baselines. The exact estimator chooses C among ten values by five
folds and refits, and so does liblinear on the same rows (each twice, with the preference as weight), for 20 of the models: 51
fits each, without what AlpacaEval's package does around them. liblinear lives in `.peers` (see `peers.txt`). One thread each,
each in a process of its own (`length_control_one.py`); targets are held against processor time, which neighbours hardly change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common import HERE, Figure, main, median

MODELS = 200
PEER = HERE.parent / ".peers" / "bin" / "python"


def one(python: str | Path, kind: str) -> dict[str, float]:
    """What `length_control_one.py` printed."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [str(python), str(HERE / "length_control_one.py"), kind]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **threads}, text=True, check=True, timeout=1800)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure(runs: int) -> Iterator[Figure]:
    """Times, and the ratio against liblinear."""
    # in turn, so that whatever else the machine does falls on both
    found = [one(sys.executable, "ours") | (one(PEER, "liblinear") if PEER.exists() else {}) for _ in range(runs)]
    if not PEER.exists():
        print("no .peers environment (make .peers/stamp): liblinear is left out", file=sys.stderr)
    else:
        yield median(f"{MODELS} models, liblinear: processor time", [f["liblinear_cpu"] for f in found], "s")
        ratio = [f["exact_cpu"] / f["liblinear_cpu"] for f in found]
        yield median(f"{MODELS} models, exact: processor time over liblinear's", ratio, "", ("at most", 0.2))
    yield median(f"{MODELS} models, exact: seconds", [f["exact"] for f in found], "s")
    yield median(f"{MODELS} models, exact: processor time", [f["exact_cpu"] for f in found], "s")
    yield median(f"{MODELS} models, general: seconds", [f["general"] for f in found], "s")
    yield median(f"{MODELS} models, general: processor time", [f["general_cpu"] for f in found], "s", ("at most", 0.7))


if __name__ == "__main__":
    main(measure, __doc__)
