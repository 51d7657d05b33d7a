"""AlpacaEval's model_outputs.json and annotations.json, of every version -> records.

    model_outputs.json   {"instruction", "output", "generator", "dataset"?}
    annotations.json     {"instruction", "output_1", "generator_1", "output_2", "generator_2", "annotator", "preference", …}

Both are JSON arrays; JSON lines and CSV are read too. There are eight sets of further keys (prices, times, raw completions,
referenced models, fitted preferences, splits, with and without the prefix `preference_`); none of them decides anything, and
the raw completion becomes the judge's text. An instruction is a question, named by its text: these files have no ids.

The preference is 1 for output_1, 2 for output_2 and anything between for a weight; 1.5, and 0 in old files, is a tie. Null and
-1 arrive unscored. In which order the outputs were shown is not stored: records show output_1 first, with `order:unknown`.

Source of the layout: tatsu-lab/alpaca_eval.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalh.core.ids import digest
from evalh.core.records import Reading
from evalh.importers.fields import identity, number, optional, said, text
from evalh.importers.kinds import File
from evalh.importers.options import Options, of_kind
from evalh.importers.write import Sink

KINDS: Final = ("output", "annotation")
UNKNOWN_ORDER: Final = "order:unknown"
NOTE: Final = "preferences as stored with the original's annotations; the order shown is not known"
ODD: Final = "preference:"
FAILED: Final = -1


def read(sink: Sink, files: Sequence[File], options: Options) -> None:
    """Every record of AlpacaEval files. Raises BadImport with file and line."""
    for where, row, _ in of_kind(files, options, "output"):
        question = _question(sink, row, where)
        sink.answer(question, identity(row, where, "generator"), (text(row, where, "output"),))
    for where, row, _ in of_kind(files, options, "annotation"):
        _annotation(sink, row, where, options)


def _question(sink: Sink, row: Mapping[str, Any], where: str) -> str:
    """The id of a row's instruction; a question on first sight."""
    instruction = text(row, where, "instruction")
    name = digest(["alpaca-eval", instruction], 12)
    dataset = optional(row, "dataset")
    place = number(row.get("eval_set_index"))  # not in the original's files; whoever writes it knows the order of the set
    sink.told(name, dataset, (instruction,), metadata={} if place is None else {"eval_set_index": int(place)})
    return name


def _annotation(sink: Sink, row: Mapping[str, Any], where: str, options: Options) -> None:
    question = _question(sink, row, where)
    names = identity(row, where, "generator_1"), identity(row, where, "generator_2")
    answers = (_answer(sink, question, names[0], row.get("output_1")), _answer(sink, question, names[1], row.get("output_2")))
    judge = sink.judge(options.judge or optional(row, "annotator") or "unnamed", "published", NOTE)
    words = words_of(row.get("preference_raw_completion", row.get("raw_completion", row.get("judge_text"))))
    place = sink.place(judge, question, 1, names)
    sink.judgment(judge, question, 1, "pairwise", answers, place, reading_of(row.get("preference"), words))


def _answer(sink: Sink, question: str, model: str, output: object) -> str:
    return sink.text(question, model, (output,)) if isinstance(output, str) else sink.latest(question, model)


def words_of(completion: object) -> str:
    """The judge's words; of a tool call, which is stored as its arguments alone, those as JSON."""
    words = said(completion)
    if not words and isinstance(completion, Mapping) and "ordered_models" in completion:
        return json.dumps(completion, ensure_ascii=False)
    return words


def reading_of(preference: object, words: str) -> Reading:
    """What a stored preference says of the first output."""
    value = number(preference)
    flags = (UNKNOWN_ORDER,)
    if value is None or value == FAILED:
        return Reading("no_verdict", flags=flags, explanation=words)
    if value == 0:
        value = 1.5
    if not 1 <= value <= 2:
        return Reading("out_of_range", flags=(*flags, f"{ODD}{value}"), explanation=words)
    return Reading("scored", preference=float(2 - value), flags=flags, explanation=words)
