"""The card of a judge in one run: what its judgments tell of its biases. Figures and JSON; the words are in `card_words`."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np

from evalh.reports.juries import RepeatsPart, repeats_json
from evalh.reports.noticed import versions_of
from evalh.stats.bias import Position, position, recorded_flips
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Factor, Results
from evalh.stats.length_preference import LengthPreference, length_preference
from evalh.stats.orders import compared, some
from evalh.stats.scale_use import ScaleUse, scale_use
from evalh.stats.self_preference import Preference, outcomes, outcomes_of_votes, preference
from evalh.stats.unreadable import Unreadable, unreadable

UNKNOWN_ORDER: Final = "order:unknown"
"""Flag of a judgment of which the original does not say which answer was shown first."""
INCONSISTENT: Final = "winner:tie (inconsistent)"
"""Flag of a judgment that the original made of two orders that disagree."""


@dataclass(frozen=True, slots=True)
class Family:
    """A judge's family among the models.

    Attributes:
        name: the judge's family, None where it is not known or the judge asks no model.
        models: model -> its family, None where not known; empty for a jury, which is of none.
        own, others: models of the judge's family, and models known to be of another.
        judges: judges that it is held against: all but those known to be of its family.
        by_judges, by_people: the liking for its own, beside other judges' verdicts, and beside votes.
    """

    name: str | None = None
    models: Mapping[str, str | None] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    by_judges: Preference | None = None
    by_people: Preference | None = None


@dataclass(frozen=True, slots=True)
class JudgeCard:
    """Everything on the card of a judge or a jury.

    Attributes:
        unknown_order: judgments that do not say which answer was shown first; if there are any, no position is measured.
        recorded: share of comparisons whose two orders disagreed by the original's own word, where it kept one verdict of two.
        scale: by mode.
        strengths: how often a verdict was slight (1) and clear (2), where the scale has steps.
        repeats: as in the report; None where nothing was asked twice.
        served: (model, fingerprint) that the judge's server said it ran; empty where it asks none, or nothing is known.
    """

    position: Position
    length: LengthPreference
    family: Family
    scale: Mapping[str, ScaleUse]
    unreadable: Unreadable
    strengths: Mapping[int, int] = field(default_factory=dict)
    unknown_order: int = 0
    recorded: Estimate | None = None
    repeats: RepeatsPart | None = None
    served: tuple[tuple[str | None, str | None], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether more than one model, or version of it, judged under this name."""
        return len(versions_of(self.served)) > 1


class Strengths:
    """How often each judge said how clear its verdict is, counted while records are read."""

    def __init__(self) -> None:
        self.judges: dict[str, Counter[int]] = {}

    def note(self, found: Mapping[str, Sequence[Any]]) -> None:
        """Count the scored ones of some judgments, given as field -> values; answers count for nothing."""
        if any(found.get("strength", ())):
            for judge, strength, status in zip(found["judge"], found["strength"], found["status"], strict=True):
                if strength and status == "scored":
                    self.judges.setdefault(judge, Counter())[strength] += 1


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run beside its rows.

    Attributes:
        families: family of every judge and model by label, None where not known.
        votes: verdicts of people over the same answers.
        juries: jury -> its members.
        flags: judge -> flag -> judgments that carry it.
        strengths: judge -> strength of a verdict -> judgments.
        inconsistent: judge -> (questions, 2): comparisons whose orders disagree by the original's word, and all of them.
        repeats, served: as in `JudgeCard`, by judge.
    """

    judges: Mapping[str, str | None] = field(default_factory=dict)
    models: Mapping[str, str | None] = field(default_factory=dict)
    juries: Mapping[str, Sequence[str]] = field(default_factory=dict)
    votes: Sequence[Mapping[str, Any]] = ()
    flags: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    strengths: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    inconsistent: Mapping[str, np.ndarray] = field(default_factory=dict)
    repeats: Mapping[str, RepeatsPart] = field(default_factory=dict)
    served: Mapping[str, tuple[tuple[str | None, str | None], ...]] = field(default_factory=dict)


def cards(heard: Results, given: Results, known: Known, seed: int = 0) -> dict[str, JudgeCard]:
    """The card of everyone that judged.

    Args:
        heard: rows as the leaderboards take them: of juries and judges, repeats combined where the judge says so.
        given: rows as they were given; of a jury there are none, and its rulings stand for them.
        known: of the run.
        seed: of the draws of the one test that draws.

    Returns:
        Name -> card, in the order of the frame.
    """
    heard, given = _sorted(heard), _sorted(given)
    labels = [heard.judge.labels[i] for i in dict.fromkeys(heard.judge.codes.tolist())]
    return {name: _card(name, heard, given, known, seed) for name in labels}


def _sorted(rows: Results) -> Results:
    """The same rows with questions numbered by their ids, so that sums do not depend on the order of the rows."""
    labels = rows.question_id.labels
    order = sorted(range(len(labels)), key=labels.__getitem__)
    place = np.empty(max(len(labels), 1), dtype=np.int32)
    place[order] = np.arange(len(labels), dtype=np.int32)
    return replace(rows, question_id=Factor(place[rows.question_id.codes], tuple(labels[i] for i in order)))


def _card(name: str, heard: Results, given: Results, known: Known, seed: int) -> JudgeCard:
    rows = some(heard, heard.judge.where(name))
    own = given.judge.where(name)
    raw = some(given, own) if own.any() else rows
    games = compared(rows)
    voices = known.juries.get(name, (name,))
    unknown = sum(known.flags.get(voice, {}).get(UNKNOWN_ORDER, 0) for voice in voices)
    told = position(games)
    if unknown or any(voice in known.inconsistent for voice in voices):  # a verdict made of two orders stands in neither
        told = replace(told, flips=None, to_first=None, to_second=None, reversals=None, first_shown=None, first_one_order=None)
    return JudgeCard(
        position=told,
        length=length_preference(rows, games),
        family=_family(name, heard, known),
        scale=scale_use(raw),
        unreadable=unreadable(raw, np.random.default_rng([seed, zlib.crc32(name.encode("utf-8", "surrogatepass"))])),
        strengths=dict(sorted(known.strengths.get(name, {}).items())),
        unknown_order=unknown,
        recorded=recorded_flips(known.inconsistent[name]) if name in known.inconsistent else None,
        repeats=known.repeats.get(name),
        served=known.served.get(name, ()),
    )


def _family(name: str, heard: Results, known: Known) -> Family:
    """Who is of the judge's family, and how it treats them beside what others say."""
    if name in known.juries:
        return Family()
    own_family = known.judges.get(name)
    if own_family is None:
        return Family(models=known.models)
    own = tuple(m for m, family in known.models.items() if family == own_family)
    others = tuple(m for m, family in known.models.items() if family not in (None, own_family))
    judges = tuple(j for j, family in known.judges.items() if j != name and family != own_family)
    found = Family(own_family, known.models, own, others, judges)
    if not own or not others:
        return found

    def said(judge: str) -> Any:
        return outcomes(some(heard, heard.judge.where(judge)), own, others)

    mine = said(name)
    return replace(
        found,
        by_judges=preference(mine, [said(j) for j in judges]) if judges else None,
        by_people=preference(mine, [outcomes_of_votes(known.votes, heard, own, others)]) if known.votes else None,
    )


