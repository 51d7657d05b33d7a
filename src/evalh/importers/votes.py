"""Votes of people as a plain table: CSV, TSV, JSON, JSON lines or Parquet, packed with gzip or not.

    question_id, model_a, model_b, winner, rater, turn, inclusion_probability

`winner` is `model_a`, `model_b`, one of the two models by its own name, or a word that begins with "tie". `rater` may be called
`judge`, as in FastChat's human judgments; it and `turn` (1) may be left out. `inclusion_probability` is the chance with which a
comparison was drawn to be voted on, where not all had the same. A row without a readable winner, or in which a model meets
itself, is left out and counted by its reason; a row that lacks a column is an error with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from evalh.core.store import RunFolder
from evalh.errors import BadImport, RunMismatch, StoreError
from evalh.importers.fields import identity, number, whole
from evalh.importers.reading import rows
from evalh.importers.sources import sources
from evalh.stats.voting import Vote

REQUIRED: Final = ("question_id", "model_a", "model_b", "winner")
PROBABILITY: Final = "inclusion_probability"
UNKNOWN: Final = "unknown"
MOST_REASONS: Final = 20  # different reasons that are told apart; the others are counted together


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes as they were read, and reason -> rows that are none."""

    votes: tuple[Vote, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def raters(self) -> tuple[str, ...]:
        """Everybody who voted, by name."""
        return tuple(sorted({vote.rater for vote in self.votes}))

    def of(self, pattern: str) -> Votes:
        """The votes of the raters whose names match a pattern (`*` any characters, `?` one); comma-separated patterns add up.

        Raises:
            BadImport: nobody's does.
        """
        patterns = [p.strip() for p in pattern.split(",") if p.strip()]
        kept = tuple(vote for vote in self.votes if any(fnmatchcase(vote.rater, p) for p in patterns))
        if not kept:
            there = ", ".join(self.raters[:12]) + (", …" if len(self.raters) > 12 else "")
            raise BadImport(f"no rater's name matches {pattern!r}; there are {there or 'none'}")
        dropped = len(self.votes) - len(kept)
        return Votes(kept, {**self.left_out, **({"raters of other names": dropped} if dropped else {})})


def read_votes(path: Path, encoding: str = "utf-8") -> Votes:
    """Read a file of votes, or a folder of them.

    Raises:
        BadImport: names the file, the line and what is wrong.
        MissingExtra: Parquet needs pyarrow.
    """
    return votes_of((where, row) for source in sources(path) for where, row in rows(source, encoding))


def votes_in(folder: RunFolder) -> Votes:
    """The votes that a run folder holds (votes.jsonl); none where it has no such file.

    Raises:
        CorruptRecord: a line is no record.
        BadImport: a record is no vote.
    """
    place = folder.path / "votes.jsonl"
    return votes_of((f"{place}, vote {n}", row) for n, row in enumerate(folder.votes(), 1))


def votes_of(given: Iterable[tuple[str, Mapping[str, Any]]]) -> Votes:
    """Votes from (place, row). Raises BadImport for a row that lacks a column or holds what it cannot."""
    votes: list[Vote] = []
    left_out: dict[str, int] = {}
    for where, row in given:
        missing = [name for name in REQUIRED if name not in row]
        if missing:
            had = ", ".join(map(str, list(row)[:12])) or "nothing"
            raise BadImport(f"{where}: a vote has {', '.join(REQUIRED)}; this row has no {' and no '.join(missing)}, but {had}")
        models = identity(row, where, "model_a"), identity(row, where, "model_b")
        outcome = outcome_of(row["winner"], models)
        if outcome is None or models[0] == models[1]:
            reason = "a model against itself" if outcome is not None else _reason(row["winner"])
            reason = reason if reason in left_out or len(left_out) < MOST_REASONS else "other winners"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        question, turn = identity(row, where, "question_id"), whole(row, where, "turn", 1)
        votes.append(Vote(question, *models, outcome, rater_of(row), turn, _probability(row, where)))
    return Votes(tuple(votes), left_out)


def outcome_of(winner: object, models: tuple[str, str]) -> int | None:
    """1, 0 or -1 for the first model; None where the winner says none of these."""
    if not isinstance(winner, str):
        return None
    name = winner.strip()
    if name in ("model_a", models[0]):
        return 1
    if name in ("model_b", models[1]):
        return -1
    return 0 if name.lower().startswith("tie") else None


def rater_of(row: Mapping[str, Any]) -> str:
    """Who voted: a name, or a list that begins with it; "unknown" where nobody is named."""
    for key in ("rater", "judge"):
        value = row.get(key)
        if isinstance(value, list):
            value = value[0] if value else None
        if value not in (None, ""):
            return str(value)
    return UNKNOWN


def _reason(winner: object) -> str:
    return "no winner" if winner in (None, "") else f"winner {str(winner)[:40]!r}"


def _probability(row: Mapping[str, Any], where: str) -> float | None:
    """The chance with which the comparison was drawn, where it is given."""
    given = row.get(PROBABILITY)
    if given is None or given == "":
        return None
    value = number(given)
    if value is None or not 0 < value <= 1:
        raise BadImport(f"{where}: {PROBABILITY} must be a number above 0 and at most 1, not {str(given)[:40]!r}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of votes: how many the run holds now, how many of them are about nothing in it, by reason."""

    votes: int
    left_out: Mapping[str, int]


def add_votes(path: Path, folder: RunFolder, encoding: str = "utf-8") -> Added:
    """Put a file's votes into an existing run, as its votes.jsonl.

    Votes on models or questions that the run does not have are left out and counted.

    Raises:
        BadImport: a row cannot be read, or no vote is about this run.
        RunMismatch: the run holds votes already.
        StoreError: it is no run folder, or the disk refuses.
    """
    from evalh.core.records import Question

    manifest = folder.manifest()
    if folder.votes():
        raise RunMismatch(f"{folder.path} holds votes already; put both into one file and remove votes.jsonl first")
    read = read_votes(path, encoding)
    models, questions = set(manifest["models"]), {q.question_id for q in folder.read(Question)}
    kept, left_out = [], dict(read.left_out)
    for vote in read.votes:
        stranger = next((name for name in (vote.model_a, vote.model_b) if name not in models), None)
        if stranger is not None:
            reason = f"model {stranger!r}, which is not in the run"
        elif vote.question_id not in questions:
            reason = "questions that are not in the run"
        else:
            kept.append(vote)
            continue
        left_out[reason] = left_out.get(reason, 0) + 1
    if not kept:
        why = "; ".join(f"{n} rows with {reason}" for reason, n in left_out.items()) or "it has no rows"
        raise BadImport(f"{path}: no vote is about {folder.path} ({why})")
    try:
        with folder.writing():
            folder.write_votes(line_of(vote) for vote in kept)
    except OSError as error:
        raise StoreError(f"{folder.path}: cannot be written ({error.strerror or error})") from None
    return Added(len(kept), left_out)


def line_of(vote: Vote) -> dict[str, Any]:
    """A vote as a line of votes.jsonl."""
    winner = {1: "model_a", 0: "tie", -1: "model_b"}[vote.outcome]
    return {
        "question_id": vote.question_id,
        "model_a": vote.model_a,
        "model_b": vote.model_b,
        "winner": winner,
        "rater": vote.rater,
        "turn": vote.turn,
        PROBABILITY: vote.probability,
    }
