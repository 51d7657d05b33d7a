"""`evalh plan --detect`: what a planned design can find, in words and as JSON.

The figures come from `evalh.stats.power`; docs/power.md says what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalh.reports.numbers import things
from evalh.stats.power import ALPHA, POWER, Spread, chance, questions_needed, smallest_gap

REPEATS: Final = (1, 2, 4)  # that are set beside the planned ones, where they would help


@dataclass(frozen=True, slots=True)
class Design:
    """One way to ask: `questions` find the gap (None: ten million are too few), with so many judgments over all pairs."""

    orders: int
    repeats: int
    questions: int | None
    judgments: int | None
    planned: bool


@dataclass(frozen=True, slots=True)
class Detection:
    """What one judge's comparisons, or scores, can find.

    Attributes:
        figure: "win_rate" (gap as share won minus share lost) or "mean_score" (gap in points).
        gap: the gap asked for, `pairs` how many pairs are tested, `models` how many models are scored.
        questions: planned; `smallest` the smallest gap that they find, `power` the chance that they find `gap`.
        designs: the planned one first.
    """

    judge: str
    figure: str
    gap: float
    pairs: int
    models: int
    questions: int
    power: float
    smallest: float | None
    spread: Spread
    designs: tuple[Design, ...]


def detection(
    judge: str,
    spread: Spread,
    gap: float,
    *,
    questions: int,
    turns: float,
    models: int,
    pairs: int,
    orders: int,
    most_orders: int,
    repeats: int,
) -> Detection:
    """What a design finds, and what others would need.

    Args:
        turns: of a question that are judged, on average.
        most_orders: 2 where the judge can be asked in both orders.

    Raises:
        StatsError: the gap cannot be planned for.
    """
    ways = [(orders, repeats)]
    more = REPEATS if spread.reply > 0 else ()
    ways += [(o, r) for o in range(1, most_orders + 1) for r in sorted({repeats, *more})]
    designs = []
    for o, r in dict.fromkeys(ways):
        needed = questions_needed(spread, gap, o, r, pairs)
        each = turns * r * (o * pairs if spread.share else models)
        designs.append(Design(o, r, needed, None if needed is None else round(needed * each), (o, r) == (orders, repeats)))
    return Detection(
        judge=judge,
        figure="win_rate" if spread.share else "mean_score",
        gap=gap,
        pairs=pairs,
        models=models,
        questions=questions,
        power=chance(spread, gap, questions, orders, repeats, pairs),
        smallest=smallest_gap(spread, questions, orders, repeats, pairs),
        spread=spread,
        designs=tuple(designs),
    )


def as_object(found: Sequence[Detection], origin: str | None) -> dict[str, Any]:
    """The field `detect` of `evalh plan --format json`; `origin` is the run that the variances come from, if any."""
    return {
        "power": POWER,
        "alpha": ALPHA,
        "variances_from": origin,
        "figures": [
            {
                "judge": d.judge,
                "figure": d.figure,
                "gap": d.gap,
                "pairs": d.pairs,
                "questions": d.questions,
                "power_at_questions": d.power,
                "smallest_gap": d.smallest,
                "variances": {
                    "question": d.spread.question,
                    "order": d.spread.order,
                    "reply": d.spread.reply,
                    "told_apart": list(d.spread.apart),
                    "n": d.spread.n,
                },
                "designs": [
                    {
                        "orders": x.orders,
                        "repeats": x.repeats,
                        "questions": x.questions,
                        "judgments": x.judgments,
                        "planned": x.planned,
                    }
                    for x in d.designs
                ],
            }
            for d in found
        ],
    }


def as_text(found: Sequence[Detection], origin: str | None) -> list[str]:
    """The same in lines."""
    lines = []
    for d in found:
        over = f", adjusted for {d.pairs} pairs (Holm)" if d.pairs > 1 else ""
        lines += [
            "",
            f"{d.judge}, {_gap(d, d.gap)}: found in {100 * POWER:.0f} % of runs at p <= {ALPHA:g}{over} with",
            *_table(d),
            f"The planned {things(d.questions, 'question')} {_finds(d)}",
            *(["One order leaves what the judge gives the answer shown first in the figure."] if _one_order(d) else []),
            _basis(d, origin),
        ]
    return lines[1:]


def _one_order(d: Detection) -> bool:
    return d.figure == "win_rate" and any(x.orders == 1 for x in d.designs)


def _gap(d: Detection, gap: float) -> str:
    if d.figure == "mean_score":
        return f"a gap of {gap:.3g} points between mean scores"
    won = 50 + 50 * gap
    return f"a gap of {gap:.3g} between win rates ({won:.1f} % against {100 - won:.1f} %, ties as half)"


def _table(d: Detection) -> list[str]:
    head = ("orders", "repeats", "questions", "judgments")
    rows = [head]
    for x in d.designs:
        needed = "over 10 million" if x.questions is None else f"{x.questions:,}"
        rows.append((str(x.orders), str(x.repeats), needed, "–" if x.judgments is None else f"{x.judgments:,}"))
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    marks = ["", *("  (planned)" if x.planned else "" for x in d.designs)]
    shown = rows if d.figure == "win_rate" else [(r[1], r[2], r[3]) for r in rows]
    wide = widths if d.figure == "win_rate" else widths[1:]
    return [
        "  " + "  ".join(c.rjust(w) for c, w in zip(row, wide, strict=True)) + mark
        for row, mark in zip(shown, marks, strict=True)
    ]


def _finds(d: Detection) -> str:
    chance_of = f"{100 * d.power:.0f} %" if 0.01 <= d.power <= 0.99 else "under 1 %" if d.power < 0.01 else "over 99 %"
    if d.smallest is None:
        return f"find it in {chance_of} of runs; no gap at all is found in {100 * POWER:.0f} %."
    unit = " points" if d.figure == "mean_score" else ""
    return f"find it in {chance_of} of runs; the smallest gap found in {100 * POWER:.0f} % is {d.smallest:.3g}{unit}."


def _basis(d: Detection, origin: str | None) -> str:
    s = d.spread
    parts = f"question {s.question:.3g}"
    if s.share:
        parts += f", order {s.order:.3g}"
    parts += f", reply {s.reply:.3g}"
    if origin is None:
        return f"Variances are assumed ({parts}: GPT-4 on MT-bench); --from-run RUN takes those of an earlier run."
    unseen = [name for name in (("order", "reply") if s.share else ("reply",)) if name not in s.apart]
    text = f"Variances of {origin}, {things(s.n, 'question')}: {parts}."
    if unseen:
        help_of = {"order": "a second order", "reply": "repeats"}
        text += f" It does not tell what {' and '.join(help_of[x] for x in unseen)} would save: no credit is given."
    return text
