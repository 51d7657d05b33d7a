"""A frame that is kept beside its records is the frame that the records give, or it is not used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import orjson
import pytest

from evalh.core import wire
from evalh.core.store import RunFolder
from evalh.pipeline import collect as collecting
from evalh.pipeline import sidecar
from evalh.pipeline.collect import collect
from evalh.stats.frame import Factor, Results
from pipeline.made import answer, judgment, question

A, B = answer("a"), answer("bé", "q1", "longer", "than a")
RECORDS = {
    "questions.jsonl": [question("q1")],
    "answers.jsonl": [A, B],
    "judgments.jsonl": [
        judgment(A, B, verdict="A"),
        judgment(B, A, verdict="B", group_id="é\n"),
        judgment(A, scores={"overall": (3,)}),
    ],
}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A small run for which a sidecar is said to pay."""
    monkeypatch.setattr(sidecar, "LEAST", 1)
    path = Path("run")
    path.mkdir()
    for name, records in RECORDS.items():
        (path / name).write_bytes(b"".join(map(wire.dump, records)))
    (path / "run.json").write_bytes(orjson.dumps({"schema": 1, "judges": {}}))
    return RunFolder(path)


def _same(a: Results, b: Results) -> None:
    for f in fields(Results):
        one, other = getattr(a, f.name), getattr(b, f.name)
        if isinstance(one, Factor):
            assert one.labels == other.labels
            one, other = one.codes, other.codes
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def _unread(*_: object) -> Results:
    raise AssertionError("the records were read")


def test_the_second_time_no_record_is_read(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame comes from the sidecar, the same to the bit; the records are only hashed, and stay as they are."""
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    made = collect(folder)
    monkeypatch.setattr(collecting, "_read", _unread)
    _same(collect(folder), made)
    assert {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()} == before
    assert [path.name for path in (folder.path / ".cache").iterdir()] == ["frame.npz"]


@pytest.mark.parametrize("name", [*RECORDS, "run.json"])
def test_a_stale_sidecar_is_made_again(folder: RunFolder, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of its sources changed, even without another size or time, the records are read again."""
    collect(folder)
    path = folder.path / name
    changed = {
        "questions.jsonl": (b'"math"', b'"poem"'),
        "answers.jsonl": (b"a on q1", b"other "),
        "judgments.jsonl": (b'"verdict":"A"', b'"verdict":"B"'),
        "run.json": (b'"judges":{}', b'"judges":{"idle":{"strong_weight":3}}'),
    }[name]
    seen = path.stat()
    path.write_bytes(path.read_bytes().replace(*changed))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    again = collect(folder)
    _same(again, collecting._read(folder, None))
    monkeypatch.setattr(collecting, "_read", _unread)
    _same(collect(folder), again)


def _cut(kept: bytes) -> bytes:
    return kept[: len(kept) // 2]


def _turned(kept: bytes) -> bytes:
    """A bit of an array's own bytes is another one."""
    at = kept.index(b"outcome.npy") + 150
    return kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :]


@pytest.mark.parametrize("damage", [_cut, _turned, lambda _: b"", lambda _: b"not a zip"])
def test_a_damaged_sidecar_is_made_again(folder: RunFolder, damage: Callable[[bytes], bytes]) -> None:
    """Half a file, another bit, nothing at all: never a wrong frame, never an error."""
    made = collect(folder)
    path = folder.path / sidecar.PLACE
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    _same(collect(folder), made)
    assert sidecar.load(folder, sidecar.key_of(folder)) is not None


def test_a_folder_that_takes_no_sidecar_works(folder: RunFolder) -> None:
    """Where it cannot be written, nothing is kept and nothing is said."""
    (folder.path / ".cache").write_bytes(b"")
    _same(collect(folder), collect(folder))
    assert (folder.path / ".cache").read_bytes() == b""


def test_a_small_run_has_none(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the size from which it pays, nothing is written into the folder."""
    monkeypatch.setattr(sidecar, "LEAST", 1 << 20)
    collect(folder)
    assert not (folder.path / ".cache").exists()


def test_a_sidecar_whose_parts_do_not_fit_is_passed_over(folder: RunFolder) -> None:
    """A code without a label, or columns of two lengths, are not taken for a frame."""
    made = collect(folder)
    key = sidecar.key_of(folder)
    for name, wrong in (("judge", Factor(made.judge.codes + 9, made.judge.labels)), ("turn", made.turn[1:])):
        broken = {f.name: getattr(made, f.name) for f in fields(Results)} | {name: wrong}
        sidecar.save(folder, key, Results(**broken))
        assert sidecar.load(folder, key) is None
