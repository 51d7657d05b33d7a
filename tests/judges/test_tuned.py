"""The replies of Prometheus 2, PandaLM, JudgeLM and Auto-J, as they are asked for and as they really come."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.judges.parse import READERS, parse
from evalh.judges.scale import Scale

FIVE = Scale("rating", 1, 5)
TEN = Scale("rating", 1, 10, 2)
TWO = Scale("two-way")
THREE = Scale("three-way")
SCORES = Scale("two-scores", 1, 10, 2)

RATINGS = [
    # At the end of the reply, in every dress that the judge is known to give it.
    ("The response is clear and complete. [RESULT] 4", 4.0),
    ("Clear. [RESULT] 5\n", 5.0),
    ("Clear. [RESULT]5", 5.0),
    ("Clear. [RESULT] (3)", 3.0),
    ("Clear. [RESULT] [2]", 2.0),
    ("Clear.\n\n**[RESULT]** 4", 4.0),
    ("Clear. [RESULT] **4**", 4.0),
    ("Clear. [Result] 3.", 3.0),
    ("Clear. [RESULT]: 3", 3.0),
    ("Clear. [RESULT: 3]", 3.0),
    ("Clear. [RESULT] 4/5", 4.0),
    ("Clear. [RESULT] 5 out of 5", 5.0),
    ("Clear. [RESULT] Score: 2", 2.0),
    ("Clear. [RESULT] score of 1", 1.0),
    ("Clear. [RESULT] 4 points", 4.0),
    ("Clear. [RESULT] 4 (good)", 4.0),
    ("Clear. [RESULT] 4</s>", 4.0),
    ("Clear. [RESULT] 4<|im_end|>", 4.0),
    ("[RESULT] 1", 1.0),
    ("“Die Antwort ist klar. [RESULT] 4”", 4.0),
    ('"The response is clear. [RESULT] 4"', 4.0),
    ("回答准确而完整。［RESULT］ ４", 4.0),
    ("الإجابة واضحة. [RESULT] ٤", 4.0),
    # The marker talked about, or somebody else's, before the verdict.
    ("I have to write [RESULT] and a number. It is clear. [RESULT] 3", 3.0),
    ("The form is [RESULT] (a whole number from 1 to 5). It is clear. [RESULT] 3", 3.0),
    ("The response says:\n> [RESULT] 5\nwhich nobody asked for. [RESULT] 1", 1.0),
    ('It holds the words "[RESULT] 5", a trick. [RESULT] 1', 1.0),
    ("```\nprint('[RESULT] 5')\n```\nThe code does nothing. [RESULT] 2", 2.0),
    ("If it were complete I would give [RESULT] 5\nbut it is not. [RESULT] 2", 2.0),
    ("<think>[RESULT] 5?</think>It is thin. [RESULT] 2", 2.0),
    ("So: [RESULT] 4\n\nIn short: [RESULT] 4", 4.0),
]


@pytest.mark.parametrize(("text", "score"), RATINGS)
def test_prometheus_rates_at_the_end(text: str, score: float) -> None:
    """The number behind the last [RESULT] in the judge's own voice, when nothing follows."""
    reading = parse("result-rating", text, FIVE)
    assert (reading.status, dict(reading.scores)) == ("scored", {"overall": (score,)})


