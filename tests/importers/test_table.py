"""The map in 16 bytes a slot is a map."""

from __future__ import annotations

import random

from evalh.importers.table import Table


def test_a_table_is_a_dict() -> None:
    """Set, get and count agree with a dict over many keys, those that lie close together among them."""
    rng = random.Random(0)
    table, plain = Table(), {}
    for _ in range(20_000):
        key = rng.choice((rng.randrange(1, 300), (rng.randrange(3000) << 24) + rng.randrange(1, 9), rng.randrange(1, 1 << 60)))
        if rng.random() < 0.5:
            plain[key] = rng.randrange(1 << 64)
            table.set(key, plain[key])
        else:
            before = plain.get(key, 0)
            if before < 1 << 63:
                assert table.count(key) == before
                plain[key] = before + 1
        assert table.get(key) == plain.get(key, 0)
    assert len(table) == len(plain)
    assert all(table.get(key) == value for key, value in plain.items())
    assert table.get(1 << 61) == 0
