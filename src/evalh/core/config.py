"""What a run is asked to do, parsed and validated once.

`evalh.toml` (searched from the working folder upwards) names models, judges and limits; the command line names which of them
take part. Both end in the frozen objects below, and nothing past this module looks at a raw option again.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from evalh.core.toml import Checker
from evalh.errors import BadConfig

FILE: Final = "evalh.toml"
TABLES: Final = ("models", "judges", "juries", "limits", "generation", "prices")
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
    "structured",
    *GENERATION,
)
JUDGE_KEYS: Final = ("judge", "model", "attempts", "repeats", "structured", *GENERATION)
JURY_KEYS: Final = ("judges", "rule", "quorum", "note")
RULES: Final = ("majority", "mean")
"""How several voices become one; see `evalh.stats.jury`."""
REPEATS: Final = ("each", *RULES)
"""What --samples makes of a judge's repeats: rows of their own, or one voice."""
LIMIT_KEYS: Final = ("concurrency", "requests_per_minute", "tokens_per_minute")
UNSENT: Final[Mapping[str, Any]] = {"n": 1, "stream": False}
"""Fields of a request that evalh sets by leaving them out: one whole reply at a time. Another value is refused."""
FORMS: Final = ("json_schema", "grammar", "choice", "guided_choice", "none")
"""What a server can hold a judge's reply to, and "none"; see `evalh.judges.structured`."""
LABEL: Final = re.compile(r"[^\s=:,/\\]+")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens; `batch` is the share of them that the Batch API takes."""

    input: float
    output: float
    batch: float = 0.5

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for a number of tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as it is to be reached.

    `label` names it in records and reports; `revision` tells apart what one server may have loaded at different times under
    one name. `params` are generation parameters that the user fixed for this model; they win over a set's own. `structured` is
    one of `FORMS`: what the server can hold a judge's reply to, None where nobody said.
    """

    label: str
    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    revision: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a credential
    query: Mapping[str, str] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    client: str = "light"
    system: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    needs_endpoint: bool = False
    structured: str | None = None

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
    """One judge as it is to be used: which protocol, asked of which model, with which settings changed.

    `repeats` is one of `REPEATS`. `alone` is false where nobody asked for the judge but a jury that it is a member of.
    `structured` is one of `FORMS`, None where nobody said.
    """

    label: str
    judge: str
    model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    attempts: int | None = None
    repeats: str = "each"
    alone: bool = True
    structured: str | None = None


@dataclass(frozen=True, slots=True)
class Jury:
    """Several judges whose judgments are made into one.

    `members` are judges as --judge takes them; in a RunConfig, their labels. `rule` is one of `RULES`; fewer than `quorum`
    scored members, and the jury is silent.
    """

    name: str
    members: tuple[str, ...]
    rule: str
    quorum: int
    note: str = ""


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
    juries: Mapping[str, Jury] = field(default_factory=dict)
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
    juries: tuple[Jury, ...] = ()
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
    budget: float | None = None
    accept_model_change: bool = False
    batch: bool = False
    until_separated: bool = False
    indifference: float = 0.05

    @property
    def name(self) -> str:
        """The derived run name: question set and judges only, so that more models extend the run."""
        stem = Path(self.questions).stem if self.questions.endswith(".jsonl") else Path(self.questions).name
        named = [j.label for j in self.judges if j.alone] + [jury.name for jury in self.juries]
        parts = [stem, "+".join(named)] if named else [stem]
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
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: {error}") from None
    check = _Checker(path, text)
    check.keys(data, TABLES, ())
    for table in TABLES:
        check.table(data.get(table, {}), (table,))
    models = {name: check.model(name, entry) for name, entry in data.get("models", {}).items()}
    judges = {name: check.judge(name, entry) for name, entry in data.get("judges", {}).items()}
    juries = {name: check.jury(name, entry) for name, entry in data.get("juries", {}).items()}
    limits = {_endpoint(url): check.limits(url, entry) for url, entry in data.get("limits", {}).items()}
    prices = {name: check.price(entry, ("prices", name)) for name, entry in data.get("prices", {}).items()}
    return UserConfig(path, models, judges, juries, limits, check.generation(data.get("generation", {})), prices)


