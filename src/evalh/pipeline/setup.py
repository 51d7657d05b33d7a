"""A run config -> everything that is needed to run it, checked before anything is sent.

Faults of one kind are listed together: every model without a key or an address stands in one message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalh.core import models, resources
from evalh.core.config import JudgeChoice, ModelSpec, RunConfig, UserConfig
from evalh.core.ids import file_sha256
from evalh.core.questions import QuestionSet, open_set
from evalh.core.records import Question
from evalh.core.registry import load, registered
from evalh.errors import BadConfig, MissingCredential, UnknownName
from evalh.judges.prompted import PromptedJudge
from evalh.pipeline.asking import Target
from evalh.pipeline.engine import output_cap
from evalh.pipeline.juries import check_juries
from evalh.pipeline.open_judge import OpenJudge
from evalh.pipeline.plan import COMPARISONS, MODES, Plan, check, pairs_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked run: the plan, who is to be asked, and with which parameters."""

    config: RunConfig
    questions: QuestionSet
    plan: Plan
    targets: tuple[Target, ...]
    judges: tuple[OpenJudge, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)  # name -> SHA-256

    def params(self, spec: ModelSpec) -> Callable[[Question], dict[str, Any]]:
        """Generation parameters by question: the model's own win over the run's, those over the question set's."""
        if spec.provider == "file":
            return lambda _: {}
        cells: dict[str, dict[str, Any]] = {}
        run = self.config.generation

        def of(question: Question) -> dict[str, Any]:
            c = question.category
            if c not in cells:
                cells[c] = {**self.questions.params_for(c), **run.get("default", {}), **run.get(c, {}), **spec.params}
            return cells[c]

        return of


def prepare(
    config: RunConfig,
    user: UserConfig,
    env: Mapping[str, str] = os.environ,
    *,
    asks: bool = True,
    access: bool = True,
    folder_questions: Sequence[Question] = (),
    held: Sequence[int] = (),
) -> Prepared:
    """Open questions, models and judges, and check everything that can be checked.

    Args:
        asks: whether the models themselves will be asked; False where their answers exist already (`evalh judge RUN`).
        access: whether keys and addresses have to be there; False for a plan, which sends nothing.
        folder_questions: the questions of an existing run, used instead of a set.
        held: how many answers to a question each model has; where it is left out, one for a file and --samples for the others.

    Raises:
        ConfigError: what is wrong, where, and what to do.
    """
    if config.mode not in MODES:
        raise UnknownName("mode", config.mode, tuple(MODES))
    labels = _labels(config)
    questions = open_set(config.questions) if not folder_questions else None
    chosen = questions.select(config.categories, config.limit) if questions else _select(folder_questions, config)
    if not chosen:
        raise BadConfig("no question is left by --categories and --limit")
    judges = [_open_judge(choice, user, env) for choice in config.judges]
    wanted = [("model", m) for m in config.models] if asks else []
    faults = models.missing([*wanted, *(("judge model", j.spec) for j in judges if j.spec)], env)
    if faults and access:
        raise MissingCredential("nothing was sent, because something is missing:\n" + "\n".join(f"  - {f}" for f in faults))
    targets = tuple(_target(m) for m in config.models) if asks else ()
    if config.until_separated:
        _check_separable(config, judges)
    pairs = pairs_of(labels, config.pairs)
    repeats = tuple(held) or tuple(config.samples if m.provider != "file" else 1 for m in config.models)
    plan = Plan(
        chosen,
        tuple(labels),
        tuple(j.judge for j in judges),
        COMPARISONS if config.until_separated else MODES[config.mode],
        pairs,
        config.swap,
        config.samples,
        repeats,
        config.seed,
    )
    check(plan)
    check_juries(config.juries, judges, plan.modes)
    opened = tuple(replace(j, target=_target(j.spec)) if j.spec else j for j in judges)
    found = questions or QuestionSet("", Path(), "run folder", tuple(folder_questions), "")
    prepared = Prepared(config, found, plan, targets, opened, _inputs(found, config, opened))
    if config.batch:
        _check_batches(prepared)
    if config.budget is not None:
        faults = _unbounded(prepared)
        if faults:
            raise BadConfig("--budget needs to know what a request can cost:\n" + "\n".join(f"  - {f}" for f in faults))
    return prepared


def _labels(config: RunConfig) -> list[str]:
    """The models' labels. Raises BadConfig where two models carry one."""
    labels = [m.label for m in config.models]
    for label in labels:
        if labels.count(label) > 1:
            raise BadConfig(f"two models carry the label {label!r}; give one of them another: --models other={label}")
    return labels


def _check_separable(config: RunConfig, judges: Sequence[OpenJudge]) -> None:
    """Refuse what --until-separated cannot do: it needs comparisons of two, all pairs, and one voice that is heard at once."""
    faults = []
    if config.mode == "absolute":
        faults.append("--mode absolute: it chooses comparisons; use --mode pairwise")
    if config.pairs != "all":
        faults.append(f"--pairs {config.pairs}: neighbours of a leaderboard have to meet; use --pairs all")
    if config.batch:
        faults.append("--batch: the next comparison is chosen by the replies to the last ones, and a batch takes hours")
    if config.juries:
        names = ", ".join(jury.name for jury in config.juries)
        faults.append(f"jury {names}: its members would be asked about different comparisons; name one judge")
    if len(config.models) < 2:
        faults.append("it takes two models to compare")
    for j in judges:
        if not set(COMPARISONS) & set(j.judge.modes):
            faults.append(
                f"judge {j.judge.name} judges in mode {' and '.join(j.judge.modes)} only, and does not compare two answers"
            )
        if config.samples > 1 and j.choice.repeats != "each":
            faults.append(
                f"judge {j.judge.name}: repeats = {j.choice.repeats!r} with --samples {config.samples}; use repeats = 'each'"
            )
    if faults:
        raise BadConfig("--until-separated cannot do this:\n" + "\n".join(f"  - {fault}" for fault in faults))


