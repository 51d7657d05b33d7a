"""A run's judge held against votes, or against another judge: both sides brought together from run folders and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalh.core.records import Answer, Question
from evalh.core.store import RunFolder
from evalh.errors import BadConfig, RunMismatch, StatsError, TooFewData, UnknownName
from evalh.importers.votes import Votes, read_votes, votes_in
from evalh.pipeline import manifest as manifests
from evalh.pipeline.collect import collect
from evalh.reports.agreement import Agreed, Setups
from evalh.reports.juries import hear
from evalh.stats.correction import Correction, correct
from evalh.stats.estimate import Estimate
from evalh.stats.frame import Results
from evalh.stats.kappa import Agreement, agreement, brier
from evalh.stats.krippendorff import LEVELS, alpha
from evalh.stats.rank_correlation import Correlations, board, correlations
from evalh.stats.voting import (
    Decision,
    Matched,
    Place,
    Vote,
    as_frame,
    between_raters,
    decisions,
    match,
    votes_of,
)

TIES = ("kept", "dropped")


@dataclass(frozen=True, slots=True)
class Side:
    """A judge or jury of a run, and all that it decided."""

    folder: RunFolder
    judge: str
    rows: Results
    said: Mapping[Place, Decision]
    adaptive: str = ""
    """Where `--until-separated` chose what was judged: the sentence that says so."""


@dataclass(frozen=True, slots=True)
class Other:
    """What the judge is held against: votes, of people or made of another judge's decisions (then `judge` names it)."""

    votes: Votes
    name: str
    judge: str | None = None
    notes: tuple[str, ...] = ()


def agreed(
    folder: RunFolder,
    votes: str | Path | None = None,
    judge: str | None = None,
    raters: str | None = None,
    other_judge: str | None = None,
    encoding: str = "utf-8",
) -> Agreed:
    """Hold a run's judge against votes or another judge.

    Args:
        folder: the run.
        votes: a file of votes, or a run, by its path or its name under results/; None for the votes that the run itself holds.
        judge: whose judgments; may be left out where there is one judge or one jury.
        raters: only votes of raters whose names match this pattern; of a run, the votes in it instead of its judge.
        other_judge: which judge, where `votes` is a run with several.
        encoding: of a file of votes.

    Raises:
        BadConfig, UnknownName: it is not clear, or not there, what is to be compared.
        BadImport: a file of votes cannot be read.
        RunMismatch: two runs asked different questions under one name.
        TooFewData: no vote is about anything that the judge decided.
    """
    side = side_of(folder, judge)
    other = other_of(side, votes, raters, other_judge, encoding)
    matched, left_out = match(side.said, other.votes.votes)
    if not len(matched):
        strangers = [*left_out.models][:5] or [*left_out.questions][:5]
        hint = f"; unknown to the run: {', '.join(strangers)}" if strangers else ""
        raise TooFewData(f"no vote of {other.name} is about a comparison that judge {side.judge} decided{hint}")
    pairs = between_raters(other.votes.votes) if other.judge is None else None
    score, base = brier(matched)
    corrected, refused = _correction(side, other) if other.judge is None else (None, "")
    return Agreed(
        run=str(manifests.read(folder)["name"]),
        judge=side.judge,
        other=other.name,
        other_judge=other.judge,
        raters=() if other.judge else other.votes.raters,
        votes=len(other.votes.votes),
        comparisons=len({v.place for v in other.votes.votes} & side.said.keys()),
        overall=_setups(matched),
        turns=_by_turn(matched),
        raters_overall=None if pairs is None else _setups(pairs, symmetric=True),
        raters_turns={} if pairs is None else _by_turn(pairs, symmetric=True),
        alpha=_alphas(other.votes.votes, side.said),
        raters_alpha=None if other.judge else _alphas(other.votes.votes),
        brier=score,
        brier_base=base,
        correlations=_correlations(side, other.votes.votes),
        corrected=corrected,
        uncorrected=refused,
        left_out=left_out,
        unread=other.votes.left_out,
        notes=((side.adaptive,) if side.adaptive else ()) + other.notes,
    )


