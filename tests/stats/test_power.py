"""Planning: how many questions find a gap, and which gap a number of questions finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError, TooFewData
from evalh.stats.power import Spread, chance, questions_needed, smallest_gap, spread_of_comparisons, spread_of_scores
from stats.frames import comparison, results, score
from stats.powered import COMPARISONS, DESIGNS, SCORES, SIMULATED, Judged, found, frame_of, scores_found

FAIR = Spread(0.25, 0.0, 0.0, True)  # one win-or-lose game per question


def test_a_known_number_of_questions() -> None:
    """One win-or-lose game per question, 60 % against 40 %: the 194 games of the textbook's one-sample test of a share."""
    # Fleiss, Levin & Paik (2003): n = ((z.975 * 0.5 + z.80 * sqrt(0.6 * 0.4)) / 0.1)^2 = 193.8
    assert questions_needed(FAIR, 0.2) == 194
    assert questions_needed(FAIR, 0.2, orders=1) == 194  # the order changes nothing here
    gap = smallest_gap(FAIR, 194)
    assert gap is not None
    assert gap == pytest.approx(0.2, abs=0.001)


def test_many_pairs_take_more_questions() -> None:
    """Against 28 pairs the smallest p is held against 0.05 / 28; the number grows as the squared sum of the quantiles."""
    one, many = (questions_needed(Spread(0.1, 0.0, 0.0, True), 0.1, tests=k) for k in (1, 28))
    assert one is not None
    assert many is not None
    assert many / one == pytest.approx(((3.1237 + 0.8416) / (1.9600 + 0.8416)) ** 2, rel=0.02)


def test_orders_and_repeats_help_where_they_can() -> None:
    """A second order halves what the order does, repeats divide what the reply does, neither what the question does."""
    for spread, second, twice in (
        (Spread(0.2, 0.0, 0.0, True), 1.0, 1.0),
        (Spread(0.0, 0.2, 0.0, True), 0.5, 1.0),
        (Spread(0.0, 0.0, 0.2, True), 0.5, 0.5),
    ):
        base, both, repeated = (questions_needed(spread, 0.02, o, r) for o, r in ((1, 1), (2, 1), (1, 2)))
        assert base is not None
        assert both is not None
        assert repeated is not None
        assert (both / base, repeated / base) == (pytest.approx(second, abs=0.01), pytest.approx(twice, abs=0.01))


def test_too_few_questions_find_nothing() -> None:
    """Five questions that all go one way have p = 1/16: no gap can be found; with six the p can be 1/32."""
    assert chance(FAIR, 1.0, 5) == 0.0
    assert smallest_gap(FAIR, 5) is None
    assert chance(Spread(0.0, 0.0, 0.0, False), 1.0, 6) == 1.0
    assert questions_needed(Spread(0.25, 0.0, 0.0, True), 0.0001) is None


@pytest.mark.parametrize("gap", [0.0, -0.1, float("nan"), 1.5])
def test_a_gap_that_cannot_be(gap: float) -> None:
    """A gap that is not above 0, or a share above 1, is refused."""
    with pytest.raises(StatsError, match="gap"):
        questions_needed(FAIR, gap)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 0.25), st.floats(0, 0.2), st.floats(0, 0.2), st.floats(0.05, 0.9), st.integers(1, 50))
def test_numbers_and_gaps_are_each_others_inverse(question: float, order: float, reply: float, gap: float, tests: int) -> None:
    """The smallest gap of the questions needed for a gap is no larger than it, and of one question fewer no smaller."""
    spread = Spread(question, order, reply, True)
    needed = questions_needed(spread, gap, 2, 1, tests)
    assert needed is not None
    smallest, before = smallest_gap(spread, needed, 2, 1, tests), smallest_gap(spread, needed - 1, 2, 1, tests)
    assert smallest is not None
    assert smallest <= gap + 1e-9
    assert before is None or before >= gap - 1e-9


def test_variances_are_told_apart() -> None:
    """Known components of a simulated judge come back: between questions, between orders, between replies."""
    rng = np.random.default_rng(5)
    n = 6_000
    p = np.clip(0.5 + rng.choice([-0.2, 0.2], (n, 1)) + rng.choice([-0.15, 0.15], (n, 2)), 0, 1)
    outcome = (rng.random((n, 2, 3)) < p[..., None]).astype(float)
    spread = spread_of_comparisons(frame_of(outcome))
    assert spread.question == pytest.approx(0.04, abs=0.005)
    assert spread.order == pytest.approx(0.0225, abs=0.005)
    assert spread.reply == pytest.approx(0.25 - 0.04 - 0.0225, abs=0.005)
    assert (spread.n, spread.apart) == (n, ("order", "reply"))
    for orders, repeats in ((1, 1), (2, 1), (2, 3)):
        mean = outcome[:, :orders, :repeats].mean(axis=(1, 2))
        assert spread.variance(orders, repeats) == pytest.approx(mean.var(), rel=0.04)


