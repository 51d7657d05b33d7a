"""What a run is asked to do, parsed and validated once.

`evalh.toml` (searched from the working folder upwards) names models, judges and limits; the command line names which of them
take part. Both end in the frozen objects below, and nothing past this module looks at a raw option again.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evalh.errors import BadConfig, UnknownName

FILE: Final = "evalh.toml"
TABLES: Final = ("models", "judges", "limits", "generation", "prices")
GENERATION: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "reasoning_effort",
    "response_format",
    "logprobs",
    "top_logprobs",
)
MODEL_KEYS: Final = (
    "provider",
    "model",
    "base_url",
    "api_key_env",
    "price",
    "revision",
    "headers",
    "query",
    "extra_body",
    "client",
    "system",
    "path",
    "metadata",
    *GENERATION,
)
JUDGE_KEYS: Final = ("judge", "model", "attempts", *GENERATION)
LIMIT_KEYS: Final = ("concurrency", "requests_per_minute", "tokens_per_minute")
LABEL: Final = re.compile(r"[^\s=:,/\\]+")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for a number of tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as it is to be reached.

    `label` names it in records and reports; `revision` tells apart what one server may have loaded at different times under
    one name. `params` are generation parameters that the user fixed for this model; they win over a set's own.
    """

    label: str
    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    revision: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    client: str = "light"
    system: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    needs_endpoint: bool = False

    @property
    def spec(self) -> str:
        """As it would be written on the command line."""
        return f"{self.provider}:{self.model}"

    def identity(self) -> dict[str, Any]:
        """What makes two models of one label the same model to a run; no key, no header, no price."""
        return {
            "provider": self.provider,
            "model": self.model,
            "base_url": self.base_url,
            "params": dict(self.params),
            "revision": self.revision,
            "query": dict(self.query),
            "extra_body": dict(self.extra_body),
            "system": self.system,
        }


@dataclass(frozen=True, slots=True)
class JudgeChoice:
    """One judge as it is to be used: which protocol, asked of which model, with which settings changed."""

    label: str
    judge: str
    model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an endpoint allows; None where unlimited."""

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class UserConfig:
    """evalh.toml, checked. `path` is None where there is no such file."""

    path: Path | None = None
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    generation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that decides what a run asks, and how hard it may push.

    `modes` are judgment modes in order; `pairs` is "all" or the label of the baseline that every other model meets.
    """

    questions: str = "core-80"
    models: tuple[ModelSpec, ...] = ()
    judges: tuple[JudgeChoice, ...] = ()
    categories: tuple[str, ...] = ()
    limit: int | None = None
    mode: str = "both"
    pairs: str = "all"
    swap: bool = True
    samples: int = 1
    seed: int = 0
    out: Path | None = None
    concurrency: int = 16
    limits: Mapping[str, Limits] = field(default_factory=dict)
    generation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    offline: bool = False
    fresh: bool = False
    max_failures: float = 0.05

    @property
    def name(self) -> str:
        """The derived run name: question set and judges only, so that more models extend the run."""
        stem = Path(self.questions).stem if self.questions.endswith(".jsonl") else Path(self.questions).name
        parts = [stem, "+".join(j.label for j in self.judges)] if self.judges else [stem]
        return re.sub(r"[^\w.+-]", "_", "--".join(parts))


def find_file(start: Path | None = None) -> Path | None:
    """The nearest evalh.toml, from a folder upwards."""
    folder = (start or Path.cwd()).resolve()
    for place in (folder, *folder.parents):
        if (place / FILE).is_file():
            return place / FILE
    return None


def load(path: Path | None = None) -> UserConfig:
    """Read and check evalh.toml; an empty config where `path` is None and no file is found.

    Raises:
        BadConfig: names the file and, where it can be told, the line.
    """
    if path is None:
        path = find_file()
        if path is None:
            return UserConfig()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: {error}") from None
    check = _Checker(path, text)
    check.keys(data, TABLES, "")
    for table in TABLES:
        if not isinstance(data.get(table, {}), dict):
            check.fault(table, f"[{table}] must be a table")
    models = {name: check.model(name, entry) for name, entry in data.get("models", {}).items()}
    judges = {name: check.judge(name, entry) for name, entry in data.get("judges", {}).items()}
    limits = {_endpoint(url): check.limits(url, entry) for url, entry in data.get("limits", {}).items()}
    prices = {name: check.price(entry, name) for name, entry in data.get("prices", {}).items()}
    return UserConfig(path, models, judges, limits, check.generation(data.get("generation", {})), prices)


def _endpoint(url: str) -> str:
    return url.rstrip("/")


