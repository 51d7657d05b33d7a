"""The JSON that scripts rely on."""

import json
import re
from dataclasses import fields, replace

import pytest

from evalh.reports.document import to_json
from evalh.reports.juries import JuryPart
from evalh.reports.leaderboard import ModelRow, PairRow
from evalh.reports.write import json_bytes
from reports import builder

TOP = [
    "schema",
    "run",
    "models",
    "pairs",
    "aspects",
    "stopping",
    "categories",
    "by_judge",
    "agreement",
    "judge_card",
    "answers",
    "served",
    "changed",
    "cost",
    "reference",
]
RUN = ["name", "judges", "models", "questions", "question_count", "started_at", "finished_at", "versions", "partial", "juries"]
LENGTHS = "length_controlled_win_rate"
MODEL = [
    "model",
    "rank",
    "mean_score",
    "relative_score",
    "win_rate",
    LENGTHS,
    "rating",
    "turns",
    "wins",
    "ties",
    "losses",
    "scored",
    "unscored",
    "groups",
]
PAIR = [
    "model_a",
    "model_b",
    "wins_a",
    "ties",
    "wins_b",
    "total_a",
    "total_b",
    "win_rate_a",
    "p_value",
    "p_adjusted",
    "scored",
    "unscored",
    "p_bh",
]
COST = ["usd", "requests", "cached", "input_tokens", "output_tokens", "unpriced"]
ESTIMATE = {"value", "low", "high", "n", "standard_error"}


@pytest.mark.parametrize("made", [builder.report(3), builder.baseline(), builder.missing(), builder.hostile()])
def test_nothing_is_ever_left_out(made):
    """Whatever is missing in a report, every key is there, in its order."""
    shown = to_json(made)
    assert list(shown) == TOP
    assert list(shown["run"]) == RUN
    assert list(shown["cost"]) == COST
    for board in shown["by_judge"].values():
        assert list(board) == [
            "models",
            "pairs",
            "aspects",
            "stopping",
            "categories",
            "unscored_by_status",
            "notes",
            "length_controlled_against",
            "jury",
            "repeats",
            "replies",
            "flags",
            "flagged_answers",
        ]
        for table in (board, *board["categories"].values()):
            assert all(list(row) == MODEL for row in table["models"])
            assert all(list(row) == PAIR for row in table["pairs"])
            for row in table["models"]:
                for name in ("mean_score", "relative_score", "win_rate", "rating"):
                    assert row[name] is None or set(row[name]) == ESTIMATE


def test_every_field_of_a_row_reaches_the_json():
    """A figure added to the leaderboard cannot be forgotten here."""
    assert [f.name for f in fields(ModelRow)] == [
        *(m for m in MODEL if m != LENGTHS),
        "aspects",
        LENGTHS,
    ]  # those are a table of their own, by aspect
    assert [f.name for f in fields(PairRow)] == PAIR


def test_the_only_judge_is_also_at_the_top():
    """One judge: its tables and its reference are repeated at the top level."""
    made = builder.report(3)
    shown = to_json(made)
    assert all(shown[name] == shown["by_judge"]["gpt-4"][name] for name in ("models", "pairs", "aspects", "categories"))
    assert shown["reference"] == "vicuna-13b"
    assert shown["models"][0]["rank"] == [1, 2]


def test_of_several_judges_none_is_at_the_top():
    """Two judges: the top level is null, both are in by_judge."""
    shown = to_json(builder.report(3, judges=("gpt-4", "claude")))
    assert [shown[name] for name in ("models", "pairs", "aspects", "categories")] == [None] * 4
    assert list(shown["by_judge"]) == ["gpt-4", "claude"]


def test_a_jury_is_at_the_top():
    """One jury among judges: its tables and its reference stand for the run; of two juries neither does."""
    made = builder.report(3, judges=("panel", "gpt-4", "claude"))
    part = JuryPart(("gpt-4", "claude"), "majority", 2, ("pairwise",), "Two.")
    shown = to_json(replace(made, juries={"panel": part}))
    assert shown["models"] == shown["by_judge"]["panel"]["models"]
    assert shown["reference"] == made.leaderboards["panel"].reference
    described = {"members": ["gpt-4", "claude"], "rule": "majority", "quorum": 2, "modes": ["pairwise"], "note": "Two."}
    assert shown["run"]["juries"] == {"panel": described}
    assert shown["by_judge"]["panel"]["jury"].items() >= described.items()
    assert (shown["by_judge"]["gpt-4"]["jury"], shown["by_judge"]["gpt-4"]["repeats"]) == (None, None)
    assert to_json(replace(made, juries={"panel": part, "gpt-4": part}))["models"] is None
    assert to_json(replace(made, juries={"silent": part}))["models"] is None


def test_what_is_not_a_number_is_null():
    """NaN never reaches a file."""
    text = json_bytes(builder.missing()).decode()
    assert not re.search(r"\bNaN\b|Infinity", text)
    models = json.loads(text)["models"]
    assert models[3]["relative_score"] == {"value": None, "low": None, "high": None, "n": 0, "standard_error": None}
    assert models[3]["rank"] is None


def test_hostile_names_survive_json_unchanged():
    """Even half of a surrogate pair can be written and read back."""
    shown = json.loads(json_bytes(builder.hostile()))
    assert shown["run"]["models"] == [*builder.HOSTILE[:8], "plain"]