def test_no_credit_for_what_was_not_seen() -> None:
    """From one order without repeats everything counts as the question's; a steady preference for the first is no variance."""
    rng = np.random.default_rng(6)
    once = spread_of_comparisons(frame_of((rng.random((200, 1, 1)) < 0.5).astype(float)))
    assert (once.order, once.reply, once.apart) == (0.0, 0.0, ())
    both = np.repeat((rng.random((200, 1, 1)) < 0.5).astype(float), 2, axis=1)
    biased = np.clip(both * 0.5 + np.array([0.5, 0.0])[None, :, None], 0, 1)
    assert spread_of_comparisons(frame_of(biased)).order == pytest.approx(0.0, abs=1e-12)


def test_unscored_rows_and_mirrors_change_nothing() -> None:
    """Unscored rows are left out, and a pair seen from the other side has the same variances."""
    outcomes = (1.0, 1.0, 0.0, 0.5, 1.0, 0.0)
    rows = [comparison(f"q{i}", "a", "b", x) for i, x in enumerate(outcomes)]
    mirrored = [comparison(f"q{i}", "b", "a", 1 - x) for i, x in enumerate(outcomes)]
    one = spread_of_comparisons(results(rows))
    assert spread_of_comparisons(results(mirrored)).question == pytest.approx(one.question)
    assert spread_of_comparisons(results([*rows, comparison("q9", "a", "b", None)])).question == one.question
    assert one.question == pytest.approx(np.var(outcomes, ddof=1) / (4 * (3.5 / 6) * (2.5 / 6)))


def test_scores_are_compared_on_shared_questions() -> None:
    """The variance is that of differences on questions scored for both models; what makes a question hard cancels."""
    hard = (1.0, 5.0, 9.0, 3.0)
    lead = (0.0, 1.0, 2.0, 1.0)
    rows = [score(f"q{i}", "a", h) for i, h in enumerate(hard)]
    rows += [score(f"q{i}", "b", h + d) for i, (h, d) in enumerate(zip(hard, lead, strict=True))]
    spread = spread_of_scores(results([*rows, score("alone", "a", 9), score("lost", "b", None)]))
    assert spread.question == pytest.approx(np.var(lead, ddof=1))
    assert (spread.reply, spread.share) == (0.0, False)


@pytest.mark.parametrize(
    ("rows", "take"),
    [
        ([], spread_of_comparisons),
        ([comparison("q", "a", "b", None)], spread_of_comparisons),
        ([comparison("q", "a", "b", 1.0)], spread_of_comparisons),
        ([comparison(f"q{i}", "a", "b", 1.0) for i in range(5)], spread_of_comparisons),
        ([comparison(f"q{i}", "a", "a", i % 2) for i in range(5)], spread_of_comparisons),
        ([], spread_of_scores),
        ([score("q", "a", 1), score("q", "b", 2)], spread_of_scores),
        ([score(f"q{i}", m, 5) for i in range(4) for m in "ab"], spread_of_scores),
    ],
)
def test_nothing_to_take_variances_from(rows: list[dict[str, object]], take: object) -> None:
    """Too few rows, or rows that are all equal, are an error that says what is missing, never a variance of zero."""
    with pytest.raises(TooFewData):
        take(results(rows))  # type: ignore[operator]


def test_a_short_simulation() -> None:
    """At the planned number of questions the test finds the gap in about 80 % of simulated evaluations."""
    _, share = found(Judged("both orders", 0.5), 2, 1, 1, 300)
    assert 0.72 < share < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("regime", COMPARISONS, ids=lambda r: r.name)
@pytest.mark.parametrize(("orders", "repeats", "tests"), DESIGNS)
def test_comparisons_are_found_as_often_as_planned(regime: Judged, orders: int, repeats: int, tests: int) -> None:
    """Simulated power at the planned number is within 3 points of 80 %; of a handful of questions, at least that."""
    needed, share = found(regime, orders, repeats, tests, SIMULATED)
    assert share > 0.77
    assert share < 0.83 or needed < 25


@pytest.mark.slow
@pytest.mark.parametrize(("topic", "noise", "lead"), SCORES)
def test_scores_are_found_as_often_as_planned(topic: float, noise: float, lead: float) -> None:
    """The same for gaps between mean scores."""
    assert 0.77 < scores_found(topic, noise, lead, SIMULATED)[1] < 0.83
