"""The terminal, markdown and CSV."""

import csv
import io
import re
from dataclasses import replace

import pytest

from evalh.reports import render, words
from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table
from evalh.stats.estimate import Estimate
from reports import builder

TERMINAL = """\
core-80-gpt-4 · core-80, 80 questions

Judged by baseline
A floor for LLM judges, not a judge of quality: it computes its scores from the
texts alone.

     model                 score   relative   win rate     rating         n
#    wins/ties/losses   interval   interval   interval   interval  unscored
───────────────────────────────────────────────────────────────────────────
1–2  vicuna-13b             8.36     100.0%      75.0%       1150        80
     53/20/26          8.06–8.60  reference  70.1–79.0  1106–1186         0
1–2  alpaca-13b             7.14      80.3%      50.0%       1000        80
     26/20/53          6.85–7.38  74.8–84.7  45.1–54.0   956–1036         1

                           win rate        p         n
pair          wins  ties   interval  p, Holm  unscored
──────────────────────────────────────────────────────
alpaca-13b      43    12      61.3%    0.712        80
  vicuna-13b    25        54.5–68.0    1.000         1

Unscored judgments: 8 (5 without a verdict, 2 cut off before the verdict, 1 with
a failed request); they count in no figure.
Position: 33.3% (18.0–53.3) of 24 comparisons flip with the order (33.3% to the
first shown, 0.0% to the second); the first shown gets 66.7% (56.1–75.8), 50%
being no preference.
Length: +5.0 (−17.6 to 27.6) points of win rate per doubling of length, within
pairs of models; the longer answer gets 69.6% (53.2–82.1).
Own family: the judge is of the family of vicuna-13b (llama); whether it prefers
them cannot be told apart from their quality without votes, or judges of other
families, on the same comparisons.
Drift: the judge's model changed within the run: llama 1; llama vicuna-13b.
Note: Models that share a range of ranks cannot be told apart on these
questions.
Agreement 76.4% (66.5–84.5), 80 questions: the judge prefers the answer without
a recorded defect.
dollars $0.00 · requests 0 · from the ledger 0 · tokens in – · tokens out –
"""

MARKDOWN = """\
# run

- models: a, b
- judge: j
- questions: set (10 questions)
- started: –
- finished: –
- dollars: unknown
- requests: 0
- from the ledger: 0
- tokens in: –
- tokens out: –

Figures are shown with 95% intervals; n is the number of questions that they rest on.

## Judged by j

| # | model | relative | n | wins | ties | losses | scored | unscored |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | a | 100.0% | 10 | 7 | 1 | 2 | 10 | 0 |
| 2 | b | 92.1% (88.0–95.0) | 9 | 2 | 1 | 7 | 9 | 1 |

Relative to a.

| model a | model b | a wins | ties | b wins | total a | total b | win rate of a | p | p (Holm) | p (BH) | n | scored | unscored |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| a | b | 7 | 1 | 2 | 693.0 | 638.0 | 75.0% (50.0–90.0) | 0.004 | 0.004 | – | 10 | 10 | 0 |

Unscored judgments: 1 (1 cut off before the verdict); they count in no figure.

Note: Beware \\| of \\*this\\*.

### math

| # | model | score | n | wins | ties | losses | scored | unscored |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| – | a | 8.00 (7.00–9.00) | 5 | 0 | 0 | 0 | 5 | 0 |
"""  # noqa: E501


def small():
    """A report that fits on one screen."""
    rows = (
        ModelRow("a", (1, 1), relative_score=Estimate(1.0, n=10), wins=7, ties=1, losses=2, scored=10),
        ModelRow(
            "b", (2, 2), relative_score=Estimate(638 / 693, 0.88, 0.95, 9), wins=2, ties=1, losses=7, scored=9, unscored=1
        ),
    )
    pair = PairRow("a", "b", 7, 1, 2, 693.0, 638.0, Estimate(0.75, 0.5, 0.9, 10), 0.004, 0.004, 10, 0)
    math = Table((ModelRow("a", mean_score=Estimate(8.0, 7.0, 9.0, 5, 0.5), scored=5),))
    board = Leaderboard(
        "j", Table(rows, (pair,)), {"math": math}, "a", {"truncated": 1, "scored": 19}, ("Beware | of *this*.",)
    )
    facts = builder.RunFacts("run", ("j",), ("a", "b"), "set", 10)
    return builder.Report(facts, {"j": board})


