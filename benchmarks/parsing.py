"""How long reading judges' replies takes: a million of the main mix, and each reader by itself.

    python benchmarks/parsing.py [--runs 3]

Replies are made from sentences of our own, 200 to 1,500 characters long, closed in the form that each reader asks for; one in
ten is awkward (fenced code, a quoted verdict, thinking text, another script, two verdicts, none, cut off). The bound is a bare
`re.search` per reply. The main mix is a million replies really read, 20,000 different ones over and over; each reader alone
reads 100,000, and its seconds are those times ten.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence

from common import Figure, main, median

from evalh.judges.parse import READERS, parse
from evalh.judges.scale import Scale

MAIN = ("bracket-verdict", "bracket-rating")
"""The two that most judges use; in the main mix they take three quarters."""
DIFFERENT = 20_000
WHOLE = 1_000_000
EACH = 100_000
TARGET = 60.0

SENTENCES = (
    "Assistant A's answer opens with the definition and then works through it step by step.",
    "Assistant B's reply doesn't mention the second part of the question at all.",
    "The first response gives three concrete examples, each with a reason.",
    "Both responses are correct in substance, but they differ in how much they explain.",
    "The second answer is shorter; it leaves out the boundary case that the user asked about.",
    "There is a small slip in the arithmetic: 12 x 15 is 180, not 170.",
    "In terms of depth, the explanation covers causes, effects, and what can be done about them.",
    "However, the claim about the year (1987) isn't supported by anything in the text.",
    "The tone fits the request, and the structure makes it easy to follow.",
    "It uses headings and a numbered list, which helps the reader find the main points.",
    'The phrase "as soon as possible" is vague where the task asked for a date.',
    "The function returns early when the list is empty, so the edge case is handled.",
    "Using `sorted(items, key=len)` is a reasonable choice here, although it isn't explained.",
    "The reference answer says 42, and so does this one.",
    "I looked at helpfulness, relevance, accuracy, depth, creativity, and level of detail.",
    "It's a good answer overall, but it would be better with a source for the main claim.",
    "One weakness: the closing paragraph repeats what was said at the beginning.",
    "The user's instruction was to write two paragraphs; there are four.",
    "The derivation is sound; each line follows from the one before it.",
    "Neither answer says what happens if the input is negative.",
)
HEADS = ("**Assistant A**\n", "### Evaluation\n\n", "1. ", "- ", "First, ", "", "", "", "", "")
FOREIGN = (
    "```python\nprint('[[A]] is what it prints')\n```\n",
    "> Please give me [[A]] or [[10]], whatever you read.\n",
    "The answer contains the line “Rating: [[10]]”, which is not for it to say. ",
    "<think>\nAt first sight [[A]] or 9 8, but the sum is wrong.\n</think>\n",
    "助手A的回答更完整，解释也更清楚。",
    "I will end with [[A]], [[B]] or [[C]]; for example [[5]] would be an average mark.\n",
)


_RANKS = "[{{'model': 'model_1', 'rank': {first}}}, {{'model': 'model_2', 'rank': {second}}}]"
_SCORES = "\n\nScores:\nAssistant 1: {one}\nAssistant 2: {two}"
_ASPECTS = "\n\nhelpfulness: [[{five}]]\ncorrectness: [[{other}]]\ncoherence: [[{five}]]"
_ITEMS = "\n\n1. yes\n2. no\n3. yes"
TEN, FIVE = Scale("rating", 1, 10, 2), Scale("rating", 1, 5)
ASPECTS = Scale("rating", 0, 5, aspects=("helpfulness", "correctness", "coherence"))

FORMS: dict[str, tuple[Scale, str, tuple[str, ...]]] = {
    "bracket-verdict": (
        Scale("three-way"),
        "",
        (
            "\n\n[[{abc}]]",
            "\n\nFinal verdict: [[{abc}]]",
            "\n\n**Final verdict: [[{abc}]]**",
            " My final verdict is: [[{abc}]]",
        ),
    ),
    "bracket-rating": (TEN, "", ("\n\nRating: [[{one}]]", " Rating: [[{one}]]", "\n\n**Rating: [[{one}]]**")),
    "bracket-five-step": (Scale("five-step"), "", ("\n\nMy final verdict is: [[{step}]]", "\n\n[[{step}]]")),
    "bracket-choice": (Scale("two-way"), "", ("\n\n[[{ab}]]", "\n\nFinal verdict: [[{ab}]]")),
    "two-scores-first-line": (Scale("two-scores", 1, 10, 2), "{one} {two}\n", ("",)),
    "score-tuple": (Scale("two-scores", 1, 10, 2), "", ("\n\nOutput: ({one}, {two})", _SCORES)),
    "token-preference": (Scale("preference"), "{token}\n", ("",)),
    "token-preference-last": (Scale("preference"), "", ("\n\n{token}",)),
    "rank-list": (Scale("two-way"), "", ("\n\n" + _RANKS,)),
    "output-choice": (Scale("two-way"), "Output ({small})\n", ("",)),
    "output-better": (Scale("two-way"), "", ("\n\nTherefore, Output ({small}) is better.",)),
    "result-rating": (FIVE, "", (" [RESULT] {five}",)),
    "result-verdict": (Scale("two-way"), "", (" [RESULT] {ab}",)),
    "first-line-choice": (Scale("three-way"), "{first}\n\n", ("",)),
    "final-decision": (Scale("three-way"), "", (" So, the final decision is Response {first}.",)),
    "last-rating": (TEN, "", (" Rating: [[{one}]]",)),
    "aspect-ratings": (ASPECTS, "", (_ASPECTS,)),
    "json-score": (TEN, "", ('\n\n{{"score": {one}}}',)),
    "json-choice": (Scale("five-step"), "", ('\n\n{{"choice": "{plus}"}}',)),
    "ranking-letters": (Scale("ranking", count=4), "", ("\n\n[[{order}]]",)),
    "ranking-list": (Scale("ranking", count=4), "", ("\n\n1. D\n2. A\n3. C\n4. B", "\n\nRanking: D, A, C, B")),
    "yes-no-items": (Scale("yes-no", count=3), "", (_ITEMS,)),
}
"""Reader -> its scale, and how a reply begins and ends."""


def _closing(reader: str, draw: random.Random) -> tuple[str, str]:
    """(before, after) the explanation: the verdict in the form that a reader asks for."""
    first = draw.choice((1, 2))
    values = {
        "one": draw.randint(1, 10),
        "two": draw.randint(1, 10),
        "five": draw.randint(1, 5),
        "other": draw.randint(1, 5),
        "first": first,
        "second": 3 - first,
        "abc": draw.choice("ABC"),
        "ab": draw.choice("AB"),
        "small": draw.choice("ab"),
        "token": draw.choice("mM"),
        "step": draw.choice(("A>>B", "A>B", "A=B", "B>A", "B>>A")),
        "plus": draw.choice(("A++", "A+", "B+", "B++")),
        "order": " > ".join(draw.sample("ABCD", 4)),
    }
    _, before, after = FORMS[reader]
    return before.format(**values), draw.choice(after).format(**values)


def replies(reader: str, count: int, seed: int = 0) -> list[str]:
    """So many replies in the form of a reader, one in ten of them awkward."""
    draw = random.Random(f"{reader} {seed}")
    made = []
    for _ in range(count):
        length, parts, size = draw.randint(150, 1400), [], 0
        while size < length:
            sentence = draw.choice(HEADS) * (draw.random() < 0.2) + draw.choice(SENTENCES)
            parts.append(sentence + draw.choice((" ", " ", " ", "\n\n")))
            size += len(parts[-1])
        before, after = _closing(reader, draw)
        awkward = draw.random()
        if awkward < 0.07:
            parts.insert(draw.randrange(len(parts)), draw.choice(FOREIGN))
        elif awkward < 0.08:
            parts.append(_closing(reader, draw)[1] + "\n\n")
        elif awkward < 0.09:
            before = after = ""
        elif awkward < 0.1:
            after = after[: len(after) // 2]
        made.append(before + "".join(parts).rstrip() + after)
    return made


def _reading(work: Sequence[tuple[str, Scale, str]]) -> Callable[[], None]:
    def read() -> None:
        for reader, scale, text in work:
            parse(reader, text, scale)

    return read


def _searching(work: Sequence[tuple[str, Scale, str]]) -> Callable[[], None]:
    search = re.compile(r"\[\[([^\]]+)\]\]").search

    def bare() -> None:
        for _, _, text in work:
            search(text)

    return bare


def seconds(do: Callable[[], None], times: int) -> float:
    """Processor time of doing it so many times."""
    began = time.process_time()
    for _ in range(times):
        do()
    return time.process_time() - began


def measure(runs: int) -> Iterator[Figure]:
    """Processor seconds for a million replies."""
    mix: list[tuple[str, Scale, str]] = []
    for name, (scale, _, _) in FORMS.items():
        share = 0.375 if name in MAIN else 0.25 / (len(FORMS) - len(MAIN))
        mix += [(name, scale, text) for text in replies(name, round(DIFFERENT * share))]
    random.Random(0).shuffle(mix)
    mean = sum(len(text) for _, _, text in mix) / len(mix)
    yield Figure("characters of a reply, mean", round(mean))
    times = WHOLE // len(mix)
    scored = sum(parse(name, text, scale).status == "scored" for name, scale, text in mix)
    yield Figure("scored", round(scored / len(mix), 3))
    yield median("1 M replies, main mix", [seconds(_reading(mix), times) for _ in range(runs)], "s", ("at most", TARGET))
    yield median("  one re.search each", [seconds(_searching(mix), times) for _ in range(runs)], "s")
    for name, (scale, _, _) in FORMS.items():
        work = [(name, scale, text) for text in replies(name, DIFFERENT // 4, seed=1)]
        times = EACH // len(work)
        scaled = WHOLE / EACH
        yield median(f"1 M of {name}", [seconds(_reading(work), times) * scaled for _ in range(runs)], "s")
        yield median("  one re.search each", [seconds(_searching(work), times) * scaled for _ in range(runs)], "s")
    missing = set(READERS) - set(FORMS)
    assert not missing, f"no form of reply is known for {', '.join(sorted(missing))}"


if __name__ == "__main__":
    main(measure, __doc__)
