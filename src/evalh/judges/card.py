"""What the built-in `baseline` judge is worth: the measured card that `evalh judges show baseline` prints.

The figures stand in `card.toml` in the judge's folder. They are made from the published data by `benchmarks/baseline_card.py`,
which also says how they are counted.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from evalh.core.resources import builtin
from evalh.judges.baseline import VERSION

COLUMNS: Final = ("baseline", "longer", "first", "coin")
"""The judges of the card: keys in the file, and heads of the columns."""
WORDS: Final = 3  # columns that are words and not numbers
HEAD: Final = """\
Measured: how often it names the side that somebody else's verdict names, in %, with a 95 % interval clustered by question; a
tie of its own counts half, verdicts that are ties are left out. Beside it: always the longer answer, always the first (the
baseline's, or the one shown first), and a coin, whose true share is 50. "alike": both sides weigh the same, so that always
naming the one that mostly wins is worth 50."""
TAIL: Final = "Made again by: python benchmarks/baseline_card.py --data ../shared/data"


def load_card(path: Path | None = None) -> dict[str, Any]:
    """The card as stored: `version`, `row` (list of tables, each judge [value, low, high] as fractions), `without` (texts)."""
    return tomllib.loads((path or builtin("judges") / "baseline" / "card.toml").read_text("utf-8"))


def card_text(path: Path | None = None) -> str:
    """The card as a table for the terminal. Figures of another version of the judge are said to be so."""
    card = load_card(path)
    rows = [["data", "verdicts of", "sides", "n", "questions", *COLUMNS, "ties"]]
    for row in card["row"]:
        words = [row["data"], row["verdicts"], "alike" if row["sides"] == "alike" else ""]
        judges = [_figure(*row[name]) for name in COLUMNS]
        rows.append([*words, f"{row['n']:,}", f"{row['questions']:,}", *judges, f"{100 * row['ties']:.0f} %"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    missing = [f"n/a: {text}." for text in card["without"]]
    if card["version"] != VERSION:
        missing.append(f"These figures are of version {card['version']} of the judge, which is now version {VERSION}.")
    return "\n".join([HEAD, "", *(_line(row, widths) for row in rows), "", *missing, TAIL])


def _line(cells: list[str], widths: list[int]) -> str:
    both = enumerate(zip(cells, widths, strict=True))
    padded = [cell.ljust(width) if at < WORDS else cell.rjust(width) for at, (cell, width) in both]
    return "  ".join(padded).rstrip()


def _figure(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
