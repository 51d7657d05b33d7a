"""Two models compared, within a run or between two: what both were scored on, brought together from the run folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evalh.errors import BadConfig, RunMismatch, StatsError, UnknownName
from evalh.pipeline import manifest as manifests
from evalh.reports.comparison import Compared
from evalh.reports.juries import hear
from evalh.stats.cells import collect
from evalh.stats.compare import Difference, differences
from evalh.stats.frame import Factor, Results, join
from evalh.stats.paired import holm

if TYPE_CHECKING:
    from evalh.api import Run


def compared(
    opened: Sequence[Run], models: Sequence[str] = (), judge: str | None = None, figure: str | None = None, accept: bool = False
) -> Compared:
    """Compare a new model with an old one, within a run or between two.

    Args:
        opened: one run, or the old and the new one.
        models: the old model and the new one; with two runs one name may stand for both. May be left out where it is clear.
        judge: whose judgments; may be left out where there is one judge or one jury.
        figure: "win_rate", "against" or "mean_score" instead of the most direct figure there is.
        accept: compare although the two runs' judges are not the same.

    Raises:
        BadConfig, UnknownName: it is not clear, or not there, what is to be compared.
        RunMismatch: the runs were asked or judged differently.
        TooFewData: nothing was scored for both.
    """
    labels = _labels(opened, tuple(models))
    name = _judge(opened, judge)
    notes = _same_ground(opened, name, accept) if len(opened) == 2 else []
    rows, names = _joined(opened, labels, name)
    cells = collect(rows, names)
    seed = int(opened[0].manifest.get("seed") or 0)
    found = _of_fixed_size(opened, name, differences(cells, *names, np.random.default_rng(seed)))
    if figure is not None:
        if figure not in [d.figure for d in found]:
            raise BadConfig(
                f"figure {figure}: nothing of that kind was scored for both; there is {', '.join(d.figure for d in found)}"
            )
        found.sort(key=lambda d: d.figure != figure)
    parts: dict[str, Difference] = {}
    for category in dict.fromkeys(cells.categories.tolist()):
        try:
            own = differences(cells.of_category(category), *names, np.random.default_rng(seed))
        except StatsError:
            continue
        for d in own:
            if d.figure == found[0].figure:
                parts[category] = d
    adjusted = holm([d.p_value for d in parts.values()])
    categories = {c: (d, p) for (c, d), p in zip(parts.items(), adjusted, strict=True)} if len(parts) > 1 else {}
    return Compared(*names, name, tuple(str(run.manifest["name"]) for run in opened), found, categories, notes)


def _of_fixed_size(opened: Sequence[Run], judge: str, found: list[Difference]) -> list[Difference]:
    """The figures that a test of a fixed number of questions may be made of: not the comparisons of a run that was stopped.

    Raises:
        BadConfig: there is no other figure.
    """
    for run in opened:
        if manifests.stopped_early(run.manifest, judge):
            found = [d for d in found if d.figure == "mean_score"]
            if not found:
                raise BadConfig(
                    f"run {run.manifest['name']} was stopped by --until-separated, so that its number of questions depends on"
                    " the outcomes, and no test of a fixed number holds; evalh report has limits that do (docs/stopping.md)"
                )
    return found


def _labels(opened: Sequence[Run], models: tuple[str, ...]) -> tuple[str, str]:
    """The model of each side.

    Raises:
        UnknownName: a model that the run does not have.
        BadConfig: it is not clear which models are meant.
    """
    have = [tuple(run.manifest["models"]) for run in opened]
    if len(opened) == 1:
        chosen = models or (have[0] if len(have[0]) == 2 else ())
        if len(chosen) != 2:
            raise BadConfig(f"say which two models to compare with --models A,B; the run has {', '.join(have[0])}")
        sides = have * 2
    else:
        chosen = models * 2 if len(models) == 1 else models
        if not chosen:
            common = [m for m in have[0] if m in have[1]]
            only = (have[0][0], have[1][0]) if len(have[0]) == len(have[1]) == 1 else ()
            chosen = only or ((common[0], common[0]) if len(common) == 1 else ())
        if len(chosen) != 2:
            raise BadConfig(
                "say which models to compare with --models A (in both runs) or --models A,B (one of each);"
                f" the runs have {', '.join(have[0])} and {', '.join(have[1])}"
            )
        sides = have
    for label, known in zip(chosen, sides, strict=True):
        if label not in known:
            raise UnknownName("model of this run", label, known)
    if len(opened) == 1 and chosen[0] == chosen[1]:
        raise BadConfig(f"--models names {chosen[0]} twice")
    return chosen[0], chosen[1]


def _heard(run: Run) -> Results:
    """All rows of a run: those of its juries first."""
    return hear(run.results, run.manifest["judges"], run.manifest.get("juries") or {}).results


def _judge(opened: Sequence[Run], judge: str | None) -> str:
    """Whose judgments are compared."""
    have = [[*(run.manifest.get("juries") or {}), *run.manifest["judges"]] for run in opened]
    common = [j for j in have[0] if all(j in other for other in have)]
    if judge is not None:
        if judge not in common:
            raise UnknownName("judge of " + ("these runs" if len(opened) > 1 else "this run"), judge, tuple(common))
        return judge
    juries = [j for j in common if j in (opened[0].manifest.get("juries") or {})]
    if len(juries) == 1 or len(common) == 1:
        return str((juries or common)[0])
    if not common:
        raise BadConfig(f"no judge is in both runs: {', '.join(have[0])} and {', '.join(have[-1])}")
    raise BadConfig(f"there are several judges ({', '.join(common)}); say which with --judge")


def _same_ground(opened: Sequence[Run], judge: str, accept: bool) -> list[str]:
    """Refuse to compare what was asked or judged differently; what is worth knowing about the rest.

    Raises:
        RunMismatch: a question has another text, or the judge is not the same.
    """
    first, second = ({q.question_id: q for q in run.questions} for run in opened)
    shared = first.keys() & second.keys()
    changed = sorted(q for q in shared if first[q].turns != second[q].turns)
    if changed:
        raise RunMismatch(
            f"question {changed[0]} has another text in the second run ({len(changed)} differ): nothing to compare"
        )
    notes = []
    alone = len(first) + len(second) - 2 * len(shared)
    if alone:
        notes.append(f"{alone} questions are in one of the runs only and are left out")
    variants = [(run.manifest["judges"].get(judge) or {}).get("variants") or {} for run in opened]
    differ = sorted(v for v in variants[0].keys() & variants[1].keys() if variants[0][v] != variants[1][v])
    if differ and not accept:
        raise RunMismatch(
            f"judge {judge} is not the same in the two runs (prompt, model or parameters of {', '.join(differ)} differ): judge"
            " one of them again with the other's judge, or compare all the same with --accept-judge-change"
        )
    if differ:
        notes.append(f"judge {judge} is not the same in the two runs: a difference may be the judge's")
    served: list[dict[str, Any]] = [run.manifest.get("served") or {} for run in opened]
    notes += [
        f"{label} was answered by {_names(served[0][label])} in the first run and by {_names(served[1][label])} in the second"
        for label in sorted(served[0].keys() & served[1].keys())
        if served[0][label] != served[1][label]
    ]
    return notes


def _names(pairs: list[list[str | None]]) -> str:
    return " and ".join(" ".join(part for part in pair if part) or "an unnamed model" for pair in pairs)


def _joined(opened: Sequence[Run], labels: tuple[str, str], judge: str) -> tuple[Results, tuple[str, str]]:
    """The judge's rows of both sides, and the names under which the two models stand in them."""
    parts = [rows.take(np.flatnonzero(rows.judge.where(judge))) for rows in map(_heard, opened)]
    if len(parts) == 1:
        return parts[0], labels
    runs = [str(run.manifest["name"]) for run in opened]
    if runs[0] == runs[1]:
        runs = [str(run.path) for run in opened]
    names = (f"{labels[0]} ({runs[0]})", f"{labels[1]} ({runs[1]})")

    def renamed(factor: Factor, old: str, new: str) -> Factor:
        return replace(factor, labels=tuple(new if label == old else label for label in factor.labels))

    # What an opponent did against others is in both runs, and no game of the two models: only theirs are kept.
    kept = []
    for part, old, new in zip(parts, labels, names, strict=True):
        own = part.take(np.flatnonzero(part.model_a.where(old) | part.model_b.where(old)))
        kept.append(replace(own, model_a=renamed(own.model_a, old, new), model_b=renamed(own.model_b, old, new)))
    return join(kept), names
