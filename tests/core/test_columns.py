"""Records read in columns: the same as one by one, or the same refusal, and never more than a piece of the file at a time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest

from evalh.core import wire
from evalh.core.records import Answer, Judgment, Question, Usage
from evalh.core.store import FILES, RunFolder
from evalh.errors import CorruptRecord, EvalhError
from pipeline.made import answer, judgment, question

A, B = answer("a"), answer("b")
RECORDS: dict[type, list[Any]] = {
    Question: [question("q1", reference=("r",)), question("q2", turns=2)],
    Answer: [A, B],
    Judgment: [
        judgment(A, B, verdict="A", flags=("thinking",)),
        judgment(A, mode="absolute", scores={"overall": (7.5,)}, usage=Usage(1, 2)),
        judgment(A, B, mode="two-score", scores={"style": (1, None), "truth": (2, 3)}),
        judgment(A, B, mode="ranking", ranking=(2, 1)),
    ],
}


def _folder(kind: type, lines: list[bytes]) -> RunFolder:
    Path("run").mkdir(exist_ok=True)
    (Path("run") / FILES[kind]).write_bytes(b"".join(lines))
    return RunFolder(Path("run"))


def _rows(folder: RunFolder, kind: type) -> list[dict[str, Any]]:
    """What columns say, record by record."""
    found = [
        dict(zip(block, values, strict=True)) for block in folder.columns(kind) for values in zip(*block.values(), strict=True)
    ]
    assert found == list(folder.checked(kind))
    return found


@pytest.mark.parametrize("kind", RECORDS)
def test_columns_hold_what_the_records_hold(kind: type) -> None:
    """Field by field or record by record, the same values in the same order; empty and torn lines are passed over."""
    lines = [wire.dump(record) for record in RECORDS[kind]]
    assert wire.columns(kind, lines) is not None
    assert len(_rows(_folder(kind, [b"\n", *lines, b"\n", lines[0][:-1]]), kind)) == len(lines)
    assert _rows(_folder(kind, []), kind) == _rows(_folder(kind, [b"\n"]), kind) == []


def test_a_line_with_a_field_left_out_is_completed() -> None:
    """A record in another form than evalh writes, keys in another order or defaults left out, is read one by one."""
    short = {
        "schema": 1,
        **{k: v for k, v in orjson.loads(wire.dump(RECORDS[Judgment][0])).items() if k not in ("schema", "usage")},
    }
    lines = [wire.dump(RECORDS[Judgment][1]), orjson.dumps(dict(reversed(short.items()))) + b"\n"]
    assert wire.columns(Judgment, lines) is None
    assert [row["usage"] for row in _rows(_folder(Judgment, lines), Judgment)] == [
        {"input_tokens": 1, "output_tokens": 2},
        None,
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{", b"["),
        (b'"schema":1', b'"schema":true'),
        (b'"schema":1', b'"schema":1.0'),
        (b'"schema":1', b'"schema":99'),
        (b'"turn":1', b'"turn":true'),
        (b'"turn":1', b'"turn":"1"'),
        (b'"attempt":0', b'"attempt":0,"extra":0'),
        (b'"judge":', b'"judges":'),
        (b'"answers":[', b'"answers":[1,'),
        (b'"flags":[', b'"flags":[null,'),
        (b'"scores":{', b'"scores":{"x":1,'),
        (b'"scores":{', b'"scores":{"x":["1"],'),
        (b'"scores":{', b'"scores":{"x":[true],'),
        (b'"ranking":[', b'"ranking":[1.5,'),
        (b'"usage":null', b'"usage":[]'),
    ],
)
def test_a_fault_is_told_as_when_reading_one_by_one(old: bytes, new: bytes) -> None:
    """File, line and fault are named, however many good lines stand around it."""
    good = wire.dump(judgment(A, mode="absolute", scores={"overall": (7,)}))
    bad = wire.dump(RECORDS[Judgment][0]).replace(old, new, 1).replace(b",}", b"}").replace(b",]", b"]")
    folder = _folder(Judgment, [good, b"\n", good, bad, good])
    with pytest.raises(EvalhError) as slow:
        list(folder.checked(Judgment))
    with pytest.raises(EvalhError) as fast:
        list(folder.columns(Judgment))
    assert str(fast.value) == str(slow.value)
    assert type(fast.value) is type(slow.value)
    assert f"{Path('run', 'judgments.jsonl')}:4: " in str(fast.value)


def test_a_number_of_a_line_counts_from_the_file_not_from_the_piece() -> None:
    """A fault far behind the first piece that is read is found in its own line."""
    good = wire.dump(judgment(A, B, explanation="x" * 1000))
    with pytest.raises(CorruptRecord, match=r"judgments\.jsonl:501: "):
        list(_folder(Judgment, [good] * 500 + [b"{}\n"]).columns(Judgment))


def test_memory_does_not_grow_with_the_file() -> None:
    """Reading 20 MB more takes less than 2 MB more."""
    line = wire.dump(judgment(A, B, explanation="x" * 10_000))

    def peak(count: int) -> int:
        folder = _folder(Judgment, [line] * count)
        tracemalloc.start()
        try:
            assert sum(len(block["turn"]) for block in folder.columns(Judgment)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(3000) - peak(1000) < 2_000_000