class _Checker:
    """Checks the values of one evalh.toml; every fault names the file and the line of the key."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def fault(self, key: str, message: str, within: str = "") -> None:
        raise BadConfig(f"{self.path}{self._line(key, within)}: {message}")

    def _line(self, key: str, within: str) -> str:
        """ ":N" of the first line that sets `key`, looked for behind the header of table `within`."""
        start = 0
        if within:
            heads = [i for i, line in enumerate(self.lines) if line.strip().startswith("[") and within in line]
            start = heads[0] if heads else 0
        pattern = re.compile(rf"^\s*(\[.*)?[\"']?{re.escape(key)}[\"']?\s*(=|\]|\.)")
        for i, line in enumerate(self.lines[start:], start + 1):
            if pattern.search(line):
                return f":{i}"
        return f":{start + 1}" if within else ""

    def keys(self, data: Mapping[str, Any], known: Sequence[str], within: str) -> None:
        for key in data:
            if key not in known:
                self.fault(key, str(UnknownName("key" if within else "table", key, tuple(known))), within)

    def table(self, entry: Any, name: str) -> dict[str, Any]:
        if not isinstance(entry, dict):
            self.fault(name, f"{name!r} must be a table")
        return dict(entry)

    def typed(self, data: Mapping[str, Any], key: str, kind: type | tuple[type, ...], what: str, within: str) -> None:
        if key in data and (not isinstance(data[key], kind) or isinstance(data[key], bool)):
            self.fault(key, f"{key} must be {what}", within)

    def model(self, name: str, entry: Any) -> dict[str, Any]:
        data = self.table(entry, name)
        self.keys(data, MODEL_KEYS, name)
        if not LABEL.fullmatch(name):
            self.fault(name, f"a model's name may not hold spaces, '=', ':', ',' or slashes: {name!r}")
        for key in ("provider", "model", "base_url", "api_key_env", "revision", "client", "system", "path"):
            self.typed(data, key, str, "text", name)
        if "client" in data and data["client"] not in ("light", "sdk"):
            self.fault("client", 'client must be "light" or "sdk"', name)
        for key in ("headers", "query", "extra_body", "metadata"):
            self.typed(data, key, dict, "a table", name)
        env = data.get("api_key_env")
        if env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", env):
            self.fault("api_key_env", "api_key_env is the NAME of an environment variable, never the key itself", name)
        self.parameters(data, name)
        if "price" in data:
            data["price"] = self.price(data["price"], name)
        url = data.get("base_url")
        if url is not None and not re.match(r"https?://[^/]", url):
            self.fault("base_url", f"base_url must start with http:// or https://, not {url!r}", name)
        return data

    def judge(self, name: str, entry: Any) -> dict[str, Any]:
        data = self.table(entry, name)
        self.keys(data, JUDGE_KEYS, name)
        for key in ("judge", "model"):
            self.typed(data, key, str, "text", name)
        self.typed(data, "attempts", int, "a whole number", name)
        self.parameters(data, name)
        return data

    def parameters(self, data: Mapping[str, Any], within: str) -> None:
        for key in ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty"):
            self.typed(data, key, (int, float), "a number", within)
        for key in ("max_tokens", "seed", "top_k", "top_logprobs"):
            self.typed(data, key, int, "a whole number", within)
        if data.get("max_tokens", 1) < 1:
            self.fault("max_tokens", "max_tokens must be at least 1", within)

    def limits(self, url: str, entry: Any) -> Limits:
        data = self.table(entry, url)
        self.keys(data, LIMIT_KEYS, url)
        for key in LIMIT_KEYS:
            self.typed(data, key, (int, float), "a number", url)
            if key in data and data[key] <= 0:
                self.fault(key, f"{key} must be above 0", url)
        return Limits(**data)

    def price(self, entry: Any, within: str) -> Price:
        data = self.table(entry, within)
        for key in ("input", "output"):
            if not isinstance(data.get(key), int | float) or isinstance(data.get(key), bool) or data[key] < 0:
                self.fault("price", "price = { input = …, output = … } in dollars per million tokens", within)
        return Price(float(data["input"]), float(data["output"]))

    def generation(self, data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        self.keys(data, ("default", "categories"), "generation")
        tables = {"default": data.get("default", {}), **data.get("categories", {})}
        for name, entry in tables.items():
            self.keys(self.table(entry, name), GENERATION, name)
            self.parameters(entry, name)
        return {name: entry for name, entry in tables.items() if entry}


def environment(env: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The environment that settings are read from; a seam for tests."""
    return os.environ if env is None else env
