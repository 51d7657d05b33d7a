"""`evalh fetch NAME`: a published set into the user's data folder."""

from __future__ import annotations

import sys

import click

from evalh.cli import options

FROM = click.option(
    "--from", "source", default="", metavar="DIR-or-URL", help="A mirror: a folder or an address with the set's files."
)


@click.command("fetch")
@click.argument("name", metavar="NAME", required=False)
@options.apply(
    FROM, options.YES, click.option("--list", "listing", is_flag=True, help="The sets that have a name."), options.FORMAT
)
def command(name: str | None, source: str, yes: bool, listing: bool, shape: str) -> None:
    """Bring a published set here, checked against its SHA-256.

    Says where the set lives and under which licence before anything is downloaded. A download that was cut goes on where it
    stopped. The files go into the user's data folder (EVALH_HOME); questions can then be used as --questions NAME.

    \b
    Examples:
      evalh fetch --list
      evalh fetch mt-bench
      evalh fetch mt-bench --from /media/mirror/mt-bench
    """
    from evalh.published.catalogue import catalogue, find, folder_of
    from evalh.published.fetch import missing

    if name is None and not listing:
        raise click.UsageError("say which set: evalh fetch NAME (evalh fetch --list names them)")
    if name is None:
        rows = [
            {
                "name": s.name,
                "title": s.title,
                "licence": s.licence,
                "home": s.home,
                "bytes": s.bytes,
                "files": len(s.files),
                "questions": bool(s.questions),
                "replay": bool(s.form),
                "here": not missing(s, folder_of(s.name)),
            }
            for s in catalogue().values()
        ]
        if shape == "json":
            click.echo(options.as_json({"schema": 1, "sets": rows}))
            return
        for r in rows:
            here = ", here" if r["here"] else ""
            click.echo(f"{r['name']}: {r['title']}\n    {_size(int(r['bytes']))}, licence {r['licence']}{here}")  # type: ignore[call-overload]
        return
    brought = bring(find(name).name, source, yes)
    click.echo(brought)


def bring(name: str, source: str, yes: bool) -> str:
    """Fetch what is missing of a set, saying so first; the folder."""
    from evalh.published.catalogue import find, folder_of
    from evalh.published.fetch import fetch, missing

    chosen, folder = find(name), folder_of(name)
    left = set(missing(chosen, folder))
    if left:
        size = sum(f.bytes for f in chosen.files if f.name in left)
        what = f"{len(left)} of {len(chosen.files)} files" if len(left) < len(chosen.files) else f"{len(left)} files"
        say(f"{name}: {chosen.title}")
        say(f"  {what}, {_size(size)}, from {source or chosen.home}; licence: {chosen.licence}")
        if not yes and sys.stdin.isatty() and sys.stderr.isatty():
            click.confirm("Download?", default=True, abort=True, err=True)
    return str(fetch(chosen, source, say))


def say(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"
