"""import -> export -> import gives the same records, and what was exported is what the original tools read.

The readers below take from each file what the tool itself takes from it, by the names of its fields.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from importers.test_formats import CORE, SPELLINGS, arena_hard_folder, fastchat_folder, game, put
from support.inside import evalh

RECORDS = ("questions.jsonl", "answers.jsonl", "judgments.jsonl")


def there_and_back(
    form: str, source: Path, out: str, *more: str | Path, judge: str | None = None, again: tuple[str, ...] = ()
) -> Path:
    """Import, export to `out`, import that; the records must be the same ones. Returns what was exported."""
    first = evalh("import", form, source, "--out", "results/first", *more)
    assert first.code == 0, first.err
    target = {"mt-bench-human": "battles", "wildvision": "arena-hard"}.get(form, form)
    chosen = ("--judge", judge) if judge else ()
    exported = evalh("export", target, "results/first", "--out", out, *chosen)
    assert (exported.code, exported.err) == (0, "")
    naming = ("--judge-name", judge) if judge and target == "battles" else ()
    second = evalh("import", form, out, "--out", "results/second", *naming, *again)
    assert second.code == 0, second.err
    for name in RECORDS:
        old, new = (sorted(Path("results", run, name).read_bytes().splitlines()) for run in ("first", "second"))
        assert len(old) == len(new), name
        assert old == new, name
    assert [library.load(f"results/{r}").manifest["counts"] for r in ("first", "second")] == [
        library.load("results/first").manifest["counts"]
    ] * 2
    return Path(out)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _is(row: dict[str, Any], **types: type | tuple[type, ...]) -> bool:
    return all(isinstance(row[name], kind) for name, kind in types.items())


# -- on files of our own ---------------------------------------------------------------------------------------------------


def test_fastchat() -> None:
    """Every kind of row, failures and repeats among them; order and bytes stay too."""
    out = there_and_back("fastchat", fastchat_folder(), "out")
    for name in RECORDS:
        assert Path("results/first", name).read_bytes() == Path("results/second", name).read_bytes()
    _read_as_fastchat(out)
    assert [r["score"] for r in lines_of(out / "model_judgment/gpt-4_single.jsonl")] == [7, 6.5, -1, -1, -1, -1, 0]
    told = [(r["g1_winner"], r["g2_winner"]) for r in lines_of(out / "model_judgment/gpt-4_pair.jsonl")]
    assert told == [("model_1", "model_1"), ("model_1", "model_2"), ("error", "model_1"), ("tie", "error")]
    (broken,) = (r for r in lines_of(out / "model_answer/m.jsonl") if r["question_id"] == 101)
    assert broken["choices"][0]["turns"] == ["", "$ERROR$"]


def test_alpaca_eval() -> None:
    """Preferences of every kind, repeated rows, and outputs that stand in one of the files only."""
    given = [1, 2, 1.5, 1.2500000001, None, 2.5]
    rows = [CORE | {"preference": p, "instruction": f"Why {i % 4}?"} for i, p in enumerate(given)]
    put("f/model_outputs.json", [{"instruction": "Why 9?", "output": "Base.", "generator": "base"}], array=True)
    put("f/annotations.json", [*rows, CORE | {"output_2": "Other.", "instruction": "Why 0?"}], array=True)
    out = there_and_back("alpaca-eval", Path("f"), "out")
    _read_as_alpaca_eval(out)
    annotations = json.loads((out / "mine/weighted/annotations.json").read_text())
    assert [r["preference"] for r in annotations] == [*given, 1.75]


@pytest.mark.parametrize("score", [*SPELLINGS, None])
def test_arena_hard(score: str | None) -> None:
    """Every verdict in both games, null scores and null games."""
    out = there_and_back("arena-hard", arena_hard_folder(game(score), None if score == "A=B" else game(score)), "out")
    _read_as_arena_hard(out)
    (row,) = lines_of(out / "model_judgment/gpt-4.1/mine.jsonl")
    assert (row["games"][1] is None) == (score == "A=B")


@pytest.mark.parametrize("out", ["battles.csv", "battles.jsonl"])
def test_battles(out: str) -> None:
    """Both ties, errors, voters, categories, style counts, texts and odd bytes."""
    style = {f"{k}_{s}": {"h1": 1} for k in ("header_count", "list_count") for s in "ab"}
    style |= {"sum_assistant_a_tokens": 3, "sum_assistant_b_tokens": 4}  # type: ignore[dict-item]
    rows = [
        {"question_id": n // 2, "model_a": "x", "model_b": 'y, "z"', "winner": w, "judge": f"Zoë {n}", "category": "c"}
        for n, w in enumerate(["model_a", "model_b", "tie", "tie (bothbad)", "error", ""])
    ]
    rows[1]["turn"] = 2
    rows[2]["conv_metadata"] = style
    rows[4] |= {"prompt": 'Why?\n"So"?', "response_a": "", "response_b": "a,b\r\nc"}
    written = there_and_back("battles", put("b.jsonl", rows), out)
    _read_as_battles(written)


def test_own_runs_can_be_taken_out() -> None:
    """A run of evalh's own: scores and both orders to FastChat, one judge to battles; what has no place is counted."""
    models = ("--models", "one=scripted:words,two=scripted:words")
    judge = ("--judge", "gpt-4", "--judge-model", "scripted:judge")
    assert evalh("run", *models, *judge, "--limit", "3", "--mode", "both", "--no-report", "--out", "results/own").code == 0
    own = library.load("results/own")
    done = evalh("export", "fastchat", "own", "--out", "f")
    assert (done.code, done.err) == (0, "")
    _read_as_fastchat(Path("f"))
    again = evalh("import", "fastchat", "f", "--out", "results/again")
    assert again.code == 0, again.err
    back = library.load("results/again")
    assert [(j.status, j.verdict, dict(j.scores)) for j in back.judgments if j.mode == "absolute"] == [
        (j.status, j.verdict, dict(j.scores)) for j in own.judgments if j.mode == "absolute"
    ]
    figures = [r.leaderboard()[["mean_score", "win_rate", "wins", "ties", "losses"]] for r in (own, back)]
    assert figures[0].equals(figures[1])
    done = evalh("export", "alpaca-eval", "own", "--baseline", "two", "--out", "a")
    assert "left out: 6 judgments in mode absolute" in done.err
    annotations = json.loads(Path("a/one/gpt-4/annotations.json").read_text())
    assert {r["generator_1"] for r in annotations} == {"two"}
    assert len(annotations) == 6
    rate = own.leaderboard().loc["one", "win_rate"]
    assert sum(r["preference"] - 1 for r in annotations) / 6 == pytest.approx(rate)
    assert rate != 0.5
    done = evalh("export", "arena-hard", "own", "--out", "h", "--baseline", "two")
    rows = lines_of(Path("h/model_judgment/gpt-4/one.jsonl"))
    assert [(r["baseline"], r["model"], len(r["games"])) for r in rows] == [("two", "one", 2)] * 3


