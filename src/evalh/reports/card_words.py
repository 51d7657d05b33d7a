"""The card of a judge in plain words: notes on what cannot be told, rows for tables, and the few lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from evalh.reports.judge_card import JudgeCard
from evalh.reports.noticed import versions_of
from evalh.reports.numbers import MISSING, count, fixed, interval, p_value, percent, share, things
from evalh.reports.scale_words import notes as scale_notes
from evalh.reports.scale_words import rows as scale_rows
from evalh.reports.text import line
from evalh.stats.estimate import Estimate

SIGNIFICANT: Final = 0.05
SECTIONS: Final = ("position", "length", "self_preference", "scale", "unreadable", "drift")
LISTED: Final = 6
"""Names in a sentence before the others are only counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a card as a table shows it; `n` is in questions, `basis` says of what it is a figure."""

    title: str
    value: str
    interval: str
    n: str
    basis: str
    meaning: str


def points(x: float | None) -> str:
    """A difference of fractions, in points of a hundred, with its sign."""
    return signed(None if x is None else 100 * x, 1)


def signed(x: float | None, digits: int = 2) -> str:
    """A number with its sign, also where it is positive."""
    shown = fixed(x, digits)
    return "+" + shown if x is not None and x > 0 and any(c in "123456789" for c in shown) else shown


def _twice(x: float | None) -> str:
    return signed(x, 2)


def _hundredths(x: float | None) -> str:
    """An end of an interval of points: only its figure has a plus sign."""
    return fixed(None if x is None else 100 * x, 1)


def _plain(x: float | None) -> str:
    return fixed(x, 2)


def notes(card: JudgeCard) -> dict[str, list[str]]:
    """What has to be known about each part of a card: why a figure is missing, and what it cannot tell."""
    found = {
        "position": _position_notes(card),
        "length": _length_notes(card),
        "self_preference": _family_notes(card),
        "scale": scale_notes(card.scale),
        "unreadable": _unreadable_notes(card),
        "drift": _drift_notes(card),
    }
    return {section: found[section] for section in SECTIONS}


def _position_notes(card: JudgeCard) -> list[str]:
    p = card.position
    if card.unknown_order:
        said = things(card.unknown_order, "judgment")
        return [f"Position: {said} do not say which answer was shown first, so nothing is measured."]
    found = []
    if card.recorded is not None:
        return ["Position: the original kept one verdict of two orders, marked where they disagree; which way is lost."]
    if p.one_order and not p.comparisons:
        found.append(
            f"Position: all {things(p.one_order, 'comparison')} were asked in one order only; how often the answer shown first"
            " wins cannot be told apart from its quality."
        )
    elif p.one_order:
        found.append(f"Position: {things(p.one_order, 'comparison')} asked in one order only tell nothing of it.")
    if p.left_out:
        found.append(f"Position: {things(p.left_out, 'comparison')} with an unscored order left out.")
    if not p.comparisons and not p.one_order and not p.left_out:
        found.append("Position: there are no comparisons; a judge that scores answers one by one has no position to prefer.")
    return found


def _length_notes(card: JudgeCard) -> list[str]:
    found = []
    length = card.length
    if length.left_out:
        found.append(f"Length: {things(length.left_out, 'judgment')} about answers whose text is not given left out.")
    if length.slope is None and length.comparisons:
        found.append("Length: no slope of verdicts, as no pair of models was compared on two questions with different lengths.")
    if length.score_slope is None and length.scores:
        found.append(
            "Length: no slope of scores, as no two answers to a question differ in length beyond their models' levels."
        )
    if length.slope is not None or length.score_slope is not None:
        found.append(
            "Length: a longer answer may also be the better one; only what models differ by on the whole is taken out."
        )
    return found


def _names(names: tuple[str, ...] | list[str]) -> str:
    shown = [line(name) for name in names[:LISTED]]
    return ", ".join(shown) + (f" and {count(len(names) - LISTED)} more" if len(names) > LISTED else "")


def _family_notes(card: JudgeCard) -> list[str]:
    family = card.family
    if family.name is None and not family.models:
        return []
    if family.name is None:
        return ["Own family: the judge asks no model, or one whose family is not known; nothing is measured."]
    unknown = [m for m, of in family.models.items() if of is None]
    found = []
    if not family.own:
        found.append(f"Own family: no model is known to be of the judge's family, {line(family.name)}.")
    elif not family.others:
        found.append(f"Own family: no model is known to be outside the judge's family, {line(family.name)}.")
    elif family.by_judges is None and family.by_people is None:
        found.append(relation(card))
    else:
        beside = [*(["people"] if family.by_people else []), *(family.judges if family.by_judges else ())]
        found.append(f"Own family: a difference to what {_names(beside)} said; a liking that they share is not seen.")
    if unknown:
        found.append(f"Own family: the family of {_names(unknown)} is not known; what is about them is left out.")
    return found


def relation(card: JudgeCard) -> str:
    """The warning where a judge alone speaks about models of its own family."""
    family = card.family
    return (
        f"Own family: the judge is of the family of {_names(family.own)} ({line(family.name or '')}); whether it prefers"
        " them cannot be told apart from their quality without votes, or judges of other families, on the same comparisons."
    )


def _unreadable_notes(card: JudgeCard) -> list[str]:
    u = card.unreadable
    found = []
    if u.p_value is not None and u.p_value <= SIGNIFICANT:
        worst = max(u.models, key=lambda m: (u.models[m].value or 0.0, m))
        found.append(
            f"Unscored judgments are not spread evenly over the models (p = {p_value(u.p_value)},"
            f" {things(u.tested, 'question')}): {line(worst)} {percent(u.models[worst].value)}."
            " What is missing may favour somebody."
        )
    elif u.missing and u.p_value is None:
        found.append("Unscored: nothing tells whether it depends on the model, as it falls on all models of a question alike.")
    if u.left_out:
        found.append(f"Unscored: {things(u.left_out, 'row')} that the judge was not asked about left out.")
    return found


def _drift_notes(card: JudgeCard) -> list[str]:
    if not card.changed:
        return []
    names = "; ".join(map(line, versions_of(card.served)))
    return [f"Drift: the judge's model changed within the run: {names}."]


def lines(card: JudgeCard) -> Iterator[str]:
    """What a reader of the terminal should know, in a few sentences."""
    p, length = card.position, card.length
    if p.flips is not None and p.first_shown is not None:
        yield (
            f"Position: {_full(p.flips)} of {things(p.comparisons, 'comparison')} flip with the order"
            f" ({_value(p.to_first)} to the first shown, {_value(p.to_second)} to the second); the first shown gets"
            f" {_full(p.first_shown)}, 50% being no preference."
        )
    elif card.recorded is not None:
        yield f"Position: {_full(card.recorded)} of the comparisons flip with the order, as the original recorded."
    elif card.unknown_order or p.one_order:
        yield _position_notes(card)[0]
    if length.slope is not None:
        yield (
            f"Length: {_points(length.slope)} points of win rate per doubling of length, within pairs of models; the longer"
            f" answer gets {_full(length.longer)}."
        )
    if length.score_slope is not None:
        yield f"Length: {_signed(length.score_slope)} in score per doubling of length, within questions."
    yield from _family_lines(card)
    yield from (text for text in scale_notes(card.scale))
    if card.unreadable.p_value is not None and card.unreadable.p_value <= SIGNIFICANT:
        yield _unreadable_notes(card)[0]
    yield from _drift_notes(card)


def _family_lines(card: JudgeCard) -> Iterator[str]:
    family = card.family
    if not family.own or not family.others:
        return
    for found, beside in ((family.by_people, "people"), (family.by_judges, "other judges")):
        if found is not None:
            yield (
                f"Own family ({line(family.name or '')}: {_names(family.own)}): {_points(found.difference)} points of win rate"
                f" beside {beside}, over {things(found.comparisons, 'comparison')}."
            )
    if family.by_people is None and family.by_judges is None:
        yield relation(card)


def _value(e: Estimate | None) -> str:
    return percent(e.value) if e is not None else MISSING


def _full(e: Estimate | None) -> str:
    if e is None:
        return MISSING
    ends = interval(e.low, e.high, share)
    return percent(e.value) + ("" if ends == MISSING else f" ({ends})")


def _points(e: Estimate) -> str:
    ends = interval(e.low, e.high, _hundredths)
    return points(e.value) + ("" if ends == MISSING else f" ({ends})")


def _signed(e: Estimate) -> str:
    ends = interval(e.low, e.high, _plain)
    return signed(e.value) + ("" if ends == MISSING else f" ({ends})")


def rows(card: JudgeCard) -> list[Row]:
    """Every figure of a card that there is, for a table."""
    found = [*_position_rows(card), *_length_rows(card), *_family_rows(card), *scale_rows(card.scale)]
    if card.unreadable.missing:
        of = f"{count(card.unreadable.missing)} of {things(card.unreadable.asked, 'row')} in all"
        found += [
            ("unscored: " + line(model), e, "share", of, "what the judge was asked about this model and stayed unscored")
            for model, e in card.unreadable.models.items()
        ]
    if card.repeats is not None:
        said = (card.repeats.verdicts, card.repeats.scores)
        for what, e, n in zip(("verdicts", "scores"), said, card.repeats.cases, strict=True):
            found.append((f"repeated {what} that differ", e, "share", things(n, "case"), "not all repeats say the same"))
    return [_row(*parts) for parts in found if parts[1] is not None]


Parts = tuple[str, Estimate | None, str, str, str]
"""Title, figure, kind ("share", "points", "signed" or "plain"), basis, meaning."""


def _row(title: str, e: Estimate | None, kind: str, basis: str, meaning: str) -> Row:
    assert e is not None
    show, end = {
        "share": (percent, share),
        "points": (points, _hundredths),
        "signed": (_twice, _plain),
        "plain": (_plain, _plain),
    }[kind]
    return Row(title, show(e.value), interval(e.low, e.high, end), count(e.n), basis, meaning)


def _position_rows(card: JudgeCard) -> list[Parts]:
    p = card.position
    both = f"{things(p.comparisons, 'comparison')} in both orders"
    return [
        ("verdicts that flip with the order", p.flips, "share", both, "win, tie or loss is not the same in both orders"),
        ("flips to the first shown", p.to_first, "share", both, "the verdict leans to whichever answer stands first"),
        ("flips to the second shown", p.to_second, "share", both, "the verdict leans to whichever answer stands second"),
        ("reversals", p.reversals, "share", both, "both orders name a winner, and not the same"),
        ("outcome of the first shown", p.first_shown, "share", both, "50% is no preference for a position"),
        (
            "outcome of the first shown, one order",
            p.first_one_order,
            "share",
            f"{things(p.one_order, 'comparison')} in one order",
            "cannot be told apart from quality",
        ),
        (
            "recorded flips",
            card.recorded,
            "share",
            "comparisons",
            "the original marks the other order as decided otherwise",
        ),
    ]


def _length_rows(card: JudgeCard) -> list[Parts]:
    length = card.length
    compared, scored = things(length.comparisons, "comparison"), things(length.scores, "score")
    differ = things(length.comparisons - length.equal, "comparison")
    return [
        ("win rate per doubling of length", length.slope, "points", compared, "points gained, within pairs of models"),
        ("outcome of the longer answer", length.longer, "share", differ, "50% is no preference; quality is not taken out"),
        (
            "score per doubling of length",
            length.score_slope,
            "signed",
            scored,
            "points gained, within questions, net of models",
        ),
    ]


def _family_rows(card: JudgeCard) -> list[Parts]:
    found: list[Parts] = []
    for beside, p in (("people", card.family.by_people), ("other judges", card.family.by_judges)):
        if p is not None:
            basis = things(p.comparisons, "comparison")
            found.append(("own family, beside " + beside, p.difference, "points", basis, "win rate beyond what these give"))
            found.append(("own family, by this judge", p.by_judge, "share", basis, "win rate of its own family's models"))
            found.append(("own family, by " + beside, p.by_others, "share", basis, "the same in the same comparisons"))
    return found


def told(cards: Mapping[str, JudgeCard] | None, judge: str) -> list[str]:
    """The lines of one judge; empty where it has no card."""
    return list(lines(cards[judge])) if cards and judge in cards else []
