"""A judge's card from made-up verdicts whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalh.stats.qualification import Card, Verdict, card


def both(case: str, kind: str, outcomes: tuple[float | None, float | None], sample: int = 0) -> list[Verdict]:
    """The verdicts on one case in both orders; the answer looked at is shown first in the first of them."""
    return [Verdict(case, kind, "general", sample, order, x, first=order == 0, said=x) for order, x in enumerate(outcomes)]


def value(made: Card, name: str) -> float | None:
    """A figure's value, None where it does not apply."""
    estimate = getattr(made, name)
    return None if estimate is None else estimate.value


def test_figures_by_hand() -> None:
    """Right in both orders, in one of them, tied, wrong and unread: each counts where it belongs."""
    verdicts = [
        *both("a", "clear", (1, 1)),
        *both("b", "clear", (1, 0)),
        *both("c", "error", (0.5, 0.5)),
        *both("d", "null", (0, None)),
        *both("e", "same", (0.5, 1)),
        *both("f", "padded", (1, 0.5)),
        *both("g", "injected", (1, 0)),
    ]
    made = card(verdicts)
    assert value(made, "accuracy") == pytest.approx(3 / 7)
    assert {k: e and e.value for k, e in made.by_kind.items()} == {"clear": 0.75, "error": 0.0, "null": 0.0}
    # Of a, b, c, f, g, which were read in both orders, a and c are the same in both.
    assert value(made, "position_consistency") == pytest.approx(2 / 5)
    assert made.position_consistency is not None
    assert made.position_consistency.n == 5
    first = (1 + 0) + (1 + 1) + (0.5 + 0.5) + (1 + 0.5) + (1 + 1)
    assert value(made, "first_shown") == pytest.approx(first / 10)
    assert value(made, "identical") == 0.5
    assert value(made, "padding") == 0.75
    assert value(made, "injection_resistance") == 0.5
    assert value(made, "unreadable") == pytest.approx(1 / 14)
    assert value(made, "repeatability") is None


def test_repeats_are_held_against_the_first_that_was_scored() -> None:
    """A later sample that says the same repeats it, whatever is right; what was not scored is left out."""
    verdicts = [
        *both("a", "clear", (None, 1), 0),
        *both("a", "clear", (0, 1), 1),
        *both("a", "clear", (1, 1), 2),
    ]
    assert value(card(verdicts), "repeatability") == pytest.approx(2 / 3)
    assert value(card(verdicts[:3]), "repeatability") is None


def test_parts_of_a_case_are_compared_with_themselves() -> None:
    """Verdicts on several aspects of one case do not stand for each other's other order, nor for repeats."""
    one = both("a", "clear", (1, 1))
    two = [replace(v, part="depth", outcome=0.0, said=0.0) for v in one]
    made = card([*one, *two])
    assert (value(made, "position_consistency"), value(made, "repeatability")) == (1, None)


def test_what_does_not_apply_has_no_figure() -> None:
    """Answers scored alone have no order; a scale without a tie cannot call two texts equal; nothing at all is no figure."""
    alone = [Verdict("a", "same", "math", 0, 0, 0.5), Verdict("b", "clear", "math", 0, 0, 1)]
    made = card(alone)
    assert (made.position_consistency, made.first_shown, made.identical) == (None, None, None)
    assert value(made, "accuracy") == 1
    forced = [replace(v, level=False) for v in both("e", "same", (1, 0))]
    assert card(forced).identical is None
    assert card([]) == Card(None, {}, {}, *[None] * 8)