def check_generation(path: Path, text: str, data: Any) -> dict[str, Mapping[str, Any]]:
    """Generation parameters by category, or "default", as evalh.toml and a set.toml write them; empty ones are left out.

    Raises:
        BadConfig: names the file and the line.
    """
    return _Checker(path, text).generation(data)


def url_fault(url: str) -> str | None:
    """What is wrong with the address of an endpoint, or None."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"is not an address ({error})"
    if parts.username or parts.password:
        return "may not hold a user or a password: name the key's variable with api_key_env"
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        return f"must start with http:// or https:// and a host, not {url!r}"
    if parts.query or parts.fragment:
        return "may not hold '?' or '#': write query = { … }"
    if parts.path.rstrip("/").endswith("/chat/completions"):
        return "ends before /chat/completions, which evalh adds by itself"
    return None


def _endpoint(url: str) -> str:
    return url.rstrip("/")


def _or(words: tuple[str, ...]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _looks_like_a_key(name: str) -> bool:
    """Whether what stands where a variable's name belongs is a credential: no name, or a long jumble of letters and digits."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return True
    return any(len(part) >= 16 and re.search(r"[0-9]", part) and re.search(r"[a-z]", part) for part in name.split("_"))


class _Checker(Checker):
    """Checks the tables of evalh.toml."""

    def model(self, name: str, entry: Any) -> dict[str, Any]:
        here = ("models", name)
        data = self.table(entry, here)
        self.keys(data, MODEL_KEYS, here)
        if not LABEL.fullmatch(name):
            self.fault(name, f"a model's name may not hold spaces, '=', ':', ',' or slashes: {name!r}", here[:-1])
        for key in ("provider", "model", "base_url", "api_key_env", "revision", "client", "system", "path"):
            self.typed(data, key, str, "text", here)
        if "client" in data and data["client"] not in ("light", "sdk"):
            self.fault("client", 'client must be "light" or "sdk"', here)
        for key in ("headers", "query"):
            self.texts(data, key, here)
        for key in ("extra_body", "metadata"):
            self.plain(data, key, here)
        if _looks_like_a_key(data.get("api_key_env", "NONE")):
            self.fault("api_key_env", "api_key_env is the NAME of an environment variable, never the key itself", here)
        self.parameters(data, here)
        self.structured(data, here)
        for key, value in data.get("extra_body", {}).items():
            if key in UNSENT and value != UNSENT[key]:
                self.fault(
                    key, f"{key} = {value!r}: evalh asks for one whole reply at a time; --samples asks for several", here
                )
        if "price" in data:
            data["price"] = self.price(data["price"], (*here, "price"))
        if "base_url" in data and (wrong := url_fault(data["base_url"])):
            self.fault("base_url", f"base_url {wrong}", here)
        return data

    def judge(self, name: str, entry: Any) -> dict[str, Any]:
        here = ("judges", name)
        data = self.table(entry, here)
        self.keys(data, JUDGE_KEYS, here)
        for key in ("judge", "model"):
            self.typed(data, key, str, "text", here)
        self.typed(data, "attempts", int, "a whole number", here)
        if data.get("attempts", 1) < 1:
            self.fault("attempts", "attempts must be at least 1", here)
        if data.get("repeats", "each") not in REPEATS:
            self.fault("repeats", f"repeats must be {_or(REPEATS)}", here)
        self.structured(data, here)
        self.parameters(data, here)
        return data

    def structured(self, data: Mapping[str, Any], within: tuple[str, ...]) -> None:
        if data.get("structured", "none") not in FORMS:
            self.fault("structured", f"structured must be {_or(FORMS)}", within)

    def jury(self, name: str, entry: Any) -> Jury:
        here = ("juries", name)
        data = self.table(entry, here)
        self.keys(data, JURY_KEYS, here)
        if not LABEL.fullmatch(name):
            self.fault(name, f"a jury's name may not hold spaces, '=', ':', ',' or slashes: {name!r}", here[:-1])
        members = data.get("judges")
        if not isinstance(members, list) or not all(isinstance(m, str) and m for m in members):
            self.fault("judges", 'judges must be a list of judges, such as ["gpt-4", "second=gpt-4"]', here)
        if len(members) < 2:
            self.fault("judges", f"a jury needs at least two judges, {name} names {len(members)}", here)
        for member in members:
            if members.count(member) > 1:
                self.fault("judges", f"judge {member!r} is named twice", here)
        if data.get("rule") not in RULES:
            self.fault("rule", f"rule must be {_or(RULES)}", here)
        self.typed(data, "quorum", int, "a whole number", here)
        quorum = data.get("quorum", len(members) // 2 + 1)
        if not 1 <= quorum <= len(members):
            self.fault("quorum", f"quorum must be from 1 to the number of judges, {len(members)}", here)
        self.typed(data, "note", str, "text", here)
        return Jury(name, tuple(members), data["rule"], quorum, data.get("note", ""))

    def parameters(self, data: Mapping[str, Any], within: tuple[str, ...]) -> None:
        for key in ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty"):
            self.number(data, key, within)
        for key in ("max_tokens", "seed", "top_k", "top_logprobs"):
            self.typed(data, key, int, "a whole number", within)
        if data.get("max_tokens", 1) < 1:
            self.fault("max_tokens", "max_tokens must be at least 1", within)
        stop = data.get("stop", "")
        if not isinstance(stop, str) and not (isinstance(stop, list) and all(isinstance(s, str) for s in stop)):
            self.fault("stop", "stop must be text or a list of texts", within)
        self.typed(data, "reasoning_effort", str, "text", within)
        self.plain(data, "response_format", within)
        self.typed(data, "logprobs", bool, "true or false", within)

    def limits(self, url: str, entry: Any) -> Limits:
        here = ("limits", url)
        data = self.table(entry, here)
        self.keys(data, LIMIT_KEYS, here)
        self.typed(data, "concurrency", int, "a whole number", here)
        for key in LIMIT_KEYS:
            self.number(data, key, here)
            if data.get(key, 1) <= 0:
                self.fault(key, f"{key} must be above 0", here)
        return Limits(**data)

    def price(self, entry: Any, within: tuple[str, ...]) -> Price:
        data = self.table(entry, within)
        self.keys(data, ("input", "output", "batch"), within)
        for key in ("input", "output"):
            self.number(data, key, within)
            if data.get(key, -1) < 0:
                self.fault(key, "price = { input = …, output = … } in dollars per million tokens", within)
        self.number(data, "batch", within)
        if not 0 <= data.get("batch", 0.5) <= 1:
            self.fault("batch", "batch is the share of the price that a batch costs, such as 0.5", within)
        return Price(float(data["input"]), float(data["output"]), float(data.get("batch", 0.5)))

    def generation(self, data: Any) -> dict[str, Mapping[str, Any]]:
        here = ("generation",)
        data = self.table(data, here)
        self.keys(data, ("default", "categories"), here)
        categories = self.table(data.get("categories", {}), (*here, "categories"))
        tables = {"default": (*here, "default"), **{name: (*here, "categories", name) for name in categories}}
        checked = {}
        for name, path in tables.items():
            checked[name] = self.table(categories[name] if len(path) == 3 else data.get("default", {}), path)
            self.keys(checked[name], GENERATION, path)
            self.parameters(checked[name], path)
        return {name: entry for name, entry in checked.items() if entry}
