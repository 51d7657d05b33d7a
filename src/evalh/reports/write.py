"""Report -> files: the leaderboard as CSV, markdown and JSON, the page, and every plot as PNG and SVG.

The same report always gives the same bytes: nothing here asks the clock, the locale, the terminal or the environment. Each file
appears complete or not at all.
"""

from __future__ import annotations

import json
import os
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalh.reports import render
from evalh.reports.document import Report, to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

DPI: Final = 120


def write(report: Report, folder: Path) -> list[Path]:
    """Write all files of a report into a folder, which is made if need be.

    Returns:
        The paths written, in a fixed order.
    """
    from evalh.reports.page import page

    svgs: dict[str, dict[str, bytes]] = {}
    files: dict[str, bytes] = {
        "leaderboard.csv": _encode(render.csv_text(report)),
        "leaderboard.md": _encode(render.markdown(report)),
        "report.json": json_bytes(report),
    }
    for judge, prefix in _prefixes(report).items():
        svgs[judge] = {}
        for name, (png, svg) in _plots(report, judge).items():
            svgs[judge][name] = svg
            files[f"plots/{prefix}{name}.png"] = png
            files[f"plots/{prefix}{name}.svg"] = svg
    # Last, so that a page that is there never speaks of files that are not.
    files["index.html"] = _encode(page(report, svgs))
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    _sweep(folder / "plots", files)
    return [_replace(folder / name, content) for name, content in files.items()]


def json_bytes(report: Report) -> bytes:
    """report.json, the same object as `evalh report --format json` prints."""
    text = json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # Half of a surrogate pair has no UTF-8; its escape is what JSON writes for it anyway.
    return text.encode("utf-8", "backslashreplace")


def save(figure: Canvas) -> tuple[bytes, bytes]:
    """A plot as PNG and as SVG, without date, version or anything else that changes between two runs."""
    from evalh.reports.drawing import style

    png, svg = BytesIO(), BytesIO()
    with style():
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return png.getvalue(), svg.getvalue()


def _plots(report: Report, judge: str) -> dict[str, tuple[bytes, bytes]]:
    """Every plot that can be drawn for one judge."""
    from evalh.reports.plots import PLOTS

    drawn = {name: draw(report.leaderboards[judge]) for name, (_, draw) in PLOTS.items()}
    return {name: save(figure) for name, figure in drawn.items() if figure is not None}


def _prefixes(report: Report) -> dict[str, str]:
    """Judge -> beginning of its plots' file names: nothing for the only one, else a name that any file system takes."""
    if len(report.leaderboards) == 1:
        return dict.fromkeys(report.leaderboards, "")
    taken: dict[str, str] = {}
    for judge in report.leaderboards:
        plain = re.sub(r"[^a-z0-9._-]+", "-", judge.lower()).strip("-._")[:60] or "judge"
        name, i = plain, 2
        while name in taken.values():
            name, i = f"{plain}-{i}", i + 1
        taken[judge] = name
    return {judge: f"{name}." for judge, name in taken.items()}


def _sweep(folder: Path, files: dict[str, bytes]) -> None:
    """Remove plots of an earlier report that this one does not have, so that no plot contradicts the page beside it."""
    from evalh.reports.plots import PLOTS

    ours = re.compile(rf"([a-z0-9._-]+\.)?({'|'.join(PLOTS)})\.(png|svg)")
    for path in sorted(folder.iterdir()):
        if ours.fullmatch(path.name) and f"plots/{path.name}" not in files:
            path.unlink()


def _encode(text: str) -> bytes:
    return text.encode("utf-8")


def _replace(path: Path, content: bytes) -> Path:
    """Write a file beside its place and move it there in one step."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
