"""A preference from the probabilities of two tokens, one for each answer shown (AlpacaEval 2). Pure, linear.

The judge is asked for one token and says with what probability it would have said either, so one reply holds a number between
0 and 1 instead of a verdict. Where the server kept the probabilities to itself, the token that was said stands for all or
nothing, and the record is flagged `no_logprobs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import exp, inf, isnan, log1p
from typing import Any, Final

from evalh.core.records import Reading
from evalh.judges.scale import Scale
from evalh.judges.voice import Foreign, separate

Tokens = Sequence[Mapping[str, Any]]
"""The generated tokens, as `Completion.logprobs` holds them: {"token", "logprob", "top": {token: logprob}}."""

NO_LOGPROBS: Final = "no_logprobs"
LOW_MASS: Final = "low_token_mass"
"""The judge was more likely to say something else than either token."""

_SPACE: Final = " \t\r\n▁Ġ"  # the last two are how SentencePiece and byte-level BPE spell a space
_ORNAMENT: Final = re.compile(r"(?:[^\w<>]|_|<[/|]?\w{1,24}\|?>)*+")  # <...>: the names of special tokens, </s>, <|im_end|>
_CLOSED: Final = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.I)
_LABEL: Final = re.compile(r"(?:[^\W\d]{1,20}(?: [^\W\d]{1,20}){0,3}\s?[:=]|model|output|answer)\s*", re.I)
_DRESS: Final = " \t*_`\"'“”„«»「」『』.,!()[]#"


def weigh(text: str, tokens: Tokens, scale: Scale, truncated: bool, published: bool, *, last: bool) -> Reading:
    """P(first token) / (P(first token) + P(second token)): the preference for the first answer shown.

    Strictly, it is read where the judge says its token: at the first token that is more than an ornament, or with `last` (the
    form that reasons before) at the last one, which then has to be one of the two. All spellings of a token that differ in the
    spaces around it are summed, and upper and lower case are two tokens. A token that is not among the likeliest has
    probability 0. As published, it is the very first or last token and the exact spelling.

    Args:
        text: the reply, as it came.
        tokens: the generated tokens; not empty.
        scale: names the two tokens.
        truncated: the reply ended for lack of tokens, which a reply of one token always does.
        published: read as AlpacaEval does.
        last: the token stands at the end.

    Source: Dubois et al. (2024), Length-Controlled AlpacaEval, and the facts of its `logprob_parser`.
    """
    if published:
        levels = _levels(_top(tokens[-1 if last else 0]), scale, "")
        ratio = _ratio(*levels)
        return Reading("no_verdict") if ratio is None else Reading("scored", preference=ratio)
    if last and truncated:
        return Reading("truncated")
    at = _place(text, [_token(entry) for entry in tokens], scale, last)
    if at is None:
        return Reading("no_verdict")
    levels = _levels({_token(tokens[at]): _get(tokens[at], "logprob"), **_top(tokens[at])}, scale, _SPACE)
    ratio = _ratio(*levels)
    if ratio is None:
        return Reading("no_verdict")
    likely = sum(exp(level) for level in levels) >= 0.5
    return Reading("scored", preference=ratio, flags=() if likely else (LOW_MASS,))


def said(text: str, scale: Scale, truncated: bool, *, last: bool) -> Reading:
    """All or nothing, from the token that stands in the text: alone on its first line, or with `last` on its last one."""
    if last and truncated:
        return Reading("truncated")
    foreign = Foreign(text)
    own: list[str | None] = []
    quoted = False
    at = 0
    for line in text.split("\n"):
        if line.strip():
            value = _named(line[:200], scale)
            inside = foreign.block(at)
            quoted |= inside and _named(line.lstrip(" \t>")[:200], scale) is not None
            own.append(None if inside else value)
        at += len(line) + 1
    value = (own[-1] if last else own[0]) if own else None
    if value is None:
        return Reading("quoted" if quoted else "no_verdict")
    if any(other not in (None, value) for other in own):
        return Reading("conflicting")
    return Reading("scored", preference=1.0 if value == scale.tokens[0] else 0.0, flags=(NO_LOGPROBS,))


def nothing(text: str, scale: Scale) -> Reading:
    """AlpacaEval has no reading of a reply without probabilities."""
    return Reading("no_verdict")


def _named(line: str, scale: Scale) -> str | None:
    """The token that a line consists of, perhaps behind a label; case is never changed, since it may be all there is."""
    bare = line.strip(_DRESS)
    if bare not in scale.tokens and (label := _LABEL.match(bare)):
        bare = bare[label.end() :].strip(_DRESS)
    return bare if bare in scale.tokens else None


def _place(text: str, pieces: list[str], scale: Scale, last: bool) -> int | None:
    """Which token the preference is read at, or None where the judge's word is another one."""
    start = _start(text, pieces)
    places = range(len(pieces) - 1, start - 1, -1) if last else range(start, len(pieces))
    at = next((i for i in places if not _ORNAMENT.fullmatch(pieces[i].strip("▁Ġ"))), None)
    if at is None:
        return start if not last and start < len(pieces) else None
    if pieces[at].strip(_SPACE) in scale.tokens:
        return at if _alone(pieces, at) else None
    return None if last else at


