"""Files that are broken, odd or made to harm: each has its stated outcome, and no run is left behind by any that is refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import evalh as library
from evalh.errors import BadImport
from evalh.importers import reading, sources
from evalh.importers.reading import rows
from evalh.importers.sources import Source
from support.inside import Said, evalh

ROWS = [
    {"question_id": n, "model_a": "a", "model_b": "b", "winner": w, "judge": "Zoë"}
    for n, w in enumerate(["model_a", "model_b", "tie"], 1)
]
LINES = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS)


def _import(path: Path, *more: str) -> Said:
    return evalh("import", "battles", path, "--out", "results/x", *more)


def _written(name: str, content: bytes | str) -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _csv(text: str = "question_id,model_a,model_b,winner,judge\n1,a,b,model_a,Zoë\n2,a,b,model_b,Zoë\n3,a,b,tie,Zoë\n") -> str:
    return text


def _zipped(name: str, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return Path(name)


TAKEN: dict[str, Callable[[], Path]] = {
    "json lines": lambda: _written("b.jsonl", LINES),
    "a byte order mark": lambda: _written("b.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
    "CRLF line ends": lambda: _written("b.jsonl", LINES.replace("\n", "\r\n")),
    "empty lines": lambda: _written("b.jsonl", LINES.replace("\n", "\n\n  \n")),
    "no last line end": lambda: _written("b.jsonl", LINES.rstrip("\n")),
    "gzip": lambda: _written("b.jsonl.gz", gzip.compress(LINES.encode())),
    "gzip under another name": lambda: _written("b.jsonl", gzip.compress(LINES.encode())),
    "an array on one line": lambda: _written("b.json", json.dumps(ROWS, ensure_ascii=False)),
    "an array on many lines": lambda: _written(
        "b.json", b"\xef\xbb\xbf" + json.dumps(ROWS, indent=2, ensure_ascii=False).encode()
    ),
    "CSV": lambda: _written("b.csv", _csv()),
    "CSV with BOM and CRLF": lambda: _written("b.csv", b"\xef\xbb\xbf" + _csv().replace("\n", "\r\n").encode()),
    "TSV": lambda: _written("b.tsv", _csv().replace(",", "\t")),
    "a zip archive": lambda: _zipped("b.zip", {"data/b.jsonl": LINES.encode(), "README.md": b"#"}),
    "gzip in a zip archive": lambda: _zipped("b.zip", {"b.jsonl.gz": gzip.compress(LINES.encode())}),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_what_is_taken(make: Callable[[], Path]) -> None:
    """The same three battles, however they are written, become the same records."""
    done = _import(make())
    assert done.code == 0, done.err
    run = library.load("results/x")
    assert [(j.question_id, j.verdict) for j in run.judgments] == [("1", "A"), ("2", "B"), ("3", "tie")]
    assert run.judgments[0].flags == ("reading:published", "rater:Zoë")


def test_latin_1_is_said_not_guessed() -> None:
    """Bytes that are not UTF-8 are refused with their line; with --encoding they are what they were meant to be."""
    for name, text in (("b.jsonl", LINES), ("b.csv", _csv())):
        path = _written(name, text.encode("latin-1"))
        refused = _import(path)
        assert refused.code == 2
        assert f"{name}:{1 if name == 'b.jsonl' else 2}: holds bytes that are not UTF-8" in refused.err
        assert "--encoding latin-1" in refused.err
        assert not Path("results/x").exists()
    assert _import(Path("b.jsonl"), "--encoding", "latin-1").code == 0
    assert "rater:Zoë" in library.load("results/x").judgments[0].flags
    assert "no such encoding" in evalh("import", "b.jsonl", "--encoding", "klingon", "--out", "results/y").err


REFUSED: dict[str, tuple[Callable[[], Path], str]] = {
    "a last line that is cut off": (
        lambda: _written("b.jsonl", LINES[:-20]),
        "b.jsonl:3: not a JSON object; the file ends within",
    ),
    "a line that is no JSON": (lambda: _written("b.jsonl", LINES.replace("tie", 't"e')), "b.jsonl:3: not a JSON object"),
    "a line that is no object": (lambda: _written("b.jsonl", LINES + "[1]\n"), "b.jsonl:4: not a JSON object"),
    "nesting without end": (lambda: _written("b.jsonl", LINES + "[" * 100_000 + "\n"), "b.jsonl:4: not a JSON object"),
    "an array that is cut off": (lambda: _written("b.json", json.dumps(ROWS, indent=1)[:-25]), "the array is cut off"),
    "an array without its end": (lambda: _written("b.json", json.dumps(ROWS)[:-1]), "b.json:1: the array is cut off"),
    "an array without a comma": (
        lambda: _written("b.json", json.dumps(ROWS, indent=1).replace("},", "}")),
        "b.json:9: not a JSON array",
    ),
    "an item that is no object": (
        lambda: _written("b.json", '[\n{"model_a": "a", "model_b": "b"},\n7]'),
        "b.json:3: not a JSON object",
    ),
    "a row with too few fields": (lambda: _written("b.csv", _csv() + "4,a\n"), "b.csv:5: 2 fields, where the header has 5"),
    "two columns of one name": (lambda: _written("b.csv", "model_a,model_a\n1,2\n"), "b.csv:1: two columns have the same name"),
    "a quotation without end": (lambda: _written("b.csv", _csv() + '4,"a'), "b.csv:5: not CSV"),
    "gzip that is cut off": (
        lambda: _written("b.jsonl.gz", gzip.compress(LINES.encode())[:-12]),
        "b.jsonl.gz: the packed file is cut off",
    ),
    "gzip that is broken": (
        lambda: _written("b.jsonl.gz", gzip.compress(LINES.encode())[:10] + b"\xff" * 40),
        "b.jsonl.gz: cannot be read",
    ),
    "another packing": (lambda: _written("b.jsonl.xz", b"\xfd7zXZ\x00 and more"), "b.jsonl.xz: packed with xz"),
    "a name without a file": (lambda: Path("nowhere"), "nowhere: there is no such file or folder"),
    "a row without a model": (
        lambda: _written("b.jsonl", LINES.replace('"model_b": "b", "winner": "tie"', '"model_b": ""')),
        "b.jsonl:3: model_b is empty",
    ),
    "a turn that is none": (
        lambda: _written("b.jsonl", LINES.replace('"tie"', '"tie", "turn": 0')),
        "b.jsonl:3: turn must be a whole number",
    ),
    "an archive that leads out": (
        lambda: _zipped("b.zip", {"b.jsonl": LINES.encode(), "../../evil.jsonl": b"{}"}),
        "b.zip: its member '../../evil.jsonl' leads out",
    ),
    "an archive with a root": (lambda: _zipped("b.zip", {"/etc/b.jsonl": LINES.encode()}), "leads out of the archive"),
    "an archive with a drive": (lambda: _zipped("b.zip", {"C:/b.jsonl": LINES.encode()}), "leads out of the archive"),
    "an archive with back strokes": (lambda: _zipped("b.zip", {"..\\b.jsonl": LINES.encode()}), "leads out of the archive"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(make: Callable[[], Path], said: str) -> None:
    """One clear error with file and line, exit 2, and neither a run nor half of one is left."""
    done = _import(make())
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert not Path("results/x").exists()
    assert not list(Path("results").glob(".*")) if Path("results").exists() else True
    assert not Path("../evil.jsonl").exists()


def test_a_symbolic_link_in_an_archive_is_refused() -> None:
    """A member that is a link may lead anywhere."""
    entry = zipfile.ZipInfo("b.jsonl")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile("b.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    done = _import(Path("b.zip"))
    assert done.code == 2
    assert "leads out of the archive" in done.err


def _bomb(name: str) -> Path:
    """20 MB of battles in less than 100 kB."""
    piece = LINES.encode() * 1000
    if name.endswith(".gz"):
        with gzip.open(name, "wb", compresslevel=9) as f:
            for _ in range(20_000_000 // len(piece)):
                f.write(piece)
    else:
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("b.jsonl", "w") as f:
            for _ in range(20_000_000 // len(piece)):
                f.write(piece)
    return Path(name)


@pytest.mark.parametrize("name", ["b.jsonl.gz", "b.zip"])
def test_a_bomb_is_defused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file that expands more than `RATIO` times is refused as soon as it does, and nothing of it is kept."""
    monkeypatch.setattr(sources, "FREE", 1 << 18)
    monkeypatch.setattr(sources, "PIECE", 1 << 14)
    path = _bomb(name)
    assert path.stat().st_size * sources.RATIO < 20_000_000
    (source,) = sources.sources(path)
    read: list[int] = []
    with pytest.raises(BadImport, match=f"expands to more than {sources.RATIO} times"):
        read.extend(map(len, source.pieces()))
    assert sum(read) <= sources.RATIO * path.stat().st_size
    monkeypatch.setattr(sources, "RATIO", 2)
    done = _import(path)
    assert done.code == 2
    assert "expands to more than 2 times its size" in done.err
    assert not Path("results/x").exists()


