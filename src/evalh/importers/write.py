"""Imported rows -> a run folder like any other, written as they come: nothing but names and counts is held in memory.

Records stay in the order of the original. What the original repeats is kept as repeats: `sample` counts the answers of one
model to one question, and the judgments of one judge about one question, turn and set of models. The folder appears under its
name when all is written; whatever goes wrong before leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from evalh.core import wire
from evalh.core.ids import answer_id, digest, group_id, judgment_id, unit_id
from evalh.core.records import EMPTY, Answer, Failure, Judgment, Mode, Question, Reading, Vote
from evalh.core.store import FILES, RunFolder
from evalh.errors import BadImport, RunMismatch, StoreError
from evalh.importers.table import Table
from evalh.pipeline.manifest import bare

NOT_GIVEN: Final = "not_given"
NO_TEXT: Final = Failure(NOT_GIVEN, "the imported files hold no text of this answer")
ERROR: Final = Failure("transient", "the original could not have a reply ($ERROR$)")
PUBLISHED: Final = "reading:published"
UNSORTED: Final = "uncategorised"
HELD: Final = 1 << 20
"""Bytes of lines that are held back and written together."""
_SHIFT: Final = 24


@dataclass(frozen=True, slots=True)
class JudgeName:
    """A judge of the original under one of its prompts: label, hash and protocol as they stand in its judgments."""

    label: str
    hash: str
    protocol: str


class Sink:
    """Where an importer puts what it reads. Made by `importing`."""

    def __init__(self, folder: RunFolder, questions: BinaryIO, votes: BinaryIO, source: str) -> None:
        self.source, self.form = source, source.partition("/")[0]
        self.models: dict[str, dict[str, Any]] = {}
        self.judges: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, str] = {}
        self.notes: dict[str, int] = {}
        self.counts = {"answers": 0, "answers_failed": 0, "judgments": 0, "judgments_unscored": 0, "asked_again": 0}
        self.by_status: dict[str, int] = {}
        self._folder, self._questions, self._votes = folder, questions, votes
        self._index: dict[str, int] = {}
        self._asked: dict[str, str] = {}  # of questions that came as rows: what they ask, to tell another by the same name
        self._model_index: dict[str, int] = {}
        self._named: dict[tuple[str, str], JudgeName] = {}
        self._contents = Table()
        self._more: dict[int, list[int]] = {}
        self._latest: dict[int, str] = {}
        self._repeats = Table()
        self._places: dict[tuple[str, tuple[str, ...], int], tuple[list[int], int]] = {}
        self._positions: dict[tuple[str, ...], list[int]] = {}
        self._turns: dict[tuple[Any, ...], int] = {}
        self._lines: dict[type[Answer | Judgment], list[bytes]] = {Answer: [], Judgment: []}
        self._held = 0

    # -- questions -------------------------------------------------------------------------------------------------------

    def question(self, question: Question, where: str) -> None:
        """A question of the original.

        Raises:
            BadImport: another one has its id; the same one again is passed over, and noted.
        """
        content = digest([question.category, question.turns, question.reference], 12)
        if question.question_id in self._index:
            if self._asked.get(question.question_id) != content:
                raise BadImport(f"{where}: question_id {question.question_id!r} stands there already, with another content")
            self.note("questions that stand there twice, kept once")
            return
        self._asked[question.question_id] = content
        self._write_question(question)

    def asked(self, question_id: str, category: str = UNSORTED) -> None:
        """A question that a row speaks of: one whose text is not given, unless it is there already."""
        if question_id not in self._index:
            self._write_question(Question(question_id, category or UNSORTED, (), tags=(NOT_GIVEN,)))
            self.note("questions of which no text is given")

    def told(
        self,
        question_id: str,
        category: str,
        turns: tuple[str, ...],
        reference: tuple[str, ...] = (),
        metadata: Mapping[str, Any] = EMPTY,
    ) -> None:
        """A question whose text stands in a row that is about something else; the first such row counts."""
        if question_id not in self._index:
            self._write_question(Question(question_id, category or UNSORTED, turns, reference, metadata=metadata))

    def _write_question(self, question: Question) -> None:
        self._index[question.question_id] = len(self._index)
        self._put(self._questions, wire.dump(question))

    @staticmethod
    def _put(file: BinaryIO, line: bytes) -> None:
        try:
            file.write(line)
        except OSError as error:
            raise StoreError(f"{file.name}: cannot be written ({error.strerror or error})") from None

    # -- answers ---------------------------------------------------------------------------------------------------------

    def model(self, name: str, **metadata: Any) -> int:
        """The index of a model; named in run.json on first sight."""
        if name not in self._model_index:
            self._model_index[name] = len(self._model_index)
            self.models[name] = {
                "provider": "import",
                "model": metadata.get("model_id", name),
                "metadata": metadata,
                "price": None,
            }
        return self._model_index[name]

    def answer(
        self,
        question_id: str,
        model: str,
        turns: tuple[str, ...],
        params: Mapping[str, Any] = EMPTY,
        *,
        failed: bool = False,
        judged: bool = True,
    ) -> str:
        """An answer that is a row of the original: one more sample, whatever it says. Returns its id.

        Args:
            failed: the original could not have it, or not all of it.
            judged: whether it is the one that judgments which name only the model are about, until another one is.
        """
        key = self._key(question_id, model)
        sample = self._samples(key)
        made = answer_id(question_id, model, params, sample, turns)
        self._register(key, sample, _content(answer_id(question_id, model, params, 0, turns)))
        if judged:
            self._latest[key] = made
        self._write_answer(made, question_id, model, params, sample, turns, ERROR if failed else None)
        return made

    def text(self, question_id: str, model: str, turns: tuple[str, ...] | None, params: Mapping[str, Any] = EMPTY) -> str:
        """The id of the answer with this text, which stands in a row about something else; made on first sight.

        `turns` None is an answer of which no text is given: a record that says so.
        """
        key = self._key(question_id, model)
        made = answer_id(question_id, model, params, 0, turns or ())
        content, sample = _content(made), 0
        at = self._contents.place(key)
        known = self._contents.values[at]
        if known == content:
            return made
        if known:
            others = self._more.setdefault(key, [])
            if content in others:
                return answer_id(question_id, model, params, others.index(content) + 1, turns or ())
            others.append(content)
            sample = len(others)
            made = answer_id(question_id, model, params, sample, turns or ())
        else:
            self._contents.values[at] = content
        if turns is None:
            self.note("answers of which no text is given")
            self._write_answer(made, question_id, model, params, sample, (), NO_TEXT, (NOT_GIVEN,))
        else:
            self._write_answer(made, question_id, model, params, sample, turns)
        return made

    def latest(self, question_id: str, model: str) -> str:
        """The id of the answer that a row means which names only the model; of one without text where there is none."""
        found = self._latest.get(self._key(question_id, model))
        return found if found is not None else self.text(question_id, model, None)

    def _key(self, question_id: str, model: str) -> int:
        index = self._model_index.get(model)
        return (self._index[question_id] << _SHIFT | (self.model(model) if index is None else index)) + 1

    def _samples(self, key: int) -> int:
        return 0 if not self._contents.get(key) else 1 + len(self._more.get(key, ()))

    def _register(self, key: int, sample: int, content: int) -> None:
        if sample == 0:
            self._contents.set(key, content)
        else:
            self._more.setdefault(key, []).append(content)

    # -- judgments -------------------------------------------------------------------------------------------------------

    def judge(self, label: str, variant: str, note: str = "", strong_weight: int = 1) -> JudgeName:
        """A judge under one of its prompts; `strong_weight` is how many times a strong verdict of it counts."""
        known = self._named.get((label, variant))
        if known is not None:
            return known
        protocol = f"{self.form}/{variant}"
        mark = digest([label, protocol])
        entry = self.judges.setdefault(
            label, {"judge": self.form, "model": None, "params": {}, "attempts": 1, "variants": {}, "note": note, "hash": ""}
        )
        if strong_weight != 1:
            entry["strong_weight"] = strong_weight
        if variant not in entry["variants"]:
            entry["variants"] = dict(sorted({**entry["variants"], variant: mark}.items()))
            entry["hash"] = digest(entry["variants"])
        return self._named.setdefault((label, variant), JudgeName(label, mark, protocol))

    def place(self, judge: JudgeName, question_id: str, turn: int, models: tuple[str, ...]) -> tuple[int, int]:
        """(position, sample) of the next row: among the judge's rows about these models, and among those about this question.

        The position counts rows, not lines, and does not depend on what stands between them.
        """
        known = self._places.get((judge.label, models, turn))
        if known is None:
            among = (judge.label, *sorted(models))
            known = self._positions.setdefault(among, [0]), self._turns.setdefault((*among, turn), len(self._turns))
            self._places[judge.label, models, turn] = known
        position, place = known
        position[0] += 1
        return position[0] - 1, self._repeats.count((self._index[question_id] << _SHIFT | place) + 1)

    def judgment(
        self,
        judge: JudgeName,
        question_id: str,
        turn: int,
        mode: Mode,
        answers: tuple[str, ...],
        place: tuple[int, int],
        reading: Reading,
        game: int = 0,
    ) -> None:
        """One judgment.

        Args:
            answers: ids in the order shown.
            place: as `place` gave it; the games of one row share it, and with it their group.
            reading: what it says; that the verdict is the original's, not one of our readers, is flagged.
            game: which of the row's games it is.
        """
        position, sample = place
        marked = [*answers, f"#{position}"] if not game else [*answers, f"#{position}", f"game {game}"]
        unit = unit_id(judge.label, judge.hash, question_id, mode, turn, marked, sample)
        group = unit
        if len(answers) > 1:
            group = group_id(judge.label, judge.hash, question_id, mode, turn, [*answers, f"#{position}"], sample)
        self.counts["judgments"] += 1
        self.counts["judgments_unscored"] += reading.status != "scored"
        self.by_status[reading.status] = self.by_status.get(reading.status, 0) + 1
        line = wire.line(
            {
                "judgment_id": judgment_id(unit, 0),
                "group_id": group,
                "question_id": question_id,
                "turn": turn,
                "judge": judge.label,
                "judge_hash": judge.hash,
                "protocol": judge.protocol,
                "mode": mode,
                "answers": answers,
                "status": reading.status,
                "verdict": reading.verdict,
                "strength": reading.strength,
                "preference": reading.preference,
                "scores": reading.scores,
                "ranking": (),
                "sample": sample,
                "attempt": 0,
                "flags": (PUBLISHED, *reading.flags),
                "explanation": reading.explanation,
                "usage": None,
                "failure": ERROR if reading.status == "failed" else None,
            }
        )
        self._hold(Judgment, line)

    def vote(self, question_id: str, model_a: str, model_b: str, winner: str, rater: str, turn: int = 1) -> None:
        """A person's verdict, or a recorded one, against which judges are held."""
        self._put(self._votes, wire.dump(Vote(question_id, model_a, model_b, winner, rater, turn)))  # type: ignore[arg-type]

    def note(self, what: str, count: int = 1) -> None:
        """Count something that the user is told at the end."""
        self.notes[what] = self.notes.get(what, 0) + count

    # -- writing ---------------------------------------------------------------------------------------------------------

    def _write_answer(
        self,
        made: str,
        question_id: str,
        model: str,
        params: Mapping[str, Any],
        sample: int,
        turns: tuple[str, ...],
        failure: Failure | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        self.counts["answers"] += 1
        self.counts["answers_failed"] += failure is not None
        line = wire.line(
            {
                "answer_id": made,
                "question_id": question_id,
                "model": model,
                "params": dict(params) if params else {},
                "sample": sample,
                "turns": turns,
                "finish_reason": None,
                "usage": None,
                "flags": flags,
                "failure": failure,
            }
        )
        self._hold(Answer, line)

    def _hold(self, kind: type[Answer | Judgment], line: bytes) -> None:
        self._lines[kind].append(line)
        self._held += len(line)
        if self._held > HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        for kind, lines in self._lines.items():
            if lines:
                self._folder.append_lines(kind, lines)
                lines.clear()
        self._held = 0

    def manifest(self, name: str) -> dict[str, Any]:
        """run.json of the import."""
        manifest = bare(name)
        manifest |= {
            "config": {"imported": self.source},
            "inputs": dict(sorted(self.inputs.items())),
            "models": self.models,
            "judges": self.judges,
            "questions": {"set": self.source, "sha256": self.inputs.get("question.jsonl")},
            "counts": {**self.counts, "by_status": dict(sorted(self.by_status.items()))},
        }
        return manifest | {"finished_at": manifest["started_at"]}


def _content(identity: str) -> int:
    """64 bits that stand for an answer's text; never 0, which stands for none."""
    return int(identity[:16], 16) or 1


@contextlib.contextmanager
def importing(out: Path, source: str) -> Iterator[Sink]:
    """A sink whose records become the run folder `out` when the block ends well.

    Args:
        source: the format, and the part of it that was chosen; kept in run.json.

    Raises:
        RunMismatch: the folder holds something already.
        BadImport: nothing was imported.
        StoreError: the disk refuses.
    """
    final = Path(os.path.abspath(out))
    if RunFolder(final).exists():
        raise RunMismatch(f"{out} holds a run already; choose another folder with --out, or remove it")
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise RunMismatch(f"{out} is not an empty folder; choose another with --out")
    draft = final.with_name(f".{final.name}.{os.getpid()}.importing")
    folder = RunFolder(draft)
    try:
        with folder.writing():
            with (draft / FILES[Question]).open("wb") as questions, (draft / "votes.jsonl").open("wb") as votes:
                sink = Sink(folder, questions, votes, source)
                yield sink
                sink.flush()
            if not sink.counts["answers"] and not sink.counts["judgments"]:
                raise BadImport("nothing was imported: the files hold neither an answer nor a judgment")
            if not (draft / "votes.jsonl").stat().st_size:
                (draft / "votes.jsonl").unlink()
            folder.write_manifest(sink.manifest(final.name))
        if final.is_dir():
            final.rmdir()
        os.replace(draft, final)
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
