"""Juries over real HTTP: three judges that disagree by a rule, and figures that follow from it by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pytest

import evalh as library
from evalh.core.questions import open_set
from support.inside import evalh
from support.server import FakeServer, quality

FakeServers = Callable[..., FakeServer]
JURORS: dict[str, Any] = {
    "v": "quality",
    "a": "quality",
    "fair": "judge",
    "blunt": {"kind": "function", "target": "support.jurors:blunt"},
    "moody": {"kind": "function", "target": "support.jurors:moody"},
}
LIMIT = 16
PANEL = '[juries.panel]\njudges = ["fair", "blunt", "moody"]\nrule = "majority"\n'
COMMAND = ("run", "--models", "v,a", "--judge", "panel", "--limit", str(LIMIT), "--no-report")
FOLDER = Path("results/core-80--panel")


def configure(server: FakeServer, extra: str = PANEL) -> None:
    """Write an evalh.toml with two models, three judges and a jury."""
    lines = []
    for name in JURORS:
        lines += [f"[models.{name}]", f'base_url = "{server.base_url}"', f'model = "{name}"']
    for name in ("fair", "blunt", "moody"):
        lines += [f"[judges.{name}]", 'judge = "gpt-4"', f'model = "{name}"', "attempts = 1"]
    Path("evalh.toml").write_text("\n".join([*lines, extra, ""]), encoding="utf-8")


def qualities() -> list[tuple[int, int]]:
    """The quality of (v, a) on each question, by the server's own rule."""
    return [(quality("v", q.turns[0]), quality("a", q.turns[0])) for q in open_set("core-80").questions[:LIMIT]]


def figures(folder: Path = FOLDER) -> dict[str, Any]:
    """The report as JSON, from a copy of the folder in which nothing else of the run can be found."""
    copy = Path("copy") / folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    Path("evalh.toml").rename("away.toml")
    done = evalh("report", copy, "--format", "json")
    Path("away.toml").rename("evalh.toml")
    assert done.code == 0, done.err
    report: dict[str, Any] = json.loads(done.out)
    return report


@pytest.fixture
def judged(fake_server: FakeServers) -> FakeServer:
    """The server of a finished run that a jury judged."""
    server = fake_server(models=JURORS, strict=True)
    configure(server)
    done = evalh(*COMMAND, "--max-failures", "50%")
    assert done.code == 0, done.err
    return server


def test_a_jurys_verdicts_follow_by_hand(judged: FakeServer) -> None:
    """Fair and blunt outvote moody where the gap is large; below, no two agree, or one is silent: a tie that is counted."""
    pairs = qualities()
    report = figures()
    row = next(m for m in report["models"] if m["model"] == "v")
    wins, losses = sum(v - a >= 3 for v, a in pairs), sum(a - v >= 3 for v, a in pairs)
    assert (row["wins"], row["ties"], row["losses"]) == (wins, LIMIT - wins - losses, losses)
    jury = report["by_judge"]["panel"]["jury"]
    close = sum(0 < abs(v - a) < 3 for v, a in pairs)
    assert jury["split"] == 2 * close
    readable = [(v + a) % 3 != 0 for v, a in pairs]
    alone = [sum(t % 3 == 0 for t in of) for of in zip(*pairs, strict=True)]
    same = sum(v == a or (abs(v - a) >= 3 and not heard) for (v, a), heard in zip(pairs, readable, strict=True))
    scores = sum(_unanimous(t) for pair in pairs for t in pair)
    assert (jury["rulings"], jury["no_quorum"]) == (4 * LIMIT, 0)
    assert jury["unanimous"] == 2 * same + scores
    assert report["by_judge"]["moody"]["unscored_by_status"] == {"no_verdict": 2 * readable.count(False) + sum(alone)}


def _unanimous(t: int) -> bool:
    return len(set(_scores(t))) == 1


def _scores(t: int) -> list[int]:
    """What the three give an answer of quality t; two of them where moody can't be read."""
    return [t, min(10, t + 1)] + ([11 - t] if t % 3 else [])


def test_a_jurys_scores_are_medians(judged: FakeServer) -> None:
    """The middle of three scores, or half-way between two, averaged over the questions."""
    rows = {m["model"]: m for m in figures()["models"]}
    for i, model in enumerate(("v", "a")):
        expected = fmean(median(_scores(pair[i])) for pair in qualities())
        assert rows[model]["mean_score"]["value"] == pytest.approx(expected, abs=1e-12)
        assert rows[model]["mean_score"]["low"] < expected < rows[model]["mean_score"]["high"]
        assert rows[model]["mean_score"]["n"] == LIMIT


