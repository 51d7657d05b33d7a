"""`evalh judges check`: judges of known behaviour, played by the loopback server, get the card that they deserve."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalh.core import resources
from evalh.core.questions import open_set
from support.inside import Said, evalh
from support.job import configure
from support.planted import answers_of
from support.server import FakeServer

Check = Callable[..., tuple[Said, dict[str, Any], FakeServer]]
FIGURES = {
    *("accuracy", "accuracy_by_kind", "accuracy_by_category", "position_consistency", "first_shown", "identical", "padding"),
    *("injection_resistance", "noticed", "repeatability", "unreadable"),
}


@pytest.fixture
def check(fake_server: Callable[..., FakeServer]) -> Check:
    """Check the judge gpt-4 with a model behind it that behaves as told; the card as JSON."""

    def run(behaviour: str, *options: str, code: int = 0) -> tuple[Said, dict[str, Any], FakeServer]:
        server = fake_server(models={"gpt-4": {"kind": "function", "target": f"support.planted:{behaviour}"}})
        configure(server, price=True)
        done = evalh("judges", "check", "gpt-4", "--quiet", "--format", "json", *options)
        assert done.code == code, done.err
        return done, json.loads(done.out), server

    return run


def values(card: dict[str, Any]) -> dict[str, float | None]:
    """Figure -> value."""
    return {name: n and n["value"] for name, n in card.items() if not name.startswith("accuracy_by")}


def test_a_perfect_judge(check: Check) -> None:
    """Everything right in both modes, with the number of cases and an interval that stays short of certainty."""
    _, card, _ = check("perfect")
    assert set(card["modes"]) == {"absolute", "pairwise"}
    for mode, figures in card["modes"].items():
        found = values(figures)
        assert found["accuracy"] == found["injection_resistance"] == found["repeatability"] == 1, mode
        assert found["unreadable"] == 0
        assert found["padding"] == 0.5
        assert figures["accuracy"]["n"] == 22
        assert figures["accuracy"]["low"] < 1
        assert {kind: n["n"] for kind, n in figures["accuracy_by_kind"].items()} == {"clear": 10, "error": 8, "null": 4}
        assert set(figures["accuracy_by_category"]) == {"general", "math", "coding"}
        assert found["noticed"] is not None
        assert found["noticed"] > 0
        assert set(figures) == FIGURES
    pairwise = values(card["modes"]["pairwise"])
    assert (pairwise["position_consistency"], pairwise["first_shown"], pairwise["identical"]) == (1, 0.5, 1)
    alone = values(card["modes"]["absolute"])
    assert (alone["position_consistency"], alone["first_shown"], alone["identical"]) == (None, None, None)
    assert (card["cases"], card["samples"], card["statuses"], card["partial"]) == (40, 2, {"scored": 320}, None)


def test_a_judge_that_always_names_the_first(check: Check) -> None:
    """Half of its verdicts are right and none survives an exchange of the answers; every score alike is never right."""
    _, card, _ = check("first")
    found = values(card["modes"]["pairwise"])
    assert (found["accuracy"], found["injection_resistance"], found["padding"]) == (0.5, 0.5, 0.5)
    assert (found["position_consistency"], found["first_shown"], found["identical"]) == (0, 1, 0)
    assert values(card["modes"]["absolute"])["accuracy"] == 0


def test_a_judge_that_likes_length(check: Check) -> None:
    """The long-winded answer always wins, whatever its place."""
    _, card, _ = check("longer")
    for figures in card["modes"].values():
        assert figures["padding"]["value"] == 1
        assert figures["accuracy"]["value"] < 1
    assert card["modes"]["pairwise"]["position_consistency"]["value"] == 1


def test_a_judge_that_obeys_the_answers(check: Check) -> None:
    """It is right wherever nobody tells it what to say, and never where somebody does."""
    _, card, _ = check("obedient")
    for figures in card["modes"].values():
        assert (figures["accuracy"]["value"], figures["injection_resistance"]["value"]) == (1, 0)


def test_a_judge_that_wavers(check: Check) -> None:
    """What another sample does not repeat is not repeatable; with one sample that is not known."""
    _, card, _ = check("wavering", "--mode", "pairwise")
    assert card["modes"]["pairwise"]["repeatability"]["value"] < 0.1
    _, card, _ = check("wavering", "--mode", "pairwise", "--samples", "1", "--out", "results/once")
    assert card["modes"]["pairwise"]["repeatability"] is None


def test_a_judge_that_gives_no_verdict(check: Check) -> None:
    """Nothing is scored and no figure is made up; the card is printed, and the exit code is 3."""
    done, card, _ = check("silent", "--limit", "4", "--samples", "1", code=3)
    for figures in card["modes"].values():
        found = values(figures)
        assert found.pop("unreadable") == 1
        assert found.pop("noticed") is not None or figures is card["modes"]["absolute"]
        assert set(found.values()) <= {None}
    assert card["statuses"] == {"no_verdict": 16}
    assert "16 of 24 units" in done.err


def test_a_second_check_costs_nothing(check: Check, fake_server: Callable[..., FakeServer]) -> None:
    """What was paid for is in the ledger, for another folder too; --fresh pays again; the cost is on the card."""
    options = ("--limit", "6", "--samples", "1", "--mode", "pairwise")
    _, first, server = check("perfect", *options)
    sent = server.stats()["total"]
    assert first["cost"]["requests"] == sent > 0
    assert first["cost"]["usd"] > 0
    command = ("judges", "check", "gpt-4", "--quiet", "--format", "json", *options)
    again = json.loads(evalh(*command).out)
    assert again["modes"] == first["modes"]
    elsewhere = json.loads(evalh(*command, "--out", "results/elsewhere").out)
    assert elsewhere["modes"] == first["modes"]
    assert elsewhere["cost"]["requests"] == 0
    assert server.stats()["total"] == sent
    assert evalh(*command, "--offline").code == 0
    assert evalh(*command, "--fresh").code == 0
    assert server.stats()["total"] == 2 * sent


def test_it_is_a_run_like_any_other(check: Check) -> None:
    """The folder can be shown and reported; another model behind the judge gets a folder of its own; a budget stops it."""
    check("perfect", "--limit", "2", "--samples", "1")
    assert "clear-01" in evalh("show", "results/check--gpt-4").out
    assert evalh("report", "results/check--gpt-4", "--format", "json").code == 0
    done = evalh("judges", "check", "gpt-4", "--judge-model", "scripted:judge", "--limit", "2", "--quiet")
    assert "(results/check--gpt-4--scripted_judge)" in done.out.replace("\\", "/")
    assert evalh("judges", "check", "gpt-4", "--limit", "3", "--budget", "0", "--quiet").code == 4


def test_the_built_in_floor() -> None:
    """`baseline` needs no model: repeatable, blind to positions, fond of length, and no better than it is."""
    done = evalh("judges", "check", "baseline", "--quiet")
    assert done.code == 0, done.err
    card = json.loads(evalh("judges", "check", "baseline", "--quiet", "--format", "json").out)["modes"]
    assert set(card) == {"absolute", "pairwise"}
    assert card["pairwise"]["repeatability"]["value"] == card["pairwise"]["position_consistency"]["value"] == 1
    assert card["pairwise"]["padding"]["value"] > 0.5
    for words in ("accuracy", "one fact wrong", "position consistency", "longer preferred", "n 22", "cost: $0.00", "note: "):
        assert words in done.out


@pytest.mark.parametrize("name", sorted(p.parent.name for p in resources.builtin("judges").glob("*/judge.toml")))
def test_every_judge_can_be_asked(name: str) -> None:
    """Every built-in judge has a variant for every planted case: a plan of all of them has something to send."""
    done = evalh("judges", "check", name, "--judge-model", "scripted:judge", "--samples", "1", "--limit", "6", "--quiet")
    assert done.code in (0, 3), done.err
    assert "unreadable" in done.out


def test_a_judge_of_ones_own(tmp_path: Path) -> None:
    """A folder in the working folder is checked by its name."""
    shutil.copytree(resources.builtin("judges") / "gpt-4", "judges/mine")
    toml = Path("judges/mine/judge.toml")
    toml.write_text(toml.read_text("utf-8").replace('name = "gpt-4"', 'name = "mine"'), "utf-8")
    done = evalh("judges", "check", "mine", "--judge-model", "scripted:judge", "--limit", "2", "--quiet")
    assert done.code == 0, done.err
    assert "mine: asks " in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gpt4",), 2, "Did you mean 'gpt-4'?"),
        (("baseline", "--judge-model", "scripted:judge"), 2, "asks no model"),
        (("baseline", "--categories", "maths"), 2, "'math'"),
        (("baseline", "--mode", "sideways"), 2, "unknown mode"),
        (("gpt-4",), 2, "OPENAI_API_KEY"),
        (("gpt-4", "--judge-model", "scripted:judge", "--offline"), 3, "not in the ledger"),
    ],
)
def test_what_does_not_fit_is_said(arguments: tuple[str, ...], code: int, said: str) -> None:
    """A wrong name, option or missing key is exit 2 before anything is sent; gaps of --offline are exit 3."""
    done = evalh("judges", "check", *arguments, "--quiet")
    assert done.code == code
    assert said in done.err


def test_another_run_is_not_taken_for_a_check() -> None:
    """A folder that holds other questions is refused, with what to do."""
    evalh("run", "--limit", "2", "--no-report", "--quiet", "--out", "results/mine")
    done = evalh("judges", "check", "baseline", "--out", "results/mine", "--quiet")
    assert done.code == 2
    assert "results/mine" in done.err.replace("\\", "/")
    assert "--out" in done.err


def test_the_cases_are_balanced() -> None:
    """In every kind the answer looked at is shown first as often as second, and the two answers differ unless they must not."""
    planted = open_set(str(resources.builtin("questions") / "planted"))
    assert len(planted.questions) == 40
    by_kind: dict[str, list[str]] = {}
    for q in planted.questions:
        by_kind.setdefault(q.metadata["planted"], []).append(q.metadata["looked_at"])
    assert all(sorted(set(places)) == ["one", "two"] and places.count("one") * 2 == len(places) for places in by_kind.values())
    answers = {name: answers_of(name) for name in ("one", "two")}
    for q in planted.questions:
        one, two = answers["one"][q.question_id], answers["two"][q.question_id]
        assert (one == two) is (q.metadata["planted"] == "same")
        if q.metadata["planted"] == "padded":
            looked, other = (one, two) if q.metadata["looked_at"] == "one" else (two, one)
            assert len(looked) > 2 * len(other)
