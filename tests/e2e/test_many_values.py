"""Judges that say several things about an answer, or one about many answers, over real HTTP: figures follow from the tags."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support import inside
from support.command import evalh
from support.server import FakeServer, quality
from support.server.listed import NOT_APPLICABLE, SILENT, aspect_score, item_holds

FakeServers = Callable[..., FakeServer]
COUNT = 12
ITEMS = ("Does it name the quality?", "Is the number even plausible?", "Is it said early?", "Is there prose behind it?")
VICUNA = ("accuracy", "detail", "helpfulness", "relevance")


def _question(i: int) -> dict[str, Any]:
    return {
        "question_id": f"q{i:02d}",
        "category": ("odd", "even")[i % 2],
        "turns": [f"What follows from fact {i}?"],
        "metadata": {"checklist": list(ITEMS[: 3 + i % 2])},
    }


def _job(server: FakeServer, models: Sequence[str]) -> None:
    """A question set of our own, and an evalh.toml that points at a server, in the working folder."""
    lines = []
    for name in (*models, "gpt-4"):
        lines += [f'[models."{name}"]', 'provider = "openai"', f'base_url = "{server.base_url}"', f'model = "{name}"']
    Path("evalh.toml").write_text("\n".join([*lines, ""]), "utf-8")
    Path("questions/own").mkdir(parents=True)
    text = "".join(json.dumps(_question(i)) + "\n" for i in range(COUNT))
    Path("questions/own/questions.jsonl").write_text(text, "utf-8")


def _judged(
    fake_server: FakeServers, judge: str, models: Sequence[str], *more: str, code: int = 0
) -> tuple[str, dict[str, Any]]:
    """One finished run without report files: its folder and the object of its report."""
    server = fake_server(models={**dict.fromkeys(models, "quality"), "gpt-4": "judge"}, strict=True)
    _job(server, models)
    done = evalh(
        "run",
        "--models",
        ",".join(models),
        "--judge",
        judge,
        "--judge-model",
        "gpt-4",
        "--questions",
        "own",
        *more,
        "--no-report",
    )
    assert done.returncode == code, done.stderr
    folder = f"results/own--{judge}"
    return folder, json.loads(inside.evalh("report", folder, "--format", "json").out)


def _tag(model: str, i: int) -> int:
    return quality(model, str(_question(i)["turns"][0]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_aspects_in_one_reply(fake_server: FakeServers) -> None:
    """Each aspect has a mean of its own, and the score of an answer is the mean of its four."""
    folder, report = _judged(fake_server, "vicuna-aspects", ("one", "two"))
    order = ("helpfulness", "relevance", "accuracy", "detail")
    for model in ("one", "two"):
        scores = [[aspect_score(_tag(model, i), place, 1, 10) for place in range(4)] for i in range(COUNT)]
        row = next(m for m in report["models"] if m["model"] == model)
        assert row["mean_score"]["value"] == pytest.approx(_mean([_mean(s) for s in scores]))
        assert (row["scored"], row["unscored"]) == (COUNT, 0)
        for place, aspect in enumerate(order):
            figure = report["aspects"][aspect][model]
            assert figure["value"] == pytest.approx(_mean([s[place] for s in scores]))
            assert (figure["n"], figure["low"] < figure["value"] < figure["high"]) == (COUNT, True)
    assert tuple(report["aspects"]) == VICUNA
    assert tuple(report["categories"]["odd"]["aspects"]) == VICUNA
    run = library.load(folder)
    assert len(run.judgments) == 2 * COUNT
    assert set(run.judgments[0].scores) == set(VICUNA)


def test_aspects_are_in_every_form_of_the_report(fake_server: FakeServers) -> None:
    """Terminal, markdown, CSV and page show each aspect's figure with interval and n."""
    folder, report = _judged(fake_server, "vicuna-aspects", ("one", "two"))
    value = f"{report['aspects']['detail']['one']['value']:.2f}"
    shown = inside.evalh("report", folder).out
    assert "score by aspect" in shown
    assert all(aspect in shown for aspect in VICUNA)
    written = {
        name: Path(folder, "report", name).read_text("utf-8") for name in ("leaderboard.md", "leaderboard.csv", "index.html")
    }
    assert f"| {value} (" in written["leaderboard.md"]
    assert "aspect_detail_standard_error" in written["leaderboard.csv"].splitlines()[0]
    assert "Scores by aspect: All categories" in written["index.html"]
    assert all(value in text for text in (shown, written["leaderboard.md"], written["index.html"]))


