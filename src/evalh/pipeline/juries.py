"""Names on the command line -> judges and juries, and what a run remembers of a jury.

A jury is never asked: its members are, each under its own label, and their judgments are what the run holds. The manifest
keeps who the members are and how their voices are made into one, so that a report needs the folder alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalh.core import models, resources
from evalh.core.config import RULES, JudgeChoice, Jury, UserConfig
from evalh.core.records import Mode
from evalh.core.registry import registered
from evalh.errors import BadConfig, ConfigError, UnknownName
from evalh.judges.prompted import PromptedJudge
from evalh.judges.scale import OVERALL
from evalh.pipeline.plan import MODES

if TYPE_CHECKING:
    from evalh.pipeline.open_judge import OpenJudge

UNNAMED: Final = "jury"
"""The name of a jury that no evalh.toml names."""


def choose_judge(text: str, user: UserConfig, model: str | None = None) -> JudgeChoice:
    """`NAME`, `LABEL=NAME` or a path, with what evalh.toml's [judges.NAME] changes about it; `model` is --judge-model."""
    label, name = models.split_label(text)
    entry = dict(user.judges.get(name, {}))
    protocol = entry.pop("judge", name)
    own = entry.pop("model", None)
    attempts = entry.pop("attempts", None)
    repeats = entry.pop("repeats", "each")
    form = entry.pop("structured", None)
    return JudgeChoice(label or Path(name).name, protocol, model or own, entry, attempts, repeats, structured=form)


def choose_judges(
    names: Sequence[str], user: UserConfig, model: str | None = None, env: Mapping[str, str] = os.environ
) -> tuple[tuple[JudgeChoice, ...], tuple[Jury, ...]]:
    """What the names given to --judge mean: judges, and juries with their members among the judges.

    A judge that is named twice, by itself or through juries, takes part once.

    Raises:
        BadConfig: two judges, or a judge and a jury, of one label; a jury that is a member of another.
    """
    judges: dict[str, JudgeChoice] = {}
    juries: dict[str, Jury] = {}
    for text in names:
        label, name = models.split_label(text)
        if name not in user.juries:
            _add(judges, choose_judge(text, user, model))
            continue
        found = user.juries[name]
        where = f"{user.path}: [juries.{name}]"
        if name in user.judges or resources.find("judges", name, env) or name in registered("evalh.judges"):
            raise BadConfig(f"{where}: there is a judge of that name, too; give the jury another")
        members = [_member(text, user, model, where) for text in found.members]
        for member in members:
            _add(judges, member)
        labels = tuple(m.label for m in members)
        for twice in labels:
            if labels.count(twice) > 1:
                raise BadConfig(f"{where}: two of its judges carry the label {twice!r}; give one another: other={twice}")
        jury = replace(found, name=label or name, members=labels)
        if juries.setdefault(jury.name, jury) != jury:
            raise BadConfig(f"two juries carry the name {jury.name!r}; give one of them another: --judge other={name}")
    for name in juries:
        if name in judges:
            raise BadConfig(f"a jury and a judge carry the label {name!r}; give one of them another: --judge other={name}")
    return tuple(judges.values()), tuple(juries.values())