UNRATED = [
    ("The response is clear. Score: 4", "no_verdict"),
    ("4", "no_verdict"),
    ("[RESULT]", "no_verdict"),
    ("[RESULT] 4\n\nThe response is clear because it names its sources.", "no_verdict"),
    ("Clear. [RESULT] good", "no_verdict"),
    ("Clear. [RESULT] six", "no_verdict"),
    ("Clear. [RESULT] 6", "out_of_range"),
    ("Clear. [RESULT] 0", "out_of_range"),
    ("Clear. [RESULT] -1", "out_of_range"),
    ("Clear. [RESULT] 10", "out_of_range"),
    ("Clear. [RESULT] " + "9" * 5000, "no_verdict"),
    ("Clear. [RESULT] 4.5", "off_scale"),
    ("Clear. [RESULT] 3,5", "off_scale"),
    ("Clear. [RESULT] 3-4", "off_scale"),
    ("Clear. [RESULT] 3 or 4", "off_scale"),
    ("Clear. [RESULT] 8/10", "off_scale"),
    ("Clear. [RESULT] A", "off_scale"),
    ("Clear. [RESULT] 4 [RESULT] 5", "conflicting"),
    ("[RESULT] 2\n\nOn second thought it is better than that. [RESULT] 4", "conflicting"),
    ("The response ends with\n> [RESULT] 5", "quoted"),
    ("The response says “[RESULT] 5”", "quoted"),
    ("```\n[RESULT] 5\n```", "quoted"),
    ("I'm sorry, but I can't evaluate this.", "refused"),
    ("Je ne peux pas évaluer cette réponse.", "refused"),
    ("", "empty"),
    ("<think>[RESULT] 5</think>", "empty"),
]


@pytest.mark.parametrize(("text", "status"), UNRATED)
def test_prometheus_otherwise_has_not_rated(text: str, status: str) -> None:
    """A number elsewhere, off the scale, beyond it, contradicted or quoted: a named status, and no score."""
    reading = parse("result-rating", text, FIVE)
    assert (reading.status, dict(reading.scores)) == (status, {})


VERDICTS = [
    ("Response A is clearer. [RESULT] A", "A"),
    ("[RESULT] B", "B"),
    ("B names its sources. [RESULT] (B)", "B"),
    ("Clearer. [RESULT] Response A", "A"),
    ("Clearer. [Result]: **B**", "B"),
    ("Clearer. [RESULT: B]", "B"),
    ("Clearer. [RESULT] a", "A"),
    ("Besser ist die erste.\n\n[RESULT] A.", "A"),
    ("第二个回答更好。[RESULT] Ｂ", "B"),
    ('Response B says "[RESULT] B", which counts against it. [RESULT] A', "A"),
]


@pytest.mark.parametrize(("text", "verdict"), VERDICTS)
def test_prometheus_names_the_better_one_at_the_end(text: str, verdict: str) -> None:
    """A letter behind the last [RESULT]."""
    reading = parse("result-verdict", text, TWO)
    assert (reading.status, reading.verdict) == ("scored", verdict)


UNDECIDED = [
    ("Response A is better.", "no_verdict"),
    ("[RESULT] the first one", "no_verdict"),
    ("[RESULT] A\n\nBoth are good, but A is better.", "no_verdict"),
    ("Both are good. [RESULT] Tie", "off_scale"),
    ("Both are good. [RESULT] A or B", "off_scale"),
    ("Both are good. [RESULT] A = B", "off_scale"),
    ("Both are good. [RESULT] C", "off_scale"),
    ("Both are good. [RESULT] 4", "off_scale"),
    ("[RESULT] A\n[RESULT] B", "conflicting"),
    ("> [RESULT] A", "quoted"),
]


@pytest.mark.parametrize(("text", "status"), UNDECIDED)
def test_prometheus_has_no_tie(text: str, status: str) -> None:
    """A tie, both, or another letter is off the scale and never half a win."""
    reading = parse("result-verdict", text, TWO)
    assert (reading.status, reading.verdict) == (status, None)


FIRST = [
    ("1\n\n### Reason: it is right.\n\n### Reference: 4", "A"),
    ("2", "B"),
    ("Tie\n\n### Reason: both are right.", "tie"),
    ("tie", "tie"),
    ("\n\n 2 \n\n### Reason: …", "B"),
    ("**1**\n", "A"),
    ("1.\n", "A"),
    ("１\n\n理由：更准确。", "A"),
    ("1\n\n### Reason: the second one says <think>2</think>", "A"),
    ("<think>2?</think>1\n", "A"),
]


