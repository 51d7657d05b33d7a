"""FastChat's judge prompts -> a judge of ours.

Two files, told apart by their fields:

    judge_prompts.jsonl   MT-bench, eight: {"name", "type", "system_prompt", "prompt_template", "category", "output_format"};
                          the templates are filled by `str.format` with question, answer, answer_a, answer_b, ref_answer_1 and
                          their numbered forms
    prompt.jsonl          Vicuna, March 2023, three: {"prompt_id", "system_prompt", "prompt_template", "defaults", "category"};
                          reviewer.jsonl beside it holds temperature and max_tokens

The judge's messages are the system prompt and the filled template, as FastChat sends them to OpenAI's models.

Source: lm-sys/FastChat, fastchat/llm_judge/common.py and gen_judgment.py; fastchat/eval, March 2023.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalh.core.ids import file_sha256
from evalh.errors import BadImport
from evalh.importers.judge_prompts import JudgeDraft, Piece, VariantDraft, format_pieces, json_lines, names_of, our_text

ASKED: Final[tuple[str, ...]] = (
    "single-v1",
    "single-math-v1",
    "single-v1-multi-turn",
    "single-math-v1-multi-turn",
    "pair-v2",
    "pair-math-v1",
    "pair-v2-multi-turn",
    "pair-math-v1-multi-turn",
)
"""The prompts that FastChat asks with; others in the file are never used by it."""
WITH_REFERENCE: Final = ("math", "reasoning", "coding", "arena-hard-200")
"""The categories whose answers are compared with a reference."""
CITATION: Final = "Zheng et al. (2023), Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, arXiv:2306.05685"
RATING: Final = {"kind": "rating", "low": 1, "high": 10, "decimals": 2}
TWO: Final = {"kind": "two-scores", "low": 1, "high": 10, "decimals": 2}
READ: Final = {("single", "[[rating]]"): "absolute", ("pairwise", "[[A]]"): "pairwise"}
OUTSIDE_OPENAI: Final = (
    "For Anthropic's models FastChat moves the system prompt into the user's text and allows 1024 tokens; this judge does not."
)


def read(file: Path) -> JudgeDraft:
    """Read either file.

    Raises:
        BadImport: neither of the two, or a prompt that cannot be taken over; names file and line.
    """
    found = json_lines(file)
    if found and all("prompt_id" in row for _, row in found):
        beside = file.with_name("reviewer.jsonl")
        reviewers = [row for _, row in json_lines(beside)] if beside.is_file() else []
        return reviews(found, reviewers, f"{file.name}, sha256 {file_sha256(file)}")
    if found and all("name" in row for _, row in found):
        return mt_bench(found, f"{file.name}, sha256 {file_sha256(file)}")
    raise BadImport(
        f"{file}: neither judge_prompts.jsonl (lines with a name) nor prompt.jsonl of 2023 (lines with a prompt_id)"
    )


def mt_bench(found: Sequence[tuple[str, Mapping[str, Any]]], source: str) -> JudgeDraft:
    """The lines of judge_prompts.jsonl, each with the place it stands at -> a judge. Pure. Raises BadImport."""
    by_name = {_text(row, "name", where): (where, row) for where, row in found}
    chosen = [name for name in ASKED if name in by_name] or list(by_name)
    left = [f"Left out: {name}, which FastChat never asks with." for name in by_name if name not in chosen]
    variants = []
    for name in chosen:
        where, row = by_name[name]
        kind = (_text(row, "type", where), _text(row, "output_format", where))
        if kind in READ:
            variants.append(_variant(name, READ[kind], row, where))
        else:
            left.append(f"Left out: {name}: no reader for {kind[0]} replies of the form {kind[1]}.")
    if not variants:
        raise BadImport(f"{found[0][0]}: none of these prompts can be taken over. {' '.join(left)}")
    if any(v.reference for v in variants):
        left.append("FastChat stops where a math, reasoning or coding question has no reference; this judge asks without one.")
    return JudgeDraft(
        "fastchat",
        "FastChat's own judge prompts (MT-bench)",
        f"imported from {source}; {CITATION}",
        tuple(variants),
        "gpt-4",
        {"temperature": 0, "max_tokens": 2048},
        (*left, OUTSIDE_OPENAI),
    )


def _variant(name: str, mode: str, row: Mapping[str, Any], where: str) -> VariantDraft:
    pieces = format_pieces(_text(row, "prompt_template", where), where)
    fields = names_of(pieces)
    turns = max([1, *(int(field[-1]) for field in fields if re.fullmatch(r"(?:question|answer(?:_[ab])?)_[1-9]", field))])
    reference = any(field.startswith("ref_answer") for field in fields)
    absolute = mode == "absolute"
    return VariantDraft(
        _safe(name),
        mode,
        our_text([(_text(row, "system_prompt", where), None)], {}, where),
        our_text(pieces, _ours(turns), where),
        RATING if absolute else "three-way",
        "bracket-rating" if absolute else "bracket-verdict",
        turns,
        reference,
        WITH_REFERENCE if reference or row.get("category") == "math" else (),
        1 if absolute else 2,
    )


def _ours(turns: int) -> dict[str, str]:
    """FastChat's field names -> ours. Its reference of a single turn is numbered all the same."""
    names = {name: name for name in ("question", "answer", "answer_a", "answer_b")}
    for turn in range(1, turns + 1):
        names |= {f"{name}_{turn}": f"{name}_{turn}" for name in tuple(names) if not name[-1].isdigit() and "ref" not in name}
        names[f"ref_answer_{turn}"] = f"reference_{turn}"
    return names