def unnamed(judges: Sequence[JudgeChoice], rule: str) -> Jury:
    """The jury of all judges of a run, called "jury".

    Raises:
        ConfigError: there is no such rule, only one judge, or a judge of that name.
    """
    labels = tuple(j.label for j in judges)
    if rule not in RULES:
        raise UnknownName("rule of a jury", rule, RULES)
    if len(labels) < 2 or UNNAMED in labels:
        raise BadConfig(f"a jury needs at least two judges, none of them called {UNNAMED!r}; here are {', '.join(labels)}")
    return Jury(UNNAMED, labels, rule, len(labels) // 2 + 1)


def _member(text: str, user: UserConfig, model: str | None, where: str) -> JudgeChoice:
    if models.split_label(text)[1] in user.juries:
        raise BadConfig(f"{where}: {text} is a jury; a jury's members are judges")
    return replace(choose_judge(text, user, model), alone=False)


def _add(judges: dict[str, JudgeChoice], choice: JudgeChoice) -> None:
    known = judges.setdefault(choice.label, choice)
    if replace(known, alone=choice.alone) != choice:
        raise BadConfig(f"two judges carry the label {choice.label!r}; give one of them another: --judge other={choice.judge}")
    judges[choice.label] = replace(known, alone=known.alone or choice.alone)


def check_juries(juries: Sequence[Jury], judges: Sequence[OpenJudge], modes: Sequence[Mode]) -> None:
    """Refuse a jury that hears one voice twice, or that has nothing to say.

    Raises:
        ConfigError: names the jury, the members and why.
    """
    opened = {j.judge.name: j for j in judges}
    for jury in juries:
        seen: list[tuple[Any, str]] = []
        for label in jury.members:
            who = _who(opened[label])
            twin = next((other for known, other in seen if known == who), None)
            if twin is not None:
                raise BadConfig(
                    f"jury {jury.name}: {twin} and {label} are one and the same judge, asked of the same model with the same"
                    f" parameters; give one of them a model of its own, under [judges.{label}] in evalh.toml"
                )
            seen.append((who, label))
        if not set(modes) & set(spoken_modes(jury, judges)):
            able = "; ".join(f"{label}: {', '.join(opened[label].judge.modes)}" for label in jury.members)
            raise ConfigError(
                f"jury {jury.name} has nothing to say with this --mode: it needs {jury.quorum} members that judge in the same"
                f" mode, and scores on one scale ({able})"
            )


def _who(judge: OpenJudge) -> tuple[Any, ...]:
    """Equal for two judges whose requests are the same."""
    model = None if judge.spec is None else judge.spec.identity()
    return judge.folder or judge.choice.judge, model, dict(judge.choice.params)


def spoken_modes(jury: Jury, judges: Sequence[OpenJudge]) -> tuple[Mode, ...]:
    """The modes in which enough members judge, and in which all scores that they give to one aspect are on one scale."""
    opened = {j.judge.name: j.judge for j in judges}
    members = [opened[label] for label in jury.members]
    found: list[Mode] = []
    for mode in MODES["both"]:
        able = [m for m in members if mode in m.modes]
        scales: dict[str, set[Any]] = {}
        for m in able if mode in ("absolute", "two-score") else ():
            for aspect, scale in _scales(m, mode):
                scales.setdefault(aspect, set()).add(scale)
        if len(able) >= jury.quorum and all(len(known) == 1 for known in scales.values()):
            found.append(mode)
    return tuple(found)


def _scales(judge: Any, mode: Mode) -> list[tuple[str, Any]]:
    """(aspect, what tells its scale from others) of every variant of a mode; a judge in code says it in `bounds`, by mode."""
    if isinstance(judge, PromptedJudge):
        used = [v.scale for v in judge.spec.variants.values() if v.mode == mode]
        # what is scored in aspects has an overall score, too, on the scale of its aspects
        return [(aspect, (float(s.low), float(s.high))) for s in used for aspect in (*s.aspects, OVERALL)]
    return [(OVERALL, getattr(judge, "bounds", {}).get(mode, judge.name))]


def describe(jury: Jury, judges: Sequence[OpenJudge]) -> dict[str, Any]:
    """A jury as stored in run.json."""
    return {
        "members": list(jury.members),
        "rule": jury.rule,
        "quorum": jury.quorum,
        "modes": list(spoken_modes(jury, judges)),
        "note": jury.note,
    }


def differences(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """What makes a jury of a known name another one: other members (in whatever order), rule or quorum."""
    if old is None:
        return []
    faults = []
    for what, was, now in (
        ("members", ", ".join(sorted(old["members"])), ", ".join(sorted(new["members"]))),
        ("rule", old["rule"], new["rule"]),
        ("quorum", old["quorum"], new["quorum"]),
    ):
        if was != now:
            faults.append(
                f"jury {name}: {what} was {was}, is {now}; a name of its own keeps both, and nobody is asked twice:"
                f" --judge other={name}"
            )
    return faults
