"""--batch from the command line: the records of a live run at half the price, and nothing paid twice whoever dies when."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command import evalh as command_line
from support.command import started
from support.inside import evalh
from support.job import COMMAND, PLAYED, configure
from support.server import FakeServer

FakeServers = Callable[..., FakeServer]
QUICK = {"polls": 0}  # a batch is done when it is first looked at
SLOW = {"polls": 0, "stage_seconds": 60}  # and one that never is
FEW = ("--limit", "5", "--mode", "pairwise", "--no-report")
UNITS = 20  # 2 models x 5 questions, 5 comparisons in both orders
BATCHES = 3  # one for each model's answers, one for the verdicts
RECORDS = ("answers.jsonl", "judgments.jsonl")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are looked at after hundredths of a second."""
    monkeypatch.setenv("EVALH_BATCH_POLL", "0.02")


@pytest.fixture
def process() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test has started; none outlives it."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for one in running:
        if one.poll() is None:
            one.kill()
            one.communicate()


def batch(*more: str, out: str = "results/batch", command: tuple[str, ...] = (*COMMAND, *FEW)) -> tuple[str, ...]:
    """The command line of a batch run."""
    return (*command, "--out", out, "--batch", *more)


USUAL: dict[str, bytes] = {}


def live(server: FakeServer, *command: str) -> None:
    """The same units in a live run with a ledger of its own; the server forgets it.

    The usual command is run live once for all tests: its records depend on nothing that a test changes.
    """
    if command or not USUAL:
        done = evalh(*(command or (*COMMAND, *FEW)), "--out", "results/live", "--ledger", "live.sqlite3")
        assert done.code == 0, done.err
        server.reset(batches=True)
    if not command:
        USUAL.update(USUAL or {name: Path("results/live", name).read_bytes() for name in RECORDS})
        Path("results/live").mkdir(parents=True, exist_ok=True)
        for name, content in USUAL.items():
            Path("results/live", name).write_bytes(content)


def same_records(out: str = "results/batch", names: tuple[str, ...] = RECORDS) -> None:
    """The run's records are those of the live run, to the byte."""
    for name in names:
        assert Path(out, name).read_bytes() == Path("results/live", name).read_bytes(), name


def posted(server: FakeServer, path: str) -> int:
    """How often something was posted there."""
    return sum(r["method"] == "POST" and r["path"] == path for r in server.log())


def seen(server: FakeServer, method: str, part: str, limit: float = 20.0) -> None:
    """Wait until the server has got such a request."""
    until = time.monotonic() + limit
    while not any(r["method"] == method and part in r["path"] for r in server.log()):
        assert time.monotonic() < until, f"the server never saw {method} {part}"
        time.sleep(0.02)


def states() -> list[str]:
    """The states of all batches in the ledger."""
    with contextlib.closing(sqlite3.connect(Path(os.environ["EVALH_HOME"], "ledger.sqlite3"))) as db:
        return [state for (state,) in db.execute("SELECT state FROM batches ORDER BY at")]


def each_line_once(server: FakeServer, lines: int = UNITS) -> None:
    """The server answered every request once, and nothing live."""
    stats = server.stats()
    assert stats["batch"]["lines"] == lines
    assert stats["bodies"]["repeated"] == {}
    assert not any(r["path"].endswith("/chat/completions") for r in server.log())


# -- the same records ----------------------------------------------------------------------------------------------------


