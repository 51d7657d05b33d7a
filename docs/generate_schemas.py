"""Write docs/schemas from the code; run it after changing a record or what a command prints as JSON.

    python docs/generate_schemas.py

`tests/reports/test_schemas.py` fails while they are stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from evalh.reports.schemas import NAMES, schema

FOLDER: Final = Path(__file__).with_name("schemas")


HEAD: Final = """\
# JSON schemas

Draft 2020-12, made from the code by `docs/generate_schemas.py`; do not edit them by hand. `evalh schema NAME` prints one,
`evalh.schema(NAME)` returns it. The `schema` that an object carries is the number in the `$id` of its schema. Records take no
other keys; in `run.json` and in what commands print keys may be added under one number, but none goes or changes its kind.
[records.md](../records.md) says what the fields mean.

| name | what |
|---|---|
"""


def pages() -> dict[str, str]:
    """File name -> its text."""
    made = {name: schema(name) for name in NAMES}
    texts = {f"{name}.json": json.dumps(found, indent=2, ensure_ascii=False) + "\n" for name, found in made.items()}
    lines = "".join(f"| [`{name}`]({name}.json) | {found['title']} |\n" for name, found in made.items())
    return texts | {"README.md": HEAD + lines}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
