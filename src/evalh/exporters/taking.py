"""What every export takes from a run folder: last attempts, comparisons with all their games, names that are safe as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import BadConfig, UnknownName

NOT_GIVEN: Final = "not_given"
ERROR_TEXT: Final = "$ERROR$"
UNSORTED: Final = "uncategorised"
MOST_DIGITS: Final = 18
_UNSAFE: Final = str.maketrans(dict.fromkeys([*'/\\:*?"<>|', *map(chr, range(32)), "\x7f"], "_"))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be exported, and how.

    `judge` is whose judgments (None for all, or for the only one); `baseline` the model that others are compared with. The
    shares are filters of preference pairs, `licence` is noted where a format has a place for it.
    """

    judge: str | None = None
    baseline: str | None = None
    min_agreement: float = 0.0
    min_confidence: float = 0.0
    min_margin: float = 0.0
    licence: str = ""


@dataclass(slots=True)
class Taken:
    """A run, for an exporter: its records, and what could not be exported."""

    folder: RunFolder
    choice: Choice
    left_out: dict[str, int] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.manifest = self.folder.manifest()
        for kind, name, known in (
            ("judge of this run", self.choice.judge, self.manifest["judges"]),
            ("model of this run", self.choice.baseline, self.manifest["models"]),
        ):
            if name is not None and name not in known:
                raise UnknownName(kind, name, tuple(known))

    def leave_out(self, what: str, count: int = 1) -> None:
        """Count something that the format has no place for."""
        self.left_out[what] = self.left_out.get(what, 0) + count

    def one_judge(self) -> str | None:
        """The judge to be exported. Raises BadConfig where there are several and none was chosen."""
        judges = list(self.manifest["judges"])
        if self.choice.judge is None and len(judges) > 1:
            raise BadConfig(f"this format holds one judge, and the run has {', '.join(judges)}; say which with --judge")
        return self.choice.judge or (judges[0] if judges else None)

    def questions(self) -> dict[str, Question]:
        """All questions by id, in order."""
        return {q.question_id: q for q in self.folder.read(Question)}

    def answers(self) -> Iterator[Answer]:
        """All answers of which there is a text, or of which it is known that there was to be one."""
        return (a for a in self.folder.read(Answer) if NOT_GIVEN not in a.flags)

    def models(self) -> dict[str, str]:
        """answer id -> model."""
        return {a["answer_id"]: a["model"] for a in self.folder.raw(Answer)}

    def texts(self) -> dict[str, Answer]:
        """Every answer by id."""
        return {a.answer_id: a for a in self.folder.read(Answer)}

    def judgments(self, judge: str | None = None) -> Iterator[Judgment]:
        """The judgments that count: of several attempts the last; of one judge or of all."""
        last: dict[str, int] = {}
        for j in self.folder.raw(Judgment):
            if j["attempt"]:
                unit = j["judgment_id"].rpartition("-")[0]
                last[unit] = max(last.get(unit, 0), j["attempt"])
        wanted = judge or self.choice.judge
        for record in self.folder.read(Judgment):
            if record.attempt == last.get(record.judgment_id.rpartition("-")[0], 0) and wanted in (None, record.judge):
                yield record

    def comparisons(self, judge: str | None = None) -> Iterator[list[Judgment]]:
        """The games of each comparison of two answers together, in the order in which the last of each stands."""
        sizes: dict[str, int] = {}
        for j in self.judgments(judge):
            if j.mode == "pairwise" and len(j.answers) == 2:
                sizes[j.group_id] = sizes.get(j.group_id, 0) + 1
            else:
                self.leave_out(f"judgments in mode {j.mode}")
        held: dict[str, list[Judgment]] = {}
        for j in self.judgments(judge):
            if j.mode == "pairwise" and len(j.answers) == 2:
                games = held.setdefault(j.group_id, [])
                games.append(j)
                if len(games) == sizes[j.group_id]:
                    yield held.pop(j.group_id)


def file_name(name: str) -> str:
    """A model's or judge's name as a file's: what no file system takes becomes `_`."""
    made = name.translate(_UNSAFE)
    return made if made.strip(". ") else f"_{made}"


def first_flag(flags: Sequence[str], prefix: str) -> str:
    """What stands behind a prefix in the first flag that has it."""
    return next((f.removeprefix(prefix) for f in flags if f.startswith(prefix)), "")


def named(question_id: str) -> str | int:
    """A question's id as the originals write it: a whole number where it is one that JSON can hold."""
    whole = question_id.isdecimal() and len(question_id) <= MOST_DIGITS and str(int(question_id)) == question_id
    return int(question_id) if whole else question_id


def variant_of(j: Judgment) -> str:
    """The prompt's name: what follows the judge's folder in the protocol."""
    return j.protocol.partition("/")[2] or j.protocol


def words_of(j: Judgment) -> str:
    """The judge's text as the originals store it."""
    return ERROR_TEXT if j.status == "failed" else j.explanation


def outcome_of(j: Judgment) -> float | None:
    """0..1 for the first answer shown; None where it was not scored."""
    if j.status != "scored":
        return None
    if j.preference is not None:
        return j.preference
    return None if j.verdict is None else {"A": 1.0, "B": 0.0, "tie": 0.5}[j.verdict]


def side_of(j: Judgment) -> str | None:
    """A, B or tie as the judge saw it; a weighted preference names the side it leans to."""
    value = outcome_of(j)
    return None if value is None else "A" if value > 0.5 else "B" if value < 0.5 else "tie"


def extra(question: Question, *taken: str) -> dict[str, Any]:
    """A question's metadata, but for what a format has fields for."""
    return {k: v for k, v in question.metadata.items() if k not in taken}
