"""A model's name on the command line, and everything that may be missing to reach it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from evalh.core import models
from evalh.core.config import Price, UserConfig, load
from evalh.core.models import OPENAI_URL, missing, resolve
from evalh.errors import BadConfig, UnknownName

USER = UserConfig(
    Path("evalh.toml"),
    models={
        "mine": {"base_url": "http://127.0.0.1:8000/v1/", "model": "org/m", "temperature": 0.5, "price": Price(1, 2)},
        "gpt-4": {"provider": "openai", "model": "my-own-gpt-4"},
        "files": {"provider": "file", "path": "a.jsonl"},
        "bare": {"system": "Be brief."},
        "empty": {"provider": "openai"},
        "odd": {"provider": "opnai", "model": "m"},
    },
    prices={"org/priced": Price(3, 4)},
)


def test_a_name_is_sought_in_the_file_then_in_the_catalogue() -> None:
    """evalh.toml covers a built-in name; a built-in name needs no entry."""
    assert resolve("gpt-4", USER, {}).model == "my-own-gpt-4"
    assert resolve("gpt-4", UserConfig(), {}).model == "gpt-4"
    spec = resolve("mine", USER, {})
    assert (spec.label, spec.spec, spec.base_url) == ("mine", "openai:org/m", "http://127.0.0.1:8000/v1")
    assert (spec.params, spec.price, spec.api_key_env) == ({"temperature": 0.5}, Price(1, 2), None)


def test_every_name_of_the_catalogue_resolves() -> None:
    """What we ship by name can be used by name."""
    for name in models.catalog():
        assert resolve(name, UserConfig(), {}).label == name
    assert {"vicuna", "alpaca", "koala", "llama", "gpt-4", "gpt-3.5-turbo"} <= set(models.catalog())


@pytest.mark.parametrize(
    ("text", "label", "provider", "model"),
    [
        ("openai:gpt-4o", "gpt-4o", "openai", "gpt-4o"),
        ("openai:org/model", "org_model", "openai", "org/model"),
        ("openai:ft:gpt-3.5:org::id", "ft:gpt-3.5:org::id", "openai", "ft:gpt-3.5:org::id"),
        ("ollama:llama3:8b", "llama3:8b", "ollama", "llama3:8b"),
        ("scripted:echo", "echo", "scripted", "echo"),
        ("file:answers/careful.jsonl", "careful", "file", "answers/careful.jsonl"),
        ("file:my answers.v2.jsonl", "my_answers.v2", "file", "my answers.v2.jsonl"),
        (r"file:C:\runs\vicuna.jsonl", "vicuna", "file", r"C:\runs\vicuna.jsonl"),
        (r"mine=file:C:\runs\a=b.jsonl", "mine", "file", r"C:\runs\a=b.jsonl"),
        ("base=ollama:mistral", "base", "ollama", "mistral"),
        ("x=openai:ft=1", "x", "openai", "ft=1"),
        ("mine=vicuna", "mine", "openai", "lmsys/vicuna-13b-v1.5"),
    ],
)
def test_a_spec_says_provider_and_model_and_maybe_a_label(text: str, label: str, provider: str, model: str) -> None:
    """`provider:model` needs no entry; NAME= in front gives any of them a label of one's own."""
    spec = resolve(text, UserConfig(), {})
    assert (spec.label, spec.provider, spec.model) == (label, provider, model)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("vicunna", UnknownName, "unknown model 'vicunna'. Did you mean 'vicuna'"),
        ("nobody", UnknownName, "A spec such as openai:nobody or file:answers.jsonl needs no entry"),
        ("opnai:x", UnknownName, "unknown provider 'opnai'. Did you mean 'openai'"),
        (r"C:\x.jsonl", UnknownName, "unknown provider 'C'"),
        ("openai:", BadConfig, "'openai:' names no model after ':'"),
        ("mine=", BadConfig, "'mine=' names no model after '='"),
        ("=x", UnknownName, "unknown model '=x'"),
        ("", UnknownName, "unknown model ''"),
        ("bare", BadConfig, "model 'bare' names no provider; known are file, ollama, openai, scripted"),
        ("empty", BadConfig, "evalh.toml: model 'empty' says neither model nor path"),
        ("odd", UnknownName, "unknown provider 'opnai'. Did you mean 'openai'? (model 'odd' in evalh.toml)"),
    ],
)
def test_what_names_no_model_is_explained(text: str, error: type[Exception], said: str) -> None:
    """Misspelt names and providers get the nearest; half a spec says which half."""
    with pytest.raises(error) as caught:
        resolve(text, USER, {})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "env", "url", "key"),
    [
        ("openai:m", {}, OPENAI_URL, "OPENAI_API_KEY"),
        ("openai:m", {"OPENAI_BASE_URL": "http://gpu:8000/v1/"}, "http://gpu:8000/v1", "OPENAI_API_KEY"),
        ("openai:m", {"OPENAI_BASE_URL": ""}, OPENAI_URL, "OPENAI_API_KEY"),
        ("vicuna", {}, None, "OPENAI_API_KEY"),
        ("vicuna", {"OPENAI_BASE_URL": "http://gpu/v1"}, "http://gpu/v1", "OPENAI_API_KEY"),
        ("mine", {"OPENAI_BASE_URL": "http://gpu/v1"}, "http://127.0.0.1:8000/v1", None),
        ("ollama:m", {}, "http://127.0.0.1:11434/v1", None),
        ("ollama:m", {"OPENAI_BASE_URL": "http://gpu/v1"}, "http://127.0.0.1:11434/v1", None),
        ("ollama:m", {"OLLAMA_HOST": "0.0.0.0"}, "http://0.0.0.0:11434/v1", None),
        ("ollama:m", {"OLLAMA_HOST": "gpu:9999"}, "http://gpu:9999/v1", None),
        ("ollama:m", {"OLLAMA_HOST": ":9999"}, "http://127.0.0.1:9999/v1", None),
        ("ollama:m", {"OLLAMA_HOST": "[::1]"}, "http://[::1]:11434/v1", None),
        ("ollama:m", {"OLLAMA_HOST": "https://gpu/ollama/"}, "https://gpu/ollama/v1", None),
        ("ollama:m", {"OLLAMA_HOST": "http://gpu"}, "http://gpu/v1", None),
    ],
)
def test_where_a_model_is_asked(text: str, env: dict[str, str], url: str | None, key: str | None) -> None:
    """An entry's own address, else OPENAI_BASE_URL or OLLAMA_HOST as their owners read them, else the provider's own."""
    spec = resolve(text, USER, env)
    assert (spec.base_url, spec.api_key_env) == (url, key)


