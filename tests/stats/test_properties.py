"""What holds for every figure of a leaderboard, whatever the judgments were."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.stats.cells import collect
from evalh.stats.summary import Summary, relative_scores, summarise
from stats.frames import comparison, results, review, score

MODELS = ("ada", "bob", "cleo", "dan")
FIGURES = ("mean_score", "win_rate", "rating")
Rows = list[dict[str, Any]]


@st.composite
def evaluations(draw: st.DrawFn) -> Rows:
    """Judgments of all three kinds by one judge, some unscored, some comparisons in both orders."""
    models = MODELS[: draw(st.integers(2, 4))]
    two_score = draw(st.booleans())
    rows: Rows = []
    for q in range(draw(st.integers(2, 7))):
        for i, a in enumerate(models):
            if draw(st.booleans()):
                rows.append(score(f"q{q}", a, draw(st.sampled_from([None, *range(1, 11)]))))
            for b in models[i + 1 :]:
                for swapped in (False, True)[: draw(st.integers(0, 2))]:
                    if two_score:
                        rows.append(review(f"q{q}", a, b, *draw(st.tuples(*[st.integers(1, 10)] * 2)), swapped=swapped))
                    else:
                        outcome = draw(st.sampled_from([0.0, 0.5, 1.0, None]))
                        rows.append(comparison(f"q{q}", a, b, outcome, swapped=swapped))
    return rows


def summary(rows: Rows) -> Summary:
    return summarise(collect(results(rows), MODELS))


def by_model(found: Summary, renamed: dict[str, str] | None = None) -> dict[str, Any]:
    """Everything that a table says of each model, of its pairs, and of scores relative to one."""
    names = renamed or {m: m for m in MODELS}
    shown: dict[str, Any] = {}
    for i, model in enumerate(found.models):
        for figure in FIGURES:
            e = getattr(found, figure)[i]
            for part, x in (asdict(e) if e else {"value": None}).items():
                shown[f"{names[model]} {figure} {part}"] = x
        shown[f"{names[model]} counts"] = (*found.counts[i].tolist(), int(found.judged[i]), int(found.missing[i]))
        shown[f"{names[model]} rank"] = found.rank[i]
    for p in found.pairs:
        a, b = names[p.model_a], names[p.model_b]
        p_values = [None if x is None else round(x, 9) for x in (p.p_value, p.p_adjusted, p.p_bh)]
        shown[f"{sorted((a, b))} p"] = (p.scored, p.unscored, p.ties, *p_values)
        rate = p.win_rate_a
        if rate is not None:
            turned = a > b
            ends = [None if x is None else 1 - x if turned else x for x in (rate.low, rate.value, rate.high)]
            for part, x in zip(("low", "value", "high"), ends[::-1] if turned else ends, strict=True):
                shown[f"{sorted((a, b))} {part}"] = x
    return shown


def same(one: dict[str, Any], other: dict[str, Any], without: tuple[str, ...] = ()) -> None:
    """Equal but for rounding."""
    assert one.keys() == other.keys()
    for key, x in one.items():
        if not any(word in key for word in without):
            expected = pytest.approx(other[key], rel=1e-6, abs=1e-6) if isinstance(other[key], float) else other[key]
            assert x == expected, key


def mirrored(row: dict[str, Any]) -> dict[str, Any]:
    """The same judgment with a and b exchanged."""
    if row["mode"] == "absolute":
        return row
    turned = row | {"model_a": row["model_b"], "model_b": row["model_a"], "swapped": not row.get("swapped", False)}
    turned["outcome"] = 1.0 - row["outcome"]
    if "score_a" in row:
        turned |= {"score_a": row["score_b"], "score_b": row["score_a"]}
    return turned


@settings(deadline=None, max_examples=30)
@given(evaluations(), st.randoms(use_true_random=False))
def test_exchanging_a_and_b_changes_nothing(rows: Rows, choose: Any) -> None:
    """Which model is called a in a row, for all rows or for some, moves no figure, interval, rank or test."""
    whole = by_model(summary(rows))
    same(by_model(summary([mirrored(row) for row in rows])), whole)
    same(by_model(summary([mirrored(row) if choose.random() < 0.5 else row for row in rows])), whole)


@settings(deadline=None, max_examples=30)
@given(evaluations(), st.permutations(MODELS))
def test_names_change_nothing(rows: Rows, order: list[str]) -> None:
    """Models under other names, in another order of the alphabet, have the same figures; draws do not depend on names."""
    named = dict(zip(MODELS, order, strict=True))
    moved = [row | {"model_a": named[row["model_a"]], "model_b": named.get(row["model_b"], "")} for row in rows]
    same(by_model(summary(moved)), by_model(summary(rows), named))
    for reference in MODELS:
        one = relative_scores(collect(results(rows), MODELS), reference)[0]
        other = relative_scores(collect(results(moved), MODELS), named[reference])[0]
        for model, e in zip(MODELS, one, strict=True):
            found = other[MODELS.index(named[model])]
            if e is None or e.value is None or len({row["mode"] for row in rows} & {"two-score"}):
                continue  # of chains of equal length and weight the first by name counts
            assert found is not None
            assert (found.value, found.n) == (pytest.approx(e.value), e.n)


@settings(deadline=None, max_examples=30)
@given(evaluations())
def test_every_judgment_twice_is_no_more_evidence(rows: Rows) -> None:
    """Figures, intervals by question, ranks and tests stay: the same questions say the same again."""
    twice = [row | {"sample": sample} for row in rows for sample in (0, 1)]
    without = ("counts", " p")  # they count judgments
    same(by_model(summary(twice)), by_model(summary(rows)), without)
    assert [p.p_value for p in summary(twice).pairs] == pytest.approx([p.p_value for p in summary(rows).pairs])


@settings(deadline=None, max_examples=30)
@given(evaluations())
def test_twice_as_many_questions_are_more_evidence(rows: Rows) -> None:
    """The same judgments on as many questions again leave ratings and narrow what rests on rows."""
    more = [row | {"question_id": row["question_id"] + copy} for row in rows for copy in ("", "'")]
    once, twice = summary(rows), summary(more)
    for figure in FIGURES:
        for one, other in zip(getattr(once, figure), getattr(twice, figure), strict=True):
            if one is None or one.value is None:
                continue
            assert other is not None
            assert (other.value, other.n) == (pytest.approx(one.value, abs=1e-6), 2 * one.n)
            if figure != "rating" and one.n >= 2 and one.low is not None:
                assert other.high - other.low < one.high - one.low


@settings(deadline=None, max_examples=30)
@given(evaluations(), st.integers(1, 3))
def test_unscored_judgments_are_counted_and_nothing_else(rows: Rows, times: int) -> None:
    """Judgments without a verdict change the number of unscored ones, and no figure, interval, rank or test."""
    models = sorted({row["model_a"] for row in rows} | {row["model_b"] for row in rows} - {""})
    if len(models) < 2:
        return
    lost = [comparison(f"lost{i}", models[0], models[1], None) for i in range(times)]
    lost += [score(f"lost{i}", models[0], None) for i in range(times)]
    once, more = summary(rows), summary(rows + lost)
    plain, shown = by_model(once), by_model(more)
    added = {key for key in shown if key not in plain}  # a pair of which there was no judgment at all is now listed
    for key in added:
        assert "['" in key, key
        del shown[key]
    same(shown, plain, ("counts", " p"))
    assert (more.counts == once.counts).all()
    assert (more.judged == once.judged).all()
    assert (more.missing - once.missing).tolist() == [2 * times * (m == models[0]) + times * (m == models[1]) for m in MODELS]
    p_values = {(p.model_a, p.model_b): p.p_value for p in once.pairs}
    for p in more.pairs:
        assert p.p_value == p_values.get((p.model_a, p.model_b))


def test_known_strengths_are_recovered() -> None:
    """Of 3,000 simulated questions, every figure finds what was put in within four of its own standard errors."""
    rng = np.random.default_rng(7)
    strength = {"ada": 0.9, "bob": 0.3, "cleo": -0.2, "dan": -1.0}
    rows: Rows = []
    for q in range(1500):
        for i, a in enumerate(MODELS):
            rows.append(score(f"q{q}", a, float(np.clip(np.rint(6 + strength[a] + rng.normal(0, 1)), 1, 10))))
            for b in MODELS[i + 1 :]:
                wins = rng.random() < 1 / (1 + np.exp(strength[b] - strength[a]))
                rows.append(comparison(f"q{q}", a, b, float(wins)))
    found = summary(rows)
    for i, model in enumerate(MODELS):
        rating, rate, mean = found.rating[i], found.win_rate[i], found.mean_score[i]
        expected = np.mean([1 / (1 + np.exp(strength[b] - strength[model])) for b in MODELS if b != model])
        for e, truth in (
            (rating, 1000 + 400 / np.log(10) * strength[model]),
            (rate, expected),
            (mean, 6 + strength[model]),
        ):
            assert e is not None
            assert abs(e.value - truth) < 4 * e.standard_error  # type: ignore[operator]
    assert found.rank == [(i, i) for i in (1, 2, 3, 4)]