def corrected(
    folder: RunFolder,
    votes: str | Path | None = None,
    judge: str | None = None,
    raters: str | None = None,
    encoding: str = "utf-8",
) -> Correction:
    """A run's win rates and ratings, corrected by votes; arguments and errors as `agreed`.

    Raises:
        StatsError: inclusion probabilities that cannot be used; a run that was stopped by `--until-separated`.
    """
    side = side_of(folder, judge)
    other = other_of(side, votes, raters, None, encoding)
    if other.judge is not None:
        raise BadConfig(f"{other.name} is a judge; a leaderboard is corrected by votes")
    if side.adaptive:
        raise TooFewData(side.adaptive)
    return correct(side.said, other.votes.votes, _categories(folder))


def _categories(folder: RunFolder) -> dict[str, str]:
    return {q.question_id: q.category for q in folder.read(Question)}


def _correction(side: Side, other: Other) -> tuple[Correction | None, str]:
    """The corrected leaderboard; or None and the reason."""
    if side.adaptive:
        return None, "which comparisons were judged depends on their outcomes"
    try:
        return correct(side.said, other.votes.votes, _categories(side.folder)), ""
    except StatsError as error:
        return None, str(error)


def correction_rows(found: Correction) -> list[dict[str, Any]]:
    """One flat row per model: each figure as NAME, NAME_low, NAME_high, NAME_n and NAME_standard_error; else None."""
    rows: list[dict[str, Any]] = []
    rated = found.ratings
    for i, m in enumerate(found.models):
        w = m.win_rate
        figures: dict[str, Estimate | None] = {
            "judge": None if w is None else w.judge,
            "people": None if w is None else w.people,
            "corrected": None if w is None else w.estimate,
            "rogan_gladen": m.rogan_gladen,
        }
        for name, own in (("judge", rated and rated.judge), ("people", rated and rated.people)):
            figures[f"rating_{name}"] = own[i] if own else None
        figures["rating_corrected"] = rated.estimates[i] if rated is not None and rated.estimates else None
        row: dict[str, Any] = {"model": m.model}
        for name, e in figures.items():
            row[name] = e and e.value
            for part in ("low", "high", "n", "standard_error"):
                row[f"{name}_{part}"] = e and getattr(e, part)
        rows.append(row | {"tuning": w and w.tuning, "note": w.note if w is not None else m.rogan_gladen_note})
    return rows


def side_of(folder: RunFolder, judge: str | None, without: str | None = None) -> Side:
    """A judge of a run, chosen as `evalh compare` chooses: by name, or the only jury, or the only judge.

    Args:
        without: a judge that it is not, as it is the other side.

    Raises:
        BadConfig, UnknownName: it is not clear, or not there, which one is meant.
    """
    manifest = manifests.read(folder)
    juries, judges = list(manifest.get("juries") or {}), list(manifest["judges"])
    known = [name for name in (*juries, *judges) if name != without]
    if judge is None:
        choice = known if without is not None else juries or judges
        if len(choice) != 1:
            there = ", ".join(known) or "none besides"
            option = "--judge" if without is None else "--with-judge"
            raise BadConfig(f"{folder.path}: it is not clear which judge is meant ({there}); say which with {option}")
        judge = choice[0]
    if judge not in known:
        raise UnknownName(f"judge of {folder.path}", judge, tuple(known))
    results = hear(collect(folder), manifest["judges"], manifest.get("juries") or {}).results
    rows = results.take(np.flatnonzero(results.judge.where(judge)))
    adaptive = (
        f"run {manifest['name']} was stopped by --until-separated, so that which comparisons were judged depends on their "
        "outcomes; this is how sides agree on those, and no win rate is corrected (docs/stopping.md)"
    )
    return Side(folder, judge, rows, decisions(rows), adaptive * manifests.stopped_early(manifest, judge))


