"""run.json: what a run was asked for and with what, and whether a command asks for the same.

A run may be extended by models, judges, questions, pairs and samples. What is in it already must stay what it was: another
content under a known name is refused, and the difference is named.
"""

from __future__ import annotations

import datetime
import platform
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh import __version__
from evalh.core.config import ModelSpec, RunConfig
from evalh.core.ids import digest
from evalh.core.records import Question
from evalh.core.store import MANIFEST, RunFolder
from evalh.core.upgrades import SCHEMA
from evalh.errors import CorruptRecord, RunMismatch
from evalh.pipeline import juries
from evalh.pipeline.open_judge import OpenJudge
from evalh.pipeline.setup import Prepared

NEEDED: Final = ("run_id", "name", "models", "judges", "inputs", "counts", "cost", "started_at", "finished_at")
"""What every manifest of schema 1 holds; keys that were added later are empty where they are missing."""
NOT_COMPARED: Final = ("base_url",)
"""A server may move to another address; what it serves is compared by what it reports."""


def now() -> str:
    """The time as stored: UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create(prepared: Prepared, name: str) -> dict[str, Any]:
    """The manifest of a run that begins."""
    questions = {"set": prepared.questions.name, "sha256": prepared.questions.sha256}
    return bare(name) | {"questions": questions, "seed": prepared.config.seed}


def bare(name: str) -> dict[str, Any]:
    """A manifest that says nothing yet but when it was begun and by which evalh."""
    return {
        "schema": SCHEMA,
        "run_id": f"{name}-{secrets.token_hex(4)}",
        "name": name,
        "evalh_version": __version__,
        "versions": {"evalh": __version__, "python": platform.python_version()},
        "config": {},
        "inputs": {},
        "models": {},
        "judges": {},
        "juries": {},
        "separation": {},
        "questions": {},
        "seed": 0,
        "started_at": now(),
        "finished_at": None,
        "counts": {},
        "cost": {},
        "served": {},
        "fresh": None,
        "partial": None,
    }


def read(folder: RunFolder) -> dict[str, Any]:
    """The manifest of a run folder, with everything in it that others rely on.

    Raises:
        StoreError: there is none, or it is not one; names the file and what it lacks.
    """
    manifest = folder.manifest()
    faults = [f"{name} is missing" for name in NEEDED if name not in manifest]
    faults += [f"{name} is no object" for name in ("models", "judges", "inputs") if not isinstance(manifest.get(name), dict)]
    if faults:
        raise CorruptRecord(f"{folder.path / MANIFEST}: not a run manifest ({', '.join(faults[:3])})")
    for name, value in bare("").items():
        if not value:
            manifest.setdefault(name, value)
    return manifest


def stopped_early(manifest: Mapping[str, Any], judge: str) -> bool:
    """Whether `--until-separated` chose what a judge was asked, and something is left."""
    told = (manifest.get("separation") or {}).get(judge) or {"questions": (), "asked": ()}
    return bool(sum(n for _, _, n in told["asked"]) < len(told["questions"]) * len(told["asked"]))


def merge(
    manifest: dict[str, Any], prepared: Prepared, old_questions: Sequence[Question], asks: bool
) -> tuple[dict[str, Any], list[Question]]:
    """The manifest and the questions of a run extended by what is asked now.

    Raises:
        RunMismatch: a model, a judge or a question of the run is asked for with another content.
    """
    faults: list[str] = []
    seed = manifest["seed"]
    if seed != prepared.config.seed:  # requests hold marks drawn by it: with another, they would be other requests
        faults.append(f"seed was {seed}, is {prepared.config.seed}; give --seed {seed} to go on with it")
    merged = {**manifest, "config": settings(prepared.config, manifest.get("config", {}), prepared)}
    merged["inputs"] = {**manifest["inputs"], **prepared.inputs}
    merged["models"] = dict(manifest["models"])
    for spec in prepared.config.models if asks else ():
        new = describe_model(spec)
        old = manifest["models"].get(spec.label)
        faults += _differences(f"model {spec.label}", old, new)
        file = f"answers/{spec.label}"
        if old is not None and manifest["inputs"].get(file, prepared.inputs.get(file)) != prepared.inputs.get(file):
            faults.append(f"model {spec.label}: its answer file has another content")
        merged["models"][spec.label] = new
    merged["judges"] = dict(manifest["judges"])
    for judge in prepared.judges:
        new = describe_judge(judge, prepared)
        old = manifest["judges"].get(judge.judge.name)
        faults += _judge_differences(judge.judge.name, old, new)
        faults += _repeats_differ(judge.judge.name, old, new, int(manifest["config"].get("samples") or 1))
        variants = dict(sorted({**(old or {}).get("variants", {}), **new["variants"]}.items()))
        merged["judges"][judge.judge.name] = {**new, "variants": variants, "hash": digest(variants)}
    merged["juries"] = dict(manifest["juries"])
    for jury in prepared.config.juries:
        described = juries.describe(jury, prepared.judges)
        faults += juries.differences(jury.name, manifest["juries"].get(jury.name), described)
        merged["juries"][jury.name] = described
    faults += [
        f"{name} would be a judge and a jury; give the new one another name: --judge other={name}"
        for name in merged["juries"]
        if name in merged["judges"]
    ]
    questions = list(old_questions)
    known = {q.question_id: q for q in old_questions}
    for q in prepared.plan.questions:
        if q.question_id not in known:
            questions.append(q)
        elif known[q.question_id] != q:
            faults.append(f"question {q.question_id}: its text, category, reference or metadata differs")
    if faults:
        raise RunMismatch(
            f"run {manifest['name']} holds another content than is asked for now:\n"
            + "\n".join(f"  - {f}" for f in faults[:20])
            + "\nStart it over with --fresh (the old records are set aside), or write to another folder with --out"
        )
    return merged, _in_set_order(questions, prepared)


def _in_set_order(questions: list[Question], prepared: Prepared) -> list[Question]:
    """A run that was extended by --limit or --categories ends in the set's own order."""
    order = {q.question_id: i for i, q in enumerate(prepared.questions.questions)}
    return sorted(questions, key=lambda q: order.get(q.question_id, len(order)))