def inconsistent_by_question(judgments: Iterable[Mapping[str, Any]], judge: str) -> np.ndarray:
    """(questions, 2): scored judgments flagged as made of orders that disagree, and all scored ones, of one judge."""
    cells: dict[str, list[int]] = {}
    for j in judgments:
        if j["judge"] == judge and j["status"] == "scored":
            cell = cells.setdefault(j["question_id"], [0, 0])
            cell[0] += INCONSISTENT in j["flags"]
            cell[1] += 1
    return np.array(list(cells.values()), dtype=np.float64).reshape(-1, 2)


def card_json(card: JudgeCard, notes: Mapping[str, Sequence[str]], estimate: Any) -> dict[str, Any]:
    """A card for `report --format json`; `estimate` turns an Estimate or None into what JSON holds."""
    p, length, family, found = card.position, card.length, card.family, card.unreadable
    return {
        "position": {
            "comparisons": p.comparisons,
            "flips": estimate(p.flips),
            "flips_to_first": estimate(p.to_first),
            "flips_to_second": estimate(p.to_second),
            "reversals": estimate(p.reversals),
            "first_shown": estimate(p.first_shown),
            "one_order": p.one_order,
            "first_shown_one_order": estimate(p.first_one_order),
            "recorded_flips": estimate(card.recorded),
            "unknown_order": card.unknown_order,
            "left_out": p.left_out,
            "notes": list(notes["position"]),
        },
        "length": {
            "slope": estimate(length.slope),
            "longer": estimate(length.longer),
            "comparisons": length.comparisons,
            "equal": length.equal,
            "score_slope": estimate(length.score_slope),
            "scores": length.scores,
            "left_out": length.left_out,
            "notes": list(notes["length"]),
        },
        "self_preference": {
            "family": family.name,
            "families": dict(family.models),
            "own": list(family.own),
            "others": list(family.others),
            "judges": list(family.judges),
            "by_judges": _preference_json(family.by_judges, estimate),
            "by_people": _preference_json(family.by_people, estimate),
            "notes": list(notes["self_preference"]),
        },
        "scale": {
            "modes": {mode: _scale_json(use, estimate) for mode, use in card.scale.items()},
            "strengths": {str(strength): n for strength, n in card.strengths.items()},
            "notes": list(notes["scale"]),
        },
        "unreadable": {
            "models": {model: estimate(e) for model, e in found.models.items()},
            "asked": found.asked,
            "missing": found.missing,
            "left_out": found.left_out,
            "p_value": found.p_value,
            "tested": found.tested,
            "notes": list(notes["unreadable"]),
        },
        "repeatability": repeats_json(card.repeats, estimate),
        "drift": {
            "served": [list(pair) for pair in card.served],
            "changed": card.changed if card.served else None,
            "notes": list(notes["drift"]),
        },
    }


def _preference_json(found: Preference | None, estimate: Any) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "difference": estimate(found.difference),
        "by_judge": estimate(found.by_judge),
        "by_others": estimate(found.by_others),
        "comparisons": found.comparisons,
    }


def _scale_json(use: ScaleUse, estimate: Any) -> dict[str, Any]:
    shown = {name: estimate(getattr(use, name)) for name in ("ties", "top", "entropy", "deviation")}
    counts = {repr(value).removesuffix(".0"): n for value, n in use.counts.items()}
    rest = asdict(replace(use, ties=None, top=None, entropy=None, deviation=None, counts={}))
    return rest | shown | {"counts": counts}
