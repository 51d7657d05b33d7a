"""Fetching published sets over real HTTP on loopback: whole and right, or not at all; nothing that arrived is fetched twice."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evalh.core.questions import open_set
from evalh.published import catalogue as module
from evalh.published import download
from support.command import started
from support.inside import evalh
from support.shared_data import shared

QUESTIONS = [{"question_id": i, "category": "math", "turns": [f"What is {i} and {i}?", "And once more?"]} for i in (81, 82)]
REFERENCES = [{"question_id": 81, "choices": [{"turns": ["162", "243"]}]}]
LARGE = bytes(range(256)) * 1200


def lines(rows: list[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@dataclass
class Mirror:
    """What the server holds, what it does wrong, and what it was asked for."""

    url: str
    files: dict[str, bytes]
    cut: dict[str, list[int]] = field(default_factory=dict)  # bytes after which the connection is cut, by turns
    status: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    slow: threading.Event | None = None


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A loopback HTTP server with the files of one small set."""
    held = Mirror("", {"question.jsonl": lines(QUESTIONS), "reference.jsonl": lines(REFERENCES), "deep/large.bin": LARGE})

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            asked = self.headers.get("Range")
            held.asked.append((name, asked))
            if held.slow is not None:
                held.slow.wait(10)
            if name in held.moved:
                self.send_response(302)
                self.send_header("Location", held.moved[name])
                self.end_headers()
                return
            if name in held.status or name not in held.files:
                self.send_error(held.status.get(name, 404))
                return
            data = held.files[name]
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and held.ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            cuts = held.cut.get(name)
            self.wfile.write(data[start:] if not cuts else data[start : start + cuts.pop(0)])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def small_catalogue(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue with one set, which lives on the loopback server."""
    text = ["[tiny]", 'title = "Two questions"', 'licence = "CC0-1.0"', 'home = "http://example.invalid/tiny"']
    text += [
        'questions = { file = "question.jsonl", reference = "reference.jsonl" }',
        "[[tiny.sources]]",
        f'base = "{mirror.url}/"',
    ]
    files = [
        f'{{ name = "{n}", bytes = {len(d)}, sha256 = "{hashlib.sha256(d).hexdigest()}" }}' for n, d in mirror.files.items()
    ]
    file = tmp_path / "published.toml"
    file.write_text("\n".join([*text, f"files = [{', '.join(files)}]"]))
    monkeypatch.setattr(module, "FILE", file)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    module.catalogue.cache_clear()
    yield
    module.catalogue.cache_clear()


def here(name: str) -> Path:
    """A file of the set, once fetched."""
    return module.folder_of("tiny") / name


def test_a_set_arrives_and_can_be_used(mirror: Mirror) -> None:
    """Licence and size are said first, every file is whole, and the questions go by the set's name, references included."""
    done = evalh("fetch", "tiny")
    assert done.code == 0, done.err
    assert "licence: CC0-1.0" in done.err
    assert done.err.index("licence") < done.err.index("question.jsonl (")
    assert done.out.strip() == str(module.folder_of("tiny"))
    assert {n: here(n).read_bytes() for n in mirror.files} == mirror.files
    found = open_set("tiny")
    assert [(q.question_id, q.turns[1], q.reference) for q in found.questions] == [
        ("81", "And once more?", ("162", "243")),
        ("82", "And once more?", ()),
    ]
    asked = len(mirror.asked)
    again = evalh("fetch", "tiny")
    assert (again.code, again.err, len(mirror.asked)) == (0, "", asked)
    listed = json.loads(evalh("fetch", "--list", "--format", "json").out)["sets"]
    assert [(s["name"], s["here"], s["bytes"]) for s in listed] == [("tiny", True, sum(map(len, mirror.files.values())))]


def test_a_cut_download_goes_on_where_it_stopped(mirror: Mirror) -> None:
    """Each further request asks for the rest only; the file is whole and right in the end."""
    mirror.cut["deep/large.bin"] = [100_000, 50_000]
    done = evalh("fetch", "tiny")
    assert done.code == 0, done.err
    assert [r for n, r in mirror.asked if n == "deep/large.bin"] == [None, "bytes=100000-", "bytes=150000-"]
    assert here("deep/large.bin").read_bytes() == LARGE
    assert done.err.count("try 2 in") == 1


def test_what_has_arrived_is_kept_for_the_next_command(mirror: Mirror) -> None:
    """After the last try the part stays; the same command again asks for the rest."""
    mirror.cut["deep/large.bin"] = [1000] * download.TRIES
    done = evalh("fetch", "tiny")
    assert done.code == 1
    assert "what has arrived is kept" in done.err
    assert not here("deep/large.bin").exists()
    mirror.asked.clear()
    assert evalh("fetch", "tiny").code == 0
    assert mirror.asked == [("deep/large.bin", f"bytes={1000 * download.TRIES}-")]


def test_a_server_without_ranges_sends_the_whole_again(mirror: Mirror) -> None:
    """A 200 where a 206 was hoped for starts the file afresh."""
    mirror.ranges = False
    mirror.cut["deep/large.bin"] = [100_000]
    assert evalh("fetch", "tiny").code == 0
    assert here("deep/large.bin").read_bytes() == LARGE


@pytest.mark.parametrize("wrong", [LARGE[:-1] + b"!", LARGE + b"more", LARGE[:1000]])
def test_another_file_is_thrown_away(mirror: Mirror, wrong: bytes) -> None:
    """A file with another content, longer or shorter, is never used: the message has both checksums."""
    mirror.files["deep/large.bin"] = wrong
    done = evalh("fetch", "tiny")
    assert done.code == 1
    assert not here("deep/large.bin").exists()
    if len(wrong) >= len(LARGE):
        assert hashlib.sha256(LARGE).hexdigest() in done.err
        assert not here("deep/large.bin.part").exists()
    assert "--from" in done.err


def test_an_address_that_is_gone(mirror: Mirror) -> None:
    """404 is not tried again; the message names the address and the remedy."""
    mirror.status["question.jsonl"] = 404
    done = evalh("fetch", "tiny")
    assert done.code == 1
    assert f"{mirror.url}/question.jsonl: HTTP 404" in done.err
    assert "try a mirror with --from" in done.err
    assert len(mirror.asked) == 1


def test_a_busy_server_is_asked_again(mirror: Mirror) -> None:
    """503 is tried again a few times, then said."""
    mirror.status["question.jsonl"] = 503
    done = evalh("fetch", "tiny")
    assert done.code == 1
    assert len(mirror.asked) == download.TRIES
    del mirror.status["question.jsonl"]
    assert evalh("fetch", "tiny").code == 0


def test_a_redirect_is_followed(mirror: Mirror) -> None:
    """The file may lie elsewhere; its checksum decides."""
    mirror.files["elsewhere"] = mirror.files["question.jsonl"]
    mirror.moved["question.jsonl"] = f"{mirror.url}/elsewhere"
    assert evalh("fetch", "tiny").code == 0
    assert here("question.jsonl").read_bytes() == lines(QUESTIONS)


def test_a_redirected_download_goes_on_where_it_stopped(mirror: Mirror) -> None:
    """The rest is asked for at the new place too."""
    mirror.files["elsewhere"] = LARGE
    mirror.moved["deep/large.bin"] = f"{mirror.url}/elsewhere"
    mirror.cut["elsewhere"] = [70_000]
    assert evalh("fetch", "tiny").code == 0
    assert [r for n, r in mirror.asked if n == "elsewhere"] == [None, "bytes=70000-"]
    assert here("deep/large.bin").read_bytes() == LARGE


@pytest.mark.parametrize("target", ["{url}/question.jsonl", "file:///etc/passwd"])
def test_a_redirect_that_leads_nowhere(mirror: Mirror, target: str) -> None:
    """A circle, and a way to this machine's own files, end with exit 1; nothing is written."""
    mirror.moved["question.jsonl"] = target.format(url=mirror.url)
    done = evalh("fetch", "tiny")
    assert (done.code, f"{mirror.url}/question.jsonl: HTTP 302" in done.err) == (1, True), done.err
    assert "Traceback" not in done.err
    assert not here("question.jsonl").exists()
    assert len(mirror.asked) < 20


def test_a_silent_server_is_given_up(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no byte comes for a while, the request is made again, and then said; the next command gets the file."""
    monkeypatch.setattr(download, "SILENCE", 0.05)
    mirror.slow = threading.Event()
    done = evalh("fetch", "tiny")
    assert (done.code, "cannot be fetched (timed out)" in done.err) == (1, True), done.err
    assert len(mirror.asked) == download.TRIES
    mirror.slow.set()
    monkeypatch.setattr(download, "SILENCE", 30.0)
    assert evalh("fetch", "tiny").code == 0


def test_a_part_that_was_spoilt_is_not_built_upon(mirror: Mirror) -> None:
    """Bytes of another file before the rest of ours are noticed, thrown away, and fetched afresh by the next command."""
    part = here("deep/large.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 1000)
    done = evalh("fetch", "tiny")
    assert (done.code, "It was thrown away" in done.err) == (1, True), done.err
    assert not part.exists()
    assert evalh("fetch", "tiny").code == 0
    assert here("deep/large.bin").read_bytes() == LARGE


def test_mirrors(mirror: Mirror, tmp_path: Path) -> None:
    """--from takes a folder, or another address; what the folder lacks is named."""
    folder = tmp_path / "stick"
    for name, data in mirror.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "reference.jsonl").rename(folder / "gone")
    lacking = evalh("fetch", "tiny", "--from", folder)
    assert lacking.code == 1
    assert f"{folder / 'reference.jsonl'}: there is no such file" in lacking.err
    (folder / "gone").rename(folder / "reference.jsonl")
    assert evalh("fetch", "tiny", "--from", folder).code == 0
    assert mirror.asked == []
    here("deep/large.bin").write_bytes(b"spoilt")
    assert evalh("fetch", "tiny", "--from", mirror.url).code == 0
    assert here("deep/large.bin").read_bytes() == LARGE


def test_a_full_disk(mirror: Mirror, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk full is said with the place; with room again the same command goes on behind what had arrived."""
    monkeypatch.setenv("EVALH_HOME", str(small_disk(200)))
    done = evalh("fetch", "tiny")
    assert done.code == 1
    assert "the disk is full" in done.err
    assert "Traceback" not in done.err
    small_disk(4000)
    mirror.asked.clear()
    assert evalh("fetch", "tiny").code == 0
    name, asked = mirror.asked[0]
    assert name == "deep/large.bin"
    assert asked is not None
    assert here("deep/large.bin").read_bytes() == LARGE


def test_two_at_once_fetch_once(mirror: Mirror) -> None:
    """The second waits for the first, says so, and finds everything there."""
    from evalh.published.catalogue import find
    from evalh.published.fetch import fetch

    mirror.slow = threading.Event()
    said: list[str] = []
    first = threading.Thread(target=lambda: fetch(find("tiny")))
    first.start()
    while not mirror.asked:
        first.join(0.01)
    second = threading.Thread(target=lambda: fetch(find("tiny"), say=said.append))
    second.start()
    second.join(0.3)
    mirror.slow.set()
    first.join(20)
    second.join(20)
    assert said == ["tiny: another process is fetching it; waiting for that"]
    assert len(mirror.asked) == len(mirror.files)


def test_two_processes_at_once_fetch_once(mirror: Mirror) -> None:
    """Two commands of a real set, from a mirror: every file is asked for once, and both end well."""
    folder = shared("vicuna-bench-2023")
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    mirror.files.update(files)
    mirror.slow = threading.Event()
    first = started("fetch", "vicuna-2023", "--from", mirror.url, "--yes")
    while not mirror.asked and first.poll() is None:
        threading.Event().wait(0.01)
    second = started("fetch", "vicuna-2023", "--from", mirror.url, "--yes")
    assert second.stderr is not None
    assert any("another process is fetching it; waiting for that" in line for line in second.stderr)
    mirror.slow.set()
    told = [process.communicate(timeout=120) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), told
    names = [name for name, _ in mirror.asked]
    assert len(names) == len(set(names)) >= 20
    assert told[0][0] == told[1][0] != ""


def test_names_are_known_or_suggested() -> None:
    """A misspelt set gets the nearest; no set at all is a usage error; questions alone cannot be replayed."""
    wrong = evalh("fetch", "tyni")
    assert wrong.code == 2
    assert "tiny" in wrong.err
    assert evalh("fetch").code == 2
    assert evalh("replay", "tyni").code == 2
    nothing = evalh("replay", "tiny")
    assert nothing.code == 2
    assert "--questions tiny" in nothing.err