def test_the_jury_comes_first_and_every_member_follows(judged: FakeServer) -> None:
    """Top level and by_judge show the jury; each member's own judgments are kept under its label."""
    report = figures()
    assert list(report["by_judge"]) == ["panel", "fair", "blunt", "moody"]
    assert report["models"] == report["by_judge"]["panel"]["models"]
    assert report["run"]["juries"]["panel"]["members"] == ["fair", "blunt", "moody"]
    assert report["run"]["judges"] == ["fair", "blunt", "moody"]
    assert report["by_judge"]["fair"]["jury"] is None
    pairs = qualities()
    fair = next(m for m in report["by_judge"]["fair"]["models"] if m["model"] == "v")
    assert fair["wins"] == sum(v > a for v, a in pairs)
    run = library.load(FOLDER)
    assert {j.judge for j in run.judgments} == {"fair", "blunt", "moody"}
    assert len(run.judgments) == 3 * 4 * LIMIT
    assert run.leaderboard().loc["v", "wins"] == sum(v - a >= 3 for v, a in pairs)


def test_agreement_between_members_follows_by_hand(judged: FakeServer) -> None:
    """Fair and blunt agree unless the gap is small; moody agrees with fair on ties only."""
    pairs = qualities()
    jury = figures()["by_judge"]["panel"]["jury"]
    shares = {(p["judge_a"], p["judge_b"]): (p["value"]["value"], p["comparisons"]) for p in jury["agreement"]}
    heard = [(v, a) for v, a in pairs if (v + a) % 3]
    assert shares["fair", "blunt"] == (pytest.approx(fmean(v == a or abs(v - a) >= 3 for v, a in pairs)), LIMIT)
    assert shares["fair", "moody"] == (pytest.approx(fmean(v == a for v, a in heard)), len(heard))
    assert jury["agreement_with_jury"]["blunt"]["value"] == 1.0
    assert -1.0 < jury["alpha"]["value"] < 0.5


def test_every_form_of_the_report_shows_the_jury(judged: FakeServer) -> None:
    """Terminal, markdown and page name members, rule and quorum, and say what was left out."""
    done = evalh("report", FOLDER)
    printed = " ".join(done.out.split())
    markdown, page = ((FOLDER / "report" / name).read_text("utf-8") for name in ("leaderboard.md", "index.html"))
    for text in (printed, markdown, page):
        assert "Judged by the jury panel" in text
        assert "at least 2 of them are scored" in text
        assert "found no majority and count as ties" in text
        assert "Krippendorff" in text
    assert "fair and blunt" in printed


def test_a_second_jury_over_the_same_judgments_asks_nobody(judged: FakeServer) -> None:
    """With a quorum of all three the cases that moody spoiled have no ruling, and are counted, not scored."""
    configure(judged, PANEL + '[juries.strict]\njudges = ["moody", "fair", "blunt"]\nrule = "mean"\nquorum = 3\n')
    sent = judged.stats()["total"]
    done = evalh("judge", FOLDER, "--judge", "strict", "--limit", str(LIMIT), "--max-failures", "50%")
    assert done.code == 0, done.err
    assert judged.stats()["total"] == sent
    report = figures()
    pairs = qualities()
    lost = 2 * sum((v + a) % 3 == 0 for v, a in pairs) + sum(t % 3 == 0 for pair in pairs for t in pair)
    assert lost > 0
    assert report["by_judge"]["strict"]["unscored_by_status"] == {"no_quorum": lost}
    assert report["by_judge"]["strict"]["jury"]["no_quorum"] == lost
    assert report["models"] is None, "of two juries neither stands for the run"
    outcomes = [_mean_outcome(v - a) for v, a in pairs if (v + a) % 3]
    row = next(m for m in report["by_judge"]["strict"]["models"] if m["model"] == "v")
    assert row["win_rate"]["value"] == pytest.approx(fmean(outcomes), abs=1e-12)


def _mean_outcome(gap: int) -> float:
    """Mean outcome of the three: moody takes back what fair gives, and blunt decides."""
    sign = (gap > 0) - (gap < 0)
    return 0.5 + (sign if abs(gap) >= 3 else 0) / 6


