"""`evalh runs`: the runs there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evalh.cli import options


@click.command("runs")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("results"), required=False)
@options.FORMAT
def command(folder: Path, shape: str) -> None:
    """List the runs there are.

    \b
    Examples:
      evalh runs
      evalh runs ../other/results --format json
    """
    from evalh.core.store import RunFolder
    from evalh.errors import StoreError
    from evalh.pipeline import manifest as manifests

    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*/run.json")):
        try:
            m = manifests.read(RunFolder(path.parent))
        except StoreError as error:
            click.echo(f"evalh: {error}", err=True)
            continue
        rows.append(
            {
                "name": path.parent.name,
                "models": list(m["models"]),
                "judges": list(m["judges"]),
                "questions": (m.get("questions") or {}).get("set"),
                "answers": m["counts"].get("answers", 0),
                "judgments": m["counts"].get("judgments", 0),
                "unscored": m["counts"].get("judgments_unscored", 0),
                "usd": m.get("cost", {}).get("usd"),
                "started_at": m.get("started_at"),
                "finished_at": m.get("finished_at"),
                "partial": m.get("partial"),
            }
        )
    if shape == "json":
        click.echo(options.as_json({"schema": 1, "runs": rows}))
        return
    if not rows:
        click.echo(f"no runs in {folder}; begin one with: evalh run")
    for r in rows:
        state = "finished " + str(r["finished_at"]) if r["finished_at"] else f"unfinished ({r['partial'] or 'stopped'})"
        click.echo(
            f"{r['name']}: {', '.join(r['models'])}; judged by {', '.join(r['judges']) or 'nobody'};"
            f" {r['judgments']} judgments, {state}"
        )
