"""Read every stored reply of the published data again, and write docs/replies.md from what comes out:

    python docs/generate_replies.py --data ../shared/data

Each reply is read twice: as published, which has to give the stored value, and strictly, the reading for new replies. Every row
for which either gives something else than what is stored is named under its cause. No reply is copied: places and reasons only.
`tests/judges/test_stored_replies.py` fails while the page differs from what the data give.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from evalh.core.records import Reading
from evalh.judges.parse import parse
from evalh.judges.scale import FIVE_STEP, Scale

PAGE: Final = Path(__file__).with_name("replies.md")
TEN: Final = Scale("rating", 1, 10, 2)
TWO: Final = Scale("two-scores", 1, 10, 2)
MATH: Final = (68, 69, 70)
Value = object
"""What a reply says, in one form for stored and read: a number, a pair, A/B/tie, (verdict, strength), or None for nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One stored reply: the file and the place in it, its text, and the value that is stored beside it."""

    file: str
    place: str
    text: str
    stored: Value
    truncated: bool = False
    logprobs: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Replies of one protocol: how they are stored, and the reader that reads them."""

    title: str
    folder: str
    reader: str
    scale: Scale
    replies: Callable[[Path], Iterator[Reply]]
    place: str = "row"


@dataclass(slots=True)
class Outcome:
    """What reading all replies of a source gave. `unread`: why strict gave nothing; `differ`: (reading, cause) -> the rows."""

    replies: int = 0
    equal: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    differ: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines, packed or not."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.decode("utf-8").split("\n") if line.strip()]


def _files(folder: Path) -> Iterator[tuple[str, dict[str, Any], int]]:
    """(file, row, its number from 1) of every packed file of a folder."""
    for path in sorted(folder.rglob("*.gz")):
        name = path.relative_to(folder).as_posix().removesuffix(".jsonl.gz")
        yield from ((name, row, number) for number, row in enumerate(lines(path), 1))


def vicuna(math: bool) -> Callable[[Path], Iterator[Reply]]:
    """The reviews of March 2023: those of the three math questions, or all others."""

    def replies(folder: Path) -> Iterator[Reply]:
        for path in sorted((folder / "review").glob("*/*.jsonl")):
            for row in lines(path):
                if (row["question_id"] in MATH) == math:
                    name = f"{path.parent.name}/{path.stem.removeprefix('review_')}"
                    yield Reply(name, str(row["question_id"]), row["text"], tuple(map(float, row["score"])))

    return replies


def ratings(folder: Path) -> Iterator[Reply]:
    """Gradings of single answers; FastChat's -1 and Arena-bench's null say that none was read."""
    for file, row, number in _files(folder):
        yield Reply(file, str(number), row["judgment"], None if row["score"] in (-1, None) else row["score"])


def games(folder: Path) -> Iterator[Reply]:
    """MT-bench's pairs, each in both orders, the stored winner put back into the order shown."""
    for file, row, number in _files(folder):
        for game, names in (("g1", ("model_1", "model_2")), ("g2", ("model_2", "model_1"))):
            stored = {names[0]: "A", names[1]: "B", "tie": "tie", "error": None}[row[f"{game}_winner"]]
            yield Reply(file, f"{number} {game}", row[f"{game}_judgment"], stored)


def wildvision(folder: Path) -> Iterator[Reply]:
    """WildVision's five-step verdicts."""
    for file, row, number in _files(folder):
        (game,) = row["games"]
        if game["judgment"] is not None:
            yield Reply(file, str(number), game["judgment"], FIVE_STEP[game["score"]])


def llmbar(explained: bool) -> Callable[[Path], Iterator[Reply]]:
    """LLMBar's judges, each in both orders, the winner put back into the order shown; the form with or without reasons."""

    def replies(folder: Path) -> Iterator[Reply]:
        for file, row, _ in _files(folder):
            if file.endswith("CoT") == explained:
                for order in ("original", "swapped"):
                    text, ending = row[order]["completion"]
                    names = ("1", "2") if order == "original" else ("2", "1")
                    stored = dict(zip(names, "AB", strict=True)).get(str(row[order]["winner"]))
                    yield Reply(file, f"{row['row']} {order}", text, stored, ending == "length")

    return replies


