"""Position bias: what flips with the order, which way, and what cannot be told."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from evalh.stats.bias import Position, position, recorded_flips
from evalh.stats.orders import compared
from stats.frames import NAN, comparison, results
from support.shared_data import shared


def _both(question: str, first: float | None, second: float | None, a: str = "a", b: str = "b", **more: Any) -> list[Any]:
    """Both orders of one comparison: outcomes for a where it was shown first, and second."""
    return [comparison(question, a, b, first, **more), comparison(question, a, b, second, swapped=True, **more)]


def _position(rows: list[Any]) -> Position:
    return position(compared(results(rows)))


def _value(e: Any) -> Any:
    return e and e.value


def test_flips_have_a_direction() -> None:
    """A flip leans to the first or to the second answer shown; the two add up, and a reversal names two winners."""
    rows = _both("1", 1.0, 0.0) + _both("2", 0.0, 1.0) + _both("3", 1.0, 0.5) + _both("4", 1.0, 1.0) + _both("5", 0.5, 0.5)
    found = _position(rows)
    assert (found.comparisons, found.left_out, found.one_order) == (5, 0, 0)
    shares = [_value(getattr(found, name)) for name in ("flips", "to_first", "to_second", "reversals")]
    assert shares == pytest.approx([0.6, 0.4, 0.2, 0.4])
    assert _value(found.first_shown) == pytest.approx((1 + 0 + 0.75 + 0.5 + 0.5) / 5)


def test_quality_cancels_between_orders() -> None:
    """A judge that always names the same model has no liking for a position, however one-sided it is."""
    found = _position([row for q in "12345" for row in _both(q, 1.0, 1.0)])
    assert _value(found.flips) == 0
    assert _value(found.first_shown) == 0.5
    assert found.flips is not None
    assert found.flips.high > 0  # type: ignore[operator]


def test_one_order_alone_is_kept_apart() -> None:
    """What was asked in one order has a figure of its own, and none on position."""
    found = _position([comparison("1", "a", "b", 1.0), comparison("2", "a", "b", 1.0, swapped=True)])
    assert (found.comparisons, found.one_order, found.flips, found.first_shown) == (0, 2, None, None)
    assert _value(found.first_one_order) == 0.5


def test_an_unscored_order_leaves_its_comparison_out() -> None:
    """Half a comparison is neither a flip nor none: it is counted."""
    whole = _both("1", 1.0, 0.0) + _both("2", 1.0, 1.0)
    found, more = _position(whole), _position(whole + _both("3", None, 1.0) + _both("4", None, None))
    assert more.left_out == 2
    assert (more.flips, more.first_shown) == (found.flips, found.first_shown)


def test_repeats_of_an_order_say_their_mean() -> None:
    """Two of three replies decide an order, as on the leaderboard."""
    rows = [comparison("1", "a", "b", x, sample=i) for i, x in enumerate((1.0, 1.0, 0.0))]
    found = _position([*rows, comparison("1", "a", "b", 1.0, swapped=True)])
    assert _value(found.flips) == 0


def test_names_and_sides_do_not_matter() -> None:
    """Exchanging a and b, or naming the models otherwise, changes nothing."""
    rng = np.random.default_rng(5)
    said = [(str(q), *rng.choice([0.0, 0.5, 1.0], 2)) for q in range(12)]
    plain = _position([row for q, x, y in said for row in _both(q, x, y)])
    turned = [comparison(q, "b", "a", 1 - x, swapped=True) for q, x, _ in said]
    turned += [comparison(q, "b", "a", 1 - y) for q, _, y in said]
    assert _position(turned) == plain
    assert _position([row for q, x, y in said for row in _both(q, x, y, "z", "c")]) == plain


def test_nothing_to_tell_is_none() -> None:
    """No comparison at all, or none scored, gives counts and no figure; one question gives no interval."""
    nothing = _position([])
    assert (nothing.comparisons, nothing.left_out, nothing.flips) == (0, 0, None)
    assert _position(_both("1", None, None)).left_out == 1
    alone = _position(_both("1", 1.0, 0.0)).flips
    assert alone is not None
    assert (alone.value, alone.low, alone.high, alone.n) == (1.0, None, None, 1)


def test_preferences_lean() -> None:
    """Preferences of 0.8 and 0.6 for the same model are no flip; the mean outcome of the first still tells them apart."""
    found = _position(_both("1", 0.8, 0.6) + _both("2", 0.8, 0.6))
    assert _value(found.flips) == 0
    assert _value(found.first_shown) == pytest.approx(0.6)


def test_a_row_without_a_usable_outcome_is_unscored() -> None:
    """NaN in a row that claims to be scored, or a weight of zero, is no verdict."""
    rows = _both("1", 1.0, 1.0) + _both("2", NAN, 1.0, status="scored") + _both("3", 1.0, 1.0, weight=0.0)
    found = _position(rows)
    assert (found.comparisons, found.left_out) == (1, 2)


def test_llmbars_published_agreement_between_orders() -> None:
    """The flip share of six evaluators on five subsets is one less the published positional agreement rate."""
    expected = json.loads(shared("llmbar", "expected.json").read_text("utf-8"))
    for subset, figures in expected.items():
        for evaluator, want in figures["evaluators"].items():
            path = shared("llmbar", "results", subset, evaluator.replace("/", "__") + ".jsonl.gz")
            rows, neither = [], 0
            for number, line in enumerate(gzip.decompress(path.read_bytes()).splitlines()):
                said = [json.loads(line)[order]["winner"] for order in ("original", "swapped")]
                outcome = [{"1": 1.0, "2": 0.0}.get(str(winner)) for winner in said]
                rows += _both(str(number), outcome[0], outcome[1], "1", "2")
                neither += outcome == [None, None]
            found = _position(rows)
            assert found.flips is not None
            assert found.comparisons + found.left_out == want["n"]
            # the original takes two replies that cannot be read for agreement; here they are left out
            agreed = found.comparisons * (1 - found.flips.value) + neither  # type: ignore[operator]
            assert agreed / want["n"] == pytest.approx(want["positional_agreement_rate"], abs=1e-12)


def test_mt_benchs_inconsistent_ties_are_flips() -> None:
    """GPT-4's "tie (inconsistent)" are the comparisons whose two orders disagree: 380 of 2,400."""
    votes = [json.loads(line) for line in shared("mt-bench-human", "gpt4_pair.jsonl").read_text("utf-8").splitlines()]
    kinds = Counter(vote["winner"] for vote in votes)
    said = {"model_a": (1.0, 1.0), "model_b": (0.0, 0.0), "tie": (0.5, 0.5), "tie (inconsistent)": (1.0, 0.0)}
    rows = [
        row
        for v in votes
        for row in _both(str(v["question_id"]), *said[v["winner"]], a=v["model_a"], b=v["model_b"], turn=v["turn"])
    ]
    found = _position(rows)
    assert found.flips is not None
    assert found.comparisons == 2400
    assert found.flips.value == pytest.approx(kinds["tie (inconsistent)"] / 2400)
    by_question = Counter(v["question_id"] for v in votes if v["winner"] == "tie (inconsistent)")
    questions = sorted({v["question_id"] for v in votes})
    again = recorded_flips(np.array([[by_question[q], 30] for q in questions]))
    assert again is not None
    for part in ("value", "low", "high", "standard_error"):
        assert getattr(again, part) == pytest.approx(getattr(found.flips, part), abs=1e-12)