def test_a_line_of_200_megabytes_is_refused_without_being_held() -> None:
    """The line is named, and never more of it is in memory than a line may have."""
    path = Path("b.jsonl")
    with path.open("wb") as f:
        f.write(LINES.encode() + b'{"model_a": "')
        for _ in range(200):
            f.write(b"x" * 1_000_000)
        f.write(b'"}\n')
    tracemalloc.start()
    try:
        with pytest.raises(BadImport, match=r"b.jsonl:4: the line is longer than 64 MB"):
            list(rows(Source("b.jsonl", "b.jsonl", path)))
        assert tracemalloc.get_traced_memory()[1] < 2.5 * sources.LINE
    finally:
        tracemalloc.stop()
    done = _import(path)
    assert (done.code, "b.jsonl:4: the line is longer than 64 MB" in done.err) == (2, True)
    assert not Path("results/x").exists()


LONG: dict[str, tuple[str, str, str]] = {
    "b.jsonl": (LINES + '{"model_a": "', '"}\n', "b.jsonl:4: the line is longer than"),
    "b.json": ("[" + LINES.replace("\n", ",\n") + '{"model_a": "', '"}]', "b.json:4: the item is longer than"),
    "b.csv": (_csv() + '4,"', '",b,tie,Zoë\n', "b.csv:5: the line is longer than"),
    "b.tsv": (_csv().replace(",", "\t") + "4\t", "\tb\ttie\tZoë\n", "b.tsv:5: the line is longer than"),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_line_of_any_form_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a line too long for a record stands in: exit 2, its place, no run, and memory that the limit bounds."""
    limit = 1 << 20
    for module in (sources, reading):
        monkeypatch.setattr(module, "LINE", limit)
    monkeypatch.setattr(sources, "PIECE", 1 << 16)
    before, after, said = LONG[name]
    path = _written(name, before)
    with path.open("a", encoding="utf-8") as f:
        for _ in range(30):
            f.write("x" * 1_000_000)
        f.write(after)
    done = _import(path)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not Path("results/x").exists()
    tracemalloc.start()
    try:
        with pytest.raises(BadImport):
            list(rows(Source(name, name, path)))
        assert tracemalloc.get_traced_memory()[1] < 6 * limit
    finally:
        tracemalloc.stop()


def test_ids_that_are_missing_or_stand_twice() -> None:
    """A battle without an id is a question of its own; a question is kept once, and another by its name refused."""
    path = _written("b.jsonl", LINES.replace('"question_id": 2, ', "").replace('"question_id": 3, ', '"question_id": "", '))
    done = _import(path)
    assert done.code == 0, done.err
    assert "2 rows without an id, each a question of its own" in done.err
    assert [j.question_id for j in library.load("results/x").judgments] == ["1", "row-2", "row-3"]
    question = {"question_id": 1, "category": "c", "turns": ["Why?"]}
    single = {"question_id": 1, "model": "m", "judge": ["j", "single-v1"], "judgment": "[[7]]", "score": 7, "turn": 1}
    Path("f").mkdir()
    _written("f/j_single.jsonl", json.dumps(single))
    _written("f/question.jsonl", 2 * (json.dumps(question) + "\n"))
    done = evalh("import", "f", "--out", "results/y")
    assert (done.code, "1 questions that stand there twice, kept once" in done.err) == (0, True)
    assert len(library.load("results/y").questions) == 1
    _written("f/question.jsonl", json.dumps(question) + "\n" + json.dumps({**question, "turns": ["How?"]}))
    done = evalh("import", "f", "--out", "results/z")
    assert done.code == 2
    assert "question.jsonl:2: question_id '1' stands there already, with another content" in done.err
    _written("f/question.jsonl", json.dumps(question))
    _written("f/j_single.jsonl", json.dumps({k: v for k, v in single.items() if k != "question_id"}))
    done = evalh("import", "f", "--out", "results/z")
    assert done.code == 2
    assert "j_single.jsonl:1: lacks 'question_id'" in done.err


def test_parquet_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow a Parquet file is exit 2 with what to install."""
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = _import(_written("b.parquet", b"PAR1"))
    assert done.code == 2
    assert "pip install 'evalh[parquet]'" in done.err


def test_parquet_is_read_where_pyarrow_is() -> None:
    """The same rows from a Parquet file."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra (evalh[parquet])")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), "b.parquet")
    assert _import(Path("b.parquet")).code == 0
    assert [j.verdict for j in library.load("results/x").judgments] == ["A", "B", "tie"]
    done = evalh("import", "battles", _written("c.parquet", b"PAR1, or so it says"), "--out", "results/y")
    assert done.code == 2
    assert "c.parquet: not a Parquet file" in done.err


def test_an_unnamed_format_is_told_or_asked_for() -> None:
    """One format in the files is found; several, or none, are named; a folder without files is said to be one."""
    Path("f").mkdir()
    assert "holds no file that could be imported" in evalh("import", "f", "--out", "r").err
    _written("f/b.jsonl", LINES)
    done = evalh("import", "f", "--out", "r")
    assert (done.code, done.out.rstrip().endswith(", battles")) == (0, True)
    _written("f/c.jsonl", json.dumps({"instruction": "i", "preference": 1, "generator_1": "x", "generator_2": "y"}))
    done = evalh("import", "f", "--out", "s")
    assert done.code == 2
    assert "several formats (alpaca-eval, battles)" in done.err
    done = evalh("import", "battles", "f", "--out", "s")
    assert (done.code, "passed over: c.jsonl" in done.err) == (0, True)
    assert "of no format that is known" in evalh("import", _written("n.jsonl", '{"x": 1}\n'), "--out", "t").err
    assert "holds no file of the format llmbar" in evalh("import", "llmbar", "f", "--out", "t").err
    assert evalh("import", "battles", "--out", "t").code == 2
    assert not Path("t").exists()
