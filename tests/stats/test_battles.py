"""Ratings from folded battles: published figures, three models of ties, two kinds of interval."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import Disconnected, TooFewData
from evalh.importers.battle_table import read_battles
from evalh.stats.battles import rate
from evalh.stats.elo import online_elo
from evalh.stats.folding import Battles, fold
from evalh.stats.sandwich import sandwich
from evalh.stats.ties import Ties, fit
from support.shared_data import shared

TIES: tuple[Ties, ...] = ("half", "davidson", "rao-kupper")


def simulated(
    strengths: list[float], battles: int, seed: int, ties: Ties = "half", parameter: float = 1.0, clusters: int = 0
) -> tuple[Battles, np.ndarray]:
    """Battles of random pairs under a model of ties; also the arrays' cluster numbers."""
    rng = np.random.default_rng(seed)
    size = len(strengths)
    a = rng.integers(0, size, battles)
    b = (a + rng.integers(1, size, battles)) % size
    x = np.array(strengths)[a] - np.array(strengths)[b]
    if ties == "davidson":
        odds = np.stack([np.exp(x / 2), np.full_like(x, parameter), np.exp(-x / 2)], axis=1)
        chance = odds / odds.sum(axis=1, keepdims=True)
    else:
        theta = parameter if ties == "rao-kupper" else 1.0
        won, lost = 1 / (1 + theta * np.exp(-x)), 1 / (1 + theta * np.exp(x))
        chance = np.stack([won, 1 - won - lost, lost], axis=1)
    outcome = (rng.random((battles, 1)) > np.cumsum(chance, axis=1)).sum(axis=1)
    group = rng.integers(0, clusters, battles) if clusters else None
    return fold([f"m{i}" for i in range(size)], a, b, np.minimum(outcome, 2), group), a


def points(battles: Battles, ties: Ties = "half") -> list[float]:
    """Ratings alone."""
    return [e.value for e in rate(battles, ties) if e.value is not None]


def test_the_published_battles_give_the_published_ratings() -> None:
    """FastChat's battle file: exact Bradley-Terry optimum, with and without ties, and online Elo, to 1e-6 points."""
    expected = json.loads(shared("synthetic-battles-5k", "expected.json").read_text())
    table = read_battles(shared("synthetic-battles-5k", "battles.jsonl.gz"))
    assert len(table.first) == expected["n_battles"]
    folded = fold(table.models, table.first, table.second, table.outcome)
    for name, value in zip(folded.models, points(folded), strict=True):
        assert value == pytest.approx(expected["bt_exact_mean_1000"][name], abs=1e-6)
        assert value == pytest.approx(expected["bt_fastchat_compute_bt"][name], abs=0.2)
    decided = table.outcome != 1
    folded = fold(table.models, table.first[decided], table.second[decided], table.outcome[decided])
    for name, value in zip(folded.models, points(folded), strict=True):
        assert value == pytest.approx(expected["bt_exact_ties_dropped_mean_1000"][name], abs=1e-6)
    for k in (4, 32):
        found = online_elo(table.first, table.second, table.outcome, len(table.models), k)
        for name, value in zip(table.models, found, strict=True):
            assert value == pytest.approx(expected[f"online_elo_k{k}_init1000"][name], abs=1e-9)


def test_published_bootstrap_widths_come_out() -> None:
    """Standard errors of the published bootstrap (100 rounds) are ours within their own noise; the sandwich agrees."""
    published = json.loads(shared("synthetic-battles-5k", "expected.json").read_text())[
        "bootstrap_bt_100_rounds_fastchat_multinomial_seed0"
    ]
    table = read_battles(shared("synthetic-battles-5k", "battles.jsonl.gz"))
    folded = fold(table.models, table.first, table.second, table.outcome)
    drawn = rate(folded, "half", 1000, np.random.default_rng(0))
    closed = rate(folded)
    ratios = [
        [e.standard_error / published[m]["sd"] for e in found] for m, *found in zip(folded.models, drawn, closed, strict=True)
    ]  # type: ignore[operator]
    assert np.mean(ratios, axis=0) == pytest.approx([1, 1], abs=0.08)
    assert np.abs(np.array(ratios) - 1).max() < 0.3


def test_pairs_are_counted_as_published() -> None:
    """Every pair's wins and ties, whichever side a model stood on."""
    expected = json.loads(shared("synthetic-battles-5k", "expected.json").read_text())["pairwise_counts"]
    table = read_battles(shared("synthetic-battles-5k", "battles.jsonl.gz"))
    folded = fold(table.models, table.first, table.second, table.outcome)
    found = {
        f"{folded.models[a]} vs {folded.models[b]}": counts.tolist()
        for (a, b), counts in zip(folded.pairs.tolist(), folded.counts, strict=True)
    }
    assert found == {pair: [c["wins_first"], c["ties"], c["wins_second"]] for pair, c in expected.items() if c["n"]}


