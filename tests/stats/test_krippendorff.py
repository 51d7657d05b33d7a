"""Krippendorff's alpha against examples worked by its author, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.errors import TooFewData
from evalh.stats.krippendorff import alpha, coincidences

# Krippendorff (2011), example C: four observers, twelve units, gaps.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def _units(observers: tuple[str, ...]) -> dict[tuple[str, ...], list[int]]:
    return {(str(i),): [int(o[i]) for o in observers if o[i] != "."] for i in range(len(observers[0]))}


@pytest.mark.parametrize(
    ("observers", "level", "value"),
    [
        (("0100000010", "1110010000"), "nominal", 0.095),
        (OBSERVERS, "nominal", 0.743),
        (OBSERVERS, "ordinal", 0.815),
    ],
)
def test_published_examples(observers: tuple[str, ...], level: str, value: float) -> None:
    """The worked examples of nominal and ordinal data in Krippendorff (2011), two of them with gaps."""
    values = sorted({int(c) for o in observers for c in o if c != "."})
    found = alpha(_units(observers), values, level)  # type: ignore[arg-type]
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < value < found.high <= 1.0


def _by_definition(units: dict[tuple[str, ...], list[int]], values: list[int], level: str) -> float:
    """1 - observed / expected disagreement, pair by pair, with the ordinal metric as a sum over the ranks in between."""
    counted = [v for given in units.values() if len(given) > 1 for v in given]
    n = {v: counted.count(v) for v in values}

    def apart(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        low, high = sorted((a, b))
        return (sum(n[v] for v in values if low <= v <= high) - (n[a] + n[b]) / 2) ** 2

    observed = sum(
        apart(a, b) / (len(given) - 1)
        for given in units.values()
        if len(given) > 1
        for i, a in enumerate(given)
        for j, b in enumerate(given)
        if i != j
    )
    expected = sum(apart(a, b) for i, a in enumerate(counted) for j, b in enumerate(counted) if i != j)
    return 1 - (len(counted) - 1) * observed / expected


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_against_the_definition(level: str) -> None:
    """On random data with gaps, several units a question, alpha is the ratio of disagreements pair by pair."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        units = {
            (str(u // 3), str(u)): rng.integers(-1, 2, size=rng.integers(0, 5)).tolist() for u in range(rng.integers(6, 20))
        }
        found = alpha(units, (-1, 0, 1), level)  # type: ignore[arg-type]
        assert found.value == pytest.approx(_by_definition(units, [-1, 0, 1], level))
        assert found.n == len({name[0] for name, given in units.items() if len(given) > 1})


def test_ordinal_is_kinder_to_near_misses() -> None:
    """A tie against a win is less than a loss against a win: ordinal alpha is higher where disagreements are near misses."""
    near = {(str(i),): [a, b] for i, (a, b) in enumerate([(1, 1), (-1, -1), (0, 1), (0, -1), (1, 1), (-1, 0)])}
    nominal, ordinal = (alpha(near, (-1, 0, 1), level).value for level in ("nominal", "ordinal"))
    assert nominal is not None
    assert ordinal is not None
    assert ordinal > nominal


def test_units_with_one_value_do_not_count() -> None:
    """What only one voice decided is no coincidence."""
    assert len(coincidences({("1",): [1], ("2",): []}, (-1, 0, 1))) == 0
    with pytest.raises(TooFewData, match="two voices"):
        alpha({("1",): [1]}, (-1, 0, 1))


def test_without_variety_there_is_no_alpha() -> None:
    """Where all say one thing nothing is left to chance; perfect agreement on two things is 1, with room below."""
    with pytest.raises(TooFewData, match="the same"):
        alpha({("1",): [1, 1], ("2",): [1, 1]}, (-1, 0, 1))
    found = alpha({(str(i),): [i % 2, i % 2] for i in range(10)}, (0, 1), "ordinal")
    assert found.value == found.high == 1.0
    assert found.low is not None
    assert found.low < 1.0
