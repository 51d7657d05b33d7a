"""What the original tools take from their files, field by field, and the figure they make of it; written from their layouts.

Each reader gets exported files and returns figures that the published ones can be held against, so that a field which is there
but means something else is noticed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

STRONG = 3  # Arena-Hard counts a clear win three times


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """One JSON object a line."""
    return map(json.loads, path.read_text("utf-8").splitlines())


# -- FastChat: llm_judge/common.py loads, show_result.py shows ---------------------------------------------------------------


def fastchat_questions(folder: Path) -> dict[int, list[str]]:
    """Turns by the question's id."""
    return {q["question_id"]: q["turns"] for q in lines(folder / "question.jsonl")}


def fastchat_answers(folder: Path) -> dict[str, dict[int, list[str]]]:
    """Turns by model, which is the file's name, and question; the first choice counts."""
    found: dict[str, dict[int, list[str]]] = {}
    for file in sorted((folder / "model_answer").glob("*.jsonl")):
        found[file.name.removesuffix(".jsonl")] = {a["question_id"]: a["choices"][0]["turns"] for a in lines(file)}
    return found


def fastchat_single(file: Path) -> dict[str, dict[str, float]]:
    """Average by model: first turn, second turn, all rows; -1 is dropped."""
    table = pd.read_json(file, lines=True)[["model", "score", "turn"]]
    table = table[table["score"] != -1]
    found: dict[str, dict[str, float]] = {
        str(model): {"average": float(score)} for model, score in table.groupby("model")["score"].mean().items()
    }
    for (model, turn), score in table.groupby(["model", "turn"])["score"].mean().items():
        found[str(model)][f"turn {turn}"] = float(score)
    return found


def fastchat_pair(file: Path) -> dict[str, tuple[int, int, int]]:
    """Win, tie, loss by model; rows with an error are dropped, two games that disagree are a tie."""
    table = pd.read_json(file, lines=True)
    table = table[(table["g1_winner"] != "error") & (table["g2_winner"] != "error")]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for _, row in table.iterrows():
        names = [row["model_1"], row["model_2"]]
        if row["g1_winner"] == "tie" or row["g1_winner"] != row["g2_winner"]:
            for name in names:
                counts[name][1] += 1
        else:
            winner = row[row["g1_winner"]]
            counts[winner][0] += 1
            counts[names[1] if winner == names[0] else names[0]][2] += 1
    return {name: (c[0], c[1], c[2]) for name, c in counts.items()}


# -- AlpacaEval: annotations and outputs are tables; a leaderboard row of preferences -----------------------------------------


def alpaca_eval(file: Path) -> dict[str, float]:
    """The leaderboard's row of an annotations.json."""
    table = pd.read_json(file, orient="records")
    assert {"instruction", "output_1", "generator_1", "output_2", "generator_2", "annotator", "preference"} <= set(
        table.columns
    )
    preferences = table["preference"].replace({0: 1.5}).dropna()
    return {
        "win_rate": float((preferences - 1).mean() * 100),
        "standard_error": float((preferences - 1).sem() * 100),
        "n_wins": int((preferences > 1.5).sum()),
        "n_draws": int((preferences == 1.5).sum()),
        "n_total": len(preferences),
    }


def alpaca_outputs(file: Path) -> dict[str, str]:
    """Output by instruction, of a model_outputs.json of one generator."""
    table = pd.read_json(file, orient="records")
    assert table["generator"].nunique() == 1
    return dict(zip(table["instruction"], table["output"], strict=True))


# -- Arena-Hard: show_result.py ------------------------------------------------------------------------------------------------


def arena_hard_answers(folder: Path) -> dict[str, dict[str, str]]:
    """The last message's answer by model, which stands in the row, and question."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((folder / "model_answer").glob("*.jsonl")):
        for row in lines(file):
            found.setdefault(row["model"], {})[row["uid"]] = row["messages"][-1]["content"]["answer"]
    return found


def arena_hard(file: Path) -> tuple[int, int, int]:
    """Wins, ties and losses of the model of a judgment file; clear ones three times, unknown labels not at all."""
    points = {"A>>B": (0, STRONG), "A>B": (0, 1), "A=B": (1, 1), "B>A": (2, 1), "B>>A": (2, STRONG)}
    counts = [0, 0, 0]  # losses, ties, wins of the model, which is B in the first game
    for row in lines(file):
        assert row["model"] != row["baseline"]
        for number, game in enumerate(row["games"]):
            label = game["score"] if game else None
            if label in points:
                side, weight = points[label]
                counts[side if number == 0 else 2 - side] += weight
    return counts[2], counts[1], counts[0]


# -- battles, as rating tools take them ----------------------------------------------------------------------------------------


def battles(file: Path) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Rows by winner; wins, ties and losses by model, a winner that begins with "tie" being one."""
    table = pd.read_csv(file, keep_default_na=False) if file.suffix == ".csv" else pd.read_json(file, lines=True)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for a, b, winner in zip(table["model_a"], table["model_b"], table["winner"], strict=True):
        if winner in ("model_a", "model_b") or winner.startswith("tie"):
            first = 1 if winner.startswith("tie") else 0 if winner == "model_a" else 2
            counts[a][first] += 1
            counts[b][2 - first] += 1
    return {str(k): int(v) for k, v in table["winner"].value_counts().items()}, counts


# -- the evaluation of March 2023, and LLMBar ----------------------------------------------------------------------------------


def vicuna_totals(folder: Path) -> dict[str, tuple[float, float]]:
    """Totals of both models of every review file, whose answers and questions are all there."""
    questions = {q["question_id"]: q["text"] for q in lines(folder / "question.jsonl")}
    answers = {a["answer_id"]: a for file in (folder / "answer").glob("answer_*.jsonl") for a in lines(file)}
    totals = {}
    for file in folder.glob("review/*/review_*.jsonl"):
        _, first, second = file.name.removesuffix(".jsonl").split("_", 2)
        rows = list(lines(file))
        for row in rows:
            assert questions[row["question_id"]]
            assert answers[row["answer1_id"]]["question_id"] == answers[row["answer2_id"]]["question_id"] == row["question_id"]
            assert isinstance(row["text"], str)
        totals[f"{first} vs {second}"] = (sum(r["score"][0] for r in rows), sum(r["score"][1] for r in rows))
    return totals


def llmbar_accuracies(folder: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Accuracy in the original and in the swapped order, by subset and evaluator; no winner is wrong."""
    found = {}
    for file in sorted((folder / "results").glob("*/*.jsonl")):
        pairs = json.loads((folder / "datasets" / f"{file.parent.name}.json").read_text("utf-8"))
        rows = list(lines(file))
        assert [row["label"] for row in rows] == [pairs[row["row"]]["label"] for row in rows]
        assert all({"input", "output_1", "output_2"} <= set(pair) for pair in pairs)
        shares = [
            sum(str(r[order]["winner"]) == str(r["label"]) for r in rows) / len(rows) for order in ("original", "swapped")
        ]
        found[file.parent.name, file.name.removesuffix(".jsonl").replace("__", "/")] = (shares[0], shares[1])
    return found
