"""Write docs/published.md: the published sets that have a name, and every published figure beside ours.

    python docs/generate_published.py --from DIR     DIR holds a mirror of each set under the set's name

A set that is neither fetched nor in DIR keeps its row in the first table and is said not to have been replayed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalh.cli.replay import shown
from evalh.published.catalogue import PublishedSet, catalogue, folder_of
from evalh.published.fetch import missing
from evalh.published.replay import Replayed, replay
from evalh.reports.numbers import interval

PAGE: Final = Path(__file__).with_name("published.md")
HEAD: Final = """\
# Published sets by name

This page is made by `docs/generate_published.py` from the catalogue (`src/evalh/published/published.toml`: every address is
pinned to a commit, every file to its SHA-256) and from replays of the sets; do not edit it by hand.

`evalh fetch NAME` says where a set lives and under which licence, downloads what is missing into the user's data folder, and
goes on where an earlier download was cut. `--from` names a mirror: a folder or an address that holds the set's files under the
names of the catalogue. Questions are then there as `--questions NAME`. `evalh replay NAME` imports the set and prints the table
below for it; its exit code is 1 where a figure differs and no cause is known. Stored replies, read again one by one, are in
[replays.md](replays.md).

| set | what | files | size | licence | questions | replay |
| --- | --- | ---: | ---: | --- | --- | --- |
"""


def rows(sets: list[PublishedSet]) -> Iterator[str]:
    """The table of sets."""
    for s in sets:
        has = ["yes" if there else "" for there in (s.questions, s.form)]
        yield f"| `{s.name}` | {s.title} | {len(s.files)} | {s.bytes / 1e6:.1f} MB | {s.licence} | {has[0]} | {has[1]} |"


def figures(found: list[Replayed]) -> Iterator[str]:
    """The table of one set's figures."""
    yield "| figure | model | published | replayed | 95% interval | n | difference | |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for r in found:
        p, e = r.published, r.ours
        what = p.figure.replace("_", " ") + (f" against {p.against}" if p.against else "")
        ours, span, n = "–", "–", "–"
        if e is not None and e.value is not None:
            ours, n = shown(p.figure, e.value), str(e.n)
            span = interval(e.low, e.high, lambda x, f=p.figure: "–" if x is None else shown(f, x))  # type: ignore[misc]
        gap = "–" if r.difference is None else "0" if abs(r.difference) < 5e-13 else f"{r.difference:+.2g}"
        verdict = "same to the digits printed" if r.same else f"differs: {p.cause}" if p.cause else "**differs**"
        yield f"| {what} | {p.model} | {shown(p.figure, p.value)} | {ours} | {span} | {n} | {gap} | {verdict} |"


def page(mirror: Path | None) -> str:
    """The whole page."""
    sets = list(catalogue().values())
    parts = [HEAD + "\n".join(rows(sets))]
    with tempfile.TemporaryDirectory() as temporary:
        for s in sets:
            if not s.published:
                continue
            folder = folder_of(s.name)
            if mirror is not None and not all((mirror / s.name / f.name).is_file() for f in s.files):
                folder = Path()
            elif mirror is not None:
                folder = mirror / s.name
            parts.append(f"## {s.name}\n\n{s.title}. Published: {s.published[0].source}.")
            if folder == Path() or missing(s, folder):
                parts.append("Not replayed when this page was made: the set was not there.")
            else:
                parts.append("\n".join(figures(replay(s, folder, Path(temporary) / s.name)[1])))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="mirror", type=Path)
    PAGE.write_text(page(parser.parse_args().mirror), encoding="utf-8")
