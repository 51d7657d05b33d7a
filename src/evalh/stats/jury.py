"""Several voices about one case made into one: the members of a jury, or the repeats of one judge.

A case is what a judge is asked once: a question's turn in one mode and aspect, one answer or two in one order, one repeat. Each
member has one voice in it; a voice that is not scored is asked, but not heard.

- *Verdicts and preferences.* `majority`: the outcome (first better, second better, tie) that more than half of the voices heard
  name; a preference counts for the side it leans to. Where no outcome has more than half (one for each side and a tie, say),
  the case is a tie: every voice was read, and together they favour neither answer. Leaving such cases out would keep the clear
  ones only. `split` marks them, and reports count them. `mean`: the mean outcome; two voices of three are worth two thirds.
- *Scores.* Three voices seldom name the same number of points, so `majority` takes the median of the voices heard; `mean` takes
  their mean. Where one reply holds the scores of two answers, each answer's are combined, and the outcome follows from the two
  results, as it follows from the two scores of one reply.
- *Quorum.* A case in which fewer than `quorum` voices were heard is unscored, with the status "no_quorum"; where none was heard
  and all say the same reason, with that reason. A case about which fewer than `quorum` members were asked at all is none of the
  jury's: no row is made of it.

Combined rows stand in the frame like any others, so leaderboards and intervals are computed from them in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalh.errors import StatsError
from evalh.stats.frame import Factor, Results, as_results

if TYPE_CHECKING:
    import pandas as pd

NO_QUORUM: Final = "no_quorum"
RULES: Final = ("majority", "mean")
OVERALL: Final = "overall"
_EVEN: Final = 1e-9  # outcomes this close to one half, and scores this close to each other, are equal


@dataclass(frozen=True, slots=True)
class Rulings:
    """Rows made of several voices; all arrays have shape (n,).

    Attributes:
        results: the rows, n of them.
        asked, heard: voices asked, and of those the scored ones.
        unanimous: two voices or more were heard and all said the same: the same outcome, or the same score.
        split: scored, although no outcome has a majority.
        passed_over: cases about which too few members were asked; they have no row.
    """

    results: Results
    asked: np.ndarray
    heard: np.ndarray
    unanimous: np.ndarray
    split: np.ndarray
    passed_over: int = 0


def rulings(
    frame: Results | pd.DataFrame,
    name: str,
    members: Sequence[str],
    rule: str,
    quorum: int,
    modes: Sequence[str] | None = None,
) -> Rulings:
    """What a jury says.

    Args:
        frame: a results frame; rows of other judges than the members are not looked at.
        name: the jury's, under which its rows stand.
        members: labels of judges, all different; their order does not matter.
        rule: "majority" or "mean".
        quorum: members that must be heard, from 1 to all.
        modes: those in which the jury speaks; all if None.

    Returns:
        Rows with `judge` = name and `protocol` = "name/rule". Lengths and weights are means; `group_id` is the first of the
        members' by name.

    Raises:
        StatsError: another rule, a quorum beyond the members, or a member named twice.
    """
    _check(rule)
    if len(set(members)) != len(members) or not 1 <= quorum <= len(members):
        raise StatsError(f"jury {name}: {len(members)} members, each named once, and a quorum from 1 to their number")
    rows = as_results(frame)
    rows = rows.take(np.flatnonzero(_any(rows.judge, members) & (True if modes is None else _any(rows.mode, modes))))
    rows, case = _cases(_facing(rows), ("question_id", "turn", "mode", "model_a", "model_b", "swapped", "sample"))
    voice = _key(case, rows.judge.codes)
    if len(rows) > int(voice.max(initial=-1)) + 1:  # who said several things about one case has one voice
        place = np.unique(voice, return_index=True)[1]
        rows, case = _combined(rows, voice, "mean", np.ones(len(place), dtype=np.int64)).results, case[place]
    enough = np.bincount(case) >= quorum
    kept = np.flatnonzero(enough[case])
    made = _combined(rows.take(kept), np.unique(case[kept], return_inverse=True)[1], rule, quorum)
    n = len(made.results)
    renamed = replace(made.results, judge=Factor.of([name] * n), protocol=Factor.of([f"{name}/{rule}"] * n))
    return replace(made, results=renamed, passed_over=int((~enough).sum()))


def repeats(frame: Results | pd.DataFrame, rule: str) -> Results:
    """Rows in which each judge's repeats of a case are one voice.

    Args:
        frame: a results frame; judges are kept apart.
        rule: "majority" or "mean"; more than half of a case's repeats have to be scored, or it is unscored.

    Returns:
        Rows with `sample` 0 and `judge` and `protocol` as they were.

    Raises:
        StatsError: another rule.
    """
    _check(rule)
    rows, case = _cases(_facing(as_results(frame)), _REPEATED)
    made = _combined(rows, case, rule, np.bincount(case) // 2 + 1)
    return replace(made.results, sample=np.zeros(len(made.results), dtype=np.int64))


def repeated(frame: Results | pd.DataFrame) -> Rulings:
    """The cases of which two repeats or more were scored, as what the majority of the repeats says.

    `unanimous` tells where all of them said the same: the complement is how often a judge contradicts itself.
    """
    rows, case = _cases(_facing(as_results(frame)), _REPEATED)
    made = _combined(rows, case, "majority", 2)
    some = made.heard >= 2
    columns = {name: getattr(made, name)[some] for name in ("asked", "heard", "unanimous", "split")}
    return Rulings(made.results.take(some), **columns)


_REPEATED: Final = ("judge", "question_id", "turn", "mode", "model_a", "model_b", "swapped")


def _check(rule: str) -> None:
    if rule not in RULES:
        raise StatsError(f"voices are combined by {' or '.join(RULES)}, not by {rule!r}")


def _any(factor: Factor, labels: Sequence[str]) -> np.ndarray:
    """Mask (n,) of the rows that hold one of the labels."""
    wanted = np.array([label in labels for label in factor.labels] or [False])
    mask: np.ndarray = wanted[factor.codes]
    return mask


def _scored(rows: Results) -> np.ndarray:
    """Mask (n,) of the rows that count; see `evalh.stats.cells`."""
    value = np.where(rows.model_b.where(""), rows.score_a, rows.outcome)
    mask: np.ndarray = rows.status.where("scored") & np.isfinite(value) & np.isfinite(rows.weight) & (rows.weight > 0)
    return mask


def _key(*parts: np.ndarray) -> np.ndarray:
    """Equal where all parts are equal: whole numbers from 0 without gaps, shape (n,)."""
    key = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        key = np.unique(key * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return key


def _facing(rows: Results) -> Results:
    """Every comparison seen from the model whose name sorts first."""
    names = sorted({*rows.model_a.labels, *rows.model_b.labels})
    place = {name: i for i, name in enumerate(names)}
    first, second = (
        np.array([place[label] for label in f.labels] or [0], dtype=np.int32)[f.codes] for f in (rows.model_a, rows.model_b)
    )
    turned = (first > second) & ~rows.model_b.where("")
    low, high = np.where(turned, second, first), np.where(turned, first, second)
    return replace(
        rows,
        model_a=Factor(low, tuple(names)),
        model_b=Factor(high, tuple(names)),
        outcome=np.where(turned, 1.0 - rows.outcome, rows.outcome),
        score_a=np.where(turned, rows.score_b, rows.score_a),
        score_b=np.where(turned, rows.score_a, rows.score_b),
        length_a=np.where(turned, rows.length_b, rows.length_a),
        length_b=np.where(turned, rows.length_a, rows.length_b),
        swapped=rows.swapped ^ turned,
    )


def _cases(rows: Results, columns: Sequence[str]) -> tuple[Results, np.ndarray]:
    """The case of every row: a number from 0 without gaps, equal where the columns and the aspect are equal.

    A reply that could not be read may name no aspect: where it is all that its voice left, its row stands for all aspects that
    other voices gave a value for.

    Returns:
        (rows, such ones multiplied; the case of each).
    """
    base = _key(*(c.codes if isinstance(c, Factor) else c.astype(np.int64) for c in (getattr(rows, n) for n in columns)))
    aspect = rows.aspect.codes.astype(np.int64)
    voice = _key(base, rows.judge.codes, rows.sample)
    blank = rows.aspect.where(OVERALL) & ~_scored(rows) & (np.bincount(voice)[voice] == 1)
    size = max(len(rows.aspect.labels), 1)
    if size > 1 and blank.any():
        named = np.unique(base[~blank] * size + aspect[~blank])
        start, stop = np.searchsorted(named, base * size), np.searchsorted(named, (base + 1) * size)
        times = np.where(blank, np.maximum(stop - start, 1), 1)
        index = np.repeat(np.arange(len(rows)), times)
        nth = np.arange(len(index)) - np.repeat(np.cumsum(times) - times, times)
        spread = blank[index] & (stop > start)[index]
        aspect = aspect[index]
        aspect[spread] = named[(start[index] + nth)[spread]] % size
        rows, base = rows.take(index), base[index]
        rows = replace(rows, aspect=Factor(aspect.astype(np.int32), rows.aspect.labels))
    return rows, _key(base, aspect)


def _combined(rows: Results, case: np.ndarray, rule: str, quorum: int | np.ndarray) -> Rulings:
    """One row per case, cases in the order of their numbers; each row given is a voice.

    Args:
        rows: n rows.
        case: (n,) from 0 without gaps.
        quorum: voices to be heard, one number or shape (cases,).
    """
    size = int(case.max(initial=-1)) + 1
    head = np.unique(case, return_index=True)[1]
    ok = _scored(rows)
    asked, heard = np.bincount(case, minlength=size), np.bincount(case[ok], minlength=size)
    spoken = (heard >= quorum) & (heard > 0)
    compared = ~rows.model_b.where("")[head]
    leans = np.where(np.abs(rows.outcome - 0.5) <= _EVEN, 0.0, np.sign(rows.outcome - 0.5))
    counts = np.stack([np.bincount(case[ok & (leans == side)], minlength=size) for side in (1.0, 0.0, -1.0)])
    most = counts.max(axis=0)
    reviewed = rows.mode.where("two-score")[head] & compared
    score_a, same_a = _points(rows.score_a, case, ok, size, rule)
    score_b, same_b = _points(rows.score_b, case, ok, size, rule)
    agreed = 2 * most > heard
    if rule == "majority":
        outcome = np.where(agreed, np.array([1.0, 0.5, 0.0])[counts.argmax(axis=0)], 0.5)
    else:
        outcome = _mean(rows.outcome, case, ok, size)
    outcome = np.where(reviewed & np.isfinite(score_a - score_b), _higher(score_a, score_b), outcome)
    made: dict[str, Any] = {
        name: np.where(spoken, value, np.nan)
        for name, value in (("outcome", np.where(compared, outcome, np.nan)), ("score_a", score_a), ("score_b", score_b))
    }
    everyone = np.ones(len(rows), dtype=bool)
    weight = _mean(rows.weight, case, ok, size)
    made["weight"] = np.where(heard > 0, weight, _mean(rows.weight, case, everyone, size))
    made |= {name: _mean(getattr(rows, name), case, everyone, size) for name in ("length_a", "length_b")}
    made["status"] = _status(rows.status, case, heard, spoken)
    made["group_id"] = _first_by_name(rows.group_id, case, size)
    return Rulings(
        replace(rows.take(head), **made),
        asked,
        heard,
        unanimous=(heard >= 2) & np.where(reviewed | ~compared, same_a & (same_b | ~reviewed), most == heard),
        split=spoken & compared & ~reviewed & ~agreed & (rule == "majority"),
    )


def _mean(values: np.ndarray, case: np.ndarray, ok: np.ndarray, size: int) -> np.ndarray:
    """Mean by case over the rows of a mask, shape (size,); NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.bincount(case[ok], weights=values[ok], minlength=size)
        mean: np.ndarray = total / np.bincount(case[ok], minlength=size)
    return mean