@pytest.mark.parametrize(
    ("text", "env", "said"),
    [
        ("openai:m", {"OPENAI_BASE_URL": "localhost:8000/v1"}, "variable OPENAI_BASE_URL must start with http://"),
        ("openai:m", {"OPENAI_BASE_URL": "https://u:hunter22@x/v1"}, "variable OPENAI_BASE_URL may not hold a user"),
        ("ollama:m", {"OLLAMA_HOST": "gpu:99999"}, "variable OLLAMA_HOST is not an address"),
    ],
)
def test_an_address_in_the_environment_is_checked(text: str, env: dict[str, str], said: str) -> None:
    """A variable that holds no address is found before anything is sent, and no password of it is repeated."""
    with pytest.raises(BadConfig) as caught:
        resolve(text, UserConfig(), env)
    assert said in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_price_is_known_at_openais_own_address_only() -> None:
    """Another server has another price; evalh.toml's own word wins, an entry's first."""
    assert resolve("openai:gpt-4o", UserConfig(), {}).price == Price(2.5, 10.0)
    assert resolve("openai:gpt-4o", UserConfig(), {"OPENAI_BASE_URL": "http://gpu/v1"}).price is None
    assert resolve("openai:nobody", UserConfig(), {}).price is None
    assert resolve("ollama:gpt-4o", UserConfig(), {}).price is None
    assert resolve("openai:org/priced", USER, {}).price == Price(3, 4)
    assert resolve("mine", USER, {}).price == Price(1, 2)


def test_an_entry_is_taken_whole() -> None:
    """Everything that evalh.toml can say about a model reaches its spec."""
    entry: dict[str, Any] = {
        "provider": "openai", "base_url": "https://x/v1", "model": "m", "api_key_env": "K", "revision": "r",
        "headers": {"a": "b"}, "query": {"c": "d"}, "extra_body": {"e": 1}, "client": "sdk", "system": "s",
        "metadata": {"f": "g"}, "max_tokens": 5, "stop": "x",
    }  # fmt: skip
    spec = resolve("m", UserConfig(models={"m": entry}), {})
    for name in ("base_url", "api_key_env", "revision", "headers", "query", "extra_body", "client", "system", "metadata"):
        assert getattr(spec, name) == entry[name]
    assert spec.params == {"max_tokens": 5, "stop": "x"}


