"""What is said to an OpenAI-compatible server and what is read from its reply, on a wire made of a function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from evalh.backends.openai import OpenAIBackend, open_backend, open_ollama
from evalh.core.config import ModelSpec
from evalh.core.models import OPENAI_URL
from evalh.core.records import Completion, RawReply, Request, Usage
from evalh.errors import AuthFailed, BadRequest, RateLimited, ServerFault, TooLong

URL = "http://127.0.0.1:8000/v1"
GOOD = {"choices": [{"message": {"content": "Seven."}, "finish_reason": "stop"}]}
ASK = Request(({"role": "user", "content": "How many?"},), {"temperature": 0.5, "max_tokens": 9}, question_id="q1")

Answer = tuple[int, Any]


class FakeWire:
    """Answers by a function of the decoded body; keeps what was sent."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer], headers: Mapping[str, str] | None = None) -> None:
        self.answer, self.headers = answer, headers or {}
        self.raw: list[bytes] = []
        self.closed = 0

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies, decoded."""
        return [json.loads(body) for body in self.raw]

    async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
        """As a server that thinks for a moment."""
        self.raw.append(body)
        await asyncio.sleep(0)
        status, reply = self.answer(json.loads(body))
        return status, self.headers, reply if isinstance(reply, bytes) else json.dumps(reply).encode(), 0.25

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1


def good(body: dict[str, Any]) -> Answer:
    """Every request is answered."""
    return 200, GOOD


def backend(
    answer: Callable[[dict[str, Any]], Answer] = good, url: str | None = URL, **spec: Any
) -> tuple[OpenAIBackend, FakeWire]:
    """A backend on a fake wire."""
    wire = FakeWire(answer)
    return OpenAIBackend(ModelSpec("label", "openai", "model", url, **spec), wire), wire


def send(made: OpenAIBackend, request: Request = ASK) -> RawReply:
    """One request."""
    return asyncio.run(made.send(request))


# -- what is said --------------------------------------------------------------------------------------------------------


def test_the_body_is_the_chat_request() -> None:
    """Model, messages and parameters; what evalh needs to know itself is never sent; None is left out."""
    made, wire = backend()
    send(made, Request(ASK.messages, {**ASK.params, "stop": ["#"], "seed": None}, 3, 2, "q1", 2))
    assert wire.sent == [
        {
            "model": "model",
            "messages": [{"role": "user", "content": "How many?"}],
            "temperature": 0.5,
            "max_tokens": 9,
            "stop": ["#"],
        }
    ]


def test_the_engines_own_fields_win() -> None:
    """extra_body reaches the server as it is, over everything else."""
    made, wire = backend(extra_body={"top_k": 5, "temperature": 1})
    send(made)
    assert (wire.sent[0]["top_k"], wire.sent[0]["temperature"]) == (5, 1)


@pytest.mark.parametrize(
    ("url", "name"), [(None, "max_completion_tokens"), (OPENAI_URL, "max_completion_tokens"), (URL, "max_tokens")]
)
def test_openai_itself_takes_the_new_name_of_the_limit(url: str | None, name: str) -> None:
    """Its own address is asked with max_completion_tokens from the start, every other one with max_tokens."""
    made, wire = backend(url=url)
    send(made)
    assert wire.sent[0][name] == 9
    assert len([key for key in wire.sent[0] if key.startswith("max_")]) == 1


def test_half_of_a_surrogate_pair_is_sent_escaped() -> None:
    """JSON can carry it, so the request does not fail on it; so with numbers beyond 64 bits."""
    made, wire = backend(extra_body={"k": 2**70})
    send(made, Request(({"role": "user", "content": "a\ud800é"},)))
    assert rb'"a\ud800\u00e9"' in wire.raw[0]
    assert wire.sent[0]["k"] == 2**70


def test_the_identity_holds_no_credential() -> None:
    """What names the model in the ledger: address, name, label, revision, query, fixed fields."""
    made, _ = backend(
        query={"v": "1"}, extra_body={"x": 1}, revision="r", headers={"api-key": "s3cret-s3cret"}, api_key_env="K"
    )
    assert made.identity == {
        "endpoint": URL,
        "model": "model",
        "label": "label",
        "revision": "r",
        "query": {"v": "1"},
        "extra_body": {"x": 1},
    }


# -- what a model refuses ------------------------------------------------------------------------------------------------


def refusing(*names: str, status: int = 400) -> Callable[[dict[str, Any]], Answer]:
    """A model that refuses these parameters, one at a time."""

    def answer(body: dict[str, Any]) -> Answer:
        for name in names:
            if name in body:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return status, {"error": {"message": message, "param": name, "code": "unsupported_parameter"}}
        return 200, GOOD

    return answer


def test_a_refused_limit_is_renamed_once_and_for_all() -> None:
    """The second request is sent right at once; renaming changes nothing about the reply, so it carries no flag."""
    made, wire = backend(refusing("max_tokens"))
    assert send(made).adapted == ()
    send(made)
    assert ["max_completion_tokens" in body for body in wire.sent] == [False, True, True]


def test_a_refused_temperature_is_dropped_and_flagged() -> None:
    """Every reply that came without it says so, but not one whose request never had it."""
    made, wire = backend(refusing("temperature"))
    assert send(made).adapted == ("dropped:temperature",)
    assert send(made).adapted == ("dropped:temperature",)
    assert send(made, Request(ASK.messages, {})).adapted == ()
    assert len(wire.sent) == 4


def test_everything_that_can_be_dropped_is_dropped_within_one_request() -> None:
    """A model that refuses all of them is still asked successfully at the first request."""
    names = ("max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
    made, wire = backend(refusing(*names))
    reply = send(made, Request(ASK.messages, dict.fromkeys(names, 1)))
    assert reply.adapted == tuple(f"dropped:{name}" for name in names[1:])
    assert len(wire.sent) == 8
    assert made.read(reply).flags == reply.adapted


def test_requests_in_flight_learn_from_each_other() -> None:
    """Ten requests refused at once adapt once: each is sent again with what the first of them learned."""
    made, wire = backend(refusing("max_tokens", "temperature"))

    async def go() -> list[RawReply]:
        return await asyncio.gather(*(made.send(ASK) for _ in range(10)))

    assert {reply.adapted for reply in asyncio.run(go())} == {("dropped:temperature",)}
    assert len(wire.sent) == 30
    send(made)
    assert len(wire.sent) == 31


def test_a_reply_is_flagged_by_how_it_was_asked() -> None:
    """A value that the model takes was not dropped, though another one is refused while the reply is on its way."""

    class SlowWire(FakeWire):
        """Answers a temperature of 1 late, and refuses every other one at once."""

        async def post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes, float]:
            if json.loads(body).get("temperature") == 1:
                await asyncio.sleep(0.05)
            return await super().post(body)

    def answer(body: dict[str, Any]) -> Answer:
        return good(body) if body.get("temperature") == 1 else refusing("temperature")(body)

    made = OpenAIBackend(ModelSpec("label", "openai", "model", URL), SlowWire(answer))

    async def go() -> list[RawReply]:
        slow = made.send(Request(ASK.messages, {"temperature": 1}))
        return await asyncio.gather(slow, made.send(Request(ASK.messages, {"temperature": 0})))

    assert [reply.adapted for reply in asyncio.run(go())] == [(), ("dropped:temperature",)]


def test_another_error_is_not_sent_again_though_somebody_adapted() -> None:
    """A rate limit met while another request learns something is the engine's to wait for, not ours to repeat."""
    asked = []

    def answer(body: dict[str, Any]) -> Answer:
        asked.append(body)
        if len(asked) == 2:
            return 429, {"error": {"message": "Rate limit reached"}}
        return refusing("temperature")(body)

    made, _ = backend(answer)

    async def go() -> list[Any]:
        return await asyncio.gather(made.send(ASK), made.send(ASK), return_exceptions=True)

    first, second = asyncio.run(go())
    assert isinstance(first, RawReply)
    assert isinstance(second, RateLimited)
    assert len(asked) == 3


