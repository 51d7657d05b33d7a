"""The built-in `baseline` judge, measured against verdicts that other judges and people gave:

    python benchmarks/baseline_card.py --data ../shared/data

writes judges/baseline/card.toml, which `evalh judges show baseline` prints, and the table in judges/baseline/README.md. Nothing
is sent and nothing is drawn: the same data give the same file.

A figure is the share of decided verdicts that a judge names alike; where the judge ties, half. Beside it stand always-longer
(more characters), always-first (the baseline's answer, or the one shown first) and a coin, which is a hash of the question and
the answers. "Alike" is the mean of two shares, one for each side that the verdicts name: where one side nearly always wins, a
judge that always names it is right by the first count and worth a coin by the second. Intervals are 95 %, clustered by question
(`evalh.stats.resample.interval`): with one verdict for each question it is Wilson's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalh.core.ids import digest
from evalh.core.records import Answer, JudgeTask, Question
from evalh.judges.baseline import VERSION, BaselineJudge
from evalh.judges.card import COLUMNS, card_text, load_card
from evalh.stats.estimate import Estimate
from evalh.stats.resample import interval

CARD: Final = Path(__file__).resolve().parents[1] / "judges" / "baseline" / "card.toml"
JUDGE: Final = BaselineJudge()
BALANCED: Final = (0.35, 0.65)
"""A model is balanced where the verdicts name the first side this often."""
SUBSETS: Final = ("Natural", "Neighbor", "GPTInst", "GPTOut", "Manual")
NO_TEXTS: Final = "MT-bench, votes of people: labels without the answers' texts, so nothing can be computed from them"


@dataclass(frozen=True, slots=True)
class Case:
    """One decided verdict: what was asked, both answers, and which of them (0 or 1) was named the better."""

    question: str
    model: str
    asked: str
    answers: tuple[str, str]
    better: int


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the card: verdicts by somebody over some cases. `alike`: both sides weigh the same."""

    data: str
    verdicts: str
    cases: tuple[Case, ...]
    alike: bool = False


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines, packed or not."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.decode("utf-8").split("\n") if line.strip()]


def alpaca(data: Path, version: str, baseline: str) -> Iterator[Case]:
    """AlpacaEval: a preference above 1.5 is for the model; draws (1.5, in old files 0) and nulls decide nothing."""
    firsts = {
        row["eval_set_index"]: row["output"] for row in lines(data / "alpaca-eval" / f"baseline_{version}_{baseline}.jsonl.gz")
    }
    for path in sorted((data / "alpaca-eval" / version / "annotations").glob("*.gz")):
        for row in lines(path):
            if row["preference"] not in (None, 0, 1.5):
                at = row["eval_set_index"]
                answers = (firsts[at], row["output_2"])
                yield Case(str(at), row["generator_2"], row["instruction"], answers, int(row["preference"] > 1.5))


def llmbar(data: Path, subset: str) -> Iterator[Case]:
    """LLMBar: the label of its authors, 1 or 2."""
    for number, row in enumerate(json.loads((data / "llmbar" / "datasets" / f"{subset}.json").read_text("utf-8"))):
        yield Case(f"{subset} {number}", "", row["input"], (row["output_1"], row["output_2"]), int(row["label"]) - 1)


def vicuna(data: Path) -> Iterator[Case]:
    """The reviews of March 2023, by their stored scores; the first answer shown is the baseline's."""
    folder = data / "vicuna-bench-2023"
    asked = {row["question_id"]: row["text"] for row in lines(folder / "question.jsonl")}
    texts = {row["answer_id"]: row["text"] for path in (folder / "answer").glob("*.jsonl") for row in lines(path)}
    for path in sorted((folder / "review").glob("*/*.jsonl")):
        for row in lines(path):
            a, b = row["score"]
            if a != b:
                at, answers = row["question_id"], (texts[row["answer1_id"]], texts[row["answer2_id"]])
                yield Case(str(at), path.stem, asked[at], answers, int(b > a))


def arena_hard(data: Path) -> Iterator[Case]:
    """Arena-Hard v0.1: both games of a question together, a strong verdict counting three times, as it is stored."""
    folder = data / "arena-hard-v0.1"
    asked = {row["question_id"]: row["turns"][0]["content"] for row in lines(folder / "question.jsonl.gz")}
    texts = {(r["question_id"], r["model"]): r["text"] for path in folder.glob("answers_*.gz") for r in lines(path)}
    lead = Counter[tuple[str, str, str]]()
    for row in lines(folder / "battles.jsonl.gz"):
        lead[row["question_id"], row["model_a"], row["model_b"]] += {"model_a": -1, "model_b": 1}.get(row["winner"], 0)
    for (at, a, b), ahead in sorted(lead.items()):
        if ahead:
            yield Case(at, b, asked[at], (texts[at, a], texts[at, b]), int(ahead > 0))


