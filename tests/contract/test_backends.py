"""One suite that every backend must pass: ours, and those of plugins, which may copy it.

A case says how to open the backend and how to have it answer. `CASES` has to name every backend that is registered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from evalh.core import wire
from evalh.core.config import ModelSpec
from evalh.core.ids import canonical
from evalh.core.ledger_rows import request_key
from evalh.core.protocols import Backend, RawBackend
from evalh.core.records import Answer, Completion, RawReply, Request
from evalh.core.registry import load, registered
from evalh.errors import BackendError, ServerFault, TransientError
from support.recorder import Recorder

QUESTION = "How many? naïve 😀 \u2028"
SECRET = "s3cret-0123456789"


@dataclass(frozen=True)
class Case:
    """A backend's name, and its spec once whatever it asks is there."""

    provider: str
    spec: Callable[[str], ModelSpec]


def over_http(provider: str, client: str = "light") -> Case:
    """A backend that asks a server."""
    return Case(
        provider,
        lambda url: ModelSpec(
            "label", provider, "model", url, "CONTRACT_KEY", headers={"x-api-key": SECRET[::-1]}, revision="r1", client=client
        ),
    )


CASES = {
    "openai": over_http("openai"),
    "openai-sdk": over_http("openai", "sdk"),
    "ollama": over_http("ollama"),
    "file": Case("file", lambda _: ModelSpec("label", "file", "answers.jsonl")),
    "scripted": Case("scripted", lambda _: ModelSpec("label", "scripted", "echo")),
    "scripted-rules": Case("scripted", lambda _: ModelSpec("label", "scripted", "rules.jsonl")),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Every backend, one after the other."""
    return CASES[request.param]


@pytest.fixture
def spec(case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelSpec]:
    """The spec of a model that answers, with a credential that must show nowhere."""
    monkeypatch.setenv("CONTRACT_KEY", SECRET)
    Path("answers.jsonl").write_text(json.dumps({"question_id": "q1", "turns": ["One.", "Two."]}) + "\n")
    Path("rules.jsonl").write_text(json.dumps({"match": "How many", "reply": "Seven."}) + "\n")
    with Recorder() as server:
        yield case.spec(server.url)


def opened(spec: ModelSpec) -> Any:
    """The backend as the engine opens it: by entry point."""
    return load("evalh.backends", spec.provider, "provider")(spec)


def ask(question: str = "q1", text: str = QUESTION, **more: Any) -> Request:
    """A request about a question."""
    return Request(({"role": "user", "content": text},), {"temperature": 0.5, "max_tokens": 9}, question_id=question, **more)


def during(spec: ModelSpec, use: Callable[[Any], Any]) -> Any:
    """What comes of a use of the backend, which is closed afterwards whatever happens."""

    async def go() -> Any:
        backend = opened(spec)
        try:
            return await use(backend)
        finally:
            await backend.aclose()

    return asyncio.run(go())


def test_every_registered_backend_has_a_case() -> None:
    """A backend that is added is added here."""
    assert {case.provider for case in CASES.values()} == set(registered("evalh.backends"))


def test_it_is_a_backend(spec: ModelSpec) -> None:
    """The protocol, and the few facts that the engine needs: who it is, where it asks, whether it is paid for."""
    backend = opened(spec)
    assert isinstance(backend, Backend)
    assert isinstance(backend.paid, bool)
    assert not backend.paid or isinstance(backend, RawBackend)
    assert isinstance(backend.endpoint, str)
    asyncio.run(backend.aclose())


def test_it_answers_with_a_completion_that_can_be_stored(spec: ModelSpec) -> None:
    """Text that is UTF-8, facts of the promised kinds, and a record made of them that survives its line."""
    completion = during(spec, lambda backend: backend.generate(ask()))
    assert isinstance(completion, Completion)
    assert completion.text
    answer = Answer("a", "q1", "label", {}, 0, (completion.text,), completion.finish_reason, completion.usage, completion.flags)
    assert wire.load(Answer, wire.dump(answer)) == answer


def test_it_survives_any_text(spec: ModelSpec) -> None:
    """A message with half of a surrogate pair is asked and answered like any other."""
    completion = during(spec, lambda backend: backend.generate(ask(text="How many? \ud800")))
    completion.text.encode("utf-8")


def test_a_stored_reply_reads_as_it_did_when_it_came(spec: ModelSpec) -> None:
    """Reading is pure: another process, years later, reads the same completion from the same bytes."""
    if not opened(spec).paid:
        return
    raw = during(spec, lambda backend: backend.send(ask()))
    first = opened(spec).read(raw)
    assert opened(spec).read(raw) == first == during(spec, lambda backend: backend.generate(ask()))


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000])
def test_bytes_that_are_no_reply_are_a_servers_fault(spec: ModelSpec, body: bytes) -> None:
    """Never a traceback, always an error after which the engine may ask again."""
    backend = opened(spec)
    if backend.paid:
        with pytest.raises(ServerFault):
            backend.read(RawReply(body))


def test_its_identity_names_it_and_hides_every_credential(spec: ModelSpec) -> None:
    """It can be part of a key, differs by label, stays the same over openings, and no secret is in it or in a repr."""
    backend = opened(spec)
    canonical(dict(backend.identity))
    assert backend.identity == opened(spec).identity
    assert request_key(backend.identity, ask()) != request_key(opened(replace(spec, label="other")).identity, ask())
    shown = repr(backend) + str(backend.identity) + repr(spec) + str(backend.endpoint)
    assert SECRET not in shown
    assert SECRET[::-1] not in shown


def test_many_requests_at_once_are_answered_each_by_itself(spec: ModelSpec) -> None:
    """One backend serves the whole concurrency of a run."""

    async def use(backend: Any) -> list[Completion]:
        return await asyncio.gather(*(backend.generate(ask()) for _ in range(20)))

    assert len({completion.text for completion in during(spec, use)}) == 1


def test_it_may_be_closed_at_any_time(spec: ModelSpec) -> None:
    """Before any request, twice, and used again in another event loop afterwards."""
    backend = opened(spec)

    async def use() -> None:
        await backend.aclose()
        await backend.generate(ask())
        await backend.aclose()
        await backend.aclose()

    asyncio.run(use())
    asyncio.run(use())


def test_a_failure_is_an_error_of_ours(case: Case, spec: ModelSpec) -> None:
    """A server that is not there, or a question without an answer: a BackendError whose kind can be stored."""
    if spec.base_url:
        spec = case.spec("http://127.0.0.1:9/v1")
    if spec.model == "echo":
        return  # it has an answer to everything
    with pytest.raises(BackendError) as caught:
        during(spec, lambda backend: backend.generate(ask("q9", "Nobody recorded this.")))
    assert isinstance(caught.value, TransientError) is bool(spec.base_url)
    assert caught.value.kind
    assert SECRET not in str(caught.value)