@pytest.mark.parametrize(("ties", "parameter"), [("half", 1.0), ("davidson", 0.8), ("rao-kupper", 1.7)])
def test_known_strengths_are_recovered(ties: Ties, parameter: float) -> None:
    """From 200,000 battles drawn under a model, that model's fit gives back strengths and tie parameter."""
    strengths = [1.0, 0.4, 0.0, -0.5, -0.9]
    folded, _ = simulated(strengths, 200_000, 3, ties, parameter)
    found, p = fit(folded.pairs, folded.counts, 5, ties)
    assert found == pytest.approx(strengths, abs=0.03)
    if ties != "half":
        assert p == pytest.approx(parameter, rel=0.02)


@pytest.mark.parametrize("ties", TIES)
def test_the_fit_is_the_maximum(ties: Ties) -> None:
    """No small step from the fit gains likelihood, whichever way."""
    folded, _ = simulated([0.8, 0.1, -0.3, -0.6], 400, 5, "davidson", 0.9)
    strength, p = fit(folded.pairs, folded.counts, 4, ties)

    def likelihood(s: np.ndarray, parameter: float) -> float:
        x = s[folded.pairs[:, 0]] - s[folded.pairs[:, 1]]
        won, tied, lost = folded.counts.T
        if ties == "half":
            return float(((won + tied / 2) * -np.log1p(np.exp(-x)) + (lost + tied / 2) * -np.log1p(np.exp(x))).sum())
        if ties == "davidson":
            total = np.log(np.exp(x / 2) + np.exp(-x / 2) + parameter)
            return float((won * (x / 2 - total) + lost * (-x / 2 - total) + tied * (np.log(parameter) - total)).sum())
        a, b = 1 / (1 + parameter * np.exp(-x)), 1 / (1 + parameter * np.exp(x))
        return float((won * np.log(a) + lost * np.log(b) + tied * np.log(1 - a - b)).sum())

    best = likelihood(strength, p)
    for i in range(4):
        for step in (-1e-3, 1e-3):
            moved = strength.copy()
            moved[i] += step
            assert likelihood(moved, p) < best
    if ties != "half":
        assert max(likelihood(strength, p * 1.001), likelihood(strength, p / 1.001)) < best


@pytest.mark.parametrize("ties", TIES)
def test_sandwich_and_bootstrap_agree_on_clusters(ties: Ties) -> None:
    """With battles of one question moving together both give the same standard errors, wider than those of loose battles."""
    rng = np.random.default_rng(1)
    a, b = np.repeat(rng.integers(0, 4, 400), 3), np.repeat(rng.integers(1, 4, 400), 3)
    b = (a + b) % 4
    outcome = np.repeat(rng.choice([0, 1, 2], 400, p=[0.4, 0.2, 0.4]), 3)  # every battle three times
    cluster = np.repeat(np.arange(400), 3)
    names = ["a", "b", "c", "d"]
    clustered, loose = fold(names, a, b, outcome, cluster), fold(names, a, b, outcome)
    closed, drawn = rate(clustered, ties), rate(clustered, ties, 1000, np.random.default_rng(2))
    for one, other, free in zip(closed, drawn, rate(loose, ties), strict=True):
        assert one.n == other.n == 400
        assert one.value == pytest.approx(free.value, abs=1e-6)
        assert one.standard_error == pytest.approx(other.standard_error, rel=0.12)
        assert one.standard_error / free.standard_error == pytest.approx(np.sqrt(3), rel=0.01)  # type: ignore[operator]


def test_one_battle_a_cluster_is_no_cluster() -> None:
    """The clustered sandwich of battles that stand alone is the plain one."""
    folded, _ = simulated([0.5, 0.0, -0.5], 300, 9)
    rng = np.random.default_rng(9)
    a = rng.integers(0, 3, 300)
    b = (a + rng.integers(1, 3, 300)) % 3
    outcome = rng.integers(0, 3, 300)
    one, other = fold(folded.models, a, b, outcome), fold(folded.models, a, b, outcome, np.arange(300))
    strength, p = fit(one.pairs, one.counts, 3, "davidson")
    assert sandwich(one, "davidson", strength, p) == pytest.approx(sandwich(other, "davidson", strength, p))