def _check_batches(prepared: Prepared) -> None:
    """Refuse --batch where somebody who is paid for has no Batch API; files and scripts are asked live beside it."""
    asked = [("model", m.label, t) for m, t in zip(prepared.config.models, prepared.targets, strict=False)]
    asked += [(f"judge {j.judge.name}'s model", j.spec.label, j.target) for j in prepared.judges if j.spec and j.target]
    without = [f"{role} {label}" for role, label, t in asked if t.backend.paid and not getattr(t.backend, "batches", False)]
    if without:
        raise BadConfig(
            "--batch needs a Batch API, which only openai: models have; nothing was sent. Leave --batch out, or ask these in a"
            " run without it first (evalh answer):\n" + "\n".join(f"  - {who}" for who in without)
        )


def _unbounded(prepared: Prepared) -> list[str]:
    """Models whose price, or whose longest output, nobody knows."""
    plan = prepared.plan
    asked = [
        (spec, target, prepared.params(spec)) for spec, target in zip(prepared.config.models, prepared.targets, strict=False)
    ]
    faults = []
    for spec, target, params in asked:
        if spec.provider == "file":
            continue
        if spec.price is None:
            faults.append(f"model {spec.label} has no price: {_PRICE.format(spec.label)}")
        cells = {q.category: q for q in plan.questions}.values()
        if any(output_cap(target, params(q)) is None for q in cells):
            faults.append(
                f"model {spec.label} has no output cap: write max_tokens = … under [models.{spec.label}] in evalh.toml"
            )
    for j in prepared.judges:
        if j.spec is None or j.target is None:
            continue
        if j.spec.price is None:
            faults.append(f"judge {j.judge.name}'s model {j.spec.label} has no price: {_PRICE.format(j.spec.label)}")
        parameters = getattr(j.judge, "parameters", None)
        turns = [(q, t) for q in plan.questions for t in range(1, len(q.turns) + 1)]
        used = {v for q, t in turns for m in plan.modes for v in j.judge.variants(q, m, t)}
        if parameters and any(output_cap(j.target, parameters(v)) is None for v in used):
            faults.append(f"judge {j.judge.name} has no output cap: write max_tokens = … under [judges.{j.judge.name}]")
    return faults


_PRICE = "write price = {{ input = …, output = … }} (dollars per million tokens) under [models.{}] in evalh.toml"


def _select(questions: Sequence[Question], config: RunConfig) -> tuple[Question, ...]:
    known = tuple(dict.fromkeys(q.category for q in questions))
    for name in config.categories:
        if name not in known:
            raise UnknownName("category of this run", name, known)
    return tuple(q for q in questions if not config.categories or q.category in config.categories)[: config.limit]


def _target(spec: ModelSpec) -> Target:
    return Target(spec.label, load("evalh.backends", spec.provider, "provider")(spec), spec.price)


def _open_judge(choice: JudgeChoice, user: UserConfig, env: Mapping[str, str]) -> OpenJudge:
    """The judge that a name means: a folder (user's or built in), or a coded one."""
    found = resources.find("judges", choice.judge, env)
    coded = registered("evalh.judges")
    if found is None and choice.judge in coded:
        judge = load("evalh.judges", choice.judge, "judge")(label=choice.label, params=dict(choice.params))
        if choice.model:
            raise BadConfig(f"judge {choice.judge} computes its scores and asks no model; leave out --judge-model")
        return OpenJudge(judge, choice, None, None, None)
    if found is None:
        known = sorted({*coded, *(f.name for f in resources.found("judges", env)), *user.judges, *user.juries})
        raise UnknownName("judge", choice.judge, known, "A path to a judge folder works too.")
    draft = PromptedJudge.from_folder(
        found.path, label=choice.label, model=choice.model, params=dict(choice.params), attempts=choice.attempts
    )
    spec = models.resolve(draft.model, user, env)
    mark = f"{spec.spec}@{spec.revision}" if spec.revision else spec.spec
    judge = PromptedJudge.from_folder(
        found.path,
        label=choice.label,
        model=mark,
        params={**spec.params, **choice.params},
        attempts=choice.attempts,
        form=choice.structured,
        server=spec.structured,
    )
    return OpenJudge(judge, choice, spec, None, found.path)


def _inputs(questions: QuestionSet, config: RunConfig, judges: Sequence[OpenJudge]) -> dict[str, str]:
    """SHA-256 of every file that the run's outcome depends on."""
    inputs = {f"questions/{questions.name}": questions.sha256} if questions.sha256 else {}
    for m in config.models:
        if m.provider == "file" and Path(m.model).is_file():
            inputs[f"answers/{m.label}"] = file_sha256(Path(m.model))
    for j in judges:
        for file in sorted(j.folder.rglob("*")) if j.folder else ():
            if file.suffix in (".toml", ".md"):
                inputs[f"judges/{j.judge.name}/{file.relative_to(j.folder or file).as_posix()}"] = file_sha256(file)
    return inputs
