"""GPT-4's stored reviews of March 2023, read again."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalh.judges.parse import parse
from evalh.judges.scale import Scale
from support.shared_data import shared

TWO = Scale("two-scores", 1, 10, 2)
MATH = (68, 69, 70)
# Two math reviews say 10 and 4; the scores stored beside them by hand are 10 and 2. The text is what is read.
STORED_OTHERWISE = {("bard_vicuna-13b", 70): (10, 4), ("llama-13b_vicuna-13b", 70): (10, 4)}


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def reviews() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(shared("vicuna-bench-2023", "review").glob("*/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield path.stem.removeprefix("review_"), json.loads(line)


def test_every_math_review_is_read_as_its_text_says() -> None:
    """All 39 math reviews are read; 37 agree with the stored scores, and the other two with their own words."""
    seen = Counter[str]()
    for pair, review in reviews():
        if review["question_id"] in MATH:
            reading = parse("score-tuple", review["text"], TWO)
            stored = tuple(map(float, review["score"]))
            assert reading.status == "scored", (pair, review["question_id"])
            expected = STORED_OTHERWISE.get((pair, review["question_id"]), stored)
            assert reading.scores["overall"] == expected, (pair, review["question_id"])
            seen["as stored" if expected == stored else "otherwise"] += 1
    assert seen == {"as stored": 37, "otherwise": 2}


def test_every_other_review_is_read_as_stored() -> None:
    """The other 1,001 reviews give the stored scores; four of them hold a 0, which the scale from 1 to 10 does not have."""
    seen = Counter[str]()
    for pair, review in reviews():
        if review["question_id"] not in MATH:
            reading = parse("two-scores-first-line", review["text"], TWO)
            seen[reading.status] += 1
            if reading.status == "scored":
                assert reading.scores["overall"] == tuple(map(float, review["score"])), (pair, review["question_id"])
            else:
                assert 0 in review["score"]
    assert seen == {"scored": 997, "out_of_range": 4}


def test_the_published_reading_gives_what_the_2023_script_gave() -> None:
    """The first-line reading reads all 1,001 reviews, zeros included, and none of the 39 math reviews."""
    seen = Counter[tuple[bool, str]]()
    for _, review in reviews():
        reading = parse("two-scores-first-line", review["text"], TWO, reading="published")
        seen[review["question_id"] in MATH, reading.status] += 1
        if reading.status == "scored":
            assert reading.scores["overall"] == tuple(map(float, review["score"]))
    assert seen == {(False, "scored"): 1001, (True, "no_verdict"): 39}


def test_mt_bench_judgments_are_read_as_stored() -> None:
    """GPT-4's stored MT-bench gradings and verdicts give the stored scores and winners in both readings."""
    rating, three = Scale("rating", 1, 10, 2), Scale("three-way")
    counted = Counter[str]()
    for path in sorted(shared("mt-bench", "single").glob("*.gz")):
        for row in rows(path):
            for reading in ("strict", "published"):
                score = parse("bracket-rating", row["judgment"], rating, reading=reading).scores.get("overall", (-1,))[0]
                assert score == row["score"], (path.name, row["question_id"], reading)
            counted["ratings"] += 1
    for path in sorted(shared("mt-bench", "pair").glob("*.gz")):
        for row in rows(path):
            for game, names in (("g1", {"A": "model_1", "B": "model_2"}), ("g2", {"A": "model_2", "B": "model_1"})):
                for reading in ("strict", "published"):
                    verdict = parse("bracket-verdict", row[f"{game}_judgment"], three, reading=reading).verdict
                    winner = "error" if verdict is None else names.get(verdict, "tie")
                    assert winner == row[f"{game}_winner"], (row["question_id"], game, reading)
                counted["verdicts"] += 1
    assert counted == {"ratings": 1770, "verdicts": 150}
