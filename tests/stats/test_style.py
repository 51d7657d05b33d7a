"""Style control: published figures, known effects, and what is said where there is nothing to control for."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import Disconnected, StatsError, TooFewData
from evalh.importers.battle_table import STYLE, read_battles
from evalh.pipeline.markdown import total
from evalh.stats.bradley_terry import ELO_SCALE
from evalh.stats.style import StyleControl, controlled, relative_differences, style_control
from support.shared_data import shared


def simulated(
    strengths: list[float], effects: list[float], count: int, seed: int, clusters: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Indices, outcomes, features and clusters of battles in which style matters."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, len(strengths), count)
    b = (a + rng.integers(1, len(strengths), count)) % len(strengths)
    words = rng.poisson(200 * np.exp(rng.normal(0, 0.5, (2, count, len(effects)))) + 20)
    features = relative_differences(words[0], words[1])
    x = np.array(strengths)[a] - np.array(strengths)[b] + features @ np.array(effects)
    won = rng.random(count) < 1 / (1 + np.exp(-x))
    group = rng.integers(0, clusters, count) if clusters else None
    return a, b, np.where(won, 0, 2), features, group


def test_the_published_figures_come_out() -> None:
    """The Arena's own control on 5,000 battles: the exact optimum to 1e-3 points, FastChat's, which stops early, to 0.2."""
    expected = json.loads(shared("synthetic-battles-5k", "expected.json").read_text())
    table = read_battles(shared("synthetic-battles-5k", "battles.jsonl.gz"), control=tuple(STYLE))
    assert table.style is not None
    found = controlled(table.models, table.first, table.second, table.outcome, table.style, tuple(STYLE))
    exact, fastchat = expected["style_control_exact_reg_0.5"], expected["style_control_fastchat"]
    for name, e in zip(found.models, found.ratings, strict=True):
        assert e.value == pytest.approx(exact["ratings"][name], abs=1e-3)
        assert e.value == pytest.approx(fastchat["ratings"][name], abs=0.2)
    key = "coefficients_length_header_list_bold"
    assert [e.value for e in found.coefficients] == pytest.approx(exact[key], abs=1e-6)
    assert [e.value for e in found.coefficients] == pytest.approx(fastchat[key], abs=1e-3)
    length = found.coefficients[0]
    assert length.low is not None
    assert length.low > 0.1  # the battles were made to depend on it, and on nothing else of style
    for other in found.coefficients[1:]:
        assert other.low is not None
        assert other.high is not None
        assert other.low < 0 < other.high


def test_arena_hard_comes_out() -> None:
    """Arena-Hard's battles with the counts of its answers: ratings to 0.1 points of scikit-learn's fit of the same."""
    folder = "arena-hard-v0.1"
    expected = json.loads(shared(folder, "expected.json").read_text())["style_control_all_four_features_recomputed"]
    style: dict[tuple[str, str], list[float | None]] = {}
    for model in expected["rating_anchored_1114"]:
        with gzip.open(shared(folder, f"answers_{model}.jsonl.gz"), "rt", encoding="utf-8") as f:
            for row in map(json.loads, f):
                style[model, row["question_id"]] = [total(row["conv_metadata"][key]) for key in STYLE.values()]
    with gzip.open(shared(folder, "battles.jsonl.gz"), "rt", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    models = sorted(expected["rating_anchored_1114"])
    sides = [np.array([models.index(row[side]) for row in rows]) for side in ("model_a", "model_b")]
    counts = np.array([[style[row[side], row["question_id"]] for row in rows] for side in ("model_a", "model_b")])
    outcome = np.array([{"model_a": 0, "model_b": 2}.get(row["winner"], 1) for row in rows])
    found = controlled(models, *sides, outcome, counts, tuple(STYLE), anchor=models.index("gpt-4-0314"))
    for name, e in zip(models, found.ratings, strict=True):
        assert e.value is not None
        assert e.value + 1114 == pytest.approx(expected["rating_anchored_1114"][name], abs=0.1)
    published = expected["style_coefficients_in_order_of_features"]
    assert [e.value for e in found.coefficients] == pytest.approx(published, abs=1e-3)


def test_known_strengths_and_effects_are_recovered() -> None:
    """From 60,000 battles in which style matters, strengths and effects come back, and intervals hold them."""
    strengths, effects = [0.8, 0.1, -0.3, -0.6], [0.5, -0.2]
    a, b, outcome, features, _ = simulated(strengths, effects, 60_000, 1)
    found = style_control("wxyz", a, b, outcome, features, ("length", "bold"))
    for e, truth in zip(found.ratings, strengths, strict=True):
        assert e.value == pytest.approx(1000 + ELO_SCALE * truth, abs=6)
    assert [e.value for e in found.coefficients] == pytest.approx(effects, abs=0.04)
    assert found.ranks == ((1, 1), (2, 2), (3, 3), (4, 4))


def test_the_fit_is_the_minimum() -> None:
    """No small step from the fit lowers the penalised cross-entropy."""
    a, b, outcome, features, _ = simulated([0.5, 0.0, -0.5], [0.4], 300, 2)
    found = style_control("xyz", a, b, outcome, features, ("length",))
    best = np.array([(e.value - 1000) / ELO_SCALE for e in found.ratings] + [found.coefficients[0].value])  # type: ignore[operator]

    def loss(p: np.ndarray) -> float:
        x = p[a] - p[b] + features[:, 0] * p[3]
        y = 1 - 0.5 * outcome
        entropy = (y * np.log1p(np.exp(-x)) + (1 - y) * np.log1p(np.exp(x))).sum()
        return float(entropy + 0.25 * (((p[:3] / np.log(10)) ** 2).sum() + p[3] ** 2))

    for i in range(4):
        for step in (-1e-3, 1e-3):
            moved = best.copy()
            moved[i] += step
            assert loss(moved) > loss(best)


def same(one: StyleControl, other: StyleControl, order: list[int], sign: float = 1.0) -> None:
    """Ratings in another order, and coefficients, are the same."""
    for i, e in zip(order, one.ratings, strict=True):
        assert e.value == pytest.approx(other.ratings[i].value, abs=1e-6)
        assert e.standard_error == pytest.approx(other.ratings[i].standard_error, rel=1e-6)
    for x, y in zip(one.coefficients, other.coefficients, strict=True):
        assert x.value == pytest.approx(sign * y.value, abs=1e-8)  # type: ignore[operator]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_sides_and_names_do_not_matter(seed: int) -> None:
    """Swapping the sides of all battles, or renaming the models, changes nothing; the number of slices neither."""
    a, b, outcome, features, group = simulated([0.5, 0.0, -0.5], [0.4, 0.1], 400, seed, 80)
    try:
        found = style_control("xyz", a, b, outcome, features, "lb", group)
    except Disconnected:
        return
    same(found, style_control("xyz", b, a, 2 - outcome, -features, "lb", group), [0, 1, 2])
    place = np.array([2, 0, 1])
    same(found, style_control("yzx", place[a], place[b], outcome, features, "lb", group), place.tolist())


def test_twice_the_battles_are_no_more_questions() -> None:
    """Every battle twice, at twice the penalty, changes no rating and narrows intervals of loose battles alone."""
    a, b, outcome, features, _ = simulated([0.5, 0.0, -0.5], [0.4], 500, 3)
    cluster = np.arange(500)
    twice = [np.concatenate([x, x]) for x in (a, b, outcome, features, cluster)]
    for clustered in (False, True):
        once = style_control("xyz", a, b, outcome, features, ("l",), cluster if clustered else None)
        again = style_control("xyz", *twice[:4], ("l",), twice[4] if clustered else None, ridge=1.0)
        for x, y in zip((*once.ratings, *once.coefficients), (*again.ratings, *again.coefficients), strict=True):
            assert x.value == pytest.approx(y.value, abs=1e-6)
            narrower = 1.0 if clustered else np.sqrt(0.5)
            assert y.standard_error / x.standard_error == pytest.approx(narrower, rel=0.02)  # type: ignore[operator]


def test_one_battle_a_cluster_is_no_cluster() -> None:
    """Clusters of one battle give the intervals of loose battles, with few of them and with many."""
    for count in (120, 700):
        a, b, outcome, features, _ = simulated([0.5, 0.0, -0.5], [0.4], count, 4)
        loose = style_control("xyz", a, b, outcome, features, ("l",))
        same(loose, style_control("xyz", a, b, outcome, features, ("l",), np.arange(count)[::-1]), [0, 1, 2])


def test_what_cannot_be_controlled_is_named() -> None:
    """A feature that never differs, counts that are none, models that were never beaten, no battle, one battle."""
    a, b, outcome, features, _ = simulated([0.5, 0.0, -0.5], [0.4], 50, 5)
    counts = np.ones((2, 50, 2))
    counts[0, :, 0] = np.arange(50)
    with pytest.raises(StatsError, match="differ alike in bold in all battles"):
        controlled("xyz", a, b, outcome, counts, ("length", "bold"))
    counts[1, 3, 1] = np.nan
    with pytest.raises(StatsError, match="row 3: feature 2 of style is not a count"):
        controlled("xyz", a, b, outcome, counts, ("length", "bold"))
    with pytest.raises(StatsError, match="must be finite"):
        style_control("xyz", a, b, outcome, features[:10], ("length",))
    with pytest.raises(Disconnected, match="z"):
        style_control("xyz", a, b, np.where(a == 2, 2, np.where(b == 2, 0, outcome)), features, ("length",))
    with pytest.raises(TooFewData, match="no battle"):
        style_control("xyz", a[:0], b[:0], outcome[:0], features[:0], ("length",))
    with pytest.raises(TooFewData, match="two models"):
        style_control("x", a[:1] * 0, a[:1] * 0, outcome[:1], features[:1], ("length",))
    tied = style_control("xy", np.array([0]), np.array([1]), np.array([1]), np.array([[1.0]]), ("length",))
    assert [(e.value, e.low, e.high) for e in tied.ratings] == [(1000.0, None, None)] * 2