def test_records_are_those_of_a_live_run(fake_server: FakeServers) -> None:
    """Answers and judgments equal a live run's to the byte; verdicts travel in a batch of their own."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    done = command_line(*batch())
    assert done.returncode == 0, done.stderr
    same_records()
    assert posted(server, "/v1/batches") == posted(server, "/v1/files") == BATCHES
    assert states() == ["completed"] * BATCHES
    each_line_once(server)
    again = evalh(*batch())
    assert again.code == 0
    assert again.out == done.stdout
    assert posted(server, "/v1/batches") == BATCHES


def test_scores_need_not_wait_for_the_other_model(fake_server: FakeServers) -> None:
    """With scores and comparisons the records are the same too, in however many batches they came."""
    command = (*COMMAND, "--limit", "4", "--no-report")
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server, *command)
    done = evalh(*batch(command=command))
    assert done.code == 0, done.err
    same_records()
    each_line_once(server, 8 + 8 + 8)


def test_unreadable_verdicts_are_asked_again_in_a_third_batch(fake_server: FakeServers) -> None:
    """A verdict nobody can read is a record, and its second attempt travels in the batch after."""
    unreadable = {"kind": "unreadable", "tries": 1, "where": "both"}
    server = fake_server(models=PLAYED, batch=QUICK, rules=[unreadable])
    configure(server)
    live(server, *COMMAND, *FEW)
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    assert json.loads(Path("results/batch/run.json").read_text())["counts"]["asked_again"] == 10
    assert posted(server, "/v1/batches") == BATCHES + 1
    assert server.stats()["batch"]["lines"] == UNITS + 10


def test_second_turns_travel_in_a_later_batch(fake_server: FakeServers) -> None:
    """A second turn needs the first one's reply: two batches for each model, the same answers."""
    rows = [{"question_id": f"q{i}", "category": "writing", "turns": [f"First {i}?", f"Then {i}?"]} for i in range(4)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = ("answer", "--models", "vicuna,alpaca", "--questions", "q.jsonl")
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server, *command)
    done = evalh(*batch(command=command))
    assert done.code == 0, done.err
    same_records(names=("answers.jsonl",))
    assert posted(server, "/v1/batches") == 4
    each_line_once(server, 16)


def test_refused_parameters_are_left_out_in_the_next_batch(fake_server: FakeServers) -> None:
    """A model that refuses temperature and max_tokens is asked again without, as a live run does, flags included."""
    judge = {"kind": "judge", "reasoning": True}
    server = fake_server(models={**PLAYED, "gpt-4": judge}, batch=QUICK)
    configure(server)
    live(server, *COMMAND, *FEW)
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    assert "dropped:temperature" in Path("results/batch/judgments.jsonl").read_text()


def test_who_is_not_paid_is_asked_beside_the_batch(fake_server: FakeServers) -> None:
    """Recorded answers need no batch; the judge's requests go into one."""
    command = ("run", "--models", "careful,vicuna", "--judge", "gpt-4", *FEW)
    server = fake_server(models={**PLAYED, "gpt-4": {"kind": "judge", "untagged": "hash"}}, batch=QUICK)
    configure(server)
    live(server, *command)
    done = evalh(*batch(command=command))
    assert done.code == 0, done.err
    same_records()
    assert posted(server, "/v1/batches") == 2
    each_line_once(server, 15)


# -- failures ------------------------------------------------------------------------------------------------------------


def test_failed_lines_are_asked_again_and_refused_ones_are_failures(fake_server: FakeServers) -> None:
    """500s inside a batch go into the next one; what can't succeed becomes the failure that a live run records."""
    rules = [
        {"kind": "500", "share": 0.4, "tries": 1, "where": "batch"},
        {"kind": "context", "model": "tatsu-lab/*", "every": 3, "where": "both"},
    ]
    server = fake_server(models=PLAYED, batch=QUICK, rules=rules, seed=3)
    configure(server)
    command = ("answer", "--models", "vicuna", "--limit", "12")
    live(server, *command)
    done = evalh(*batch(command=command))
    assert done.code == 0, done.err
    same_records(names=("answers.jsonl",))
    failed = server.stats()["batch"]["by_fault"]["500"]
    assert failed > 0
    assert server.stats()["batch"]["lines"] == 12 + failed
    assert server.stats()["bodies"]["repeated"] == {}
    done = evalh("answer", "--models", "alpaca", "--limit", "6", "--out", "results/refused", "--batch", "--max-failures", "6")
    assert done.code == 0, done.err
    answers = [json.loads(row) for row in Path("results/refused/answers.jsonl").read_text().splitlines()]
    failures = [a["failure"] for a in answers if a["failure"] is not None]
    assert {f["kind"] for f in failures} == {"too_long"}
    assert "maximum context length" in failures[0]["message"]


