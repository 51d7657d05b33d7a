"""A judge's leaderboard corrected by votes: as JSON, and in words."""

from __future__ import annotations

from typing import Any

from evalh.reports.document import estimate_json
from evalh.reports.numbers import MISSING, Show, count, fixed, interval, percent, rating, share
from evalh.reports.text import line, shorten
from evalh.stats.correction import Correction
from evalh.stats.estimate import Estimate


def corrected_json(found: Correction | None) -> dict[str, Any] | None:
    """The `corrected` part of `evalh agree --format json`."""
    if found is None:
        return None
    rated = found.ratings
    models = []
    for i, m in enumerate(found.models):
        w = m.win_rate
        judge, people, both = (w.judge, w.people, w.estimate) if w is not None else (None, None, None)
        ratings = {"judge": rated and rated.judge, "people": rated and rated.people, "corrected": rated and rated.estimates}
        models.append(
            {
                "model": m.model,
                "judge": estimate_json(judge),
                "people": estimate_json(people),
                "corrected": _claimed(both),
                "tuning": w and w.tuning,
                "correlation": w and w.correlation,
                "note": (w.note or None) if w is not None else None,
                "rogan_gladen": estimate_json(m.rogan_gladen),
                "rogan_gladen_note": m.rogan_gladen_note or None,
                "rating": {name: estimate_json(own[i]) if own else None for name, own in ratings.items()},
            }
        )
    return {
        "judged": found.judged,
        "voted": found.voted,
        "random_sample": {"p_values": dict(found.sampled.p_values), "differs": list(found.sampled.differs)},
        "refused": found.refused or None,
        "models": models,
        "rating_tuning": rated and rated.tuning,
        "rating_note": (rated.note or None) if rated is not None else None,
    }


def _claimed(e: Estimate | None) -> dict[str, Any] | None:
    """Nothing where no claim is made."""
    return None if e is None or e.value is None else estimate_json(e)


def corrected_lines(found: Correction | None) -> list[str]:
    """Win rates and ratings of all models, and what there is to say about them; nothing where there is none."""
    if found is None:
        return []
    head = f"as people would have it, from votes on {count(found.voted)} of {count(found.judged)} comparisons"
    rows: list[tuple[str, ...]] = [("win rate", "judge", "people alone", "corrected", "judge's weight")]
    for m in found.models:
        w = m.win_rate
        three = (w.judge, w.people, w.estimate) if w is not None else (None, None, None)
        cells = (*map(_rate, three), fixed(w.tuning if w is not None and not found.refused else None, 2))
        rows.append((shorten(m.model), *cells))
    rated = found.ratings
    if rated is not None and (rated.people or rated.estimates):
        rows.append(("rating", "", "", "", ""))
        for i, m in enumerate(found.models):
            points = [_points(own[i] if own else None) for own in (rated.judge, rated.people, rated.estimates)]
            weight = fixed(rated.tuning if rated.estimates else None, 2)
            rows.append((shorten(m.model), *points, weight))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return ["", f"{head}:", *table, *_notes(found)]


def _rate(e: Estimate | None) -> str:
    return _shown(e, percent, share)


def _points(e: Estimate | None) -> str:
    return _shown(e, rating, rating)


def _shown(e: Estimate | None, show: Show, end: Show) -> str:
    if e is None or e.value is None:
        return MISSING
    ends = interval(e.low, e.high, end)
    return show(e.value) + (f" ({ends})" if ends != MISSING else "")


def _notes(found: Correction) -> list[str]:
    """Each reason once, with the models it holds for."""
    reasons: dict[str, list[str]] = {}
    for m in found.models:
        if m.win_rate is not None and m.win_rate.note and not found.refused:
            reasons.setdefault(m.win_rate.note, []).append(m.model)
        if m.win_rate is None and m.rogan_gladen_note:
            reasons.setdefault(m.rogan_gladen_note, []).append(m.model)
    if found.ratings is not None and found.ratings.note and not found.refused:
        reasons.setdefault(found.ratings.note, []).append("ratings")
    lines = [f"note: {line(found.refused)}; nothing is claimed from votes and judge together"] if found.refused else []
    return lines + [f"note: {line(', '.join(names))}: {line(reason)}" for reason, names in reasons.items()]