def test_twice_the_battles_are_no_more_questions() -> None:
    """Every battle twice leaves ratings alone, narrows the intervals of loose battles, and not those of clusters."""
    rng = np.random.default_rng(4)
    a = rng.integers(0, 3, 200)
    b = (a + rng.integers(1, 3, 200)) % 3
    outcome, cluster = rng.integers(0, 3, 200), np.arange(200)
    twice = [np.concatenate([x, x]) for x in (a, b, outcome, cluster)]
    for clustered in (False, True):
        once = rate(fold("abc", a, b, outcome, cluster if clustered else None))
        again = rate(fold("abc", *twice[:3], twice[3] if clustered else None))
        for x, y in zip(once, again, strict=True):
            assert x.value == pytest.approx(y.value, abs=1e-6)
            narrower = 1.0 if clustered else np.sqrt(0.5)
            assert y.standard_error / x.standard_error == pytest.approx(narrower, rel=0.01)  # type: ignore[operator]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(20, 60), st.integers(0, 2**32), st.sampled_from(TIES))
def test_sides_and_names_do_not_matter(size: int, battles: int, seed: int, ties: Ties) -> None:
    """Swapping the sides of battles, or renaming the models, changes no rating; what cannot be rated is said."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, size, battles)
    b = (a + rng.integers(1, size, battles)) % size
    outcome = rng.integers(0, 3, battles)
    names = [f"m{i}" for i in range(size)]
    try:
        found = dict(zip(fold(names, a, b, outcome).models, rate(fold(names, a, b, outcome), ties), strict=True))
    except (Disconnected, TooFewData):
        return
    side = rng.random(battles) < 0.5
    mirrored = fold(names, np.where(side, b, a), np.where(side, a, b), np.where(side, 2 - outcome, outcome))
    renamed = fold([f"z{size - i}" for i in range(size)], a, b, outcome)
    for name, e in zip(mirrored.models, rate(mirrored, ties), strict=True):
        assert e.value == pytest.approx(found[name].value, abs=1e-6)
        assert e.standard_error == pytest.approx(found[name].standard_error, rel=1e-6)
    for name, e in zip(renamed.models, rate(renamed, ties), strict=True):
        assert e.value == pytest.approx(found[f"m{size - int(name[1:])}"].value, abs=1e-6)


def test_an_anchor_is_fixed() -> None:
    """The anchored model has its value and no interval; the differences stay what they were."""
    folded, _ = simulated([0.5, 0.0, -0.5], 500, 2)
    free, held = rate(folded), rate(folded, anchor=1)
    assert (held[1].value, held[1].low, held[1].high, held[1].standard_error) == (0.0, None, None, None)
    assert held[0].value - held[2].value == pytest.approx(free[0].value - free[2].value)  # type: ignore[operator]
    drawn = rate(folded, "half", 400, np.random.default_rng(0), anchor=1)
    assert drawn[1].low is None
    assert drawn[0].standard_error == pytest.approx(held[0].standard_error, rel=0.15)


def test_what_cannot_be_rated_is_named() -> None:
    """A model that wins everything, groups that never met, ties alone, no battle at all: an error that says which."""
    with pytest.raises(Disconnected, match="c"):
        rate(fold("abc", np.array([0, 1, 2, 2]), np.array([1, 0, 0, 1]), np.array([0, 0, 0, 0])))
    with pytest.raises(Disconnected):
        rate(fold("abcd", np.array([0, 0, 2, 2]), np.array([1, 1, 3, 3]), np.array([0, 2, 0, 2])))
    tied = fold("ab", np.array([0, 0]), np.array([1, 1]), np.array([1, 1]))
    assert [e.value for e in rate(tied)] == [1000.0, 1000.0]
    for ties in ("davidson", "rao-kupper"):
        with pytest.raises(TooFewData, match="every game was a tie"):
            rate(tied, ties)
        with pytest.raises(TooFewData, match="no game was a tie"):
            rate(fold("ab", np.array([0, 0]), np.array([1, 1]), np.array([0, 2])), ties)
    with pytest.raises(TooFewData, match="no battle"):
        fold("ab", np.array([], dtype=int), np.array([], dtype=int), np.array([], dtype=int))


def test_a_bootstrap_near_separation_leaves_ends_open() -> None:
    """Where many rounds have no finite optimum, an end of the interval is open instead of a made-up number."""
    outcome = np.array([0] * 9 + [2])
    found = rate(fold("ab", np.zeros(10, dtype=int), np.ones(10, dtype=int), outcome), "half", 500, np.random.default_rng(0))
    assert found[0].high is None
    assert found[1].low is None
    assert found[0].low is not None
    assert found[0].standard_error is None


def test_a_gzipped_table_is_the_table(tmp_path: object) -> None:
    """Packing changes nothing."""
    from pathlib import Path

    folder = Path(str(tmp_path))
    rows = "model_a,model_b,winner\na,b,model_a\nb,a,model_a\n"
    (folder / "t.csv").write_text(rows)
    (folder / "t.csv.gz").write_bytes(gzip.compress(rows.encode()))
    one, two = read_battles(folder / "t.csv"), read_battles(folder / "t.csv.gz")
    assert (one.models, one.outcome.tolist()) == (two.models, two.outcome.tolist()) == (("a", "b"), [0, 0])