def settings(config: RunConfig, before: Mapping[str, Any], prepared: Prepared) -> dict[str, Any]:
    """The resolved configuration as stored. No key is in it, nor anything that only says how fast to go."""
    pairs = list(dict.fromkeys([*before.get("pairs", ()), config.pairs]))
    kept = {"imported": before["imported"]} if "imported" in before else {}
    return kept | {
        "questions": prepared.questions.name or before.get("questions"),
        "categories": list(config.categories),
        "limit": config.limit,
        "mode": config.mode,
        "pairs": pairs,
        "swap": config.swap,
        "samples": config.samples,
        "seed": config.seed,
        "generation": _generation(config, prepared) if prepared.targets else before.get("generation", {}),
        **({"until_separated": config.indifference} if config.until_separated else {}),
    }


def _generation(config: RunConfig, prepared: Prepared) -> dict[str, Any]:
    """Generation parameters by category, as the models were asked: the run's go before the question set's."""
    of_set = {k: dict(v) for k, v in prepared.questions.generation.items() if v}
    return of_set | {k: dict(v) for k, v in config.generation.items()}


def describe_model(spec: ModelSpec) -> dict[str, Any]:
    """A model as stored in run.json."""
    price = {"input": spec.price.input, "output": spec.price.output} if spec.price else None
    identity = spec.identity()
    if spec.provider == "file":
        identity["model"] = (
            identity["model"].replace("\\", "/").rsplit("/", 1)[-1]
        )  # its content is in `inputs`; where it lies is nobody's business
    return {**identity, "price": price, "metadata": dict(spec.metadata)}


def describe_judge(judge: OpenJudge, prepared: Prepared) -> dict[str, Any]:
    """A judge as stored in run.json: who it is and the hash of every variant that the run uses."""
    j = judge.judge
    used = {
        v
        for q in {(_shape(q)): q for q in prepared.plan.questions}.values()
        for m in prepared.plan.modes
        if m in j.modes
        for t in range(1, len(q.turns) + 1)
        for v in j.variants(q, m, t)
    }
    return {
        "judge": judge.choice.judge if judge.folder is None else judge.folder.name,
        "model": None if judge.spec is None else describe_model(judge.spec),
        "asks": None if judge.spec is None else judge.spec.label,
        "params": dict(judge.choice.params),
        "attempts": j.attempts,
        "variants": {v: j.hash(v) for v in sorted(used)},
        "note": getattr(j, "note", ""),
        **getattr(j, "about", {}),
        "repeats": judge.choice.repeats,
        "hash": digest({v: j.hash(v) for v in sorted(used)}),
    }


def _shape(q: Question) -> tuple[Any, ...]:
    given = ("checklist" in q.metadata, "rubric" in q.metadata)
    return q.category, len(q.turns), tuple(r is None for r in q.reference), given


def _differences(what: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    if old is None:
        return []
    ignored = (*NOT_COMPARED, "price", "metadata")
    return [f"{what}: {k} was {old.get(k)!r}, is {new[k]!r}" for k in new if k not in ignored and old.get(k) != new[k]]


def _judge_differences(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    if old is None:
        return []
    if old["judge"] != new["judge"]:
        return [
            f"judge {name}: it was {old['judge']}, is {new['judge']}; a label of its own keeps both: --judge NEW={new['judge']}"
        ]
    faults = _differences(f"judge {name}, model", old["model"], new["model"]) if old["model"] and new["model"] else []
    if faults:
        return faults
    changed = [v for v, mark in new["variants"].items() if old["variants"].get(v, mark) != mark]
    return [f"judge {name}: prompt, scale, reader or parameters of variant {v} differ" for v in changed]


def _repeats_differ(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any], samples: int) -> list[str]:
    """Another way to count the repeats that a run holds gives other figures; while it holds none, it may be chosen."""
    was = "each" if old is None else old.get("repeats", "each")
    if old is None or samples == 1 or was == new["repeats"]:
        return []
    return [f"judge {name}: repeats was {was}, is {new['repeats']}; a label of its own keeps both: --judge NEW={name}"]
