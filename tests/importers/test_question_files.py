"""Question sets made of tables: which column is which, what is kept, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalh.core.questions import open_set
from importers.test_formats import put
from support.inside import JUDGE, MODELS, evalh

OUT = Path("questions/mine")


def _made(source: str | Path, *more: str) -> list[tuple[Any, ...]]:
    """The questions of a set made of a table."""
    done = evalh("questions", "import", source, "--out", OUT, *more)
    assert done.code == 0, done.err
    return [(q.question_id, q.category, q.turns, q.reference) for q in open_set("mine").questions]


ROWS = [
    {"id": 7, "question": "1+1?", "answer": "2", "subset": "sums", "level": 1},
    {"id": 8, "question": "2+2?", "answer": "4", "subset": "sums", "level": None},
]
FOUND = [("7", "sums", ("1+1?",), ("2",)), ("8", "sums", ("2+2?",), ("4",))]


def _parquet() -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra (evalh[parquet])")
    from pyarrow import parquet

    Path("data").mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS[:1]), "data/test-00000-of-00002.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(ROWS[1:]), "data/test-00001-of-00002.parquet")
    return Path("data")


def _csv() -> Path:
    path = Path("q.csv")
    path.write_text("\ufeffid,question,answer,subset,level\r\n7,1+1?,2,sums,1\r\n8,2+2?,4,sums,\r\n", "utf-8", newline="")
    return path


@pytest.mark.parametrize(
    "make",
    [_csv, lambda: put("q.jsonl", ROWS), lambda: put("q.json", ROWS, array=True), _parquet],
    ids=["csv", "jsonl", "json", "parquet folder"],
)
def test_the_same_questions_of_every_form(make: Any) -> None:
    """CSV with a byte order mark and CRLF, JSON lines, an array, a folder of Parquet: the same set, to be used by name."""
    assert _made(make()) == FOUND
    opened = open_set("mine")
    assert (opened.about["title"], len(opened.about["sha256"])) == (f"Questions of {opened.about['source']}", 64)
    assert str(opened.questions[0].metadata["level"]) == "1"
    done = evalh("run", *MODELS, *JUDGE, "--questions", "mine", "--quiet", "--no-report")
    assert done.code == 0, done.err
    assert Path("results/mine--gpt-4/run.json").is_file()


def test_a_data_set_that_was_saved() -> None:
    """A folder of the datasets library, with its splits."""
    datasets = pytest.importorskip("datasets", reason="the datasets library is an extra (evalh[hf])")
    datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(ROWS[:1]), "test": datasets.Dataset.from_list(ROWS)}
    ).save_to_disk("d")
    done = evalh("questions", "import", "d", "--out", OUT)
    assert (done.code, "d: has the splits train, test; say which with --split" in done.err) == (2, True), done.err
    assert not OUT.exists()
    wrong = evalh("questions", "import", "d", "--split", "tset", "--out", OUT)
    assert (wrong.code, "Did you mean 'test'" in wrong.err) == (2, True)
    assert _made("d", "--split", "test") == FOUND
    datasets.Dataset.from_list(ROWS).save_to_disk("one")
    assert evalh("import", "questions", "one", "--out", "questions/other").code == 0
    assert len(open_set("other").questions) == 2


def test_without_the_datasets_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name on the hub says what to install, with exit 2."""
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    done = evalh("questions", "import", "hf:openai/gsm8k", "--out", OUT)
    assert (done.code, "pip install 'evalh[hf]'" in done.err) == (2, True)
    assert not OUT.exists()


