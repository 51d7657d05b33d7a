from __future__ import annotations

import numpy as np
import pytest

from evalh.errors import TooFewData
from evalh.stats.cells import collect
from evalh.stats.resample import interval
from evalh.stats.scores import UnitMeans, chains, mean_scores, pair_totals, paired_differences, relative_by_chain, relative_to
from stats.frames import results, review, score


def test_mean_is_over_rows() -> None:
    """The mean score is that of all scored rows, also where questions have different numbers of them."""
    rows = [score("q1", "a", 10), score("q1", "a", 8, turn=2), score("q1", "a", 9, turn=2, sample=1), score("q2", "a", 1)]
    cells = collect(results([*rows, score("q3", "a", None)]), ["a", "b"])
    found, missing = mean_scores(cells.scores, 2, 1.0)
    assert found is not None
    assert (found.value, found.n) == (7.0, 2)
    assert missing is None
    assert [mean_scores(cells.scores, 2, 1.0, turn)[0].value for turn in (1, 2)] == [5.5, 8.5]  # type: ignore[union-attr]
    assert mean_scores(cells.scores, 2, 1.0, 3) == [None, None]


def test_mean_is_weighted() -> None:
    """A row of weight 3 counts as three."""
    cells = collect(results([score("q1", "a", 2, weight=3.0), score("q2", "a", 6)]))
    assert mean_scores(cells.scores, 1, 1.0)[0].value == 3.0  # type: ignore[union-attr]


def test_interval_of_the_mean_is_that_of_the_general_form() -> None:
    """The closed form agrees with leaving questions out one by one, turns of a question together."""
    random = np.random.default_rng(1)
    points = random.integers(1, 11, (12, 2)).astype(float)
    cells = collect(results(score(f"q{q:02}", "a", points[q, t], turn=t + 1) for q in range(12) for t in (0, 1)))
    sums = np.stack([points.sum(axis=1), np.full(12, 2.0)], axis=1)
    expected = interval(sums, lambda t: t[..., 0] / t[..., 1], allowance=0.25)
    found = mean_scores(cells.scores, 1, 0.5)[0]
    assert found is not None
    assert (found.low, found.high, found.standard_error) == pytest.approx(
        (expected.low, expected.high, expected.standard_error)
    )


def scored_pair(a: list[float | None], b: list[float | None]) -> UnitMeans:
    rows = [score(f"q{i:02}", m, x) for m, column in (("a", a), ("b", b)) for i, x in enumerate(column)]
    return UnitMeans.of(collect(results(rows)).scores, 2)


def test_relative_score_is_sum_over_sum_on_shared_questions() -> None:
    """Questions that were not scored for both are left out of both sums."""
    found = relative_to(scored_pair([6, 8, None, 10], [8, 8, 9, None]), 0, 1, 1.0)
    assert (found.value, found.n) == (14 / 16, 2)


def test_relative_score_keeps_the_covariance() -> None:
    """A model that always gets 80 % of the reference's points has a far narrower interval than its mean."""
    reference = [2.0, 4.0, 6.0, 8.0, 10.0, 3.0, 5.0, 7.0, 9.0, 5.0]
    found = relative_to(scored_pair([0.8 * x for x in reference], list(reference)), 0, 1, 0.0)
    assert found.value == pytest.approx(0.8)
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)


def test_a_constant_ratio_is_not_certainty() -> None:
    """Equal scores on all questions leave an interval around 1."""
    found = relative_to(scored_pair([9.0] * 10, [9.0] * 10), 0, 1, 1.0)
    assert found.low is not None
    assert found.high is not None
    assert 0.95 < found.low < 1.0 < found.high < 1.05


def test_repeats_gain_nothing() -> None:
    """A model that was judged three times on a question is not credited three times."""
    rows = [score("q1", "a", x, sample=i) for i, x in enumerate([6, 7, 8])] + [score("q1", "b", 7), score("q2", "a", 5)]
    scores = UnitMeans.of(collect(results([*rows, score("q2", "b", 10)])).scores, 2)
    assert relative_to(scores, 0, 1, 1.0).value == 12 / 17
    assert paired_differences(scores, 0, 1).tolist() == [0.0, -5.0]


def test_turns_are_paired() -> None:
    """Only turns scored for both count, and a question's turns move together."""
    rows = [score("q1", "a", 6), score("q1", "a", 9, turn=2), score("q1", "b", 8), score("q2", "a", 5), score("q2", "b", 5)]
    scores = UnitMeans.of(collect(results(rows)).scores, 2)
    assert scores.sums(0, 1).tolist() == [[6, 8], [5, 5]]


def test_nothing_shared_or_a_zero_sum() -> None:
    """Without shared questions, or against a sum of zero, there is no relative score."""
    with pytest.raises(TooFewData, match="both"):
        relative_to(scored_pair([1, None], [None, 1]), 0, 1, 1.0)
    with pytest.raises(TooFewData, match="zero"):
        relative_to(scored_pair([1, 2], [0, 0]), 0, 1, 1.0)


