"""One way to length-controlled win rates of 200 synthetic models; what `length_control.py` runs in a process of its own.

python benchmarks/length_control_one.py ours|liblinear
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

MODELS, INSTRUCTIONS, COMPARED = 200, 805, 20


def annotations(seed: int) -> tuple[Any, Any]:
    """(outcome, length, baseline's length, difficulty) of every model, and the three of the gamed rows."""
    import numpy as np

    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 1, INSTRUCTIONS)
    baseline = rng.lognormal(7.4, 0.5, INSTRUCTIONS)
    models = []
    for _ in range(MODELS):
        length = baseline * rng.lognormal(rng.normal(-0.5, 0.4), 0.4, INSTRUCTIONS)
        z = rng.normal(-2, 1) + 0.8 * hard + 1.8 * np.tanh((length - baseline) / 1000) + rng.logistic(0, 1, INSTRUCTIONS)
        models.append((np.clip(1 / (1 + np.exp(-3 * z)), 0.0, 1.0), length, baseline, hard))
    gamed = (rng.random(2 * INSTRUCTIONS), rng.normal(0, 1.5, 2 * INSTRUCTIONS), np.tile(hard, 2))
    return models, gamed


def ours() -> dict[str, float]:
    """Seconds of wall clock and processor of both estimators over all models."""
    import numpy as np

    from evalh.stats.length_control import LengthRows, length_controlled
    from evalh.stats.length_control_alpaca import cross_validated, gamed_rows, rows_of, win_rate

    models, gamed = annotations(0)
    shared = gamed_rows(*gamed)
    wall, processor = time.perf_counter(), time.process_time()
    for outcome, length, baseline, hard in models:
        found = cross_validated(rows_of(outcome, length, baseline, hard), shared)
        win_rate(found.weights, hard)
    exact = time.perf_counter() - wall, time.process_time() - processor
    question = np.tile(np.arange(INSTRUCTIONS), MODELS)
    longer = np.concatenate([m[1] - m[2] for m in models])
    model = np.repeat(np.arange(MODELS), INSTRUCTIONS)
    rows = LengthRows(model, question, np.concatenate([m[0] for m in models]), longer, np.ones(len(model)), 0 * question)
    wall, processor = time.perf_counter(), time.process_time()
    assert all(e is not None for e in length_controlled(rows, MODELS))
    general = time.perf_counter() - wall, time.process_time() - processor
    return {"exact": exact[0], "exact_cpu": exact[1], "general": general[0], "general_cpu": general[1]}


def liblinear() -> dict[str, float]:
    """The same objective, folds and values of C with scikit-learn, scaled to all models."""
    import warnings

    import numpy as np
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found]

    warnings.simplefilter("ignore")
    models, (gamed_y, gamed_x, gamed_d) = annotations(0)
    wall, processor = time.perf_counter(), time.process_time()
    for outcome, length, baseline, hard in models[:COMPARED]:
        difference = baseline - length
        own = np.stack([np.tanh(difference / difference.std(ddof=1)), hard, np.ones(len(hard))], axis=1)
        x = np.concatenate([np.stack([np.tanh(gamed_x), gamed_d, np.zeros(len(gamed_y))], axis=1), own])
        y, s = np.concatenate([gamed_y, outcome]), np.repeat([0.1, 1.0], [len(gamed_y), len(outcome)])
        part = (len(y) - 1 - np.arange(len(y))) % 5
        for fold in (*range(5), -1):
            kept = part != fold
            twice, label = np.concatenate([x[kept]] * 2), np.repeat([1, 0], kept.sum())
            weight = np.concatenate([y[kept] * s[kept], (1 - y[kept]) * s[kept]])
            for c in np.logspace(-4, 4, 10) if fold >= 0 else (2.78,):
                model = LogisticRegression(penalty="l1", solver="liblinear", C=c, fit_intercept=False, random_state=123)
                model.fit(twice, label, sample_weight=weight)
    scale = MODELS / COMPARED
    return {"liblinear": scale * (time.perf_counter() - wall), "liblinear_cpu": scale * (time.process_time() - processor)}


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "liblinear": liblinear}[sys.argv[1]]()))
