"""A model's name on the command line -> ModelSpec.

`NAME` is looked up in evalh.toml, then in the built-in catalogue; `provider:model` needs no entry; `NAME=SPEC` gives any of
them a label of one's own. What is missing to reach a model (a key, an address, a file) is found by `missing`, for all models
at once, before anything is sent.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from evalh.core import resources
from evalh.core.config import GENERATION, LABEL, ModelSpec, Price, UserConfig, url_fault
from evalh.core.registry import registered
from evalh.errors import BadConfig, UnknownName

CATALOG: Final = Path(__file__).resolve().parents[1] / "backends" / "catalog.toml"
OPENAI_URL: Final = "https://api.openai.com/v1"


@cache
def catalog() -> Mapping[str, Mapping[str, Any]]:
    """The built-in models by name."""
    return tomllib.loads(CATALOG.read_text("utf-8"))


def split_label(text: str) -> tuple[str | None, str]:
    """`NAME=SPEC` -> (NAME, SPEC); (None, text) where there is no label."""
    head, sign, tail = text.partition("=")
    if sign and LABEL.fullmatch(head):
        if not tail:
            raise BadConfig(f"{text!r} names no model after '='")
        return head, tail
    return None, text


def resolve(text: str, user: UserConfig, env: Mapping[str, str]) -> ModelSpec:
    """The model that a name or spec means.

    Raises:
        UnknownName: neither evalh.toml nor the catalogue has the name, or no such provider is installed.
        BadConfig: an entry that cannot be used.
    """
    label, text = split_label(text)
    if text in user.models:
        spec = _from_entry(
            text, _completed(text, user.models[text]), env, str(user.path), user.path.parent if user.path else None
        )
    elif text in catalog():
        spec = _from_entry(text, catalog()[text], env, "the catalogue")
    elif ":" in text:
        provider, _, model = text.partition(":")
        if provider not in registered("evalh.backends"):
            raise UnknownName("provider", provider, tuple(registered("evalh.backends")), f"(in {text!r})")
        if not model:
            raise BadConfig(f"{text!r} names no model after ':'")
        spec = _from_entry(_label_of(provider, model), {"provider": provider, "model": model}, env, text)
    else:
        known = [*user.models, *catalog()]
        raise UnknownName(
            "model", text, known, f"A spec such as openai:{text} or file:answers.jsonl needs no entry in evalh.toml."
        )
    if label:
        spec = replace(spec, label=label)
    if spec.price is None:
        spec = replace(spec, price=user.prices.get(spec.model) or price_of(spec))
    return spec


def _completed(name: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry that names no model of its own, such as one with an address only, changes the catalogue's of its name."""
    return entry if {"provider", "model", "path"} & set(entry) else {**catalog().get(name, {}), **entry}


def _label_of(provider: str, model: str) -> str:
    """The label of `provider:model` where none was given: the file's stem, or the model's own name."""
    if provider == "file":
        model = PurePosixPath(model.replace("\\", "/")).stem  # a path of either kind of system
    return re.sub(r"[\s=,/\\]", "_", model)


def _from_entry(
    label: str, entry: Mapping[str, Any], env: Mapping[str, str], where: str, folder: Path | None = None
) -> ModelSpec:
    provider = entry.get("provider") or ("openai" if entry.get("base_url") or entry.get("model") else None)
    if provider is None:
        raise BadConfig(f"{where}: model {label!r} names no provider; known are {', '.join(registered('evalh.backends'))}")
    if provider not in registered("evalh.backends"):
        raise UnknownName("provider", provider, tuple(registered("evalh.backends")), f"(model {label!r} in {where})")
    model = entry.get("model") or entry.get("path")
    if not model:
        raise BadConfig(f"{where}: model {label!r} says neither model nor path")
    if provider == "file":
        beside = None if folder is None else folder / Path(model).expanduser()
        model = str(beside if beside is not None and beside.exists() else _answer_file(model))
    url = entry.get("base_url")
    key = entry.get("api_key_env")
    if provider == "openai" and url is None:
        url = _checked("OPENAI_BASE_URL", env.get("OPENAI_BASE_URL")) or (None if entry.get("needs_endpoint") else OPENAI_URL)
        key = key or "OPENAI_API_KEY"
    elif provider == "ollama" and url is None:
        url = _checked("OLLAMA_HOST", _ollama(env.get("OLLAMA_HOST") or "127.0.0.1"))
    return ModelSpec(
        label=label,
        provider=provider,
        model=model,
        base_url=url.rstrip("/") if url else None,
        api_key_env=key,
        params={k: entry[k] for k in GENERATION if k in entry},
        price=entry.get("price"),
        revision=entry.get("revision"),
        headers=entry.get("headers", {}),
        query=entry.get("query", {}),
        extra_body=entry.get("extra_body", {}),
        client=entry.get("client", "light"),
        system=entry.get("system"),
        metadata=entry.get("metadata", {}),
        needs_endpoint=bool(entry.get("needs_endpoint")),
        structured=entry.get("structured"),
    )