def alpaca(folder: Path) -> Iterator[Reply]:
    """AlpacaEval 2: one token with the likeliest five. Rows without probabilities have no reply: both outputs are the same."""
    for file, row, _ in _files(folder):
        if row.get("judge_top_logprobs") is not None:
            token, top = row["judge_text"], row["judge_top_logprobs"]
            tokens = ({"token": token, "logprob": top.get(token), "top": top},)
            yield Reply(file, str(row["row"]), token, ("preference", row["preference"]), True, tokens)


SOURCES: Final = (
    Source("Vicuna reviews, 2023", "vicuna-bench-2023", "two-scores-first-line", TWO, vicuna(False), "question"),
    Source("Vicuna reviews, 2023, math", "vicuna-bench-2023", "score-tuple", TWO, vicuna(True), "question"),
    Source("MT-bench, single answers", "mt-bench/single", "bracket-rating", TEN, ratings),
    Source("MT-bench, pairs", "mt-bench/pair", "bracket-verdict", Scale("three-way"), games),
    Source("Arena-bench v1", "arena-bench-v1/judgments", "bracket-rating", TEN, ratings),
    Source("WildVision-Bench", "wildvision-bench/judgments", "bracket-five-step", Scale("five-step"), wildvision),
    Source("LLMBar, plain", "llmbar/results", "output-choice", Scale("two-way"), llmbar(False)),
    Source("LLMBar, explaining", "llmbar/results", "output-better", Scale("two-way"), llmbar(True)),
    Source("AlpacaEval 2", "alpaca-eval/v2/annotations", "token-preference", Scale("preference"), alpaca),
)


def value_of(reading: Reading, scale: Scale) -> Value:
    """A reading in the form in which stored values are compared."""
    if reading.status != "scored":
        return None
    if scale.kind == "preference":
        return reading.preference
    if scale.kind == "five-step":
        return reading.verdict, reading.strength
    if reading.scores:
        (scores,) = reading.scores.values()
        return scores[0] if scale.kind == "rating" else scores
    return reading.verdict


def same(stored: Value, read: Value) -> bool:
    """Equal, or for a preference equal to six decimals in either order: AlpacaEval stores it with the order undone."""
    if isinstance(stored, tuple) and stored[0] == "preference":
        return isinstance(read, float) and min(abs(2 - read - stored[1]), abs(1 + read - stored[1])) < 1e-6
    return stored == read


@cache
def replay(source: Source, data: Path) -> Outcome:
    """Read all replies of a source in both readings."""
    outcome = Outcome()
    for reply in source.replies(data / source.folder):
        outcome.replies += 1
        for way in ("published", "strict"):
            reading = parse(
                source.reader, reply.text, source.scale, reading=way, truncated=reply.truncated, logprobs=reply.logprobs
            )
            read = value_of(reading, source.scale)
            if same(reply.stored, read):
                outcome.equal[way] += 1
                continue
            if read is None and way == "strict":
                outcome.unread[reading.status] += 1
            elif read is not None:
                outcome.other[way] += 1
            outcome.differ[way, cause(source, reply, way, reading)][reply.file].append(reply.place)
    return outcome