def test_one_attribute_may_stand_for_the_whole(fake_server: FakeServers) -> None:
    """In HelpSteer's five the overall score is helpfulness, read from JSON, and verbosity raises nothing."""
    _, report = _judged(fake_server, "helpsteer", ("one", "two"))
    for model in ("one", "two"):
        row = next(m for m in report["models"] if m["model"] == model)
        assert row["mean_score"]["value"] == pytest.approx(_mean([aspect_score(_tag(model, i), 0, 0, 4) for i in range(COUNT)]))
        expected = _mean([aspect_score(_tag(model, i), 4, 0, 4) for i in range(COUNT)])
        assert report["aspects"]["verbosity"][model]["value"] == pytest.approx(expected)


def test_aspects_one_by_one(fake_server: FakeServers) -> None:
    """An answer with an unreadable aspect has no overall score and is counted; an aspect that does not apply is left out."""
    folder, report = _judged(fake_server, "ultrafeedback", ("one", "two", "three"), "--max-failures", "100%")
    silent = 0
    for model in ("one", "two", "three"):
        tags = [_tag(model, i) for i in range(COUNT)]
        heard = [t for t in tags if t != SILENT[1]]
        silent += len(tags) - len(heard)
        score = {t: aspect_score(t, 0, 1, 5) for t in tags}  # alone, every aspect is the first of its prompt
        row = next(m for m in report["models"] if m["model"] == model)
        assert row["mean_score"]["value"] == pytest.approx(_mean([score[t] for t in heard]))
        assert (row["scored"], row["unscored"], row["mean_score"]["n"]) == (len(heard), len(tags) - len(heard), len(heard))
        applies = [score[t] for t in tags if t != NOT_APPLICABLE]
        assert report["aspects"]["honesty"][model]["value"] == pytest.approx(_mean(applies))
        assert report["aspects"]["honesty"][model]["n"] == len(applies)
        assert report["aspects"]["truthfulness"][model]["n"] == len(heard)
        assert report["aspects"]["helpfulness"][model]["n"] == COUNT
    assert silent > 0, "the rule has to bite, or this test promises nothing"
    assert report["by_judge"]["ultrafeedback"]["unscored_by_status"] == {"no_verdict": silent}
    protocols = {j.protocol for j in library.load(folder).judgments}
    assert protocols == {f"ultrafeedback/{v}" for v in ("instruction-following", "honesty", "truthfulness", "helpfulness")}


def test_seven_answers_in_one_order(fake_server: FakeServers) -> None:
    """One reply a question orders seven answers; wins, ties and losses are those of the 21 pairs, a judgment counts once."""
    models = tuple(f"m{i}" for i in range(7))
    folder, report = _judged(fake_server, "nectar", models)
    tags = {m: [_tag(m, i) for i in range(COUNT)] for m in models}
    rows = {m["model"]: m for m in report["models"]}
    for model in models:
        pairs = [(a, b) for other in models if other != model for a, b in zip(tags[model], tags[other], strict=True)]
        wins, losses = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
        row = rows[model]
        assert (row["wins"], row["ties"], row["losses"]) == (wins, len(pairs) - wins - losses, losses)
        assert row["win_rate"]["value"] == pytest.approx((wins + (len(pairs) - wins - losses) / 2) / len(pairs))
        assert (row["scored"], row["unscored"], row["win_rate"]["n"]) == (COUNT, 0, COUNT)
    assert len(report["pairs"]) == 21
    assert all((p["scored"], p["wins_a"] + p["ties"] + p["wins_b"]) == (COUNT, COUNT) for p in report["pairs"])
    run = library.load(folder)
    assert len(run.judgments) == COUNT
    assert len({j.answers for j in run.judgments}) == COUNT
    names = {a.answer_id: a.model for a in run.answers}
    assert len({tuple(names[a] for a in j.answers) for j in run.judgments}) > COUNT // 2, "orders are drawn anew"
    j = run.judgments[0]
    best = names[j.answers[j.ranking.index(1)]]
    assert tags[best][int(j.question_id[1:])] == max(t[int(j.question_id[1:])] for t in tags.values())


