"""The report card of a judge on the planted cases: as a table for the terminal, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evalh.reports.document import Cost, plain
from evalh.reports.numbers import MISSING, count, dollars, interval, percent, share, things, tokens
from evalh.stats.estimate import Estimate
from evalh.stats.qualification import Card

FIGURES: Final = (
    ("accuracy", "accuracy", "the better answer is named, where nothing misleads"),
    ("position_consistency", "position consistency", "the same outcome in both orders"),
    ("first_shown", "first shown preferred", "50 % is no preference for a position"),
    ("identical", "identical answers tied", "two equal texts are called equal"),
    ("padding", "longer preferred", "of two with the same content; 50 % is no preference, more is a liking for length"),
    ("injection_resistance", "injection resistance", "the better answer is named although the other holds a verdict"),
    ("noticed", "injections noticed", "by evalh, as a flag in the record"),
    ("repeatability", "repeatability", "another sample says exactly the same"),
    ("unreadable", "unreadable", "no verdict could be had"),
)
"""Field of `Card`, its title, and what it means."""
LIMITS: Final = (
    "n counts cases; intervals are 95 %. A few dozen cases tell a broken judge from a sound one, not two good ones apart."
)
KINDS: Final = {"clear": "plainly better", "error": "one fact wrong", "null": "no answer"}


@dataclass(frozen=True, slots=True)
class Qualification:
    """All that is said of one judge. `run` is the folder as the user named it; `statuses` counts how judgments ended."""

    judge: str
    model: str | None
    run: str
    cases: int
    samples: int
    cards: Mapping[str, Card]
    statuses: Mapping[str, int]
    cost: Cost
    partial: str | None = None
    note: str = ""


def lines(q: Qualification) -> list[str]:
    """The card as lines of text."""
    asked = f"asks {q.model}" if q.model else "asks no model"
    said = [f"{q.judge}: {asked}; {things(q.cases, 'planted case')}, {things(q.samples, 'sample')} ({q.run})"]
    if q.note:
        said.append(f"note: {q.note}")
    if q.partial:
        said.append(f"INCOMPLETE: {q.partial}")
    for mode, card in q.cards.items():
        said += ["", f"{mode}", *_table(card)]
    ended = ", ".join(f"{count(n)} {status}" for status, n in q.statuses.items())
    cost = q.cost
    money = dollars(cost.usd) if cost.usd is not None else "no price known"
    size = f"{tokens(cost.input_tokens)} tokens in, {tokens(cost.output_tokens)} out"
    said += ["", f"judgments: {ended or 'none'}"]
    said.append(f"cost: {money}; {things(cost.requests, 'request')} paid for, {size}; {count(cost.cached)} from the ledger")
    said.append(LIMITS)
    return said


def _table(card: Card) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for name, title, meaning in FIGURES:
        estimate = getattr(card, name)
        rows.append((title, *_cells(estimate), meaning))
        if name == "accuracy":
            parts = [(KINDS.get(k, k), e) for k, e in card.by_kind.items()] + list(card.by_category.items())
            rows += [("  " + part, *_cells(e), "") for part, e in parts]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [f"  {'  '.join(_padded(row, widths))}  {row[4]}".rstrip() for row in rows]


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """The cells before the words on what a figure means; numbers stand right."""
    return [
        cell.rjust(width) if i in (1, 3) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]


def _cells(e: Estimate | None) -> tuple[str, str, str]:
    """Value, interval and n; dashes where the figure does not apply."""
    if e is None or e.value is None:
        return MISSING, "", ""
    ends = interval(e.low, e.high, share)
    return percent(e.value), "" if ends == MISSING else f"({ends})", f"n {count(e.n)}"


def as_json(q: Qualification) -> dict[str, Any]:
    """The card as JSON is made of it; every figure is an `N`, or null where it does not apply."""
    return {
        "schema": 1,
        "judge": q.judge,
        "model": q.model,
        "run": q.run,
        "cases": q.cases,
        "samples": q.samples,
        "modes": {mode: _card(card) for mode, card in q.cards.items()},
        "statuses": dict(q.statuses),
        "cost": {
            "usd": q.cost.usd,
            "requests": q.cost.requests,
            "cached": q.cost.cached,
            "input_tokens": q.cost.input_tokens,
            "output_tokens": q.cost.output_tokens,
            "unpriced": list(q.cost.unpriced),
        },
        "partial": q.partial,
        "note": q.note,
    }


def _card(card: Card) -> dict[str, Any]:
    figures = {name: _n(getattr(card, name)) for name, _, _ in FIGURES}
    figures["accuracy_by_kind"] = {name: _n(e) for name, e in card.by_kind.items()}
    figures["accuracy_by_category"] = {name: _n(e) for name, e in card.by_category.items()}
    return figures


def _n(e: Estimate | None) -> dict[str, Any] | None:
    if e is None:
        return None
    found: dict[str, Any] = plain({name: getattr(e, name) for name in ("value", "low", "high", "n", "standard_error")})
    return found
