"""Write docs/replays.md: every published figure beside ours, from copies of the published sets.

    python docs/generate_replays.py --data ../shared/data

`tests/published/test_replay.py` fails while the page differs from what the data give.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalh.published.catalogue import PublishedSet, find
from evalh.published.replay import COLUMNS, Replayed, cells, replay

PAGE: Final = Path(__file__).with_name("replays.md")
PLACES: Final = {
    "vicuna-2023": "vicuna-bench-2023",
    "mt-bench": "mt-bench/single/FasterDecoding__Medusa.jsonl.gz",
    "mt-bench-human": "mt-bench-human",
    "alpaca-eval-1": "alpaca-eval/v1",
    "alpaca-eval-2": "alpaca-eval",
    "arena-hard-v0.1": "arena-hard-v0.1",
    "llmbar": "llmbar",
    "wildvision": "wildvision-bench",
}
"""Set -> where its copy lies in the data."""
HEAD: Final = """\
# Published figures, replayed

This page is made by `python docs/generate_replays.py --data ../shared/data`; do not edit it by hand. It is what
`evalh replay NAME` prints for each set ([published.md](published.md) lists them): the published figure, ours from the imported
judgments, our 95 % interval and the number of questions that it rests on, and the cause of each difference. Shares are in
percent, their differences in fractions. Stored replies of judges, read again one by one, are in [replies.md](replies.md).

Published intervals are not held against ours: theirs are percentiles of 100 bootstrap rounds, ours are told in
[intervals.md](intervals.md). What no set here can show: the 34 models of MT-bench's leaderboard (their judgments are not in a
repository), Arena-bench v1 (no leaderboard was published), and Arena-Hard's with style control (fitted on some 70 models).
"""


def table(found: list[Replayed]) -> Iterator[str]:
    """The table of one set's figures."""
    right = ("published", "replayed", "95% interval", "n", "difference")
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "| " + " | ".join("---:" if name in right else "---" for name in COLUMNS) + " |"
    for r in found:
        yield "| " + " | ".join(re.sub(r"([|*_])", r"\\\1", cell) for cell in cells(r)) + " |"


def part(chosen: PublishedSet, found: list[Replayed]) -> str:
    """What the page says of one set."""
    same = sum(r.same for r in found)
    sources = "; ".join(dict.fromkeys(r.published.source for r in found))
    rest = f", {len(found) - same} differ for the cause named" if same < len(found) else ""
    told = f"{chosen.title}. Published: {sources}. Of {len(found)} figures {same} are the same to the digits printed{rest}."
    return f"## {chosen.name}\n\n{told}\n\n" + "\n".join(table(found))


def page(data: Path) -> str:
    """The whole page."""
    parts = [HEAD.rstrip("\n")]
    with tempfile.TemporaryDirectory() as temporary:
        for name, place in PLACES.items():
            parts.append(part(find(name), replay(find(name), data / place, Path(temporary) / name)[1]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    PAGE.write_text(page(parser.parse_args().data), encoding="utf-8")
