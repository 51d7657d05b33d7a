"""Differences between two models: hand-worked figures, mirrors, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import TooFewData
from evalh.stats.cells import collect
from evalh.stats.compare import Difference, differences
from stats.frames import comparison, results, score


def compared(rows: list[dict[str, Any]], first: str, second: str) -> dict[str, Difference]:
    """Differences by figure."""
    return {d.figure: d for d in differences(collect(results(rows)), first, second, np.random.default_rng(0))}


def test_games_between_the_two() -> None:
    """Three wins, a tie and a loss of five: share won minus share lost, and the exact sign-flip p."""
    outcomes = (1.0, 1.0, 1.0, 0.5, 0.0)
    found = compared([comparison(f"q{i}", "new", "old", x) for i, x in enumerate(outcomes)], "old", "new")["win_rate"]
    assert found.value.value == pytest.approx(0.4)
    assert (found.first, found.second) == (pytest.approx(0.3), pytest.approx(0.7))
    assert found.p_value == pytest.approx(10 / 16)  # |sum of four signs| >= 2
    assert found.value.n == 5
    assert found.value.low is not None
    assert -1 <= found.value.low < 0.4


def test_every_test_of_a_difference() -> None:
    """Beside the default stand Wilcoxon's and McNemar's; scores are not verdicts, and have no McNemar."""
    rows = [comparison(f"q{i}", "new", "old", x) for i, x in enumerate([1.0] * 7 + [0.0, 0.5])]
    rows += [score(f"q{i}", m, p) for i in range(6) for m, p in (("old", 5), ("new", 6 + i))]
    found = compared(rows, "old", "new")
    verdicts, scores = found["win_rate"].tests, found["mean_score"].tests
    assert verdicts.sign_flip == found["win_rate"].p_value == pytest.approx(18 / 256)
    assert verdicts.wilcoxon == pytest.approx(18 / 256)  # all sizes are equal
    assert verdicts.mcnemar == pytest.approx(18 / 256)
    assert verdicts.mcnemar_mid_p == pytest.approx(10 / 256)
    assert (scores.wilcoxon, scores.mcnemar, scores.mcnemar_mid_p) == (pytest.approx(2 / 64), None, None)


def test_scores_of_the_same_questions() -> None:
    """Only questions scored for both count; turns of a question stay together."""
    rows = [score(f"q{i}", "old", 5 + i % 2, turn=t) for i in range(6) for t in (1, 2)]
    rows += [score(f"q{i}", "new", 6 + i % 2 + (i == 0), turn=t) for i in range(6) for t in (1, 2)]
    rows += [score("alone", "new", 10), score("lost", "old", 1), score("lost", "new", None)]
    found = compared(rows, "old", "new")["mean_score"]
    assert found.value.value == pytest.approx(1 + 1 / 6)
    assert found.value.n == 6
    assert found.second - found.first == pytest.approx(1 + 1 / 6)
    assert found.p_value == pytest.approx(2 / 64)


def test_games_against_the_same_opponents() -> None:
    """Each opponent counts equally, and only questions on which both played all of them."""
    rows = [comparison(f"q{i}", "new", "x", 1.0) for i in range(4)] + [comparison(f"q{i}", "old", "x", 0.5) for i in range(4)]
    rows += [comparison(f"q{i}", "new", "y", 0.5) for i in range(4)] + [comparison(f"q{i}", "old", "y", 0.5) for i in range(4)]
    rows += [comparison("only-new", "new", "x", 0.0), comparison("z", "new", "z", 0.0)]
    found = compared(rows, "old", "new")["against"]
    assert found.opponents == ("x", "y")
    assert found.value.value == pytest.approx(0.25)
    assert found.value.n == 4
    assert found.p_value == pytest.approx(2 / 16)
    assert (found.first, found.second) == (pytest.approx(0.5), pytest.approx(0.75))


def test_the_most_direct_figure_comes_first() -> None:
    """Games between the two before games against others before scores; each has its own n."""
    rows = [comparison("q1", "a", "b", 1.0), comparison("q2", "a", "b", 0.0), score("q1", "a", 7), score("q1", "b", 6)]
    rows += [comparison(q, m, "c", 1.0) for q in ("q1", "q2") for m in "ab"]
    assert list(compared(rows, "a", "b")) == ["win_rate", "against", "mean_score"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 10), st.integers(1, 10)), min_size=2, max_size=12))
def test_exchanging_the_two_mirrors_everything(games: list[tuple[float, int, int]]) -> None:
    """Old and new exchanged: every difference and interval with the other sign, the same p."""
    rows = [comparison(f"q{i}", "a", "b", x) for i, (x, _, _) in enumerate(games)]
    rows += [score(f"q{i}", m, p) for i, (_, *points) in enumerate(games) for m, p in zip("ab", points, strict=True)]
    one, other = compared(rows, "a", "b"), compared(rows, "b", "a")
    for figure, d in one.items():
        mirrored = other[figure]
        assert d.value.value == pytest.approx(-mirrored.value.value, abs=1e-12)  # type: ignore[operator]
        assert d.value.low == pytest.approx(-mirrored.value.high, abs=1e-9)  # type: ignore[operator]
        assert d.value.high == pytest.approx(-mirrored.value.low, abs=1e-9)  # type: ignore[operator]
        assert d.p_value == pytest.approx(mirrored.p_value)
        assert (d.first, d.second) == (pytest.approx(mirrored.second), pytest.approx(mirrored.first))


def test_a_game_with_others_says_nothing() -> None:
    """Without a game, an opponent or a question in common there is no difference, and it is said whose."""
    rows = [comparison("q1", "a", "x", 1.0), comparison("q1", "b", "y", 1.0), score("q1", "a", 5), score("q2", "b", 5)]
    with pytest.raises(TooFewData, match="both a and b"):
        compared(rows, "a", "b")


def test_one_question_has_no_interval() -> None:
    """A difference on one question is shown without limits, never with made-up ones."""
    found = compared([comparison("q", "a", "b", 1.0)], "b", "a")["win_rate"]
    assert (found.value.value, found.value.low, found.value.high) == (1.0, None, None)
    assert found.p_value == 1.0
