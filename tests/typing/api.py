"""As a user would write it: never run, only type-checked."""

from __future__ import annotations

import pandas as pd

import evalh
from evalh.testing import assert_not_worse


def read() -> None:
    """Reading a run."""
    run: evalh.Run = evalh.load("results/reference")
    frame: pd.DataFrame = run.frame
    board: pd.DataFrame = run.leaderboard(category="math", reference="careful")
    corrected: pd.DataFrame = run.corrected("votes.csv", raters="expert*")
    kappa: evalh.Estimate | None = run.agree("votes.csv", judge="baseline").kappa
    texts: list[str] = [turn for answer in run.answers for turn in answer.turns]
    unscored: int = sum(j.status != "scored" for j in run.judgments)
    print(frame, board, corrected, kappa, texts, unscored)


def make() -> evalh.Run:
    """Running one."""
    return evalh.run(["careful", "hasty"], "baseline", "core-80", out="results/mine", mode="pairwise", limit=10)


def gate(run: evalh.Run) -> bool:
    """A comparison as an assertion."""
    return assert_not_worse(run, "results/other", models="mine", margin=0.05).main.p_value < 0.05


def carry() -> list[float]:
    """Other tools' files, in and out, and what was published."""
    run = evalh.import_run("mt_bench", "results/mt-bench", "fastchat", extra=["question.jsonl"])
    left: dict[str, int] = evalh.export_run(run, "alpaca-eval", "out", baseline="gpt-4")
    print(left, evalh.fetch("mt-bench").name)
    return [row.published.value for row in evalh.replay("vicuna-2023")]


def described() -> dict[str, object]:
    """A JSON schema."""
    return evalh.schema("judgment")


class Parrot:
    """A backend of one's own."""

    async def generate(self, request: evalh.Request) -> evalh.Completion:
        """Say the question again."""
        return evalh.Completion(request.messages[-1]["content"], "stop", evalh.Usage(1, 1))


backend: evalh.Backend = Parrot()
