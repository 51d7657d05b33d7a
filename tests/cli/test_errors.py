"""What is wrong is said once, with the nearest right name or the line, with exit code 2, and before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.inside import MODELS, evalh
from support.server import FakeServer

OPENAI = ("run", "--models", "openai:anything", "--judge", "gpt-4")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu",), "unknown command 'rnu'. Did you mean 'run' or 'runs'?"),
        (("judges", "lst"), "No such command 'lst'"),
        (("run", "--modle", "x"), "No such option"),
        (("run", "--models", "vicunna"), "unknown model 'vicunna'. Did you mean 'vicuna'?"),
        (("run", "--models", "nothing-like-it"), "A spec such as openai:nothing-like-it"),
        (("run", "--models", "opnai:x"), "unknown provider 'opnai'. Did you mean 'openai'?"),
        (("run", "--models", "openai:"), "'openai:' names no model after ':'"),
        (("run", "--models", "mine="), "'mine=' names no model after '='"),
        (("run", "--models", "careful,careful"), "two models carry the label 'careful'"),
        (("run", "--models", "scripted:word"), "unknown scripted behaviour 'word'. Did you mean 'words'?"),
        (("run", "--judge", "gtp-4"), "unknown judge 'gtp-4'. Did you mean 'gpt-4'?"),
        (("run", "--judge-model", "openai:gpt-4o"), "baseline computes its scores and asks no model"),
        (("run", "--questions", "core80"), "unknown question set 'core80'. Did you mean 'core-80'?"),
        (("run", "--categories", "maths"), "unknown category of core-80 'maths'. Did you mean 'math'?"),
        (("run", "--mode", "pair"), "unknown mode 'pair'. Did you mean 'pairwise'?"),
        (("run", "--pairs", "baseline:carefull"), "'carefull'. Did you mean 'careful'?"),
        (("run", "--pairs", "some"), "unknown --pairs rule 'some'. There are: all, baseline:MODEL."),
        (("run", "--models", "careful", "--mode", "pairwise"), "compares models, and there is only one"),
        (("run", "--limit", "0"), "--limit"),
        (("run", "--max-failures", "many"), "neither a share (5%, 0.05) nor a count (4)"),
        (("run", "--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("report", "nowhere"), "unknown run 'nowhere'"),
        (("judge", "nowhere"), "unknown run 'nowhere'"),
        (("show", "nowhere"), "unknown run 'nowhere'"),
        (("import", "vicuna-2032", "x", "--out", "y"), "unknown format 'vicuna-2032'. Did you mean 'vicuna-2023'?"),
        (("import", "vicuna-2023", "x", "--out", "y"), "x: not a folder; the evaluation of March 2023 is one"),
        (("judges", "show", "gpt4"), "unknown judge 'gpt4'. Did you mean 'gpt-4'?"),
        (("questions", "show", "core81"), "unknown question set 'core81'"),
        (("models", "show", "vicunna"), "unknown model 'vicunna'. Did you mean 'vicuna'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_name_is_exit_2_with_the_nearest_one(arguments: tuple[str, ...], said: str) -> None:
    """A misspelt command, option, model, judge, set, category, mode, rule or run: one message, nothing on standard output."""
    done = evalh(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[models.a]\nprovider = "openai"\nmodle = "x"\n', "evalh.toml:3: unknown key 'modle'. Did you mean 'model'?"),
        ("[modles.a]\n", "unknown table 'modles'. Did you mean 'models'"),
        ("[models.a\n", "evalh.toml:"),
        ('[models.a]\nmodel = "x"\nbase_url = "localhost:8000"\n', "evalh.toml:3: base_url"),
        ('[models.a]\nmodel = "x"\napi_key_env = "sk-abc def"\n', "evalh.toml:3: api_key_env is the NAME"),
        ('[models.a]\nmodel = "x"\n\ntemperature = "warm"\n', "evalh.toml:4: temperature must be a number"),
        ('[models."a b"]\nmodel = "x"\n', "evalh.toml:1: a model's name may not hold spaces"),
        ('[models.a]\nmodel = "x"\nprice = { input = 1 }\n', "evalh.toml:3: price"),
        ('[models.a]\nmodel = "x"\nclient = "curl"\n', 'evalh.toml:3: client must be "light" or "sdk"'),
        ("[judges.gpt-4]\nattempt = 2\n", "evalh.toml:2: unknown key 'attempt'. Did you mean 'attempts'"),
        ('[limits."http://x/v1"]\nconcurrency = 0\n', "evalh.toml:2: concurrency must be above 0"),
        ("[generation.default]\ntemprature = 1\n", "evalh.toml:2: unknown key 'temprature'. Did you mean 'temperature'?"),
    ],
)
def test_a_bad_evalh_toml_names_the_line(text: str, said: str) -> None:
    """A fault in evalh.toml is exit 2 with file and line, whatever the command."""
    Path("evalh.toml").write_text(text, "utf-8")
    for arguments in (("run",), ("models", "list")):
        done = evalh(*arguments)
        assert done.code == 2
        assert said in done.err


def test_a_bad_question_file_names_every_line() -> None:
    """All faults of a question file come in one message, each with its line."""
    Path("q.jsonl").write_text(
        '{"question_id": "1", "category": "x", "turns": ["?"]}\n'
        '{"question_id": "1", "category": "x", "turns": ["?"]}\n'
        "{oops\n"
        '{"question_id": "2", "category": "x", "turn": ["?"]}\n',
        "utf-8",
    )
    done = evalh("run", "--questions", "q.jsonl")
    assert done.code == 2
    assert "q.jsonl:2: question_id '1' stands on line 1 already" in done.err
    assert "q.jsonl:3: not JSON" in done.err
    assert "q.jsonl:4: unknown field 'turn'. Did you mean 'turns'?" in done.err


def test_a_bad_answer_file_names_the_line() -> None:
    """A line of an answer file that is no answer is exit 2 with file and line."""
    Path("a.jsonl").write_text('{"question_id": "writing-01", "turns": ["x"]}\n{"question_id": "writing-02"}\n', "utf-8")
    done = evalh("run", "--models", "file:a.jsonl,careful", "--limit", "2")
    assert done.code == 2
    assert "a.jsonl:2: an answer needs" in done.err


def test_everything_missing_is_listed_at_once() -> None:
    """Two models without an address and a judge without a key: one message, three entries, each with the ways to supply it."""
    done = evalh("run", "--models", "vicuna,alpaca,other=file:nowhere.jsonl", "--judge", "gpt-4")
    assert done.code == 2
    assert done.err.count("\n  - ") == 4
    assert "model vicuna: no server is known for lmsys/vicuna-13b-v1.5" in done.err
    assert "model alpaca: no server is known for" in done.err
    assert "model other: there is no answer file nowhere.jsonl" in done.err
    assert "judge model gpt-4: the environment variable OPENAI_API_KEY" in done.err
    assert all(way in done.err for way in ("evalh.toml", "OPENAI_BASE_URL", "export OPENAI_API_KEY=", "=file:ANSWERS.jsonl"))


def test_what_the_message_proposes_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry with nothing but the address, or the key's variable, is enough for a model of the catalogue."""
    Path("evalh.toml").write_text(
        '[models.vicuna]\nbase_url = "http://127.0.0.1:9/v1"\n[models."gpt-4"]\napi_key_env = "MY_KEY"\n', "utf-8"
    )
    monkeypatch.setenv("MY_KEY", "x" * 20)
    models = {m["name"]: m for m in json.loads(evalh("models", "list", "--format", "json").out)["models"]}
    assert models["vicuna"]["missing"] == models["gpt-4"]["missing"] == []
    assert models["vicuna"]["model"] == "lmsys/vicuna-13b-v1.5"
    assert models["gpt-4"]["price"] == {"input": 30.0, "output": 60.0}


