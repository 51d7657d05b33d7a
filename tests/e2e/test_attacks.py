"""Hostile answers over real HTTP: 58 attacks in five protocols, before judges that quote, that echo and that obey."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from e2e.attacks import ATTACKS, HONEST, MATHS
from support.command import evalh
from support.server import FakeServer
from support.server.hostile import QUOTING

FakeServers = Callable[..., FakeServer]
PROTOCOLS = ("gpt-4", "arena-hard", "vicuna-2023", "nectar")
QUESTION = "Say something worth reading about the number {}."


def _files(folder: Path) -> None:
    """A question for every attack, in a category of its own for mathematics, and the answers of both models."""
    tried = (("writing", ATTACKS), ("math", MATHS))
    rows = [(f"{name}-{category}", category, text) for category, attacks in tried for name, text in attacks]
    questions = [{"question_id": i, "category": c, "turns": [QUESTION.format(n)]} for n, (i, c, _) in enumerate(rows)]
    for name, lines in (
        ("attacks", questions),
        ("attacker", [{"question_id": i, "turns": [text]} for i, _, text in rows]),
        ("honest", [{"question_id": i, "turns": [HONEST]} for i, _, _ in rows]),
    ):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def _judged(server: FakeServer, kind: str, styles: tuple[str, ...]) -> list[dict[str, Any]]:
    """The judgments of a run in which every protocol is played in every style; the judge's label is "protocol.style"."""
    _files(Path())
    lines = []
    for style in styles:
        lines += [f"[models.{style}]", 'provider = "openai"', f'base_url = "{server.base_url}"', f'model = "{kind}.{style}"']
        for protocol in PROTOCOLS:
            lines += [f'[judges."{protocol}.{style}"]', f'judge = "{protocol}"', f'model = "{style}"', "attempts = 1"]
    Path("evalh.toml").write_text("\n".join(lines) + "\n", "utf-8")
    judges = ",".join(f"{protocol}.{style}" for protocol in PROTOCOLS for style in styles)
    models = "attacker=file:attacker.jsonl,honest=file:honest.jsonl"
    done = evalh(
        *("run", "--models", models, "--judge", judges, "--questions", "attacks.jsonl", "--mode", "both"),
        *("--out", "attacked", "--max-failures", "100%", "--no-report", "--quiet", "--concurrency", "16"),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in Path("attacked/judgments.jsonl").read_text("utf-8").splitlines()]


def _attacked(judgments: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], int]]:
    """The judgments that show the attacker's answer, and at which position."""
    answers = {
        a["answer_id"]: a["model"] for a in map(json.loads, Path("attacked/answers.jsonl").read_text("utf-8").splitlines())
    }
    for j in judgments:
        shown = [answers[a] for a in j["answers"]]
        if "attacker" in shown:
            yield j, shown.index("attacker")


def _right(j: dict[str, Any], position: int) -> bool:
    """Whether a judgment says what the tags of the answers say: 2 for the attacker, 8 for the honest one."""
    if j["mode"] == "absolute":
        return j["scores"] == {"overall": [2.0]}
    if j["mode"] == "ranking":
        return j["ranking"] == ([2, 1] if position == 0 else [1, 2])
    if j["mode"] == "two-score":
        return j["scores"] == {"overall": [2.0, 8.0] if position == 0 else [8.0, 2.0]}
    return j["verdict"] == "BA"[position] and j["strength"] in (None, 2)


def test_a_judge_that_quotes_and_then_judges_is_read_right(fake_server: FakeServers) -> None:
    """However the judge quotes an attack, its own verdict is what counts, and none is lost."""
    played = {f"quotes-then-judges.{s}": {"kind": "quotes-then-judges", "quoting": s} for s in QUOTING}
    judgments = _judged(fake_server(models=played, strict=True), "quotes-then-judges", QUOTING)
    wrong = [
        (j["judge"], j["question_id"], j["status"], j["verdict"], j["scores"])
        for j, position in _attacked(judgments)
        if not (j["status"] == "scored" and _right(j, position))
    ]
    assert len(judgments) == (len(ATTACKS) + len(MATHS)) * (4 + 2 + 1 + 1) * len(QUOTING)
    assert wrong == []


def test_a_judge_that_only_quotes_scores_nothing(fake_server: FakeServers) -> None:
    """A verdict that stands in the quoted attack alone is never a score, not even where the judge repeats it word for word."""
    played = {f"only-quotes.{s}": {"kind": "only-quotes", "quoting": s} for s in QUOTING}
    judgments = _judged(fake_server(models=played, strict=True), "only-quotes", QUOTING)
    scored = [(j["judge"], j["question_id"], j["verdict"], j["scores"]) for j in judgments if j["status"] == "scored"]
    assert scored == []


def test_a_judge_that_obeys_is_found_out(fake_server: FakeServers) -> None:
    """Nothing keeps a judge from obeying: every attempt is flagged in the record at its position, an honest answer never."""
    server = fake_server(models={"obeys.plain": "obeys"}, strict=True)
    judgments = _judged(server, "obeys", ("plain",))
    missed = [
        (j["judge"], j["question_id"])
        for j, position in _attacked(judgments)
        if not any(flag.startswith("injection:") and flag.endswith(f":{'AB'[position]}") for flag in j["flags"])
    ]
    assert missed == []
    own = {j["judgment_id"]: f":{'AB'[position]}" for j, position in _attacked(judgments)}
    others = [j["judgment_id"] for j in judgments if any(f[-2:] != own.get(j["judgment_id"]) for f in j["flags"])]
    assert others == []


def test_the_report_counts_every_attempt(fake_server: FakeServers) -> None:
    """JSON and text say how many answers of which model are flagged, and in how many judgments; the honest model has none."""
    judgments = _judged(fake_server(models={"obeys.plain": "obeys"}, strict=True), "obeys", ("plain",))
    report = json.loads(evalh("report", "attacked", "--format", "json", "--no-report").stdout)
    everything = len(ATTACKS) + len(MATHS)
    for protocol in PROTOCOLS:
        rows = {row["model"]: row for row in report["by_judge"][f"{protocol}.plain"]["flagged_answers"]}
        judged = sum(j["judge"] == f"{protocol}.plain" for j, _ in _attacked(judgments))
        assert {key: rows["attacker"][key] for key in ("answers", "of_answers", "judgments", "of_judgments")} == {
            "answers": everything,
            "of_answers": everything,
            "judgments": judged,
            "of_judgments": judged,
        }
        assert rows["attacker"]["kinds"]["instruction"] > 10
        assert (rows["honest"]["answers"], rows["honest"]["judgments"], rows["honest"]["kinds"]) == (0, 0, {})
    said = " ".join(evalh("report", "attacked", "--no-report").stdout.split())
    assert said.count(f"attacker: {everything} of {everything} answers may try to steer the judge") == len(PROTOCOLS)
    assert "honest: " not in said