def test_an_expired_batch_is_finished_by_another(fake_server: FakeServers) -> None:
    """Half of a batch is done when it expires: what is done is kept, the rest goes into another, nothing is paid twice."""
    server = fake_server(models=PLAYED, batch={**QUICK, "outcomes": ["expired", "expired", "completed"]})
    configure(server, price=True)
    live(server)
    done = evalh(*batch("--budget", "5"))
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)
    assert states().count("expired") == 2
    assert set(states()) == {"expired", "completed"}
    cost = json.loads(Path("results/batch/run.json").read_text())["cost"]
    assert cost["requests"] == UNITS


def test_a_batch_that_is_refused_as_a_whole(fake_server: FakeServers) -> None:
    """The API's own words are in the message; nothing stays behind, so that the same command may try again."""
    server = fake_server(models=PLAYED, batch={**QUICK, "outcomes": ["completed", "failed"], "fail_code": "billing_hard_limit"})
    configure(server)
    live(server)
    done = evalh(*batch())
    assert done.code == 1
    assert "refused as a whole: The batch was refused. (billing_hard_limit)" in done.err
    assert f"(5 requests at {server.base_url})" in done.err
    assert "failed" in states()
    server.configure(batch=QUICK)
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)


def test_a_batch_that_is_too_large_for_the_queue_goes_in_parts(fake_server: FakeServers) -> None:
    """Where the server lets few requests wait at once, they go in smaller batches, one after the other, each request once."""
    server = fake_server(models=PLAYED, batch={**QUICK, "max_waiting": 2})
    configure(server)
    live(server)
    done = evalh(*batch())
    assert done.code == 0, done.err
    assert "more than the server lets wait at once" in done.err
    same_records()
    each_line_once(server)
    assert set(states()) == {"completed", "failed"}


def test_a_request_that_is_too_large_for_the_queue_by_itself(fake_server: FakeServers) -> None:
    """Where even one request is too much, the run ends and says so instead of halving for ever."""
    server = fake_server(models=PLAYED, batch={**QUICK, "outcomes": ["failed"]})
    configure(server)
    done = evalh(*batch())
    assert done.code == 1
    assert "(1 requests at" in done.err
    assert "token_limit_exceeded" in done.err


def test_a_batch_that_somebody_cancelled(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """What was done is kept, and nothing is submitted again unasked; the same command then does the rest."""
    server = fake_server(models=PLAYED, batch={"polls": 2, "stage_seconds": 0.3})
    configure(server)
    command = ("answer", "--models", "vicuna", "--limit", "6")
    live(server, *command)
    run = started(*batch(command=command))
    process.append(run)
    while server.stats()["batch"]["lines"] < 3:
        time.sleep(0.02)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as client:
        client.request("POST", "/v1/batches/batch_fake000001/cancel", b"{}")
        assert client.getresponse().status == 200
    _, said = run.communicate(timeout=20)
    assert run.returncode == 1
    assert "batch_fake000001 of vicuna was cancelled" in said
    assert posted(server, "/v1/batches") == 1
    server.configure(batch=QUICK)
    done = evalh(*batch(command=command))
    assert done.code == 0, done.err
    same_records(names=("answers.jsonl",))
    each_line_once(server, 6)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("cut_body", "/content"),
        ("cut_json", "/content"),
        ("reset", "/v1/files"),
        ("reset", "/v1/batches"),
        ("500", "/v1/batches"),
        ("malformed", "/v1/batches/"),
        ("429", "/v1/batches/"),
    ],
)
def test_a_fault_at_any_step_is_got_over(fake_server: FakeServers, kind: str, path: str) -> None:
    """Each call is made again where that may help; a batch whose creation is in doubt is looked for first."""
    rule = {"kind": kind, "path": path, "count": 1, "retry_after": 0.1}
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.faults(rule)
    done = evalh(*batch("-v"))
    assert done.code == 0, done.err
    assert "; try 2 in" in done.err
    same_records()
    each_line_once(server)
    created = [r for r in server.log() if r["method"] == "POST" and r["path"] == "/v1/batches" and r["status"] == 200]
    assert len(created) == BATCHES


