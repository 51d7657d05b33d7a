"""evalh.toml: every value is checked, every fault names file and line, and no key is ever taken for a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalh.core import config
from evalh.core.config import JudgeChoice, Jury, Limits, ModelSpec, Price, RunConfig
from evalh.errors import BadConfig

FULL = """
[models.vicuna]
provider = "openai"
base_url = "http://127.0.0.1:8000/v1"
model = "lmsys/vicuna-13b-v1.5"
api_key_env = "MY_KEY"
max_tokens = 1024
temperature = 0.7
stop = ["###"]
logprobs = true
response_format = { type = "text" }
reasoning_effort = "low"
price = { input = 0.15, output = 0.60 }
revision = "step-4000"
headers = { "x-team" = "eval" }
query = { api-version = "2024-10-21" }
extra_body = { top_k = 5 }
metadata = { url = "https://example.test" }
client = "sdk"

[judges.gpt-4]
model = "openai:gpt-4o"
attempts = 3
temperature = 0

[juries.panel]
judges = [
  "gpt-4",
  "second=gpt-4",
  "baseline",
]
rule = "majority"
note = "Three."

[limits."http://127.0.0.1:8000/v1/"]
concurrency = 64
requests_per_minute = 3000

[generation.default]
max_tokens = 512
[generation.categories.math]
temperature = 0.0
[generation.categories.art]

