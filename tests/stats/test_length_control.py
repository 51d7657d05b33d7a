"""Length-controlled win rates of any question set: what is taken out, what is left, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results, as_results
from evalh.stats.length_control import LEAST, PRIOR, LengthRows, against, length_controlled, length_rows, opponent_of
from stats.simulated_lengths import LEADS, REGIMES, LengthRegime, draw, lengths_covered

PLAIN = LengthRegime("plain", 2.0, 0.6)


def _one(rows: LengthRows) -> Estimate:
    found = length_controlled(rows, 1)[0]
    assert found is not None
    return found


def _frame(questions: int, models: int = 2, seed: int = 0) -> Results:
    """Comparisons of models with "base", both orders, by a judge that likes length."""
    rng = np.random.default_rng(seed)
    rows = []
    for m in range(models):
        for q in range(questions):
            own, base = float(rng.integers(100, 900)), float(rng.integers(100, 900))
            for swapped in (False, True):
                u = rng.random()
                won = float(np.log(u / (1 - u)) + (own - base) / 300 > 0)
                names = ("base", f"m{m}")
                rows.append((f"q{q}", *names, 1 - won, base, own, swapped))
    columns = ("question_id", "model_a", "model_b", "outcome", "length_a", "length_b", "swapped")
    frame = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return as_results({**frame, "mode": ["pairwise"] * len(rows)})


def test_the_optimum_is_that_of_a_general_minimiser() -> None:
    """Intercept and slope are those that scipy finds for the penalised cross-entropy, so the figure is its prediction."""
    rows = draw(PLAIN, np.random.default_rng(3), 1, 40, 0.7)
    x = np.tanh(rows.longer / rows.longer.std(ddof=1))
    weight = rows.weight * 40 / rows.weight.sum()

    def loss(b: np.ndarray) -> float:
        z = b[0] + b[1] * x
        return float((weight * (np.logaddexp(0, z) - rows.outcome * z)).sum() + 0.5 * (b[1] / PRIOR) ** 2)

    best = minimize(loss, np.zeros(2), tol=1e-14, options={"gtol": 1e-9})
    assert _one(rows).value == pytest.approx(1 / (1 + np.exp(-best.x[0])), abs=1e-6)


def test_a_judge_that_only_counts_words_gives_one_half() -> None:
    """Where length alone decides, a model that wins three in four by writing more has one half at equal length."""
    rows = draw(LengthRegime("length", 3.0, 0.8, topic=0.0, ties=0.0), np.random.default_rng(1), 1, 4000, 0.0)
    found = _one(rows)
    assert rows.outcome.mean() > 0.7
    assert found.value == pytest.approx(0.5, abs=0.04)


def test_where_length_does_not_matter_it_is_the_win_rate() -> None:
    """A judge that ignores length gives the plain win rate, up to chance, with an interval hardly wider."""
    rows = draw(LengthRegime("blind", 0.0, 0.0, topic=0.0), np.random.default_rng(2), 1, 2000, 0.8)
    assert _one(rows).value == pytest.approx(rows.outcome.mean(), abs=0.01)


def test_swapping_the_sides_mirrors_the_figure() -> None:
    """Seen from the other side the value is one minus it and the ends change places."""
    rows = draw(PLAIN, np.random.default_rng(5), 1, 30, 0.5)
    other = LengthRows(rows.model, rows.question, 1 - rows.outcome, -rows.longer, rows.weight, rows.category)
    a, b = _one(rows), _one(other)
    assert (a.value, a.low, a.high) == pytest.approx((1 - b.value, 1 - b.high, 1 - b.low), abs=1e-7)


def test_every_row_twice_changes_nothing() -> None:
    """Questions are what counts: repeating all rows narrows nothing, nor does another unit of weight."""
    rows = draw(PLAIN, np.random.default_rng(6), 1, 25, 0.5)
    twice = rows.take(np.tile(np.arange(len(rows.model)), 2))
    heavy = LengthRows(rows.model, rows.question, rows.outcome, rows.longer, 7 * rows.weight, rows.category)
    for other in (heavy, twice):
        a, b = _one(rows), _one(other)
        assert (a.value, a.low, a.high, a.n) == pytest.approx((b.value, b.low, b.high, b.n), abs=2e-3)


def test_rows_come_from_the_frame() -> None:
    """Comparisons with the opponent, seen from the model; unscored ones, unknown lengths and other pairs are not among them."""
    frame = _frame(12)
    lengths = frame.length_a.copy()
    lengths[3] = np.nan
    outcome = frame.outcome.copy()
    outcome[5] = np.nan
    changed = as_results({**{c: getattr(frame, c) for c in Results.__slots__}, "length_a": lengths, "outcome": outcome})
    rows = length_rows(changed, "base", ("base", "m0", "m1"))
    assert len(rows.model) == 48 - 2
    assert set(rows.model.tolist()) == {1, 2}
    first = length_rows(frame, "base", ("base", "m0", "m1"))
    assert first.longer[0] == frame.length_b[0] - frame.length_a[0]
    assert first.outcome[0] == 1 - frame.outcome[0]


@pytest.mark.parametrize("others", [1, 4])
def test_the_opponents_own_is_one_half(others: int) -> None:
    """The opponent has one half without limits; everybody else a figure with n; with four models difficulty is used."""
    names = ("base", *(f"m{m}" for m in range(others)))
    found = against(length_rows(_frame(20, others), "base", names), names, "base")
    assert found[0] == Estimate(0.5, n=20)
    assert all(e is not None and e.n == 20 and 0 < e.low < e.value < e.high < 1 for e in found[1:])


def test_too_little_is_no_figure() -> None:
    """Fewer than ten questions, or one length difference throughout, give none; all wins give one with an open upper side."""
    assert length_controlled(draw(PLAIN, np.random.default_rng(7), 1, LEAST - 1, 0.0), 1) == [None]
    assert length_controlled(draw(PLAIN, np.random.default_rng(7), 1, 10, 0.0).take(np.zeros(0, dtype=int)), 1) == [None]
    rows = draw(PLAIN, np.random.default_rng(7), 1, 20, 0.0)
    same = LengthRows(rows.model, rows.question, rows.outcome, np.full(40, 9.0), rows.weight, rows.category)
    assert length_controlled(same, 1) == [None]
    won = _one(LengthRows(rows.model, rows.question, np.ones(40), rows.longer, rows.weight, rows.category))
    assert (won.value, won.high) == (1.0, 1.0)
    assert won.low is not None
    assert 0.7 < won.low < 1.0


def test_the_opponent_is_whom_all_have_met() -> None:
    """A common baseline is the opponent whatever the default; in a round robin, and with one pair, it is the default."""
    from evalh.stats.cells import collect

    cells = collect(_frame(12, 3))
    assert opponent_of(cells.comparisons, cells.models, "m1") == "base"
    one = collect(_frame(12, 1))
    assert opponent_of(one.comparisons, one.models, "m0") == "m0"


@pytest.mark.slow
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.name)
def test_intervals_cover(regime: LengthRegime) -> None:
    """At 10, 16, 30 and 80 questions every regime's intervals hold the truth in 93.5 % of the evaluations or more."""
    each = 2_000 // len(LEADS) + 1
    for questions in (10, 16, 30, 80):
        covered, width = lengths_covered(regime, questions, each)
        assert covered > 0.935 - 2 * (0.065 * 0.935 / (each * len(LEADS))) ** 0.5, (questions, covered)
        assert width > 0
