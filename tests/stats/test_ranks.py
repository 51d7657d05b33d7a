from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.stats.ranks import groups, ranks, untested


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


def test_letters_of_a_chain() -> None:
    """A model between two others shares a letter with both, although these are told from each other."""
    assert groups("abc", {("a", "c"): (1.0, 0.01), ("b", "a"): (-1.0, 0.2), ("b", "c"): (1.0, 0.2)}) == {
        "a": "a",
        "b": "ab",
        "c": "b",
    }


@settings(deadline=None)
@given(st.integers(0, 7), st.data())
def test_a_common_letter_is_what_cannot_be_told_apart(size: int, data: st.DataObject) -> None:
    """Two models share a letter exactly where their pair is not significant, and no letter is idle."""
    models = [f"m{i}" for i in range(size)]
    pairs = {pair: (1.0, data.draw(st.sampled_from([0.01, 0.5]))) for pair in combinations(models, 2)}
    letters = groups(models, pairs)
    assert letters is not None
    assert list(letters) == models
    assert all(letters.values())
    for (first, second), (_, p) in pairs.items():
        assert bool({*letters[first]} & {*letters[second]}) == (p > 0.05)
    members = {letter: {m for m in models if letter in letters[m]} for letter in {*"".join(letters.values())}}
    assert not any(one < other for one in members.values() for other in members.values())


def test_groups_without_pairs() -> None:
    """No model, no letter; more groups than letters, none."""
    assert groups("a", {}) == {"a": "a"}
    assert groups([], {}) == {}
    many = [f"m{i:03}" for i in range(60)]
    assert groups(many, dict.fromkeys(combinations(many, 2), (1.0, 0.001))) is None
    # twenty pairs of models told from each other and from nothing else have a million largest groups
    apart = {(many[i], many[i + 1]): (1.0, 0.001) for i in range(0, 40, 2)}
    assert groups(many, dict.fromkeys(combinations(many, 2), (1.0, 0.5)) | apart) is None


def test_no_groups_where_two_models_never_met() -> None:
    """Models that were only compared with a third have no letters: nothing says that they are alike."""
    star = {("hub", "good"): (-1.0, 0.001), ("bad", "hub"): (-1.0, 0.001)}
    assert groups(["good", "hub", "bad"], star) is None
    assert untested(["good", "hub", "bad"], star) == [("good", "bad")]
    assert untested([], {}) == untested(["a"], star) == []
    assert groups(["good", "hub", "bad"], star | {("bad", "good"): (-1.0, 0.2)}) == {"good": "a", "hub": "b", "bad": "a"}
