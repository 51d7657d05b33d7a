"""The whole shape of evalh in one file: what is asked, answered, judged and lost.

Data moves one way:

    Question ──▶ Answer ──▶ Judgment ──▶ results frame ──▶ statistics ──▶ report

Everything here is frozen and does no I/O. `core/wire.py` turns records into JSON lines and back; `core/ids.py` names them.
What a reply cost, how long it took and how often it was tried is not part of any record: that lives in the ledger
(`core/ledger.py`), so that the same replies always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

Mode = Literal["absolute", "pairwise", "two-score", "ranking", "checklist"]
"""What a judge is asked for: a score of one answer, the better of two, two scores in one reply, an order of many, yes or no."""

Status = Literal[
    "scored",  # the only one that counts in a figure
    "no_verdict",  # the reply holds no verdict where the protocol asks for it
    "conflicting",  # two verdicts that contradict each other
    "out_of_range",  # a number outside the scale
    "off_scale",  # a value the scale does not have, such as 8.5 on an integer scale
    "quoted",  # a verdict stands only inside a quotation of an answer
    "truncated",  # the reply ended for lack of tokens before its verdict
    "empty",  # the judge said nothing
    "refused",  # the judge, or a filter before it, declined
    "failed",  # the request never succeeded; see `failure`
    "no_answer",  # an answer that was to be judged could not be had
]
"""How a judgment ended. Everything but "scored" is unscored: shown and counted, never a tie, never a zero."""

STATUSES: Final[tuple[str, ...]] = Status.__args__  # type: ignore[attr-defined]
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the user's side of one or more turns.

    `reference` is empty or holds one entry per turn (None where a turn has none).
    """

    question_id: str
    category: str
    turns: tuple[str, ...]
    reference: tuple[str | None, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def reference_for(self, turn: int) -> str | None:
        """The reference answer of a turn (counted from 1), or None."""
        return self.reference[turn - 1] if len(self.reference) >= turn else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server reported them; None where it reported none."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply: an error's kind (`BackendError.kind`) and what it said."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's reply to one question, all turns.

    `turns` holds the text of each turn answered (fewer than the question's when `failure` is set). `finish_reason` is that
    of the last turn; a turn that did not end by itself is named in `flags` ("length:1"). `sample` counts repeats from 0.
    """

    answer_id: str
    question_id: str
    model: str
    params: Mapping[str, Any]
    sample: int
    turns: tuple[str, ...]
    finish_reason: str | None = None
    usage: Usage | None = None
    flags: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reply of a judge says, before it is tied to a question and to answers. Positions are as the judge saw them.

    Exactly one of the value fields is filled when `status` is "scored", except in two-score mode where `scores` carries both
    answers and the verdict follows from them.
    """

    status: Status
    verdict: Literal["A", "B", "tie"] | None = None
    strength: int | None = None  # 1 slightly, 2 clearly better; None where the scale has no steps
    preference: float | None = None  # 0..1 for the first answer shown
    scores: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)  # aspect -> one number per answer shown
    ranking: tuple[int, ...] = ()  # rank of each answer shown, 1 best
    flags: tuple[str, ...] = ()
    explanation: str = ""  # the judge's full text


@dataclass(frozen=True, slots=True)
class Judgment:
    """What one reply of one judge says about one, two or more answers.

    `answers` are answer ids in the order shown: the position is stored as the judge saw it and undone in
    `pipeline/collect.py` alone. The orders of one comparison share `group_id`. `protocol` is "judge-folder/variant";
    `judge_hash` names everything that was fixed about the request (prompt, scale, reader, model, parameters). `turn` counts
    from 1. `sample` counts repeats that were asked for, `attempt` how often an unreadable reply was asked again: every
    attempt is a record, and the last one decides.
    """

    judgment_id: str
    group_id: str
    question_id: str
    turn: int
    judge: str
    judge_hash: str
    protocol: str
    mode: Mode
    answers: tuple[str, ...]
    status: Status
    verdict: Literal["A", "B", "tie"] | None = None
    strength: int | None = None
    preference: float | None = None
    scores: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    ranking: tuple[int, ...] = ()
    sample: int = 0
    attempt: int = 0
    flags: tuple[str, ...] = ()
    explanation: str = ""
    usage: Usage | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's verdict (or a recorded one) about the answers of two models to one question, one turn."""

    question_id: str
    model_a: str
    model_b: str
    winner: Literal["model_a", "model_b", "tie"]
    rater: str
    turn: int = 1
    inclusion_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One chat request, independent of any provider.

    `messages` are {"role", "content"} mappings; `params` are the field's names (temperature, max_tokens, top_p, stop, seed,
    logprobs, top_logprobs, response_format …). `sample` and `attempt` distinguish requests whose body is the same and which
    are nevertheless to be paid for separately. `question_id` and `turn` say what the request is about; they are never sent.
    """

    messages: tuple[Mapping[str, str], ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    sample: int = 0
    attempt: int = 0
    question_id: str = ""
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply of a model, as much of it as any later stage may need.

    `logprobs` is a tuple of generated tokens, each {"token", "logprob", "top": {token: logprob}}, or None where the server
    gave none. `reasoning` is thinking text that the server kept apart. `served_model` and `fingerprint` are what the server
    says it ran.
    """

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    served_model: str | None = None
    fingerprint: str | None = None
    logprobs: tuple[Mapping[str, Any], ...] | None = None
    reasoning: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawReply:
    """One response as it arrived: the body, and facts about how it came that are stored beside it in the ledger.

    `adapted` names what had to be changed in the request for the server to take it ("temperature dropped"); unlike the other
    facts it says something about the reply itself, so reading must see it.
    """

    body: bytes
    adapted: tuple[str, ...] = ()
    latency: float | None = None  # seconds from sending to the last byte
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # rate-limit headers only
    run: str | None = None  # the run that paid for it, where it comes from the ledger


@dataclass(frozen=True, slots=True)
class JudgeTask:
    """What a judge is given: a question, and the answers in the order in which they are to be shown.

    `turn` is the turn to be judged; earlier turns of the answers are context. `variant` is the judge's variant that is meant;
    where it is left out, the first that serves the question.
    """

    question: Question
    answers: tuple[Answer, ...]
    mode: Mode
    turn: int = 1
    sample: int = 0
    seed: int = 0
    variant: str = ""