def test_a_server_that_goes_away_is_waited_for(fake_server: FakeServers) -> None:
    """Connections refused for a while in mid-run: looks go on until it is back."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.faults({"kind": "refuse", "path": "/v1/batches/", "count": 1, "seconds": 1.5})
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)


def test_a_wrong_key_ends_the_run_and_appears_nowhere(fake_server: FakeServers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is refused at the upload: exit 1, no batch is left behind, and the key stands in no file or message."""
    canary = "sk-canary-5f2a9c81d3"
    monkeypatch.setenv("MY_KEY", canary)
    server = fake_server(models=PLAYED, batch=QUICK, api_key="another", echo_key=True)
    path = configure(server)
    path.write_text(path.read_text().replace("provider", 'api_key_env = "MY_KEY"\nprovider'))
    done = evalh(*batch("-vv"))
    assert done.code == 1
    assert "The key is missing, wrong or not allowed" in done.err
    assert states() == ["abandoned"] * 2
    server.configure(api_key=canary)
    assert evalh(*batch("-vv")).code == 0
    assert all(r["authorized"] for r in server.log())
    assert canary not in done.out + done.err
    for folder in (Path.cwd(), Path(os.environ["EVALH_HOME"])):
        for file in folder.rglob("*"):
            assert not file.is_file() or canary.encode() not in file.read_bytes(), file


def test_an_endpoint_without_batch_api(fake_server: FakeServers) -> None:
    """A server that knows no files is named, with what to do; nothing was sent."""
    server = fake_server(models=PLAYED, rules=[{"kind": "404", "path": "/v1/files"}])
    configure(server)
    done = evalh(*batch())
    assert done.code == 1
    assert f"{server.base_url} has no Batch API (HTTP 404); leave --batch out" in done.err


def test_what_cannot_be_is_refused_before_anything_is_sent(fake_server: FakeServers, monkeypatch: pytest.MonkeyPatch) -> None:
    """--batch with an ollama: model is exit 2 and names it; so is an interval that is no number."""
    server = fake_server(models=PLAYED)
    configure(server)
    done = evalh("run", "--models", "vicuna,mine=ollama:mistral", "--judge", "gpt-4", *FEW, "--batch")
    assert done.code == 2
    assert "only openai: models have" in done.err
    assert "  - model mine" in done.err
    assert "vicuna" not in done.err
    assert server.stats()["total"] == 0
    monkeypatch.setenv("EVALH_BATCH_POLL", "often")
    done = evalh(*batch())
    assert done.code == 2
    assert "EVALH_BATCH_POLL must be a number of seconds" in done.err
    assert server.stats()["total"] == 0


# -- whoever dies when ---------------------------------------------------------------------------------------------------

STEPS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, tuple[str, str]]] = {
    "while the file goes up": (QUICK, {"kind": "slow", "seconds": 5, "path": "/v1/files", "count": 1}, ("POST", "/v1/files")),
    "before the batch is made": (QUICK, {"kind": "503", "path": "/v1/batches"}, ("POST", "/v1/batches")),
    "before its name is known": (QUICK, {"kind": "slow", "seconds": 5, "path": "/v1/batches"}, ("POST", "/v1/batches")),
    "while it is under way": (SLOW, None, ("GET", "/v1/batches/batch_")),
    "while replies come down": (QUICK, {"kind": "drip", "seconds": 5, "path": "/content"}, ("GET", "/content")),
}


@pytest.mark.parametrize("step", list(STEPS))
def test_killed_at_a_step_and_run_again(fake_server: FakeServers, process: list[subprocess.Popen[str]], step: str) -> None:
    """Whatever step the process dies in, the same command goes on: every line is answered once, every batch made once."""
    behaviour, rule, (method, part) = STEPS[step]
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.faults(*([rule] if rule else []), batch=behaviour)
    run = started(*batch())
    process.append(run)
    seen(server, method, part)
    run.kill()
    run.communicate()
    server.faults(batch=QUICK)
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)
    made = [r for r in server.log() if r["method"] == "POST" and r["path"] == "/v1/batches" and r["status"] == 200]
    assert len(made) == BATCHES
    if step != "while the file goes up":
        assert posted(server, "/v1/files") == BATCHES
    cost = json.loads(Path("results/batch/run.json").read_text())["cost"]
    assert cost["requests"] == UNITS


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_moments(fake_server: FakeServers, process: list[subprocess.Popen[str]], seed: int) -> None:
    """Four kills at random moments, then completion: the bytes of a live run, and nothing paid twice."""
    slow = [{"kind": "slow", "seconds": 0.05, "path": "/v1/"}]
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.faults(*slow, batch={"polls": 2})
    moments = random.Random(seed)
    for _ in range(4):
        run = started(*batch())
        process.append(run)
        time.sleep(0.7 + moments.random() * 0.8)
        run.kill()
        run.communicate()
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)
    assert posted(server, "/v1/batches") == BATCHES


