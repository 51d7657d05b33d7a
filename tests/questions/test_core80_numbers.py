"""The math and fermi answers of core-80 follow from the numerals in the question texts."""

import json
import math
import re
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement, pairwise, permutations, product
from pathlib import Path
from statistics import multimode

import pytest

QUESTIONS = Path(__file__).resolve().parents[2] / "questions" / "core-80" / "questions.jsonl"
NUMERAL = re.compile(r"\d{1,3}(?:,\d{3})+|\d+\.\d+|\d+/[1-9]\d*(?!\.?\d)|\d+")
TOLERANCE = 0.05


def parse(text):
    return [Fraction(numeral.replace(",", "")) for numeral in NUMERAL.findall(text)]


# math: each function gets the numerals of the question, in the order of the text


def sock_draws(n):
    colours = [int(count) for count in n[:3]]

    def expected(left, drawn):
        if drawn and max(drawn) == 2:
            return Fraction(0)
        total = Fraction(1)
        for i, count in enumerate(left):
            if count:
                fewer = (*left[:i], count - 1, *left[i + 1 :])
                more = (*drawn[:i], drawn[i] + 1, *drawn[i + 1 :])
                total += Fraction(count, sum(left)) * expected(fewer, more)
        return total

    return expected(tuple(colours), (0,) * len(colours))


def band_sizes(n):
    row1, over1, row2, over2, row3, over3, limit = (int(value) for value in n)
    fits = ((row1, over1), (row2, over2), (row3, over3))
    return sum(size for size in range(1, limit) if all(size % row == over for row, over in fits))


def fold_crease(n):
    width, height = n
    # points of the sheet's edge equally far from (0, 0) and (width, height)
    half = (width**2 + height**2) / 2
    ends = set()
    for y in (Fraction(0), height):
        x = (half - y * height) / width
        if 0 <= x <= width:
            ends.add((x, y))
    for x in (Fraction(0), width):
        y = (half - x * width) / height
        if 0 <= y <= height:
            ends.add((x, y))
    (x1, y1), (x2, y2) = sorted(ends)
    square = (x1 - x2) ** 2 + (y1 - y2) ** 2
    top, bottom = math.isqrt(square.numerator), math.isqrt(square.denominator)
    exact = top**2 == square.numerator and bottom**2 == square.denominator
    return Fraction(top, bottom) if exact else math.sqrt(square)


def last_payment(n):
    balance, rate, payment = n[0] * 100, n[1] / 100, n[2] * 100
    while True:
        balance += math.floor(balance * rate + Fraction(1, 2))
        if balance <= payment:
            return balance / 100
        balance -= payment


def split_even_arrangements(n):
    divisor, low, high = (int(value) for value in n)
    count = 0
    for digits in permutations(range(low, high + 1)):
        neighbours = pairwise(digits)
        if any(a % 2 == 0 and b % 2 == 0 for a, b in neighbours):
            continue
        count += int("".join(map(str, digits))) % divisor == 0
    return count


def next_head(n):
    fair, double, loaded, chance, tosses = n[0], n[1], n[2], n[3], int(n[4])
    coins = ((fair, Fraction(1, 2)), (double, Fraction(1)), (loaded, chance))
    seen = sum(number * p**tosses for number, p in coins)
    return sum(number * p ** (tosses + 1) for number, p in coins) / seen


def wall_clock(n):
    loses, gains, hour, minute, watch_hour, watch_minute = n
    start = hour * 60 + minute
    true_hours = (watch_hour * 60 + watch_minute - start) / (60 + gains)
    shown = start + true_hours * (60 - loses)
    return f"{int(shown // 60):02d}:{float(shown % 60):04.1f}".removesuffix(".0")


def multiples_of_thirty(n):
    first, last, plus1, plus2, divisor = (int(value) for value in n)
    return sum((k + plus1) * (k + plus2) % divisor == 0 for k in range(first, last + 1))


def lost_starts(n):
    low, high, takes = int(n[0]), int(n[1]), [int(value) for value in n[2:]]

    @cache
    def wins(piles):
        for i, pile in enumerate(piles):
            for take in takes:
                rest = tuple(sorted((*piles[:i], pile - take, *piles[i + 1 :])))
                if take <= pile and not wins(rest):
                    return True
        return False

    starts = product(range(low, high + 1), repeat=3)
    return sum(not wins(tuple(sorted(start))) for start in starts)


