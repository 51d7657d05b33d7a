"""Which comparisons are asked next, and when it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalh.errors import TooFewData
from evalh.stats.cells import collect
from evalh.stats.stopping import STATUSES, Separation, beaten, orders, pairs_of, standings, tables
from stats.frames import comparison, results
from stats.separated import HARDER, LEAGUES, SIMULATED, League, many, summary
from stats.separated_replays import NAMES, replays
from support.shared_data import shared


def asked(found: Separation, outcome: np.ndarray, rounds: int = 10_000) -> list[np.ndarray]:
    """Ask in rounds; outcomes (P, N) of one judgment per question. What each round asked."""
    said = []
    while len(said) < rounds and (more := found.round()).any():
        said.append(more)
        for k in range(int(more.max())):
            pair = np.flatnonzero(more > k)
            found.hear(pair, np.ones(len(pair)), outcome[pair, found.bettors.asked[pair]])
    return said


def ladder(models: int, questions: int, share: float) -> np.ndarray:
    """Every model wins `share` of its questions against those after it, spread evenly."""
    one = (np.arange(questions) * share % 1) + share >= 1 - 1e-9
    return np.tile(one.astype(float), (models * (models - 1) // 2, 1))


def test_all_pairs_first_then_neighbours() -> None:
    """The first round asks a few questions of all pairs, the next ones only of neighbours in the order seen."""
    found = Separation(4, 40, 1.0)
    first, second = asked(found, ladder(4, 40, 0.9), 2)
    assert first.tolist() == [1] * 6
    neighbours = {tuple(found.pairs[i]) for i in np.flatnonzero(second).tolist()}
    assert len(neighbours) == 3
    assert {m for pair in neighbours for m in pair} == {0, 1, 2, 3}


def test_a_clear_ladder_is_separated_with_few() -> None:
    """Where every model beats the next nearly always, neighbours are separated, and most of the others are left unasked."""
    found = Separation(6, 80, 1.0)
    asked(found, ladder(6, 80, 0.95))
    assert found.order() == [0, 1, 2, 3, 4, 5]
    assert set(found.statuses()[found.neighbours()].tolist()) == {"separated"}
    assert found.bettors.asked.sum() < 0.25 * 6 * 5 / 2 * 80


def test_equal_models_end_as_out_of_reach_equal_or_exhausted() -> None:
    """Where nothing differs it ends before everything is asked, and says that the rest would hardly tell."""
    outcome = np.random.default_rng(3).choice([0.0, 0.5, 1.0], (6, 80))
    found = Separation(4, 80, 1.0)
    asked(found, outcome)
    near = found.statuses()[found.neighbours()].tolist()
    assert set(near) <= {"out_of_reach", "equal", "exhausted"}
    assert "out_of_reach" in near


def test_wide_indifference_ends_sooner() -> None:
    """Two models that always tie are equal; the wider the indifference, the fewer questions that takes."""
    counts = []
    for gap in (0.0, 0.05, 0.5):
        found = Separation(2, 40, 1.0, indifference=gap)
        asked(found, np.full((1, 40), 0.5))
        counts.append(int(found.bettors.asked[0]))
        assert found.statuses()[0] == "equal"
    assert counts[0] == 40
    assert counts[0] >= counts[1] > counts[2]


def test_separated_pairs_decide_the_order() -> None:
    """A model that beats another beyond doubt stands before it, whatever the fit to all games says."""
    outcome = np.array([[1.0] * 60, [0.0] * 60, [0.0] * 60])  # a beats b, c beats both
    outcome[0, ::12] = 0.0
    found = Separation(3, 60, 1.0)
    asked(found, outcome)
    assert found.order() == [2, 0, 1]


def test_a_judge_that_contradicts_itself() -> None:
    """a over b over c over a: it ends, all three stand in some order, and none ranks above another."""
    outcome = np.array([[1.0] * 40, [0.0] * 40, [1.0] * 40])
    found = Separation(3, 40, 1.0)
    found.replay(np.ones((3, 40)), outcome, np.array([40, 40, 40]))
    assert sorted(found.order()) == [0, 1, 2]
    pairs, _ = standings(3, 1.0, np.ones((3, 40)), outcome, np.array([40, 40, 40]))
    assert not beaten(pairs, 3).any()


def test_who_beats_the_better_one_is_better() -> None:
    """Ranks carry over: a is separated from b, b from c, so a is better than c of whom nothing was asked."""
    weight, outcome = np.ones((3, 40)), np.ones((3, 40))
    pairs, order = standings(3, 1.0, weight, outcome, np.array([40, 1, 40]))
    assert order == [0, 1, 2]
    assert [p.status for p in pairs] == ["separated", "open", "separated"]
    assert beaten(pairs, 3).tolist() == [[False, True, True], [False, False, True], [False, False, False]]


def test_orders_are_drawn_for_each_pair() -> None:
    """Every pair has its own order; it is the same whatever else is in the run, and another with another seed."""
    names, questions = ["a", "b", "c"], [f"q{i}" for i in range(50)]
    found = orders(0, "judge", names, questions)
    assert found.shape == (3, 50)
    assert all(sorted(row) == list(range(50)) for row in found.tolist())
    assert len({tuple(row) for row in found.tolist()}) == 3
    assert orders(0, "judge", ["a", "c"], questions).tolist() == [found[1].tolist()]
    fewer = orders(0, "judge", names, questions[:20])
    assert fewer[0].tolist() == [q for q in found[0].tolist() if q < 20]
    for other in (orders(1, "judge", names, questions), orders(0, "other", names, questions)):
        assert (other != found).any(axis=1).all()


def test_tables_know_models_and_questions_by_name() -> None:
    """Outcomes stand where their pair and question belong; models and questions that are not wanted are left out."""
    rows = [comparison("q2", "b", "a", 1.0), comparison("q1", "a", "c", 0.5), comparison("q1", "a", "x", 1.0)]
    rows += [comparison("q9", "a", "b", 1.0), comparison("q1", "a", "b", None)]
    found = results(rows)
    cells = collect(found)
    ids = sorted(found.question_id.labels)
    weight, outcome = tables(cells.comparisons, cells.models, ids, ["a", "b", "c"], ["q1", "q2"])
    assert pairs_of(3).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert weight.tolist() == [[0, 1], [1, 0], [0, 0]]
    assert outcome.tolist() == [[0, 0], [0.5, 0], [0, 0]]


def test_nothing_scored_ends() -> None:
    """A judge none of whose replies can be read: every question of neighbours is asked, nothing is claimed."""
    found = Separation(3, 10, 2.0)
    while (more := found.round()).any():
        for k in range(int(more.max())):
            pair = np.flatnonzero(more > k)
            found.hear(pair, np.zeros(len(pair)), np.zeros(len(pair)))
    assert set(found.statuses().tolist()) <= {"exhausted", "open"}
    pairs, _ = standings(3, 2.0, np.zeros((3, 10)), np.zeros((3, 10)), found.bettors.asked)
    assert {p.value for p in pairs} == {None}
    assert all((p.low, p.high) == (0.0, 1.0) for p in pairs)


@pytest.mark.parametrize(("models", "questions"), [(1, 10), (0, 10), (3, 0)])
def test_nothing_to_separate(models: int, questions: int) -> None:
    """One model, or no question, is an error that says what it takes."""
    with pytest.raises(TooFewData, match="two models"):
        Separation(models, questions, 1.0)


def test_a_short_simulation() -> None:
    """A few round robins of 8 models: no separated pair reversed, at most a third of the calls, limits that hold."""
    found = summary(list(many(LEAGUES[1], 6)))
    assert found.share < 1 / 3
    assert found.kendall >= 0.95
    assert found.reversed_runs == 0
    assert set(found.statuses) <= set(STATUSES)


@pytest.mark.slow
@pytest.mark.parametrize("league", [*LEAGUES, *HARDER], ids=lambda x: x.name)
def test_round_robins(league: League) -> None:
    """Of what the whole design separates, a pair is reversed in at most 5 % of round robins, with a third of the calls."""
    found = summary(list(many(league, SIMULATED)))
    assert found.share <= 1 / 3
    assert found.reversed_runs <= 0.05
    assert found.kendall >= 0.95
    assert found.missed <= 0.05


def test_a_published_round_robin() -> None:
    """GPT-4's verdicts on MT-bench: a few orders of the questions, no separated pair reversed, a third of the calls."""
    root = shared("mt-bench-human", "gpt4_pair.jsonl").parents[1]
    found = summary(list(replays(root, "mt-bench", 3)))
    assert (found.share < 1 / 3, found.reversed_runs) == (True, 0)


@pytest.mark.slow
@pytest.mark.parametrize("what", NAMES)
def test_published_judgments(what: str) -> None:
    """The same over 200 orders of published judgments."""
    found = summary(list(replays(Path(shared("mt-bench-human", "gpt4_pair.jsonl").parents[1]), what, SIMULATED)))
    assert found.share <= 1 / 3
    assert found.reversed_runs <= 0.05
    assert found.kendall >= 0.95