def test_a_share_of_the_reference_is_not_negative() -> None:
    """Three questions say little of a ratio, but not that it may be below zero; scores below zero may have such a ratio."""

    def ratio(points: list[float]) -> tuple[float | None, float | None]:
        rows = [score(f"q{i}", m, p) for i, own in enumerate(points) for m, p in (("a", own), ("b", 8.0))]
        found = collect(results(rows))
        estimate = relative_to(UnitMeans.of(found.scores, 2), 0, 1, found.score_step)
        return estimate.low, estimate.value

    assert ratio([0.0, 1.0, 9.0]) == (0.0, pytest.approx(10 / 24))
    low, value = ratio([-1.0, 1.0, 9.0])
    assert value == pytest.approx(9 / 24)
    assert low is not None
    assert low < 0


def test_a_model_that_scores_nothing_is_at_zero() -> None:
    """A sum of zero over a positive one is 0, with an interval above it."""
    found = relative_to(scored_pair([0, 0, 0], [5, 6, 7]), 0, 1, 1.0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high is not None
    assert found.high > 0.1


CHAIN = [review(f"q{i}", "gpt", "vicuna", 9 + i % 2, 8 - i % 3) for i in range(6)] + [
    review(f"q{i}", "llama", "vicuna", 6 - i % 2, 9 - i % 3) for i in range(4)
]


def test_chained_scores_multiply() -> None:
    """A model that never met the reference is related to it through the model both met; one question moves all links."""
    cells = collect(results(CHAIN))
    gpt, llama, vicuna = range(3)
    paths = chains(cells.comparisons, cells.models, gpt)
    assert paths == {gpt: (gpt,), vicuna: (gpt, vicuna), llama: (gpt, vicuna, llama)}
    totals = pair_totals(cells.comparisons).tolist()
    assert totals == [[57, 42], [22, 33]]
    found = relative_by_chain(cells.comparisons, paths[llama], 0.0)
    assert found.value == pytest.approx(22 / 33 * 42 / 57)
    assert found.n == 6
    sums = np.zeros((6, 4))
    for i in range(6):
        sums[i] = (8 - i % 3, 9 + i % 2, *((6 - i % 2, 9 - i % 3) if i < 4 else (0, 0)))
    general = interval(sums, lambda t: t[..., 0] / t[..., 1] * t[..., 2] / t[..., 3])
    assert (found.low, found.high) == pytest.approx((general.low, general.high))


def test_each_link_allows_for_one_step() -> None:
    """Constant reviews leave an interval, wider through two links than through one."""
    rows = [review(f"q{i}", "gpt", "vicuna", 9, 8) for i in range(10)]
    rows += [review(f"q{i}", "llama", "vicuna", 6, 9) for i in range(10)]
    cells = collect(results(rows)).comparisons
    one, two = relative_by_chain(cells, (0, 2), 1.0), relative_by_chain(cells, (0, 2, 1), 1.0)
    widths = [(e.high - e.low) / e.value for e in (one, two)]  # type: ignore[operator]
    assert 0 < widths[0] < widths[1]


def paths_of(pairs: list[tuple[str, str, int]]) -> dict[str, str]:
    """Chains from model "r", by names; pairs are (model, model, questions)."""
    rows = [review(f"q{i}", a, b, 7, 6) for a, b, n in pairs for i in range(n)]
    cells = collect(results(rows))
    found = chains(cells.comparisons, cells.models, cells.models.index("r"))
    return {cells.models[m]: "".join(cells.models[i] for i in path) for m, path in found.items()}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("r", "a", 1), ("a", "x", 9), ("r", "x", 1)], "rx"),  # shortest, however thin
        ([("r", "a", 5), ("a", "x", 5), ("r", "b", 6), ("b", "x", 5)], "rbx"),  # then most questions
        ([("r", "b", 5), ("b", "x", 5), ("r", "a", 5), ("a", "x", 5)], "rax"),  # then by name
        ([("r", "a", 2), ("r", "b", 3), ("a", "c", 2), ("b", "c", 1), ("c", "x", 1)], "racx"),  # and so along the way
    ],
)
def test_choice_of_a_chain(pairs: list[tuple[str, str, int]], expected: str) -> None:
    """The shortest chain counts, then the one on most questions, then the first by name."""
    assert paths_of(pairs)["x"] == expected


def test_models_out_of_reach_have_no_chain() -> None:
    """A model tied to the reference by nothing, or only by a sum of zero, has no path."""
    rows = [review("q", "r", "a", 7, 6), review("q", "b", "c", 7, 6), review("q", "r", "z", 7, 0)]
    cells = collect(results(rows))
    assert set(chains(cells.comparisons, cells.models, cells.models.index("r"))) == {0, cells.models.index("r")}


def test_pairs_without_reviews_have_no_totals() -> None:
    """Totals exist in two-score mode only."""
    rows = [review("q", "a", "b", 7, 6), review("q", "a", "c", 7, 6, mode="pairwise")]
    totals = pair_totals(collect(results(rows)).comparisons)
    assert totals[0].tolist() == [7, 6]
    assert np.isnan(totals[1]).all()