def test_what_cannot_be_done_is_said() -> None:
    """Unknown formats, judges and models get the nearest name; a file that is there is not written over."""
    assert evalh("import", fastchat_folder(), "--out", "results/x").code == 0
    for arguments, said in (
        (("fastchet", "x", "--out", "o"), "Did you mean 'fastchat'"),
        (("fastchat", "x", "--out", "o", "--judge", "gpt4"), "Did you mean 'gpt-4'"),
        (("arena-hard", "x", "--out", "o", "--baseline", "k"), "unknown model of this run"),
        (("battles", "x", "--out", "o.txt"), "battles are written as .csv or .jsonl"),
        (("battles", "x", "--out", "f"), "is there already"),
        (("dpo", "nowhere", "--out", "o.jsonl"), "nowhere"),
    ):
        done = evalh("export", *arguments)
        assert done.code in (1, 2), done.out
        assert said in done.err
    assert not [p for p in Path().iterdir() if p.name.startswith((".", "o"))]


# -- the types of all fields -------------------------------------------------------------------------------------


def _read_as_fastchat(folder: Path, *, answers: bool = True) -> None:
    """Questions by id with turns; answers by file name and question; scores as [question, turn] -> number; winners by name."""
    questions = lines_of(folder / "question.jsonl")
    assert all(_is(q, question_id=(int, str), category=str, turns=list) for q in questions)
    files = sorted((folder / "model_answer").glob("*.jsonl")) if answers else []
    assert bool(files) == answers
    for file in files:
        for row in lines_of(file):
            assert row["model_id"] == file.stem
            assert _is(row, question_id=(int, str), answer_id=str, choices=list, tstamp=float)
            assert all(isinstance(turn, str) for turn in row["choices"][0]["turns"])
    for file in (folder / "model_judgment").glob("*_single.jsonl"):
        for row in lines_of(file):
            judge, prompt = row["judge"]
            assert file.name == f"{judge}_single.jsonl"
            assert isinstance(prompt, str)
            assert _is(row, model=str, score=(int, float), turn=int, tstamp=float, judgment=str, user_prompt=str)
    for file in (folder / "model_judgment").glob("*_pair.jsonl"):
        for row in lines_of(file):
            assert {row["g1_winner"], row["g2_winner"]} <= {"model_1", "model_2", "tie", "error"}
            assert _is(row, model_1=str, model_2=str, judge=list, turn=int, g1_judgment=str, g2_judgment=str, tstamp=float)


