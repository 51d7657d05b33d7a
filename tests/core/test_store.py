"""A run folder: what is appended is read back, whatever happens to the process, the disk or the neighbours."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalh.core import store, wire
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder, write_atomic
from evalh.errors import CorruptRecord, RunLocked, StoreError, UnsupportedSchema

JUDGMENT = Judgment("u-0", "u", "q1", 1, "j", "h", "j/single", "absolute", ("a1",), "scored", scores={"overall": (7.0,)})


def answer(name: str, text: str = "Seven.") -> Answer:
    """An answer with this id."""
    return Answer(name, "q1", "vicuna", {"temperature": 0.0}, 0, (text,))


def by_id(line: dict[str, Any]) -> tuple[Any, ...]:
    """Plan order for these tests."""
    return (line["answer_id"],)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder that does not exist yet."""
    return RunFolder(tmp_path / "results" / "x")


def _refuse(old: Any, new: Any) -> None:
    """A rename that the disk refuses."""
    raise OSError(errno.EACCES, "Permission denied")


def ids(run: RunFolder) -> list[str]:
    """The answers of a run by id, in file order."""
    return [a.answer_id for a in run.read(Answer)]


def test_what_is_appended_is_read_back_in_order(run: RunFolder) -> None:
    """Records of both kinds, in one call and in several, over several openings."""
    with run.writing() as folder:
        folder.append([answer("a1"), JUDGMENT, answer("a2")])
        folder.append([])
    with run.writing():
        run.append([answer("a3")])
    assert list(run.read(Answer)) == [answer("a1"), answer("a2"), answer("a3")]
    assert list(run.read(Judgment)) == [JUDGMENT]
    assert [line["answer_id"] for line in run.raw(Answer)] == ["a1", "a2", "a3"]
    assert run.name == "x"


def test_a_folder_without_records_reads_as_empty(run: RunFolder) -> None:
    """Files that are not there hold nothing; without a manifest it is no run folder."""
    assert list(run.read(Answer)) == list(run.read(Question)) == run.votes() == []
    assert not run.exists()
    with pytest.raises(StoreError, match="is not a run folder"):
        run.manifest()


def test_manifest_questions_and_votes_are_replaced_whole(run: RunFolder) -> None:
    """Each is written anew, byte for byte the same from the same content, and leaves no temporary file."""
    question = Question("q1", "math", ("How many?",))
    vote = {"question_id": "q1", "model_a": "x", "model_b": "y", "winner": "tie", "rater": "Zoë", "turn": 1}
    for _ in range(2):
        run.write_manifest({"schema": 1, "name": "é"})
        run.write_questions([question])
        run.write_votes([vote])
    assert run.exists()
    assert run.manifest() == {"schema": 1, "name": "é"}
    assert (run.path / "run.json").read_bytes() == '{\n  "schema": 1,\n  "name": "é"\n}\n'.encode()
    assert list(run.read(Question)) == [question]
    assert run.votes() == [vote | {"inclusion_probability": None}]
    assert sorted(p.name for p in run.path.iterdir()) == ["questions.jsonl", "run.json", "votes.jsonl"]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (b"{", CorruptRecord, "run.json: cannot be read"),
        (b"\xff", CorruptRecord, "run.json: cannot be read"),
        (b"[]", CorruptRecord, "not a run manifest"),
        (b"{}", CorruptRecord, "not a run manifest"),
        (b'{"schema": "1"}', CorruptRecord, "not a run manifest"),
        (b'{"schema": 99}', UnsupportedSchema, "schema 99 was written by a newer evalh"),
    ],
)
def test_a_bad_manifest_is_named(run: RunFolder, text: bytes, error: type[Exception], said: str) -> None:
    """A manifest that cannot be used says so with its path, and a newer one that it is newer."""
    run.path.mkdir(parents=True)
    (run.path / "run.json").write_bytes(text)
    with pytest.raises(error, match=said):
        run.manifest()


