"""A map from whole numbers to whole numbers in 16 bytes a slot: a dict of a million takes six times as much."""

from __future__ import annotations

from array import array
from typing import Final

_SPREAD: Final = 0x9E3779B97F4A7C15
"""Of the golden ratio, as in Fibonacci hashing."""


class Table:
    """Keys from 1 and values from 0, both below 2**64; a key that was never set has the value 0."""

    def __init__(self) -> None:
        self._size = 1 << 10
        self._keys = array("Q", bytes(8 * self._size))
        self.values = array("Q", bytes(8 * self._size))
        self._count = 0

    def _slot(self, key: int) -> int:
        """Where a key stands, or is to stand: open addressing, the next free slot."""
        mask = self._size - 1
        at = (key * _SPREAD >> 20) & mask
        keys = self._keys
        while (there := keys[at]) and there != key:
            at = (at + 1) & mask
        return at

    def get(self, key: int) -> int:
        """The value of a key, or 0."""
        at = self._slot(key)
        return self.values[at] if self._keys[at] else 0

    def set(self, key: int, value: int) -> None:
        """Set the value of a key."""
        at = self.place(key)  # first: growing replaces the array
        self.values[at] = value

    def count(self, key: int) -> int:
        """How often this was asked of a key before."""
        at = self.place(key)
        before = self.values[at]
        self.values[at] = before + 1
        return before

    def place(self, key: int) -> int:
        """Where in `values` the value of a key stands, until another key is placed; from now on it has one."""
        keys, mask = self._keys, self._size - 1
        at = (key * _SPREAD >> 20) & mask  # as `_slot`, which this does a million times
        while there := keys[at]:
            if there == key:
                return at
            at = (at + 1) & mask
        if self._count * 3 >= self._size * 2:
            self._grow()
            at = self._slot(key)
        self._keys[at] = key
        self._count += 1
        return at

    def __len__(self) -> int:
        return self._count

    def _grow(self) -> None:
        keys, values = self._keys, self.values
        self._size *= 2
        self._keys = array("Q", bytes(8 * self._size))
        self.values = array("Q", bytes(8 * self._size))
        for key, value in zip(keys, values, strict=True):
            if key:
                at = self._slot(key)
                self._keys[at] = key
                self.values[at] = value
