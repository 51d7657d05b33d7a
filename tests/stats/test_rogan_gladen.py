"""A win rate turned back through the judge's mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.rogan_gladen import corrected_win_rate, tables, win_rate

OUTCOMES = np.array([1, 0, -1])


def _corrected(said: list[int], people: list[int | None], cluster: list[int] | None = None) -> Estimate:
    """The judge's outcomes and people's (None: nobody voted)."""
    shares = np.array([[np.nan] * 3 if p is None else (p == OUTCOMES).astype(float) for p in people])
    voted = np.array([p is not None for p in people])
    index = np.array(cluster if cluster is not None else range(len(said)))
    return corrected_win_rate(index, np.array(said), shares, np.ones(len(said)), voted.astype(float))


def _expand(counts: dict[tuple[int, int | None], int]) -> tuple[list[int], list[int | None]]:
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    return [said for said, _ in rows], [people for _, people in rows]


def test_the_formula_of_rogan_and_gladen() -> None:
    """Without ties: (apparent + specificity - 1) / (sensitivity + specificity - 1), worked by hand."""
    counts = {(1, 1): 45, (-1, 1): 5, (1, -1): 10, (-1, -1): 40, (1, None): 345, (-1, None): 155}
    apparent, sensitivity, specificity = 400 / 600, 45 / 50, 40 / 50
    found = _corrected(*_expand(counts))
    assert found.value == pytest.approx((apparent + specificity - 1) / (sensitivity + specificity - 1))
    # Rogan & Gladen's variance with both error rates estimated, the votes' own part in the apparent rate left aside
    p = found.value or 0.0
    youden = sensitivity + specificity - 1
    variance = apparent * (1 - apparent) / 600 + p**2 * sensitivity * (1 - sensitivity) / 50
    variance += (1 - p) ** 2 * specificity * (1 - specificity) / 50
    assert found.standard_error == pytest.approx(variance**0.5 / youden, rel=0.15)
    assert found.n == 100


def test_three_outcomes_are_turned_back_exactly() -> None:
    """A judge whose counts are the matrix times what people say: the corrected win rate is people's own."""
    truth = {1: 400, 0: 300, -1: 300}
    rule = {1: (7, 2, 1), 0: (2, 6, 2), -1: (1, 1, 8)}
    counts: dict[tuple[int, int | None], int] = {}
    for people, of in rule.items():
        for said, tenths in zip(OUTCOMES.tolist(), of, strict=True):
            counts[said, people] = tenths * 4
            counts[said, None] = counts.get((said, None), 0) + truth[people] * tenths // 10 - tenths * 4 * truth[people] // 400
    found = _corrected(*_expand({k: n for k, n in counts.items() if n > 0}))
    apparent = sum(n for (said, _), n in counts.items() if said == 1) + 0.5 * sum(n for (s, _), n in counts.items() if s == 0)
    matrix = np.array([rule[k] for k in (1, 0, -1)], dtype=float).T / 10
    heard = np.array([sum(n for (said, _), n in counts.items() if said == k) for k in (1, 0, -1)], dtype=float)
    want = np.linalg.solve(matrix, heard / heard.sum()) @ [1.0, 0.5, 0.0]
    assert found.value == pytest.approx(want)
    assert found.value != pytest.approx(apparent / heard.sum(), abs=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 <= found.low < want < found.high <= 1.0


@pytest.mark.parametrize(
    ("counts", "error", "said"),
    [
        (
            {(1, 1): 5, (-1, 1): 5, (1, -1): 5, (-1, -1): 5},
            StatsError,
            "sensitivity \\+ specificity of the judge for wins is 1.00",
        ),
        ({(1, 1): 3, (-1, 1): 7, (1, -1): 7, (-1, -1): 3}, StatsError, "0.60, not above 1"),
        ({(1, 1): 9, (-1, -1): 9, (1, 0): 4, (-1, 0): 4}, StatsError, "for ties"),
        ({(1, 1): 9, (-1, 1): 2}, TooFewData, "named no losses"),
        ({(1, -1): 2, (-1, -1): 2}, TooFewData, "named no wins"),
        ({(1, None): 2, (-1, None): 2}, TooFewData, "nobody voted"),
    ],
)
def test_what_cannot_be_corrected_is_refused(counts: dict[tuple[int, int | None], int], error: type, said: str) -> None:
    """A judge no better than chance at wins, losses or ties, or mistakes that nobody has seen."""
    with pytest.raises(error, match=said):
        _corrected(*_expand({**counts, (1, None): 10}))


def test_an_outcome_from_a_single_question_gives_no_interval() -> None:
    """All losses on one question: a figure, but no interval."""
    found = _corrected([1, 1, -1, -1, 1], [1, 1, -1, -1, None], [0, 1, 2, 2, 3])
    assert found.value is not None
    assert (found.low, found.high) == (None, None)


def test_the_other_side_is_the_mirror() -> None:
    """Seen from the other model the corrected win rate is one less it."""
    said, people = _expand(
        {(1, 1): 30, (0, 1): 5, (0, 0): 12, (1, 0): 4, (-1, -1): 20, (1, -1): 3, (1, None): 50, (-1, None): 31}
    )
    one = _corrected(said, people)
    other = _corrected([-s for s in said], [None if p is None else -p for p in people])
    assert one.value == pytest.approx(1 - (other.value or 0.0))
    assert one.low == pytest.approx(1 - (other.high or 0.0))


def test_the_error_is_that_of_leaving_out_questions() -> None:
    """The closed form agrees with the jackknife of the whole correction, also where questions hold several comparisons."""
    rng = np.random.default_rng(4)
    people = rng.choice([1, 0, -1], 900, p=[0.5, 0.2, 0.3])
    said = np.where(rng.random(900) < 0.75, people, rng.choice([1, 0, -1], 900))
    cluster = np.arange(900) // 3
    voted = (cluster % 2 == 0).astype(float)
    shares = (people[:, None] == OUTCOMES).astype(float)
    found = corrected_win_rate(cluster, said, shares, np.ones(900), voted)
    sums = tables(cluster, said, shares, np.ones(900), voted)
    left_out = win_rate(sums.sum(axis=0) - sums)
    assert found.standard_error == pytest.approx((((left_out - left_out.mean()) ** 2).sum()) ** 0.5, rel=0.05)
