"""Plots: nothing overlaps, nothing leaves the figure, and nothing missing is drawn as if it were there."""

import math
import subprocess
import sys
from itertools import combinations

import pytest

from evalh.reports import drawing, plots
from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table
from evalh.reports.write import save
from evalh.stats.estimate import Estimate
from reports import builder

DRAWN = list(plots.PLOTS)
REPORTS = {
    "2": lambda: builder.report(2, answers=False),
    "5": lambda: builder.report(5, answers=False),
    "20": lambda: builder.report(20, answers=False),
    "two-score": lambda: builder.report(5, answers=False, two_score=True),
    "20 categories": lambda: builder.report(4, answers=False, categories=20),
    "missing": builder.missing,
    "hostile": builder.hostile,
}


def draw(name, made):
    """A plot of a report's first judge."""
    return plots.PLOTS[name][1](next(iter(made.leaderboards.values())))


def outlines(figure):
    """Every text of a figure with the corners of the box around it, in pixels; turned text has a turned box."""
    found = []
    with drawing.style():
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes:
            for text in axes.texts:
                if not text.get_text():
                    continue
                angle = math.radians(text.get_rotation())
                text.set_rotation(0)
                box = text.get_window_extent(renderer)
                x, y = text.get_transform().transform(text.get_position())
                corners = [(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)]
                cos, sin = math.cos(angle), math.sin(angle)
                turned = [(x + (a - x) * cos - (b - y) * sin, y + (a - x) * sin + (b - y) * cos) for a, b in corners]
                found.append((text.get_text(), turned))
    return found


def overlap(one, other, slack=0.5):
    """Whether two convex outlines share more than `slack` pixels, by the theorem of the separating axis."""
    for outline in (one, other):
        for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
            size = math.hypot(bx - ax, by - ay) or 1.0
            nx, ny = (by - ay) / size, (ax - bx) / size
            p, q = ([x * nx + y * ny for x, y in shape] for shape in (one, other))
            if min(max(p), max(q)) - max(min(p), min(q)) <= slack:
                return False
    return True


@pytest.mark.parametrize("size", REPORTS)
@pytest.mark.parametrize("name", DRAWN)
def test_no_two_labels_overlap_and_none_leaves_the_figure(name, size):
    """At 2, 5 and 20 models, with names of 40 characters, missing figures and hostile names."""
    figure = draw(name, REPORTS[size]())
    wide, tall = figure.get_size_inches() * figure.dpi
    found = outlines(figure)
    assert found
    for (one, a), (other, b) in combinations(found, 2):
        assert not overlap(a, b), (one, other)
    for text, corners in found:
        assert all(-0.5 <= x <= wide + 0.5 and -0.5 <= y <= tall + 0.5 for x, y in corners), text


def texts(figure):
    """All words of a figure."""
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("name", DRAWN)
def test_names_of_forty_characters_are_shown_in_full(name):
    """Up to 40 characters nothing of a name is lost."""
    made = builder.report(6, answers=False)
    assert any(builder.NAMES[5] in shown for shown in texts(draw(name, made))) or name == "radar"


def test_with_twenty_models_the_radar_shows_the_highest_and_says_so():
    """Five lines can be told apart, twenty cannot."""
    shown = texts(draw("radar", builder.report(20, answers=False)))
    assert "the 5 highest of 20 models" in shown
    assert builder.NAMES[4] in shown
    assert builder.NAMES[5] not in shown


def test_many_pairs_become_a_matrix_and_very_many_models_are_cut_with_a_word():
    """Up to six models have a bar per pair; more have a matrix, of at most twenty of them."""
    assert "Wins, ties and losses by pair" in texts(draw("pairs", builder.report(6, answers=False)))
    assert "Wins, ties and losses of row against column" in texts(draw("pairs", builder.report(7, answers=False)))
    assert any("the 20 highest of 22 models" in shown for shown in texts(draw("pairs", builder.report(22, answers=False))))


def test_missing_values_are_shown_as_missing():
    """A model without a figure has a word instead of a bar, a category without one a dash in a hatched cell, a radar a gap."""
    made = builder.missing()
    assert texts(draw("relative-score", made)).count("not scored") == 2
    assert "not scored" in texts(draw("pairs", made))
    heat = draw("heatmap", made)
    assert texts(heat).count("–") == 10
    assert sum(patch.get_hatch() == "////" for patch in heat.axes[0].patches) == 9
    radar = draw("radar", made)
    assert "a gap is a missing value" in texts(radar)
    assert "3 of 5 models; the others have no score" in texts(radar)
    assert any(math.isnan(y) for line in radar.axes[0].lines for y in line.get_ydata())


