"""Preferences from token probabilities: numbers worked by hand, and every way in which a server may spell or withhold them."""

from math import inf, log, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.judges.parse import parse
from evalh.judges.scale import Scale

SCALE = Scale("preference")
AB = Scale("preference", tokens=("A", "B"))


def token(said: str, /, **top: float) -> dict[str, Any]:
    """One generated token with its rivals as probabilities; the token itself as well if it is among them."""
    return {"token": said, "logprob": log(top.get(said, 0.01)), "top": {name: log(p) for name, p in top.items()}}


def plain(*said: str) -> list[dict[str, Any]]:
    """Tokens without rivals."""
    return [{"token": each, "logprob": log(0.99), "top": {each: log(0.99)}} for each in said]


def read(*tokens: dict[str, Any], reader: str = "token-preference", text: str | None = None, **how: Any) -> Any:
    """A reading of the reply that these tokens are."""
    text = "".join(t["token"] for t in tokens) if text is None else text
    return parse(reader, text, how.pop("scale", SCALE), logprobs=tokens, truncated=how.pop("truncated", True), **how)


WORKED = [
    # P(m) / (P(m) + P(M)), the rest of the probability left out.
    ([token("m", m=0.6, M=0.2, The=0.1)], 0.75),
    ([token("M", m=0.1, M=0.4)], 0.2),
    ([token("M", M=0.5, m=0.5)], 0.5),
    # What is not among the likeliest has probability 0.
    ([token("m", m=0.9, The=0.05)], 1.0),
    ([token("M", M=0.9, The=0.05)], 0.0),
    # Another token was drawn, at temperature 1, but the two are there.
    ([token("Neither", Neither=0.4, m=0.3, M=0.3)], 0.5),
    # Spellings are summed: 0.3 + 0.3 against 0.2; case is never folded.
    ([token(" m", **{" m": 0.3, "m": 0.3, "M": 0.2})], 0.75),
    ([token("▁m", **{"▁m": 0.3, "ĠM": 0.1, "m\n": 0.1, "M": 0.3})], 0.5),
    # Ornaments before the letter are not the letter.
    ([*plain('"'), token("m", m=0.8, M=0.2), *plain('"')], 0.8),
    ([*plain("\n", "**"), token("M", m=0.2, M=0.6), *plain("**", "</s>")], 0.25),
    # The token drawn is not always among the likeliest that the server lists.
    ([{"token": "M", "logprob": log(0.1), "top": {"m": log(0.3), "The": log(0.5)}}], 0.75),
    # Differences that a sum would round away: e^-1000 against e^-1001 is 1 / (1 + 1/e).
    ([{"token": "m", "logprob": -1000.0, "top": {"m": -1000.0, "M": -1001.0}}], 0.7310585786300049),
    ([{"token": "m", "logprob": 0.0, "top": {"m": 0.0, "M": -9999.0}}], 1.0),
    ([{"token": "M", "logprob": 0.0, "top": {"m": -9999.0, "M": 0.0}}], 0.0),
]


@pytest.mark.parametrize(("tokens", "expected"), WORKED)
def test_a_preference_is_the_share_of_the_first_token(tokens: list[dict[str, Any]], expected: float) -> None:
    """The hand-worked share, however the server spells the tokens, and whether or not the reply was cut off after one."""
    for truncated in (True, False):
        reading = read(*tokens, truncated=truncated)
        assert reading.status == "scored"
        assert reading.preference == pytest.approx(expected, abs=1e-15)
        assert (reading.verdict, dict(reading.scores)) == (None, {})


def test_exchanging_the_tokens_exchanges_the_preference() -> None:
    """With the two names exchanged the preference is what was left to 1."""
    one = read(token("m", m=0.62, M=0.21))
    other = read(token("m", m=0.62, M=0.21), scale=Scale("preference", tokens=("M", "m")))
    assert one.preference + other.preference == pytest.approx(1.0, abs=1e-15)


def test_tokens_are_those_of_the_scale() -> None:
    """Any two tokens can be named."""
    assert read(token("B", A=0.1, B=0.3), scale=AB).preference == pytest.approx(0.25)


