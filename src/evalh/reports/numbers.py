"""Every rule for showing a number, in one place; `tests/reports/test_numbers.py` is the same rules as a table of examples.

- A figure that is missing, not a number or infinite is an en dash, never a zero.
- A negative number has a true minus sign; nothing is shown as minus zero.
- Fractions become percentages with one digit, scores have two digits, sums of scores one, ratings none.
- An interval is shown in the unit and with the digits of its figure: `8.21 (7.90–8.50)`, `92.1% (88.0–95.1)`.
- Thousands are separated by commas whatever the locale says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from evalh.stats.estimate import Estimate

MISSING: Final = "–"
MINUS: Final = "−"
Show = Callable[[float | None], str]


def fixed(x: float | None, digits: int) -> str:
    """A number with a fixed count of digits after the point."""
    if x is None or not math.isfinite(x):
        return MISSING
    text = f"{abs(x):,.{digits}f}"
    return MINUS + text if x < 0 and any(c in "123456789" for c in text) else text


def score(x: float | None) -> str:
    """A mean of scores."""
    return fixed(x, 2)


def total(x: float | None) -> str:
    """A sum of scores, which come in halves at the finest."""
    return fixed(x, 1)


def percent(x: float | None) -> str:
    """A fraction as a percentage."""
    shown = share(x)
    return shown if shown == MISSING else shown + "%"


def share(x: float | None) -> str:
    """A fraction as a percentage without its sign, for the ends of an interval and for narrow cells."""
    return fixed(None if x is None else 100 * x, 1)


def rating(x: float | None) -> str:
    """A rating on the Elo scale; four digits need no comma."""
    return fixed(x, 0).replace(",", "")


def count(n: int | None) -> str:
    """A number of things."""
    return MISSING if n is None else fixed(n, 0)


def things(n: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 question`, `80 questions`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def tokens(n: int | None) -> str:
    """A number of tokens: exact below ten thousand, then with three significant digits."""
    if n is None or abs(n) < 10_000:
        return count(n)
    # 999,500 would be shown as 1000k, so the next unit begins where rounding reaches it.
    steps = ((999_500, "k", 1e3), (999_500_000, "M", 1e6), (math.inf, "G", 1e9))
    unit, size = next((unit, size) for limit, unit, size in steps if abs(n) < limit)
    value = abs(n) / size
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return (MINUS if n < 0 else "") + f"{value:,.{digits}f}{unit}"


def dollars(x: float | None) -> str:
    """An amount of money: cents from one dollar on, two significant digits below, and never a zero for something."""
    if x is None or not math.isfinite(x):
        return MISSING
    sign, x = (MINUS if x < 0 else ""), abs(x)
    if x == 0:
        return "$0.00"
    if x < 0.0001:
        return f"{sign}<$0.0001"
    digits = 2 if x >= 0.1 else 3 if x >= 0.01 else 4
    return f"{sign}${x:,.{digits}f}"


def p_value(p: float | None) -> str:
    """A p-value: three digits, and never zero."""
    return "<0.001" if p is not None and p < 0.001 else fixed(p, 3)


def rank(r: tuple[int, int] | None) -> str:
    """A rank with its uncertainty: `1`, or `2–4` where models cannot be told apart."""
    return MISSING if r is None else str(r[0]) if r[0] == r[1] else f"{r[0]}–{r[1]}"


def interval(low: float | None, high: float | None, show: Show) -> str:
    """Both ends of an interval: `7.90–8.50`; with one end open, `from 7.90` or `up to 8.50`."""
    left, right = show(low), show(high)
    if left == MISSING or right == MISSING:
        if left == right:
            return MISSING
        return f"up to {right}" if left == MISSING else f"from {left}"
    # A dash beside a minus sign could be read as either.
    return f"{left} to {right}" if MINUS in left + right else f"{left}–{right}"


@dataclass(frozen=True, slots=True)
class Figure:
    """How one figure of a leaderboard is titled and shown.

    `field` is its name in ModelRow and in every file; `end` shows an end of its interval, which needs no unit of its own.
    """

    field: str
    title: str
    show: Show
    end: Show
    meaning: str

    def value(self, e: Estimate | None) -> str:
        """The figure alone."""
        return MISSING if e is None else self.show(e.value)

    def interval(self, e: Estimate | None) -> str:
        """Its 95% interval alone."""
        return MISSING if e is None or e.value is None else interval(e.low, e.high, self.end)

    def full(self, e: Estimate | None) -> str:
        """Figure and interval: `92.1% (88.0–95.1)`; only the figure where no interval is defined."""
        ends = self.interval(e)
        return self.value(e) if ends == MISSING else f"{self.value(e)} ({ends})"


MEAN_SCORE: Final = Figure("mean_score", "score", score, score, "mean of all scores that the judge gave to single answers")
RELATIVE_SCORE: Final = Figure(
    "relative_score", "relative", percent, share, "sum of scores as a share of the reference model's on the same questions"
)
WIN_RATE: Final = Figure(
    "win_rate", "win rate", percent, share, "mean outcome of the comparisons, a tie counting one half, each opponent equally"
)
LENGTH_CONTROLLED: Final = Figure(
    "length_controlled_win_rate", "LC win rate", percent, share, "length-controlled: the win rate if answers were equally long"
)
RATING: Final = Figure("rating", "rating", rating, rating, "Bradley–Terry rating on the Elo scale, from the comparisons")
FIGURES: Final = (MEAN_SCORE, RELATIVE_SCORE, WIN_RATE, LENGTH_CONTROLLED, RATING)


def sample_size(estimates: Iterable[Estimate | None]) -> str:
    """The questions behind a row of figures: `80`, or `78–80` where they differ."""
    ns = [e.n for e in estimates if e is not None and e.value is not None and math.isfinite(e.value)]
    if not ns:
        return MISSING
    return count(min(ns)) if min(ns) == max(ns) else f"{count(min(ns))}–{count(max(ns))}"


def moment(text: str | None) -> str:
    """A time as stored (ISO 8601), to the minute and in UTC; what cannot be read as one is shown as it is."""
    if not text:
        return MISSING
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    # Without a zone it is taken as UTC: the machine's own zone must not change a report.
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return parsed.strftime("%Y-%m-%d %H:%M UTC")
