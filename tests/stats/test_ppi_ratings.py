"""Ratings from few votes and many verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.errors import TooFewData
from evalh.stats.bradley_terry import ratings
from evalh.stats.ppi import ALL_VOTED, Items
from evalh.stats.ppi_ratings import powered_ratings
from stats.simulated_votes import REGIMES, drawn, truth, world

LEAGUE = next(r for r in REGIMES if r.name == "4 models, two votes a question")
NAMES = ("a", "b", "c", "d")


def _evaluation(seed: int, questions: int = 60, voted: bool = True) -> tuple[Items, np.ndarray]:
    rng = np.random.default_rng(seed)
    w = world(LEAGUE, rng, questions * 7, 0.4)
    mask = drawn(LEAGUE, rng, w, questions)[0] if voted else np.ones(len(w.people), dtype=bool)
    return Items.of(w.cluster, w.preference, np.where(mask, (w.people + 1) / 2, np.nan)), w.pairs


def test_votes_alone_are_bradley_terry() -> None:
    """The ratings of the votes alone, and those of the judge alone, are those of maximum likelihood on their counts."""
    items, pairs = _evaluation(1)
    found = powered_ratings(items, pairs, NAMES)
    for own, value, there in (
        (found.people, items.label, items.labelled),
        (found.judge, items.judge, np.full(len(pairs), True)),
    ):
        wins = np.zeros((4, 4))
        np.add.at(wins, (pairs[there, 0], pairs[there, 1]), value[there])
        np.add.at(wins, (pairs[there, 1], pairs[there, 0]), 1 - value[there])
        assert own is not None
        assert [e.value for e in own] == pytest.approx(ratings(wins).tolist(), abs=1e-5)


def test_the_loss_is_at_its_minimum() -> None:
    """The loss of PPI++, written out item by item, is lower at the ratings found than anywhere around them."""
    items, pairs = _evaluation(2)
    found = powered_ratings(items, pairs, NAMES)
    assert found.estimates is not None
    assert found.tuning > 0
    best = np.array([e.value for e in found.estimates]) * np.log(10) / 400
    there = items.labelled

    def loss(strength: np.ndarray) -> float:
        gap = strength[pairs[:, 0]] - strength[pairs[:, 1]]

        def of(outcome: np.ndarray, mask: np.ndarray) -> float:
            return float(np.mean(np.logaddexp(0.0, gap[mask]) - outcome[mask] * gap[mask]))

        everything = np.full(len(pairs), True)
        return of(items.label, there) + found.tuning * (of(items.judge, everything) - of(items.judge, there))

    rng = np.random.default_rng(0)
    for _ in range(20):
        step = rng.normal(0, 0.02, 4)
        assert loss(best + step - step.mean()) > loss(best)


def test_intervals_are_narrower_and_hold_the_truth() -> None:
    """On simulated leagues: narrower than those of the votes alone on the whole, and 95 % hold the true ratings."""
    known = truth(LEAGUE, 0.4)[1]
    hits, narrower = [], []
    for seed in range(60):
        items, pairs = _evaluation(seed, 30)
        found = powered_ratings(items, pairs, NAMES)
        assert found.estimates is not None
        assert found.people is not None
        for e, p, value in zip(found.estimates, found.people, known, strict=True):
            assert e.low is not None
            assert e.high is not None
            assert p.low is not None
            assert p.high is not None
            hits.append(e.low <= value <= e.high)
            narrower.append((e.high - e.low) / (p.high - p.low))
    assert np.mean(hits) > 0.9
    assert np.mean(narrower) < 0.95


def test_where_there_are_no_ratings() -> None:
    """Votes in which a model lost nothing give no ratings, and the reason; everything voted on needs no judge."""
    cluster, pairs = np.arange(20), np.tile([[0, 1]], (20, 1))
    label = np.where(np.arange(20) < 8, 1.0, np.nan)
    found = powered_ratings(Items.of(cluster, np.tile([0.0, 1.0], 10), label), pairs, ("x", "y"))
    assert (found.estimates, found.people) == (None, None)
    assert found.judge is not None
    assert "ratings are not defined" in found.note
    assert powered_ratings(*_evaluation(3, 20, voted=False), NAMES).note == ALL_VOTED
    with pytest.raises(TooFewData):
        powered_ratings(Items.of(cluster, np.ones(20), np.full(20, np.nan)), pairs, ("x", "y"))
