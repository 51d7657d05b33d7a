"""What all plots share: one style whatever the user's matplotlibrc says, colours, and text measured before it is placed.

Everything is laid out in inches, from the size of the texts outwards, so that names of any length and any number of models fit
without overlapping. matplotlib is imported inside functions: it takes longer than all of evalh to start.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from evalh.reports.leaderboard import Leaderboard, ModelRow
from evalh.reports.numbers import MEAN_SCORE, RELATIVE_SCORE, WIN_RATE, Figure, count, things
from evalh.reports.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.text import Text

# The page exchanges these for its own colours of the day or the night (see `page.inline_svg`).
INK: Final = "#1b1b1f"
MUTED: Final = "#66666e"
GRID: Final = "#d9d9de"
PAPER: Final = "#ffffff"
BAR: Final = "#8fc6ec"

# Okabe and Ito's colours, which people of every colour vision tell apart; hatches, markers and labels say the same again.
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
NEUTRAL: Final = "#c9c9ce"
SERIES: Final = ((BLUE, "-", "o"), (VERMILION, "--", "s"), (GREEN, "-.", "^"), (PURPLE, ":", "D"), (ORANGE, (0, (5, 1)), "v"))
ON_LIGHT: Final = "#0c0c0d"
ON_DARK: Final = "#fefefe"

NAME, SMALL, TITLE = 9.0, 8.0, 11.0
WIDTH: Final = 7.4
EDGE: Final = 0.14
LEAD: Final = 0.17

_STYLE: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so every machine draws the same
    "font.size": NAME,
    "text.parse_math": False,  # a dollar sign in a model's name is a dollar sign
    "text.color": INK,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "evalh",
    "path.simplify": False,
    "axes.unicode_minus": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this: matplotlib's own defaults, our style, and no warning about glyphs that its font lacks."""
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        settings.update(_STYLE)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


@dataclass(slots=True)
class Sheet:
    """A figure and one pair of axes that covers it, measured in inches from the upper left corner."""

    width: float
    height: float
    canvas: Canvas = field(init=False)
    axes: Axes = field(init=False)

    def __post_init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        self.canvas = Canvas(figsize=(self.width, self.height), facecolor=PAPER)
        FigureCanvasAgg(self.canvas)
        self.axes = self.canvas.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(self.height, 0)
        self.axes.axis("off")

    def text(self, x: float, y: float, text: str, size: float = NAME, **options: Any) -> Text:
        """Text centred vertically on y."""
        given = {"va": "center", "ha": "left", "color": INK, **options}
        return self.axes.text(x, y, text, fontsize=size, **given)

    def bar(self, x: float, y: float, width: float, height: float, color: str, hatch: str = "", **options: Any) -> None:
        """A filled rectangle from its upper left corner; a hatch is drawn in the paper's colour."""
        from matplotlib.patches import Rectangle

        given = {"edgecolor": PAPER, "linewidth": 0.0, "clip_on": False, **options}
        # Limits are fixed, so the cheaper way in, which does not ask every shape for its extent.
        self.axes.add_artist(Rectangle((x, y), width, height, facecolor=color, hatch=hatch or None, **given))

    def line(self, x: Sequence[float], y: Sequence[float], color: str = INK, width: float = 1.0, **options: Any) -> None:
        """A line through points."""
        from matplotlib.lines import Line2D

        given = {"solid_capstyle": "butt", "clip_on": False, **options}
        self.axes.add_artist(Line2D(x, y, color=color, linewidth=width, **given))

    def title(self, title: str, below: Sequence[str] = ()) -> None:
        """The heading at the upper left and, line by line, what the reader has to know about it."""
        self.text(EDGE, 0.2, title, TITLE, weight="bold")
        for i, text in enumerate(below):
            self.text(EDGE, 0.42 + LEAD * i, text, SMALL, color=MUTED)


def width(texts: Sequence[str], size: float = NAME, weight: str = "normal") -> float:
    """The widest of some texts, in inches."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    agg: Any = RendererAgg
    renderer, font = agg(8, 8, 72), FontProperties(family=["DejaVu Sans"], size=size, weight=weight)
    widest: float = max((renderer.get_text_width_height_descent(text, font, False)[0] for text in texts), default=0.0)
    return widest / 72


def wrap(text: str, inches: float, size: float = SMALL) -> list[str]:
    """Text in lines that are no wider than asked; a single word may be."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width([longer], size) > inches:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def ticks(top: float) -> list[float]:
    """Four to six round numbers from zero to just reach `top`."""
    if not math.isfinite(top) or top <= 0:
        return [0.0, 1.0]
    rough = top / 5
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in (1, 2, 2.5, 5, 10) if s * scale >= rough * 0.999)
    return [i * step for i in range(math.ceil(top / step - 1e-9) + 1)]


def value(row: ModelRow | None, f: Figure) -> float | None:
    """A figure of a model as a finite number, or None."""
    e = getattr(row, f.field) if row is not None else None
    return e.value if e is not None and e.value is not None and math.isfinite(e.value) else None


def chosen(board: Leaderboard, order: Sequence[Figure] = (RELATIVE_SCORE, MEAN_SCORE, WIN_RATE)) -> Figure | None:
    """The first of some figures that any model has."""
    return next((f for f in order if any(value(row, f) is not None for row in board.overall.models)), None)


def source(board: Leaderboard, ns: Sequence[int] = ()) -> str:
    """Who judged, and on how many questions."""
    known = sorted({n for n in ns if n})
    parts = [f"judge {shorten(board.judge)}"]
    if len(known) == 1:
        parts.append(things(known[0], "question"))
    elif known:
        parts.append(f"{count(known[0])}–{count(known[-1])} questions")
    return " · ".join(parts)