UNSCORED = [
    ([token("The", The=0.9, A=0.05)], "no_verdict"),
    (plain("Both"), "no_verdict"),
    ([*plain("model", " "), token("m", m=0.9, M=0.1)], "no_verdict"),  # prose, not the name
    ([token("m", m=0.9, M=0.1), *plain("odel")], "no_verdict"),  # the beginning of a word
    (plain("I", "'m", " sorry", ",", " I", " can", "not", " compare", " these", "."), "refused"),
    ([{"token": "m", "logprob": -inf, "top": {"m": -inf, "M": -inf}}], "no_verdict"),
    ([{"token": "m", "logprob": nan, "top": {"m": nan, "M": None}}], "no_verdict"),
    ([{"token": "m", "logprob": "x", "top": []}], "no_verdict"),
    ([{}], "no_verdict"),
]


@pytest.mark.parametrize(("tokens", "status"), UNSCORED)
def test_without_either_token_there_is_no_preference(tokens: list[dict[str, Any]], status: str) -> None:
    """Neither name, or a letter that is part of a word, or numbers that are none: unscored, and never a half."""
    reading = read(*tokens, text="".join(str(t.get("token", "")) for t in tokens) or "?")
    assert (reading.status, reading.preference) == (status, None)


def test_a_word_that_was_likelier_than_either_is_flagged() -> None:
    """Where the judge would rather have said something else, the record says that too."""
    assert read(token("Neither", Neither=0.9, m=0.03, M=0.01)).flags == ("low_token_mass",)
    assert read(token("m", m=0.5, M=0.2)).flags == ()


REASONED = [
    ([*plain("M", " is", " longer", ".", "\n\n"), token("m", m=0.7, M=0.1)], "scored", 0.875),
    ([*plain("m", " wins", ".\n"), token(" M", **{" M": 0.4, " m": 0.1}), *plain(".", "<|im_end|>")], "scored", 0.2),
    ([*plain("So", " ", "**"), token("M", M=0.9, m=0.1), *plain("**", "\n")], "scored", 0.1),
    # The last word is not the name: nothing is read out of the middle.
    ([token("m", m=0.9, M=0.1), *plain(" is", " better", ".")], "no_verdict", None),
    ([*plain("I", " choose", " the", "m")], "no_verdict", None),
    ([{"token": " better", "logprob": -0.1, "top": {" better": -0.1, "m": -3.0}}], "no_verdict", None),
]


@pytest.mark.parametrize(("tokens", "status", "expected"), REASONED)
def test_behind_reasons_the_last_word_is_read(tokens: list[dict[str, Any]], status: str, expected: float | None) -> None:
    """The form that explains first is read at its last word, which has to be one of the two names by itself."""
    reading = read(*tokens, reader="token-preference-last", truncated=False)
    assert reading.status == status
    assert reading.preference == (None if expected is None else pytest.approx(expected))


def test_reasons_that_were_cut_off_end_in_no_preference() -> None:
    """A reply that ran out of tokens ends wherever it ends, even on an m."""
    tokens = [*plain("because", " model", " "), token("m", m=0.9, M=0.1)]
    assert read(*tokens, reader="token-preference-last", truncated=True).status == "truncated"


def test_thinking_is_not_where_the_preference_is_read() -> None:
    """Letters in thinking text are passed over, in the reply itself and where the server keeps it apart."""
    thought = [*plain("<think>", "\n"), token("M", M=0.9, m=0.1), *plain("\n", "</think>", "\n\n")]
    said = token("m", m=0.8, M=0.2)
    inside = read(*thought, said, truncated=False)
    assert (inside.preference, inside.flags) == (pytest.approx(0.8), ("thinking",))
    assert read(*thought, said, text="m", truncated=False).preference == pytest.approx(0.8)
    assert read(*thought[:3], truncated=True).status == "truncated"


TEXTS = [
    ("m", "scored", 1.0),
    ("M", "scored", 0.0),
    (" m\n", "scored", 1.0),
    ('"M"', "scored", 0.0),
    ("**m**", "scored", 1.0),
    ("`M`.", "scored", 0.0),
    ("Model M", "scored", 0.0),
    ("Better model: m", "scored", 1.0),
    ("Besseres Modell: M", "scored", 0.0),
    ("m\n\nIt answers the question.", "scored", 1.0),
    ("m\nM", "conflicting", None),
    ("m or M", "no_verdict", None),
    ("Both are good.", "no_verdict", None),
    ("mM", "no_verdict", None),
    ("м", "no_verdict", None),  # Cyrillic
    ("A", "no_verdict", None),
    ("> m", "quoted", None),
    ("```\nM\n```", "quoted", None),
    ("", "empty", None),
    ("   \n", "empty", None),
    ("I'm sorry, but I can't compare these.", "refused", None),
    ("抱歉，我无法比较这两个回答。", "refused", None),
]