def reviews(found: Sequence[tuple[str, Mapping[str, Any]]], reviewers: Sequence[Mapping[str, Any]], source: str) -> JudgeDraft:
    """The lines of prompt.jsonl and reviewer.jsonl of March 2023 -> a judge with two scores in one reply. Pure.

    Raises:
        BadImport: a prompt that cannot be taken over.
    """
    settings: dict[Any, Mapping[str, Any]] = {r.get("prompt_id"): r["metadata"] for r in reviewers if _has_params(r)}
    left = ["FastChat asked up to five times where the request failed; an unreadable review was repaired by hand."]
    if not settings:
        left.append("There is no reviewer.jsonl beside the file: temperature 0.2 and 1024 tokens, as published, are assumed.")
    variants = []
    for where, row in found:
        category = _text(row, "category", where)
        defaults = row.get("defaults", {})
        if not isinstance(defaults, dict):
            raise BadImport(f"{where}: defaults must be an object")
        inner = [(literal, name) for literal, name in format_pieces(_text(row, "prompt_template", where), where)]
        pieces: list[Piece] = []
        for literal, name in inner:
            # A default is put in as it is: braces within it are text.
            pieces += [(literal, None), (str(defaults[name]), None)] if name in defaults else [(literal, name)]
        variants.append(
            VariantDraft(
                _safe(category),
                "two-score",
                our_text([(_text(row, "system_prompt", where), None)], {}, where),
                our_text(pieces, {"question": "question", "answer_1": "answer_a", "answer_2": "answer_b"}, where),
                TWO,
                "score-tuple" if category == "math" else "two-scores-first-line",
                categories=() if category == "general" else (category,),
                params=dict(settings.get(row.get("prompt_id"), {"temperature": 0.2, "max_tokens": 1024})),
            )
        )
    return JudgeDraft(
        "fastchat-2023",
        "FastChat's own review prompts of March 2023",
        f"imported from {source}; The Vicuna Team (30 March 2023), Vicuna: An Open-Source Chatbot Impressing GPT-4",
        tuple(variants),
        "gpt-4",
        left_out=tuple(left),
    )


def _has_params(reviewer: Mapping[str, Any]) -> bool:
    return isinstance(reviewer.get("metadata"), dict) and bool(reviewer["metadata"])


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise BadImport(f"{where}: lacks {key}, a text")
    return value


def _safe(name: str) -> str:
    """A name that a table and a file may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "prompt"
