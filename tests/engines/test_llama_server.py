"""llama.cpp's server as a judge: held to a grammar, to a schema, to nothing, and asked for probabilities."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from engines.servers import Engine, llama_server
from evalh.api import configure
from evalh.core.ledger import Ledger
from evalh.core.ledger_rows import request_key
from evalh.core.records import JudgeTask
from evalh.pipeline.setup import prepare
from support.command import evalh

pytestmark = pytest.mark.engine
LIMIT = 20
COMMAND = ("run", "--models", "careful,hasty", "--judge-model", "tiny", "--limit", LIMIT, "--ledger", "ledger.sqlite3")


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A model with random weights: it says anything."""
    with llama_server("random", tmp_path_factory.mktemp("llama") / "log") as engine:
        yield engine


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A model that says any printable text."""
    with llama_server("text", tmp_path_factory.mktemp("text") / "log") as engine:
        yield engine


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A model that nearly always says m or M, with probabilities that follow from the prompt."""
    with llama_server("letters", tmp_path_factory.mktemp("letters") / "log") as engine:
        yield engine


def _judge(engine: Engine, judge: str, code: int, *more: str, extra: str = "") -> tuple[library.Run, dict[str, Any], str]:
    """Judge recorded answers with the engine; (the run, the report's JSON, what was shown). Prints the figures."""
    Path("evalh.toml").write_text(
        f'[models.tiny]\nbase_url = "{engine.base_url}"\nmodel = "{engine.model}"\n{extra}\n', "utf-8"
    )
    began = time.monotonic()
    done = evalh(*COMMAND, "--judge", judge, "--out", "results/r", *more, timeout=900)
    seconds = time.monotonic() - began
    assert done.returncode == code, done.stderr
    run = library.load("results/r")
    report = json.loads(evalh("report", run.path, "--format", "json").stdout)
    decided = {j.judgment_id.rpartition("-")[0]: j.status for j in run.judgments}
    print(f"\n{engine.version}, {judge}: {dict(Counter(decided.values()))} of {len(decided)} in {seconds:.1f} s")
    return run, report, done.stdout


def test_held_to_a_grammar_every_verdict_is_readable(random_model: Engine) -> None:
    """A random model judges from the command line, both modes, and every single reply is a verdict in its form."""
    extra = 'structured = "grammar"\n[judges.gpt-4]\nmax_tokens = 256'
    run, report, shown = _judge(random_model, "gpt-4", 0, extra=extra)
    assert len(run.judgments) == 4 * LIMIT, "two scores and two orders for each question, none asked twice"
    assert {(j.status, j.flags) for j in run.judgments} == {("scored", ())}
    assert all("\n\n[[" in j.explanation for j in run.judgments)
    assert len({j.verdict for j in run.judgments} - {None}) > 1
    assert len({j.scores["overall"] for j in run.judgments if j.scores}) > 1
    assert [m["unscored"] for m in report["models"]] == [0, 0]
    assert "Unscored judgments: none." in shown


def test_in_free_text_next_to_nothing_is_readable_and_no_score_is_invented(random_model: Engine) -> None:
    """The same model without a form: the report counts what could not be read, and no figure rests on it."""
    run, report, shown = _judge(random_model, "gpt-4", 3, extra="[judges.gpt-4]\nmax_tokens = 64")
    last = {j.judgment_id.rpartition("-")[0]: j for j in run.judgments}
    scored = [j for j in last.values() if j.status == "scored"]
    assert len(last) == 4 * LIMIT
    assert len(scored) <= 0.05 * len(last)
    assert all(not j.scores and j.verdict is None for j in last.values() if j.status != "scored")
    unscored = sum(report["by_judge"]["gpt-4"]["unscored_by_status"].values())
    assert unscored == len(last) - len(scored)
    assert f"Unscored judgments: {unscored} (" in shown
    if not scored:
        assert all(m[name] is None for m in report["models"] for name in ("mean_score", "win_rate", "rating"))


