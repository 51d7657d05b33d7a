"""A number with its uncertainty: what every public statistic returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with a 95 % interval.

    Attributes:
        value: the figure, or None where it is not defined on these data (nothing was scored, say).
        low, high: ends of the interval in the figure's own unit; None where none is defined or that end is open.
        n: questions (clusters) that the figure rests on.
        standard_error: None where none is defined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    standard_error: float | None = None
