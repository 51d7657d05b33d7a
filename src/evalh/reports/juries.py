"""Juries and repeats in a report: what the voices had to be made into, and how far they agree.

The figures of a jury are those of its leaderboard; here stands what a reader needs beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np

from evalh.errors import StatsError
from evalh.reports.numbers import WIN_RATE, count, fixed, interval, things
from evalh.reports.text import line
from evalh.stats.agreement import Verdicts, alpha, between, verdicts
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.jury import Rulings, repeated, rulings
from evalh.stats.resample import interval as with_interval

HOW: Final[Mapping[str, str]] = {
    "majority": "by majority: the outcome that more than half of them name, the median of their scores",
    "mean": "by the mean of their outcomes and scores",
}


@dataclass(frozen=True, slots=True)
class Pairing:
    """How often two judges name the same outcome, over `count` comparisons; None where they share none."""

    first: str
    second: str
    estimate: Estimate | None
    count: int = 0


@dataclass(frozen=True, slots=True)
class JuryPart:
    """A jury and how it came to its rulings.

    Attributes:
        members, rule, quorum, modes, note: as in run.json.
        rulings: cases that the jury decided; `unanimous` of the `together` ones that two members or more were heard on.
        split: of the decided ones, those without a majority, counted as ties.
        no_quorum: cases that too few of the members asked could be heard on.
        voices: judgments of members in all these cases; `unheard` of them were not scored.
        passed_over: cases about which too few members were asked.
        silent: modes of its members' judgments in which the jury does not speak.
        pairings: every two members; then every member and the jury.
        alpha: Krippendorff's, of the members.
    """

    members: tuple[str, ...]
    rule: str
    quorum: int
    modes: tuple[str, ...] = ()
    note: str = ""
    rulings: int = 0
    together: int = 0
    unanimous: int = 0
    split: int = 0
    no_quorum: int = 0
    voices: int = 0
    unheard: int = 0
    passed_over: int = 0
    silent: tuple[str, ...] = ()
    pairings: tuple[Pairing, ...] = ()
    with_jury: tuple[Pairing, ...] = ()
    alpha: Estimate | None = None


@dataclass(frozen=True, slots=True)
class RepeatsPart:
    """What became of a judge's repeats.

    Attributes:
        rule: "each", "majority" or "mean".
        verdicts, scores: the share of cases with two scored repeats or more of which not all said the same; None without such.
        cases: how many (comparisons, single answers) there are.
        of_answers: the models were asked repeatedly, too, so that repeats look at different answers.
    """

    rule: str
    verdicts: Estimate | None
    scores: Estimate | None
    cases: tuple[int, int] = (0, 0)
    of_answers: bool = False


@dataclass(frozen=True, slots=True)
class Voices:
    """Everything that a run's judges and juries said, as leaderboards take it.

    Attributes:
        results: rows of the juries, then of the judges; repeats are combined where the judge says so.
        juries: what a report says of each jury.
    """

    results: Results
    juries: Mapping[str, JuryPart] = field(default_factory=dict)


def hear(results: Results, judges: Mapping[str, Any], juries: Mapping[str, Any]) -> Voices:
    """Combine repeats and juries.

    Args:
        results: the results frame of a run.
        judges, juries: as in its run.json.
    """
    from evalh.stats.frame import join
    from evalh.stats.jury import repeats

    rules = {name: str(entry.get("repeats", "each")) for name, entry in judges.items()}
    repeating = bool(len(results)) and bool((results.sample > 0).any())

    def combined(changed: Mapping[str, str]) -> Results:
        if not repeating or set(changed.values()) <= {"each"}:
            return results
        of = {i: changed.get(label, "each") for i, label in enumerate(results.judge.labels)}
        parts = []
        for rule in sorted(set(of.values())):
            rows = results.take(np.flatnonzero(np.isin(results.judge.codes, [i for i, r in of.items() if r == rule])))
            parts.append(rows if rule == "each" else repeats(rows, rule))
        return join(parts)

    own = combined(rules)
    found: dict[str, JuryPart] = {}
    heard: list[Results] = []
    for name, entry in juries.items():
        members = tuple(entry["members"])
        # A member that speaks once meets the others only if they speak once, too.
        once = any(rules.get(m, "each") != "each" for m in members)
        rows = combined({m: "mean" if rules.get(m, "each") == "each" else rules[m] for m in members}) if once else results
        said = rulings(rows, name, members, entry["rule"], entry["quorum"], entry["modes"])
        found[name] = _part(entry, said, rows)
        heard.append(said.results)
    return Voices(join([*heard, own]) if heard else own, found)


def _part(entry: Mapping[str, Any], said: Rulings, rows: Results) -> JuryPart:
    members, modes = tuple(entry["members"]), tuple(entry["modes"])
    decided = said.results.status.where("scored")
    together = decided & (said.heard >= 2)
    voices = {m: rows.take(np.flatnonzero(rows.judge.where(m))) for m in members}
    spoken = {m: verdicts(v.take(np.flatnonzero(np.isin(v.mode.values(), modes)))) for m, v in voices.items()}
    there = {rows.mode.labels[i] for v in voices.values() for i in np.unique(v.mode.codes)}
    jury = verdicts(said.results)
    return JuryPart(
        members,
        entry["rule"],
        entry["quorum"],
        modes,
        entry.get("note", ""),
        rulings=int(decided.sum()),
        together=int(together.sum()),
        unanimous=int((together & said.unanimous).sum()),
        split=int((decided & said.split).sum()),
        no_quorum=int((~decided).sum()),
        voices=int(said.asked.sum()),
        unheard=int((said.asked - said.heard).sum()),
        passed_over=said.passed_over,
        silent=tuple(sorted(there - set(modes))),
        pairings=tuple(_pairing(a, b, spoken[a], spoken[b]) for a, b in combinations(members, 2)),
        with_jury=tuple(_pairing(m, "", spoken[m], jury) for m in members),
        alpha=_alpha(list(spoken.values())),
    )


def _pairing(first: str, second: str, a: Verdicts, b: Verdicts) -> Pairing:
    try:
        return Pairing(first, second, *between(a, b))
    except StatsError:
        return Pairing(first, second, None)


def _alpha(said: Sequence[Verdicts]) -> Estimate | None:
    try:
        return alpha(said)
    except StatsError:
        return None


def repeats_part(results: Results, judge: str, rule: str, of_answers: bool) -> RepeatsPart | None:
    """What is to be said of a judge's repeats; None where it has none.

    Args:
        results: the results frame of the run, repeats not combined.
    """
    rows = results.take(np.flatnonzero(results.judge.where(judge)))
    if not (rows.sample > 0).any():
        return None
    said = repeated(rows)
    compared = ~said.results.model_b.where("")
    cases = int(compared.sum()), int((~compared).sum())
    return RepeatsPart(rule, _share(said, compared), _share(said, ~compared), cases, of_answers)


def _share(said: Rulings, chosen: np.ndarray) -> Estimate | None:
    """The share of the chosen cases that are not unanimous, clustered by question."""
    if not chosen.any():
        return None
    question = np.unique(said.results.question_id.codes[chosen], return_inverse=True)[1]
    differ = np.bincount(question, weights=~said.unanimous[chosen])
    return with_interval(np.stack([differ, np.bincount(question)], axis=1), lambda s: s[..., 0] / s[..., 1], share=True)


def lines(name: str, jury: JuryPart | None, repeats: RepeatsPart | None) -> Iterator[str]:
    """What every form of a report says of a jury, or of a judge's repeats, in plain sentences."""
    if jury is not None:
        yield from _jury_lines(name, jury)
    if repeats is not None:
        yield from _repeats_lines(repeats)


