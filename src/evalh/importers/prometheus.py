"""Prometheus's collections and test sets: answers with a rubric of their own, scored 1 to 5 or compared -> records.

    Feedback Collection     {"orig_instruction", "orig_response", "orig_reference_answer", "orig_criteria",
                             "orig_score1_description" … 5, "orig_score", "orig_feedback"}
    Preference Collection   {"orig_instruction", "orig_response_A", "orig_response_B", "orig_preference": "A" | "B", …}
    vicuna_eval, mt_bench_eval …   {"idx", "response_source", "category", "instruction", "gpt4_score": [n, …],
                                    "gpt4_feedback": [text, …]}
    hhh_alignment_eval …    {"source", "chosen_instruction", "rejected_instruction", "tie"?}

The `instruction` of the test sets is the whole prompt; what was asked, the answer, the reference and the rubric are taken out
of its blocks. A rubric is the question's `metadata.rubric`: the same instruction under another rubric is another question.
Several scores of one answer are repeats. A model that is not named is called `response`. Of pairs the answers are those of
`chosen` and `rejected`, and each is a question of its own; that of two whole prompts comes with a vote and no judgment.

Source of the layout: prometheus-eval/prometheus-eval, eval/benchmark; its data sets on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.ids import digest
from evalh.core.records import Reading
from evalh.errors import BadImport
from evalh.importers.fields import number, optional, said, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import Sink

KINDS: Final = ("prometheus-feedback", "prometheus-preference", "prometheus-scored", "prometheus-pair")
GPT_4: Final = "gpt-4"
NOTE: Final = "scores and verdicts as stored with Prometheus's data"
UNNAMED: Final = "response"
NAMES: Final = ("chosen", "rejected")
LABEL: Final = "label"
MARKS: Final = {
    "instruction": "###The instruction to evaluate:",
    "response": "###Response to evaluate:",
    "reference": "###Reference Answer (Score 5):",
    "rubric": "###Score Rubrics:",
    "feedback": "###Feedback:",
}


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every row. Raises BadImport with file and line."""
    label = options.judge or GPT_4
    pairs: dict[str, int] = {}
    for where, row, file in of_kind(files, options, "prometheus-feedback"):
        question = _asked(sink, text(row, where, "orig_instruction"), rubric_of(row), row, file)
        told = [(row.get("orig_score"), optional(row, "orig_feedback"))] if "orig_score" in row else []
        _scores(sink, question, optional(row, "response_source") or UNNAMED, text(row, where, "orig_response"), told, label)
    for where, row, file in of_kind(files, options, "prometheus-scored"):
        parts = parts_of(text(row, where, "instruction"), where)
        question = _asked(
            sink, parts["instruction"], parts["rubric"], {**row, "orig_reference_answer": parts["reference"]}, file
        )
        told = _listed(row.get("gpt4_score"), row.get("gpt4_feedback"))
        _scores(sink, question, optional(row, "response_source") or UNNAMED, parts["response"], told, label)
    for where, row, file in of_kind(files, options, "prometheus-preference"):
        _preference(sink, row, where, file, label, pairs)
    for where, row, file in of_kind(files, options, "prometheus-pair"):
        _pair(sink, row, where, file, pairs)


def rubric_of(row: Mapping[str, Any]) -> str:
    """The rubric of a row, as Prometheus's prompt shows it; nothing where there is none."""
    criteria = optional(row, "orig_criteria")
    if not criteria:
        return ""
    lines = [f"Score {n}: {given}" for n in range(1, 6) if (given := optional(row, f"orig_score{n}_description"))]
    return "\n".join([f"[{criteria}]", *lines])


