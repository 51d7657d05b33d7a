"""JSON schemas of what a run folder holds, made from the record types themselves (`core/records.py`).

A record's schema is as strict as its reader (`core/wire.py`): its fields and no others. That of run.json leaves room for keys
that a later evalh adds. Each carries the schema number of the evalh that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from evalh.core.upgrades import SCHEMA
from evalh.core.wire import KIND

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
OBJECT: Final[Schema] = {"type": "object"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def either(*schemas: Schema) -> Schema:
    """Any of these."""
    return {"anyOf": list(schemas)}


def table(of: Schema) -> Schema:
    """An object of any names, every value of one kind."""
    return {"type": "object", "additionalProperties": of}


def rows(of: Schema) -> Schema:
    """A list, every item of one kind."""
    return {"type": "array", "items": of}


def thing(**properties: Schema) -> Schema:
    """An object with all of these keys, and maybe more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def titled(name: str, title: str, schema: Schema, number: int = SCHEMA) -> Schema:
    """A whole schema document."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:evalh:schema:{number}:{name}",
        "title": title,
    }
    return head | schema


def numbered(schema: Schema, number: int = SCHEMA) -> Schema:
    """An object whose first key is its schema number."""
    properties = {"schema": {"const": number, "description": "the schema number"}, **schema["properties"]}
    return {**schema, "properties": properties, "required": ["schema", *schema["required"]]}


MEANING: Final[Mapping[str, Mapping[str, str]]] = {
    "question": {
        "question_id": "names the question within its set",
        "category": "the group it is reported under",
        "turns": "what the user says, turn by turn; empty where an import gives no text",
        "reference": "a reference answer for each turn, null where a turn has none",
        "tags": "words of the set's own",
        "metadata": "whatever else the set says of it; `checklist` and `rubric` are shown to judges that ask for them",
    },
    "answer": {
        "answer_id": "names the answer by what was asked of whom and what came back",
        "question_id": "the question answered",
        "model": "the label under which the model took part",
        "params": "the parameters that were sent",
        "sample": "repeats, from 0",
        "turns": "the text of each turn answered; fewer than the question's where there is a failure",
        "finish_reason": "of the last turn, as the server said it",
        "usage": "tokens of all turns together, as the server reported them",
        "flags": "what is worth knowing about it",
        "failure": "why there is no answer, or not all of it",
    },
    "judgment": {
        "judgment_id": "the unit's id, `-` and the attempt",
        "group_id": "the same for all orders of the same answers",
        "question_id": "the question judged",
        "turn": "the turn judged, from 1",
        "judge": "the label under which the judge took part",
        "judge_hash": "names all that was fixed about the request",
        "protocol": "judge and variant",
        "mode": "what the judge was asked for",
        "answers": "answer ids in the order shown",
        "status": "how it ended; only `scored` counts",
        "verdict": "A is the first answer shown",
        "strength": "1 slightly, 2 clearly; null where the scale has no steps",
        "preference": "0 to 1 for the first answer shown, where the judge gives a weight",
        "scores": "aspect -> one number for each answer shown",
        "ranking": "the rank of each answer shown, 1 best",
        "sample": "repeats that were asked for, from 0",
        "attempt": "how often an unreadable reply was asked again; the last attempt of a unit decides",
        "flags": "what is worth knowing about it",
        "explanation": "the judge's full text",
        "usage": "tokens, as the server reported them",
        "failure": "why there is no judgment",
    },
    "vote": {
        "question_id": "the question voted on",
        "model_a": "one of the two models",
        "model_b": "the other",
        "winner": "which of them is better",
        "rater": "who voted",
        "turn": "the turn voted on, from 1",
        "inclusion_probability": "the chance with which the comparison was drawn to be voted on, where not all had the same",
    },
}
"""What every field of a record means, in a few words; docs/records.md says more."""


def of_record(kind: type) -> Schema:
    """The schema of a line of a record file."""
    name = KIND[kind]
    return titled(name, f"A line that holds one {name}", numbered(of_type(kind, MEANING[name])))


def of_type(given: Any, meaning: Mapping[str, str] | None = None) -> Schema:
    """The schema of a type as JSON holds it.

    Args:
        meaning: field -> what it means, of a dataclass.
    """
    plain = {str: TEXT, int: WHOLE, float: NUMBER, bool: BOOLEAN, Any: {}}
    if given in plain:
        return dict(plain[given])
    if is_dataclass(given) and isinstance(given, type):
        return _of_fields(given, meaning or {})
    origin, inner = get_origin(given), get_args(given)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, UnionType):
        held = [of_type(t) for t in inner if t is not NoneType]
        if len(held) == 1 and "enum" in held[0]:
            return {"enum": [*held[0]["enum"], None]}
        return maybe(held[0]) if len(held) == 1 else either(*held, {"type": "null"})
    if origin is tuple and inner[1:] == (...,):
        return rows(of_type(inner[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict(OBJECT) if inner[1] is Any else table(of_type(inner[1]))
    raise TypeError(f"no JSON schema for {given!r}")


def _of_fields(kind: type, meaning: Mapping[str, str]) -> Schema:
    hints = get_type_hints(kind)
    properties, needed = {}, []
    for f in fields(kind):
        properties[f.name] = of_type(hints[f.name])
        if f.name in meaning:
            properties[f.name] = {"description": meaning[f.name], **properties[f.name]}
        if f.default is MISSING and f.default_factory is MISSING:
            needed.append(f.name)
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


ALWAYS: Final = ("run_id", "name", "models", "judges", "inputs", "counts", "cost", "started_at", "finished_at")
"""Keys that every run.json has; those that were added later are missing in the older ones, and mean that there is none."""


def of_manifest() -> Schema:
    """The schema of run.json."""
    model = either(thing(provider=TEXT, model=TEXT), {"type": "null"})
    judge = thing(judge=TEXT, model=model, params=OBJECT, attempts=WHOLE, variants=table(TEXT), note=TEXT, hash=TEXT)
    jury = thing(members=TEXTS, rule=TEXT, quorum=WHOLE, modes=TEXTS, note=TEXT)
    when = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
    schema = thing(
        run_id=TEXT,
        name=TEXT,
        evalh_version=TEXT,
        versions=table(TEXT),
        config=OBJECT,
        inputs=table(TEXT),
        models=table(thing(provider=TEXT, model=TEXT)),
        judges=table(judge),
        juries=table(jury),
        separation=table(OBJECT),
        questions=OBJECT,
        seed=WHOLE,
        started_at=when,
        finished_at=maybe(when),
        counts=OBJECT,
        cost=OBJECT,
        served=table(rows(rows(maybe(TEXT)))),
        fresh=maybe(TEXT),
        partial=maybe(TEXT),
    )
    schema["required"] = list(ALWAYS)
    return titled("run", "run.json: what was asked for and with what, and what came of it", numbered(schema))


def of_files() -> Mapping[str, Callable[[], Schema]]:
    """Name -> the schema of everything that a run folder holds, but for its report."""
    made: dict[str, Callable[[], Schema]] = {name: lambda kind=kind: of_record(kind) for kind, name in KIND.items()}  # type: ignore[misc]
    return made | {"run": of_manifest}
