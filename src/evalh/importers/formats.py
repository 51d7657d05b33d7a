"""The formats there are, and the one way from a path to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from evalh.core.store import RunFolder
from evalh.errors import BadImport, UnknownName
from evalh.importers import inspect_logs, vicuna_2023
from evalh.importers.kinds import File, detect, files_of
from evalh.importers.options import Options
from evalh.importers.sources import Source, sources
from evalh.importers.write import Sink, importing

Reader = Callable[[Sink, Sequence[File], Options], None]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what it is, and where its reader lives, beside the kinds of files that it takes (`KINDS`)."""

    title: str
    reader: str

    def load(self) -> tuple[Reader, tuple[str, ...]]:
        """The reader, and the kinds of files it takes."""
        module, _, name = self.reader.partition(":")
        found = import_module(module)
        return getattr(found, name), found.KINDS


_HERE: Final = "evalh.importers"
VICUNA: Final = "vicuna-2023"
INSPECT: Final = "inspect"
FORMATS: Final[Mapping[str, Format]] = {
    VICUNA: Format("the evaluation of March 2023", f"{_HERE}.vicuna_2023:read"),
    "fastchat": Format("MT-bench and its kin", f"{_HERE}.fastchat:read"),
    "alpaca-eval": Format("outputs and annotations of AlpacaEval", f"{_HERE}.alpaca_eval:read"),
    "arena-hard": Format("questions, answers and games of Arena-Hard", f"{_HERE}.arena_hard:read"),
    "battles": Format("two models and a winner in every row", f"{_HERE}.battles:read"),
    "mt-bench-human": Format("votes of people on MT-bench", f"{_HERE}.battles:read_votes"),
    "llmbar": Format("pairs and verdicts of LLMBar", f"{_HERE}.llmbar:read"),
    "pandalm": Format("PandaLM's pairs with three annotators", f"{_HERE}.pandalm:read"),
    "judgelm": Format("JudgeLM's pairs with GPT-4's scores", f"{_HERE}.judgelm:read"),
    "prometheus": Format("answers with rubrics, scored or compared", f"{_HERE}.prometheus:read"),
    "reward-bench": Format("a chosen and a rejected answer", f"{_HERE}.labelled_pairs:read"),
    "auto-j": Format("two answers and a label", f"{_HERE}.labelled_pairs:read"),
    INSPECT: Format("logs of Inspect", f"{_HERE}.inspect_logs:read"),
    "wildvision": Format("judgments of WildVision-Bench", f"{_HERE}.arena_hard:read"),
}


@dataclass(frozen=True, slots=True)
class Done:
    """What an import made: the folder, its format, and what the user should know."""

    folder: RunFolder
    form: str
    notes: Mapping[str, int]
    ignored: tuple[str, ...]


def bring_in(
    path: Path, out: Path, form: str | None = None, extra: Sequence[Path] = (), options: Options | None = None
) -> Done:
    """Import a file, a folder or an archive.

    Args:
        out: the run folder to write; it must not hold anything.
        form: the format's name; detected from the files where it is None.
        extra: more files or folders, such as the questions that verdicts are about.

    Raises:
        UnknownName: no such format.
        BadImport: names file and line; nothing is left behind.
        MissingExtra: a file needs a package that is not installed.
        RunMismatch: `out` holds something.
    """
    options = options or Options()
    if form is not None and form not in FORMATS:
        raise UnknownName("format", form, tuple(FORMATS))
    if form == VICUNA:
        return _vicuna(path, out, options)
    logs = inspect_logs.logs_of(path) if form in (None, INSPECT) else []
    if logs or form == INSPECT:
        return _inspect(path, out, logs, options)
    found: list[Source] = [s for p in (path, *extra) for s in sources(p)]
    files = list(files_of(found, options.encoding))
    if form is None:
        form = detect(files)
        if form == VICUNA:
            return _vicuna(path, out, options)
    reader, kinds = FORMATS[form].load()
    used = [f for f in files if f.kind in kinds]
    if not used:
        raise BadImport(f"{path}: holds no file of the format {form}")
    with importing(out, form) as sink:
        reader(sink, used, options)
        for file in used:
            name, n = file.source.name, 1
            while name in sink.inputs:  # of two folders, --with the other
                n += 1
                name = f"{file.source.name} ({n})"
            sink.inputs[name] = file.source.sha256()
    ignored = tuple(f.source.name for f in files if f.kind not in kinds)
    return Done(RunFolder(out), form, dict(sink.notes), ignored)


def _vicuna(path: Path, out: Path, options: Options) -> Done:
    """The evaluation of March 2023: its files are told by their place, since a model's name stands in a file's name only."""
    if not path.is_dir():
        raise BadImport(f"{path}: not a folder; the evaluation of March 2023 is one")
    chosen = options.reviews or vicuna_2023.DEFAULT_SET
    with importing(out, f"{VICUNA}/{chosen}") as sink:
        vicuna_2023.read(sink, path, chosen, options.encoding)
    return Done(RunFolder(out), VICUNA, dict(sink.notes), ())


def _inspect(path: Path, out: Path, logs: Sequence[Path], options: Options) -> Done:
    """Logs of Inspect: archives, each of one model's samples."""
    if not logs:
        raise BadImport(f"{path}: neither a log of Inspect's nor a folder of them (*.eval)")
    with importing(out, INSPECT) as sink:
        inspect_logs.read(sink, logs, options)
    return Done(RunFolder(out), INSPECT, dict(sink.notes), ())