def test_the_terminal_shows_figures_with_what_they_rest_on():
    """Every figure has its interval below it, every row its n and what is missing; notes follow."""
    assert render.plain(builder.baseline()) == TERMINAL


@pytest.mark.parametrize("models", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("two_score", [False, True])
def test_up_to_six_models_fit_eighty_columns(models, two_score):
    """No line is cut or wider than a classic terminal, whatever the names."""
    text = render.plain(builder.report(models, answers=False, two_score=two_score))
    assert max(len(shown) for shown in text.splitlines()) <= 80
    table = text[: text.index("\npair ")]
    assert "…" not in table


def test_beyond_six_models_pairs_are_those_of_the_highest():
    """Twenty models have 190 pairs; fifteen are shown, and where the others are."""
    text = render.plain(builder.report(20, answers=False))
    assert "15 of 190 pairs: those among the 6 highest models; leaderboard.md has them all." in text
    assert max(len(shown) for shown in text.splitlines()) <= 80


def test_pairs_with_a_baseline_that_is_not_among_the_highest_are_shown():
    """Where all were compared with one model and that one stands low, the pairs of the highest models with it are shown."""
    made = builder.report(20, answers=False)
    board = made.leaderboards[made.run.judges[0]]
    last = board.overall.models[-1].model
    star = tuple(pair for pair in board.overall.pairs if last in {pair.model_a, pair.model_b})
    board = replace(board, overall=replace(board.overall, pairs=star))
    text = render.plain(replace(made, leaderboards={board.judge: board}))
    assert "6 of 19 pairs: those with one of the 6 highest models; leaderboard.md has them all." in " ".join(text.split())


def test_pairs_of_scored_answers_have_no_wins():
    """Where nothing was compared, pairs show p and what is unscored, and no columns of zeros and dashes."""
    made = builder.baseline()
    board = made.leaderboards["baseline"]
    bare = tuple(PairRow(p.model_a, p.model_b, p_value=0.03, p_adjusted=0.04) for p in board.overall.pairs)
    board = replace(board, overall=replace(board.overall, pairs=bare))
    shown = render.plain(replace(made, leaderboards={"baseline": board})).splitlines()
    at = next(i for i, text in enumerate(shown) if text.startswith("pair "))
    assert shown[at].split() == ["pair", "p,", "Holm", "unscored"]
    assert [text.split() for text in shown[at + 2 : at + 4]] == [[bare[0].model_a, "0.030"], [bare[0].model_b, "0.040", "0"]]


def test_missing_figures_are_dashes_and_partial_comes_first():
    """A reader learns at once that a report is partial; nothing missing looks like a zero."""
    text = render.plain(builder.missing())
    assert text.splitlines()[1] == "Partial: stopped by the budget of $1.00 after 40 of 80 questions."
    assert "nan" not in text.lower().replace("unanswered", "")
    assert "up to 90.0" in text


def test_scores_by_turn_have_a_table_of_their_own():
    """Two turns are shown apart, with intervals; one turn alone is not."""
    made = builder.report(2, answers=False)
    board = made.leaderboards["gpt-4"]
    turned = {"1": Estimate(8.1, 7.9, 8.3, 16), "2": Estimate(7.2, 6.9, 7.5, 16)}
    rows = tuple(replace(row, turns=turned) for row in board.overall.models)
    two = replace(
        made, leaderboards={"gpt-4": replace(board, overall=replace(board.overall, models=rows), unscored_by_status={})}
    )
    text = render.plain(two)
    assert "score by turn        turn 1     turn 2" in text
    assert "7.90–8.30  6.90–7.50" in text
    assert "Unscored judgments: none." in text
    assert "turn 2" in render.markdown(two)
    assert "turn_2_standard_error" in render.csv_text(two)
    assert "turn" not in render.plain(made)


def test_a_judge_of_single_answers_has_no_table_of_pairs():
    """Without comparisons there are neither pairs nor wins to show."""
    made = small()
    board = made.leaderboards["j"]
    rows = tuple(replace(row, wins=0, ties=0, losses=0) for row in board.overall.models)
    text = render.plain(replace(made, leaderboards={"j": replace(board, overall=Table(rows))}))
    assert "pair" not in text
    assert "0/0/0" not in text


def test_the_width_of_the_terminal_is_the_callers_choice(monkeypatch):
    """The text depends on the width asked for, not on the terminal around it or its environment."""
    made = builder.report(3, answers=False)
    before = render.plain(made)
    for name, value in (("COLUMNS", "33"), ("FORCE_COLOR", "1"), ("TERM", "dumb"), ("JUPYTER_COLUMNS", "20")):
        monkeypatch.setenv(name, value)
    assert render.plain(made) == before
    assert len(max(render.plain(made, 60).splitlines(), key=len)) <= 60


def test_no_control_code_reaches_the_terminal():
    """Names and notes of hostile models stay text: no escape sequence, no override, no markup."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="truecolor", width=100).print(render.terminal(builder.hostile()))
    shown = out.getvalue()
    assert "⟨U+001B⟩[31mred" in shown.replace("\n", "")
    assert "\u202e" not in shown
    assert "\x07" not in shown


def test_markdown_is_complete():
    """All models, pairs and categories, every figure with interval and n."""
    assert render.markdown(small()) == MARKDOWN


def test_groups_stand_beside_the_ranks():
    """Letters of the models that cannot be told apart are in the terminal, in markdown and on the page, and are explained."""
    made = small()
    board = made.leaderboards["j"]
    rows = [replace(row, groups=letters) for row, letters in zip(board.overall.models, ("a", "ab"), strict=True)]
    overall = replace(board.overall, models=tuple(rows))
    made = replace(made, leaderboards={"j": replace(board, overall=overall)})
    shown = render.plain(made)
    assert re.search(r"^ab? +7/1/2", shown, re.MULTILINE)
    assert "Models with a letter in common cannot be told apart (p, Holm, above 0.05)." in shown
    text = render.markdown(made)
    assert "| # | group | model |" in text
    assert "| 2 | ab | b |" in text
    assert "Models with a letter in common cannot be told apart" in text
    assert ",2,2,ab," in render.csv_text(made)
    same = replace(overall, models=tuple(replace(row, groups="a") for row in rows))
    apart = replace(overall, models=tuple(replace(row, groups=letter) for row, letter in zip(rows, "ab", strict=True)))
    assert words.groups(apart) == "Every model can be told apart from every other (p, Holm, at most 0.05)."
    assert words.groups(same) == "No model can be told apart from another (p, Holm, above 0.05)."


def test_markdown_shows_hostile_names_as_text():
    """No unescaped mark of markdown or HTML remains: tables keep their columns and nothing becomes a link or a tag."""
    text = render.markdown(builder.hostile())
    for number, shown in enumerate(text.splitlines()):
        bare = shown.removeprefix("**Partial:**")
        for mark in "\\`*_{}[]<>|~$&":
            bare = bare.replace("\\" + mark, "")
        if number and not shown.startswith((">", "|")):
            assert not set(bare) & set("`*[]<>|"), shown
        elif shown.startswith("|"):
            assert bare.count("|") in (7, 10, 12, 13, 14, 15), shown
            assert not set(bare) & set("`*[]<>"), shown


def test_csv_has_every_figure_unrounded():
    """One row per model overall and per category; numbers read back exactly, undefined ones are empty."""
    made = builder.report(3, judges=("gpt-4", "claude"), answers=False)
    rows = list(csv.DictReader(io.StringIO(render.csv_text(made))))
    assert len(rows) == 2 * 3 * 9
    first, row = rows[0], made.leaderboards["gpt-4"].overall.models[0]
    assert (first["judge"], first["scope"], first["category"], first["model"]) == ("gpt-4", "overall", "", "vicuna-13b")
    assert float(first["mean_score"]) == row.mean_score.value
    assert float(first["mean_score_standard_error"]) == row.mean_score.standard_error
    assert (first["relative_score_low"], first["relative_score_n"], first["rank_best"], first["rank_worst"]) == (
        "",
        "80",
        "1",
        "2",
    )
    assert {r["category"] for r in rows if r["scope"] == "category"} == set(builder.CATEGORIES)


def test_csv_of_missing_figures_has_empty_cells():
    """What is not defined is neither zero nor NaN."""
    rows = list(csv.DictReader(io.StringIO(render.csv_text(builder.missing()))))
    assert (rows[1]["mean_score"], rows[1]["rank_best"], rows[1]["unscored"]) == ("", "", "80")
    assert rows[3]["relative_score"] == ""