def _read_as_alpaca_eval(folder: Path, *, outputs: bool = True) -> None:
    """Arrays of flat rows, as a table takes them; preferences in 1..2 or null."""
    for file in folder.glob("*/model_outputs.json"):
        rows = json.loads(file.read_text("utf-8"))
        assert all(_is(r, instruction=str, output=str, generator=str) for r in rows)
        assert {r["generator"] for r in rows} == {file.parent.name}
    found = list(folder.glob("*/*/annotations.json"))
    assert found
    for file in found:
        for row in json.loads(file.read_text("utf-8")):
            assert row["annotator"] == file.parent.name
            assert _is(row, instruction=str, generator_1=str, generator_2=str)
            assert not outputs or _is(row, output_1=str, output_2=str)
            assert row["preference"] is None or isinstance(row["preference"], float)


def _read_as_arena_hard(folder: Path) -> None:
    """Questions by uid; the last message's answer; scores of two games by their label."""
    assert all(_is(q, uid=str, category=str, prompt=str) for q in lines_of(folder / "question.jsonl"))
    for file in (folder / "model_answer").glob("*.jsonl"):
        for row in lines_of(file):
            assert row["model"] == file.stem
            assert isinstance(row["messages"][-1]["content"]["answer"], str)
            assert _is(row, uid=str, ans_id=str, metadata=dict, tstamp=float)
    for file in (folder / "model_judgment").glob("*/*.jsonl"):
        for row in lines_of(file):
            assert (row["judge"], row["model"]) == (file.parent.name, file.stem)
            for told in row["games"]:
                assert told is None or told["score"] in {"A>>B", "A>B", "A=B", "B>A", "B>>A", None}


def _read_as_battles(file: Path) -> None:
    """Two names and a winner in every row, as rating tools take them."""
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as f:
            rows: list[dict[str, Any]] = list(csv.DictReader(f))
    else:
        rows = lines_of(file)
    winners = {"model_a", "model_b", "tie", "tie (bothbad)", "error", ""}
    assert rows
    assert all(_is(r, model_a=str, model_b=str) and r["winner"] in winners for r in rows)