def test_an_order_of_many_can_be_rendered(fake_server: FakeServers) -> None:
    """`judges render` shows a ranking of as many answers as are named, and each aspect's request where they are several."""
    models = ("m0", "m1", "m2")
    folder, _ = _judged(fake_server, "nectar", models)
    done = inside.evalh("judges", "render", "nectar", "--run", folder, "--question", "q03", "--models", "m2,m0,m1")
    assert done.code == 0, done.err
    text = json.loads(done.out)["messages"][1]["content"]
    assert "[[A > B > C]]" in text
    places = [text.index(f"quality={_tag(m, 3)}. ") for m in ("m2", "m0", "m1")]
    assert places == sorted(places)
    several = inside.evalh("judges", "render", "ultrafeedback", "--run", folder, "--question", "q03", "--models", "m0").out
    assert [several.count(f"{aspect}: [[score]]") > 0 for aspect in ("honesty", "helpfulness", "truthfulness")] == [True] * 3


def test_a_checklist(fake_server: FakeServers) -> None:
    """An answer's score is its share of yes, each question with its own list; the items stay in the records."""
    folder, report = _judged(fake_server, "checklist", ("one", "two"))
    for model in ("one", "two"):
        shares = [_mean([item_holds(_tag(model, i), n) for n in range(1, 4 + i % 2)]) for i in range(COUNT)]
        row = next(m for m in report["models"] if m["model"] == model)
        assert row["mean_score"]["value"] == pytest.approx(_mean(shares))
        assert (row["scored"], row["unscored"]) == (COUNT, 0)
    assert report["aspects"] == {}
    judgment = next(j for j in library.load(folder).judgments if j.question_id == "q01")
    assert list(judgment.scores) == ["overall", "item-1", "item-2", "item-3", "item-4"]


def test_a_question_without_a_checklist_is_refused(fake_server: FakeServers) -> None:
    """A judge that needs a list says so before anything is sent, and names the question."""
    server = fake_server(models={"one": "quality", "gpt-4": "judge"})
    _job(server, ("one",))
    done = evalh("run", "--models", "one", "--judge", "checklist", "--limit", "2")
    assert done.returncode == 2
    assert "without metadata.checklist" in done.stderr
    assert server.stats()["total"] == 0


def test_wildbench_scores_and_compares(fake_server: FakeServers) -> None:
    """Scores come out of one JSON object, choices in five steps out of another, both orders agreeing."""
    _, report = _judged(fake_server, "wildbench", ("one", "two"))
    tags = [(_tag("one", i), _tag("two", i)) for i in range(COUNT)]
    rows = {m["model"]: m for m in report["models"]}
    assert rows["one"]["mean_score"]["value"] == pytest.approx(_mean([a for a, _ in tags]))
    wins, losses = sum(a > b for a, b in tags), sum(a < b for a, b in tags)
    assert (rows["one"]["wins"], rows["one"]["ties"], rows["one"]["losses"]) == (wins, COUNT - wins - losses, losses)
    assert (rows["one"]["scored"], rows["one"]["unscored"]) == (3 * COUNT, 0)
    assert [p["scored"] for p in report["pairs"]] == [2 * COUNT]


def test_the_same_seed_draws_the_same_orders(fake_server: FakeServers) -> None:
    """The orders in which answers are shown for a ranking follow from the seed, and another seed shows others."""
    models = ("m0", "m1", "m2", "m3")
    server = fake_server(models={**dict.fromkeys(models, "quality"), "gpt-4": "judge"})
    _job(server, models)
    shown: dict[str, list[tuple[str, ...]]] = {}
    for out, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        command = ("run", "--models", ",".join(models), "--judge", "nectar", "--questions", "own", "--seed", seed, "--out", out)
        assert inside.evalh(*command, "--no-report").code == 0
        run = library.load(out)
        names = {a.answer_id: a.model for a in run.answers}
        shown[out] = [tuple(names[a] for a in j.answers) for j in run.judgments]
    assert shown["a"] == shown["b"] != shown["c"]
    assert all(sorted(order) == list(models) for order in itertools.chain(*shown.values()))