def test_a_batch_is_found_among_many(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """A batch whose creation was never confirmed is found on a later page of the account's list."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.faults({"kind": "slow", "seconds": 5, "path": "/v1/batches"})
    run = started(*batch())
    process.append(run)
    seen(server, "POST", "/v1/batches")
    run.kill()
    run.communicate()
    server.faults()
    others = 130
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as client:
        asked = {"input_file_id": "file-fake000001", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        for _ in range(others):
            client.request("POST", "/v1/batches", json.dumps(asked))
            assert client.getresponse().read()
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)
    assert posted(server, "/v1/batches") == BATCHES + others
    assert any("after=" in r["query"] for r in server.log())


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_leaves_the_batch_to_the_server(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """Ctrl-C while a batch is under way: exit 130 at once, saying that it goes on and how to take it up."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.configure(batch=SLOW)
    run = started(*batch())
    process.append(run)
    seen(server, "GET", "/v1/batches/batch_fake000001")
    seen(server, "GET", "/v1/batches/batch_fake000002")
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert time.monotonic() - began < 15.0  # not the minutes that the batch would take; a busy machine is slow to stop
    assert "go on at the server: the same command with --batch takes it up" in said
    assert "batch_fake000001 (" in said  # the progress line: which batch, its status and counts
    assert " validating 0/5" in said
    assert json.loads(Path("results/batch/run.json").read_text())["partial"] == "interrupted"
    server.configure(batch=QUICK)
    done = evalh(*batch())
    assert done.code == 0, done.err
    assert done.err.count(": taken up, 5 requests") == 2
    same_records()
    each_line_once(server)
    assert posted(server, "/v1/batches") == BATCHES


def test_a_live_run_does_not_send_what_is_in_a_batch(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """Without --batch a run that needs what is under way says so and sends none of it; afterwards it finds it paid for."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.configure(batch=SLOW)
    run = started(*batch())
    process.append(run)
    seen(server, "GET", "/v1/batches/batch_fake000002")
    other = evalh(*COMMAND, *FEW, "--out", "results/other")  # while the first process lives
    run.kill()
    run.communicate()
    again = evalh(*COMMAND, *FEW, "--out", "results/batch")  # and once it is dead
    for done in (other, again):
        assert done.code == 1
        assert "5 requests to " in done.err
        assert "Run the same command with --batch to wait for it" in done.err
    server.configure(batch=QUICK)
    assert evalh(*batch()).code == 0
    done = evalh(*COMMAND, *FEW, "--out", "results/other")
    assert done.code == 0, done.err
    same_records()
    same_records("results/other")
    each_line_once(server)


def test_a_batch_that_the_server_has_forgotten(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """A batch that is not known any more stops the run, since another key may know it; after two days it has surely ended."""
    server = fake_server(models=PLAYED, batch=SLOW)
    configure(server)
    live(server)
    run = started(*batch())
    process.append(run)
    seen(server, "GET", "/v1/batches/batch_fake000002")
    run.kill()
    run.communicate()
    server.reset(batches=True)
    server.configure(batch=QUICK)
    done = evalh(*batch())
    assert done.code == 1
    assert f"is not known at {server.base_url}: was it submitted with the key of another project?" in done.err
    assert posted(server, "/v1/batches") == 0
    with contextlib.closing(sqlite3.connect(Path(os.environ["EVALH_HOME"], "ledger.sqlite3"))) as db, db:
        db.execute("UPDATE batches SET at = at - 200000")
    done = evalh(*batch())
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)


def test_two_batch_runs_at_once_pay_once(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """Two runs that need the same replies: one submits, the other waits for the same batch, both end with the same records."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server)
    live(server)
    server.configure(batch={"polls": 2, "stage_seconds": 0.3})
    both = [started(*batch(out=f"results/{name}")) for name in ("a", "b")]
    process.extend(both)
    for run in both:
        _, said = run.communicate(timeout=60)
        assert run.returncode == 0, said
    same_records("results/a")
    same_records("results/b")
    each_line_once(server)


def test_another_run_takes_up_a_batch_it_needs(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """The run that submitted is dead: another one that needs the replies waits for its batch; the first one paid for it."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server, price=True)
    live(server)
    server.configure(batch=SLOW)
    run = started(*batch())
    process.append(run)
    seen(server, "GET", "/v1/batches/batch_fake000002")
    run.kill()
    run.communicate()
    server.configure(batch=QUICK)
    done = evalh(*batch(out="results/other"))
    assert done.code == 0, done.err
    same_records("results/other")
    each_line_once(server)
    assert json.loads(Path("results/other/run.json").read_text())["cost"]["requests"] == 10
    assert evalh(*batch()).code == 0
    assert json.loads(Path("results/batch/run.json").read_text())["cost"]["requests"] == 10


# -- money ---------------------------------------------------------------------------------------------------------------


def billed(server: FakeServer) -> float:
    """Dollars by the server's own count, at half of the prices that `configure` writes."""
    tokens = server.stats()["batch"]["tokens"]
    return float(tokens["prompt"] * 1.0 + tokens["completion"] * 2.0) / 2e6


def test_a_batch_costs_half(fake_server: FakeServers) -> None:
    """The cost in run.json is the server's own count at half the list price, or at the share that the price entry says."""
    server = fake_server(models=PLAYED, batch=QUICK)
    path = configure(server, price=True)
    assert evalh(*batch()).code == 0
    cost = json.loads(Path("results/batch/run.json").read_text())["cost"]
    assert cost["usd"] == pytest.approx(billed(server))
    path.write_text(path.read_text().replace("output = 2.0", "output = 2.0, batch = 1.0"))
    server.reset()
    done = evalh(*batch("--ledger", "other.sqlite3", out="results/whole"))
    assert done.code == 0, done.err
    assert json.loads(Path("results/whole/run.json").read_text())["cost"]["usd"] == pytest.approx(2 * billed(server))


@pytest.mark.parametrize("cap", ["0.002", "0.006"])
def test_no_batch_passes_the_budget(fake_server: FakeServers, cap: str) -> None:
    """What would not fit stays unsent: exit 4, and the server's own count stays within; a larger budget does the rest."""
    server = fake_server(models=PLAYED, batch=QUICK)
    configure(server, price=True)
    live(server)
    done = evalh(*batch("--budget", cap))
    assert done.code == 4, done.err
    assert "Raise the budget" in done.err
    assert 0 < billed(server) <= float(cap)
    done = evalh(*batch("--budget", "5"))
    assert done.code == 0, done.err
    same_records()
    each_line_once(server)


def test_a_batch_under_way_counts_against_the_budget(fake_server: FakeServers, process: list[subprocess.Popen[str]]) -> None:
    """After a kill the worst case of what is under way is set aside again, so the next batch does not pass the cap."""
    server = fake_server(models=PLAYED, batch=SLOW)
    configure(server, price=True)
    run = started(*batch("--budget", "0.006"))
    process.append(run)
    seen(server, "GET", "/v1/batches/batch_")
    run.kill()
    run.communicate()
    before = posted(server, "/v1/batches")
    run = started(*batch("--budget", "0.006"))
    process.append(run)
    time.sleep(2.0)
    assert posted(server, "/v1/batches") == before
    server.configure(batch=QUICK)
    run.communicate(timeout=20)
    assert run.returncode == 4
    assert billed(server) <= 0.006
    assert server.stats()["bodies"]["repeated"] == {}