[prices."gpt-4o"]
input = 2
output = 10.5
"""


def written(text: str, path: Path | None = None) -> Path:
    """An evalh.toml with this text."""
    path = path or Path("evalh.toml")
    path.write_text(text, "utf-8")
    return path


def fault(text: str) -> str:
    """What is said about a bad file, without its path."""
    path = written(text)
    with pytest.raises(BadConfig) as caught:
        config.load(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


def test_a_full_file_is_read() -> None:
    """Every table and every key, as the objects that the rest of evalh works with."""
    user = config.load(written(FULL))
    assert user.models["vicuna"]["price"] == Price(0.15, 0.60)
    assert user.models["vicuna"]["stop"] == ["###"]
    assert user.judges["gpt-4"] == {"model": "openai:gpt-4o", "attempts": 3, "temperature": 0}
    assert user.juries == {"panel": Jury("panel", ("gpt-4", "second=gpt-4", "baseline"), "majority", 2, "Three.")}
    assert user.limits == {"http://127.0.0.1:8000/v1": Limits(64, 3000, None)}
    assert user.generation == {"default": {"max_tokens": 512}, "math": {"temperature": 0.0}}
    assert user.prices == {"gpt-4o": Price(2.0, 10.5)}


def test_the_nearest_file_upwards_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the working folder upwards; none is an empty configuration."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert config.load() == config.UserConfig()
    written("[prices.x]\ninput = 1\noutput = 1\n", tmp_path / "evalh.toml")
    assert config.load().path == tmp_path / "evalh.toml"
    written("", tmp_path / "a" / "evalh.toml")
    assert config.find_file() == config.find_file(tmp_path / "a") == tmp_path / "a" / "evalh.toml"
    assert config.load().prices == {}


def test_a_byte_order_mark_is_passed_over() -> None:
    """Some editors write one; it changes nothing."""
    assert config.load(written("\ufeff" + FULL)) == config.load(written(FULL))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"models = [", "at end of document"),
        (b"x = '\xff'", "cannot be read (not UTF-8)"),
        (None, "cannot be read (No such file"),
    ],
)
def test_a_file_that_is_no_toml_is_named(content: bytes | None, said: str) -> None:
    """The parser's or the operating system's word, with the path."""
    path = Path("evalh.toml")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadConfig) as caught:
        config.load(path)
    assert str(caught.value).startswith("evalh.toml: ")
    assert said in str(caught.value)


WRONG_MODEL = [
    ('provider = 1', "provider must be text"),
    ("model = 1", "model must be text"),
    ("base_url = 1", "base_url must be text"),
    ("api_key_env = 1", "api_key_env must be text"),
    ("revision = 1", "revision must be text"),
    ("system = 1", "system must be text"),
    ("path = 1", "path must be text"),
    ("client = 1", "client must be text"),
    ('client = "curl"', 'client must be "light" or "sdk"'),
    ("headers = 1", "headers must be a table"),
    ("headers = { x = 1 }", "headers: x must be text on one line"),
    ('headers = { x = "a\\nb" }', "headers: x must be text on one line"),
    ("query = 1", "query must be a table"),
    ("query = { x = true }", "query: x must be text on one line"),
    ("extra_body = 1", "extra_body must be a table"),
    ("extra_body = { day = 2024-01-01 }", "extra_body may hold only what JSON can"),
    ("extra_body = { x = nan }", "extra_body may hold only what JSON can"),
    ("metadata = 1", "metadata must be a table"),
    ("price = 1", "'price' must be a table"),
    ("price = { input = 1 }", "price = { input = …, output = … }"),
    ("price = { input = -1, output = 1 }", "price = { input = …, output = … }"),
    ("price = { input = 1, output = nan }", "output must be a number"),
    ("price = { input = 1, output = true }", "output must be a number"),
    ("price = { input = 1, output = 1, cached = 1 }", "unknown key 'cached'"),
    ("price = { input = 1, output = 1, batch = 'half' }", "batch must be a number"),
    ("price = { input = 1, output = 1, batch = 50 }", "batch is the share of the price"),
    ('temperature = "hot"', "temperature must be a number"),
    ("temperature = true", "temperature must be a number"),
    ("temperature = nan", "temperature must be a number"),
    ("top_p = inf", "top_p must be a number"),
    ('min_p = ""', "min_p must be a number"),
    ('presence_penalty = ""', "presence_penalty must be a number"),
    ('frequency_penalty = ""', "frequency_penalty must be a number"),
    ('repetition_penalty = ""', "repetition_penalty must be a number"),
    ("max_tokens = 1.5", "max_tokens must be a whole number"),
    ("max_tokens = true", "max_tokens must be a whole number"),
    ("max_tokens = 0", "max_tokens must be at least 1"),
    ("seed = 1.5", "seed must be a whole number"),
    ("top_k = 1.5", "top_k must be a whole number"),
    ("top_logprobs = 1.5", "top_logprobs must be a whole number"),
    ("logprobs = 1", "logprobs must be true or false"),
    ("stop = 1", "stop must be text or a list of texts"),
    ("stop = [1]", "stop must be text or a list of texts"),
    ("reasoning_effort = 1", "reasoning_effort must be text"),
    ("response_format = 1", "response_format must be a table"),
    ('temprature = 1', "unknown key 'temprature'. Did you mean 'temperature'"),
    ('base_url = "127.0.0.1:8000"', "base_url must start with http:// or https://"),
    ('base_url = "http:///v1"', "base_url must start with http:// or https:// and a host"),
    ('base_url = "http://a b/v1"', "base_url must start with http:// or https:// and a host"),
    ('base_url = "http://[::1/v1"', "base_url is not an address"),
    ('base_url = "http://x:99999/v1"', "base_url is not an address"),
    ('base_url = "http://x/v1?api-version=1"', "base_url may not hold '?' or '#': write query"),
    ('base_url = "http://x/v1/chat/completions"', "base_url ends before /chat/completions"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), WRONG_MODEL, ids=[line for line, _ in WRONG_MODEL])
def test_a_wrong_value_of_a_model_names_its_line(line: str, said: str) -> None:
    """Type and range of every key, with the line on which it stands, though another table has the same key before it."""
    key = line.partition(" ")[0]
    text = f"[models.a]\nprovider = 'openai'\nmodel = 'x'\n# {key}\n[models.a-b]\n\n{line}\n[models.b]\n{key} = 0\n"
    text = text.replace("[models.b]\n" + key + " = 0\n", "[models.b]\nmodel = 'x'\n")
    assert fault(text).startswith(f":7: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model.x]\n", ":1: unknown table 'model'. Did you mean 'models'"),
        ("\nmodels = 3\n", ":2: 'models' must be a table"),
        ("[[models]]\n", ":1: 'models' must be a table"),
        ("generation = 3\n", ":1: 'generation' must be a table"),
        ("[models]\nx = 3\n", ":2: 'x' must be a table"),
        ("[models]\nx = { model = 3 }\n", ":2: model must be text"),
        ("models.x.model = 3\n", ":1: model must be text"),
        ("[models]\n\nx.model = 3\n", ":3: model must be text"),
        ("[models.x]\nstop = [\n  'a',\n  3,\n]\n", ":2: stop must be text or a list"),
        ("[models.x.price]\ninput = 1\n\noutput = -1\n", ":4: price = "),
        ("[models.x.headers]\nx-y = 1\n", ":2: headers: x-y must be text"),
        ('[models."a b"]\n', ":1: a model's name may not hold spaces"),
        ('[models."a/b"]\n', ":1: a model's name may not hold spaces"),
        ("[judges.x]\njudge = 1\n", ":2: judge must be text"),
        ("[judges.x]\nmodel = 1\n", ":2: model must be text"),
        ("[judges.x]\nrepeats = 'median'\n", ':2: repeats must be "each", "majority" or "mean"'),
        ("[juries]\nx = 1\n", ":2: 'x' must be a table"),
        ("[juries.x]\nrule = 'mean'\n", ":1: judges must be a list of judges"),
        ("[juries.x]\njudges = 'a,b'\n", ":2: judges must be a list of judges"),
        ("[juries.x]\njudges = ['a', '']\n", ":2: judges must be a list of judges"),
        ("[juries.x]\njudges = ['a']\n", ":2: a jury needs at least two judges, x names 1"),
        ("[juries.x]\nrule = 'mean'\njudges = [\n 'a',\n 'a',\n]\n", ":3: judge 'a' is named twice"),
        ("[juries.x]\njudges = ['a', 'b']\n", ':1: rule must be "majority" or "mean"'),
        ("[juries.x]\njudges = ['a', 'b']\nrule = 'plurality'\n", ':3: rule must be "majority" or "mean"'),
        ("[juries.x]\njudges = ['a', 'b']\nrule = 'mean'\nquorum = 3\n", ":4: quorum must be from 1 to the number of"),
        ("[juries.x]\njudges = ['a', 'b']\nrule = 'mean'\nquorum = 0\n", ":4: quorum must be from 1"),
        ("[juries.x]\njudges = ['a', 'b']\nrule = 'mean'\nquorum = 1.5\n", ":4: quorum must be a whole number"),
        ("[juries.x]\njudges = ['a', 'b']\nrule = 'mean'\nnote = 1\n", ":4: note must be text"),
        ("[juries.x]\njudge = ['a', 'b']\n", ":2: unknown key 'judge'. Did you mean 'judges'"),
        ("[juries.'a b']\njudges = ['a', 'b']\n", ":1: a jury's name may not hold spaces"),
        ("[judges.x]\nattempts = 1.5\n", ":2: attempts must be a whole number"),
        ("[judges.x]\nattempts = 0\n", ":2: attempts must be at least 1"),
        ("[judges.x]\nmodels = 'y'\n", ":2: unknown key 'models'. Did you mean 'model'"),
        ("[judges]\nx = 1\n", ":2: 'x' must be a table"),
        ("[models.x]\ntemperature = 1\n[judges.x]\ntemperature = 'hot'\n", ":4: temperature must be a number"),
        ("[limits.x]\nconcurrency = 1.5\n", ":2: concurrency must be a whole number"),
        ("[limits.x]\nconcurrency = 0\n", ":2: concurrency must be above 0"),
        ("[limits.x]\nrequests_per_minute = '9'\n", ":2: requests_per_minute must be a number"),
        ("[limits.x]\ntokens_per_minute = inf\n", ":2: tokens_per_minute must be a number"),
        ("[limits.\"http://x/v1?a=b\"]\n\nrpm = 1\n", ":3: unknown key 'rpm'"),
        ("[generation]\nmath = { temperature = 1 }\n", ":2: unknown key 'math'"),
        ("[generation]\ndefault = 1\n", ":2: 'default' must be a table"),
        ("[generation]\ncategories = 1\n", ":2: 'categories' must be a table"),
        ("[generation.categories]\nmath = 1\n", ":2: 'math' must be a table"),
        ("[generation.categories.math]\nmodel = 'x'\n", ":2: unknown key 'model'"),
        ("[generation.default]\nseed = 'x'\n", ":2: seed must be a whole number"),
        ("[prices]\n\"gpt-4o\" = 3\n", ":2: 'gpt-4o' must be a table"),
        ("[prices.x]\ninput = 1\noutput = 'y'\n", ":3: output must be a number"),
        ("[models.x] # why\nsystem = '''\n[models.y]\n'''\ntop_k = 'x'\n", ": top_k must be a whole number"),
    ],
)  # fmt: skip
def test_a_fault_anywhere_names_its_line(text: str, said: str) -> None:
    """Misplaced, misspelt and mistyped keys of all tables, in every way that TOML writes them."""
    found = fault(text)
    assert found.startswith(said) or (said.startswith(": ") and said in found)


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj-abcdefghijklmnop",
        "sk_live_51H8a9bcdefghijkl",
        "gsk_aB3dE5fG7hI9jK1lM3nO5pQ7",
        "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "d41d8cd98f00b204e9800998ecf8427e",
        "",
        "two words",
    ],
)
def test_a_key_where_a_name_belongs_is_refused_and_not_repeated(value: str) -> None:
    """api_key_env wants a variable's name; what looks like the key itself is refused without being shown."""
    said = fault(f'[models.x]\napi_key_env = "{value}"\n')
    assert said.startswith(":2: api_key_env is the NAME of an environment variable, never the key itself")
    assert not value or value not in said