@pytest.mark.parametrize(("text", "verdict"), FIRST)
def test_pandalm_chooses_on_its_first_line(text: str, verdict: str) -> None:
    """1, 2 or Tie and nothing else on the first line, whatever follows."""
    reading = parse("first-line-choice", text, THREE)
    assert (reading.status, reading.verdict) == ("scored", verdict)


UNCHOSEN = [
    ("Response 1 is better.", "no_verdict"),
    ("### Evaluation:\n1", "no_verdict"),
    ("The better one is:\n1", "no_verdict"),
    ("1 is better", "no_verdict"),
    ("3", "off_scale"),
    ("0\n", "off_scale"),
    ("1.5", "off_scale"),
    ("1 2", "off_scale"),
    ("1/2", "off_scale"),
    ("1 or 2", "off_scale"),
    ("1, 2 or Tie", "off_scale"),
    ("> 1", "quoted"),
    ("```\n2\n```", "quoted"),
    ("Sorry, I can't compare these.", "refused"),
    ("   ", "empty"),
]


@pytest.mark.parametrize(("text", "status"), UNCHOSEN)
def test_pandalm_unreadable_is_not_a_tie(text: str, status: str) -> None:
    """Anything but the three words is unscored; as published it was a tie."""
    reading = parse("first-line-choice", text, THREE)
    assert (reading.status, reading.verdict) == (status, None)
    assert parse("first-line-choice", text, THREE, reading="published").verdict in ("A", "B", "tie")


def test_judgelm_scores_on_its_first_line() -> None:
    """Two scores; its fast form ends there. The last digit of a score is not lost, as it was in the original's script."""
    assert parse("two-scores-first-line", "8 10", SCORES).scores == {"overall": (8.0, 10.0)}
    assert parse("two-scores-first-line", " 8.5 7\nAssistant 1 …", SCORES).verdict == "A"
    assert parse("two-scores-first-line", "11 5", SCORES).status == "out_of_range"


DECISIONS = [
    ("Response 1 names its sources. So, the final decision is Response 1.", "A"),
    ("So, the final decision is Response 2. It is shorter.", "B"),
    ("So, the final decision is Tie", "tie"),
    ("So, the final decision is a tie.", "tie"),
    ("So, the final decision is that they differ. So, the final decision is Response 2.", "B"),
    ("So, the final decision is **Response 2**.", "B"),
    ("So, the final decision is: Response 1", "A"),
    ("So, the final decision is:\n\nResponse 1", "A"),
    ("So, the final decision is that Response 2 is better.", "B"),
    ("so, the FINAL DECISION IS response 1", "A"),
    ("综上所述，最终决定是回应2。", "B"),
    ("最终决定是平局", "tie"),
    ("I begin with: So, the final decision is Response 1 / Response 2 / Tie.\n\nSo, the final decision is Tie.", "tie"),
    ("Response 2 says: “the final decision is Response 2”. A trick. So, the final decision is Response 1.", "A"),
    ("> So, the final decision is Response 2\n\nSo, the final decision is Response 1", "A"),
]


@pytest.mark.parametrize(("text", "verdict"), DECISIONS)
def test_auto_j_states_a_final_decision(text: str, verdict: str) -> None:
    """What it says its final decision is, in English and in the bilingual judge's Chinese."""
    reading = parse("final-decision", text, THREE)
    assert (reading.status, reading.verdict) == ("scored", verdict)


OPEN = [
    ("Response 1 is better.", "no_verdict"),
    ("So, the final decision is hard.", "no_verdict"),
    ("So, the final decision is Response 1 / Response 2 / Tie", "no_verdict"),
    ("So, the final decision is Response 1 or Response 2.", "no_verdict"),
    ("If length counts, the final decision is Response 1.", "no_verdict"),
    ("So, the final decision is Response 3.", "off_scale"),
    ("So, the final decision is Response 12.", "off_scale"),
    ("The final decision is Response 1.\n\nSo, the final decision is Response 2.", "conflicting"),
    ('One of them says "the final decision is Response 2".', "quoted"),
    ("I cannot assist with comparing these.", "refused"),
    ("", "empty"),
]


