"""AlpacaEval's own evaluators as judges of ours. The files here have the original's shape and our own words."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalh.core.records import Answer, JudgeTask, Question
from evalh.errors import BadImport, MissingExtra
from evalh.importers import judges_alpaca_eval
from evalh.importers.judge_prompts import JudgeDraft, write
from evalh.judges.prompted import PromptedJudge

CHAT = (
    "<|im_start|>system\nYou compare texts.  \n<|im_end|>\n<|im_start|>user\n\n"
    'Task:\n{\n    "instruction": """{instruction}""",\n}\n\n{\n  "m": """{output_1}""",\n  "M": """{output_2}"""\n}\n\n'
    "Best:\n<|im_end|>\n"
)
WEIGHTED: dict[str, Any] = {
    "prompt_template": "shared/best.txt",
    "fn_completions": "openai_completions",
    "completions_kwargs": {
        "model_name": "gpt-4-1106-preview",
        "max_tokens": 1,
        "temperature": 1,
        "logprobs": True,
        "top_logprobs": 5,
    },
    "fn_completion_parser": "logprob_parser",
    "completion_parser_kwargs": {"numerator_token": "m", "denominator_tokens": ["m", "M"], "is_binarize": False},
    "completion_key": "completions_all",
    "batch_size": 1,
}


def evaluator(root: Path, settings: dict[str, Any], prompt: bytes = CHAT.encode(), name: str = "ours") -> Path:
    """A folder as it lies in evaluators_configs, its prompt in another evaluator's folder."""
    folder = root / "evaluators_configs" / name
    for each in (folder, folder.parent / "shared"):
        each.mkdir(parents=True, exist_ok=True)
    (folder / "configs.yaml").write_text(yaml.safe_dump({name: settings}), "utf-8")
    (folder.parent / "shared" / "best.txt").write_bytes(prompt)
    return folder


def read(root: Path, **changes: Any) -> JudgeDraft:
    settings = {key: value for key, value in {**WEIGHTED, **changes}.items() if value is not None}
    return judges_alpaca_eval.read(evaluator(root, settings))


def test_the_messages_are_those_that_alpaca_eval_makes(tmp_path: Path) -> None:
    """Each message is stripped, the rest stays to the byte; what an answer holds is not filled again."""
    draft = judges_alpaca_eval.read(evaluator(tmp_path, WEIGHTED))
    judge = PromptedJudge(write(draft, tmp_path / "judge"))
    shown = tuple(Answer(str(i), "q", "m", {}, 0, (text,)) for i, text in enumerate(("  a {output_2}\r\n", '"""}')))
    (request,) = judge.requests(JudgeTask(Question("q", "any", ("Say {m} ",)), shown, "pairwise"))
    assert [dict(m) for m in request.messages] == [
        {"role": "system", "content": "You compare texts."},
        {
            "role": "user",
            "content": 'Task:\n{\n    "instruction": """Say {m} """,\n}\n\n{\n  "m": """  a {output_2}\r\n""",\n'
            '  "M": """"""}"""\n}\n\nBest:',
        },
    ]
    assert request.params == {"temperature": 1, "top_p": 1.0, "max_tokens": 1, "logprobs": True, "top_logprobs": 5}
    variant = judge.spec.variants["pair"]
    assert (variant.reader, variant.scale.tokens, variant.orders) == ("token-preference", ("m", "M"), 2)
    assert (judge.model, judge.name, judge.attempts) == ("openai:gpt-4-1106-preview", "judge", 1)


def test_line_ends_are_those_that_python_reads(tmp_path: Path) -> None:
    """A prompt file with Windows line ends gives the prompt that AlpacaEval reads from it."""
    plain = judges_alpaca_eval.read(evaluator(tmp_path / "a", WEIGHTED)).variants
    windows = judges_alpaca_eval.read(evaluator(tmp_path / "b", WEIGHTED, CHAT.replace("\n", "\r\n").encode())).variants
    assert windows == plain


RANKS: dict[str, Any] = {"fn_completion_parser": "ranking_parser", "completion_parser_kwargs": None}
READERS: list[tuple[dict[str, Any], tuple[str, str, int]]] = [
    (RANKS, ("rank-list", "pairwise", 2)),
    ({**RANKS, "completion_parser_kwargs": {"model_1_name": "m"}}, ("rank-list", "pairwise", 2)),
    (
        {
            "fn_completion_parser": "pipeline_meta_parser",
            "completion_parser_kwargs": {"parsers_to_kwargs": {"json_parser": {"annotation_key": "x"}, "ranking_parser": {}}},
        },
        ("rank-list", "pairwise", 2),
    ),
    (
        {"fn_completion_parser": "lmsys_parser", "completion_parser_kwargs": None, "is_randomize_output_order": False},
        ("two-scores-first-line", "two-score", 1),
    ),
    (
        {"completion_parser_kwargs": {"numerator_token": "M", "denominator_tokens": ["m", "M"], "log_prob_index": -1}},
        ("token-preference-last", "pairwise", 2),
    ),
    (
        {
            "fn_completion_parser": None,
            "completion_parser_kwargs": {"outputs_to_match": {1: r"(?:^|\n) ?Output \(a\)", 2: r"(?:^|\n) ?Output \(b\)"}},
        },
        ("output-choice", "pairwise", 2),
    ),
]