@pytest.mark.parametrize("given", [None, ()])
@pytest.mark.parametrize(("text", "status", "expected"), TEXTS)
def test_without_probabilities_the_letter_is_all_or_nothing(
    text: str, status: str, expected: float | None, given: tuple[()] | None
) -> None:
    """The letter said counts in full, and the record says that the server gave no probabilities."""
    reading = parse("token-preference", text, SCALE, logprobs=given)
    assert (reading.status, reading.preference) == (status, expected)
    assert ("no_logprobs" in reading.flags) == (status == "scored")


LAST = [
    ("A is short, B rambles.\n\nm", "scored", 1.0),
    ("B rambles.\nBest: **M**", "scored", 0.0),
    ("m\n\nIt is shorter.", "no_verdict", None),
    ("m\n\nOn second thought:\n\nM", "conflicting", None),
    ("The answer ends with\n\n> M", "quoted", None),
]


@pytest.mark.parametrize(("text", "status", "expected"), LAST)
def test_without_probabilities_the_last_line_decides_behind_reasons(text: str, status: str, expected: float | None) -> None:
    """The letter has to be the last line, and a reply that was cut off has none."""
    reading = parse("token-preference-last", text, SCALE)
    assert (reading.status, reading.preference) == (status, expected)
    assert parse("token-preference-last", text, SCALE, truncated=True).status == "truncated"


def test_the_published_reading_is_alpaca_evals() -> None:
    """The very first or last token and the exact spelling; nothing without probabilities."""

    def published(*tokens: dict[str, Any], last: bool = False) -> Any:
        return read(*tokens, reader="token-preference-last" if last else "token-preference", reading="published")

    assert published(token("m", m=0.6, M=0.2)).preference == pytest.approx(0.75)
    assert published(token("m", m=0.6, M=0.2)).flags == ("reading:published",)
    assert published(token(" m", **{" m": 0.6, "M": 0.2})).preference == 0.0
    assert published(*plain("\n"), token("m", m=0.6, M=0.2)).status == "no_verdict"
    assert published(*plain("m", " wins", ".\n"), token("M", m=0.1, M=0.4), last=True).preference == pytest.approx(0.2)
    assert published(token("Neither", Neither=0.999, m=2e-6, M=1e-6)).preference == pytest.approx(2 / 3)
    assert parse("token-preference", "m", SCALE, reading="published").status == "no_verdict"


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["m", "M", " m", "\n", "<think>", "</think>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "token": ANY,
        "logprob": ANY,
        "top": st.dictionaries(st.sampled_from(["m", "M", " m", "M\n", "▁m", "x"]), ANY, max_size=4) | ANY,
    },
)


@given(
    text=st.text(max_size=20) | st.sampled_from(["m", "M", "<think>m</think>M"]),
    tokens=st.lists(ENTRY, max_size=5),
    last=st.booleans(),
    reading=st.sampled_from(["strict", "published"]),
    truncated=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_server_can_make_it_raise(text: str, tokens: list[Any], last: bool, reading: str, truncated: bool) -> None:
    """Whatever stands where tokens and numbers belong, there is a reading, and a preference exactly when it is scored."""
    name = "token-preference-last" if last else "token-preference"
    got = parse(name, text, SCALE, reading=reading, truncated=truncated, logprobs=tokens)
    assert (got.status == "scored") == (got.preference is not None)
    assert got.preference is None or 0.0 <= got.preference <= 1.0


@given(st.floats(-50, 0), st.floats(-50, 0))
def test_the_share_only_depends_on_the_difference(first: float, second: float) -> None:
    """Making both tokens equally less likely changes nothing, so what else the judge might have said cannot matter."""

    def share(shift: float) -> float:
        top = {"m": first - shift, "M": second - shift}
        preference = read({"token": "m", "logprob": top["m"], "top": top}).preference
        assert preference is not None
        return float(preference)

    assert share(0.0) == pytest.approx(share(100.0), abs=1e-12)
