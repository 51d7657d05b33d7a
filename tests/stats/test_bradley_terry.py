from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import Disconnected, NotConverged, TooFewData
from evalh.stats import bradley_terry
from evalh.stats.bradley_terry import ELO_SCALE, components, rating_estimates, ratings, win_matrix
from evalh.stats.cells import collect
from stats.frames import comparison, results
from support.shared_data import shared


def battles() -> tuple[list[str], np.ndarray]:
    """Names and win matrix of a battle file, ties as half."""
    path = shared("synthetic-battles-5k", "battles.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    names = sorted({row[side] for row in rows for side in ("model_a", "model_b")})
    wins = np.zeros((len(names), len(names)))
    for row in rows:
        a, b = names.index(row["model_a"]), names.index(row["model_b"])
        share = {"model_a": 1.0, "model_b": 0.0}.get(row["winner"], 0.5)
        wins[a, b] += share
        wins[b, a] += 1 - share
    return names, wins


def test_ratings_are_the_exact_optimum_of_a_battle_file() -> None:
    """Ratings of 5,000 battles equal the exact maximum likelihood to 1e-6 Elo."""
    expected = json.loads(shared("synthetic-battles-5k", "expected.json").read_text(encoding="utf-8"))["bt_exact_mean_1000"]
    names, wins = battles()
    assert dict(zip(names, ratings(wins, names), strict=True)) == pytest.approx(expected, abs=1e-6)


def test_two_models_have_a_closed_form() -> None:
    """Three wins to one are odds of 3: 400 log10(3) points apart, around 1000."""
    assert ratings(np.array([[0.0, 3.0], [1.0, 0.0]])) == pytest.approx([1000 + 200 * np.log10(3), 1000 - 200 * np.log10(3)])


def test_all_ties_are_equal() -> None:
    """Models that only tie all have 1000 points."""
    assert ratings(np.full((3, 3), 5.0) - np.diag([5.0] * 3)).tolist() == [1000.0] * 3


def win_matrices(size: int) -> st.SearchStrategy[np.ndarray]:
    """Win matrices in which every pair has met, with at least half a win to either side."""
    entry = st.integers(1, 40).map(lambda k: k / 2)
    return st.lists(entry, min_size=size * size, max_size=size * size).map(
        lambda values: np.reshape(values, (size, size)) * (1 - np.eye(size))
    )


@settings(deadline=None)
@given(st.integers(2, 6).flatmap(win_matrices))
def test_expected_wins_equal_observed_wins(wins: np.ndarray) -> None:
    """At the ratings, every model's expected wins are its wins: the score equations hold, and the mean is 1000."""
    points = ratings(wins)
    assert points.mean() == pytest.approx(1000)
    expected = 1 / (1 + 10 ** ((points[None, :] - points[:, None]) / 400))
    games = wins + wins.T
    assert (games * expected).sum(axis=1) == pytest.approx(wins.sum(axis=1), rel=1e-7)


@settings(deadline=None)
@given(st.integers(2, 6).flatmap(win_matrices), st.randoms())
def test_ratings_do_not_depend_on_labels_or_copies(wins: np.ndarray, random) -> None:  # type: ignore[no-untyped-def]
    """Relabelling permutes ratings; having every battle twice changes nothing; reversing every battle mirrors them."""
    order = list(range(len(wins)))
    random.shuffle(order)
    points = ratings(wins)
    assert ratings(wins[np.ix_(order, order)]) == pytest.approx(points[order], abs=1e-6)
    assert ratings(2 * wins) == pytest.approx(points, abs=1e-6)
    assert ratings(wins.T) == pytest.approx(2000 - points, abs=1e-6)


def test_long_chains_of_near_certain_wins_converge() -> None:
    """Ratings thousands of points apart are found exactly, as in a chain each link has its own odds."""
    size, odds = 12, 10_000.0
    wins = np.diag(np.full(size - 1, odds), 1) + np.diag(np.ones(size - 1), -1)
    assert np.diff(ratings(wins)) == pytest.approx(np.full(size - 1, -400 * np.log10(odds)), rel=1e-9)


def test_strengths_are_recovered() -> None:
    """With very many games the ratings are the strengths that produced them."""
    strength = np.array([1200.0, 1050.0, 950.0, 800.0])
    share = 1 / (1 + 10 ** ((strength[None, :] - strength[:, None]) / 400))
    wins = np.random.default_rng(8).binomial(400_000, share) * (1 - np.eye(4))
    assert ratings(wins) == pytest.approx(strength, abs=2)


def test_a_model_that_wins_everything_has_no_rating() -> None:
    """An undefeated model, or a hopeless one, is named, and nobody gets a number."""
    wins = np.array([[0, 4, 4], [0, 0, 2], [0, 2, 0]])
    with pytest.raises(Disconnected, match="best; middling, other") as caught:
        ratings(wins, ["best", "other", "middling"])
    assert caught.value.components == (("best",), ("middling", "other"))


def test_groups_that_never_met_have_no_ratings() -> None:
    """Ford's condition also fails where two groups never met, though each has won and lost."""
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[2, 3] = wins[3, 2] = 1
    assert components(wins) == [[0, 1], [2, 3]]
    with pytest.raises(Disconnected, match="0, 1; 2, 3"):
        ratings(wins)


def test_a_group_that_is_undefeated_as_a_whole() -> None:
    """Two models that only lost to each other are one group above the rest."""
    wins = np.array([[0, 1, 3], [1, 0, 3], [0, 0, 0]])
    assert components(wins) == [[0, 1], [2]]


def test_one_model_is_too_few() -> None:
    """A single model cannot be rated."""
    with pytest.raises(TooFewData):
        ratings(np.zeros((1, 1)))


def test_an_iteration_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratings are never those of an unfinished iteration."""
    monkeypatch.setattr(bradley_terry, "_LARGEST_COUNT", 1)
    with pytest.raises(NotConverged):
        ratings(np.array([[0.0, 30.0], [1.0, 0.0]]))


def rated(rows, names, rounds=400, seed=1):  # type: ignore[no-untyped-def]
    cells = collect(results(rows), names)
    return rating_estimates(cells.comparisons, cells.models, np.random.default_rng(seed), rounds)


def contested(questions: int, seed: int = 0, losses: int = 0) -> list:  # type: ignore[type-arg]
    """Three models that win and lose; c loses all but `losses` of its games where that is not 0."""
    random = np.random.default_rng(seed)
    rows = []
    for q in range(questions):
        for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
            outcome = float(random.random() < 0.5) if b == "b" or not losses else float(q >= losses)
            rows.append(comparison(f"q{q:04}", a, b, outcome))
    return rows


def test_intervals_surround_the_ratings_and_depend_on_the_seed_alone() -> None:
    """The same generator gives the same limits; more questions give narrower ones."""
    few, again, many = rated(contested(20), "abc"), rated(contested(20), "abc"), rated(contested(200), "abc")
    assert few == again
    for small, large in zip(few, many, strict=True):
        assert small.low < small.value < small.high
        assert small.high - small.low > 2 * (large.high - large.low)
        assert small.standard_error > 2 * large.standard_error > 0
        assert (small.n, large.n) == (20, 200)


def test_bootstrap_agrees_with_the_delta_method() -> None:
    """For two models the standard error is that of the log odds over questions."""
    rows = [comparison(f"q{i:03}", "a", "b", 1.0 if i % 3 else 0.0) for i in range(300)]
    first = rated(rows, "ab", rounds=4000)[0]
    share = 2 / 3
    assert first.value == pytest.approx(1000 + ELO_SCALE / 2 * np.log(share / (1 - share)))
    assert first.standard_error == pytest.approx(ELO_SCALE / 2 / np.sqrt(300 * share * (1 - share)), rel=0.05)


def test_rounds_without_an_optimum_open_an_end() -> None:
    """Where c keeps a single win, rounds without it put c at minus infinity and the others at plus infinity."""
    a, b, c = rated(contested(12, losses=1), "abc")
    assert (a.high, b.high, c.low) == (None, None, None)
    assert a.low is not None
    assert c.high is not None
    assert a.standard_error is None


def test_rounds_in_which_models_never_met_open_both_ends() -> None:
    """Where few questions tie two groups together, rounds without them say nothing about either."""
    rows = [comparison(f"q{q}", *pair, q % 2) for q in range(10) for pair in (("a", "b"), ("c", "d"))]
    rows += [comparison("q0", "a", "c", 1.0), comparison("q1", "a", "c", 0.0)]
    assert all(e.low is None and e.high is None for e in rated(rows, "abcd"))


def test_one_question_has_no_interval() -> None:
    """Ratings of a single question have no limits."""
    rows = [comparison("q", "a", "b", 1.0), comparison("q", "a", "b", 0.0, turn=2)]
    assert [(e.value, e.low, e.high, e.n) for e in rated(rows, "ab")] == [(1000.0, None, None, 1)] * 2


def test_a_model_that_was_never_compared_is_left_out() -> None:
    """It gets no rating, and the others keep theirs."""
    rows = [comparison("q0", "a", "b", 1.0), comparison("q1", "a", "b", 0.0), comparison("q2", "b", "c", None)]
    found = rated(rows, "abcd")
    assert [e is None for e in found] == [False, False, True, True]
    assert win_matrix(collect(results(rows)).comparisons, 3).sum() == 2


def test_a_round_that_does_not_converge_counts_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ratings are unknown, so the limits may not lean on them."""
    monkeypatch.setattr(
        bradley_terry, "newton", lambda wins, start, tolerance: (start.copy(), np.full(len(wins), tolerance < 1e-6))
    )
    found = rated(contested(20), "abc")
    assert all(e.low is None and e.high is None and e.standard_error is None for e in found)


def test_thousands_of_questions_are_resampled_in_blocks() -> None:
    """Blocks of questions give the spread that questions give."""
    rows = [comparison(f"q{i:04}", "a", "b", 1.0 if i % 3 else 0.0) for i in range(1500)]
    found = rated(rows, "ab", rounds=2000)[0]
    assert found.n == 1500
    assert found.standard_error == pytest.approx(ELO_SCALE / 2 / np.sqrt(1500 * 2 / 9), rel=0.1)


@pytest.mark.parametrize("questions", [3, 40])
def test_many_models_share_a_hessian(questions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits found with one Hessian for all rounds are those found with one for each, to a fifth of a point."""
    names = [f"m{i:02}" for i in range(14)]
    random = np.random.default_rng(questions)
    rows = [
        comparison(f"q{q}", a, b, float(random.random() < 0.5 + 0.02 * (j - i)))
        for q in range(questions)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    ]
    shared_hessian = rated(rows, names)
    monkeypatch.setattr(bradley_terry, "_SHARED_FROM", 1_000)
    for one, other in zip(shared_hessian, rated(rows, names), strict=True):
        assert one.value == other.value
        assert [one.low, one.high] == pytest.approx([other.low, other.high], abs=0.2)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_many_rounds_at_once_equal_one_at_a_time(seed: int) -> None:
    """The batched Newton iteration finds what the single one finds, however it is cut into blocks."""
    random = np.random.default_rng(seed)
    wins = random.integers(1, 30, (50, 4, 4)) * (1 - np.eye(4))
    strength, converged = bradley_terry.newton(wins, np.zeros((50, 4)), 1e-10)
    assert converged.all()
    assert np.array([ratings(w) for w in wins]) == pytest.approx(1000 + ELO_SCALE * strength, abs=1e-6)