def smallest_maximum(n):
    size, mean, median, spread, mode = (int(value) for value in n)
    for largest in range(spread + 1, size * mean):
        smallest = largest - spread
        inner = range(smallest, largest + 1)
        for middle in combinations_with_replacement(inner, size - 2):
            members = (smallest, *middle, largest)
            if sum(members) != size * mean or members[size // 2] != median:
                continue
            if multimode(members) == [mode]:
                return largest
    return None


MATH = {
    "math-01": sock_draws,
    "math-02": band_sizes,
    "math-03": fold_crease,
    "math-04": last_payment,
    "math-05": split_even_arrangements,
    "math-06": next_head,
    "math-07": wall_clock,
    "math-08": multiples_of_thirty,
    "math-09": lost_starts,
    "math-10": smallest_maximum,
}


# fermi


def tyre_dust(n):
    cars, distance, outside, wear, life, tyres = n
    inside = cars * distance * (1 - outside / 100)
    return inside * tyres * wear / life / 1000


def flower_visits(n):
    honey, load, flowers, nectar_sugar, honey_sugar = n
    nectar = honey * honey_sugar / nectar_sugar
    return nectar / (load / 1000) * flowers


def lift_energy(n):
    people, rides, floors, height, mass, efficiency, gravity, _building = n
    joules = people * rides * mass * gravity * floors * height / (efficiency / 100)
    return joules / 3_600_000


def fountain_money(n):
    area, covered, diameter, _mass, value = n
    coin = math.pi * float(diameter / 2000) ** 2
    return float(area * covered / 100) / coin * float(value)


def last_spectator(n):
    crowd, exits, width, flow, locked, load = n
    return crowd / (exits - locked) * load / (width * flow)


def video_store(n):
    cameras, frames, size, share, days = n
    seconds = days * 24 * 60 * 60 * share / 100
    return cameras * frames * size * seconds / 1_000_000


def bakery_land(n):
    loaves, days, flour, extraction, harvest, wheat_years, cycle = n
    grain = loaves * days * flour / (extraction / 100)
    return grain / harvest * cycle / wheat_years


def hair_length(n):
    clients, days, uncut, hairs, cut = n[:5]
    return clients * days * (1 - uncut / 100) * hairs * cut / 100 / 1000


def truckloads(n):
    depth, length, width, islands, squeezed, load = n[:6]
    snow = length * width * (1 - islands / 100) * depth / 100
    return snow * squeezed / 100 / load


def idle_fuel(n):
    _claim, _words, cars, days, minutes, burn, automatic = n
    return cars * (1 - automatic / 100) * days * minutes / 60 * burn


FERMI = {
    "fermi-01": tyre_dust,
    "fermi-02": flower_visits,
    "fermi-03": lift_energy,
    "fermi-04": fountain_money,
    "fermi-05": last_spectator,
    "fermi-06": video_store,
    "fermi-07": bakery_land,
    "fermi-08": hair_length,
    "fermi-09": truckloads,
    "fermi-10": idle_fuel,
}

CHECKS = MATH | FERMI

# numerals that the answer does not depend on, by position in the text, with the reason
SILENT = {
    "math-06": {5: "Lena's wrong figure", 6: "Lena's wrong figure, repeated"},
    "fermi-03": {7: "the building's use is only compared with"},
    "fermi-04": {3: "the weight decides on the transport, not on the money"},
    "fermi-08": {5: "the word limit of the poster", 6: "the word limit of the working"},
    "fermi-09": {
        6: "minutes a truck decide on the loaders, not on the loads",
        7: "start of the time window",
        8: "start of the time window",
        9: "end of the time window",
        10: "end of the time window",
    },
    "fermi-10": {0: "the reader's claim", 1: "the word limit"},
}

# a numeral is perturbed by adding 1 unless another value makes more sense here
INSTEAD = {
    "math-02": {6: Fraction(1200)},
    "math-06": {3: Fraction(2, 3)},
    "math-08": {0: Fraction(5), 1: Fraction(503)},
    "math-09": {4: Fraction(5)},
}


def rows(category):
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.strip()]
    return {row["question_id"]: row for row in found if row["category"] == category}


