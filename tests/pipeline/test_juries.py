"""Juries by name: who their members are, what is refused before anything is sent, and what a run remembers of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from evalh.api import configure
from evalh.core import config
from evalh.core.config import JudgeChoice, Jury, UserConfig
from evalh.core.records import Question
from evalh.errors import BadConfig, ConfigError, RunMismatch
from evalh.pipeline import manifest as manifests
from evalh.pipeline.juries import choose_judges, spoken_modes
from evalh.pipeline.setup import Prepared, prepare

JUDGES = """
[judges.big]
judge = "gpt-4"
model = "scripted:judge"
[judges.small]
judge = "gpt-4"
model = "scripted:judge"
temperature = 0.5
repeats = "majority"
[judges.twin]
judge = "gpt-4"
model = "scripted:judge"
"""
PANEL = '[juries.panel]\njudges = ["big", "small", "baseline"]\nrule = "majority"\n'
FIVE = """
name = "five"
title = "Five"
model = "scripted:judge"
[variants.single]
mode = "absolute"
prompt = "single.md"
scale = { kind = "rating", low = 1, high = 5 }
reader = "bracket-rating"
"""
PAIR = '[variants.pair]\nmode = "pairwise"\nprompt = "pair.md"\nscale = "three-way"\nreader = "bracket-verdict"\n'


def user(text: str = PANEL) -> UserConfig:
    """An evalh.toml with three judges and these juries."""
    Path("evalh.toml").write_text(JUDGES + text, "utf-8")
    return config.load()


def prepared(judges: tuple[str, ...] = ("panel",), text: str = PANEL, **options: Any) -> Prepared:
    """A run of two models by these judges."""
    models = ("one=scripted:words", "two=scripted:words")
    made, found = configure(models, judges, user(text), **{"limit": 2, **options})
    return prepare(made, found, {})


def five(with_pairs: bool) -> None:
    """A judge folder of the working folder that scores from 1 to 5."""
    folder = Path("judges/five")
    folder.mkdir(parents=True)
    (folder / "judge.toml").write_text(FIVE + (PAIR if with_pairs else ""), "utf-8")
    (folder / "single.md").write_text("[user]\n{fence} {question} {answer} {scale}\n", "utf-8")
    (folder / "pair.md").write_text("[user]\n{fence} {question} {answer_a} {answer_b} {scale}\n", "utf-8")


def test_a_jurys_name_stands_for_its_members() -> None:
    """Each member takes part as if it had been named, once, and the run is called after the jury."""
    judges, juries = choose_judges(("panel", "small"), user())
    assert [(j.label, j.alone) for j in judges] == [("big", False), ("small", True), ("baseline", False)]
    assert juries == (Jury("panel", ("big", "small", "baseline"), "majority", 2),)
    assert judges[1] == JudgeChoice("small", "gpt-4", "scripted:judge", {"temperature": 0.5}, repeats="majority")
    assert prepared().config.name == "core-80--panel"
    assert prepared(("panel", "small")).config.name == "core-80--small+panel"
    assert choose_judges(("x=panel",), user())[1][0].name == "x"


@pytest.mark.parametrize(
    ("names", "text", "said"),
    [
        (("gpt-4",), '[juries.gpt-4]\njudges = ["big", "small"]\nrule = "mean"\n', "there is a judge of that name, too"),
        (("big",), '[juries.big]\njudges = ["twin", "small"]\nrule = "mean"\n', "there is a judge of that name, too"),
        (
            ("p",),
            '[juries.p]\njudges = ["panel", "small"]\nrule = "mean"\n' + PANEL,
            "panel is a jury; a jury's members are judges",
        ),
        (("p",), '[juries.p]\njudges = ["small", "small=gpt-4"]\nrule = "mean"\n', "two judges carry the label 'small'"),
        (("panel", "big=baseline"), PANEL, "two judges carry the label 'big'"),
        (("panel", "panel=baseline"), PANEL, "a jury and a judge carry the label 'panel'"),
        (("panel", "panel=q"), PANEL + '[juries.q]\njudges = ["big", "small"]\nrule = "mean"\n', "two juries carry the name"),
    ],
)
def test_labels_that_clash_are_refused(names: tuple[str, ...], text: str, said: str) -> None:
    """Every name means one thing."""
    with pytest.raises(BadConfig, match=said):
        choose_judges(names, user(text))


def test_one_judge_under_two_names_is_one_voice() -> None:
    """Two members that would send the same requests are refused; another parameter makes another judge."""
    with pytest.raises(BadConfig, match="big and twin are one and the same judge"):
        prepared(text='[juries.panel]\njudges = ["big", "twin"]\nrule = "mean"\n')
    assert prepared(text='[juries.panel]\njudges = ["big", "small"]\nrule = "mean"\n').config.juries


@pytest.mark.parametrize("with_pairs", [True, False])
def test_scores_on_different_scales_are_not_combined(with_pairs: bool) -> None:
    """A jury of 1 to 10 and 1 to 5 speaks in comparisons alone; without any it has nothing to say."""
    five(with_pairs)
    text = '[juries.panel]\njudges = ["big", "five"]\nrule = "mean"\nquorum = 2\n'
    if with_pairs:
        found = prepared(text=text)
        assert spoken_modes(found.config.juries[0], found.judges) == ("pairwise",)
    with pytest.raises(ConfigError, match=r"jury panel has nothing to say with this --mode.*big: absolute, pairwise"):
        prepared(text=text, mode="absolute")


def test_a_judge_that_computes_says_its_scale() -> None:
    """The baseline's scores go from 1 to 10, as those of gpt-4 do."""
    found = prepared()
    assert spoken_modes(found.config.juries[0], found.judges) == ("absolute", "pairwise")


