"""Replies held to a form, and what servers leave out in silence, over real HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from evalh.judges.structured import FORMS
from support.command import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
VALUES = ("question_id", "mode", "status", "verdict", "strength", "preference", "scores", "ranking")


def _run(server: FakeServer, out: str, extra: str = "", code: int = 0) -> tuple[list[tuple[Any, ...]], dict[str, Any], str]:
    """Run the job; (the values of every judgment, the report's JSON, what was shown)."""
    configure(server, extra=extra)
    done = evalh(*COMMAND, "--limit", "6", "--out", f"results/{out}", "--ledger", f"{out}.sqlite3")
    assert done.returncode == code, done.stderr
    report = json.loads(evalh("report", f"results/{out}", "--format", "json").stdout)
    judgments = library.load(f"results/{out}").judgments
    return [tuple(getattr(j, name) for name in VALUES) for j in judgments], report, done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_records(fake_server: FakeServers, form: str) -> None:
    """A server that keeps the form, one that ignores it, and plain text: the same verdicts; only who ignores it is named."""
    kept = fake_server(models=PLAYED)
    ignoring = fake_server(models={**PLAYED, "gpt-4": {"kind": "judge", "honour_schema": False}})
    text, _, _ = _run(kept, "text")
    held, report, shown = _run(kept, "held", f'[judges.gpt-4]\nstructured = "{form}"')
    other, noticed, said = _run(ignoring, "ignored", f'[judges.gpt-4]\nstructured = "{form}"')
    assert text == held == other
    assert {row[2] for row in text} == {"scored"}
    flag = {"json_schema": "schema", "grammar": "grammar"}.get(form, "choice") + "_ignored"
    assert report["by_judge"]["gpt-4"]["flags"] == {}
    assert noticed["by_judge"]["gpt-4"]["flags"] == {flag: 24}
    assert noticed["by_judge"]["gpt-4"]["replies"] == 24
    assert "Left out by the server" not in shown
    assert f"in {24} of 24 replies." in " ".join(said.split())


def test_the_servers_word_is_enough(fake_server: FakeServers) -> None:
    """`structured` under [models.X] holds every judge that asks that model; the judge's own word goes before it."""
    server = fake_server(models=PLAYED)
    configure(server)
    path = Path("evalh.toml")
    path.write_text(path.read_text().replace('model = "gpt-4"', 'model = "gpt-4"\nstructured = "json_schema"'))
    assert evalh(*COMMAND, "--limit", "1", "--no-report").returncode == 0
    replies = [j.explanation for j in library.load("core-80--gpt-4").judgments]
    assert all(reply.startswith("{") for reply in replies)
    with path.open("a") as f:
        f.write('[judges.gpt-4]\nstructured = "none"\n')
    done = evalh(*COMMAND, "--limit", "1", "--no-report")
    assert done.returncode == 2, "another form is another judge"
    assert "prompt, scale, reader or parameters of variant" in done.stderr


FAULTS = [
    ('[judges.gpt-4]\nstructured = "json"', 'structured must be "json_schema"'),
    ('[models.x]\nmodel = "y"\nstructured = "xml"', 'structured must be "json_schema"'),
    ('[models.x]\nmodel = "y"\nextra_body = { n = 2 }', "n = 2: evalh asks for one whole reply at a time; --samples"),
    ('[models.x]\nmodel = "y"\nextra_body = { stream = true }', "stream = True: evalh asks for one whole reply"),
]


@pytest.mark.parametrize(("extra", "words"), FAULTS)
def test_what_cannot_be_is_refused_before_anything_is_sent(fake_server: FakeServers, extra: str, words: str) -> None:
    """An unknown form, and the fields of a request that some servers ignore in silence, are exit 2 with file and line."""
    server = fake_server(models=PLAYED)
    configure(server, extra=extra)
    done = evalh(*COMMAND)
    assert done.returncode == 2
    assert words in done.stderr
    assert "evalh.toml:" in done.stderr
    assert server.stats()["total"] == 0


def test_a_folder_cannot_ask_for_what_its_reader_cannot_read(tmp_path: Path) -> None:
    """A form that the scale cannot be put in, and n in the parameters, are faults of the folder, named by key."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "p.md").write_text("[user]\n{question} {answer_a} {answer_b}\n", "utf-8")
    (folder / "judge.toml").write_text(
        'model = "openai:x"\n[params]\nn = 2\n[variants.a]\nmode = "pairwise"\nprompt = "p.md"\nscale = "preference"\n'
        'reader = "token-preference"\nstructured = "json_schema"\n',
        "utf-8",
    )
    done = evalh("judges", "validate", folder)
    assert done.returncode == 2
    assert "params.n: evalh asks for one whole reply at a time; --samples asks for several" in done.stderr
    (folder / "judge.toml").write_text((folder / "judge.toml").read_text("utf-8").replace("n = 2", ""), "utf-8")
    done = evalh("judges", "validate", folder)
    assert done.returncode == 2
    assert "variants.a.structured: 'json_schema' cannot hold a preference scale" in done.stderr


def test_every_silent_omission_is_named(fake_server: FakeServers) -> None:
    """No log-probabilities, no token counts, another model's name: in the records, in the report's JSON and in its words."""
    judge = {"kind": "judge", "logprobs": False, "usage": False, "served": "gpt-4@main"}
    server = fake_server(models={**PLAYED, "lmsys/vicuna-13b-v1.5": {"usage": False}, "gpt-4": judge})
    configure(server, extra="[judges.gpt-4]\nlogprobs = true\ntop_logprobs = 5")
    done = evalh(*COMMAND, "--limit", "2")
    assert done.returncode == 0, done.stderr
    assert "gpt-4: asked for 'gpt-4', and the server says that 'gpt-4@main' replied" in done.stderr
    assert done.stderr.count("gpt-4@main") == 1
    run = library.load("core-80--gpt-4")
    assert all(j.flags == ("no_logprobs", "no_usage") for j in run.judgments)
    assert {a.flags for a in run.answers if a.model == "vicuna"} == {("no_usage",)}
    assert {a.flags for a in run.answers if a.model == "alpaca"} == {()}
    report = json.loads(evalh("report", run.path, "--format", "json").stdout)
    assert report["by_judge"]["gpt-4"]["flags"] == {"no_logprobs": 8, "no_usage": 8}
    assert report["answers"] == {"vicuna": {"replies": 2, "flags": {"no_usage": 2}}, "alpaca": {"replies": 2, "flags": {}}}
    assert report["served"] == [{"label": "gpt-4", "asked": "gpt-4", "served": ["gpt-4@main"]}]
    shown = " ".join(done.stdout.split())
    assert "Left out by the server in silence: log-probabilities in 8 of 8 replies, token counts in 8 of 8 replies." in shown
    assert "Left out by servers: vicuna: token counts in 2 of 2 replies." in shown
    assert "Served under another name: gpt-4: asked for gpt-4, served as gpt-4@main." in shown
    for name in ("leaderboard.md", "index.html"):
        text = next(run.path.rglob(name), None)
        assert text is None or "token counts in 8 of 8 replies" in text.read_text("utf-8")


def test_thinking_is_kept_and_never_a_verdict(fake_server: FakeServers) -> None:
    """Thinking text that the server keeps apart stands before the judge's words in the record, and none of it is read."""
    server = fake_server(models={**PLAYED, "gpt-4": {"kind": "judge", "thinks": "Perhaps [[1]], perhaps [[B]]?"}})
    plain = fake_server(models=PLAYED)
    with_thoughts, _, _ = _run(server, "thinking")
    without, _, _ = _run(plain, "plain")
    assert with_thoughts == without
    for j in library.load("results/thinking").judgments:
        assert j.flags == ("thinking",)
        assert j.explanation.startswith("<think>\nPerhaps [[1]], perhaps [[B]]?\n</think>\n\nThe tag")
