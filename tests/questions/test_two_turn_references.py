"""The references of two-turn-16: the code is run, the numbers are recomputed from the question text."""

import json
import math
import re
import subprocess
import sys
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest

QUESTIONS = Path(__file__).resolve().parents[2] / "questions" / "two-turn-16" / "questions.jsonl"
NUMERAL = r"(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def load() -> dict[str, dict]:
    with QUESTIONS.open(encoding="utf-8") as stream:
        return {row["question_id"]: row for row in map(json.loads, stream)}


ALL = load()
WITH_REFERENCE = [row for row in ALL.values() if row["category"] in ("coding", "fermi", "math")]


def quantity(text: str, around: str) -> float:
    """The numeral standing where ``around`` has NUM; it must occur exactly once in the text."""
    found = re.findall(around.replace("NUM", NUMERAL), text)
    assert len(found) == 1, f"{around!r} occurs {len(found)} times"
    return float(found[0].replace(",", ""))


def code_of(text: str) -> str:
    blocks = FENCE.findall(text)
    assert len(blocks) == 1, f"{len(blocks)} python blocks instead of one"
    return blocks[0]


def run_code(code: str, checks: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"{code}\n\n{checks}\nprint('all checks passed')\n"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all checks passed\n"), done.stdout


# ----------------------------------------------------------------------------- coding

RAISES = """
def raises(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
"""

ELECT_FIRST = (
    RAISES
    + """
A, B, C, D = "Ann", "Bo", "Cy", "Di"
assert elect([]) is None and elect([[], []]) is None
assert elect([[A]]) == A
assert elect([[A, B], [A], [B]]) == A
# Cy is dropped and the ballots pass on to Bo
assert elect([[A]] * 4 + [[B]] * 3 + [[C, B]] * 2) == B
# the same, but the ballots of Cy are exhausted: 4 of the 7 that still count are more than half
assert elect([[A]] * 4 + [[B]] * 3 + [[C]] * 2) == A
# a candidate whom nobody puts first is dropped although the others do not have a majority
assert elect([[A, D]] * 2 + [[B, D]] * 2 + [[C, D, B]]) == B
# level in this round, fewer in the first one: Bo goes, not Cy, who is alphabetically last
assert elect([[A]] * 5 + [[B]] * 3 + [[C]] * 4 + [[D, B]]) == A
assert elect([[A]] * 5 + [[B, C]] * 3 + [[C, B]] * 4 + [[D, B]]) == C
assert elect([[A]] * 5 + [[B, C]] * 4 + [[C, B]] * 3 + [[D, C]]) == B
# level throughout: the alphabetically last goes
assert elect([[A], [B]]) == A and elect([[B], [A]]) == A
assert elect([[C, B], [B, C], [A, C]]) == B
# exhausted ballots are not part of the half, empty ones neither
assert elect([[A], [A], [B]] + [[]] * 9) == A
ballots = [[A, B], [B], [C, A]]
elect(ballots)
assert ballots == [[A, B], [B], [C, A]]
raises(ValueError, elect, [[A, B, A]])
"""
)

ELECT_SECOND = (
    ELECT_FIRST
    + """
assert elect([(4, [A]), (3, [B]), (2, [C, B])]) == B
assert elect([(4, [A]), [B], [B], [B], (2, [C, B])]) == B
assert elect([], report=True) == (None, []) and elect([[], (3, [])], report=True) == (None, [])
assert elect([(4, [A]), (3, [B]), (2, [C]), []], report=True) == (
    A, [{A: 4, B: 3, C: 2, None: 1}, {A: 4, B: 3, None: 3}])
winner, rounds = elect([[(A, B, C)], [A, B]], report=True)
assert winner == A and rounds[0][A] * 3 == 4 and rounds[0][B] * 3 == 1 and rounds[0][None] == 0
# after Cy is out, her share goes to the others of the same group and not to the next place
winner, rounds = elect([[(A, C), B]] * 3 + [[B]] * 3 + [[D, B], [D, A]], report=True)
assert rounds[0] == {A: 1.5, B: 3, C: 1.5, D: 2, None: 0}
assert rounds[1] == {A: 3, B: 3, D: 2, None: 0}
assert rounds[2] == {A: 4, B: 4, None: 0}
assert winner == B and rounds[3] == {B: 7, None: 1}
# one tenth and two tenths against three tenths: level in truth, not in floating point
names = [f"n{i}" for i in range(8)]
level = [[(A, B, *names)], (2, [(A, B, *names)]), (7, [A]), (7, [B])]
votes = elect(level, report=True)[1][0]
assert votes[A] == votes[B] and votes[A] * 10 == 73
thirds = [[(A, B, C)], [(A, B, C)], [(A, B, C)], [B], [A], [C]]
winner, rounds = elect(thirds, report=True)
assert rounds[0] == {A: 2, B: 2, C: 2, None: 0} and C not in rounds[1]
for bad in (0, -1, True, 1.0, "2"):
    raises(ValueError, elect, [(bad, [A])])
raises(ValueError, elect, [[A, (B, A)]])
raises(ValueError, elect, [[(B, B)]])
"""
)

RETRY_FIRST = (
    RAISES
    + """
import time
pauses = []
time.sleep = pauses.append

def flaky(fail, error=KeyError):
    calls = []
    def call(value=None, *, key=None):
        "docstring kept"
        calls.append((value, key))
        if len(calls) <= fail:
            raise error(len(calls))
        return len(calls)
    return call, calls

call, calls = flaky(2)
assert retry(3, wait=2)(call)(7, key=8) == 3 and calls == [(7, 8)] * 3 and pauses == [2, 4]
pauses.clear()
call, calls = flaky(9)
error = raises(KeyError, retry(3, wait=2)(call))
assert error.args == (3,) and len(calls) == 3 and pauses == [2, 4]
pauses.clear()
call, calls = flaky(9)
assert raises(KeyError, retry(1)(call)).args == (1,) and len(calls) == 1 and pauses == []
call, calls = flaky(9, OSError)
raises(OSError, retry(5, exceptions=(ValueError, KeyError))(call))
assert len(calls) == 1 and pauses == []
raises(ValueError, retry, 0)
named = retry(2)(flaky(0)[0])
assert named.__name__ == "call" and named.__doc__ == "docstring kept"
"""
)

RETRY_SECOND = (
    RETRY_FIRST
    + """
import asyncio, inspect
seen = []
call, calls = flaky(9)
raises(KeyError, retry(3, wait=5, sleep=seen.append)(call))
assert seen == [5, 10] and len(calls) == 3 and pauses == []

async def note(seconds):
    seen.append(seconds)

def async_flaky(fail, error=KeyError):
    calls = []
    async def call():
        calls.append(1)
        await asyncio.sleep(0)
        if len(calls) <= fail:
            raise error(len(calls))
        return len(calls)
    return call, calls

seen.clear()
call, calls = async_flaky(2)
wrapped = retry(3, wait=5, sleep=note)(call)
assert inspect.iscoroutinefunction(wrapped) and wrapped.__name__ == "call"
assert asyncio.run(wrapped()) == 3 and seen == [5, 10]
seen.clear()
call, calls = async_flaky(9)
assert raises(KeyError, asyncio.run, retry(2, wait=5, sleep=note)(call)()).args == (2,) and seen == [5]
call, calls = async_flaky(9, OSError)
raises(OSError, asyncio.run, retry(4, (KeyError,), sleep=note)(call)())
assert len(calls) == 1

started = []
@retry(5, exceptions=(BaseException,), sleep=note)
async def endless():
    started.append(1)
    await asyncio.Event().wait()

async def cancel_it():
    task = asyncio.create_task(endless())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await asyncio.wait_for(asyncio.shield(task), 1)
    except asyncio.CancelledError:
        return task.cancelled()

assert asyncio.run(cancel_it()) is True and len(started) == 1

async def stays_responsive():
    ticks = []
    async def ticker():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)
    ticking = asyncio.create_task(ticker())
    call, calls = async_flaky(2)
    result = await retry(3, wait=0.01)(call)()
    ticking.cancel()
    return result, len(ticks)

result, ticks = asyncio.run(stays_responsive())
assert result == 3 and ticks > 5 and pauses == []
"""
)

CODING_CHECKS = {
    ("two-turn-13", 0): ELECT_FIRST,
    ("two-turn-13", 1): ELECT_SECOND,
    ("two-turn-14", 0): RETRY_FIRST,
    ("two-turn-14", 1): RETRY_SECOND,
}

COMPLAINTS = (
    RAISES
    + """
pauses, calls = [], []
time.sleep = pauses.append
@retry(3, wait=1)
def broken():
    calls.append(1)
    raise KeyError("the real error")
raises(UnboundLocalError, broken)
assert len(calls) == 2 and len(pauses) == 2
assert broken.__name__ == "wrapper"
"""
)


@pytest.mark.parametrize(("question_id", "turn"), CODING_CHECKS)
def test_coding_reference_passes_our_checks(question_id: str, turn: int) -> None:
    """The reference code of every turn of every coding question does what that turn asks for."""
    row = ALL[question_id]
    code = code_of(row["reference"][turn])
    assert f"def {row['metadata']['entry_point'][turn]}(" in code
    run_code(code, CODING_CHECKS[question_id, turn])


def test_every_coding_question_has_checks() -> None:
    """No coding question of the set goes without checks for both of its turns."""
    asked = {(row["question_id"], turn) for row in ALL.values() if row["category"] == "coding" for turn in (0, 1)}
    assert asked == set(CODING_CHECKS)


def test_coding_checks_tell_the_turns_apart() -> None:
    """The checks of the second turn fail on the reference of the first, so the second turn really asks for more."""
    for question_id in ("two-turn-13", "two-turn-14"):
        with pytest.raises(AssertionError):
            run_code(code_of(ALL[question_id]["reference"][0]), CODING_CHECKS[question_id, 1])


def test_faulty_snippet_shows_the_faults_complained_about() -> None:
    """The code given in the debugging question has exactly the faults that its text reports, and the unreported one."""
    run_code(code_of(ALL["two-turn-14"]["turns"][0]), COMPLAINTS)


# ----------------------------------------------------------------------------- fermi


def waste_water(first: str, second: str) -> tuple[float, float]:
    water = quantity(first, "NUM inhabitants") * quantity(first, "NUM litres each")
    per_degree = water * quantity(first, "takes NUM kJ") / quantity(first, "is NUM kJ")
    coldest = quantity(first, "cool it to NUM °C")
    a_year = quantity(first, "needs NUM kWh of heat")

    def delivered(arriving: float, coefficient: float) -> float:
        return per_degree * (arriving - coldest) * coefficient / (coefficient - 1)

    year = 365 * delivered(quantity(first, "plant at NUM °C"), quantity(first, "delivers NUM times"))
    winter = quantity(second, "the NUM days of winter") * delivered(
        quantity(second, "arrives at NUM °C"), quantity(second, "only NUM times")
    )
    return year / a_year, winter / (a_year * quantity(second, "NUM % of a flat's") / 100)


def carbon_dioxide(first: str, second: str) -> tuple[float, float]:
    volume = quantity(first, "NUM m long") * quantity(first, "NUM m wide") * quantity(first, "NUM m high")
    hours = quantity(first, "concert of NUM minutes") / 60
    people = quantity(first, "NUM listeners")
    source = people * quantity(first, "about NUM litres") / 1000 * 60
    outside = quantity(first, "NUM ppm")
    sealed = outside + source * hours / volume * 1e6
    changes = quantity(second, "volume NUM times an hour")

    level, steps = outside, 10_000
    for _ in range(steps):
        level += (source / volume * 1e6 - changes * (level - outside)) * hours / steps

    limit = quantity(second, "at or below NUM ppm")
    assert math.floor(people * (limit - outside) / (level - outside)) == 259
    assert "259 listeners" in ALL["two-turn-10"]["reference"][1]
    return sealed, level


FERMI = {"two-turn-09": waste_water, "two-turn-10": carbon_dioxide}


@pytest.mark.parametrize("question_id", FERMI)
def test_fermi_answers_follow_from_the_question(question_id: str) -> None:
    """Both fermi answers come out of the numerals in the question's turns, and lie within their stated ranges."""
    row = ALL[question_id]
    metadata = row["metadata"]
    computed = FERMI[question_id](*row["turns"])
    for turn in (0, 1):
        assert metadata["answer"][turn] == pytest.approx(computed[turn], rel=0.005)
        assert metadata["low"][turn] < metadata["answer"][turn] < metadata["high"][turn]
        assert metadata["unit"][turn]


# ----------------------------------------------------------------------------- math


def stopping_value(faces: list[int], rolls: int, price: int, best_counts: bool) -> Fraction:
    """Worth of the game under best play: at every point take the better of stopping and rolling again."""

    def worth(held: int, left: int) -> Fraction:
        if not left:
            return Fraction(held)
        again = sum(worth(max(held, face) if best_counts else face, left - 1) for face in faces) / Fraction(len(faces))
        return max(Fraction(held), again - price)

    return sum(worth(face, rolls - 1) for face in faces) / Fraction(len(faces))


def die(first: str, second: str) -> tuple[Fraction, Fraction]:
    (listed,) = re.findall(r"faces ([\d, and]+),", first)
    faces = [int(face) for face in re.findall(r"\d+", listed)]
    rolls, price = int(quantity(first, "up to NUM times")), int(quantity(second, "costs NUM euro"))
    plain = stopping_value(faces, rolls, 0, False)
    both = stopping_value(faces, rolls, price, True)
    reference = ALL["two-turn-15"]["reference"][1]
    assert str(stopping_value(faces, rolls, price, False)) in reference
    assert str(stopping_value(faces, rolls, 0, True)) in reference
    assert str(plain - both) in reference
    return plain, both


def line_up(first: str, second: str) -> tuple[Fraction, Fraction]:
    people = int(quantity(first, "NUM people"))
    cousins = int(quantity(first, "NUM of them are cousins"))
    front = int(quantity(second, "NUM chairs in front"))
    behind = int(quantity(second, "NUM standing places"))
    assert front + behind == people == int(quantity(second, "all NUM are different places"))

    def count(neighbours: set[tuple[int, int]], fits) -> int:
        found = 0
        for seats in combinations(range(people), cousins):
            if any(pair in neighbours for pair in combinations(seats, 2)):
                continue
            others = [place for place in range(people) if place not in seats]
            found += sum(fits(vera, olga) for vera in others for olga in others if vera != olga)
        return found * math.factorial(cousins) * math.factorial(people - cousins - 2)

    one_row = {(place, place + 1) for place in range(people - 1)}
    two_rows = one_row - {(front - 1, front)}
    reference = ALL["two-turn-16"]["reference"][1]
    for row in (one_row, two_rows):
        assert f"{count(row, lambda vera, olga: True):,}" in reference
    return (
        Fraction(count(one_row, lambda vera, olga: vera < olga)),
        Fraction(count(two_rows, lambda vera, olga: vera < front)),
    )


MATH = {"two-turn-15": die, "two-turn-16": line_up}


@pytest.mark.parametrize("question_id", MATH)
def test_math_answers_follow_from_the_question(question_id: str) -> None:
    """Both math answers come out of the numerals in the question's turns by counting, exactly."""
    row = ALL[question_id]
    computed = MATH[question_id](*row["turns"])
    for turn in (0, 1):
        assert Fraction(row["metadata"]["answer"][turn]) == computed[turn]
        assert row["metadata"]["check"][turn]
        assert row["reference"][turn].startswith(str(row["metadata"]["answer"][turn]))


def test_every_number_is_recomputed() -> None:
    """Every fermi and math question of the set is among those recomputed here."""
    asked = {row["question_id"] for row in ALL.values() if row["category"] in ("fermi", "math")}
    assert asked == set(FERMI) | set(MATH)


@pytest.mark.parametrize("row", WITH_REFERENCE, ids=lambda row: row["question_id"])
def test_one_reference_and_one_entry_per_turn(row: dict) -> None:
    """Coding, fermi and math questions carry one reference and one metadata entry for each of their two turns."""
    assert len(row["turns"]) == len(row["reference"]) == 2
    assert all(len(entries) == 2 for entries in row["metadata"].values())
