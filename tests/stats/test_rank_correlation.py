"""Rank correlations of two leaderboards, and pairs that both tell apart."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalh.errors import TooFewData
from evalh.stats.cells import collect
from evalh.stats.frame import Results
from evalh.stats.rank_correlation import board, correlations, kendall, separability, spearman
from evalh.stats.winrate import model_win_rates
from stats.frames import comparison, results

VALUES = arrays(np.float64, st.integers(3, 8), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


@settings(deadline=None)
@given(st.data())
def test_correlations_are_scipys(data: st.DataObject) -> None:
    """Spearman's rho and Kendall's tau-b equal scipy's, ties included; where one side is all equal there is none."""
    a = data.draw(VALUES)
    b = data.draw(arrays(np.float64, len(a), elements=st.sampled_from([0.0, 0.3, 0.6, 0.9])))
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert spearman(a, b) is None
        assert kendall(a, b) is None
        return
    assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-12)
    assert kendall(a, b) == pytest.approx(scipy.stats.kendalltau(a, b).statistic, abs=1e-12)


def _league(strengths: dict[str, float], questions: int, seed: int) -> Results:
    """Each pair once on each question; the outcome follows the strengths in log odds."""
    rng = np.random.default_rng(seed)
    names = sorted(strengths)
    rows = [
        comparison(str(q), a, b, float(rng.random() < 1 / (1 + np.exp(strengths[b] - strengths[a]))))
        for q in range(questions)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    return results(rows)


def test_two_clear_leaderboards() -> None:
    """Clearly separated models in one order: both correlations 1 and a low end well above 0; reversed: -1."""
    up, down = {"a": 4.0, "b": 2.0, "c": 0.0, "d": -2.0}, {"a": -2.0, "b": 0.0, "c": 2.0, "d": 4.0}
    first, same, other = (board(_league(s, 80, i), list("abcd")) for i, s in enumerate((up, up, down)))
    agree, oppose = correlations(first, same), correlations(first, other)
    assert agree.spearman is not None
    assert agree.kendall is not None
    assert agree.spearman.value == agree.kendall.value == agree.kendall.high == 1.0
    assert agree.kendall.low is not None
    assert agree.kendall.low > 0.6
    assert oppose.kendall is not None
    assert oppose.kendall.value == -1.0
    told = agree.separability
    assert told is not None
    assert (told.pairs, told.first, told.second, told.both, told.agree, told.agreement) == (6, 6, 6, 6, 6, 1.0)
    assert oppose.separability is not None
    assert oppose.separability.agreement == -1.0


def test_models_that_are_equal_leave_the_order_open() -> None:
    """Without significant differences every correlation is possible, and no pair is told apart."""
    equal = dict.fromkeys("abcd", 0.0)
    found = correlations(board(_league(equal, 10, 1), list("abcd")), board(_league(equal, 10, 2), list("abcd")))
    assert found.kendall is not None
    assert found.spearman is not None
    assert (found.kendall.low, found.kendall.high) == (found.spearman.low, found.spearman.high) == (-1.0, 1.0)
    assert found.separability is not None
    assert (found.separability.both, found.separability.agreement) == (0, 0.0)


def test_a_board_is_the_leaderboard() -> None:
    """Win rates are those of a report, and leaving out a question gives what a report without it gives."""
    rows = _league({"a": 1.0, "b": 0.0, "c": -0.5}, 12, 5)
    found = board(rows, list("abc"))
    without = rows.take(np.flatnonzero(~rows.question_id.where("3")))
    again = model_win_rates(collect(without).comparisons, 3)
    place = sorted(map(str, range(12))).index("3")
    assert found.left_out[place] == pytest.approx([e.value for e in again if e is not None])


def test_few_models_have_no_correlation() -> None:
    """Two models, one model, or win rates that are all equal: no figure, and the reason."""
    two = board(_league({"a": 1.0, "b": 0.0}, 10, 1), ["a", "b"])
    assert correlations(two, two).kendall is None
    assert "two models" in correlations(two, two).note
    level = board(results([comparison("1", a, b, 0.5) for a, b in ("ab", "ac", "bc")]), list("abc"))
    found = correlations(level, level)
    assert found.spearman is None
    assert "same win rate" in found.note
    assert separability(level, level).both == 0


def test_a_model_without_games_is_named() -> None:
    """A leaderboard over a model that nothing was decided about is refused."""
    with pytest.raises(TooFewData, match="about z"):
        board(_league({"a": 1.0, "b": 0.0}, 5, 1), ["a", "b", "z"])
