"""Write docs/schemas/*.json from the code; run it after changing a record or what a command prints as JSON.

    python docs/generate_schemas.py

`tests/reports/test_schemas.py` fails while they are stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from evalh.reports.schemas import NAMES, schema

FOLDER: Final = Path(__file__).with_name("schemas")


def pages() -> dict[str, str]:
    """File name -> its text."""
    return {f"{name}.json": json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n" for name in NAMES}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