def _points(scores: np.ndarray, case: np.ndarray, ok: np.ndarray, size: int, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Median or mean of the scores by case (NaN where there are none), and whether all of them are equal."""
    chosen = np.flatnonzero(ok & np.isfinite(scores))
    order = chosen[np.lexsort((scores[chosen], case[chosen]))]
    given = np.bincount(case[order], minlength=size)
    start = np.cumsum(given) - given
    none = given == 0
    # one more value stands for the cases that have none, wherever their indices would point
    ranked = np.append(scores[order], np.nan)
    low, high = (ranked[np.where(none, len(order), start + offset)] for offset in ((given - 1) // 2, given // 2))
    same = ranked[np.where(none, len(order), start)] == ranked[np.where(none, len(order), start + given - 1)]
    if rule == "majority":
        return np.where(low == high, low, (low + high) / 2), same
    mean = _mean(scores, case, ok & np.isfinite(scores), size)
    return np.where(same, low, mean), same


def _higher(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 where a is higher, 0 where b is, 0.5 where they are equal but for rounding."""
    even = np.abs(a - b) <= _EVEN * np.maximum(np.abs(a), np.abs(b))
    outcome: np.ndarray = np.where(even, 0.5, np.where(a > b, 1.0, 0.0))
    return outcome


def _status(status: Factor, case: np.ndarray, heard: np.ndarray, spoken: np.ndarray) -> Factor:
    """ "scored" where the case is decided; else the reason that all voices share, or "no_quorum"."""
    labels = tuple(dict.fromkeys((*status.labels, "scored", NO_QUORUM)))
    size = len(heard)
    lowest, highest = np.full(size, len(labels)), np.full(size, -1)
    np.minimum.at(lowest, case, status.codes)
    np.maximum.at(highest, case, status.codes)
    reason = np.where((heard == 0) & (lowest == highest), lowest, labels.index(NO_QUORUM))
    return Factor(np.where(spoken, labels.index("scored"), reason).astype(np.int32), labels)


def _first_by_name(factor: Factor, case: np.ndarray, size: int) -> Factor:
    """The label of each case that sorts first, whatever the order of the rows."""
    names = sorted(factor.labels)
    place = {name: i for i, name in enumerate(names)}
    rank = np.array([place[label] for label in factor.labels] or [0], dtype=np.int32)[factor.codes]
    first = np.full(size, len(names), dtype=np.int32)
    np.minimum.at(first, case, rank)
    return Factor(first, tuple(names))
