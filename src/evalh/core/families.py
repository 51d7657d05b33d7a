"""Which family a model is of, as far as that is known: from what a run says of it, the catalogue, and published names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from evalh.core.models import catalog

NAMES: Final = Path(__file__).resolve().parents[1] / "backends" / "families.toml"


@cache
def _names() -> tuple[tuple[str, str], ...]:
    """(name, family), the longest names first; names that belong to nobody have no family."""
    tables = tomllib.loads(NAMES.read_text("utf-8"))
    found = [(name, family) for family, table in tables.items() for name in table["names"]]
    found += [(name, "") for table in tables.values() for name in table.get("except", ())]
    return tuple(sorted(found, key=lambda pair: -len(pair[0])))


def family_of(label: str, described: Mapping[str, Any] | None) -> str | None:
    """The family of a model of a run, None where it is not known.

    What `metadata.family` says comes first, then the catalogue, then the published names. A name of one's own for a model that
    a server runs says nothing; of recorded answers and of what was imported the label is the only name.

    Args:
        label: under which the model or the judge takes part.
        described: the model as in run.json: `provider`, `model`, `metadata`; None for a judge of which none is stored.
    """
    described = described or {}
    told = (described.get("metadata") or {}).get("family")
    if isinstance(told, str) and told.strip():
        return told.strip().casefold()
    served = described.get("model") if described.get("provider") != "file" else None
    if isinstance(served, str) and served:
        known = next((e["family"] for e in catalog().values() if e.get("model") == served and "family" in e), None)
        return known or published(served)
    known = catalog().get(label, {}).get("family")
    return str(known) if known else published(label)


def published(name: str) -> str | None:
    """The family of a published model by its name: a repository's, an API's or a leaderboard's; None for any other."""
    name = name.casefold().removeprefix("ft:").replace(" ", "-").replace("_", "-")
    parts = {name, name.rpartition("/")[2]}
    for known, family in _names():
        for part in parts:
            rest = part.removeprefix(known)
            if part.startswith(known) and (not rest or not rest[0].isalpha()):
                return family or None
    return None