def makeup(jury: JuryPart) -> str:
    """Members, rule and quorum in one sentence."""
    members = ", ".join(line(m) for m in jury.members)
    return (
        f"A jury of {count(len(jury.members))} ({members}), {HOW[jury.rule]}; a case counts where at least"
        f" {count(jury.quorum)} of them {'is' if jury.quorum == 1 else 'are'} scored."
    )


def _jury_lines(name: str, jury: JuryPart) -> Iterator[str]:
    yield makeup(jury)
    parts = [f"{count(jury.unanimous)} of {count(jury.together)} were unanimous"]
    parts += [f"{count(jury.split)} found no majority and count as ties"] if jury.split else []
    parts += [f"beside them {things(jury.no_quorum, 'case')} stayed without a ruling"] if jury.no_quorum else []
    yield f"{things(jury.rulings, 'ruling')}: {'; '.join(parts)}."
    if jury.unheard:
        yield f"{count(jury.unheard)} of the {count(jury.voices)} judgments that it rests on are unscored and were not heard."
    if jury.passed_over:
        yield f"Passed over, because fewer than {count(jury.quorum)} members were asked: {things(jury.passed_over, 'case')}."
    if jury.silent:
        modes = " and ".join(line(m) for m in jury.silent)
        yield f"The jury is silent in mode {modes}: too few members judge in it, or their scores are on different scales."
    shown = [p for p in jury.pairings if p.estimate is not None]
    if shown:
        said = "; ".join(f"{line(p.first)} and {line(p.second)} {_agreed(p)}" for p in shown)
        yield f"Members name the same outcome (win, tie or loss): {said}."
        with_jury = "; ".join(f"{line(p.first)} {_agreed(p)}" for p in jury.with_jury if p.estimate is not None)
        yield f"The same outcome as {line(name)} as a whole, of which each is a part: {with_jury}."
    if jury.alpha is not None:
        e = jury.alpha
        yield (
            f"Krippendorff's alpha of the members' verdicts: {fixed(e.value, 2)} ({interval(e.low, e.high, _two)}),"
            f" {things(e.n, 'question')}; 1 is agreement, 0 chance."
        )