def _alone(pieces: list[str], at: int) -> bool:
    """Whether a token is a word by itself, and not the "m" that begins "model" or ends "them"."""
    before = next((piece for piece in reversed(pieces[:at]) if piece), "")[-1:]
    after = next((piece for piece in pieces[at + 1 :] if piece), "")[:1]
    opens = pieces[at][0] in _SPACE or before in "▁Ġ_" or not before.isalnum()
    closes = pieces[at][-1] in _SPACE or after in "▁Ġ_" or not after.isalnum()
    return opens and closes


def _start(text: str, pieces: list[str]) -> int:
    """The first token of the judge's own words: behind thinking, which some servers leave among the tokens."""
    whole = "".join(pieces)
    bare = text.strip()
    begin = 0 if whole.strip() == bare else max(whole.rfind(bare), 0)
    if separate(whole[begin:])[1]:
        begin = max((match.end() for match in _CLOSED.finditer(whole, begin)), default=len(whole))
    at = 0
    for i, piece in enumerate(pieces):
        if at >= begin:
            return i
        at += len(piece)
    return len(pieces)


def _get(entry: object, key: str) -> object:
    return entry.get(key) if isinstance(entry, Mapping) else None


def _token(entry: object) -> str:
    token = _get(entry, "token")
    return token if isinstance(token, str) else ""


def _top(entry: object) -> Mapping[str, object]:
    top = _get(entry, "top")
    return top if isinstance(top, Mapping) else {}


def _levels(top: Mapping[str, object], scale: Scale, spaces: str) -> tuple[float, float]:
    """The log-probabilities of the two tokens, each over its spellings; minus infinity where there is none."""
    found = [-inf, -inf]
    for token, level in top.items():
        bare = token.strip(spaces) if spaces and isinstance(token, str) else token
        if bare in scale.tokens and isinstance(level, int | float) and not isnan(level):
            i = scale.tokens.index(bare)
            found[i] = _either(found[i], min(float(level), 0.0))
    return found[0], found[1]


def _either(a: float, b: float) -> float:
    """log(exp(a) + exp(b)), at the most 0."""
    low, high = sorted((a, b))
    return high if low == -inf else min(high + log1p(exp(low - high)), 0.0)


def _ratio(first: float, second: float) -> float | None:
    """exp(first) / (exp(first) + exp(second)), None where both are 0. The difference keeps what a sum would round away."""
    if first == second == -inf:
        return None
    difference = second - first
    return 0.0 if difference > 700 else 1.0 / (1.0 + exp(difference))
