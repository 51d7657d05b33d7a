"""A run -> a data set of Hugging Face's: a folder with Parquet files and a card (README.md) that says what is in them.

One configuration for each kind of row (`questions`, `answers`, `judgments`, `results`, and `votes` where there are any), each
with the split `test`. Fields are those of the records; what may hold anything (`metadata`, `params`) is JSON text, and `scores`
a list of {aspect, values}. `results` is the results frame, positions undone. The card's header names configurations, features,
row counts, sizes and licence, so that the datasets library checks what it loads against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalh import __version__
from evalh.core.records import Answer, Judgment, Question
from evalh.errors import MissingExtra
from evalh.exporters.taking import Taken
from evalh.pipeline.collect import collect
from evalh.reports.text import line
from evalh.stats.frame import COLUMNS, INTEGERS, NUMBERS

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
BATCH: Final = 1000
TEXT: Final = "string"
WHOLE: Final = "int64"
NUMBER: Final = "float64"
Kind = str | list[Any] | dict[str, Any]
"""A column's type: a name, a list with its items' type, or an object with its fields'."""
TEXTS: Final[Kind] = [TEXT]
COMMON: Final[Mapping[str, Kind]] = {
    "input_tokens": WHOLE,
    "output_tokens": WHOLE,
    "failure_kind": TEXT,
    "failure_message": TEXT,
}
FEATURES: Final[Mapping[str, Mapping[str, Kind]]] = {
    "questions": {
        "question_id": TEXT, "category": TEXT, "turns": TEXTS, "reference": TEXTS, "tags": TEXTS, "metadata": TEXT,
    },
    "answers": {
        "answer_id": TEXT, "question_id": TEXT, "model": TEXT, "params": TEXT, "sample": WHOLE, "turns": TEXTS,
        "finish_reason": TEXT, "flags": TEXTS, **COMMON,
    },
    "judgments": {
        "judgment_id": TEXT, "group_id": TEXT, "question_id": TEXT, "turn": WHOLE, "judge": TEXT, "judge_hash": TEXT,
        "protocol": TEXT, "mode": TEXT, "answers": TEXTS, "status": TEXT, "verdict": TEXT, "strength": WHOLE,
        "preference": NUMBER, "scores": [{"aspect": TEXT, "values": [NUMBER]}], "ranking": [WHOLE], "sample": WHOLE,
        "attempt": WHOLE, "flags": TEXTS, "explanation": TEXT, **COMMON,
    },
    "results": {c: NUMBER if c in NUMBERS else WHOLE if c in INTEGERS else "bool" if c == "swapped" else TEXT for c in COLUMNS},
    "votes": {
        "question_id": TEXT, "model_a": TEXT, "model_b": TEXT, "winner": TEXT, "rater": TEXT, "turn": WHOLE,
        "inclusion_probability": NUMBER,
    },
}  # fmt: skip
TITLES: Final = {
    "questions": "the questions, with their references",
    "answers": "every answer, failed ones included",
    "judgments": "every judgment, unscored ones and attempts that were repeated included; `answers` are ids in the order shown",
    "results": "one row per comparison or score, positions undone: what statistics are made of",
    "votes": "verdicts of people over the same answers",
}
LICENCE_ID: Final = re.compile(r"[a-z0-9][a-z0-9.+-]*")
UNKNOWN: Final = "unknown"


def write(taken: Taken, path: Path) -> int:
    """Write the folder; returns the number of rows.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow; install it with: pip install 'evalh[parquet]'") from None
    rows = {
        "questions": map(_question, taken.folder.checked(Question)),
        "answers": map(_record, taken.folder.checked(Answer)),
        "judgments": (_judgment(j) for j in taken.folder.checked(Judgment) if taken.choice.judge in (None, j["judge"])),
    }
    counts: dict[str, tuple[int, int]] = {}
    for name, given in rows.items():
        counts[name] = _written(path, name, (pyarrow.Table.from_pylist(b, _schema(name)) for b in _batches(given)))
    counts["results"] = _written(path, "results", _results(taken))
    votes = taken.folder.votes()
    if votes:
        kept = [{key: vote[key] for key in FEATURES["votes"]} for vote in votes]
        counts["votes"] = _written(path, "votes", [pyarrow.Table.from_pylist(kept, _schema("votes"))])
    (path / "README.md").write_text(_card(taken, counts), encoding="utf-8", newline="\n")
    return sum(n for n, _ in counts.values())


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    held: list[Row] = []
    for row in rows:
        held.append(row)
        if len(held) == BATCH:
            yield held
            held = []
    yield held


def _question(q: Row) -> Row:
    return {**q, "metadata": json.dumps(q["metadata"], ensure_ascii=False)}


def _record(record: Row) -> Row:
    """What answers and judgments share: usage and failure as columns."""
    usage, failure = record.pop("usage") or {}, record.pop("failure") or {}
    if "params" in record:
        record["params"] = json.dumps(record["params"], ensure_ascii=False)
    tokens = {name: usage.get(name) for name in ("input_tokens", "output_tokens")}
    return record | tokens | {f"failure_{name}": failure.get(name) for name in ("kind", "message")}


def _judgment(j: Row) -> Row:
    return _record(j) | {"scores": [{"aspect": aspect, "values": values} for aspect, values in j["scores"].items()]}


def _results(taken: Taken) -> Iterator[pa.Table]:
    """The results frame, some thousand rows at a time."""
    import pyarrow

    results = collect(taken.folder)
    if taken.choice.judge is not None:
        results = results.take(np.flatnonzero(results.judge.where(taken.choice.judge)))
    schema = _schema("results")
    step = 50 * BATCH
    for start in range(0, max(len(results), 1), step):
        part = results.take(np.arange(start, min(start + step, len(results))))
        columns = []
        for name in COLUMNS:
            values = getattr(part, name)
            values = values.values() if hasattr(values, "values") else values
            missing = np.isnan(values) if name in NUMBERS else None
            columns.append(pyarrow.array(values, schema.field(name).type, mask=missing))
        yield pyarrow.Table.from_arrays(columns, schema=schema)


def _written(path: Path, name: str, tables: Any) -> tuple[int, int]:
    """(rows, bytes) of a configuration's file."""
    from pyarrow import parquet

    file = path / name / "test-00000-of-00001.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with parquet.ParquetWriter(file, _schema(name)) as writer:
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
    return rows, file.stat().st_size