def _two(x: float | None) -> str:
    return fixed(x, 2)


def _agreed(p: Pairing) -> str:
    assert p.estimate is not None
    return f"{WIN_RATE.full(p.estimate)} of {things(p.count, 'comparison')}, {things(p.estimate.n, 'question')}"


def _repeats_lines(repeats: RepeatsPart) -> Iterator[str]:
    how = {
        "each": "Every repeat is a row of its own",
        "majority": "Repeats are made into one by majority (scores: the median)",
        "mean": "Repeats are made into one by their mean",
    }[repeats.rule]
    shown = []
    for what, e, n in zip(("verdicts", "scores"), (repeats.verdicts, repeats.scores), repeats.cases, strict=True):
        if e is not None:
            shown.append(f"{what} differ in {WIN_RATE.full(e)} of {things(n, 'case')}, {things(e.n, 'question')}")
    which = ", which look at different answers," if repeats.of_answers else ""
    if shown:
        yield f"{how}. Between repeats{which} {'; '.join(shown)}."
    else:
        yield f"{how}. No case has two scored repeats."


def jury_json(jury: JuryPart | None, estimate: Any) -> dict[str, Any] | None:
    """A jury as JSON; `estimate` turns an Estimate or None into what JSON holds."""
    if jury is None:
        return None
    return {
        **described_json(jury),
        "rulings": jury.rulings,
        "together": jury.together,
        "unanimous": jury.unanimous,
        "split": jury.split,
        "no_quorum": jury.no_quorum,
        "voices": jury.voices,
        "unheard": jury.unheard,
        "passed_over": jury.passed_over,
        "agreement": [
            {"judge_a": p.first, "judge_b": p.second, "value": estimate(p.estimate), "comparisons": p.count}
            for p in jury.pairings
        ],
        "agreement_with_jury": {p.first: estimate(p.estimate) for p in jury.with_jury},
        "alpha": estimate(jury.alpha),
    }


def described_json(jury: JuryPart) -> dict[str, Any]:
    """Who a jury is, as JSON."""
    return {
        "members": list(jury.members),
        "rule": jury.rule,
        "quorum": jury.quorum,
        "modes": list(jury.modes),
        "note": jury.note,
    }


def repeats_json(repeats: RepeatsPart | None, estimate: Any) -> dict[str, Any] | None:
    """A judge's repeats as JSON."""
    if repeats is None:
        return None
    return {
        "rule": repeats.rule,
        "verdicts_differ": estimate(repeats.verdicts),
        "scores_differ": estimate(repeats.scores),
        "comparisons": repeats.cases[0],
        "single_answers": repeats.cases[1],
        "of_answers": repeats.of_answers,
    }
