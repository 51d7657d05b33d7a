"""Prediction-powered inference: few votes, many verdicts of a judge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError, TooFewData
from evalh.stats.ppi import ALL_VOTED, TOO_POOR, Items, powered_mean
from evalh.stats.resample import interval
from stats.simulated_votes import QUESTIONS, REGIMES, Regime, hundred, simulate


def _coins(votes: int, more: int, accuracy: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(what the judge says of everything, labels with NaN where nobody voted) of fair win-or-lose games."""
    rng = np.random.default_rng(seed)
    people = rng.random(votes + more) < 0.5
    judge = np.where(rng.random(votes + more) < accuracy, people, ~people)
    return judge.astype(float), np.where(np.arange(votes + more) < votes, people, np.nan)


def test_the_estimate_is_that_of_the_paper() -> None:
    """For independent items: mean(y) + lambda (mean(f) elsewhere - mean(f) where voted), lambda = Cov / (Var (1 + n / N))."""
    judge, label = _coins(200, 5_000, 0.8)
    found = powered_mean(Items.of(np.arange(5_200), judge, label), share=True)
    y, f, rest = label[:200], judge[:200], judge[200:]
    covariance = np.mean((y - y.mean()) * (f - f.mean()))
    variance = (200 * f.var() + 5_000 * rest.var()) / 5_200
    tuning = covariance / (variance * (1 + 200 / 5_000))
    assert found.estimate.value == pytest.approx(y.mean() + tuning * (rest.mean() - f.mean()), abs=2e-4)
    residual = y - tuning * f
    error = (residual.var() / 200 + tuning**2 * rest.var() / 5_000) ** 0.5
    assert found.estimate.standard_error == pytest.approx(error, rel=0.02)


@pytest.mark.parametrize(("accuracy", "narrower"), [(0.8, 0.19), (0.85, 0.27)])
def test_a_hundred_votes_and_two_thousand_verdicts(accuracy: float, narrower: float) -> None:
    """19 % narrower than the votes alone at 80 % accuracy, 27 % at 85 %: within 3 % of what theory allows."""
    tally, theory = hundred(accuracy, 300)
    assert theory == pytest.approx(1 - narrower, abs=0.005)
    assert tally.ratio == pytest.approx(theory, rel=0.04)  # 300 evaluations; the slow test holds it to 3 %
    assert tally.coverage > 0.9
    assert tally.widest < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("accuracy", [0.5, 0.6, 0.7, 0.8, 0.85, 0.9])
def test_the_promise_of_ppi(accuracy: float) -> None:
    """With 100 votes and 2,000 verdicts: coverage 93.5 % or more, width within 3 % of theory, never 1 % above the votes'."""
    tally, theory = hundred(accuracy, 2_000)
    assert tally.coverage >= 0.935
    assert tally.ratio == pytest.approx(theory, rel=0.03)
    assert tally.widest <= 1.01


@pytest.mark.slow
@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.name)
def test_corrected_intervals_cover(regime: Regime, questions: int) -> None:
    """Averaged over the settings, corrected figures cover at least 93.5 %; win rates are no wider than the votes' alone."""
    found = simulate(regime, questions, 700)
    for tally in found.values():
        assert tally.count == 0 or tally.coverage >= 0.935 - 2 * (0.05 * 0.95 / tally.count) ** 0.5
    assert found["win rate"].widest <= 1.01


def test_a_poor_judge_is_not_used_and_does_no_harm() -> None:
    """A judge that tosses coins, or says the opposite: the figure is that of the votes, and it says so."""
    _, label = _coins(60, 1_000, 0.5)
    for verdicts in (1.0 - np.where(np.isnan(label), 0.5, label), np.full(1_060, 0.5)):
        found = powered_mean(Items.of(np.arange(1_060), verdicts, label), share=True)
        assert found.note == TOO_POOR
        assert found.tuning == 0.0
        assert found.estimate == found.people


def test_the_votes_alone_have_the_interval_of_a_win_rate() -> None:
    """Without a judge the figure and its limits are those of any win rate, clustered by question."""
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(30), 4)
    label = np.where(rng.random(120) < 0.5, rng.integers(0, 3, 120) / 2.0, np.nan)
    found = powered_mean(Items.of(cluster, np.full(120, 0.5), label), share=True)
    there = ~np.isnan(label)
    sums = np.stack([np.bincount(cluster[there], label[there], 30), np.bincount(cluster[there], minlength=30)], axis=1)
    known = interval(sums[sums[:, 1] > 0], lambda s: s[..., 0] / s[..., 1], share=True)
    assert found.people.value == pytest.approx(known.value)
    assert (found.people.low, found.people.high) == (pytest.approx(known.low), pytest.approx(known.high))
    assert found.people.standard_error == pytest.approx(known.standard_error)


