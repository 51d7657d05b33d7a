"""A hundred votes drawn again and again from sets on which people voted in full: does the corrected figure hold the full one?

    cd tests && python -m stats.drawn_votes ../../shared/data

The target is what all votes of people say of the comparisons that they voted on. The draws are without replacement from few
questions, so the intervals, which are about unlimited questions, should hold it rather more often than 95 %.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evalh.importers.votes import read_votes
from evalh.stats.ppi import Items, powered_mean
from stats.simulated_votes import Tally

DRAWS = 500
VOTES = 100


def _drawn(rng: np.random.Generator, cluster: np.ndarray, each: int) -> np.ndarray:
    """A mask of 100 items: `each` of every question drawn, by chance; questions with fewer give what they have."""
    mask = np.zeros(len(cluster), dtype=bool)
    for q in rng.permutation(int(cluster.max()) + 1):
        own = rng.permutation(np.flatnonzero(cluster == q))[:each]
        mask[own[: VOTES - int(mask.sum())]] = True
        if mask.sum() >= VOTES:
            break
    return mask


def repeated(cluster: np.ndarray, judge: np.ndarray, people: np.ndarray, each: int, seed: int, tally: Tally) -> None:
    """Draw 100 votes again and again, and count how often the interval holds the mean of all."""
    rng = np.random.default_rng(seed)
    index = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    for _ in range(DRAWS):
        label = np.where(_drawn(rng, index, each), people, np.nan)
        found = powered_mean(Items.of(index, judge, label), share=True)
        tally.add(found.estimate, found.people, float(people.mean()))


def mt_bench(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(model, question, GPT-4's outcome, mean of the experts' votes) of every comparison that experts voted on."""
    folder = data / "mt-bench-human"
    said = {v.place: v.facing for v in read_votes(folder / "gpt4_pair.jsonl").votes}
    votes: dict[tuple[str, str, str, int], list[int]] = {}
    for v in read_votes(folder / "human.jsonl").of("expert*").votes:
        votes.setdefault(v.place, []).append(v.facing)
    for model in sorted({name for place in votes for name in place[1:3]}):
        own = sorted(place for place in votes if model in place[1:3])
        turned = np.array([1.0 if place[1] == model else -1.0 for place in own])
        people = turned * np.array([np.mean(votes[place]) for place in own])
        judge = turned * np.array([said[place] for place in own])
        yield model, np.array([int(place[0]) for place in own]), (judge + 1) / 2, (people + 1) / 2


def llmbar(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(evaluator, pair, how often it prefers the first output over both orders, whether people do) of all 419 pairs."""
    folder = data / "llmbar"
    for evaluator in ("GPT-4__Vanilla", "GPT-4__CoT", "ChatGPT__Vanilla", "LLaMA2__Vanilla", "PaLM2__Vanilla"):
        judge, people = [], []
        for subset in ("Natural", "Neighbor", "GPTInst", "GPTOut", "Manual"):
            pairs = json.loads((folder / "datasets" / f"{subset}.json").read_text("utf-8"))
            with gzip.open(folder / "results" / subset / f"{evaluator}.jsonl.gz", "rt", encoding="utf-8") as file:
                results = [json.loads(line) for line in file]
            for pair, result in zip(pairs, results, strict=True):
                people.append(float(int(pair["label"]) == 1))
                winners = [str(result[order]["winner"]) for order in ("original", "swapped")]
                judge.append(float(np.mean([{"1": 1.0, "2": 0.0}.get(w, 0.5) for w in winners])))
        yield evaluator, np.arange(len(judge)), np.array(judge), np.array(people)


def main(data: Path) -> None:
    """Print the table of docs/agreement.md."""
    print("| data | 100 votes | coverage | of the votes alone | width | same outcome |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for each, how in ((1, "one of a question"), (2, "two of a question"), (5, "five of a question")):
        tally, right = Tally(), []
        for i, (_, question, judge, people) in enumerate(mt_bench(data)):
            repeated(question, judge, people, each, i, tally)
            right.append(float(np.mean(judge == people)))
        print(_row("MT-bench, GPT-4, six models", how, tally, float(np.mean(right))), flush=True)
    for name, question, judge, people in llmbar(data):
        tally = Tally()
        repeated(question, judge, people, 1, 7, tally)
        print(
            _row(f"LLMBar, {name.replace('__', ', ')}", "one of a question", tally, float(np.mean(judge == people))), flush=True
        )


def _row(name: str, how: str, t: Tally, right: float) -> str:
    shown = f"{100 * t.coverage:.1f} | {100 * t.alone / t.count:.1f} | {t.ratio:.3f} | {100 * right:.0f} %"
    return f"| {name} | {how} | {shown} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