def test_corruption_names_file_and_line(run: RunFolder) -> None:
    """The line number counts empty lines, as an editor does."""
    run.path.mkdir(parents=True)
    (run.path / "answers.jsonl").write_bytes(wire.dump(answer("a1")) + b"\n{}\n")
    with pytest.raises(CorruptRecord, match=r"answers\.jsonl:3: the record carries no schema number"):
        list(run.read(Answer))
    (run.path / "answers.jsonl").write_bytes(b"[]\n")
    with pytest.raises(CorruptRecord, match=r"answers\.jsonl:1: not a JSON object"):
        list(run.raw(Answer))
    for line, said in ((b"{\n", "not a JSON record"), (b"[]\n", "not a JSON object"), (b"{}\n", "not a valid vote")):
        (run.path / "votes.jsonl").write_bytes(b"\n" + line)
        with pytest.raises(CorruptRecord, match=rf"votes\.jsonl:2: {said}"):
            run.votes()


def test_a_file_that_cannot_be_read_is_named(run: RunFolder) -> None:
    """A folder where a file belongs is an error of the store, not a traceback."""
    (run.path / "answers.jsonl").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"answers\.jsonl: cannot be read"):
        list(run.read(Answer))
    with pytest.raises(StoreError, match=r"answers\.jsonl: cannot be written"), run.writing():
        pass
    (run.path / "answers.jsonl").rmdir()
    (run.path / "judgments.jsonl").mkdir()
    with pytest.raises(StoreError, match=r"judgments\.jsonl: cannot be written"), run.writing():
        pass
    (run.path / "judgments.jsonl").rmdir()
    (run.path / "judgments.jsonl").symlink_to(run.path / "gone" / "file")
    with pytest.raises(StoreError, match=r"judgments\.jsonl: cannot be written"), run.writing():
        pass