def test_a_pair_that_was_never_scored_is_a_dash_in_the_matrix():
    """An empty cell is not a pair without wins."""
    made = builder.report(7, answers=False)
    board = made.leaderboards["gpt-4"]
    first = board.overall.pairs[0]
    lost = (PairRow(first.model_a, first.model_b, unscored=160), *board.overall.pairs[1:])
    drawn = plots.pairs(Leaderboard("j", Table(board.overall.models, lost), board.categories))
    assert texts(drawn).count("–") == 2


def test_the_bars_show_the_first_figure_there_is():
    """Relative scores, else mean scores, else win rates, else nothing; each on its own scale."""

    def board(**figure):
        return Leaderboard("j", Table((ModelRow("a", **figure), ModelRow("b"))))

    e = Estimate(0.5, 0.4, 0.6, 10)
    assert "Relative score with 95% interval" in texts(plots.scores(board(relative_score=e, mean_score=e, win_rate=e)))
    assert "Mean score with 95% interval" in texts(plots.scores(board(mean_score=Estimate(7.25, 7, 7.5, 10), win_rate=e)))
    assert "0.2" in texts(plots.scores(board(mean_score=e)))
    assert "Win rate with 95% interval" in texts(plots.scores(board(win_rate=e)))
    assert plots.scores(board(rating=e)) is None


def test_what_cannot_be_drawn_is_none():
    """No pairs, no categories, too few for a shape: no figure instead of an empty one."""
    e = Estimate(7.0, 6.0, 8.0, 10)
    bare = Leaderboard("j", Table((ModelRow("a", mean_score=e),)))
    assert (plots.pairs(bare), plots.heat_map(bare), plots.radar(bare)) == (None, None, None)
    scored = Leaderboard("j", Table(bare.overall.models, (PairRow("a", "b", p_value=0.5),)))
    assert plots.pairs(scored) is None  # single answers were scored, nothing was compared
    two = Leaderboard("j", bare.overall, {"x": bare.overall, "y": bare.overall})
    assert plots.radar(two) is None
    assert plots.heat_map(two) is not None


def test_equal_values_everywhere_have_one_colour():
    """A heat map without a range does not divide by zero."""
    e = Estimate(0.0, 0.0, 0.0, 10)
    table = Table((ModelRow("a", mean_score=e),))
    assert plots.heat_map(Leaderboard("j", table, {"x": table})) is not None
    assert plots.scores(Leaderboard("j", table)) is not None


@pytest.mark.parametrize(
    ("top", "marks"),
    [
        (10, [0, 2, 4, 6, 8, 10]),
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (9.3, [0, 2, 4, 6, 8, 10]),
        (0, [0, 1]),
        (math.nan, [0, 1]),
    ],
)
def test_ticks_are_round_and_reach_the_top(top, marks):
    """Four to six numbers a reader can add up."""
    assert drawing.ticks(top) == pytest.approx(marks)


def test_the_users_matplotlib_settings_have_no_say():
    """Neither global settings nor the backend change a plot, and drawing changes neither."""
    import matplotlib as mpl

    board = builder.report(2, answers=False).leaderboards["gpt-4"]
    before = save(plots.scores(board))
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "savefig.dpi": 20, "axes.facecolor": "red"}):
        assert save(plots.scores(board)) == before
        assert mpl.rcParams["font.size"] == 30


def test_a_dollar_sign_in_a_name_is_a_dollar_sign():
    """Names are never read as mathematics, and glyphs that the font lacks do not warn."""
    table = Table((ModelRow("$x^2$ 漢字", mean_score=Estimate(7.0, 6.0, 8.0, 10)),))
    _, svg = save(plots.scores(Leaderboard("j", table)))
    assert "$x^2$ 漢字" in svg.decode()


def test_heavy_packages_are_imported_when_needed():
    """Importing the report modules loads neither matplotlib nor jinja2 nor rich: start-up time matters."""
    code = (
        "import sys, evalh.reports.write, evalh.reports.render, evalh.reports.page, evalh.reports.plots;"
        "print([m for m in ('matplotlib', 'jinja2', 'markupsafe', 'rich', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