def balanced(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases of models that win about as often as they lose."""
    cases = tuple(cases)
    seen, first = Counter(c.model for c in cases), Counter(c.model for c in cases if c.better == 0)
    kept = {model for model, n in seen.items() if BALANCED[0] <= first[model] / n <= BALANCED[1]}
    return tuple(c for c in cases if c.model in kept)


@cache
def parts(data: Path) -> list[Part]:
    """Every row of the card."""
    found: list[Part] = []
    for name, version, reference in (("AlpacaEval 2", "v2", "gpt4_1106_preview"), ("AlpacaEval 1", "v1", "text_davinci_003")):
        cases = tuple(alpaca(data, version, reference))
        models, even = len({c.model for c in cases}), balanced(cases)
        judge = "GPT-4 Turbo" if version == "v2" else "GPT-4"
        if even:
            names = sorted({c.model for c in even})
            found.append(Part(f"{name}, balanced models ({', '.join(names)})", judge, even))
        found += [Part(f"{name}, {models} models", judge, cases), Part(f"{name}, {models} models", judge, cases, True)]
    bars = {subset: tuple(llmbar(data, subset)) for subset in SUBSETS}
    found += [Part(f"LLMBar {subset}", "people", cases) for subset, cases in bars.items()]
    found.append(Part("LLMBar, all five", "people", tuple(case for cases in bars.values() for case in cases)))
    for name, judge, cases in (
        ("Vicuna reviews 2023, 13 pairs", "GPT-4", tuple(vicuna(data))),
        ("Arena-Hard v0.1, 2 models", "GPT-4 Turbo", tuple(arena_hard(data))),
    ):
        found += [Part(name, judge, cases), Part(name, judge, cases, True)]
    return found


@cache
def baseline(case: Case) -> float:
    """1 where the baseline judge names the second answer, 0 for the first, a half where it ties."""
    question = Question(case.question, "", (case.asked,))
    answers = tuple(Answer(str(i), case.question, str(i), {}, 0, (text,)) for i, text in enumerate(case.answers))
    return {"A": 0.0, "B": 1.0}.get(JUDGE.read(JudgeTask(question, answers, "pairwise")).verdict or "", 0.5)


def longer(case: Case) -> float:
    """The answer with more characters."""
    first, second = map(len, case.answers)
    return 0.5 if first == second else float(second > first)


def first(case: Case) -> float:
    """Always the first: the baseline's answer."""
    return 0.0


def coin(case: Case) -> float:
    """A side that has nothing to do with the answers' content, and is the same at every run."""
    return float(int(digest([case.asked, *case.answers], digits=8), 16) % 2)


JUDGES: Final[tuple[Callable[[Case], float], ...]] = (baseline, longer, first, coin)


def agreement(part: Part, judge: Callable[[Case], float]) -> Estimate:
    """The share of verdicts that a judge names alike, a tie half, with an interval clustered by question."""
    cells: dict[str, list[float]] = {}
    for case in part.cases:
        cell = cells.setdefault(case.question, [0.0] * 4)
        cell[2 * case.better] += 1 - abs(judge(case) - case.better)
        cell[2 * case.better + 1] += 1
    sums = np.array([cells[key] for key in sorted(cells)])
    if part.alike:
        return interval(sums, lambda s: (s[..., 0] / s[..., 1] + s[..., 2] / s[..., 3]) / 2, share=True)
    return interval(sums, lambda s: (s[..., 0] + s[..., 2]) / (s[..., 1] + s[..., 3]), share=True)


def row(part: Part) -> str:
    """One table of the card."""
    ties = sum(baseline(case) == 0.5 for case in part.cases) / len(part.cases)
    given = [agreement(part, judge) for judge in JUDGES]
    head = [
        "[[row]]",
        f"data = {json.dumps(part.data)}",
        f"verdicts = {json.dumps(part.verdicts)}",
        f"sides = {json.dumps('alike' if part.alike else 'as they are')}",
        f"n = {len(part.cases)}",
        f"questions = {given[0].n}",
        f"ties = {ties:.4f}",
    ]
    return "\n".join([*head, *(f"{name} = {_numbers(e)}" for name, e in zip(COLUMNS, given, strict=True))])


def _numbers(estimate: Estimate) -> str:
    return "[" + ", ".join("nan" if x is None else f"{x:.4f}" for x in (estimate.value, estimate.low, estimate.high)) + "]"


def card(rows: Sequence[Part]) -> str:
    """The whole file."""
    head = [
        "# Made by `python benchmarks/baseline_card.py --data ../shared/data`; do not edit it by hand.",
        "# Each judge: agreement with the verdicts, and its 95 % interval clustered by question. ties: of the baseline judge.",
        f"version = {json.dumps(VERSION)}",
        f"without = [{json.dumps(NO_TEXTS)}]",
    ]
    return "\n\n".join(["\n".join(head), *map(row, rows)]) + "\n"


def readme(text: str) -> str:
    """The judge's page with the card as it is printed in its one block of text."""
    return re.sub(r"(?<=^```text\n).*?(?=^```$)", lambda _: f"{card_text()}\n", text, flags=re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Measure the built-in baseline judge.")
    options.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the published data")
    CARD.write_text(card(parts(options.parse_args().data)), encoding="utf-8", newline="\n")
    page = CARD.with_name("README.md")
    page.write_text(readme(page.read_text("utf-8")), encoding="utf-8", newline="\n")
    print(f"{CARD.name}: {len(load_card(CARD)['row'])} rows")