def test_items_of_one_question_move_together() -> None:
    """The same items on fewer questions give a wider interval."""
    judge, label = _coins(100, 1_000, 0.9)
    label = label[np.argsort(np.arange(1_100) % 11, kind="stable")]
    alone = powered_mean(Items.of(np.arange(1_100), judge, label), share=True)
    together = powered_mean(Items.of(np.arange(1_100) // 10, judge, np.sort(label)), share=True)
    assert alone.people.n == 100
    assert together.people.n == 10
    assert together.people.standard_error is not None
    assert alone.people.standard_error is not None
    assert together.people.standard_error > 2 * alone.people.standard_error


def test_stored_probabilities_undo_the_choice() -> None:
    """Wins drawn nine times as likely as losses: with their probabilities the figure is right, without them far off."""
    rng = np.random.default_rng(5)
    people = rng.random(20_000) < 0.4
    probability = np.where(people, 0.09, 0.01)
    label = np.where(rng.random(20_000) < probability, people, np.nan)
    judge = np.where(rng.random(20_000) < 0.8, people, ~people).astype(float)
    known = powered_mean(Items.of(np.arange(20_000), judge, label, None, probability), share=True).estimate
    blind = powered_mean(Items.of(np.arange(20_000), judge, label), share=True).people
    assert known.low is not None
    assert known.high is not None
    assert known.low < 0.4 < known.high
    assert blind.low is not None
    assert blind.low > 0.6


def test_mean_scores_have_no_natural_ends() -> None:
    """Scores on a scale of their own: a judge that says twice as much is used with half the weight."""
    rng = np.random.default_rng(2)
    people = rng.normal(7.0, 1.0, 2_000)
    label = np.where(np.arange(2_000) < 80, people, np.nan)
    found = powered_mean(Items.of(np.arange(2_000), 2.0 * people + rng.normal(0, 0.5, 2_000), label))
    assert found.tuning == pytest.approx(0.5, abs=0.05)
    assert found.estimate.value == pytest.approx(people.mean(), abs=0.1)
    assert found.correlation is not None
    assert found.correlation > 0.9
    equal = powered_mean(Items.of(np.arange(50), np.arange(50.0), np.where(np.arange(50) < 20, 7.0, np.nan)))
    assert equal.estimate.low is not None
    assert equal.estimate.high is not None
    assert equal.estimate.low < 7.0 < equal.estimate.high


def test_too_little_is_said() -> None:
    """Nothing voted on, everything voted on, votes on one or two questions, and columns that cannot be."""
    judge, label = _coins(20, 0, 0.8)
    assert powered_mean(Items.of(np.arange(20), judge, label), share=True).note == ALL_VOTED
    with pytest.raises(TooFewData):
        powered_mean(Items.of(np.arange(20), judge, np.full(20, np.nan)))
    few = powered_mean(Items.of(np.arange(20), judge, np.where(np.arange(20) < 1, label, np.nan)), share=True)
    assert (few.estimate.low, few.estimate.n) == (None, 1)
    assert "cannot tune" in few.note
    for wrong in (
        {"judge": np.full(20, np.inf)},
        {"weight": np.zeros(20)},
        {"probability": np.zeros(20)},
        {"label": label[:5]},
    ):
        columns = {"judge": judge, "label": label, **wrong}
        with pytest.raises(StatsError):
            Items.of(np.arange(20), **columns)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([None, 0.0, 0.5, 1.0])), min_size=4, max_size=30))
def test_swapping_the_models_mirrors_the_figure(rows: list[tuple[float, float | None]]) -> None:
    """What is a for one model is 1 - a for the other, limits and all, with the same weight for the judge."""
    judge = np.array([f for f, _ in rows])
    label = np.array([np.nan if y is None else y for _, y in rows])
    if np.isnan(label).all():
        return
    cluster = np.arange(len(rows)) // 2
    straight = powered_mean(Items.of(cluster, judge, label), share=True)
    turned = powered_mean(Items.of(cluster, 1 - judge, 1 - label), share=True)
    assert turned.tuning == pytest.approx(straight.tuning)
    for one, other in ((straight.estimate, turned.estimate), (straight.people, turned.people)):
        assert one.value == pytest.approx(1 - (other.value or 0.0))
        assert (one.low is None) == (other.high is None)
        if one.low is not None and other.high is not None:
            assert one.low == pytest.approx(1 - other.high)
