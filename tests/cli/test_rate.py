"""`evalh rate`: ratings of any table of battles, and what is said where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.inside import evalh

ROWS = [("x", "y", "model_a", 1), ("y", "x", "model_a", 1), ("x", "y", "tie (bothbad)", 2), ("y", "z", "model_b", 2)]
ROWS += [("z", "y", "tie", 3), ("x", "z", "model_a", 3), ("z", "x", "model_b", 4), ("z", "x", "model_a", 5)]
COLUMNS = ("model_a", "model_b", "winner", "question_id")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same battles in every form that needs no extra."""
    monkeypatch.chdir(tmp_path)
    objects = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    Path("b.jsonl").write_text("".join(json.dumps(o) + "\n" for o in objects))
    Path("b.json").write_text(json.dumps(objects))
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in ROWS)]
    Path("b.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_every_form_gives_the_same(table: Path) -> None:
    """JSON lines, a JSON list and CSV: the same document, best first, with wins, ties and losses."""
    documents = [json.loads(evalh("rate", name, "--format", "json").out) for name in ("b.jsonl", "b.json", "b.csv")]
    assert documents[0] == documents[1] == documents[2]
    models = documents[0]["models"]
    assert [(m["model"], m["wins"], m["ties"], m["losses"]) for m in models] == [("x", 3, 1, 2), ("z", 2, 1, 2), ("y", 1, 2, 2)]
    assert sum(m["rating"]["value"] for m in models) == pytest.approx(3000)
    assert set(models[0]["rating"]) == {"value", "low", "high", "n", "standard_error"}
    assert models[0]["rating"]["n"] == 8
    assert documents[0]["left_out"] == {}


def test_the_table_says_what_it_rests_on(table: Path) -> None:
    """Ratings with intervals in words; the clusters are named, the anchor is fixed, the same seed gives the same."""
    said = evalh(
        "rate", "b.csv", "--anchor", "y=900", "--bootstrap", "200", "--cluster", "question_id", "--ties", "davidson"
    ).out
    assert "y         900  fixed" in said
    assert "8 battles, 5 values of question_id" in said
    again = evalh(
        "rate", "b.csv", "--anchor", "y=900", "--bootstrap", "200", "--cluster", "question_id", "--ties", "davidson"
    ).out
    assert said == again


def test_rows_that_are_no_battles_are_counted(table: Path) -> None:
    """A missing or unknown winner, and a model against itself, are left out and said; they are never ties."""
    with Path("b.csv").open("a") as f:
        f.write("x,y,,6\nx,x,model_a,6\nx,y,error,7\nx,y,error,8\n")
    document = json.loads(evalh("rate", "b.csv", "--format", "json").out)
    assert document["battles"] == 8
    assert document["left_out"] == {"no winner": 1, "a model against itself": 1, "winner 'error'": 2}
    assert "left out: 2 rows with winner 'error'" in evalh("rate", "b.csv").out


@pytest.mark.parametrize(
    ("name", "content", "arguments", "code", "message"),
    [
        ("a.csv", "model_a,model_b,result\nx,y,model_a\n", (), 2, "no winner, but model_a, model_b, result"),
        ("a.jsonl", '{"model_a": "x", "model_b": "y", "winner": "model_a"}\n{"model_a": 1,\n', (), 2, "a.jsonl:2"),
        ("a.csv", "model_a,model_b,winner\nx,y,error\n", (), 1, "no battle to rate (1 rows with winner 'error')"),
        ("a.csv", "model_a,model_b,winner\nx,y,model_a\n", (), 1, "x; y"),
        ("b.csv", None, ("--anchor", "w=1"), 2, "did you mean"),
        ("b.csv", None, ("--anchor", "w"), 2, "MODEL=VALUE"),
        ("b.csv", None, ("--cluster", "rater"), 2, "no rater"),
        ("none.csv", None, (), 2, "none.csv: there is no such file"),
    ],
)
def test_what_is_wrong_is_named(
    table: Path, name: str, content: str | None, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """One message with the file, the line and the remedy, and the promised exit code."""
    if content is not None:
        Path(name).write_text(content)
    done = evalh("rate", name, *arguments)
    assert done.code == code, done.err
    assert message in done.err or message == "did you mean"
    assert "Traceback" not in done.err
