"""Other tools' files and published sets from Python: what `evalh import`, `export`, `fetch` and `replay` do.

import evalh

run = evalh.import_run("mt_bench", "results/mt-bench")      # the format is told by the files
evalh.export_run(run, "alpaca-eval", "out", baseline="gpt-4")
folder = evalh.fetch("mt-bench")
rows = evalh.replay("vicuna-2023")                           # published against replayed
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalh.api import Run, load

if TYPE_CHECKING:
    from evalh.published.replay import Replayed


def import_run(
    path: str | Path,
    out: str | Path,
    format: str | None = None,
    *,
    extra: Sequence[str | Path] = (),
    judge: str | None = None,
    encoding: str = "utf-8",
    reviews: str | None = None,
) -> Run:
    """Turn another tool's files into a run folder, and read it.

    Args:
        path: a file, a folder or an archive.
        out: the run folder to write; it must not hold anything.
        format: as `evalh import` names it; told from the files where it is None.
        extra: more files or folders, such as the questions that verdicts are about.
        judge: the judge's label, where the files name none or another is wanted.
        encoding: of the text.
        reviews: of `vicuna-2023`, a folder under review/.

    Raises:
        BadImport: names file and line; nothing is left behind.
        UnknownName, MissingExtra, RunMismatch, StoreError: as the command says them.
    """
    from evalh.importers.formats import bring_in
    from evalh.importers.options import Options

    done = bring_in(Path(path), Path(out), format, [Path(p) for p in extra], Options(encoding, judge, reviews))
    return Run(done.folder.path)


def export_run(run: Run | str | Path, format: str, out: str | Path, **choice: Any) -> dict[str, int]:
    """Write a run as the files of another tool, as pairs for training, or as a data set.

    Args:
        run: read already, its folder, or its name under `results/`.
        format: as `evalh export` names it.
        out: the file or folder to write; nothing may be there yet.
        choice: `judge`, `baseline`, `min_agreement`, `min_confidence`, `min_margin`, `licence`, as the command's options.

    Returns:
        What the format has no place for -> how often; empty where everything was written.

    Raises:
        UnknownName, BadConfig, MissingExtra, RunMismatch, StoreError: as the command says them.
    """
    from evalh.core.store import RunFolder
    from evalh.exporters.formats import take_out
    from evalh.exporters.taking import Choice

    opened = run if isinstance(run, Run) else load(run)
    return dict(take_out(format, RunFolder(opened.path), Path(out), Choice(**choice)).left_out)


def fetch(name: str, source: str = "") -> Path:
    """Bring a published set into the user's data folder, checked against its SHA-256; its folder. Nothing is asked.

    Args:
        source: a folder or an address that holds the set's files; by default where they were published.

    Raises:
        UnknownName: there is no such set.
        FetchFailed: a file cannot be had, or is not what was published.
    """
    from evalh.published.catalogue import find
    from evalh.published.fetch import fetch as bring

    return bring(find(name), source)


def replay(name: str, out: str | Path | None = None, source: str = "") -> list[Replayed]:
    """Fetch a published set, import it, and hold every published figure against ours.

    Args:
        out: the run folder; by default `results/NAME`.
        source: as for `fetch`.

    Raises:
        BadConfig: the set holds no judgments.
        UnknownName, FetchFailed, BadImport, RunMismatch: as the command says them.
    """
    from evalh.published.catalogue import find
    from evalh.published.replay import replay as held

    chosen = find(name)
    files = fetch(name, source) if chosen.form else Path()
    return held(chosen, files, Path(out) if out is not None else Path("results") / name)[1]
