"""Battles of two models, one a row, as CSV, JSON, JSON lines or Parquet -> records; and MT-bench's human votes.

    {"model_a", "model_b", "winner": "model_a" | "model_b" | "tie" | "tie (bothbad)",
     "question_id"?, "turn"?, "judge"?, "category"?, "tstamp"?, "conv_metadata"?,
     "about"?: {"reference", "metadata"}, "prompt"?, "response_a"?, "response_b"?, or "conversation_a"?, "conversation_b"?}

`winner_model_a`, `winner_model_b` and `winner_tie` as 0 and 1 may stand for the winner. A winner that is none of these, or is
missing, arrives unscored; "error" as failed. Whoever voted (`judge`) is a flag, `rater:NAME`: a leaderboard per voter would say
nothing. A row without an id is a question of its own. Questions and answers may lie beside the battles, in the form of FastChat
or of Arena-Hard.

Source of the layout: LMArena's published battles; lmsys/mt_bench_human_judgments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from evalh.core.records import Reading
from evalh.importers.fields import identity, number, optional, said, whole
from evalh.importers.kinds import PEOPLE, File
from evalh.importers.options import Options, of_kind
from evalh.importers.texts import read_answers, read_questions
from evalh.importers.write import JudgeName, Sink

KINDS: Final = ("question", "reference", "answer", "battle")
IDS: Final = ("question_id", "uid", "conversation_id", "id")
RATER: Final = "rater:"
WINNER: Final = "winner:"
VOTES: Final = "votes"
HUMAN: Final = "human"
ABOUT: Final = "about"
"""The column in which a question's reference and metadata go out, as an object."""
PROMPTS: Final = ("prompt", "instruction", "question")
TEXTS: Final = {side: tuple(f"{name}_{side}" for name in ("response", "answer", "output")) for side in "ab"}
SPOKEN: Final = frozenset((*PROMPTS, *TEXTS["a"], *TEXTS["b"], "conversation_a", "conversation_b", "conv_metadata"))
"""Fields that tell of what was asked or answered."""
SIDES: Final = {
    "token_len": "sum_assistant_{}_tokens",
    "header_count": "header_count_{}",
    "list_count": "list_count_{}",
    "bold_count": "bold_count_{}",
}


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every battle. Raises BadImport with file and line."""
    read_questions(sink, files, options)
    read_answers(sink, files, options)
    label = options.judge or VOTES
    for n, (where, row, _) in enumerate(of_kind(files, options, "battle"), 1):
        _battle(sink, row, where, n, sink.judge(label, "votes", "votes as stored"))


def read_votes(sink: Sink, files: Sequence[File], options: Options) -> None:
    """MT-bench's votes: those of people under one label, and as votes to hold judges against; those of models as their own."""
    read_questions(sink, files, options)
    read_answers(sink, files, options)
    for n, (where, row, _) in enumerate(of_kind(files, options, "battle"), 1):
        rater = rater_of(row)
        human = bool(PEOPLE.match(rater)) or not rater
        question, turn, winner = _battle(sink, row, where, n, sink.judge(HUMAN if human else rater, "votes", "votes as stored"))
        if human and winner:
            sink.vote(question, str(row["model_a"]), str(row["model_b"]), winner, rater or HUMAN, turn)