def _schema(name: str) -> pa.Schema:
    import pyarrow

    return pyarrow.schema([(column, _arrow(kind)) for column, kind in FEATURES[name].items()])


def _arrow(kind: Kind) -> pa.DataType:
    import pyarrow

    if isinstance(kind, list):
        return pyarrow.list_(_arrow(kind[0]))
    if isinstance(kind, dict):
        return pyarrow.struct([(name, _arrow(inner)) for name, inner in kind.items()])
    return {TEXT: pyarrow.string(), WHOLE: pyarrow.int64(), NUMBER: pyarrow.float64(), "bool": pyarrow.bool_()}[kind]


# -- the card --------------------------------------------------------------------------------------------------------------


def _feature(kind: Kind, indent: str) -> list[str]:
    """A column's type as the card's header has it."""
    if isinstance(kind, list):
        inner = kind[0]
        if isinstance(inner, str):
            return [f"{indent}list: {inner}"]
        return [f"{indent}list:", *_fields(inner, indent)]
    if isinstance(kind, dict):
        return [f"{indent}struct:", *_fields(kind, indent)]
    return [f"{indent}dtype: {kind}"]


def _fields(fields: Mapping[str, Kind], indent: str) -> list[str]:
    found = []
    for name, kind in fields.items():
        found += [f"{indent}- name: {name}", *_feature(kind, indent + "  ")]
    return found


def _card(taken: Taken, counts: Mapping[str, tuple[int, int]]) -> str:
    licence = taken.choice.licence.strip().lower() or UNKNOWN
    known = LICENCE_ID.fullmatch(licence) is not None
    head = ["---", f"license: {licence if known else 'other'}"]
    head += [] if known else [f"license_name: {json.dumps(taken.choice.licence.strip())}"]
    head += [f"pretty_name: {json.dumps(line(str(taken.manifest['name'])))}", "tags:", "- evalh", "- llm-as-a-judge"]
    head += [f"size_categories:\n- {_size(sum(n for n, _ in counts.values()))}", "configs:"]
    for name in counts:
        head += [f"- config_name: {name}", "  data_files:", "  - split: test", f"    path: {name}/test-*"]
        head += ["  default: true"] if name == "results" else []
    head.append("dataset_info:")
    for name, (rows, size) in counts.items():
        head += [f"- config_name: {name}", "  features:", *_fields(FEATURES[name], "  ")]
        head += ["  splits:", "  - name: test", f"    num_bytes: {size}", f"    num_examples: {rows}"]
        head += [f"  download_size: {size}", f"  dataset_size: {size}"]
    return "\n".join([*head, "---", "", *_body(taken, counts)]) + "\n"


def _size(rows: int) -> str:
    """The class of size that the hub knows."""
    marks = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((words for most, words in marks if rows < most), "1M<n<10M")


def _body(taken: Taken, counts: Mapping[str, tuple[int, int]]) -> list[str]:
    m = taken.manifest

    def shown(name: object) -> str:
        return f"`{line(str(name)).replace('`', chr(39))}`"

    judges = [taken.choice.judge] if taken.choice.judge is not None else list(m["judges"])
    lines = [f"# {shown(m['name'])}", "", f"An evaluation of language models by judges, written by evalh {__version__}.", ""]
    lines += [f"- models: {', '.join(map(shown, m['models'])) or 'none'}"]
    lines += [f"- judges: {', '.join(map(shown, judges)) or 'none'}"]
    lines += [f"  - {shown(j)}: {shown(m['judges'][j]['note'])}" for j in judges if m["judges"][j].get("note")]
    lines += [f"- questions: {shown((m.get('questions') or {}).get('set') or 'unnamed')}"]
    lines += [f"- begun {m['started_at']}, finished {m['finished_at'] or 'not yet: the run is not complete'}"]
    unscored = m["counts"].get("judgments_unscored")
    lines += [f"- unscored judgments in the run: {unscored} of {m['counts'].get('judgments')}"] if unscored is not None else []
    lines += ["", "| configuration | rows | what |", "|---|---:|---|"]
    lines += [f"| `{name}` | {rows} | {TITLES[name]} |" for name, (rows, _) in counts.items()]
    lines += ["", "```python", "from datasets import load_dataset", ""]
    lines += ['results = load_dataset("path/of/this/folder", "results", split="test")', "```", ""]
    lines += ["Fields are those of evalh's records. A judgment counts only where its `status` is `scored`; an unscored one is"]
    lines += ["neither a tie nor a zero. `metadata` and `params` are JSON texts. Licences of the questions and of the models'"]
    lines += ["outputs are their owners' and may differ from that of this collection."]
    return lines