def test_a_jury_run_goes_on_and_grows(fake_server: FakeServers) -> None:
    """More questions extend it, the same again sends nothing, and pieces give the bytes of the whole."""
    server = fake_server(models=JURORS, strict=True)
    configure(server)
    assert evalh(*COMMAND[:-3], "--limit", "3", "--no-report", "--max-failures", "50%").code == 0
    sent = server.stats()["total"]
    assert sent == 3 * (2 + 3 * 4)
    for _ in range(2):
        assert evalh(*COMMAND, "--max-failures", "50%").code == 0
        assert server.stats()["total"] == LIMIT * (2 + 3 * 4)
    assert evalh(*COMMAND, "--out", "whole", "--max-failures", "50%").code == 0
    assert (FOLDER / "judgments.jsonl").read_bytes() == Path("whole/judgments.jsonl").read_bytes()
    assert server.stats()["bodies"]["repeated"] == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('judges = ["fair", "blunt"]\nrule = "majority"', "members was blunt, fair, moody, is blunt, fair"),
        ('judges = ["fair", "blunt", "moody"]\nrule = "mean"', "rule was majority, is mean"),
        ('judges = ["fair", "blunt", "moody"]\nrule = "majority"\nquorum = 3', "quorum was 2, is 3"),
    ],
)
def test_another_jury_under_a_known_name_is_refused(judged: FakeServer, changed: str, said: str) -> None:
    """Other members, even one more or less, another rule or quorum: exit 2, with a name of its own as the way out."""
    configure(judged, f"[juries.panel]\n{changed}\n")
    sent = judged.stats()["total"]
    done = evalh(*COMMAND)
    assert done.code == 2
    assert f"jury panel: {said}" in done.err
    assert "--judge other=panel" in done.err
    again = evalh("judge", FOLDER, "--judge", "other=panel", "--limit", str(LIMIT), "--no-report", "--max-failures", "50%")
    assert again.code == 0, again.err
    assert judged.stats()["total"] == sent
    assert list(figures()["run"]["juries"]) == ["panel", "other"]


def test_fresh_lets_a_name_stand_for_another_jury(judged: FakeServer) -> None:
    """`--fresh` sets the old judgments aside, and the jury with them."""
    configure(judged, '[juries.panel]\njudges = ["fair", "blunt"]\nrule = "mean"\n')
    done = evalh("judge", FOLDER, "--judge", "panel", "--limit", str(LIMIT), "--fresh", "--no-report", "--max-failures", "50%")
    assert done.code == 0, done.err
    described = figures()["run"]["juries"]["panel"]
    assert (described["members"], described["rule"]) == (["fair", "blunt"], "mean")


def test_the_order_of_members_is_no_difference(judged: FakeServer) -> None:
    """A jury is the same jury in whatever order its members are written."""
    configure(judged, '[juries.panel]\njudges = ["moody", "fair", "blunt"]\nrule = "majority"\n')
    before = figures()["models"]
    assert evalh(*COMMAND, "--max-failures", "50%").code == 0
    assert figures()["models"] == before


def test_repeats_that_contradict_each_other_are_shown(fake_server: FakeServers) -> None:
    """A fickle judge asked twice: every comparison is a tie, no game is won by asking again, and the report says how often."""
    server = fake_server(models={**JURORS, "f": {"kind": "function", "target": "support.jurors:fickle"}})
    model = f'[models.fickle]\nbase_url = "{server.base_url}"\nmodel = "f"\n'
    configure(server, model + '[judges.fickle]\njudge = "gpt-4"\nmodel = "fickle"\n')
    Path("a.jsonl").write_text(_answers("quality=4"), "utf-8")
    Path("b.jsonl").write_text(_answers("quality=7"), "utf-8")
    command = ("run", "--models", "file:a.jsonl,file:b.jsonl", "--judge", "fickle", "--limit", "5", "--samples", "2")
    assert evalh(*command, "--concurrency", "1").code == 0
    report = figures(Path("results/core-80--fickle"))
    row = report["models"][0]
    assert (row["wins"], row["ties"], row["losses"], row["scored"]) == (0, 5, 0, 5 * 2 * 3)
    repeats = report["by_judge"]["fickle"]["repeats"]
    assert (repeats["rule"], repeats["comparisons"], repeats["single_answers"]) == ("each", 10, 10)
    assert repeats["verdicts_differ"]["value"] == repeats["scores_differ"]["value"] == 1.0
    assert repeats["verdicts_differ"]["n"] == 5
    assert "verdicts differ in 100.0%" in " ".join(evalh("report", "core-80--fickle", "--no-report").out.split())


def _answers(text: str) -> str:
    rows = [{"question_id": q.question_id, "text": text} for q in open_set("core-80").questions]
    return "".join(json.dumps(r) + "\n" for r in rows)