def question(question_id):
    return rows(question_id.split("-")[0])[question_id]


def as_answer(text):
    """An answer of metadata as an exact number, or as a time of day in letters."""
    return text if isinstance(text, str) and ":" in text else Fraction(str(text))


def perturbed(text, position, value):
    """The text with one numeral replaced."""
    match = list(NUMERAL.finditer(text))[position]
    written = str(value) if value.denominator == 1 else str(value if value < 1 else float(value))
    return text[: match.start()] + written + text[match.end() :]


@pytest.mark.parametrize(("category", "checks"), [("math", MATH), ("fermi", FERMI)])
def test_every_question_has_a_check(category, checks):
    """Every math and fermi question is recomputed here, and no check is left over."""
    assert set(rows(category)) == set(checks)


@pytest.mark.parametrize("question_id", sorted(MATH))
def test_metadata_names_the_check(question_id):
    """The metadata of a math question names the function that recomputes it."""
    assert question(question_id)["metadata"]["check"] == MATH[question_id].__name__


@pytest.mark.parametrize("question_id", sorted(MATH))
def test_math_answers_are_exact(question_id):
    """A math answer is exactly what the numerals in the question give."""
    row = question(question_id)
    computed = MATH[question_id](parse(row["turns"][0]))
    assert computed == as_answer(row["metadata"]["answer"])


@pytest.mark.parametrize("question_id", sorted(FERMI))
def test_fermi_answers_are_within_five_percent(question_id):
    """A fermi answer is within five percent of what the numerals in the question give."""
    row = question(question_id)
    computed = float(FERMI[question_id](parse(row["turns"][0])))
    assert row["metadata"]["answer"] == pytest.approx(computed, rel=TOLERANCE)


@pytest.mark.parametrize("question_id", sorted(FERMI))
def test_fermi_answers_lie_in_their_range(question_id):
    """The recomputed and the stated fermi answer lie between low and high."""
    row = question(question_id)
    metadata = row["metadata"]
    computed = float(FERMI[question_id](parse(row["turns"][0])))
    assert metadata["low"] < computed < metadata["high"]
    assert metadata["low"] < metadata["answer"] < metadata["high"]
    assert metadata["unit"]


@pytest.mark.parametrize("question_id", sorted(CHECKS))
def test_the_reference_states_the_answer(question_id):
    """The answer stands in the reference as a number."""
    row = question(question_id)
    answer, reference = as_answer(row["metadata"]["answer"]), row["reference"][0]
    if isinstance(answer, str):
        assert re.search(rf"(?<!\d){answer}(?!\d)", reference)
    else:
        assert answer in parse(reference)


@pytest.mark.parametrize("question_id", sorted(CHECKS))
def test_a_changed_numeral_changes_the_answer(question_id):
    """Changing any numeral of a question that matters gives another answer."""
    row = question(question_id)
    text, check = row["turns"][0], CHECKS[question_id]
    numerals = parse(text)
    assert len(set(range(len(numerals))) - set(SILENT.get(question_id, {}))) > 1
    before = check(numerals)
    for position, numeral in enumerate(numerals):
        value = INSTEAD.get(question_id, {}).get(position, numeral + 1)
        changed = parse(perturbed(text, position, value))
        assert changed == [*numerals[:position], value, *numerals[position + 1 :]]
        same = check(changed) == before
        assert same == (position in SILENT.get(question_id, {})), (position, numeral)


@pytest.mark.parametrize("question_id", sorted(FERMI))
def test_a_doubled_numeral_breaks_the_fermi_answer(question_id):
    """Doubling a quantity of a fermi question moves the result out of the five percent."""
    row = question(question_id)
    text, check = row["turns"][0], FERMI[question_id]
    for position, numeral in enumerate(parse(text)):
        if position not in SILENT.get(question_id, {}):
            changed = float(check(parse(perturbed(text, position, numeral * 2))))
            assert row["metadata"]["answer"] != pytest.approx(changed, rel=TOLERANCE)
