"""`transformers serve` as a judge: a checkpoint that knows one rule, and a server that ignores half of what it is asked."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import evalh as library
from engines.rule import FILLER, PROMPT, TOKEN, text
from engines.servers import Engine, transformers_serve
from support.command import evalh

pytestmark = pytest.mark.engine
QUESTIONS = 24
GOOD_EVERY = {"always": 1, "half": 2, "third": 3, "never": 0}
"""model -> which of the questions it answers well: every one, every second, every third, none."""


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The checkpoint that calls the answer with the word GOOD the better one."""
    with transformers_serve(tmp_path_factory.mktemp("transformers") / "log") as engine:
        yield engine


@pytest.fixture
def prepared(taught: Engine) -> Engine:
    """A question set, answers whose quality is known, and a judge folder with the prompt that was taught."""
    source = random.Random(5)
    ids = [f"q-{i:02d}" for i in range(QUESTIONS)]
    questions = [{"question_id": q, "category": "made", "turns": [" ".join(source.choices(FILLER, k=3))]} for q in ids]
    Path("made.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions), "utf-8")
    for model, every in GOOD_EVERY.items():
        rows = [{"question_id": q, "text": text(source, _good(every, i))} for i, q in enumerate(ids)]
        Path(f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    folder = Path("judges/rule")
    folder.mkdir(parents=True)
    (folder / "pair.md").write_text(f"[user]\n{PROMPT}\n", "utf-8")
    (folder / "judge.toml").write_text(
        'fenced = false\n[params]\ntemperature = 0\nmax_tokens = 16\n[variants.pair]\nmode = "pairwise"\n'
        'prompt = "pair.md"\nscale = "three-way"\nreader = "bracket-verdict"\n',
        "utf-8",
    )
    return taught


def _good(every: int, place: int) -> bool:
    return bool(every) and place % every == 0


def _run(engine: Engine, extra: str = "") -> tuple[library.Run, str, str]:
    Path("evalh.toml").write_text(
        f'[models.taught]\nbase_url = "{engine.base_url}"\nmodel = "{engine.model}"\n{extra}\n', "utf-8"
    )
    models = ",".join(f"{m}=file:{m}.jsonl" for m in GOOD_EVERY)
    began = time.monotonic()
    done = evalh("run", "--questions", "made.jsonl", "--models", models, "--judge", "rule", "--judge-model", "taught",
                 "--out", "results/r", "--concurrency", "2", timeout=900)  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = library.load("results/r")
    scored = sum(j.status == "scored" for j in run.judgments)
    print(f"\n{engine.version}: {scored} of {len(run.judgments)} judgments scored in {time.monotonic() - began:.1f} s")
    return run, done.stdout, done.stderr


def _outcome(first: int, second: int) -> list[float]:
    """The outcome of each question for the first of two models, by the rule."""
    return [0.5 + 0.5 * (_good(first, i) - _good(second, i)) for i in range(QUESTIONS)]


def test_the_win_rates_that_the_rule_implies_come_out(prepared: Engine) -> None:
    """Wins, ties, losses and win rates of four models are those that follow from their answers, to the last digit."""
    run, shown, _ = _run(prepared)
    assert len(run.judgments) == 6 * 2 * QUESTIONS
    assert {j.status for j in run.judgments} == {"scored"}
    board = run.leaderboard()
    for model, every in GOOD_EVERY.items():
        games = [g for other, than in GOOD_EVERY.items() if other != model for g in _outcome(every, than)]
        row = board.loc[model]
        assert (row["wins"], row["ties"], row["losses"]) == (games.count(1.0), games.count(0.5), games.count(0.0))
        assert row["win_rate"] == pytest.approx(sum(games) / len(games), abs=1e-12)
    pairs = {(p["model_a"], p["model_b"]): p for p in json.loads(evalh("report", run.path, "--format", "json").stdout)["pairs"]}
    for (a, b), pair in pairs.items():
        games = _outcome(GOOD_EVERY[a], GOOD_EVERY[b])
        assert (pair["wins_a"], pair["ties"], pair["wins_b"]) == (games.count(1.0), games.count(0.5), games.count(0.0))
    assert "Unscored judgments: none." in shown


def test_every_silent_omission_of_the_server_is_named(prepared: Engine) -> None:
    """It drops log-probabilities, the schema and the second choice without a word, and changes its own name."""
    raw = prepared.post({"messages": [{"role": "user", "content": "x"}], "n": 2, "max_tokens": 4, "logprobs": True})
    assert len(raw["choices"]) == 1
    assert raw["choices"][0].get("logprobs") is None
    wish = '[judges.rule]\nstructured = "json_schema"\nlogprobs = true\ntop_logprobs = 5'
    run, shown, said = _run(prepared, wish)
    count = len(run.judgments)
    assert {j.flags for j in run.judgments} == {("schema_ignored", "no_logprobs")}
    assert {j.status for j in run.judgments} == {"scored"}, "the verdicts are there, in text"
    report = json.loads(evalh("report", run.path, "--format", "json").stdout)
    assert report["by_judge"]["rule"]["flags"] == {"no_logprobs": count, "schema_ignored": count}
    assert report["served"] == [{"label": "taught", "asked": "./rule", "served": ["./rule@main"]}]
    words = " ".join(shown.split())
    assert f"log-probabilities in {count} of {count} replies, the JSON form that was asked for in {count} of {count}" in words
    assert "Served under another name: taught: asked for ./rule, served as ./rule@main." in words
    assert "taught: asked for './rule', and the server says that './rule@main' replied" in said
    Path("evalh.toml").write_text(Path("evalh.toml").read_text() + "[models.x]\nmodel = 'y'\nextra_body = { n = 2 }\n", "utf-8")
    refused = evalh("run", "--models", "always=file:always.jsonl", "--judge", "rule")
    assert refused.returncode == 2
    assert "n = 2: evalh asks for one whole reply at a time; --samples asks for several" in refused.stderr


def test_the_texts_are_what_the_rule_says_they_are(prepared: Engine) -> None:
    """The answers hold the word that decides where they should, and nowhere else."""
    for model, every in GOOD_EVERY.items():
        rows = [json.loads(line) for line in Path(f"{model}.jsonl").read_text("utf-8").splitlines()]
        assert [TOKEN in row["text"].split() for row in rows] == [_good(every, i) for i in range(QUESTIONS)]
