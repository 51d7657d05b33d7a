"""`evalh compare`: figures, a sentence, and a gate that scripts can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.inside import evalh


def answers(name: str, quality: int, questions: int = 12) -> str:
    """A file of recorded answers, less repetitive where they are better: that is what the baseline judge sees."""
    said = "The reason is that light scatters on small particles, for example in the evening over the sea. "
    lines = [
        json.dumps({"question_id": f"q{i}", "turns": [f"Question {i} is answered thus: {said * (10 - quality + i % 3)}"]})
        for i in range(questions)
    ]
    Path(f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return f"{name}=file:{name}.jsonl"


@pytest.fixture
def questions() -> str:
    """A question set of twelve in two categories."""
    lines = [
        json.dumps({"question_id": f"q{i}", "category": "ab"[i % 2], "turns": [f"Why is question {i} so?"]}) for i in range(12)
    ]
    Path("set.jsonl").write_text("\n".join(lines) + "\n")
    return "set.jsonl"


def run(models: str, questions: str, out: str, *more: str) -> None:
    """A finished run with the built-in judge."""
    done = evalh("run", "--models", models, "--questions", questions, "--out", out, "--no-report", "--quiet", *more)
    assert done.code == 0, done.err


def test_two_models_of_a_run(questions: str) -> None:
    """Difference, interval, p and n of every figure, by category too; the sentence says which is better."""
    run(f"{answers('old', 1)},{answers('new', 6)}", questions, "results/x")
    document = json.loads(evalh("compare", "x", "--models", "old,new", "--format", "json").out)
    assert [f["figure"] for f in document["figures"]] == ["win_rate", "mean_score"]
    main = document["figures"][0]
    assert main["difference"]["value"] == 1.0
    assert main["difference"]["n"] == 12
    assert main["p_value"] == pytest.approx(2 / 2**12)
    assert list(document["categories"]) == ["a", "b"]
    assert document["sentence"].startswith("new is better than old: of the games between the two it won 100.0%")
    assert document["gate"] == {"asked": False, "passed": True, "reasons": []}
    assert evalh("compare", "x").out == evalh("compare", "x", "--models", "old,new").out
    by_score = json.loads(evalh("compare", "x", "--figure", "mean-score", "--format", "json").out)
    assert by_score["figures"][0]["figure"] == "mean_score"


def test_the_gate(questions: str) -> None:
    """A significant regression is exit 1 with the reason; an improvement, and no gate at all, are exit 0."""
    run(f"{answers('old', 6)},{answers('new', 1)}", questions, "results/x")
    worse = evalh("compare", "x", "--models", "old,new", "--gate", "--junit", "out.xml")
    assert worse.code == 1
    assert "gate: NOT passed: new is significantly worse than old (p < 0.001)" in worse.out
    suite = ElementTree.parse("out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    better = evalh("compare", "x", "--models", "new,old", "--gate", "--junit", "out.xml")
    assert better.code == 0
    assert "gate: passed" in better.out
    assert ElementTree.parse("out.xml").getroot().get("failures") == "0"
    assert evalh("compare", "x", "--models", "old,new").code == 0
    under = evalh("compare", "x", "--models", "new,old", "--fail-under", "1.5", "--figure", "mean-score", "--format", "github")
    assert under.code in (0, 1)
    assert "### " in under.out
    assert evalh("compare", "x", "--models", "old,new", "--fail-under", "-0.5").code == 1


def test_the_same_model_in_two_runs(questions: str) -> None:
    """Scores and games against the same opponent are paired by question across two run folders; both are named."""
    base = answers("base", 3)
    run(f"{base},{answers('tuned', 1)}", questions, "results/before")
    run(f"{base},{answers('tuned', 6)}", questions, "results/after")
    document = json.loads(evalh("compare", "before", "after", "--models", "tuned", "--format", "json").out)
    assert (document["first"], document["second"]) == ("tuned (before)", "tuned (after)")
    assert [f["figure"] for f in document["figures"]] == ["against", "mean_score"]
    assert document["figures"][0]["opponents"] == ["base"]
    assert document["figures"][0]["difference"]["value"] > 0.4
    assert evalh("compare", "after", "before", "--models", "tuned", "--gate").code == 1
    same = json.loads(evalh("compare", "before", "before", "--models", "tuned", "--format", "json").out)
    assert same["figures"][-1]["difference"]["value"] == 0.0
    assert "cannot be told apart" in same["sentence"]


def test_questions_of_one_run_only_are_said(questions: str) -> None:
    """What only one run was asked is left out and counted."""
    run(f"{answers('base', 3)},{answers('tuned', 1)}", questions, "results/before")
    run(f"{answers('base', 3)},{answers('tuned', 6)}", questions, "results/after", "--limit", "8")
    done = evalh("compare", "before", "after", "--models", "tuned")
    assert "note: 4 questions are in one of the runs only and are left out" in done.out
    assert " 8\n" in done.out


def test_other_questions_or_judges_are_not_compared(questions: str) -> None:
    """Another text under the same id, or another judge under the same name, is refused and named."""
    run(f"{answers('base', 3)},{answers('tuned', 1)}", questions, "results/before")
    run(f"{answers('base', 3)},{answers('tuned', 6)}", questions, "results/after")
    manifest = json.loads(Path("results/after/run.json").read_text())
    manifest["judges"]["baseline"]["variants"] = dict.fromkeys(manifest["judges"]["baseline"]["variants"], "other")
    Path("results/after/run.json").write_text(json.dumps(manifest))
    done = evalh("compare", "before", "after", "--models", "tuned")
    assert done.code == 2
    assert "judge baseline is not the same in the two runs" in done.err
    accepted = evalh("compare", "before", "after", "--models", "tuned", "--accept-judge-change")
    assert accepted.code == 0
    assert "a difference may be the judge's" in accepted.out
    file = Path("results/after/questions.jsonl")
    file.write_text(file.read_text().replace("Why is question 3 so?", "Why is question three so?"))
    changed = evalh("compare", "before", "after", "--models", "tuned", "--accept-judge-change")
    assert changed.code == 2
    assert "question q3 has another text" in changed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "--models", "old,nwe"), "did you mean"),
        (("x", "--models", "old"), "--models A,B"),
        (("x", "--models", "old,old"), "names old twice"),
        (("x", "--judge", "gpt-4"), "gpt-4"),
        (("x", "--figure", "against"), "nothing of that kind"),
        (("x", "y", "z"), "two runs"),
        (("nowhere",), "nowhere"),
    ],
)
def test_what_is_unclear_is_said(questions: str, arguments: tuple[str, ...], message: str) -> None:
    """Exit 2 and one message; nothing is guessed."""
    run(f"{answers('old', 1)},{answers('new', 6)}", questions, "results/x")
    done = evalh("compare", *arguments)
    assert done.code == 2
    assert message in done.err or "new" in done.err
    assert "Traceback" not in done.err


def test_names_cannot_break_the_summary(questions: str) -> None:
    """A label with markdown, control characters or a line break stays a label in every form."""
    run(f"{answers('old', 1)},a|b*c=file:old.jsonl", questions, "results/x")
    shown = evalh("compare", "x", "--models", "old,a|b*c", "--format", "github").out
    assert "a\\|b\\*c" in shown
    assert all(line.count(" | ") == 4 for line in shown.splitlines() if line.startswith("| ") and "---" not in line)