def test_held_to_a_schema_what_is_complete_is_readable(text_model: Engine) -> None:
    """JSON by schema: every reply that came to its end is a verdict; the others ran out of tokens and say so."""
    held = 'temperature = 1\nseed = 7\nmax_tokens = 1024\nstructured = "json_schema"'
    run, report, _ = _judge(text_model, "gpt-4", 0, "--mode", "pairwise", extra=f"[judges.gpt-4]\n{held}")
    assert {j.status for j in run.judgments} <= {"scored", "truncated"}
    assert report["by_judge"]["gpt-4"]["flags"] == {}
    last = {j.judgment_id.rpartition("-")[0]: j for j in run.judgments}
    assert sum(j.status == "scored" for j in last.values()) >= 0.95 * len(last)
    for j in run.judgments:
        if j.status == "scored":
            said = json.loads(j.explanation)
            assert (list(said), {"A": "A", "B": "B", "C": "tie"}[said["verdict"]]) == (["explanation", "verdict"], j.verdict)


def test_preferences_are_the_engines_own_probabilities(letters: Engine) -> None:
    """Every preference equals exp(m) / (exp(m) + exp(M)), worked out by hand from the response in the ledger."""
    run, _, _ = _judge(letters, "alpaca-eval-2", 0)
    assert len(run.judgments) == 2 * LIMIT
    config, user = configure(["careful", "hasty"], ["alpaca-eval-2"], judge_model="tiny")
    opened = prepare(config, user).judges[0]
    assert opened.target is not None
    answers = {a.answer_id: a for a in run.answers}
    questions = {q.question_id: q for q in run.questions}
    ledger = Ledger(Path("ledger.sqlite3"))
    seen = set()
    for j in run.judgments:
        shown = tuple(answers[a] for a in j.answers)
        (request,) = opened.judge.requests(
            JudgeTask(questions[j.question_id], shown, j.mode, j.turn, j.sample, run.manifest["seed"])
        )
        raw = ledger.get(request_key(opened.target.backend.identity, request))
        assert raw is not None
        (token,) = json.loads(raw.body)["choices"][0]["logprobs"]["content"]
        chance = {rival["token"]: math.exp(rival["logprob"]) for rival in token["top_logprobs"]}
        assert chance["m"] + chance["M"] > 0.5
        assert j.preference == pytest.approx(chance["m"] / (chance["m"] + chance["M"]), abs=1e-12)
        assert (j.status, j.flags) == ("scored", ())
        seen.add(round(j.preference, 6))
    ledger.close()
    assert len(seen) > LIMIT, "the prompt decides"
    expected = {m: [] for m in ("careful", "hasty")}  # type: dict[str, list[float]]
    for j in run.judgments:
        assert j.preference is not None
        first, second = (answers[a].model for a in j.answers)
        expected[first].append(j.preference)
        expected[second].append(1 - j.preference)
    rates = run.leaderboard()["win_rate"]
    for model, values in expected.items():
        assert rates[model] == pytest.approx(sum(values) / len(values), abs=1e-12)


def test_what_the_server_does_of_itself_is_named(random_model: Engine) -> None:
    """It answers for a model that it does not have: the report says who was asked and who replied. Two choices are refused."""
    Path("evalh.toml").write_text(
        f'[models.other]\nbase_url = "{random_model.base_url}"\nmodel = "no-such-model"\nstructured = "grammar"\n'
        "[judges.gpt-4]\nmax_tokens = 64\n",
        "utf-8",
    )
    done = evalh(*COMMAND[:3], "--judge", "gpt-4", "--judge-model", "other", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "other: asked for 'no-such-model', and the server says that 'tiny' replied" in done.stderr
    assert "Served under another name: other: asked for no-such-model, served as tiny." in " ".join(done.stdout.split())
    message = [{"role": "user", "content": "x"}]
    assert len(random_model.post({"messages": message, "n": 2, "max_tokens": 4})["choices"]) == 2
    with Path("evalh.toml").open("a") as f:
        f.write(f'[models.twice]\nbase_url = "{random_model.base_url}"\nmodel = "tiny"\nextra_body = {{ n = 2 }}\n')
    done = evalh(*COMMAND[:3], "--judge", "gpt-4", "--judge-model", "twice", "--limit", "1")
    assert done.returncode == 2
    assert "n = 2: evalh asks for one whole reply at a time" in done.stderr