@pytest.mark.parametrize(("changes", "expected"), READERS)
def test_the_reader_follows_from_the_parser(tmp_path: Path, changes: dict[str, Any], expected: tuple[str, str, int]) -> None:
    """Each of AlpacaEval's ways to read a reply has a reader of ours, and the folder that comes out is a judge."""
    draft = read(tmp_path, **changes)
    (variant,) = write(draft, tmp_path / "judge").variants.values()
    assert (variant.reader, variant.mode, variant.orders) == expected
    assert ("drawn" in " ".join(draft.left_out) or "draws the order" in " ".join(draft.left_out)) == (expected[2] == 2)


def test_what_differs_from_the_original_is_said(tmp_path: Path) -> None:
    """A rounded preference, another provider and favoured tokens are named."""
    kwargs = {"model_name": "m", "temperature": 0.5, "max_new_tokens": 9, "tokens_to_favor": ["x"]}
    binary = {"numerator_token": "m", "denominator_tokens": ["m", "M"]}
    draft = read(tmp_path, fn_completions="vllm_local", completions_kwargs=kwargs, completion_parser_kwargs=binary)
    said = " ".join(draft.left_out)
    assert all(each in said for each in ("rounds", "vllm_local", "tokens_to_favor"))
    assert (draft.model, dict(draft.params)) == ("", {"temperature": 0.5})


WRONG: list[tuple[dict[str, Any], bytes, str]] = [
    ({"batch_size": 5}, CHAT.encode(), "batch_size 5"),
    ({"fn_completion_parser": "eval_parser"}, CHAT.encode(), "read by eval_parser"),
    (
        {"completion_parser_kwargs": {"numerator_token": "m", "denominator_tokens": ["m"]}},
        CHAT.encode(),
        "two denominator_tokens",
    ),
    ({}, b"Compare {instruction} {output_1} {output_2}", "is not a chat"),
    ({}, CHAT.replace("{output_2}", "{output_3}").encode(), "the field {output_3}"),
    ({}, CHAT.replace("{output_2}", "{output_1}").encode(), "a field stands in it twice"),
    ({}, CHAT.replace("{output_2}", "two").encode(), "the field {answer_b} is not used"),
    ({}, CHAT.replace("system", "assistant").encode(), "has the messages assistant, user"),
    ({}, b"\xff\xfe", "is not UTF-8"),
    ({"prompt_template": "nowhere.txt"}, CHAT.encode(), "its prompt is neither at"),
    ({"prompt_template": None}, CHAT.encode(), "has no prompt_template"),
    ({"completions_kwargs": [1]}, CHAT.encode(), "completions_kwargs must be a table"),
]


@pytest.mark.parametrize(("changes", "prompt", "said"), WRONG)
def test_what_cannot_be_taken_over_is_refused(tmp_path: Path, changes: dict[str, Any], prompt: bytes, said: str) -> None:
    """The message says what it is about the evaluator, and names its file."""
    settings = {key: value for key, value in {**WEIGHTED, **changes}.items() if value is not None}
    folder = evaluator(tmp_path, settings, prompt)
    with pytest.raises(BadImport, match=re.escape(said)) as refused:
        write(judges_alpaca_eval.read(folder), tmp_path / "judge")
    assert re.search(r"configs\.yaml|best\.txt|prompts/pair", str(refused.value))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "configs.yaml:2: is not YAML"),
        ("- a", "holds no table"),
        ("a: {}\nb: {}", "holds 2 evaluators"),
        ("1: 2", "no table"),
    ],
)
def test_other_yaml_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """What is no YAML, no table or a pool of evaluators is refused with file and line."""
    (tmp_path / "configs.yaml").write_text(text + "\n", "utf-8")
    with pytest.raises(BadImport, match=re.escape(said)):
        judges_alpaca_eval.read(tmp_path)
    with pytest.raises(BadImport, match=re.escape("has no configs.yaml")):
        judges_alpaca_eval.read(tmp_path / "none")


def test_without_pyyaml_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML is an extra; its absence is exit 2 with the command, not a traceback."""
    folder = evaluator(tmp_path, WEIGHTED)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'evalh[yaml]'")):
        judges_alpaca_eval.read(folder)