def cause(source: Source, reply: Reply, way: str, reading: Reading) -> str:
    """Why a reading differs from the stored value, told by what the reply holds; "unexplained" is a fault of ours."""
    text = reply.text
    if source.reader == "score-tuple" and way == "published":
        return "the scores stand at the end, where the reader of 2023 did not look; the stored ones were put in by hand"
    if source.reader == "score-tuple" and reading.status == "scored":
        return f"the text says {_pair(reading.scores['overall'])}, by hand {_pair(reply.stored)} was stored"
    if source.reader == "two-scores-first-line" and 0.0 in _numbers(reply.stored) and reading.status == "out_of_range":
        return "a score of 0, which the scale from 1 to 10 does not have"
    if source.reader == "bracket-rating" and reply.stored is None:
        if re.search(r"\[\[\d+\.\d+\]\]", text):
            return "the reply gives a decimal rating in its place; that study took whole numbers only, and stored none"
        if not re.search(r"\[\[\d", text):
            return "no rating; MT-bench's second try takes a number in single brackets (an index in code), that study had none"
    if source.reader == "bracket-five-step":
        if "$ERROR$" in text:
            return "no reply: the request failed, `$ERROR$` was stored for it and read as a tie"
        if "[[" not in text:
            return "no label: the reply runs on in a repetition to its end; stored as a tie"
        if reading.status == "quoted":
            return "the judge opened a code block and never closed it, and its label stands inside"
        if reading.status == "no_verdict":
            return "the line before the label speaks of instructions, and so the label is taken for talk about the form"
    if reading.status == "truncated":
        return "the reply was cut off in the sentence that names the better one"
    return "unexplained"


def _numbers(value: Value) -> tuple[float, ...]:
    return tuple(v for v in value if isinstance(v, float)) if isinstance(value, tuple) else ()


def _pair(value: Value) -> str:
    return " and ".join(f"{number:g}" for number in _numbers(value))


HEAD: Final = """\
# Stored replies, read again

This page is made from the published data by `python docs/generate_replies.py --data ../shared/data`; do not edit it by hand.

Every raw reply of a judge that lies in the data is read twice by the reader of its protocol: as published, which has to give
what its authors stored, and strictly, which is how new replies are read ([judges.md](judges.md#readers)). *Equal* is the stored
value, or nothing where nothing is stored; *otherwise* is another value than the stored one; *unscored* is nothing where a value
is stored.

"""
NONE: Final = """
Where the data hold no replies there is nothing to read: AlpacaEval 1 (`alpaca-eval/v1`, preferences only), Arena-Hard v0.1
(battles only), GPT-4's pairs beside the human votes of MT-bench (labels only), and the rows of AlpacaEval 2 without
probabilities (two FuseChat models, and outputs that are the same).

## Every difference

"""


def page(data: Path) -> str:
    """The whole page."""
    outcomes = [(source, replay(source, data)) for source in SOURCES]
    head = "| source | reader | replies | as published: equal | otherwise | unscored | strictly: equal | otherwise | unscored |"
    rows = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    parts = []
    total = Counter[str]()
    for source, o in outcomes:
        unread = ", ".join(f"{n} `{status}`" for status, n in sorted(o.unread.items())) or "0"
        silent = o.replies - o.equal["published"] - o.other["published"]
        counts = (o.replies, o.equal["published"], o.other["published"], silent, o.equal["strict"], o.other["strict"])
        rows.append(f"| {source.title} | `{source.reader}` | {' | '.join(f'{n:,}' for n in counts)} | {unread} |")
        total.update({str(i): n for i, n in enumerate(counts)})
        for (way, why), places in sorted(o.differ.items()):
            n = sum(map(len, places.values()))
            parts.append(f"**{source.title}, {'as published' if way == 'published' else 'strictly'}: {n}.** {_sentence(why)}\n")
            parts += [f"- `{file}`: {source.place} {', '.join(found)}" for file, found in places.items()]
            parts.append("")
    unread_all = sum(sum(o.unread.values()) for _, o in outcomes)
    rows.append(f"| all | | {' | '.join(f'{total[str(i)]:,}' for i in range(6))} | {unread_all} |")
    return HEAD + "\n".join(rows) + "\n" + NONE + "\n".join(parts).rstrip() + "\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Read every stored reply of the published data again.")
    options.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the published data")
    PAGE.write_text(page(options.parse_args().data), encoding="utf-8", newline="\n")
