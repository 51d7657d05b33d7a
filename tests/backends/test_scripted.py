"""Replies without a model: each behaviour, rules from a file, and the road that every paid reply takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evalh.backends.scripted import ScriptedBackend, open_backend
from evalh.core.config import ModelSpec
from evalh.core.records import Completion, RawReply, Request, Usage
from evalh.errors import BadConfig, PermanentError, ServerFault, UnknownName


def backend(model: str, label: str = "label") -> ScriptedBackend:
    """A scripted model."""
    return open_backend(ModelSpec(label, "scripted", model))


def ask(model: str, *texts: str, label: str = "label", sample: int = 0) -> Completion:
    """Its reply to a conversation."""
    messages = tuple({"role": "user", "content": text} for text in texts)
    return asyncio.run(backend(model, label).generate(Request(messages, sample=sample, question_id="q1")))


def test_echo_repeats_the_last_message() -> None:
    """Any text, with tokens counted as a quarter of the characters."""
    assert ask("echo", "first", "naïve 😀") == Completion("naïve 😀", "stop", Usage(3, 2), "echo")
    assert ask("echo", "half \ud800").text == "half \ufffd"


def test_words_follow_from_what_is_asked() -> None:
    """The same question to the same label gives the same words for ever; another label, sample or question others."""
    assert ask("words", "Why?").text == "An answer of label, 11d1e8c4. quality=4"
    others = [ask("words", "How?"), ask("words", "Why?", label="b"), ask("words", "Why?", sample=1)]
    assert len({ask("words", "Why?").text, *(c.text for c in others)}) == 4


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ("Say [[A]], [[B]] or [[C]].\nquality=7 quality=3", "Compared 7 with 3.\n[[A]]"),
        ("Say [[A]], [[B]] or [[C]].\nquality=3 quality=7.5", "Compared 3 with 7.5.\n[[B]]"),
        ("Say [[A]], [[B]] or [[C]].\nquality=5 quality=5", "Compared 5 with 5.\n[[C]]"),
        ("Say [[A]], [[B]] or [[C]].", "Compared 0 with 0.\n[[C]]"),
        ("Rate, as in [[5]].\nquality=8", "Rating: [[8]]"),
        ("Rate, as in [[5]].\nThe reference has quality=1, the answer quality=8", "Rating: [[8]]"),
        ("Rate, as in [[5]].", "Rating: [[1]]"),
        ("Two scores, please.\nquality=8 quality=6.5", "8 6.5\nAs tagged."),
    ],
)
def test_the_judge_reads_the_tags(prompt: str, reply: str) -> None:
    """In every form that our judges ask in."""
    assert ask("judge", prompt).text == reply


def test_a_tie_may_be_offered_by_an_earlier_message() -> None:
    """Judges put their instructions into a system message."""
    assert ask("judge", "Say [[A]], [[B]] or [[C]].", "quality=2 quality=1").text.endswith("[[A]]")


def test_rules_are_tried_in_order() -> None:
    """The first whose words stand in the last message; empty lines and a byte order mark are passed over."""
    rules = '\ufeff{"match": "seven", "reply": "7"}\n\n{"match": "", "reply": "other"}\n'
    Path("rules.jsonl").write_text(rules, "utf-8")
    assert ask("rules.jsonl", "What is seven?").text == "7"
    assert ask("rules.jsonl", "seven", "eight").text == "other"


def test_a_question_without_a_rule_fails_for_good() -> None:
    """By name, so that the rule can be written."""
    Path("rules.jsonl").write_text('{"match": "seven", "reply": "7"}\n')
    with pytest.raises(PermanentError, match=r"rules\.jsonl has no rule for question q1"):
        ask("rules.jsonl", "eight")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"match": "x"}\n', "one has no 'reply'"),
        (b"[]\n", "line 1"),
        (b'{"match": "x", "reply": "y"}\n{\n', "line 2"),
        (b"\xff\n", "codec"),
    ],
)
def test_bad_rules_are_named(content: bytes, said: str) -> None:
    """The file, what a line must be, and which one is not."""
    Path("rules.jsonl").write_bytes(content)
    with pytest.raises(BadConfig, match=r'rules\.jsonl: every line must be \{"match": …, "reply": …\}') as caught:
        backend("rules.jsonl")
    assert said in str(caught.value)


def test_a_misspelt_behaviour_gets_the_nearest() -> None:
    """And the hint that a file works too."""
    with pytest.raises(UnknownName, match=r"scripted behaviour 'judg'\. Did you mean 'judge'\? A path to a file of rules"):
        backend("judg")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"text": 1, "usage": [1, 1]}', b'{"text": "x", "usage": 1}', b"\xff"])
def test_a_stored_reply_that_is_none_of_ours_is_a_fault(body: bytes) -> None:
    """Like any backend's: it is asked again."""
    with pytest.raises(ServerFault, match="a stored reply of scripted:echo is not one"):
        backend("echo").read(RawReply(body))


def test_identity_and_road_are_those_of_a_paid_model() -> None:
    """Examples go through the ledger, by behaviour, label and revision."""
    made = backend("echo", "mine")
    assert made.paid
    assert made.endpoint == "scripted:echo"
    assert made.identity == {"endpoint": "scripted:echo", "label": "mine", "revision": None}
    asyncio.run(made.aclose())


def test_rules_are_known_by_their_content(tmp_path: Path) -> None:
    """A changed rules file has another identity, so no reply of the old one is served for it."""
    path = tmp_path / "rules.jsonl"
    path.write_text('{"match": "a", "reply": "b"}\n')
    before = open_backend(ModelSpec("m", "scripted", str(path))).identity
    path.write_text('{"match": "a", "reply": "c"}\n')
    assert open_backend(ModelSpec("m", "scripted", str(path))).identity != before
