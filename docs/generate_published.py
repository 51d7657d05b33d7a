"""Write docs/published.md: the published sets that have a name.

python docs/generate_published.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalh.published.catalogue import PublishedSet, catalogue

PAGE: Final = Path(__file__).with_name("published.md")
HEAD: Final = """\
# Published sets by name

This page is made by `docs/generate_published.py` from the catalogue (`src/evalh/published/published.toml`: every address is
pinned to a commit, every file to its SHA-256); do not edit it by hand.

`evalh fetch NAME` says where a set lives and under which licence, downloads what is missing into the user's data folder, and
goes on where an earlier download was cut. `--from` names a mirror: a folder or an address that holds the set's files under the
names of the catalogue. Questions are then there as `--questions NAME`.

`evalh replay NAME` imports the set and holds its published figures against ours; its exit code is 1 where a figure differs and
no cause is known. `--from` may there also name a copy in another form (compressed, cut to some models): it is said that such a
copy cannot be checked, and what it does not hold is shown as missing. All tables are in [replays.md](replays.md); stored
replies, read again one by one, in [replies.md](replies.md).

| set | what | files | size | licence | questions | figures replayed |
| --- | --- | ---: | ---: | --- | --- | ---: |
"""


def rows(sets: list[PublishedSet]) -> Iterator[str]:
    """The table of sets."""
    for s in sets:
        cells = (
            f"`{s.name}`",
            s.title,
            str(len(s.files)),
            f"{s.bytes / 1e6:.1f} MB",
            s.licence,
            "yes" if s.questions else "",
            str(len(s.published)) if s.form else "",
        )
        yield "| " + " | ".join(cells) + " |"


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(rows(list(catalogue().values()))) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
