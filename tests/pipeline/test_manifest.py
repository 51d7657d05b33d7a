"""run.json: a run may grow, what is in it must stay, and a difference is named."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalh.api import configure
from evalh.core.config import Price, RunConfig, UserConfig
from evalh.core.records import Question
from evalh.core.store import RunFolder
from evalh.errors import CorruptRecord, RunMismatch
from evalh.pipeline import manifest as manifests
from evalh.pipeline.setup import Prepared, prepare

MODELS = ("one=scripted:words", "two=scripted:words")


def _prepared(models: tuple[str, ...] = MODELS, judges: tuple[str, ...] = ("gpt-4",), **options: Any) -> Prepared:
    options = {"limit": 3, **options}
    config, user = configure(models, judges, UserConfig(), "scripted:judge" if "baseline" not in judges else None, **options)
    return prepare(config, user, {})


def _changed(prepared: Prepared, **changes: Any) -> Prepared:
    """The same run with its first model changed."""
    config: RunConfig = prepared.config
    models = (replace(config.models[0], **changes), *config.models[1:])
    return replace(prepared, config=replace(config, models=models))


def _begun(prepared: Prepared) -> tuple[dict[str, Any], list[Question]]:
    return manifests.merge(manifests.create(prepared, "run"), prepared, [], True)


def test_a_manifest_of_yesterday_is_read(tmp_path: Path) -> None:
    """Keys added by a later evalh are empty in a run that lacks them; what every run must hold is named if it is missing."""
    manifest, _ = _begun(_prepared())
    folder = RunFolder(tmp_path / "run")
    old = {name: manifest[name] for name in manifests.NEEDED}
    folder.write_manifest({"schema": 1, **old})
    read = manifests.read(folder)
    assert set(read) >= {name for name, value in manifests.bare("").items() if not value}
    assert {name: read[name] for name in old} == old
    folder.write_manifest({"schema": 1, **{name: value for name, value in old.items() if name != "models"}})
    with pytest.raises(CorruptRecord, match=r"run\.json: not a run manifest \(models is missing"):
        manifests.read(folder)


def test_a_new_manifest_holds_what_was_asked() -> None:
    """Configuration, inputs, models and judges are there from the first moment; it is not finished."""
    manifest, questions = _begun(_prepared(seed=7))
    assert manifest["config"] == {
        "questions": "core-80",
        "categories": [],
        "limit": 3,
        "mode": "both",
        "pairs": ["all"],
        "swap": True,
        "samples": 1,
        "seed": 7,
        "generation": manifest["config"]["generation"],
    }
    assert list(manifest["models"]) == ["one", "two"]
    assert {"questions/core-80", "judges/gpt-4/judge.toml"} <= set(manifest["inputs"])
    assert all(len(mark) == 64 for mark in manifest["inputs"].values())
    assert set(manifest["judges"]["gpt-4"]["variants"]) == {"absolute", "pairwise"}
    assert manifest["finished_at"] is None
    assert len(questions) == 3


def test_it_keeps_which_aspects_make_an_overall_score() -> None:
    """A judge of several aspects is described by them, so that a report needs the folder alone; one of one score is not."""
    manifest, _ = _begun(_prepared(judges=("ultrafeedback", "helpsteer", "gpt-4")))
    judges = manifest["judges"]
    assert (judges["ultrafeedback"]["overall"], judges["helpsteer"]["overall"]) == ("mean", "helpfulness")
    assert judges["ultrafeedback"]["aspects"]["honesty"] == {"aspects": ["honesty"], "turn": 1, "always": True}
    assert len(judges["helpsteer"]["aspects"]["attributes"]["aspects"]) == 5
    assert not {"overall", "aspects"} & set(judges["gpt-4"])


def test_the_same_again_is_no_difference() -> None:
    """Asked for the same, the manifest stays as it is."""
    manifest, questions = _begun(_prepared())
    assert manifests.merge(copy.deepcopy(manifest), _prepared(), questions, True) == (manifest, questions)


def test_a_run_grows() -> None:
    """More models, judges, pairs and questions are added; what was there keeps its place."""
    manifest, questions = _begun(_prepared())
    grown = _prepared(("three=scripted:words", *MODELS), ("baseline",), limit=12, pairs="baseline:one")
    merged, more = manifests.merge(manifest, grown, questions, True)
    assert list(merged["models"]) == ["one", "two", "three"]
    assert list(merged["judges"]) == ["gpt-4", "baseline"]
    assert merged["config"]["pairs"] == ["all", "baseline:one"]
    assert [q.question_id for q in more] == [q.question_id for q in grown.plan.questions]


def test_another_part_of_the_set_ends_in_the_sets_order() -> None:
    """Math first and writing later: the questions stand as they do in the set, and both variants' marks are kept."""
    manifest, questions = _begun(_prepared(categories=("math",)))
    merged, more = manifests.merge(manifest, _prepared(categories=("writing",)), questions, True)
    assert [q.category for q in more] == ["writing"] * 3 + ["math"] * 3
    judge = merged["judges"]["gpt-4"]
    assert set(judge["variants"]) == {"absolute", "absolute-reference", "pairwise", "pairwise-reference"}
    both, _ = _begun(_prepared(categories=("math", "writing"), limit=60))
    assert judge["hash"] == both["judges"]["gpt-4"]["hash"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "echo"}, "model one: model was 'words', is 'echo'"),
        ({"params": {"temperature": 1}}, "model one: params was {}, is {'temperature': 1}"),
        ({"revision": "2"}, "model one: revision was None, is '2'"),
        ({"extra_body": {"a": 1}}, "model one: extra_body was {}, is {'a': 1}"),
        ({"query": {"v": "1"}}, "model one: query was {}, is {'v': '1'}"),
        ({"system": "Be brief."}, "model one: system was None, is 'Be brief.'"),
    ],
)
def test_another_model_under_a_known_label_is_named(changes: dict[str, Any], said: str) -> None:
    """What was, what is, and the ways out."""
    manifest, questions = _begun(_prepared())
    with pytest.raises(RunMismatch) as caught:
        manifests.merge(manifest, _changed(_prepared(), **changes), questions, True)
    assert f"  - {said}\n" in str(caught.value)
    assert "--fresh" in str(caught.value)
    assert "--out" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "http://127.0.0.1:9/v1"},
        {"price": Price(1, 2)},
        {"headers": {"X-Team": "a"}},
        {"metadata": {"note": "b"}},
        {"api_key_env": "OTHER"},
    ],
)
def test_what_makes_no_other_model_may_change(changes: dict[str, Any]) -> None:
    """Address, price, headers, notes and the key's variable are free."""
    manifest, questions = _begun(_prepared())
    merged, _ = manifests.merge(manifest, _changed(_prepared(), **changes), questions, True)
    assert list(merged["models"]) == ["one", "two"]