@pytest.mark.parametrize("name", ["logprobs", "model", "messages", "top_p"])
def test_what_cannot_be_left_out_is_an_error(name: str) -> None:
    """A parameter that changes what is asked for, or was never sent, is refused once and for all."""
    message = {"message": "not supported", "param": name}
    made, wire = backend(lambda body: (400, {"error": message}))
    with pytest.raises(BadRequest):
        send(made, Request(ASK.messages, {**ASK.params, "logprobs": True}))
    assert len(wire.sent) == 1


def test_a_server_that_is_never_content_is_not_asked_for_ever() -> None:
    """Refusing the old and the new name of the limit, or what was dropped already, ends in an error."""
    made, wire = backend(refusing("max_tokens", "max_completion_tokens"))
    with pytest.raises(BadRequest):
        send(made)
    assert len(wire.sent) == 2
    stubborn, wire = backend(lambda body: (400, {"error": {"message": "not supported", "param": "temperature"}}))
    with pytest.raises(BadRequest):
        send(stubborn)
    assert len(wire.sent) == 2
    wavering = iter([*("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "max_tokens")] * 2)
    endless, wire = backend(lambda body: (400, {"error": {"message": "not supported", "param": next(wavering)}}))
    with pytest.raises(BadRequest):
        send(endless, Request(ASK.messages, dict.fromkeys(("max_tokens", "temperature", "top_p", "stop", "seed"), 1)))
    assert len(wire.sent) <= 8


def test_only_a_400_is_a_refused_parameter() -> None:
    """The same words under another status are the error of that status."""
    made, wire = backend(refusing("temperature", status=503))
    with pytest.raises(ServerFault):
        send(made)
    assert len(wire.sent) == 1


# -- errors and credentials ----------------------------------------------------------------------------------------------


def test_an_error_names_model_and_address() -> None:
    """Which model, where, and what the server said."""
    made, _ = backend(lambda body: (400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}}))
    with pytest.raises(TooLong, match=f"HTTP 400 from model at {URL}: Too long."):
        send(made)


@pytest.mark.parametrize("place", ["key", "header", "bearer"])
def test_a_credential_that_a_server_repeats_is_not_repeated_by_us(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Careless gateways put the key into their error, or into a page with status 200; our messages never do."""
    secret = "s3cret-0123456789"
    if place == "key":
        monkeypatch.setenv("MY_KEY", f" {secret}\n")
    headers = {"header": {"X-Api-Key": secret}, "bearer": {"Authorization": f"Bearer {secret}"}}.get(place, {})
    for status, kind in ((401, AuthFailed), (200, ServerFault)):
        made, _ = backend(
            lambda body, status=status: (status, {"error": {"message": f"bad key {secret}"}}),
            api_key_env="MY_KEY",
            headers=headers,
        )
        with pytest.raises(kind, match=r"bad key \[key\]"):
            asyncio.run(made.generate(ASK))
        assert secret not in repr(made) + repr(made.spec) + str(made.identity)


@pytest.mark.parametrize("key", ["none", "EMPTY", "ollama", "test"])
def test_the_words_that_local_servers_take_for_keys_stay_in_texts(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A short key is a word, and no word is struck from what a model says, nor a long key: replies are stored as they came."""
    monkeypatch.setenv("MY_KEY", key)
    said = f"This is a {key}."
    made, _ = backend(lambda body: (200, {"choices": [{"message": {"content": said}}]}), api_key_env="MY_KEY")
    assert made.read(send(made)).text == said
    refused, _ = backend(lambda body: (400, {"error": {"message": said}}), api_key_env="MY_KEY")
    with pytest.raises(BadRequest, match=said):
        send(refused)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-“quoted”", "sk-\x00"])
def test_a_key_that_cannot_be_sent_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A line break inside, or a word processor's quotation marks: the variable is named, its value is not."""
    monkeypatch.setattr("os.environ", {"MY_KEY": key})
    made = open_backend(ModelSpec("l", "openai", "m", URL, "MY_KEY"))
    with pytest.raises(AuthFailed, match="MY_KEY holds characters that no key has") as caught:
        send(made)
    assert key not in str(caught.value)


# -- what is read --------------------------------------------------------------------------------------------------------


def test_a_response_is_kept_as_it_came() -> None:
    """Body byte for byte, latency, request id, and of the headers only those about limits."""
    made, wire = backend(lambda body: (200, b' {"choices" : [{"message": {"content": "x"}}]}\n'))
    wire.headers = {"x-request-id": "req\udcff", "x-ratelimit-remaining-requests": "5", "retry-after": "1", "set-cookie": "no"}
    reply = send(made)
    assert reply.body == b' {"choices" : [{"message": {"content": "x"}}]}\n'
    assert (reply.latency, reply.request_id) == (0.25, "req\ufffd")
    assert reply.headers == {"x-ratelimit-remaining-requests": "5", "retry-after": "1"}


def read(body: Any, adapted: tuple[str, ...] = ()) -> Completion:
    """What a body says."""
    made, _ = backend()
    return made.read(RawReply(body if isinstance(body, bytes) else json.dumps(body).encode(), adapted))


def said(message: Any, **more: Any) -> dict[str, Any]:
    """A completion with one message."""
    return {"choices": [{"message": message, **more}]}


def test_a_full_completion_is_read_whole() -> None:
    """Text, reason, tokens, what the server says it ran, thinking kept apart, and flags."""
    body = {
        "id": "x",
        "model": "model-0613",
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "message": {"content": "Seven.", "reasoning_content": "Hm."}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }
    assert read(body, ("dropped:temperature",)) == Completion(
        "Seven.", "length", Usage(12, 3), "model-0613", "fp", None, "Hm.", ("dropped:temperature",)
    )


@pytest.mark.parametrize(
    ("message", "text", "flags"),
    [
        ({"content": "Seven."}, "Seven.", ()),
        ({"content": ""}, "", ()),
        ({"content": None}, "", ()),
        ({}, "", ()),
        ({"content": None, "refusal": "I cannot."}, "I cannot.", ("refusal",)),
        ({"content": "Part.", "refusal": "I cannot."}, "Part.", ("refusal",)),
        ({"content": "x", "refusal": None}, "x", ()),
        ({"content": "x", "refusal": False}, "x", ()),
        ({"content": [{"type": "text", "text": "Sev"}, {"type": "text", "text": "en."}]}, "Seven.", ()),
        ({"content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "7"}]}, "7", ()),
        ({"content": [{"type": "text", "text": None}, "stray", {"type": "image"}]}, "", ()),
        ({"content": []}, "", ()),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}, '{"a": 1}', ("tool_call",)),
        ({"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, '{"a":1}', ("tool_call",)),
        ({"content": None, "function_call": {"name": "f", "arguments": "[1]"}}, "[1]", ("tool_call",)),
        ({"content": "Seven.", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, "Seven.", ()),
        ({"content": None, "refusal": "No.", "tool_calls": [{"function": {"arguments": "{}"}}]}, "No.", ("refusal",)),
        ({"content": None, "tool_calls": [{"function": {"arguments": "{}"}}] * 2}, "", ()),
        ({"content": None, "tool_calls": [{"function": None}]}, "", ()),
        ({"content": None, "tool_calls": "f"}, "", ()),
        ({"content": None, "tool_calls": [], "function_call": None}, "", ()),
    ],
)
def test_the_text_is_found_in_every_form(message: Any, text: str, flags: tuple[str, ...]) -> None:
    """Plain text, null, content parts, and where there is nothing else a refusal, or the arguments of the one tool call."""
    completion = read(said(message))
    assert (completion.text, completion.flags) == (text, flags)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ("12", None),
        ({"prompt_tokens": 1}, Usage(1, None)),
        ({"prompt_tokens": "1", "completion_tokens": 2.5}, Usage(None, None)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage(None, None)),
        ({"prompt_tokens": 2**60, "completion_tokens": 0}, Usage(None, 0)),
        ([1, 2], None),
    ],
)
def test_tokens_are_counted_where_they_are_reported(usage: Any, expected: Usage | None) -> None:
    """Missing or senseless numbers are None, never a zero."""
    assert read({**said({"content": "x"}), "usage": usage}).usage == expected


def test_facts_of_the_wrong_kind_are_left_out() -> None:
    """A server's odd model name, fingerprint, reason or thinking does not fail the reply, nor the ledger after it."""
    body = {**said({"content": "x", "reasoning": ["no"]}, finish_reason=1), "model": {"name": "m"}, "system_fingerprint": 7}
    assert read(body) == Completion("x")
    assert read(said({"content": "x", "reasoning": "Hm."})).reasoning == "Hm."


def test_halves_of_surrogate_pairs_become_replacement_characters() -> None:
    """Wherever they stand, so that everything read can be stored; NaN, which some servers write, is no obstacle."""
    body = (
        b'{"choices": [{"message": {"content": "a\\ud800b", "reasoning": "\\udc00"}, "logprobs": {"content":'
        b' [{"token": "\\ud83d", "logprob": NaN, "top_logprobs": [{"token": "\\ud83d", "logprob": -1}]}]}}],'
        b' "model": "m\\ud800"}'
    )
    completion = read(body)
    assert (completion.text, completion.reasoning, completion.served_model) == ("a\ufffdb", "\ufffd", "m\ufffd")
    assert completion.logprobs is not None
    assert completion.logprobs[0]["token"] == "\ufffd"
    assert completion.logprobs[0]["top"] == {"\ufffd": -1}


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        (None, None),
        ({"content": None}, None),
        ({"content": []}, ()),
        (
            {"content": [{"token": "7", "logprob": -1, "top_logprobs": [{"token": "8", "logprob": -2}]}]},
            ({"token": "7", "logprob": -1, "top": {"8": -2}},),
        ),
        ({"content": [{"token": "7", "logprob": -0.1}]}, ({"token": "7", "logprob": -0.1, "top": {}},)),
        ({"content": [{"token": "7", "top_logprobs": None}]}, ({"token": "7", "logprob": None, "top": {}},)),
        (
            {"content": [{"token": "7", "logprob": -1, "top_logprobs": ["7", {"token": 7, "logprob": 1}, {"token": "x"}]}]},
            ({"token": "7", "logprob": -1, "top": {}},),
        ),
        ({"content": [{"token": "7", "logprob": -1, "top_logprobs": 5}]}, ({"token": "7", "logprob": -1, "top": {}},)),
        ({"content": ["7"]}, None),
        ({"content": [{"token": 7}]}, None),
        ({"tokens": ["7"], "token_logprobs": [-0.1], "top_logprobs": [{"7": -0.1}]}, None),
        ([-0.1], None),
    ],
)  # fmt: skip
def test_log_probabilities_are_read_in_the_chat_form(logprobs: Any, expected: Any) -> None:
    """Token, its own and its rivals' log-probabilities; the form of the old completions endpoint is none."""
    assert read(said({"content": "7"}, logprobs=logprobs)).logprobs == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty one"),
        (b"<html>Sign in</html>", "<html>Sign in</html>"),
        (b'{"choices": [{"message"', '{"choices"'),
        (b"[" * 90_000, "[[["),
        ([], ""),
        ({}, ""),
        ("text", "text"),
        ({"error": {"message": "upstream failed", "code": 502}}, "upstream failed"),
        ({"choices": []}, "choices"),
        ({"choices": None}, "choices"),
        ({"choices": [None]}, "choices"),
        ({"choices": [{"text": "of the old endpoint"}]}, "of the old endpoint"),
        (said(None), "message"),
        (said("text"), "message"),
        (said({"content": 7}), "content"),
        (said({"content": {"text": "x"}}), "content"),
    ],
)  # fmt: skip
def test_what_is_no_completion_is_a_fault_of_the_server(body: Any, words: str) -> None:
    """Whatever came with status 200 and is no completion may be asked again, and the message shows what it was."""
    with pytest.raises(ServerFault, match="is not a chat completion: ") as caught:
        read(body)
    assert words in str(caught.value)


def test_closing_is_safe_at_any_time() -> None:
    """Before the first request, after it, and twice."""
    made, wire = backend()
    asyncio.run(made.aclose())
    asyncio.run(made.aclose())
    assert wire.closed == 1
    asyncio.run(open_ollama(ModelSpec("l", "ollama", "m", URL)).aclose())
