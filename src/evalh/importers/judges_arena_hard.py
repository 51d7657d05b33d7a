"""An Arena-Hard judge configuration -> a judge of ours. Two forms:

    config/arena-hard-v*.yaml   "prompt_template" with {QUESTION}, {ANSWER_A}, {ANSWER_B} (and {REFERENCE}); the system prompts,
                                one for each category, are constants in utils/judge_utils.py of the same checkout
    config/judge_config.yaml    before 2025: "system_prompt", and "prompt_template", a list of one text with {question_1},
                                {answer_1}, {answer_2} (and {ref_answer_1}); "pairwise: False" asks for a rating

The Python file is read as syntax and never run. Both are filled by `str.format`.

Source: lmarena/arena-hard-auto, gen_judgment.py and utils/judge_utils.py.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalh.core.ids import file_sha256
from evalh.errors import BadImport
from evalh.importers.arena_hard import STRONG_WEIGHT
from evalh.importers.judge_prompts import JudgeDraft, VariantDraft, format_pieces, names_of, our_text
from evalh.importers.judges_fastchat import RATING
from evalh.importers.yaml_file import read_yaml

SETTINGS: Final = "utils/judge_utils.py"
OURS: Final = {"QUESTION": "question", "ANSWER_A": "answer_a", "ANSWER_B": "answer_b", "REFERENCE": "reference"}
OURS_BEFORE: Final = {"question_1": "question", "answer_1": "answer_a", "answer_2": "answer_b", "ref_answer_1": "reference"}
OURS_SINGLE: Final = {"question_1": "question", "answer_1": "answer", "ref_answer_1": "reference"}
PATTERNS: Final = [r"\[\[([AB<>=]+)\]\]", r"\[([AB<>=]+)\]"]
RATING_PATTERNS: Final = (r"\[\[(\d+\.?\d*)\]\]", r"\[\[(\d+)\]\]")
CITATION: Final = (
    "Li et al. (2024), From Crowdsourced Data to High-Quality Benchmarks: Arena-Hard and BenchBuilder, arXiv:2406.11939"
)


def read(file: Path, settings: Path | None = None) -> JudgeDraft:
    """Read a configuration, and for the present form the system prompts beside it.

    Args:
        settings: the file that holds the system prompts; that of the same checkout by default.

    Raises:
        BadImport: not such a configuration, or one that cannot be taken over; names the file.
        MissingExtra: PyYAML is not installed.
    """
    config = read_yaml(file)
    source = f"{file.name} sha256 {file_sha256(file)}"
    if isinstance(config.get("system_prompt"), str):
        return convert(config, {"": config["system_prompt"]}, source, str(file))
    beside = settings or file.parent.parent / SETTINGS
    if not beside.is_file():
        raise BadImport(
            f"{file}: has no system_prompt, and {SETTINGS}, where Arena-Hard keeps them, is not at {beside}; use --settings"
        )
    return convert(config, system_prompts(beside), f"{source}, {beside.name} sha256 {file_sha256(beside)}", str(file))


def system_prompts(file: Path) -> dict[str, str]:
    """Category -> system prompt, from the constants of Arena-Hard's judge_utils.py. Nothing of it is run.

    Raises:
        BadImport: the file cannot be read, or JUDGE_SETTINGS is not a table of constants.
    """
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise BadImport(f"{file}: cannot be read as Python ({error})") from None
    constants: dict[str, ast.expr] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
            constants[statement.targets[0].id] = statement.value
    try:
        table = _constant(constants["JUDGE_SETTINGS"], constants)
        found = {category: entry["system_prompt"] for category, entry in table.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        found = {}
    if not found or not all(isinstance(text, str) for text in found.values()):
        raise BadImport(f"{file}: JUDGE_SETTINGS is not a table of categories, each with a system_prompt")
    return found


def _constant(node: ast.expr, constants: Mapping[str, ast.expr]) -> Any:
    """The value of a literal in which names stand for other literals of the file."""
    if isinstance(node, ast.Name):
        return _constant(constants[node.id], {name: value for name, value in constants.items() if name != node.id})
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): _constant(value, constants) for key, value in pairs if key is not None}
    return ast.literal_eval(node)


def convert(config: Mapping[str, Any], systems: Mapping[str, str], source: str, where: str) -> JudgeDraft:
    """A configuration and the system prompts by category ("" for any) -> a judge. Pure.

    The system prompt that most categories share also serves categories that Arena-Hard does not know.

    Raises:
        BadImport: several templates or references, or a field that we have none for.
    """
    pairwise = config.get("pairwise", True) is not False
    template, before = _template(config, where)
    pieces = format_pieces(template, where)
    reference = any(name in ("REFERENCE", "ref_answer_1") for name in names_of(pieces))
    user = our_text(pieces, OURS_BEFORE if before and pairwise else OURS_SINGLE if before else OURS, where)
    by_text: dict[str, list[str]] = {}
    for category, text in systems.items():
        by_text.setdefault(text, []).append(category)
    most = max(by_text, key=lambda text: len(by_text[text]))
    name = str(config.get("bench_name") or "arena-hard")
    variants = [
        VariantDraft(
            ("pair" if pairwise else "single") + ("" if text == most else "-" + categories[0].replace("_", "-")),
            "pairwise" if pairwise else "absolute",
            our_text([(text, None)], {}, where),
            user,
            "five-step" if pairwise else RATING,
            "bracket-five-step" if pairwise else "bracket-rating",
            reference=reference,
            categories=() if text == most else tuple(categories),
            orders=2 if pairwise else 1,
        )
        for text, categories in by_text.items()
    ]
    return JudgeDraft(
        name,
        f"Arena-Hard's own judge prompt ({name})",
        f"imported from {source}; {CITATION}",
        tuple(variants),
        f"openai:{config['judge_model']}" if config.get("judge_model") else "",
        {key: config[key] for key in ("temperature", "max_tokens") if config.get(key) is not None},
        _left_out(config, pairwise, systems),
        STRONG_WEIGHT if pairwise else 1,
    )


def _template(config: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """(the template of the user's message, whether the configuration is of the form before 2025)."""
    template = config.get("prompt_template")
    if isinstance(template, list) and len(template) == 1 and isinstance(template[0], str):
        return template[0], True
    if isinstance(template, str):
        return template, False
    raise BadImport(f"{where}: prompt_template must be a text, or a list of one text; evalh's judges send one user message")


def _left_out(config: Mapping[str, Any], pairwise: bool, systems: Mapping[str, str]) -> tuple[str, ...]:
    left = []
    if pairwise:
        left.append(
            "Which model is the baseline is not part of a judge: use --pairs baseline:MODEL; it is answer A in the first order."
        )
    if int(config.get("number_of_judgment_attempts") or 1) > 1:
        left.append("A reply without a label is there asked to go on; this judge leaves it unscored.")
    pattern = config.get("regex_pattern")
    patterns = config.get("regex_patterns")
    if pairwise and pattern == PATTERNS[0]:
        left.append("Replies with labels that differ were unscored there; read as published, the last one counts here.")
    elif (patterns is not None and patterns != PATTERNS) or (pattern is not None and pattern not in RATING_PATTERNS):
        left.append(f"Replies are read by evalh's own reader, not by the pattern {pattern or patterns}.")
    if len(systems) > 1:
        left.append(
            "Categories that Arena-Hard does not know are asked with the system prompt that most of its categories share."
        )
    return tuple(left)
