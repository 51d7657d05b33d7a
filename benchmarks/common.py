"""What the benchmarks share: evalh in a process and a folder of its own, what that process used, and how figures are shown.

Every benchmark is a module with `measure(runs)`, which yields figures, and `main(measure)` turns it into a command. Figures of
time mean little while other work loads the machine, so the load is kept and shown beside each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.server import FakeServer  # noqa: E402 - the path to it has to be known first

__all__ = [
    "FakeServer",
    "Figure",
    "Ran",
    "Workshop",
    "bare",
    "configure",
    "load",
    "main",
    "median",
    "question_set",
    "wave",
    "workshop",
]

QUIET = 1.0
"""Load (runnable processes over the last minute) up to which figures of time are worth keeping."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    `target` is what it is held against ("at most", "at least"), None where it is shown for comparison only.
    """

    what: str
    value: float
    unit: str = ""
    target: tuple[str, float] | None = None
    spread: tuple[float, float] | None = None  # the lowest and the highest of the runs

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        side, bound = self.target
        return self.value <= bound if side == "at most" else self.value >= bound


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process printed and used."""

    code: int
    out: str
    err: str
    seconds: float
    processor: float  # seconds, user and system
    megabytes: float  # the most memory it ever held


def load() -> float:
    """Runnable processes over the last minute."""
    return os.getloadavg()[0]


def median(what: str, values: Sequence[float], unit: str = "", target: tuple[str, float] | None = None) -> Figure:
    """The median of several runs as a figure."""
    return Figure(what, statistics.median(values), unit, target, (min(values), max(values)))


def wave(calls: int, concurrency: int, latency: float) -> float:
    """Seconds that calls take at the least: full waves of so many at a time."""
    return -(-calls // concurrency) * latency


class Workshop:
    """A temporary folder in which evalh runs, with a home (and so a ledger) of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hidden = ("OPENAI_", "OLLAMA_", "EVALH_")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(hidden) and not k.lower().endswith("_proxy")}
        self.env["EVALH_HOME"] = str(folder / "home")

    def start(self, *arguments: str | Path, interpreter: Sequence[str] = ("-m", "evalh")) -> Running:
        """Start `evalh …` and leave it running."""
        return Running([sys.executable, *interpreter, *map(str, arguments)], self.folder, self.env)

    def evalh(self, *arguments: str | Path, code: int = 0) -> Ran:
        """Run `evalh …` to its end.

        Raises:
            RuntimeError: it did not end with this exit code.
        """
        ran = self.start(*arguments).wait()
        if ran.code != code:
            raise RuntimeError(f"evalh {' '.join(map(str, arguments))} ended with {ran.code}, not {code}:\n{ran.err[-2000:]}")
        return ran

    def forget(self) -> None:
        """Throw away all runs and the ledger."""
        import shutil

        for name in ("results", "home"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


class Running:
    """A process whose use of time and memory the kernel reports when it ends.

    The kernel counts the memory of the process that started it as well, from before the program was loaded: a benchmark must
    stay smaller than what it measures.
    """

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `wait`
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err
        )

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> Ran:
        """Wait for its end."""
        _, status, used = os.wait4(self._process.pid, 0)
        seconds = time.perf_counter() - self._began
        self._process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for f in (self._out, self._err):
            f.seek(0)
            texts.append(f.read().decode("utf-8", "replace"))
            f.close()
        kilobytes = used.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        return Ran(self._process.returncode, *texts, seconds, used.ru_utime + used.ru_stime, kilobytes / 1024)


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A workshop that is gone afterwards; evalh is compiled to bytecode first, as an installation does."""
    package = find_spec("evalh")
    folders = package.submodule_search_locations if package is not None else None
    assert folders, "evalh is not installed"
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)
    with tempfile.TemporaryDirectory(prefix="evalh-benchmark-") as folder:
        yield Workshop(Path(folder))


def configure(folder: Path, server: FakeServer, *models: str) -> None:
    """Write an evalh.toml in which the named models live on a server."""
    lines: list[str] = []
    for name in models:
        lines += [f'[models."{name}"]', 'provider = "openai"', f'base_url = "{server.base_url}"', f'model = "{name}"', ""]
    (folder / "evalh.toml").write_text("\n".join(lines), encoding="utf-8")


def question_set(path: Path, count: int, categories: int = 8) -> None:
    """Write a question set of so many one-turn questions, a line at a time."""
    with path.open("w", encoding="utf-8") as f:
        for i in range(count):
            text = f"Question number {i}: " + "what is the reason for this, and what follows from it? " * 3
            f.write(json.dumps({"question_id": f"q-{i}", "category": f"c{i % categories}", "turns": [text]}) + "\n")


def bare(kind: str, server: FakeServer, bodies: Path, calls: int, concurrency: int) -> dict[str, float]:
    """Send the requests of a file in a bare loop in a process of its own: {"seconds", "processor"} of the loop alone.

    Args:
        kind: "aiohttp" or "openai" (the SDK's AsyncOpenAI and its typed `create`).
        bodies: JSON list of request bodies, sent in turn, each made different by its number.
    """
    command = [sys.executable, str(HERE / "bare.py"), kind, server.base_url, str(bodies), str(calls), str(concurrency)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    used: dict[str, float] = json.loads(done.stdout)
    return used


def shown(figure: Figure) -> str:
    """A figure in words: value, spread, target."""
    text = f"{figure.what}: {number(figure.value)}{' ' + figure.unit if figure.unit else ''}"
    if figure.spread is not None and figure.spread[0] != figure.spread[1]:
        text += f" ({number(figure.spread[0])} to {number(figure.spread[1])})"
    if figure.target is not None:
        text += f"; {figure.target[0]} {number(figure.target[1])}: {'met' if figure.met else 'MISSED'}"
    return text


def number(value: float) -> str:
    """Three significant digits, whole numbers as they are."""
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main(measure: Callable[[int], Iterable[Figure]], about: str | None) -> None:
    """The command of a benchmark: `--runs N`, figures as text or as JSON lines, exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often each thing is measured; figures are medians")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    missed = False
    before = load()
    for figure in measure(arguments.runs):
        around = before, load()
        missed = missed or figure.met is False
        if arguments.json:
            extra: dict[str, Any] = {"load": [round(x, 1) for x in around], "met": figure.met}
            print(json.dumps({**asdict(figure), **extra}), flush=True)
        else:
            print(f"{shown(figure)}  [load {around[0]:.1f} to {around[1]:.1f}]", flush=True)
    sys.exit(missed)