def test_an_unnamed_jury_of_all_judges() -> None:
    """From Python a rule is enough; the jury is called "jury"."""
    made, _ = configure((), ("big", "small"), user(), jury="mean")
    assert made.juries == (Jury("jury", ("big", "small"), "mean", 2),)
    with pytest.raises(ConfigError, match="rule of a jury"):
        configure((), ("big", "small"), user(), jury="median")
    with pytest.raises(BadConfig, match="at least two judges"):
        configure((), ("big",), user(), jury="mean")


def begun(found: Prepared) -> tuple[dict[str, Any], list[Question]]:
    """The manifest of a run that begins."""
    return manifests.merge(manifests.create(found, "run"), found, [], True)


def test_the_manifest_remembers_the_jury() -> None:
    """Members, rule, quorum and modes stand in run.json, and a run without juries has none."""
    manifest, questions = begun(prepared())
    described = {"members": ["big", "small", "baseline"], "rule": "majority", "quorum": 2}
    assert manifest["juries"] == {"panel": {**described, "modes": ["absolute", "pairwise"], "note": ""}}
    assert [j["repeats"] for j in manifest["judges"].values()] == ["each", "majority", "each"]
    again = manifests.merge(copy.deepcopy(manifest), prepared(), questions, True)
    assert again == (manifest, questions)
    assert begun(prepared(("big",)))[0]["juries"] == {}


def test_a_jury_may_join_a_run_and_stays_what_it_is() -> None:
    """A note may change; members, rule and quorum may not, and a label of the run is no jury's name."""
    manifest, questions = begun(prepared(("big", "small", "baseline")))
    grown, _ = manifests.merge(manifest, prepared(), questions, True)
    assert list(grown["juries"]) == ["panel"]
    noted = manifests.merge(copy.deepcopy(grown), prepared(text=PANEL + 'note = "n"\n'), questions, True)[0]
    assert noted["juries"]["panel"]["note"] == "n"
    with pytest.raises(RunMismatch, match="jury panel: members was baseline, big, small, is big, small"):
        manifests.merge(grown, prepared(text='[juries.panel]\njudges = ["big", "small"]\nrule = "majority"\n'), questions, True)
    clash = prepared(("big=panel",), '[juries.panel]\njudges = ["small", "baseline"]\nrule = "majority"\n')
    with pytest.raises(RunMismatch, match="big would be a judge and a jury"):
        manifests.merge(grown, clash, questions, True)


def test_another_way_to_count_repeats_is_refused_once_there_are_any() -> None:
    """While nothing has been asked twice it may still be chosen."""
    for samples, fits in ((1, True), (3, False)):
        manifest, questions = begun(prepared(("small",), samples=samples))
        text = JUDGES.replace('repeats = "majority"', 'repeats = "mean"')
        Path("evalh.toml").write_text(text, "utf-8")
        made, found = configure(("one=scripted:words", "two=scripted:words"), ("small",), config.load(), limit=2, samples=3)
        if fits:
            merged, _ = manifests.merge(manifest, prepare(made, found, {}), questions, True)
            assert merged["judges"]["small"]["repeats"] == "mean"
        else:
            with pytest.raises(RunMismatch, match="judge small: repeats was majority, is mean"):
                manifests.merge(manifest, prepare(made, found, {}), questions, True)
