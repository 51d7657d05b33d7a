from __future__ import annotations

import numpy as np
import pytest

from evalh.stats.cells import collect
from evalh.stats.resample import interval
from evalh.stats.winrate import model_win_rates, pair_win_rates, tallies
from stats.frames import comparison, golden, results


@pytest.mark.parametrize("case", golden("win_rates.json")["cases"], ids=lambda case: case["name"])
def test_worked_cases(case: dict) -> None:  # type: ignore[type-arg]
    """Win rates, pairs and tallies are what one gets by hand."""
    cells = collect(results(comparison(*row) for row in case["rows"]))
    size = len(cells.models)
    rates = dict(zip(cells.models, model_win_rates(cells.comparisons, size), strict=True))
    assert {m: e and e.value for m, e in rates.items()} == pytest.approx(case["win_rate"])
    names = [" ".join(cells.models[i] for i in pair) for pair in cells.comparisons.pairs]
    pairs = dict(zip(names, pair_win_rates(cells.comparisons), strict=True))
    assert {p: e and e.value for p, e in pairs.items()} == pytest.approx(case["pairs"])
    assert dict(zip(cells.models, tallies(cells.comparisons, size).tolist(), strict=True)) == case["tallies"]


def random_rows(seed: int, questions: int = 15) -> list:  # type: ignore[type-arg]
    random = np.random.default_rng(seed)
    return [
        comparison(f"q{q:02}", a, b, float(random.choice([0.0, 0.5, 1.0])), swapped=s)
        for q in range(questions)
        for a, b in (("a", "b"), ("a", "c"), ("b", "c"))
        for s in (False, True)
        if random.random() < 0.8
    ]


@pytest.mark.parametrize("seed", range(5))
def test_intervals_are_those_of_the_general_form(seed: int) -> None:
    """The closed forms agree with leaving questions out one by one: pairs, and a model's mean over its opponents."""
    cells = collect(results(random_rows(seed))).comparisons
    sums = np.zeros((int(cells.question.max()) + 1, 6))
    for pair, question, outcome, weight in zip(cells.pair, cells.question, cells.outcome, cells.weight, strict=True):
        sums[question, [2 * pair, 2 * pair + 1]] = outcome, weight
    pairs = pair_win_rates(cells)
    for pair in range(3):
        own = sums[sums[:, 2 * pair + 1] > 0]
        assert_same(pairs[pair], interval(own, lambda t, i=pair: t[..., 2 * i] / t[..., 2 * i + 1], share=True))

    def rate_of_a(total: np.ndarray) -> np.ndarray:
        return (total[..., 0] / total[..., 1] + total[..., 2] / total[..., 3]) / 2

    own = sums[(sums[:, 1] > 0) | (sums[:, 3] > 0)]
    assert_same(model_win_rates(cells, 3)[0], interval(own, rate_of_a, share=True, parts=2))


def assert_same(one, other) -> None:  # type: ignore[no-untyped-def]
    assert one.n == other.n
    assert (one.value, one.low, one.high, one.standard_error) == pytest.approx(
        (other.value, other.low, other.high, other.standard_error), abs=1e-9
    )


def test_two_models_mirror_each_other() -> None:
    """The second model's win rate and limits are the mirror image of the first's."""
    cells = collect(results(comparison(f"q{i}", "a", "b", o) for i, o in enumerate([1, 1, 0.5, 0, 1, 1]))).comparisons
    a, b = model_win_rates(cells, 2)
    pair = pair_win_rates(cells)[0]
    assert a is not None
    assert b is not None
    assert pair is not None
    assert (b.value, b.low, b.high) == pytest.approx((1 - a.value, 1 - a.high, 1 - a.low))
    assert (a.value, a.low, a.high) == pytest.approx((pair.value, pair.low, pair.high))


def test_an_opponent_met_once_leaves_no_interval() -> None:
    """What the win rate against an opponent met on one question would be on others is not known."""
    rows = [comparison(f"q{i}", "a", "b", i % 2) for i in range(10)] + [comparison("q0", "a", "c", 1.0)]
    a = model_win_rates(collect(results(rows)).comparisons, 3)[0]
    assert a is not None
    assert (a.value, a.low, a.high, a.n) == (0.75, None, None, 10)


def test_orders_of_one_question_are_not_independent() -> None:
    """Asking every comparison twice with the same result narrows nothing."""
    once = [comparison(f"q{i}", "a", "b", i % 2) for i in range(20)]
    twice = once + [row | {"swapped": True} for row in once]
    one, two = (pair_win_rates(collect(results(rows)).comparisons)[0] for rows in (once, twice))
    assert_same(one, two)


def test_nothing_compared() -> None:
    """Without comparisons nobody has a win rate."""
    cells = collect(results([]), ["a", "b"]).comparisons
    assert model_win_rates(cells, 2) == [None, None]
    assert pair_win_rates(cells) == []
    assert tallies(cells, 2).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_unequal_weights_are_worth_fewer_questions() -> None:
    """Where every other question counts three times, the interval is that of n / 1.25 questions."""
    rows = [comparison(f"q{i}", "a", "b", float(i % 4 < 2)) for i in range(40)]
    widths = []
    for weights in ((1, 1), (3, 3), (1, 3)):
        weighted = [row | {"weight": float(weights[i % 2])} for i, row in enumerate(rows)]
        cells = collect(results(weighted)).comparisons
        (pair,), model = pair_win_rates(cells), model_win_rates(cells, 2)[0]
        assert_same(pair, model)
        assert pair is not None
        assert pair.value == 0.5
        widths.append(pair.high - pair.low)
    assert widths[0] == pytest.approx(widths[1], rel=1e-12)
    assert 1.25**0.5 * 0.97 < widths[2] / widths[0] < 1.25**0.5 * 1.1
