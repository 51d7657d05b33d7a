from __future__ import annotations

from evalh.stats.ranks import ranks


def test_ranks_count_significant_pairs() -> None:
    """A model's best rank follows from those that beat it, its worst from those it beats."""
    pairs = {("a", "b"): (1.0, 0.01), ("c", "a"): (-2.0, 0.05), ("b", "c"): (3.0, 0.06)}
    assert ranks("abc", pairs) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}


def test_nothing_significant() -> None:
    """Models that cannot be told apart share all ranks."""
    assert ranks("ab", {("a", "b"): (1.0, 0.2)}) == {"a": (1, 2), "b": (1, 2)}
    assert ranks("ab", {}) == {"a": (1, 2), "b": (1, 2)}


def test_an_even_pair_ranks_nobody() -> None:
    """A lead of 0 favours nobody, whatever p says."""
    assert ranks("ab", {("a", "b"): (0.0, 0.0)}) == {"a": (1, 2), "b": (1, 2)}


def test_one_model_and_none() -> None:
    """One model is first; no model has no rank."""
    assert ranks("a", {}) == {"a": (1, 1)}
    assert ranks([], {}) == {}