@pytest.mark.parametrize("torn", [1, 20, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_torn_last_line_is_no_record_and_is_cut_off(run: RunFolder, torn: int, before: int) -> None:
    """Readers pass over it; the next writer reports its size, cuts it off and goes on behind the last whole line."""
    whole = b"".join(wire.dump(answer(f"a{i}")) for i in range(before))
    run.path.mkdir(parents=True)
    (run.path / "answers.jsonl").write_bytes(whole + b"x" * torn)
    assert len(ids(run)) == before
    said: list[str] = []
    with run.writing(said.append):
        run.append([answer("z")])
    path = run.path / "answers.jsonl"
    assert said == [f"{path}: the last line was torn ({torn} bytes) and has been cut off; what it held is done again"]
    assert path.read_bytes() == whole + wire.dump(answer("z"))
    with run.writing(said.append):
        pass
    assert len(said) == 1


HOLDER = """
import sys
from pathlib import Path
from evalh.core.store import RunFolder
with RunFolder(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_process_writing(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A real second process that holds the folder."""
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_one_process_writes_at_a_time_and_the_other_is_named(run: RunFolder) -> None:
    """The second is told which process holds the folder, may read, may not move it, and gets it once the first has died."""
    with another_process_writing(run) as holder:
        with pytest.raises(RunLocked, match=f"is being written by evalh, process {holder.pid}; wait"), run.writing():
            pass
        with pytest.raises(RunLocked, match=f"process {holder.pid}"):
            run.set_aside()
        assert ids(run) == []
        holder.kill()
        holder.wait()
        with run.writing():
            run.append([answer("a1")])
    assert ids(run) == ["a1"]


def test_one_folder_is_not_opened_twice_within_a_process(run: RunFolder) -> None:
    """A second opening is refused, and does not loosen the first one's hold."""
    with run.writing():
        for _ in range(2):
            with pytest.raises(RunLocked, match=f"process {os.getpid()}"), RunFolder(run.path).writing():
                pass
        run.append([answer("a1")])
    with run.writing():
        pass


def test_the_hold_ends_with_an_error_too(run: RunFolder) -> None:
    """Whatever is raised inside, or while a torn line is reported, the folder is free afterwards."""
    with pytest.raises(ZeroDivisionError), run.writing():
        raise ZeroDivisionError
    (run.path / "answers.jsonl").write_bytes(b"torn")

    def failing(message: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), run.writing(failing):
        pass
    with run.writing():
        pass


def test_a_file_system_without_locks_is_named(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a lock that somebody holds is reported as held; anything else is the disk's own word."""

    def unable(f: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(store, "lock_file", unable)
    with pytest.raises(StoreError, match="No locks available") as caught, run.writing():
        pass
    assert not isinstance(caught.value, RunLocked)


def test_a_holder_that_left_no_name_is_another_process(run: RunFolder) -> None:
    """Between taking the lock and signing it there is a moment."""
    with run.writing():
        (run.path / ".lock").write_bytes(b"")
        with pytest.raises(RunLocked, match="written by another process"), RunFolder(run.path).writing():
            pass


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 4 KiB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_whole_records_only(run: RunFolder) -> None:
    """What does not fit is taken back whole, the error says what to do, and smaller records still fit."""
    with run.writing():
        run.append([answer("a1")])
        for text in ("x" * 3900, "x" * 9000):  # one is cut within the limit, one beyond
            with pytest.raises(StoreError, match=r"answers\.jsonl: cannot be written .* safe in the ledger: mend this"):
                run.append([answer("a2", text)])
        run.append([answer("a3")])
    assert ids(run) == ["a1", "a3"]
    with pytest.raises(StoreError, match=r"run\.json: cannot be written"):
        run.write_manifest({"schema": 1, "long": "x" * 9000})
    assert sorted(p.name for p in run.path.iterdir()) == [".lock", "answers.jsonl", "judgments.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_no_space_left_is_an_error_of_the_store(run: RunFolder) -> None:
    """The operating system's own ENOSPC, from the device that always says it."""
    run.path.mkdir(parents=True)
    (run.path / "answers.jsonl").symlink_to("/dev/full")
    with run.writing(), pytest.raises(StoreError, match="No space left on device"):
        run.append([answer("a1")])


def test_a_place_that_takes_no_folder_is_named(tmp_path: Path) -> None:
    """A path below a file can neither be made nor written nor set aside."""
    (tmp_path / "file").write_text("")
    run = RunFolder(tmp_path / "file" / "x")
    with pytest.raises(StoreError, match="cannot be written"), run.writing():
        pass
    with pytest.raises(StoreError, match="cannot be written"):
        write_atomic(run.path / "y", b"")
    with pytest.raises(StoreError, match="cannot be set aside"):
        run.set_aside()
    with pytest.raises(CorruptRecord, match="cannot be read"):
        run.manifest()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(run: RunFolder) -> None:
    """Without the right to write, the error says so and names the folder."""
    run.path.mkdir(parents=True)
    run.path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"), run.writing():
        pass


def test_rewriting_puts_records_in_order_and_keeps_the_last_of_each(run: RunFolder) -> None:
    """Superseded and left-out records go, the others are the same bytes in plan order, and appending goes on behind them."""
    with run.writing():
        run.append([answer("b"), answer("c"), answer("a"), answer("b", "New."), answer("gone")])
        kept = run.rewrite(Answer, lambda line: None if line["answer_id"] == "gone" else by_id(line))
        assert kept == 3
        run.append([answer("d")])
    assert list(run.read(Answer)) == [answer("a"), answer("b", "New."), answer("c"), answer("d")]
    assert not list(run.path.glob(".*.tmp"))


def test_rewriting_needs_no_open_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that nobody writes to is put in order, or left as it was, all the same."""
    with run.writing():
        run.append([answer("b"), answer("a")])
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", _refuse)
        with pytest.raises(StoreError, match="Permission denied"):
            run.rewrite(Answer, by_id)
    assert ids(run) == ["b", "a"]
    assert run.rewrite(Answer, by_id) == 2
    assert ids(run) == ["a", "b"]


def test_rewriting_what_is_in_order_touches_nothing(run: RunFolder) -> None:
    """A file that is as it should be stays the same file; a file that is not there has no records."""
    with run.writing():
        run.append([answer("a"), answer("b")])
        before = (run.path / "answers.jsonl").stat()
        assert run.rewrite(Answer, by_id) == 2
    assert (run.path / "answers.jsonl").stat() == before
    assert run.rewrite(Question, lambda line: ()) == 0


def test_rewriting_is_not_misled_by_empty_lines(run: RunFolder) -> None:
    """An empty line, left by an editor, shifts nothing."""
    run.path.mkdir(parents=True)
    lines = [wire.dump(answer(name)) for name in "cab"]
    (run.path / "answers.jsonl").write_bytes(b"\n" + b"\n".join(lines))
    with run.writing():
        assert run.rewrite(Answer, by_id) == 3
    assert (run.path / "answers.jsonl").read_bytes() == b"".join(sorted(lines))


def test_rewriting_what_is_no_record_names_the_line(run: RunFolder) -> None:
    """A line that the plan cannot place is corruption, and the file stays as it is."""
    run.path.mkdir(parents=True)
    (run.path / "answers.jsonl").write_bytes(b'{"schema": 1, "x": 1}\n')
    with pytest.raises(CorruptRecord, match=r"answers\.jsonl:1: not a valid record"):
        run.rewrite(Answer, by_id)
    assert (run.path / "answers.jsonl").read_bytes() == b'{"schema": 1, "x": 1}\n'


def test_a_rewriting_that_fails_leaves_the_old_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old or new, never half: after a failed rename the old records are there, and the folder can go on."""

    with run.writing():
        run.append([answer("b"), answer("a")])
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", _refuse)
            with pytest.raises(StoreError, match="Permission denied"):
                run.rewrite(Answer, by_id)
            with pytest.raises(StoreError, match="Permission denied"):
                write_atomic(run.path / "run.json", b"{}")
        run.append([answer("c")])
    assert ids(run) == ["b", "a", "c"]
    assert not list(run.path.glob(".*.tmp"))


def test_readers_see_the_old_or_the_new_file(tmp_path: Path) -> None:
    """Whoever opened the file before it was replaced reads the old content to its end."""
    path = tmp_path / "deep" / "f"
    write_atomic(path, b"old")
    with path.open("rb") as f:
        write_atomic(path, b"new")
        assert f.read() == b"old"
    assert path.read_bytes() == b"new"
    write_atomic(path, (b"%d" % n for n in range(3)))
    assert path.read_bytes() == b"012"


def test_setting_aside_moves_to_the_next_free_name(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """old-1, old-2 and so on; relative paths, "." and links are moved as what they are."""
    for n in (1, 2):
        with run.writing():
            run.append([answer(f"a{n}")])
        assert run.set_aside() == run.path.with_name(f"x.old-{n}")
        assert ids(RunFolder(run.path.with_name(f"x.old-{n}"))) == [f"a{n}"]
        assert not run.path.exists()
    with run.writing():
        pass
    monkeypatch.chdir(run.path)
    assert RunFolder(Path(".")).set_aside() == run.path.with_name("x.old-3")
    monkeypatch.chdir(run.path.parent)
    Path("link").symlink_to("x.old-1")
    assert RunFolder(Path("link")).set_aside() == Path("link.old-1")
    assert Path("link.old-1").is_symlink()
    assert ids(RunFolder(Path("x.old-1"))) == ["a1"]


def test_setting_aside_gives_up_some_time(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand old copies are a mistake of somebody's."""
    run.path.mkdir(parents=True)
    monkeypatch.setattr(Path, "exists", lambda self: True)
    with pytest.raises(StoreError, match="too many old copies"):
        run.set_aside()


def test_appending_is_one_write_per_file(run: RunFolder) -> None:
    """Many records of a kind reach the disk together, so a kill leaves at most the last line torn."""
    with run.writing():
        file = run._files[Answer]
        writes: list[bytes] = []

        class Counting:
            """The open file, counting."""

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

            def write(self, data: bytes) -> int:
                writes.append(data)
                return file.write(data)

        run._files[Answer] = Counting()  # type: ignore[assignment]
        run.append([answer("a1"), JUDGMENT, answer("a2"), replace(answer("a3"), sample=1)])
    assert len(writes) == 1
    assert [json.loads(line)["answer_id"] for line in writes[0].splitlines()] == ["a1", "a2", "a3"]
