"""`evalh rate`: ratings of any table of battles, and what is said where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.inside import evalh
from support.shared_data import shared

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


def test_long_names_keep_both_ends(table: Path) -> None:
    """A name of three hundred characters does not push the figures out of sight; in JSON it is whole."""
    long = "a" * 150 + "z" * 150
    Path("long.csv").write_text(Path("b.csv").read_text().replace("x,", f"{long},").replace(",x", f",{long}"))
    said = evalh("rate", "long.csv").out.splitlines()
    assert max(map(len, said[:4])) < 130
    assert sum(shown.startswith("aaa") and "…zzz" in shown for shown in said) == 1
    assert long in evalh("rate", "long.csv", "--format", "json").out


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


def test_ranks_say_what_can_be_told_apart(table: Path) -> None:
    """Eight battles separate nobody: every model may have any rank."""
    document = json.loads(evalh("rate", "b.csv", "--format", "json").out)
    assert [m["rank"] for m in document["models"]] == [[1, 3]] * 3
    assert "1–3" in evalh("rate", "b.csv").out


def test_online_elo_follows_the_rows(table: Path) -> None:
    """By hand for two battles; without intervals or ranks, and with no option that it has no meaning for."""
    Path("two.csv").write_text("model_a,model_b,winner\nx,y,model_a\nx,y,tie\n")
    document = json.loads(evalh("rate", "two.csv", "--method", "elo", "--k", "32", "--format", "json").out)
    after_two = 1016 + 32 * (0.5 - 1 / (1 + 10 ** (-32 / 400)))
    assert [m["rating"]["value"] for m in document["models"]] == pytest.approx([after_two, 2000 - after_two])
    assert [(m["rank"], m["rating"]["low"], m["rating"]["standard_error"]) for m in document["models"]] == [(None,) * 3] * 2
    assert document["method"] == "elo"
    assert "online Elo with K = 4 in the order of the rows" in evalh("rate", "two.csv", "--method", "elo").out
    for more in (
        ("--bootstrap", "100"),
        ("--ties", "davidson"),
        ("--control", "length"),
        ("--cluster", "q"),
        ("--anchor", "x=1"),
    ):
        done = evalh("rate", "two.csv", "--method", "elo", *more)
        assert (done.code, f"online Elo has no {more[0]}" in done.err) == (2, True)


def test_the_published_elo_and_style_come_out() -> None:
    """The Arena's battle file through the command line: online Elo, and ratings at equal style with their coefficients."""
    expected = json.loads(shared("synthetic-battles-5k", "expected.json").read_text())
    path = shared("synthetic-battles-5k", "battles.jsonl.gz")
    for k in (4, 32):
        document = json.loads(evalh("rate", path, "--method", "elo", "--k", str(k), "--format", "json").out)
        for m in document["models"]:
            assert m["rating"]["value"] == pytest.approx(expected[f"online_elo_k{k}_init1000"][m["model"]], abs=1e-9)
    document = json.loads(evalh("rate", path, "--control", "length,headers,lists,bold", "--format", "json").out)
    exact = expected["style_control_exact_reg_0.5"]
    for m in document["models"]:
        assert m["rating"]["value"] == pytest.approx(exact["ratings"][m["model"]], abs=1e-3)
    values = [n["value"] for n in document["control"].values()]
    assert list(document["control"]) == ["length", "headers", "lists", "bold"]
    assert values == pytest.approx(exact["coefficients_length_header_list_bold"], abs=1e-6)
    assert set(document["control"]["length"]) == {"value", "low", "high", "n", "standard_error"}


def test_an_imported_table_is_rated_as_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Battles brought into a run give the ratings of their file, with style control and without."""
    monkeypatch.chdir(tmp_path)
    path = shared("synthetic-battles-5k", "battles.jsonl.gz")
    assert evalh("import", "battles", path, "--out", "results/arena").code == 0
    for control in ((), ("--control", "length,bold")):
        one = json.loads(evalh("rate", path, "--cluster", "question_id", *control, "--format", "json").out)
        other = json.loads(evalh("rate", "arena", *control, "--format", "json").out)
        assert [m["model"] for m in one["models"]] == [m["model"] for m in other["models"]]
        for x, y in zip(one["models"], other["models"], strict=True):
            assert x["rating"] == pytest.approx(y["rating"], rel=1e-9)
            assert x["rank"] == y["rank"]


def test_style_may_stand_in_columns_of_its_own(table: Path) -> None:
    """NAME_a and NAME_b are read as numbers; rows without them are left out and said; the effect is shown in words."""
    lines = ["model_a,model_b,winner,colour_a,colour_b"]
    lines += [f"x,y,{w},{i},{3 * i % 7}" for i, w in enumerate(["model_a", "model_b", "tie", "model_a"] * 5)]
    Path("c.csv").write_text("\n".join([*lines, "x,y,model_b,,1", "x,y,tie,much,1"]) + "\n")
    done = evalh("rate", "c.csv", "--control", "colour")
    assert done.code == 0, done.err
    assert "log odds for one standard deviation more" in done.out
    assert "20 battles" in done.out
    assert "left out: 2 rows with no colour of both answers" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("b.csv", "--control", "length"), 2, "no length_a and no conv_metadata"),
        (("b.csv", "--control", "colour"), 2, "no colour_a"),
        (("b.csv", "--control", "length", "--ties", "davidson"), 2, "leave out --ties"),
        (("b.csv", "--control", "length", "--bootstrap", "100"), 2, "leave out --bootstrap"),
        (("b.csv", "--judge", "x"), 2, "--judge is for a run"),
        (("nothing", "--judge", "x"), 2, "nothing"),
    ],
)
def test_what_does_not_go_together_is_said(table: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    """One message, before anything is computed."""
    done = evalh("rate", *arguments)
    assert (done.code, message in done.err) == (code, True), done.err
