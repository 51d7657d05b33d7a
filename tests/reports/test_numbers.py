"""Every rule for showing a number, as a table of examples."""

import math

import pytest

from evalh.reports import numbers as n
from evalh.stats.estimate import Estimate

CASES = [
    (n.score, 8.214, "8.21"),
    (n.score, 0.0, "0.00"),
    (n.score, -0.001, "0.00"),
    (n.score, -1.25, "−1.25"),
    (n.score, None, "–"),
    (n.score, math.nan, "–"),
    (n.score, math.inf, "–"),
    (n.total, 693.0, "693.0"),
    (n.total, 655.5, "655.5"),
    (n.total, 12345.5, "12,345.5"),
    (n.percent, 638 / 693, "92.1%"),
    (n.percent, 1.0, "100.0%"),
    (n.percent, 0.0, "0.0%"),
    (n.percent, None, "–"),
    (n.share, 0.9206, "92.1"),
    (n.share, None, "–"),
    (n.rating, 1042.4, "1042"),
    (n.rating, -12.6, "−13"),
    (n.rating, None, "–"),
    (n.count, 0, "0"),
    (n.count, 1280, "1,280"),
    (n.count, None, "–"),
    (n.tokens, None, "–"),
    (n.tokens, 0, "0"),
    (n.tokens, 9_999, "9,999"),
    (n.tokens, 10_000, "10.0k"),
    (n.tokens, 12_345, "12.3k"),
    (n.tokens, 322_018, "322k"),
    (n.tokens, 999_499, "999k"),
    (n.tokens, 999_500, "1.00M"),
    (n.tokens, 1_254_300, "1.25M"),
    (n.tokens, 999_500_000, "1.00G"),
    (n.tokens, 4_200_000_000_000, "4,200G"),
    (n.tokens, -12_345, "−12.3k"),
    (n.dollars, None, "–"),
    (n.dollars, math.nan, "–"),
    (n.dollars, 0.0, "$0.00"),
    (n.dollars, 0.00003, "<$0.0001"),
    (n.dollars, 0.0042, "$0.0042"),
    (n.dollars, 0.0421, "$0.042"),
    (n.dollars, 0.421, "$0.42"),
    (n.dollars, 3.4172, "$3.42"),
    (n.dollars, 1234.5, "$1,234.50"),
    (n.dollars, -2.0, "−$2.00"),
    (n.p_value, 0.0321, "0.032"),
    (n.p_value, 0.0009, "<0.001"),
    (n.p_value, 0.0, "<0.001"),
    (n.p_value, 1.0, "1.000"),
    (n.p_value, None, "–"),
    (n.p_value, math.nan, "–"),
    (n.rank, (1, 1), "1"),
    (n.rank, (2, 4), "2–4"),
    (n.rank, None, "–"),
    (n.moment, "2024-03-05T09:12:31+00:00", "2024-03-05 09:12 UTC"),
    (n.moment, "2024-03-05T09:12:31+09:00", "2024-03-05 00:12 UTC"),
    (n.moment, "2024-03-05T09:12:31", "2024-03-05 09:12 UTC"),
    (n.moment, "yesterday", "yesterday"),
    (n.moment, None, "–"),
    (n.moment, "", "–"),
]


@pytest.mark.parametrize(("show", "given", "shown"), CASES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_a_number_is_shown_as_the_table_says(show, given, shown):
    """One number, one text."""
    assert show(given) == shown


@pytest.mark.parametrize(
    ("low", "high", "show", "shown"),
    [
        (7.9, 8.5, n.score, "7.90–8.50"),
        (0.88, 0.951, n.share, "88.0–95.1"),
        (-0.3, 0.2, n.score, "−0.30 to 0.20"),
        (None, 8.5, n.score, "up to 8.50"),
        (7.9, None, n.score, "from 7.90"),
        (None, None, n.score, "–"),
        (math.nan, 8.5, n.score, "up to 8.50"),
    ],
)
def test_an_interval_says_which_end_is_open(low, high, show, shown):
    """A dash joins two numbers, never a number and nothing, and never stands beside a minus sign."""
    assert n.interval(low, high, show) == shown


@pytest.mark.parametrize(
    ("figure", "given", "value", "full"),
    [
        (n.MEAN_SCORE, Estimate(8.214, 7.9, 8.5, 80), "8.21", "8.21 (7.90–8.50)"),
        (n.RELATIVE_SCORE, Estimate(0.9206, 0.88, 0.951, 80), "92.1%", "92.1% (88.0–95.1)"),
        (n.RELATIVE_SCORE, Estimate(1.0, None, None, 80), "100.0%", "100.0%"),
        (n.RATING, Estimate(1042.4, 1001.2, 1083.7, 80), "1042", "1042 (1001–1084)"),
        (n.WIN_RATE, Estimate(None, 0.1, 0.2, 0), "–", "–"),
        (n.WIN_RATE, None, "–", "–"),
    ],
)
def test_a_figure_has_its_interval_beside_it(figure, given, value, full):
    """The interval is in the figure's own unit and digits, and absent where none is defined."""
    assert (figure.value(given), figure.full(given)) == (value, full)


@pytest.mark.parametrize(
    ("ns", "shown"),
    [([80], "80"), ([80, 80], "80"), ([80, 78], "78–80"), ([], "–"), ([None], "–"), ([0, 40], "40")],
)
def test_the_sample_size_of_a_row_covers_its_figures(ns, shown):
    """Where figures rest on different numbers of questions both ends are shown; a figure that is missing has no say."""
    assert n.sample_size(None if x is None else Estimate(1.0 if x else None, n=x) for x in ns) == shown


def test_a_noun_agrees_with_its_number():
    """One question, two questions, two of an irregular kind."""
    assert [n.things(1, "question"), n.things(2, "question"), n.things(2, "axis", "axes")] == [
        "1 question",
        "2 questions",
        "2 axes",
    ]