def test_nothing_is_sent_before_everything_is_checked(fake_server: Callable[..., FakeServer]) -> None:
    """A fault in the last thing that is looked at stops the run before its first request."""
    server = fake_server()
    Path("evalh.toml").write_text(f'[models.a]\nbase_url = "{server.base_url}"\nmodel = "m"\n', "utf-8")
    for wrong in (("--judge", "gtp-4"), ("--mode", "x"), ("--pairs", "x"), ("--categories", "x"), ("--judge", "gpt-4")):
        assert evalh("run", "--models", "a", *wrong).code == 2
    assert server.stats()["total"] == 0


def test_verbose_twice_shows_the_traceback() -> None:
    """-vv is for us: the error rises as it is."""
    from evalh.errors import UnknownName

    with pytest.raises(UnknownName):
        evalh("run", "-vv", "--mode", "x")


def test_another_judge_under_a_known_label_is_refused(finished: Path) -> None:
    """A label means one protocol within a run; the message names both and how to keep both."""
    before = (finished / "judgments.jsonl").read_bytes()
    done = evalh("judge", finished, "--judge", "gpt-4=vicuna-2023", "--judge-model", "scripted:judge", "--quiet")
    assert done.code == 2
    assert "judge gpt-4: it was gpt-4, is vicuna-2023" in done.err
    assert "--judge NEW=vicuna-2023" in done.err
    assert (finished / "judgments.jsonl").read_bytes() == before


def test_a_changed_parameter_is_refused_and_named(finished: Path) -> None:
    """A model of the run with another parameter is exit 2, naming what it was and what it is."""
    Path("evalh.toml").write_text('[models.one]\nprovider = "scripted"\nmodel = "words"\ntemperature = 0.3\n', "utf-8")
    done = evalh(
        "run", "--models", "one", "--judge", "gpt-4", "--judge-model", "scripted:judge", "--quiet", "--mode", "absolute"
    )
    assert done.code == 2
    assert "model one: params was {}, is {'temperature': 0.3}" in done.err
    assert "--fresh" in done.err
    assert "--out" in done.err


def test_a_question_with_another_text_is_refused(tmp_path: Path) -> None:
    """A question of the run that now reads otherwise is exit 2, by its id."""
    Path("q.jsonl").write_text('{"question_id": "1", "category": "x", "turns": ["Why?"]}\n', "utf-8")
    command = ("run", *MODELS, "--questions", "q.jsonl", "--judge", "baseline", "--no-report", "--quiet")
    assert evalh(*command).code == 0
    Path("q.jsonl").write_text('{"question_id": "1", "category": "x", "turns": ["Why not?"]}\n', "utf-8")
    done = evalh(*command)
    assert done.code == 2
    assert "question 1: its text, category, reference or metadata differs" in done.err
