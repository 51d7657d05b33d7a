"""Use of the scale: what is given, how much of it, and how often the same."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evalh.stats.scale_use import scale_use
from stats.frames import comparison, results, review, score


def _use(rows: list[Any]) -> Any:
    return scale_use(results(rows))


def test_scores_are_counted() -> None:
    """Distinct values, the share of the highest, entropy and deviation of what was given."""
    use = _use([score(str(q), "a", p) for q, p in enumerate((10, 10, 10, 8, 6, 6))])["absolute"]
    assert (use.scores, use.lowest, use.highest, use.distinct) == (6, 6.0, 10.0, 3)
    assert use.counts == {6.0: 2, 8.0: 1, 10.0: 3}
    assert use.top.value == 0.5
    assert use.entropy.value == pytest.approx(0.5 * 1 + math.log2(6) / 6 + math.log2(3) / 3)
    assert use.deviation.value == pytest.approx(math.sqrt(29 / 9))
    assert (use.entropy.low, use.deviation.high) == (None, None)


def test_ties_are_counted_by_mode() -> None:
    """Verdicts and two-score replies are kept apart, and only scored ones count."""
    rows = [comparison("1", "a", "b", x) for x in (0.5, 1.0, None)] + [review("1", "a", "b", 8.0, 8.0)]
    use = _use(rows)
    assert list(use) == ["pairwise", "two-score"]
    assert (use["pairwise"].verdicts, use["pairwise"].ties.value, use["pairwise"].scores) == (2, 0.5, 0)
    assert (use["two-score"].ties.value, use["two-score"].scores, use["two-score"].distinct) == (1.0, 2, 1)
    assert use["two-score"].entropy.value == 0.0


def test_aspects_count_as_given() -> None:
    """Where several aspects are scored, their scores are what the scale was used for, not the mean made of them."""
    rows = [score("1", "a", p, aspect=name) for name, p in (("x", 4.0), ("y", 5.0), ("overall", 4.5))]
    assert _use(rows)["absolute"].counts == {4.0: 1, 5.0: 1}


def test_many_values_are_not_listed() -> None:
    """A judge with a continuous scale has its figures, but no list of a thousand numbers."""
    use = _use([score(str(q), "a", q / 7) for q in range(300)])["absolute"]
    assert (use.distinct, use.counts) == (300, {})


def test_nothing_scored_is_no_mode() -> None:
    """No row, or none scored, gives no figures."""
    assert _use([]) == {}
    assert _use([score("1", "a", None), comparison("1", "a", "b", None)]) == {}