def test_answer_files_of_built_in_sets_are_found_from_anywhere() -> None:
    """`questions/core-80/…` means the file here, else the one that travels with evalh; any other path is as given."""
    shipped = Path(resolve("file:questions/core-80/questions.jsonl", UserConfig(), {}).model)
    assert shipped.is_file()
    assert shipped.is_absolute()
    here = Path("questions/core-80/questions.jsonl")
    here.parent.mkdir(parents=True)
    here.write_text("")
    assert resolve(f"file:{here}", UserConfig(), {}).model == str(here)
    assert resolve("file:questions/none.jsonl", UserConfig(), {}).model == "questions/none.jsonl"
    assert resolve("files", USER, {}).model == "a.jsonl"


def said(text: str, env: dict[str, str] | None = None, role: str = "model") -> list[str]:
    """What is missing to reach a model."""
    return missing([(role, resolve(text, USER, env or {}))], env or {})


def test_nothing_is_missing_where_a_model_can_be_reached() -> None:
    """A key that is set, a server on this machine, a file that is there, a provider that needs nothing."""
    Path("a.jsonl").write_text("{}")
    local = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    cases: list[tuple[str, dict[str, str]]] = [
        ("openai:m", {"OPENAI_API_KEY": "k"}),
        ("openai:m", local),
        ("openai:m", {"OPENAI_BASE_URL": "http://localhost/v1"}),
        ("openai:m", {"OPENAI_BASE_URL": "http://[::1]:8000/v1"}),
        ("vicuna", local),
        ("ollama:m", {}),
        ("mine", {}),
        ("file:a.jsonl", {}),
        ("scripted:echo", {}),
    ]
    for text, env in cases:
        assert said(text, env) == [], text


def test_a_missing_key_says_three_ways_to_supply_it() -> None:
    """Export it, name another variable, or point to another server."""
    [paragraph] = said("openai:gpt-4.1", role="judge model")
    assert paragraph.startswith(f"judge model gpt-4.1: the environment variable OPENAI_API_KEY with the key for {OPENAI_URL}")
    assert "export OPENAI_API_KEY=" in paragraph
    assert toml_of(paragraph) == {"models": {"gpt-4.1": {"api_key_env": "MY_KEY"}}}
    assert "OPENAI_BASE_URL" in paragraph


def toml_of(paragraph: str) -> dict[str, Any]:
    """The lines that a message tells one to write into evalh.toml, read."""
    lines = [line.strip() for line in paragraph.split("\n") if line.startswith(" " * 10)]
    return tomllib.loads("\n".join(lines))


@pytest.mark.parametrize("label", ["vicuna", "v1.5", "naïve", 'a"b', "a:b"])
def test_the_line_to_write_into_the_file_is_toml(label: str) -> None:
    """What the message tells one to write makes an entry of that very name."""
    [paragraph] = said(f"{label}=vicuna") if label != "a:b" else said("openai:a:b")
    assert list(toml_of(paragraph)["models"]) == [label]


def test_a_missing_server_says_three_ways_to_supply_it() -> None:
    """Weights that somebody has to serve: an entry, a variable, or recorded answers; a key alone does not help."""
    [paragraph] = said("vicuna", {"OPENAI_API_KEY": "k"})
    assert paragraph.startswith("model vicuna: no server is known for lmsys/vicuna-13b-v1.5")
    assert toml_of(paragraph) == {"models": {"vicuna": {"base_url": "http://127.0.0.1:8000/v1"}}}
    for way in ("OPENAI_BASE_URL", "--models vicuna=file:ANSWERS.jsonl"):
        assert way in paragraph


def test_a_missing_file_is_named() -> None:
    """The path as it was understood."""
    assert said("file:gone.jsonl") == [
        "model gone: there is no answer file gone.jsonl; give the path of a JSON Lines file, file:PATH"
    ]


def test_everything_missing_is_listed_together_and_once() -> None:
    """One paragraph for each role and model, without repetition."""
    specs = [("model", resolve(n, UserConfig(), {})) for n in ("vicuna", "alpaca", "vicuna")]
    specs.append(("judge model", resolve("gpt-4", UserConfig(), {})))
    assert [p.split(":")[0] for p in missing(specs, {})] == ["model vicuna", "model alpaca", "judge model gpt-4"]


def test_an_answer_file_beside_evalh_toml_is_found(tmp_path: Path) -> None:
    """A relative path in evalh.toml is taken from the folder of evalh.toml, wherever the command is given."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a.jsonl").write_text("")
    toml = tmp_path / "project" / "evalh.toml"
    toml.write_text('[models.mine]\nprovider = "file"\npath = "a.jsonl"\n')
    assert Path(resolve("mine", load(toml), {}).model) == tmp_path / "project" / "a.jsonl"
