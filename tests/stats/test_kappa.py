"""Agreement of two sides, what chance would give, kappa and the Brier score."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError, TooFewData
from evalh.stats.kappa import agreement, brier
from evalh.stats.voting import Matched


def _matched(
    pairs: list[tuple[int, int]], questions: list[int] | None = None, preference: list[float] | None = None
) -> Matched:
    """(first side's outcome, second side's), each on a question of its own unless `questions` says otherwise."""
    index = np.array(questions if questions is not None else range(len(pairs)), dtype=np.int64)
    first = np.array([a for a, _ in pairs], dtype=np.int64)
    names = tuple(str(q) for q in range(int(index.max(initial=-1)) + 1))
    return Matched(
        names,
        index,
        np.ones(len(pairs), dtype=np.int64),
        first,
        np.array([b for _, b in pairs], dtype=np.int64),
        np.array(preference if preference is not None else (first + 1) / 2, dtype=np.float64),
    )


def test_kappa_of_a_textbook_table() -> None:
    """20, 5, 10 and 15 of 50 grant proposals: 0.7 agree, 0.5 by chance, kappa 0.4; and 45, 15, 25, 15 give 0.1304."""
    for counts, same, chance, value in (((20, 5, 10, 15), 0.7, 0.5, 0.4), ((45, 15, 25, 15), 0.6, 0.54, 0.130434783)):
        pairs = [pair for pair, n in zip(product((1, -1), repeat=2), counts, strict=True) for _ in range(n)]
        found = agreement(_matched(pairs))
        assert found.value.value == pytest.approx(same)
        assert (found.agree, found.n) == (round(same * sum(counts)), sum(counts))
        assert found.expected == pytest.approx(chance)
        assert found.kappa is not None
        assert found.kappa.value == pytest.approx(value)
        assert found.kappa.low is not None
        assert found.kappa.high is not None
        assert found.kappa.low < value < found.kappa.high


def test_the_standard_error_of_kappa_is_that_of_large_samples() -> None:
    """For independent comparisons the jackknife's error is the closed form of Fleiss, Cohen & Everitt (1969)."""
    counts = {(1, 1): 200, (1, -1): 50, (-1, 1): 100, (-1, -1): 150}
    pairs = [pair for pair, n in counts.items() for _ in range(n)]
    n = sum(counts.values())
    p = {pair: c / n for pair, c in counts.items()}
    row = {k: p[k, 1] + p[k, -1] for k in (1, -1)}
    column = {k: p[1, k] + p[-1, k] for k in (1, -1)}
    same, chance = p[1, 1] + p[-1, -1], sum(row[k] * column[k] for k in (1, -1))
    k = (same - chance) / (1 - chance)
    inner = sum(p[i, i] * (1 - (row[i] + column[i]) * (1 - k)) ** 2 for i in (1, -1))
    across = (1 - k) ** 2 * sum(p[i, -i] * (column[i] + row[-i]) ** 2 for i in (1, -1))
    variance = (inner + across - (k - chance * (1 - k)) ** 2) / (n * (1 - chance) ** 2)
    found = agreement(_matched(pairs)).kappa
    assert found is not None
    assert found.standard_error == pytest.approx(variance**0.5, rel=0.005)


def test_ties_kept_and_dropped() -> None:
    """Kept, a tie is an outcome like others; dropped, a pair counts only if neither side ties."""
    matched = _matched([(1, 1), (0, 0), (-1, 1), (0, 1), (1, 0)])
    kept, dropped = agreement(matched), agreement(matched, ties="dropped")
    assert (kept.agree, kept.n) == (2, 5)
    assert (dropped.agree, dropped.n) == (1, 2)
    with pytest.raises(StatsError, match="kept or dropped"):
        agreement(matched, ties="halved")


def test_where_chance_alone_agrees_there_is_no_kappa() -> None:
    """All say one thing: full agreement, all of it expected, kappa not defined, and no interval of zero width."""
    found = agreement(_matched([(1, 1)] * 12))
    assert (found.value.value, found.expected, found.kappa) == (1.0, 1.0, None)
    assert found.value.low is not None
    assert found.value.low < 1.0


def test_full_agreement_is_no_certainty() -> None:
    """Kappa of ten equal verdicts is 1, with room for one that differs."""
    found = agreement(_matched([(1, 1), (-1, -1)] * 5)).kappa
    assert found is not None
    assert found.value == found.high == 1.0
    assert found.low is not None
    assert found.low < 0.95


def test_too_little_to_agree_on() -> None:
    """No pair, or only ties to drop, is said; a single question has no interval."""
    with pytest.raises(TooFewData):
        agreement(_matched([]))
    with pytest.raises(TooFewData, match="without a tie"):
        agreement(_matched([(0, 1)]), ties="dropped")
    with pytest.raises(TooFewData):
        brier(_matched([]))
    found = agreement(_matched([(1, 1), (-1, 1)], [0, 0]))
    assert (found.value.value, found.value.low, found.value.n) == (0.5, None, 1)


def test_votes_of_one_question_move_together() -> None:
    """The same pairs on fewer questions have a wider interval."""
    pairs = [(1, 1), (1, 1), (-1, 1), (-1, 1)] * 10
    alone, together = agreement(_matched(pairs)), agreement(_matched(pairs, [i // 2 for i in range(40)]))
    assert alone.value.value == together.value.value
    assert alone.value.standard_error is not None
    assert together.value.standard_error is not None
    assert together.value.standard_error > alone.value.standard_error


OUTCOME = st.sampled_from((-1, 0, 1))


@settings(deadline=None)
@given(st.lists(st.tuples(OUTCOME, OUTCOME), min_size=2, max_size=30))
def test_mirrors_and_swaps_change_nothing(pairs: list[tuple[int, int]]) -> None:
    """Which side is first, and which model is A, makes no difference; raters count half in either order."""
    found = agreement(_matched(pairs))
    sides = agreement(_matched([(b, a) for a, b in pairs]))
    models = agreement(_matched([(-a, -b) for a, b in pairs]))
    for other in (sides, models):
        assert (other.agree, other.n, other.expected) == (found.agree, found.n, pytest.approx(found.expected))
        assert (other.kappa is None) == (found.kappa is None)
        if found.kappa is not None and other.kappa is not None:
            assert other.kappa.value == pytest.approx(found.kappa.value)
            assert other.kappa.low == pytest.approx(found.kappa.low)
    mixed = [pair if i % 2 else pair[::-1] for i, pair in enumerate(pairs)]
    both = agreement(_matched(pairs), symmetric=True), agreement(_matched(mixed), symmetric=True)
    assert both[0].expected == pytest.approx(both[1].expected)


def test_brier_score() -> None:
    """Worked by hand: preferences 1, 0.5, 0.75 and 0 against a win, a loss, a tie and a win; the mean vote is 0.625."""
    found, base = brier(_matched([(1, 1), (0, -1), (1, 0), (-1, 1)], preference=[1.0, 0.5, 0.75, 0.0]))
    assert found.value == pytest.approx((0 + 0.25 + 0.0625 + 1) / 4)
    assert base == pytest.approx((0.375**2 + 0.625**2 + 0.125**2 + 0.375**2) / 4)
    assert found.n == 4