@pytest.mark.parametrize("value", ["OPENAI_API_KEY", "my_openai_key_for_project_2", "AZUREOPENAIKEYEAST2024", "K", "_x1"])
def test_names_of_variables_are_taken(value: str) -> None:
    """Whatever a shell lets one export, as long as it does not look like a credential."""
    assert config.load(written(f'[models.x]\napi_key_env = "{value}"\n')).models["x"]["api_key_env"] == value


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """An address stands in every record and message, so it may hold no credential."""
    said = fault('[models.x]\nbase_url = "https://me:hunter22@example.test/v1"\n')
    assert said.startswith(":2: base_url may not hold a user or a password")
    assert "hunter22" not in said


def test_prices_are_per_million() -> None:
    """Dollars for a number of tokens each way."""
    assert Price(2.0, 10.0).of(500_000, 100_000) == 2.0


def test_the_identity_of_a_model_is_what_it_answers_by() -> None:
    """Key, headers, price and label make no other model; what is sent does."""
    spec = ModelSpec(
        "a", "openai", "m", "http://x/v1", "KEY", {"temperature": 0}, Price(1, 1), headers={"authorization": "s3cret"}
    )
    assert spec.spec == "openai:m"
    assert set(spec.identity()) == {"provider", "model", "base_url", "params", "revision", "query", "extra_body", "system"}
    assert "s3cret" not in repr(spec)


@pytest.mark.parametrize(
    ("questions", "judges", "name"),
    [
        ("core-80", ("gpt-4",), "core-80--gpt-4"),
        ("core-80", ("gpt-4", "baseline"), "core-80--gpt-4+baseline"),
        ("sets/my set.jsonl", (), "my_set"),
        ("/tmp/mine", ("a/b",), "mine--a_b"),
    ],
)
def test_a_run_is_named_by_set_and_judges(questions: str, judges: tuple[str, ...], name: str) -> None:
    """The derived name is a folder's name, and does not depend on the models."""
    assert RunConfig(questions, judges=tuple(JudgeChoice(j, j) for j in judges)).name == name