@pytest.mark.parametrize(("text", "status"), OPEN)
def test_auto_j_otherwise_has_not_decided(text: str, status: str) -> None:
    """The form repeated, a condition, a third response, two decisions: a named status."""
    reading = parse("final-decision", text, THREE)
    assert (reading.status, reading.verdict) == (status, None)


CUT_OFF = [
    ("result-rating", "Clear. [RESULT] 1", FIVE),
    ("result-rating", "Clear and", FIVE),
    ("result-verdict", "Clear. [RESULT] A", TWO),
    ("first-line-choice", "1", THREE),
    ("final-decision", "So, the final decision is Response 1", THREE),
    ("last-rating", "It is clear. Rating: [[", TEN),
]


@pytest.mark.parametrize(("name", "text", "scale"), CUT_OFF)
def test_a_reply_that_was_cut_off_is_truncated(name: str, text: str, scale: Scale) -> None:
    """A bare number, letter or word at the very end may have gone on: 1 of 10, Response 1 of "Response 1 or 2"."""
    assert parse(name, text, scale, truncated=True).status == "truncated"


def test_a_verdict_that_was_complete_before_the_cut_counts() -> None:
    """A first line that has ended, and brackets that have closed, are whole."""
    assert parse("first-line-choice", "2\n\n### Reason: it is", THREE, truncated=True).verdict == "B"
    assert parse("last-rating", "Rating: [[7]]", TEN, truncated=True).scores == {"overall": (7.0,)}


AS_PUBLISHED = [
    ("result-rating", FIVE, "Score: 3. Later: [RESULT] 5", 5.0),  # a full stop may not follow there
    ("result-rating", FIVE, "a score of 2 at first, [RESULT] 5", 2.0),
    ("result-rating", FIVE, "[RESULT] 7", None),
    ("result-rating", FIVE, "Good (Score 5)", 5.0),
    ("result-rating", FIVE, "[RESULT] " + "9" * 5000, None),
    ("result-rating", FIVE, "> [RESULT] 4", 4.0),
    ("result-verdict", TWO, "[RESULT] A, then [RESULT] B", "B"),
    ("result-verdict", TWO, "… [Response B]", "B"),
    ("result-verdict", TWO, "Result: a", "A"),
    ("result-verdict", TWO, "[RESULT] Tie", None),
    ("first-line-choice", THREE, "1 is better", "tie"),
    ("first-line-choice", THREE, "", "tie"),
    ("first-line-choice", THREE, "  2\n1", "B"),
    ("final-decision", THREE, "final decision is Response 1, no, the final decision is response 2!", "B"),
    ("final-decision", THREE, "final decision is tied", "tie"),
    ("final-decision", THREE, "final decision is: Response 1", None),
    ("last-rating", TEN, "Rating: [[3]] … Rating: [[ 8.5 ]]", 8.5),
    ("last-rating", TEN, "[[7]]", 0.0),
    ("last-rating", TEN, "", 0.0),
    ("last-rating", TEN, "Rating: [[7", None),
    ("last-rating", TEN, "Rating: [[nan]]", None),
]


@pytest.mark.parametrize(("name", "scale", "text", "value"), AS_PUBLISHED)
def test_the_published_readings_are_the_authors(name: str, scale: Scale, text: str, value: object) -> None:
    """False ties, false zeros and first matches included, since a published figure holds them."""
    reading = parse(name, text, scale, reading="published")
    got = reading.verdict or (reading.scores["overall"][0] if reading.scores else None)
    assert got == value


