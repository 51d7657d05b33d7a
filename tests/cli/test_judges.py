"""`evalh judges` and `evalh questions`: what can be looked at, checked and read again without asking a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalh.core import resources
from support.inside import evalh


def test_render_prints_the_very_request(finished: Path) -> None:
    """The messages that would be sent: the question, and both answers in the order named."""
    command = ("judges", "render", "gpt-4", "--run", finished, "--question", "writing-01", "--models")
    request = json.loads(evalh(*command, "two,one").out)
    assert set(request) == {"messages", "params"}
    assert request["params"]["temperature"] == 0
    text = request["messages"][-1]["content"]
    assert 0 < text.index("An answer of two") < text.index("An answer of one")
    alone = json.loads(evalh(*command, "one").out)["messages"][-1]["content"]
    assert "An answer of one" in alone
    assert "An answer of two" not in alone


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--question": "writing-1"}, "'writing-01'"),
        ({"--models": "oen"}, "'one'"),
        ({"--models": "one,two,one"}, "no variant for 3 answer(s)"),
        ({"--turn": "2"}, "no variant"),
        ({"--mode": "two-score"}, "no variant"),
        ({"--run": "nowhere"}, "unknown run"),
    ],
)
def test_render_says_what_does_not_fit(finished: Path, change: dict[str, str], said: str) -> None:
    """A wrong question, model, turn, mode or run is exit 2, with what there is."""
    options = {"--run": str(finished), "--question": "writing-01", "--models": "one,two", **change}
    done = evalh("judges", "render", "gpt-4", *[part for pair in options.items() for part in pair])
    assert done.code == 2
    assert said in done.err


def test_a_judge_that_computes_asks_nothing(finished: Path) -> None:
    """There is no request of `baseline` to show and no reply to read; it can be listed and shown."""
    done = evalh("judges", "render", "baseline", "--run", finished, "--question", "writing-01", "--models", "one")
    assert done.code == 2
    assert "computes its scores" in done.err
    assert "asks nobody" in evalh("judges", "show", "baseline").out


@pytest.mark.parametrize(
    "text",
    [
        '["Good. [[A]]", "[[C]]", "who knows"]',
        '"Good. [[A]]"\n\n"[[C]]"\n"who knows"\n',
        '{"text": "Good. [[A]]"}\n{"judgment": "[[C]]"}\n{"text": "who knows"}\n',
    ],
    ids=["list", "lines of texts", "lines of objects"],
)
def test_parse_reads_stored_replies(text: str) -> None:
    """A list, lines of texts or lines of objects: one row per reply, with every key."""
    Path("replies").write_text(text, "utf-8")
    done = evalh("judges", "parse", "gpt-4", "replies", "--variant", "pairwise")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert [(r["status"], r["verdict"]) for r in rows] == [("scored", "A"), ("scored", "tie"), ("no_verdict", None)]
    keys = {"status", "verdict", "strength", "preference", "scores", "ranking", "flags"}
    assert all(set(r) == keys for r in rows)


def test_parse_reads_as_the_authors_did() -> None:
    """--reading published takes what the protocol's authors took: here two numbers outside the scale."""
    Path("replies").write_text('["8.5 11\\nBecause."]', "utf-8")
    strict, published = (
        json.loads(evalh("judges", "parse", "vicuna-2023", "replies", "--reading", reading).out)[0]
        for reading in ("strict", "published")
    )
    assert strict["status"] == "out_of_range"
    assert (published["status"], published["scores"]) == ("scored", {"overall": [8.5, 11.0]})


@pytest.mark.parametrize(
    ("content", "said"),
    [("{oops", "replies:1: not JSON"), ('{"test": "x"}', 'neither a text nor an object with "text"'), (None, "cannot be read")],
)
def test_parse_names_the_line(content: str | None, said: str) -> None:
    """A file that holds no replies is exit 2 with its line."""
    if content is not None:
        Path("replies").write_text(content, "utf-8")
    done = evalh("judges", "parse", "gpt-4", "replies")
    assert done.code == 2
    assert said in done.err


def test_parse_is_told_how_many_there_are() -> None:
    """An order or a checklist is complete only against a number, which no stored reply holds; elsewhere it has no use."""
    Path("replies").write_text(json.dumps(["[[B > A > C]]", "[[B > A]]"]), "utf-8")
    read = json.loads(evalh("judges", "parse", "nectar", "replies", "--count", "3").out)
    assert [(r["status"], r["ranking"]) for r in read] == [("scored", [2, 1, 3]), ("no_verdict", [])]
    for command, said in ((("nectar", "replies"), "needs --count N"), (("gpt-4", "replies", "--count", "2"), "has no use")):
        done = evalh("judges", "parse", *command)
        assert done.code == 2
        assert said in done.err