def _checked(variable: str, url: str | None) -> str | None:
    """The address in an environment variable."""
    if not url:
        return None
    if wrong := url_fault(url):
        raise BadConfig(f"the environment variable {variable} {wrong}")
    return url


def _ollama(host: str) -> str:
    """The address that OLLAMA_HOST means, read as Ollama reads it: 11434 is the port where neither it nor a scheme is given."""
    host = host.strip().rstrip("/")
    scheme, sign, rest = host.rpartition("://")
    place, slash, path = rest.partition("/")
    if not sign and not re.search(r":\d*$", place):
        place += ":11434"
    if place.startswith(":"):
        place = "127.0.0.1" + place
    return f"{scheme or 'http'}://{place}{slash}{path}/v1"


def _answer_file(path: str) -> Path:
    """A path as given, or one of the answer files that travel with a built-in question set."""
    given = Path(path).expanduser()
    parts = given.parts
    if not given.exists() and parts[:1] == ("questions",):
        shipped = resources.builtin("questions").joinpath(*parts[1:])
        return shipped if shipped.exists() else given
    return given


def missing(specs: Sequence[tuple[str, ModelSpec]], env: Mapping[str, str]) -> list[str]:
    """One paragraph for each (role, model) that cannot be reached as things stand, with the ways to supply what is missing."""
    faults: list[str] = []
    for role, spec in specs:
        fault = _missing(spec, env)
        if fault and f"{role} {spec.label}: {fault}" not in faults:
            faults.append(f"{role} {spec.label}: {fault}")
    return faults


def _missing(spec: ModelSpec, env: Mapping[str, str]) -> str | None:
    name = spec.label if re.fullmatch(r"[\w-]+", spec.label, re.ASCII) else json.dumps(spec.label)  # as TOML writes a key
    if spec.provider == "file":
        if Path(spec.model).is_file():
            return None
        return f"there is no answer file {spec.model}; give the path of a JSON Lines file, file:PATH"
    if spec.provider == "openai" and spec.base_url is None:
        return (
            f"no server is known for {spec.model}. Serve it behind any OpenAI-compatible address and either\n"
            f'      write to evalh.toml:\n          [models.{name}]\n          base_url = "http://127.0.0.1:8000/v1"\n'
            f"      or set OPENAI_BASE_URL to that address\n"
            f"      or use recorded answers:  --models {spec.label}=file:ANSWERS.jsonl"
        )
    if spec.api_key_env and not env.get(spec.api_key_env) and not _is_local(spec.base_url or ""):
        return (
            f"the environment variable {spec.api_key_env} with the key for {spec.base_url} is not set. Either\n"
            f"      export {spec.api_key_env}=…\n"
            f'      or name another variable in evalh.toml:\n          [models.{name}]\n          api_key_env = "MY_KEY"\n'
            f'      or point to another server:  base_url = "http://127.0.0.1:8000/v1" there, or OPENAI_BASE_URL'
        )
    return None


def _is_local(url: str) -> bool:
    """Whether a server stands on this machine, where a key is seldom needed."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


@cache
def _prices() -> Mapping[str, Any]:
    path = Path(__file__).resolve().parents[1] / "backends" / "prices.toml"
    return tomllib.loads(path.read_text("utf-8"))


def price_of(spec: ModelSpec) -> Price | None:
    """The dated list price of a model at OpenAI's own address; None elsewhere, since another server has another price."""
    if spec.provider != "openai" or spec.base_url != OPENAI_URL:
        return None
    entry = _prices()["models"].get(spec.model)
    if entry is None:
        return None
    return Price(float(entry["input"]), float(entry["output"]), float(entry.get("batch", _prices()["batch"])))