def other_of(side: Side, given: str | Path | None, raters: str | None, judge: str | None, encoding: str = "utf-8") -> Other:
    """What a judge is to be held against; see `agreed`."""
    if given is None:
        votes = votes_in(side.folder)
        if not votes.votes:
            raise BadConfig(f"{side.folder.path} holds no votes; say --with VOTES: a file of votes, or a run")
        return _people(votes, str(side.folder.path / "votes.jsonl"), raters, judge)
    path = Path(given)
    run = next((p for p in (path, Path("results") / path) if (p / "run.json").is_file()), None)
    if run is None:
        return _people(read_votes(path, encoding), str(path), raters, judge)
    folder = RunFolder(run)
    if raters is not None:
        return _people(votes_in(folder), str(run / "votes.jsonl"), raters, judge)
    same = run.resolve() == side.folder.path.resolve()
    second = side_of(folder, judge, side.judge if same else None)
    notes = () if same else _same_ground(side.folder, folder)
    name = f"judge {second.judge}" if same else f"judge {second.judge} of {run}"
    return Other(Votes(tuple(votes_of(second.said, second.judge))), name, second.judge, notes)


def _people(votes: Votes, place: str, raters: str | None, judge: str | None) -> Other:
    if judge is not None:
        raise BadConfig(f"--with-judge {judge}: {place} holds votes, not a run with judges")
    chosen = votes if raters is None else votes.of(raters)
    return Other(chosen, place)


def _same_ground(first: RunFolder, second: RunFolder) -> tuple[str, ...]:
    """Refuse two runs that asked different things under one name; say where the answers judged are not the same.

    Raises:
        RunMismatch: a question has another text.
    """
    asked = [{q.question_id: q.turns for q in folder.read(Question) if q.turns} for folder in (first, second)]
    changed = sorted(q for q in asked[0].keys() & asked[1].keys() if asked[0][q] != asked[1][q])
    if changed:
        raise RunMismatch(
            f"question {changed[0]} has another text in {second.path} ({len(changed)} differ): nothing to compare"
        )
    given: list[dict[tuple[str, str], set[tuple[str, ...]]]] = [{}, {}]
    for texts, folder in zip(given, (first, second), strict=True):
        for a in folder.read(Answer):
            if a.turns:
                texts.setdefault((a.question_id, a.model), set()).add(a.turns)
    shared = given[0].keys() & given[1].keys()
    other = sum(given[0][key].isdisjoint(given[1][key]) for key in shared)
    return (f"{other} of {len(shared)} answers have another text in the other run",) if other else ()


def _setups(matched: Matched, *, symmetric: bool = False) -> Setups:
    """Agreement with ties kept and dropped; None where nothing is left."""
    found: dict[str, Agreement | None] = {}
    for ties in TIES:
        try:
            found[ties] = agreement(matched, ties=ties, symmetric=symmetric)
        except StatsError:
            found[ties] = None
    return found


def _by_turn(matched: Matched, *, symmetric: bool = False) -> dict[int, Setups]:
    turns = np.unique(matched.turn).tolist()
    return {turn: _setups(matched.take(matched.turn == turn), symmetric=symmetric) for turn in turns}


def _alphas(votes: Sequence[Vote], said: Mapping[Place, Decision] | None = None) -> dict[str, Estimate | None]:
    """Krippendorff's alpha of all who voted, and of the judge where its decisions are given."""
    units: dict[tuple[Any, ...], list[int]] = {}
    for vote in votes:
        units.setdefault(vote.place, []).append(vote.facing)
    for place, decision in (said or {}).items():
        units.setdefault(place, []).append(decision.verdict)
    found: dict[str, Estimate | None] = {}
    for level in LEVELS:
        try:
            found[level] = alpha(units, (-1, 0, 1), level)
        except StatsError:
            found[level] = None
    return found


def _correlations(side: Side, votes: Sequence[Vote]) -> Correlations:
    """The judge's leaderboard beside that of the votes, over the models that both know."""
    judged = votes_of(side.said, side.judge) if not _compares(side.rows) else []
    rows = as_frame(judged, side.judge) if judged else side.rows
    known = {name for _, a, b, _ in side.said for name in (a, b)}
    voted = {name for v in votes for name in (v.model_a, v.model_b)}
    models = sorted(known & voted)
    try:
        return correlations(board(rows, models), board(as_frame(votes), models))
    except StatsError as error:
        return Correlations(tuple(models), None, None, None, str(error))


def _compares(rows: Results) -> bool:
    """Whether the judge compared answers, rather than scoring them one by one."""
    return any(bool(rows.mode.where(mode).any()) for mode in ("pairwise", "two-score", "ranking"))
