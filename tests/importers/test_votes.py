"""Votes as a plain table: one reader, for `evalh agree` and `evalh import votes`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalh.core.store import RunFolder
from evalh.errors import BadImport, RunMismatch
from evalh.importers.votes import add_votes, read_votes, votes_in
from evalh.stats.voting import Vote
from support.inside import FOLDER, SMALL, evalh

HEADER = "question_id,model_a,model_b,winner,rater,turn\n"


def _file(text: str | bytes, name: str = "votes.csv") -> Path:
    path = Path(name)
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def test_every_spelling_of_a_winner() -> None:
    """model_a, model_b, either model's own name, and any word that begins with "tie"; all else is left out and counted."""
    winners = (
        "model_a",
        "model_b",
        "x",
        "y",
        "tie",
        "Tie (bothbad)",
        "tie (inconsistent)",
        "neither",
        "",
        "model_c",
        "neither",
    )
    read = read_votes(_file(HEADER + "".join(f"1,x,y,{w},ann,1\n" for w in winners) + "1,x,x,tie,ann,1\n"))
    assert [v.outcome for v in read.votes] == [1, -1, 1, -1, 0, 0, 0]
    assert read.left_out == {"winner 'neither'": 2, "no winner": 1, "winner 'model_c'": 1, "a model against itself": 1}


def test_only_four_columns_are_needed() -> None:
    """Without rater and turn a vote is somebody's on the first turn; `judge` may stand for `rater`, also as a list."""
    assert read_votes(_file("question_id,model_a,model_b,winner\n7,x,y,x\n")).votes == (Vote("7", "x", "y", 1, "unknown", 1),)
    rows = [{"question_id": 7, "model_a": "x", "model_b": "y", "winner": "tie", "judge": ["expert_1", "v2"], "turn": 2}]
    assert read_votes(_file(json.dumps(rows), "votes.json")).votes == (Vote("7", "x", "y", 0, "expert_1", 2),)


def test_files_as_people_have_them() -> None:
    """A byte order mark, CRLF, tabs, gzip and JSON lines are read as what they are."""
    want = (Vote("q", "x", "y", 1, "ann", 2),)
    assert read_votes(_file("\ufeff" + HEADER.replace("\n", "\r\n") + "q,x,y,model_a,ann,2\r\n")).votes == want
    assert read_votes(_file((HEADER + "q,x,y,model_a,ann,2").replace(",", "\t"), "votes.tsv")).votes == want
    assert read_votes(_file(gzip.compress((HEADER + "q,x,y,model_a,ann,2\n").encode()), "votes.csv.gz")).votes == want
    line = {"question_id": "q", "model_a": "x", "model_b": "y", "winner": "model_a", "rater": "ann", "turn": 2}
    assert read_votes(_file(json.dumps(line) + "\n", "votes.jsonl")).votes == want


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question,model_a,model_b,winner\n1,x,y,tie\n", "votes.csv:2: .*no question_id, but question, model_a"),
        (HEADER + "1,x,y,tie,ann,zero\n", "votes.csv:2: turn must be a whole number"),
        (HEADER + ",x,y,tie,ann,1\n", "votes.csv:2: question_id is empty"),
        (HEADER + "1,x,y,tie,ann\n", "votes.csv:2: 5 fields"),
        (HEADER.strip() + ",inclusion_probability\n1,x,y,tie,ann,1,1.5\n", "votes.csv:2: inclusion_probability must be"),
        (HEADER.strip() + ",inclusion_probability\n1,x,y,tie,ann,1,0\n", "above 0"),
        (HEADER + "1,x,y,tie,ann,1\n1,\x00,".replace("\x00", "\xff"), "votes.csv"),
    ],
)
def test_faults_have_a_place(text: str, said: str) -> None:
    """A missing column, an impossible turn or probability, an empty name, a row of another length: file, line and fault."""
    with pytest.raises(BadImport, match=said):
        read_votes(_file(text))


def test_raters_by_pattern() -> None:
    """Patterns choose raters by name, several add up, the others are counted; a pattern that fits nobody says who is there."""
    read = read_votes(_file(HEADER + "".join(f"1,x,y,tie,{r},1\n" for r in ("expert_1", "expert_2", "author_0", "bob"))))
    chosen = read.of("expert*, bob")
    assert chosen.raters == ("bob", "expert_1", "expert_2")
    assert chosen.left_out == {"raters of other names": 1}
    with pytest.raises(BadImport, match=r"author_0, bob"):
        read.of("Expert*")


def test_votes_go_into_a_run_and_come_out_again() -> None:
    """`evalh import votes` keeps rater, turn and inclusion probability; what is about nothing in the run is named."""
    assert evalh(*SMALL, "--quiet").code == 0
    text = HEADER.strip() + ",inclusion_probability\n"
    text += "writing-01,one,two,one,ann,1,0.5\nwriting-02,two,one,tie,bob,1,\n"
    text += "writing-01,one,three,tie,ann,1,\nx,one,two,tie,ann,1,\n"
    done = evalh("import", "votes", _file(text), "--out", FOLDER)
    assert done.code == 0, done.err
    assert done.out == f"2 votes in {FOLDER}\n"
    assert "1 rows with model 'three', which is not in the run" in done.err
    assert "1 rows with questions that are not in the run" in done.err
    kept = votes_in(RunFolder(FOLDER)).votes
    assert kept == (Vote("writing-01", "one", "two", 1, "ann", 1, 0.5), Vote("writing-02", "two", "one", 0, "bob", 1))
    lines = (FOLDER / "votes.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[0])["inclusion_probability"] == 0.5
    assert json.loads(lines[1])["inclusion_probability"] is None
    assert evalh("report", FOLDER, "--no-report").code == 0


def test_votes_are_never_overwritten() -> None:
    """A run that holds votes keeps them: a second import is refused, and so is a file about another run."""
    assert evalh(*SMALL, "--quiet").code == 0
    with pytest.raises(BadImport, match="no vote is about"):
        add_votes(_file(HEADER + "writing-01,p,q,tie,ann,1\n"), RunFolder(FOLDER))
    path = _file(HEADER + "writing-01,one,two,tie,ann,1\n")
    assert add_votes(path, RunFolder(FOLDER)).votes == 1
    with pytest.raises(RunMismatch, match="holds votes already"):
        add_votes(path, RunFolder(FOLDER))
    done = evalh("import", "votes", path, "--out", "results/nothing")
    assert done.code == 1
    assert "not a run folder" in done.err
