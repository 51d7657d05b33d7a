"""Input at the edge of what can be evaluated: a stated result, or an error that says what is missing; never NaN in a report."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

import evalh.stats
from evalh.errors import StatsError
from evalh.reports import render
from evalh.reports.document import Report, RunFacts, to_json
from evalh.reports.leaderboard import build
from evalh.reports.page import page
from evalh.stats import bootstrap, bradley_terry, compare, paired, ranks, resample, scores, signed, summary, winrate
from evalh.stats.cells import Cells, collect
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.scores import UnitMeans
from stats.frames import comparison, results, review, score

MODELS = ("a", "b", "c")


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def _games(*outcomes: float | None, a: str = "a", b: str = "b") -> list[dict[str, Any]]:
    return [comparison(f"q{i}", a, b, x) for i, x in enumerate(outcomes)]


FRAMES: dict[str, list[dict[str, Any]]] = {
    "nothing at all": [],
    "one question": [*_games(1.0), score("q0", "a", 7), score("q0", "b", 5)],
    "one model": [score(f"q{i}", "a", 5 + i % 3) for i in range(4)],
    "one model, one score": [score("q0", "a", 5)],
    "all ties": _games(*[0.5] * 6),
    "a model that wins everything": [*_games(*[1.0] * 5), *_games(*[1.0] * 5, b="c"), *_games(1.0, 0.0, 0.5, a="b", b="c")],
    "disconnected groups": [*_games(1.0, 0.0), *_games(0.5, 1.0, a="c", b="d")],
    "nothing scored": [*_games(None, None), score("q0", "a", None), score("q0", "b", None)],
    "one model of two scored": [score("q0", "a", 5), score("q1", "a", 6), score("q0", "b", None)],
    "scores of zero": [score(f"q{i}", m, 0) for i in range(4) for m in "ab"],
    "reviews of zero": [review(f"q{i}", "a", "b", 0, 0) for i in range(4)],
    "one side has reviews of zero": [review(f"q{i}", "a", "b", 0, 8) for i in range(4)],
    "equal scores": [score(f"q{i}", m, 9) for i in range(4) for m in "ab"],
    "values that are not numbers": [
        comparison("q0", "a", "b", 1.0) | {"outcome": float("nan")},
        score("q0", "a", 5) | {"score_a": float("nan")},
        score("q1", "a", 5),
    ],
    "enormous scores": [score(f"q{i}", m, x * 1e150) for i in range(4) for m, x in (("a", 1 + i), ("b", 2))],
    "tiny weights": [row | {"weight": 1e-300} for row in _games(1.0, 0.0, 1.0)],
    "unequal questions": [*_games(1.0, 0.0), *[comparison("q0", "a", "b", 1.0, sample=i) for i in range(1, 40)]],
    "no question in common": [comparison("q0", "a", "b", 1.0), comparison("q1", "a", "c", 0.0), score("q2", "b", 3)],
}
REFUSED: dict[str, dict[str, Any]] = {
    "an infinite score": {"score_a": float("inf")},
    "an infinite weight": {"weight": float("inf")},
    "a negative weight": {"weight": -1.0},
}


def frame(name: str) -> Results:
    return results(FRAMES[name])


def _numbers(found: Any, path: str = "") -> list[tuple[str, float]]:
    """Every number in a result that a report would show."""
    if isinstance(found, Estimate):
        return [(f"{path}.{f.name}", x) for f in fields(found) if isinstance(x := getattr(found, f.name), float)]
    if is_dataclass(found) and not isinstance(found, type):
        return [pair for f in fields(found) for pair in _numbers(getattr(found, f.name), f"{path}.{f.name}")]
    if isinstance(found, dict):
        return [pair for key, value in found.items() for pair in _numbers(value, f"{path}[{key}]")]
    if isinstance(found, (list, tuple)):
        return [pair for i, value in enumerate(found) for pair in _numbers(value, f"{path}[{i}]")]
    return [(path, float(found))] if isinstance(found, float) else []


def _told(call: Callable[[], Any]) -> tuple[Any, str | None]:
    """What a call gives, and what it says where it gives nothing."""
    try:
        return call(), None
    except StatsError as error:
        return None, str(error)


@pytest.mark.parametrize("name", FRAMES)
def test_reports_of_degenerate_runs(name: str) -> None:
    """A report is made, in the terminal, as markdown, CSV, JSON and page; what is not defined is a dash, null or a note."""
    rows = frame(name)
    boards = build(rows, models=MODELS, categories=["general"])
    assert not [pair for pair in _numbers(boards) if not np.isfinite(pair[1])]
    facts = RunFacts("run", ("judge",), MODELS, "set", 4)
    report = Report(facts, boards)
    shown = json.dumps(to_json(report), allow_nan=False)
    texts = [shown, render.plain(report), render.markdown(report), render.csv_text(report), page(report, {})]
    for text in texts:
        visible = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
        assert not re.search(r"\b(nan|inf|infinity)\b", visible, re.IGNORECASE)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_judgment_is_refused(name: str) -> None:
    """Infinities and negative weights are an error that names the column, or count as unscored; never a figure."""
    rows = [score("q0", "a", 5) | REFUSED[name], score("q1", "a", 6), score("q0", "b", 4)]
    boards, words = _told(lambda: build(results(rows), models=MODELS))
    if words is not None:
        assert re.search("score|weight", words)
        return
    assert not [pair for pair in _numbers(boards) if not np.isfinite(pair[1])]
    assert sum(boards["judge"].unscored_by_status.values()) == 1


Call = Callable[[Cells], object]
OF_CELLS: dict[str, Call] = {
    "summary.summarise": summary.summarise,
    "summary.relative_scores": lambda c: [summary.relative_scores(c, m) for m in (*c.models, None, "nobody")],
    "summary.default_reference": lambda c: summary.default_reference(summary.summarise(c)),
    "summary.leads": lambda c: summary.leads(summary.summarise(c).pairs),
    "compare.differences": lambda c: compare.differences(c, "a", "b", rng()),
    "winrate.tallies": lambda c: winrate.tallies(c.comparisons, len(c.models)).tolist(),
    "winrate.pair_win_rates": lambda c: winrate.pair_win_rates(c.comparisons),
    "winrate.model_win_rates": lambda c: winrate.model_win_rates(c.comparisons, len(c.models)),
    "scores.mean_scores": lambda c: scores.mean_scores(c.scores, len(c.models), c.score_step, 1),
    "scores.paired_differences": lambda c: scores.paired_differences(UnitMeans.of(c.scores, len(c.models)), 0, 1).tolist(),
    "scores.relative_to": lambda c: scores.relative_to(UnitMeans.of(c.scores, len(c.models)), 0, 1, c.score_step),
    "scores.chains": lambda c: scores.chains(c.comparisons, c.models, 0),
    "scores.relative_by_chain": lambda c: [
        scores.relative_by_chain(c.comparisons, path, c.score_step)
        for path in scores.chains(c.comparisons, c.models, 0).values()
        if len(path) > 1
    ],
    "bradley_terry.rating_estimates": lambda c: bradley_terry.rating_estimates(c.comparisons, c.models, rng(), 50),
    "bradley_terry.win_matrix": lambda c: bradley_terry.win_matrix(c.comparisons, len(c.models)).tolist(),
}


@pytest.mark.parametrize("frame_name", FRAMES)
@pytest.mark.parametrize("name", OF_CELLS)
def test_functions_of_cells(name: str, frame_name: str) -> None:
    """Every function of cells gives finite numbers and None, or a `StatsError` in words; warnings are errors here."""
    cells = collect(frame(frame_name), MODELS)
    found, words = _told(lambda: OF_CELLS[name](cells))
    assert words is None or len(words) > 15
    assert not [pair for pair in _numbers(found) if not np.isfinite(pair[1])]


def _mean(total: np.ndarray) -> np.ndarray:
    rate: np.ndarray = total[..., 0] / total[..., 1]
    return rate


DATA: dict[str, list[float]] = {
    "none": [],
    "one": [3.0],
    "two equal": [3.0, 3.0],
    "zeros": [0.0] * 5,
    "not a number": [1.0, float("nan"), 2.0],
    "infinite": [1.0, float("inf"), 2.0],
    "enormous": [1e160, -1e160, 3e160],
    "tiny": [1e-160, 2e-160, 4e-160],
}
OF_DATA: dict[str, Callable[[np.ndarray], object]] = {
    "paired.sign_flip_test": lambda d: paired.sign_flip_test(d, rng()),
    "signed.signed_rank_test": signed.signed_rank_test,
    "signed.mcnemar_test": signed.mcnemar_test,
    "resample.interval": lambda d: resample.interval(np.stack([d, np.ones(len(d))], axis=1), _mean, allowance=1.0),
    "bootstrap.bootstrap": lambda d: bootstrap.bootstrap(
        np.stack([d, np.ones(len(d))], axis=1), _mean, rng(), method="bca", rounds=100
    ),
    "bootstrap.clustered_error": lambda d: bootstrap.clustered_error(d, np.ones(len(d)), np.arange(len(d))),
    "scores.chained_ratio": lambda d: scores.chained_ratio(np.stack([d, d], axis=1), 1.0),
    "bradley_terry.ratings": lambda d: bradley_terry.ratings(np.tile(d, (len(d), 1))).tolist(),
    "bradley_terry.connected": lambda d: bradley_terry.connected(np.tile(d, (len(d), 1))),
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", OF_DATA)
def test_functions_of_values(name: str, data: str) -> None:
    """Every function of values gives a finite number, or a `StatsError` in words."""
    found, words = _told(lambda: OF_DATA[name](np.array(DATA[data])))
    assert words is None or len(words) > 15
    assert not [pair for pair in _numbers(found) if not np.isfinite(pair[1])]


ELSEWHERE: dict[str, str] = {
    "paired.holm": "test_paired",
    "paired.benjamini_hochberg": "test_signed",
    "ranks.ranks": "test_ranks",
    "ranks.groups": "test_ranks",
    "ranks.untested": "test_ranks",
}
PARTS = ("winrate", "scores", "summary", "compare", "paired", "signed", "ranks", "bootstrap")
"""Modules all of whose public functions are walked here; a module's own test may do the same instead."""
OF_ARRAYS = {  # steps of the functions above, which see what these leave open
    "scores.pair_totals",
    "scores.chain_product",
    "scores.chain_allowance",
    "compare.against_rates",
    "paired.fair_binomial",
    "paired.sign_flip_limit",
}


def test_no_function_is_forgotten() -> None:
    """A public function that is added to these modules is added to a table above."""
    known = {m.name for m in pkgutil.iter_modules(evalh.stats.__path__)}
    assert known.issuperset(PARTS)
    assert ranks
    public = {
        f"{part}.{name}"
        for part in PARTS
        for name, f in inspect.getmembers(importlib.import_module(f"evalh.stats.{part}"), inspect.isfunction)
        if f.__module__ == f"evalh.stats.{part}" and not name.startswith("_")
    }
    assert public - {*OF_CELLS, *OF_DATA, *ELSEWHERE, *OF_ARRAYS} == set()