def parts_of(prompt: str, where: str) -> dict[str, str]:
    """The blocks of a whole prompt. Raises BadImport where the instruction, the response or the rubric is not there."""
    at = {"instruction": prompt.find(MARKS["instruction"])}
    at["response"] = prompt.find("\n" + MARKS["response"], max(at["instruction"], 0))
    at["rubric"] = prompt.rfind("\n" + MARKS["rubric"])
    at["feedback"] = prompt.rfind("\n" + MARKS["feedback"])
    if not 0 <= at["instruction"] < at["response"] < at["rubric"]:
        raise BadImport(f"{where}: the instruction is no prompt of Prometheus's (with the blocks {', '.join(MARKS.values())})")
    if at["feedback"] < at["rubric"]:
        at["feedback"] = len(prompt)
    at["reference"] = prompt.rfind("\n" + MARKS["reference"], at["response"], at["rubric"])
    if at["reference"] < 0:
        at["reference"] = at["rubric"]
    names = list(MARKS)

    def block(name: str) -> str:
        piece = prompt[at[name] : at[names[names.index(name) + 1]]]
        return piece.partition(MARKS[name])[2].strip()

    return {name: block(name) for name in names[:-1]}


def _asked(
    sink: Sink, instruction: str, rubric: str, row: Mapping[str, Any], file: File, pairs: dict[str, int] | None = None
) -> str:
    """The id of a row's question; with `pairs`, which counts them, of a question of its own for every pair."""
    name = digest(["prometheus", instruction, rubric], 12)
    if pairs is not None:
        pairs[name] = at = pairs.get(name, -1) + 1
        name = f"{name}-{at}"
    reference = optional(row, "orig_reference_answer")
    category = optional(row, "category", "source") or file.source.stem
    sink.told(name, category, (instruction,), (reference,) if reference else (), {"rubric": rubric} if rubric else {})
    return name


def _listed(scores: object, words: object) -> list[tuple[object, str]]:
    """Scores with the words behind each."""
    given = scores if isinstance(scores, list) else [] if scores is None else [scores]
    told = words if isinstance(words, list) else [words]
    return [(score, said(told[i]) if i < len(told) else "") for i, score in enumerate(given)]


def _scores(sink: Sink, question: str, model: str, answer: str, told: Sequence[tuple[object, str]], label: str) -> None:
    shown = sink.text(question, model, (answer,))
    for given, words in told:
        judge = sink.judge(label, "rubric", NOTE)
        score = number(given)
        if score is None or score < 0:
            reading = Reading("no_verdict" if words.strip() else "empty", explanation=words)
        elif not 1 <= score <= 5:
            reading = Reading("out_of_range", explanation=words)
        else:
            reading = Reading("scored", scores={"overall": (score,)}, explanation=words)
        sink.judgment(judge, question, 1, "absolute", (shown,), sink.place(judge, question, 1, (model,)), reading)


def _preference(sink: Sink, row: Mapping[str, Any], where: str, file: File, label: str, pairs: dict[str, int]) -> None:
    """Two answers, A shown first, and which of them GPT-4 prefers."""
    question = _asked(sink, text(row, where, "orig_instruction"), rubric_of(row), row, file, pairs)
    texts = text(row, where, "orig_response_A"), text(row, where, "orig_response_B")
    better = optional(row, "orig_preference").strip()
    if better not in ("A", "B"):
        raise BadImport(f"{where}: orig_preference must be A or B")
    names = NAMES if better == "A" else NAMES[::-1]
    answers = sink.text(question, names[0], (texts[0],)), sink.text(question, names[1], (texts[1],))
    judge = sink.judge(label, "preference", NOTE)
    reading = Reading("scored", verdict="A" if better == "A" else "B", explanation=optional(row, "orig_feedback"))
    sink.judgment(judge, question, 1, "pairwise", answers, sink.place(judge, question, 1, names), reading)


def _pair(sink: Sink, row: Mapping[str, Any], where: str, file: File, pairs: dict[str, int]) -> None:
    """Two whole prompts that differ in the answer."""
    chosen, rejected = (parts_of(text(row, where, f"{name}_instruction"), where) for name in NAMES)
    if (chosen["instruction"], chosen["rubric"]) != (rejected["instruction"], rejected["rubric"]):
        raise BadImport(f"{where}: the two prompts differ in more than the response")
    known = {**row, "orig_reference_answer": chosen["reference"]}
    question = _asked(sink, chosen["instruction"], chosen["rubric"], known, file, pairs)
    for name, parts in zip(NAMES, (chosen, rejected), strict=True):
        sink.text(question, name, (parts["response"],))
    sink.vote(question, *NAMES, "tie" if number(row.get("tie")) == 1 else "model_a", LABEL)
