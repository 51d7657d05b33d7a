"""The fake Batch API, by the real SDK where it matters."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from support.server import FakeServer
from support.server.fixtures import Factory

from .calls import ask, chat, chat_body


def lines(count: int, model: str = "vicuna") -> bytes:
    """Return an input file with so many requests."""
    rows = (
        {"custom_id": f"unit-{i}", "method": "POST", "url": "/v1/chat/completions", "body": chat_body(f"question {i}", model)}
        for i in range(count)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def submit(client: openai.OpenAI, content: bytes, **metadata: str) -> Any:
    """Upload a file and create a batch of it."""
    uploaded = client.files.create(file=("units.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata
    )


def statuses(client: openai.OpenAI, batch: Any) -> list[str]:
    """Poll a batch to its end and return the statuses seen."""
    seen = []
    for _ in range(50):
        seen.append(client.batches.retrieve(batch.id).status)
        if seen[-1] in ("completed", "failed", "expired", "cancelled"):
            break
    return seen


def rows_of(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """Download a file of results."""
    assert file_id is not None
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


@pytest.fixture
def server(fake_server: Factory) -> FakeServer:
    """Start a server with one model."""
    return fake_server(models={"vicuna": "quality"})


@pytest.fixture
def client(server: FakeServer) -> Iterator[openai.OpenAI]:
    """Open the SDK's client for that server."""
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as opened:
        yield opened


def test_batch_goes_its_way_and_answers_every_line(server: FakeServer, client: openai.OpenAI) -> None:
    """A batch passes every stage, its lines come back in another order, and each answer is the live one."""
    content = lines(20)
    batch = submit(client, content, run="r-1")
    assert client.files.retrieve(batch.input_file_id).bytes == len(content)
    assert client.files.content(batch.input_file_id).content == content
    assert statuses(client, batch) == ["validating", "in_progress", "finalizing", "completed"]
    ended = client.batches.retrieve(batch.id)
    assert ended.error_file_id is None
    assert ended.request_counts is not None
    assert (ended.request_counts.total, ended.request_counts.completed, ended.request_counts.failed) == (20, 20, 0)
    rows = rows_of(client, ended.output_file_id)
    ids = [row["custom_id"] for row in rows]
    assert sorted(ids) == sorted(f"unit-{i}" for i in range(20))
    assert ids != [f"unit-{i}" for i in range(20)]
    for row in rows:
        text = f"question {row['custom_id'].removeprefix('unit-')}"
        assert row["response"]["body"]["choices"] == chat(server, text).json["choices"]
        assert (row["error"], row["response"]["status_code"]) == (None, 200)


def test_batch_lines_are_counted_apart_and_double_payment_shows(server: FakeServer, client: openai.OpenAI) -> None:
    """Tokens of a batch have their own count; a body paid in a batch and live is paid twice."""
    statuses(client, submit(client, lines(3)))
    stats = server.stats()
    assert (stats["batch"]["lines"], stats["tokens"]["total"]) == (3, 0)
    assert stats["batch"]["tokens"]["total"] > 0
    assert stats["bodies"]["repeated"] == {}
    chat(server, "question 1")
    assert list(server.stats()["bodies"]["repeated"].values()) == [2]