def test_a_data_set_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library says when it finds nothing is one message, not a traceback."""
    datasets = pytest.importorskip("datasets", reason="the datasets library is an extra (evalh[hf])")

    def load_dataset(name: str) -> Any:
        raise ConnectionError(f"no way to {name}")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    done = evalh("questions", "import", "hf:openai/gsm8k", "--out", OUT)
    assert (done.code, "cannot read it (ConnectionError: no way to openai/gsm8k)" in done.err) == (2, True), done.err


def test_names_of_columns() -> None:
    """Alpaca's instruction and input, a conversation's user turns, several turns with references; ids from the place."""
    rows = [{"instruction": "Sort.", "input": "b a", "output": "a b"}, {"instruction": "Go.", "input": ""}]
    assert _made(put("a.jsonl", rows)) == [
        ("a-1", "uncategorised", ("Sort.\n\nb a",), ()), ("a-2", "uncategorised", ("Go.",), ()),
    ]  # fmt: skip
    assert open_set("mine").questions[0].metadata == {"output": "a b"}
    talk = [{"role": r, "content": c} for r, c in (("system", "S"), ("user", "1?"), ("assistant", "A"), ("user", "2?"))]
    shared = [{"from": r, "value": c} for r, c in (("human", "3?"), ("gpt", "A"))]
    done = evalh(
        "questions", "import", put("c.jsonl", [{"messages": talk, "reference": ["one", None]}]), "--out", "questions/c"
    )
    assert done.out.startswith("1 questions in 1 categories in questions/c (turns from messages, reference from reference)")
    assert [(q.turns, q.reference) for q in open_set("c").questions] == [(("1?", "2?"), ("one", None))]
    assert evalh("questions", "import", put("s.jsonl", [{"conversation": shared}]), "--out", "questions/s").code == 0
    assert open_set("s").questions[0].turns == ("3?",)
    csv = Path("t.csv")
    csv.write_text('uid,turns,reference\nx,"[""1?"", ""2?""]","[""one"", ""two""]"\n')
    assert evalh("questions", "import", csv, "--out", "questions/t").code == 0
    assert [(q.question_id, q.turns, q.reference) for q in open_set("t").questions] == [("x", ("1?", "2?"), ("one", "two"))]


def test_a_first_row_with_gaps() -> None:
    """A column counts by its name, even where the first row holds nothing in it."""
    rows = [
        {"id": 1, "question": "Why?", "answer": None, "category": ""},
        {"id": 2, "question": "How?", "answer": "So.", "category": "c"},
    ]
    assert _made(put("q.jsonl", rows)) == [("1", "uncategorised", ("Why?",), ()), ("2", "c", ("How?",), ("So.",))]


def test_columns_may_be_named() -> None:
    """--column says which is which; a misspelt field or column gets the nearest; licence and source are noted."""
    rows = put("q.jsonl", [{"Key": "k", "Prompt text": "Why?", "Kind": "why", "question": "not this"}])
    named = ("--column", "turns=Prompt text", "--column", "question_id=Key", "--column", "category=Kind", "--licence", "MIT")
    assert _made(rows, *named) == [("k", "why", ("Why?",), ())]
    assert open_set("mine").about["licence"] == "MIT"
    for given, said in (
        ("turn=Key", "Did you mean 'turns'"),
        ("turns=Prompt", "unknown column for turns 'Prompt'. Did you mean 'Prompt text'"),
        ("turns", "write it as FIELD=COLUMN"),
    ):
        done = evalh("questions", "import", rows, "--column", given, "--out", "questions/x")
        assert (done.code, said in done.err) == (2, True), done.err
        assert not Path("questions/x").exists()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"x": 1, "y": "z"}],
            "q.jsonl:1: no column is known to hold the question; say which: --column turns=NAME (it has x, y)",
        ),
        ([ROWS[0], {"id": 9, "question": " "}], "q.jsonl:2: asks nothing"),
        ([ROWS[0], ROWS[0] | {"question": "Other?"}], "q.jsonl:2: question_id '7' stands there already, with another content"),
        ([{"id": 1, "question": "Why?", "reference": ["a", "b"]}], "q.jsonl:1: has 2 references for 1 turn(s)"),
    ],
)
def test_rows_that_are_no_questions(rows: list[dict[str, Any]], said: str) -> None:
    """File and line, exit 2, and no folder is left."""
    done = evalh("questions", "import", put("q.jsonl", rows), "--out", OUT)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not OUT.exists()


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl"])
def test_an_empty_table(name: str) -> None:
    """A file without a row is named itself, not the set that was not made of it."""
    Path(name).write_text("")
    done = evalh("questions", "import", name, "--out", OUT)
    assert (done.code, done.err) == (2, f"evalh: {name}: holds no question\n")
    assert not OUT.exists()


def test_a_question_twice_and_a_folder_in_use() -> None:
    """The same question again is kept once and counted; a folder that holds something is left alone."""
    done = evalh("questions", "import", put("q.jsonl", [*ROWS, ROWS[0]]), "--out", OUT)
    assert "1 questions that stand there twice, kept once" in done.err
    before = (OUT / "questions.jsonl").read_bytes()
    again = evalh("questions", "import", "q.jsonl", "--out", OUT)
    assert (again.code, "is not an empty folder" in again.err) == (2, True)
    assert (OUT / "questions.jsonl").read_bytes() == before
    assert "--split is for data sets" in evalh("questions", "import", "q.jsonl", "--split", "a", "--out", "questions/x").err


def test_a_table_given_as_a_set_names_the_way() -> None:
    """--questions with a CSV file says how to make a set of it."""
    done = evalh("run", *MODELS, *JUDGE, "--questions", _csv())
    assert (done.code, "evalh questions import makes a set" in done.err) == (2, True)


def test_published_questions() -> None:
    """MT-bench's 80 questions of two turns, and Arena-Hard's 500."""
    from support.shared_data import shared

    assert [q[0] for q in _made(shared("mt-bench", "mt_bench", "question.jsonl"))] == [str(n) for n in range(81, 161)]
    assert all(len(q.turns) == 2 for q in open_set("mine").questions)
    assert evalh("questions", "import", shared("arena-hard-v0.1", "question.jsonl.gz"), "--out", "questions/hard").code == 0
    assert len(open_set("hard").questions) == 500
    assert json.loads(Path("questions/hard/questions.jsonl").read_text().splitlines()[0])["metadata"]["cluster"]
