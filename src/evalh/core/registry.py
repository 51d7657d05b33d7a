"""Entry points by kind and name: found late, loaded on use, with suggestions for a misspelt name.

Two owners of one name are refused, because which of them won would depend on the order of installation.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evalh.errors import ConfigError, MissingExtra, UnknownName


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name.

    Raises:
        ConfigError: two distributions claim one name.
    """
    owners: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = owners.setdefault(point.name, point)
        if other.value != point.value:
            raise ConfigError(
                f"two installed packages claim {point.name!r} in {group}: {other.value} and {point.value};"
                " uninstall one of them"
            )
    return dict(sorted(owners.items()))


def load(group: str, name: str, kind: str, hint: str = "") -> Any:
    """The object that an entry point names.

    Raises:
        UnknownName: nobody registered it.
        MissingExtra: what it needs is not installed.
    """
    points = registered(group)
    if name not in points:
        raise UnknownName(kind, name, tuple(points), hint)
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        dist = points[name].dist
        owner = dist.name if dist else points[name].value
        raise MissingExtra(
            f"{kind} {name!r} of the package {owner} cannot be loaded ({error}); install what it needs, or uninstall {owner}"
        ) from error