def _battle(sink: Sink, row: Mapping[str, Any], where: str, n: int, judge: JudgeName) -> tuple[str, int, str]:
    """One battle; returns (question, turn, winner as "model_a", "model_b", "tie" or nothing)."""
    names = identity(row, where, "model_a"), identity(row, where, "model_b")
    given = _id_of(row)
    question = identity(row, where, given) if given else f"row-{n}"
    if not given:
        sink.note("rows without an id, each a question of its own")
    turn = whole(row, where, "turn", 1)
    bare = SPOKEN.isdisjoint(row)  # most battles are: names and a winner, and nothing that was said
    prompt = () if bare else _prompt(row)
    if not prompt:
        sink.asked(question, optional(row, "category"))
    else:
        about = _decoded(row.get(ABOUT))
        known = about if isinstance(about, Mapping) else {}
        sink.told(
            question, optional(row, "category"), prompt, tuple(known.get("reference", ())), dict(known.get("metadata", {}))
        )
    if bare:
        answers = sink.latest(question, names[0]), sink.latest(question, names[1])
    else:
        answers = _answer(sink, question, names[0], row, "a"), _answer(sink, question, names[1], row, "b")
    winner = winner_of(row)
    rater = rater_of(row)
    flags = (f"{RATER}{rater}",) if rater and rater != judge.label else ()
    reading = reading_of(winner, flags)
    sink.judgment(judge, question, turn, "pairwise", answers, sink.place(judge, question, turn, names), reading)
    kind = {"A": "model_a", "B": "model_b", "tie": "tie"}.get(reading.verdict or "", "")
    return question, turn, kind


def _id_of(row: Mapping[str, Any]) -> str | None:
    """The field that names the question, where one does."""
    for key in IDS:
        if row.get(key) not in (None, ""):
            return key
    return None


def rater_of(row: Mapping[str, Any]) -> str:
    """Who voted, as stored: a name, or a list that begins with it."""
    given = row.get("judge")
    if isinstance(given, list):
        given = given[0] if given else ""
    return str(given) if given not in (None, "") else ""


def winner_of(row: Mapping[str, Any]) -> str:
    """The winner as stored; from three columns of 0 and 1 where there is none."""
    if "winner" in row:
        return str(row["winner"] or "")
    told = [name for name in ("model_a", "model_b", "tie") if number(row.get(f"winner_{name}")) == 1]
    return told[0] if len(told) == 1 else ""


def reading_of(winner: str, flags: tuple[str, ...] = ()) -> Reading:
    """What a stored winner says; a spelling other than the usual ones is kept as a flag."""
    if winner in ("model_a", "model_b"):
        return Reading("scored", verdict="A" if winner == "model_a" else "B", flags=flags)
    if winner == "tie":
        return Reading("scored", verdict="tie", flags=flags)
    if winner == "error":
        return Reading("failed", flags=flags)
    kept = (*flags, f"{WINNER}{winner}") if winner else flags
    if winner.startswith("tie"):
        return Reading("scored", verdict="tie", flags=kept)
    return Reading("no_verdict", flags=kept)


def _prompt(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What was asked, turn by turn, where the row gives it."""
    for key in PROMPTS:
        if isinstance(row.get(key), str) and row[key]:
            return (row[key],)
    talk = _decoded(row.get("conversation_a"))
    if isinstance(talk, list):
        return tuple(said(m) for m in talk if isinstance(m, Mapping) and m.get("role") == "user")
    return ()


def _answer(sink: Sink, question: str, model: str, row: Mapping[str, Any], side: str) -> str:
    """The id of one side's answer: by the text in the row, else by what lies beside the battles, else not given.

    An empty text is an empty answer, but not in a row whose prompt is empty too: in a CSV file that means that it has neither.
    """
    params = style_of(row, side)
    for key in TEXTS[side]:
        if isinstance(row.get(key), str) and (row[key] or row.get("prompt") != ""):
            return sink.text(question, model, (row[key],), params)
    talk = _decoded(row.get(f"conversation_{side}"))
    if isinstance(talk, list):
        turns = tuple(said(m) for m in talk if isinstance(m, Mapping) and m.get("role") == "assistant")
        if turns:
            return sink.text(question, model, turns, params)
    return sink.text(question, model, None, params) if params else sink.latest(question, model)


def style_of(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    """What a battle says of one side's length and markdown, under the names of Arena-Hard's answers."""
    given = _decoded(row.get("conv_metadata"))
    if not isinstance(given, dict):
        return {}
    found: dict[str, Any] = {}
    for name, key in SIDES.items():
        if given.get(key.format(side)) is not None:
            found[name] = given[key.format(side)]
    return {"style": found} if found else {}


def _decoded(value: object) -> object:
    """A cell of a CSV file may hold JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value