def test_parse_names_the_variants() -> None:
    """A variant that the judge does not have gets the nearest."""
    Path("replies").write_text("[]", "utf-8")
    done = evalh("judges", "parse", "gpt-4", "replies", "--variant", "pairwize")
    assert done.code == 2
    assert "'pairwise'" in done.err


def test_validate_names_every_fault() -> None:
    """A good folder says how many variants; a bad one is exit 2 with all its faults, each with its file."""
    good = resources.builtin("judges") / "gpt-4"
    assert evalh("judges", "validate", good).out == f"{good}: 8 variants, no fault\n"
    shutil.copytree(good, "judges/mine")
    toml = Path("judges/mine/judge.toml")
    text = toml.read_text("utf-8").replace('name = "gpt-4"', 'name = "mine"').replace("bracket-verdict", "braket-verdict")
    toml.write_text(text.replace("attempts", "attemps"), "utf-8")
    done = evalh("judges", "validate", "judges/mine", good)
    assert done.code == 2
    assert "attemps" in done.err
    assert done.err.count("bracket-verdict") == 4
    assert "no fault" in done.out


def test_a_judge_of_ones_own_wins_over_the_built_in() -> None:
    """A folder in the working folder is used before the built-in one of its name, and the list says so."""
    shutil.copytree(resources.builtin("judges") / "gpt-4", "judges/gpt-4")
    judges = {j["name"]: j for j in json.loads(evalh("judges", "list", "--format", "json").out)["judges"]}
    assert judges["gpt-4"]["origin"] == "working folder"
    assert judges["vicuna-2023"]["origin"] == "built in"
    assert "gpt-4: absolute, pairwise; asks gpt-4 (working folder)" in evalh("judges", "list").out


def test_juries_are_listed_with_their_members() -> None:
    """The juries of evalh.toml stand behind the judges."""
    text = '[juries.panel]\njudges = ["gpt-4", "baseline"]\nrule = "mean"\nnote = "Two."\n'
    Path("evalh.toml").write_text(text, "utf-8")
    listed = json.loads(evalh("judges", "list", "--format", "json").out)
    assert listed["juries"] == [{"name": "panel", "judges": ["gpt-4", "baseline"], "rule": "mean", "quorum": 2, "note": "Two."}]
    assert evalh("judges", "list").out.endswith(
        "panel: a jury of gpt-4, baseline; mean, at least 2 of 2 (evalh.toml)\n    Two.\n"
    )


def test_show_lists_the_variants() -> None:
    """What a judge asks: source, model, attempts, and each variant with mode, turns, reference and reader."""
    said = evalh("judges", "show", "gpt-4").out
    assert "source: Zheng et al. (2023)" in said
    assert "model: gpt-4, at most 3 attempts" in said
    assert "pairwise-two-turn-reference: pairwise, turn 2, with reference; read by bracket-verdict" in said


def test_questions_show_one_with_its_reference() -> None:
    """One question comes with its reference; the whole set comes without."""
    one = evalh("questions", "show", "core-80", "--question", "math-01").out
    assert one.startswith("math-01 · math\n")
    assert "\nreference:\n" in one
    assert "\nreference:\n" not in evalh("questions", "show", "core-80").out
    done = evalh("questions", "show", "core-80", "--question", "math01")
    assert done.code == 2
    assert "'math-01'" in done.err


def test_questions_validate_names_every_fault() -> None:
    """A folder or a file; every fault with file and line, exit 2; a good one says what is in it."""
    good = resources.builtin("questions") / "core-80"
    assert evalh("questions", "validate", good).out == f"{good / 'questions.jsonl'}: 80 questions in 8 categories, no fault\n"
    Path("bad.jsonl").write_bytes(b'\xef\xbb\xbf{"question_id": "1", "category": "x", "turns": [""]}\r\n[]\n')
    done = evalh("questions", "validate", "bad.jsonl", good)
    assert done.code == 2
    assert [line.split(": ")[0] for line in done.err.splitlines()] == [
        "bad.jsonl:1",
        "bad.jsonl:1",
        "bad.jsonl:1",
        "bad.jsonl:2",
    ]