def test_auto_js_rating_is_the_stated_one() -> None:
    """Read strictly, a missing rating is no zero, two that differ conflict, and an unlabelled one is read too."""
    assert parse("last-rating", "It is clear. Rating: [[7]]", TEN).scores == {"overall": (7.0,)}
    assert parse("last-rating", "It is clear.", TEN).status == "no_verdict"
    assert parse("last-rating", "Rating: [[3]]\n\nRating: [[8]]", TEN).status == "conflicting"
    assert parse("last-rating", "Rating: [[11]]", TEN).status == "out_of_range"


PIECES = [
    *("[RESULT]", "[Result: ", "Score: ", "1", "5", "4.5", "A", "B", "Tie", "Response 1", "Response 2", "回应1", "平局"),
    *(
        "the final decision is ",
        "最终决定是",
        "Rating: [[",
        "]]",
        "/",
        " or ",
        ".",
        "\n",
        "> ",
        "```",
        '"',
        "“",
        "”",
        "if ",
        "</s>",
    ),
    *("<think>", "</think>", "\ud800", "٣", "9" * 400, " " * 300, "score" + " " * 100),
]
REPLIES = st.lists(st.sampled_from(PIECES), max_size=20).map("".join) | st.text()
SCALES = {
    "result-rating": FIVE,
    "result-verdict": TWO,
    "first-line-choice": THREE,
    "final-decision": THREE,
    "last-rating": TEN,
}


@given(text=REPLIES, reading=st.sampled_from(["strict", "published"]), truncated=st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_reply_can_make_them_raise(text: str, reading: str, truncated: bool) -> None:
    """Any text has a reading, a value exactly when it is scored, and read strictly one that the scale has."""
    for name, scale in SCALES.items():
        got = parse(name, text, scale, reading=reading, truncated=truncated)
        assert (got.status == "scored") == bool(got.verdict or got.scores)
        if reading == "strict" and got.scores:
            assert all(number is not None and scale.judge(number) == "scored" for number in got.scores["overall"])
        if reading == "strict" and scale is TWO:
            assert got.verdict != "tie"


AROUND = ["\n", "> ", '"', ". ", "```\n", "so ", "if ", "<think>", "</think>"]


@pytest.mark.parametrize(
    ("name", "scale", "one", "two"),
    [
        ("result-verdict", TWO, "[RESULT] A", "[RESULT] B"),
        ("first-line-choice", THREE, "1", "2"),
        ("final-decision", THREE, "the final decision is Response 1", "the final decision is Response 2"),
    ],
)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_exchanging_the_names_exchanges_the_verdict(name: str, scale: Scale, one: str, two: str, data: st.DataObject) -> None:
    """No reader has a favourite: with the two names exchanged in a reply, so is its verdict."""
    text = data.draw(st.lists(st.sampled_from([one, two, *AROUND]), max_size=10).map("".join))
    swapped = text.replace(one, "\0").replace(two, one).replace("\0", two)
    first, other = parse(name, text, scale), parse(name, swapped, scale)
    assert first.status == other.status
    assert other.verdict == {"A": "B", "B": "A"}.get(first.verdict or "", first.verdict)


UNITS = [
    *(
        "[RESULT] 4 ",
        "“[RESULT] 4” ",
        "[Result]",
        "score of ",
        "score ",
        "1\n",
        "the final decision is Response 1. ",
        "“final decision is tie”",
    ),
    *(
        "Output (a) is better. ",
        "not Output (a)",
        "Output (a)\n",
        "{'model': 'm', 'rank': 1}, ",
        "[{'model': 'm', ",
        "`m`\n",
        "m\n",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
def test_long_replies_are_read_in_linear_time(unit: str) -> None:
    """One form over and over, 200,000 characters of it, is read at once by each of the readers for two answers."""
    text = unit * (200_000 // len(unit))
    for name, reader in READERS.items():
        if reader.scale in ("two-way", "preference") or name in SCALES:
            scale = SCALES.get(name) or Scale(reader.scale)
            for reading in ("strict", "published"):
                start = time.process_time()
                parse(name, text, scale, reading=reading)
                assert time.process_time() - start < 3, (name, reading)
