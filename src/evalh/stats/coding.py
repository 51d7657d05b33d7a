"""Distinct whole numbers by counting instead of sorting, where their range allows it: codes and keys of very many rows."""

from __future__ import annotations

import numpy as np


def distinct(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of some integers, and where each stands among them.

    The same as `np.unique(key, return_inverse=True)`; linear where the values span little more than there are of them.

    Args:
        key: (n,) integers.

    Returns:
        (k,) distinct values, ascending, and (n,) the index of each value among them.
    """
    if not len(key):
        return np.unique(key, return_inverse=True)
    low, high = int(key.min()), int(key.max())
    if high - low > 4 * len(key) + 1024:
        return np.unique(key, return_inverse=True)
    offset = key - low
    there = np.zeros(high - low + 1, dtype=bool)
    there[offset] = True
    place = np.cumsum(there) - 1
    return (np.flatnonzero(there) + low).astype(key.dtype), place[offset]


def first_rows(index: np.ndarray, size: int) -> np.ndarray:
    """The first row of each of `size` indices, all of which occur in (n,) `index`; shape (size,)."""
    first = np.empty(size, dtype=np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]  # of several rows the one assigned last, the first of all, stays
    return first
