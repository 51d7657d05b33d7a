"""Counting gives what sorting gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.stats.coding import distinct, first_rows


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-50, 50) | st.integers(-(1 << 62), 1 << 62), max_size=30) | st.lists(st.integers(5, 9), max_size=9))
def test_counting_gives_what_sorting_gives(values: list[int]) -> None:
    """Distinct values, the place of each, and the first row of each, of small ranges and of large ones."""
    key = np.array(values, dtype=np.int64)
    found, place = distinct(key)
    expected, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(place, inverse)
    np.testing.assert_array_equal(first_rows(place, len(found)), first)
    assert found.dtype == expected.dtype