def test_models_show_says_what_a_name_means() -> None:
    """A name or a spec, resolved, with what is missing."""
    said = evalh("models", "show", "gpt-4").out
    assert "model: gpt-4\n" in said
    assert "api_key_env: OPENAI_API_KEY\n" in said
    assert "price: 30 in, 60 out (dollars per million tokens)\n" in said
    assert "missing: model gpt-4: the environment variable OPENAI_API_KEY" in said
    assert "base_url: http://127.0.0.1:11434/v1\n" in evalh("models", "show", "ollama:llama3").out


def test_lists_as_text() -> None:
    """Each list as text names everything that it names as JSON."""
    for kind in ("models", "judges", "questions"):
        rows = json.loads(evalh(kind, "list", "--format", "json").out)[kind]
        text = evalh(kind, "list").out
        assert all(row["name"] in text for row in rows)


def test_the_list_says_what_each_judge_gives_and_what_it_hides() -> None:
    """Mode, scale, origin; a folder that takes a built-in name says so; a broken one is named and takes no other with it."""
    shutil.copytree(resources.builtin("judges") / "gpt-4", "judges/gpt-4")
    Path("judges/broken").mkdir()
    Path("judges/broken/judge.toml").write_text("variants = 3", "utf-8")
    judges = {j["name"]: j for j in json.loads(evalh("judges", "list", "--format", "json").out)["judges"]}
    assert judges["gpt-4"]["hides"] == ["built in"]
    assert judges["vicuna-2023"]["scales"] == ["two-scores 1 to 10, 2 decimals"]
    assert judges["baseline"]["model"] is None
    assert "must be a table" in judges["broken"]["fault"]
    said = evalh("judges", "list").out
    assert "hides the one from: built in" in said
    assert "broken: cannot be used (working folder)" in said
    assert "gives: rating 1 to 10, 2 decimals; three-way" in said


def test_a_reader_of_one_score_is_refused_for_aspects() -> None:
    """Only a reader that reads scores by aspect goes with a scale that has aspects; the fault names one that does."""
    shutil.copytree(resources.builtin("judges") / "helpsteer", "judges/mine")
    toml = Path("judges/mine/judge.toml")
    text = toml.read_text("utf-8").replace('name = "helpsteer"', 'name = "mine"')
    toml.write_text(text.replace('reader = "aspect-ratings"', 'reader = "bracket-rating"'), "utf-8")
    done = evalh("judges", "validate", "judges/mine")
    assert done.code == 2
    assert "'bracket-rating' reads one overall score, not that of an aspect; aspect-ratings does" in done.err


def test_show_as_json_says_everything() -> None:
    """Source, folder, and for each variant scale, reader, reading, orders, parameters and prompt; a judge in code has none."""
    shown = json.loads(evalh("judges", "show", "vicuna-2023", "--format", "json").out)
    assert shown["citation"].startswith("The Vicuna Team")
    assert shown["origin"] == "built in"
    math = next(v for v in shown["variants"] if v["name"] == "math")
    assert math["scale"] == {"kind": "two-scores", "low": 1, "high": 10, "decimals": 2}
    assert (math["reader"], math["reading"], math["orders"], math["categories"]) == ("score-tuple", "strict", 1, ["math"])
    assert math["prompt"] == "prompts/math.md"
    assert math["params"] == {"temperature": 0.2, "max_tokens": 1024}
    assert json.loads(evalh("judges", "show", "baseline", "--format", "json").out)["variants"] == []


def test_a_judge_of_ones_own_is_shown_and_misspelt_names_get_the_nearest() -> None:
    """A folder in the working folder is shown by name and by path, also without a model; a name nobody has is exit 2."""
    shutil.copytree(resources.builtin("judges") / "gpt-4", "judges/mine")
    toml = Path("judges/mine/judge.toml")
    text = toml.read_text("utf-8").replace('name = "gpt-4"', 'name = "mine"').replace('model = "gpt-4"\n', "")
    toml.write_text(text, "utf-8")
    for name in ("mine", "./judges/mine"):
        said = evalh("judges", "show", name).out
        assert "model: none of its own (--judge-model)" in said
        assert "gives: three-way; in both orders" in said
    assert "mine: absolute, pairwise; asks the model of --judge-model (working folder)" in evalh("judges", "list").out
    for wrong, near in (("mien", "'mine'"), ("basline", "'baseline'")):
        done = evalh("judges", "show", wrong)
        assert (done.code, near in done.err) == (2, True)
