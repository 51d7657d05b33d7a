"""`evalh run --until-separated` on published judgments: what it would have asked, and what would have come of it.

    python -m stats.separated_replays ../../shared/data

prints the table of docs/stopping.md.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evalh.stats.stopping import pairs_of
from stats.separated import HEAD, SIMULATED, Compared, line, run, summary

OUTCOMES = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (inconsistent)": 0.5}


def mt_bench(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """GPT-4's verdicts about 6 models on 80 questions of two turns: judgments and sums of outcomes, both (15, 80)."""
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    models = sorted({row[k] for row in rows for k in ("model_a", "model_b")})
    questions = sorted({row["question_id"] for row in rows})
    row_of = {(a, b): i for i, (a, b) in enumerate(pairs_of(len(models)).tolist())}
    weight = np.zeros((len(row_of), len(questions)))
    outcome = np.zeros_like(weight)
    for row in rows:
        a, b = models.index(row["model_a"]), models.index(row["model_b"])
        won = OUTCOMES[row["winner"]]
        at = row_of[min(a, b), max(a, b)], questions.index(row["question_id"])
        weight[at] += 1
        outcome[at] += won if a < b else 1 - won
    return weight, outcome, len(models)


def alpaca_eval(folder: Path, rng: np.random.Generator, questions: int = 80) -> tuple[np.ndarray, np.ndarray, int]:
    """12 models, each preferred to the same baseline to some degree by GPT-4 Turbo, on questions drawn from 805.

    Two models are compared by their preferences on a question: outcome one half plus half the difference. A question on which
    either has none is unscored.
    """
    preferences = _preferences(folder)
    chosen = preferences[:, rng.choice(preferences.shape[1], questions, replace=False)]
    a, b = pairs_of(len(chosen)).T
    outcome = 0.5 + (chosen[a] - chosen[b]) / 2
    there = np.isfinite(outcome)
    return there.astype(float), np.where(there, outcome, 0.0), len(chosen)


_FOUND: dict[Path, np.ndarray] = {}


def _preferences(folder: Path) -> np.ndarray:
    """(models, 805) preference for the model, 0 to 1, NaN where there is none."""
    if folder not in _FOUND:
        files = sorted(folder.glob("*.jsonl.gz"))
        table = np.full((len(files), 805), np.nan)
        for i, file in enumerate(files):
            with gzip.open(file, "rt", encoding="utf-8") as rows:
                for text in rows:
                    row = json.loads(text)
                    if row["preference"] is not None:
                        table[i, row["eval_set_index"]] = (row["preference"] or 1.5) - 1
        _FOUND[folder] = table
    return _FOUND[folder]


def replays(root: Path, what: str, times: int) -> Iterator[Compared]:
    """The same judgments with the questions in other orders; of AlpacaEval also other questions."""
    rng = np.random.default_rng(7)
    for _ in range(times):
        if what == "mt-bench":
            weight, outcome, models = mt_bench(root / "mt-bench-human" / "gpt4_pair.jsonl")
            yield run(weight, outcome, models, 2.0, rng)
        else:
            weight, outcome, models = alpaca_eval(root / "alpaca-eval" / "v2" / "annotations", rng)
            yield run(weight, outcome, models, 1.0, rng)


NAMES = {
    "mt-bench": "MT-bench, GPT-4, 6 models, 80 questions",
    "alpaca-eval": "AlpacaEval 2, GPT-4 Turbo, 12 models, 80 of 805 questions",
}


def main() -> None:
    """Print the table."""
    print(HEAD)
    for what, name in NAMES.items():
        print(line(name, summary(list(replays(Path(sys.argv[1]), what, SIMULATED)))), flush=True)


if __name__ == "__main__":
    main()