def test_a_changed_prompt_is_named_by_its_variant() -> None:
    """A judge whose prompt or parameters differ for what is already in the run."""
    manifest, questions = _begun(_prepared())
    manifest["judges"]["gpt-4"]["variants"]["pairwise"] = "another"
    with pytest.raises(RunMismatch, match="judge gpt-4: prompt, scale, reader or parameters of variant pairwise differ"):
        manifests.merge(manifest, _prepared(), questions, True)


def test_another_seed_is_named_with_the_one_to_give() -> None:
    """A run goes on with the seed it began with: with another, what is missing would be asked in other words."""
    manifest, questions = _begun(_prepared(seed=7))
    with pytest.raises(RunMismatch, match="seed was 7, is 0; give --seed 7"):
        manifests.merge(manifest, _prepared(), questions, True)


def test_all_differences_come_at_once() -> None:
    """Models, judges and questions that differ stand in one message."""
    manifest, questions = _begun(_prepared())
    manifest["models"]["one"]["revision"] = "1"
    manifest["models"]["two"]["model"] = "echo"
    manifest["judges"]["gpt-4"]["judge"] = "vicuna-2023"
    other = [replace(questions[0], turns=("Something else?",)), *questions[1:]]
    with pytest.raises(RunMismatch) as caught:
        manifests.merge(manifest, _prepared(), other, True)
    assert str(caught.value).count("\n  - ") == 4


def test_another_answer_file_is_named() -> None:
    """The content of a recorded answer file is part of the model; where it lies is not, and is not stored."""
    Path("a.jsonl").write_text('{"question_id": "writing-01", "turns": ["x"]}\n', "utf-8")
    manifest, questions = _begun(_prepared(("one=file:a.jsonl",), mode="absolute"))
    assert manifest["models"]["one"]["model"] == "a.jsonl"
    Path("elsewhere").mkdir()
    Path("a.jsonl").rename("elsewhere/a.jsonl")
    moved = _prepared(("one=file:elsewhere/a.jsonl",), mode="absolute")
    assert manifests.merge(copy.deepcopy(manifest), moved, questions, True)[0] == manifest
    Path("elsewhere/a.jsonl").write_text('{"question_id": "writing-01", "turns": ["y"]}\n', "utf-8")
    other = _prepared(("one=file:elsewhere/a.jsonl",), mode="absolute")
    with pytest.raises(RunMismatch, match="model one: its answer file has another content"):
        manifests.merge(manifest, other, questions, True)


def test_no_key_and_no_header_is_stored() -> None:
    """Neither the names of secrets nor headers, which may hold some, are in what is stored of a model."""
    spec = replace(_prepared().config.models[0], headers={"Authorization": "canary"}, api_key_env="CANARY")
    stored = str(manifests.describe_model(spec))
    assert "canary" not in stored.lower()