def test_listing_finds_batches_by_metadata_newest_first(client: openai.OpenAI) -> None:
    """The list shows metadata, newest first, page by page."""
    made = [submit(client, lines(1), number=str(i)).id for i in range(5)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == made[:2:-1]
    assert page.has_more
    assert [(batch.metadata or {})["number"] for batch in client.batches.list(limit=2)] == ["4", "3", "2", "1", "0"]
    assert len(list(client.files.list(purpose="batch"))) == 5


def test_failed_lines_go_to_the_error_file(fake_server: Factory) -> None:
    """Rules for batches strike single lines; those come back in the error file with their status."""
    rules = [{"kind": "500", "share": 0.2, "where": "batch"}, {"kind": "reset", "share": 0.2, "where": "batch"}]
    server = fake_server(rules=[*rules, {"kind": "cut_json", "share": 0.2, "where": "batch"}])
    with openai.OpenAI(base_url=server.base_url, api_key="any") as client:
        batch = submit(client, lines(40))
        assert statuses(client, batch)[-1] == "completed"
        ended = client.batches.retrieve(batch.id)
        good, bad = rows_of(client, ended.output_file_id), rows_of(client, ended.error_file_id)
        assert len(good) + len(bad) == 40
        assert 12 < len(bad) < 36
        assert {row["response"]["status_code"] for row in bad} == {500}
        assert all("error" in row["response"]["body"] for row in bad)
        assert ended.request_counts is not None
        assert ended.request_counts.failed == len(bad)
        assert sum(server.stats()["batch"]["by_fault"].values()) == len(bad)
    assert chat(server, "question 1").status == 200


def test_expired_batch_returns_what_was_done(fake_server: Factory) -> None:
    """An expired batch has its done lines in the output and the others as batch_expired; the next one completes."""
    server = fake_server(batch={"outcomes": ["expired", "completed"], "done_share": 0.25})
    with openai.OpenAI(base_url=server.base_url, api_key="any") as client:
        batch = submit(client, lines(8))
        assert statuses(client, batch) == ["validating", "in_progress", "expired"]
        ended = client.batches.retrieve(batch.id)
        assert len(rows_of(client, ended.output_file_id)) == 2
        assert {row["error"]["code"] for row in rows_of(client, ended.error_file_id)} == {"batch_expired"}
        assert ended.expired_at is not None
        assert statuses(client, submit(client, lines(8)))[-1] == "completed"
    assert server.stats()["batch"]["lines"] == 10


def test_cancelled_batch_keeps_what_was_done(fake_server: Factory) -> None:
    """Cancelling goes through cancelling; done lines stay, others say batch_cancelled; an ended batch stays as it is."""
    server = fake_server(batch={"done_share": 0.5})
    with openai.OpenAI(base_url=server.base_url, api_key="any") as client:
        batch = submit(client, lines(4))
        for _ in range(2):
            client.batches.retrieve(batch.id)
        assert client.batches.cancel(batch.id).status == "cancelling"
        assert statuses(client, batch) == ["cancelling", "cancelled"]
        ended = client.batches.cancel(batch.id)
        assert ended.status == "cancelled"
        assert len(rows_of(client, ended.output_file_id)) == 2
        assert {row["error"]["code"] for row in rows_of(client, ended.error_file_id)} == {"batch_cancelled"}
        early = submit(client, lines(2))
        client.batches.cancel(early.id)
        assert statuses(client, early)[-1] == "cancelled"
        assert client.batches.retrieve(early.id).output_file_id is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not json\n", "invalid_json_line"),
        (lines(1) * 2, "duplicate_custom_id"),
        (lines(1).replace(b"completions", b"other"), "invalid_url"),
        (lines(1) + lines(2, "alpaca").splitlines()[1], "mismatched_model"),
        (b"", "empty_file"),
        (lines(6), "too_many_tasks"),
    ],
)
def test_bad_input_files_fail_the_batch(fake_server: Factory, content: bytes, code: str) -> None:
    """A file the service cannot run makes the batch fail, and the error names the line."""
    server = fake_server(batch={"max_lines": 5})
    with openai.OpenAI(base_url=server.base_url, api_key="any") as client:
        batch = submit(client, content)
        assert statuses(client, batch) == ["validating", "failed"]
        ended = client.batches.retrieve(batch.id)
        assert ended.errors is not None
        assert [error.code for error in ended.errors.data or []] == [code]
    assert server.stats()["batch"]["lines"] == 0


def test_refused_batch_and_wrong_requests(fake_server: Factory) -> None:
    """A scripted failure fails a good file; wrong ids, purposes and bodies get their 4xx."""
    server = fake_server(batch={"outcomes": ["failed"]})
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        batch = submit(client, lines(2))
        assert statuses(client, batch)[-1] == "failed"
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve("batch_none")
        with pytest.raises(openai.BadRequestError):
            client.files.create(file=("x", b"x"), purpose="fine-tune")
        with pytest.raises(openai.BadRequestError):
            client.batches.create(input_file_id="file-none", endpoint="/v1/chat/completions", completion_window="24h")
        with pytest.raises(openai.BadRequestError):
            client.batches.create(input_file_id=batch.input_file_id, endpoint="/v1/embeddings", completion_window="24h")
        assert client.files.delete(batch.input_file_id).deleted
    assert ask(server, "POST", "/v1/batches", b"{").status == 400
    assert ask(server, "POST", "/v1/files", b"no form").status == 400


def test_batch_may_take_polls_or_time(fake_server: Factory) -> None:
    """With polls 0 the first look finds the end; with stage seconds the clock decides."""
    server = fake_server(batch={"polls": 0})
    with openai.OpenAI(base_url=server.base_url, api_key="any") as client:
        assert statuses(client, submit(client, lines(1))) == ["completed"]
        server.configure(batch={"polls": 0, "stage_seconds": 0.4})
        batch = submit(client, lines(1))
        assert client.batches.retrieve(batch.id).status == "validating"
        time.sleep(1.3)
        assert client.batches.retrieve(batch.id).status == "completed"


def test_counts_reset_without_losing_batches_unless_asked(server: FakeServer, client: openai.OpenAI) -> None:
    """A reset forgets counts; files and batches go only if named."""
    batch = submit(client, lines(1))
    server.reset()
    assert client.batches.retrieve(batch.id).id == batch.id
    server.reset(batches=True)
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(batch.id)


def test_faults_strike_the_batch_paths_if_named(server: FakeServer, client: openai.OpenAI) -> None:
    """A rule for the path of batches or files disturbs creating and polling."""
    server.faults({"kind": "503", "path": "/batches", "count": 1}, {"kind": "reset", "path": "/content", "count": 1})
    with pytest.raises(openai.InternalServerError):
        submit(client, lines(1))
    batch = submit(client, lines(1))
    with pytest.raises(openai.APIConnectionError):
        client.files.content(batch.input_file_id)
    assert client.files.content(batch.input_file_id).content == lines(1)
