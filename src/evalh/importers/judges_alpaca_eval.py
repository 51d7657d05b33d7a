"""A folder of AlpacaEval's evaluators_configs -> a judge of ours.

    configs.yaml   {NAME: {"prompt_template": "folder/file.txt", "completions_kwargs", "fn_completion_parser", "batch_size", …}}
    *.txt          the prompt: `<|im_start|>role` … `<|im_end|>` for each message, with {instruction}, {output_1}, {output_2};
                   the path in configs.yaml is relative to evaluators_configs, so it may lie in another evaluator's folder

AlpacaEval fills the text, cuts it into messages and strips each, so a prompt here is stripped the same way.

Source: tatsu-lab/alpaca_eval, annotators/base.py, annotators/pairwise_evaluator.py, utils.py, decoders/openai.py,
completion_parsers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalh.core.ids import file_sha256
from evalh.errors import BadImport
from evalh.importers.judge_prompts import JudgeDraft, VariantDraft, names_of, our_text, replace_pieces
from evalh.importers.judges_fastchat import TWO
from evalh.importers.yaml_file import read_yaml

FILE: Final = "configs.yaml"
START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
OURS: Final = {"instruction": "question", "output_1": "answer_a", "output_2": "answer_b"}
SENT: Final = {"temperature": 0.7, "top_p": 1.0}
"""What AlpacaEval sends to OpenAI where a configuration says nothing."""
SETTINGS: Final = ("temperature", "top_p", "max_tokens")
"""What is meant the same by a function that asks somebody else than OpenAI."""
NOT_SENT: Final = ("model_name", "requires_chatml", "is_chat", "price_per_token", "num_procs", "batch_size", "client_kwargs")
CITATION: Final = "Li et al. (2023), AlpacaEval; Dubois et al. (2024), Length-Controlled AlpacaEval, arXiv:2404.04475"
ORDER: Final = "The original draws the order of the two outputs from the instruction; this judge is asked in both orders."
SAME: Final = "Two outputs that are the same are a draw there without a request; here they are judged."
IN_TEXTS: Final = f"An instruction or output that holds {END} or {{output_1}} is cut or filled there; here it stays as it is."


@dataclass(frozen=True, slots=True)
class _Read:
    """How completions are read: a reader with its mode and scale, and where it differs from the original's."""

    reader: str
    mode: str
    scale: str | Mapping[str, Any]
    differs: str = ""


def read(folder: Path) -> JudgeDraft:
    """Read an evaluator's folder, or its configs.yaml.

    Raises:
        BadImport: not such a folder, or an evaluator that cannot be taken over; names the file.
        MissingExtra: PyYAML is not installed.
    """
    file = folder / FILE if folder.is_dir() else folder
    if not file.is_file():
        raise BadImport(f"{folder}: has no {FILE}; name one of the folders in AlpacaEval's evaluators_configs")
    entries = read_yaml(file)
    if len(entries) != 1:
        raise BadImport(f"{file}: holds {len(entries)} evaluators, a pool; only an evaluator by itself can be taken over")
    ((name, settings),) = entries.items()
    if not isinstance(settings, dict) or not isinstance(settings.get("prompt_template"), str):
        raise BadImport(f"{file}: {name} has no prompt_template, the name of its prompt file")
    prompt = _prompt_file(file, settings["prompt_template"])
    try:
        text = prompt.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadImport(f"{prompt}: is not UTF-8: {error.reason} at byte {error.start}") from None
    source = f"{FILE} sha256 {file_sha256(file)}, {prompt.name} sha256 {file_sha256(prompt)}"
    # Python reads it there in text mode, which makes every line end a plain one.
    return convert(name, settings, text.replace("\r\n", "\n").replace("\r", "\n"), source, str(prompt))


def _prompt_file(file: Path, named: str) -> Path:
    places = (file.parent.parent / named, file.parent / Path(named).name)
    for place in places:
        if place.is_file():
            return place
    raise BadImport(f"{file}: its prompt is neither at {places[0]} nor at {places[1]}; put it at one of them")


def convert(name: str, settings: Mapping[str, Any], prompt: str, source: str, where: str) -> JudgeDraft:
    """An evaluator's settings and its prompt -> a judge. Pure.

    Raises:
        BadImport: it asks about several instructions at once, in a form that is not a chat, or is read in a way we do not have.
    """
    batch, kwargs = settings.get("batch_size", 1), settings.get("completions_kwargs") or {}
    if batch != 1:
        raise BadImport(f"{where}: batch_size {batch} asks about several instructions at once; evalh asks about one")
    if not isinstance(kwargs, dict):
        raise BadImport(f"{where}: completions_kwargs must be a table")
    way = _reader(settings, where)
    pieces = {role: replace_pieces(text) for role, text in _messages(prompt, where).items()}
    names = [name for each in pieces.values() for name in names_of(each)]
    if len(set(names)) < len(names):
        raise BadImport(f"{where}: a field stands in it twice, which AlpacaEval refuses too")
    texts = {role: our_text(each, OURS, where) for role, each in pieces.items()}
    openai = settings.get("fn_completions") == "openai_completions"
    drawn = bool(settings.get("is_randomize_output_order", True))
    left = [*([ORDER] if drawn else []), SAME, IN_TEXTS, *([way.differs] if way.differs else [])]
    if not openai:
        left.append(f"It is asked through {settings.get('fn_completions')} there; name a model with --judge-model.")
    biased = [key for key in kwargs if key.startswith("tokens_to_")]
    left += (
        [f"The original makes some tokens likelier or less likely ({', '.join(biased)}); this judge does not."]
        if biased
        else []
    )
    model = str(kwargs.get("model_name") or "")
    sent = {
        key: value for key, value in kwargs.items() if (key in SENT or key == "max_tokens" or openai) and key not in NOT_SENT
    }
    sent = {key: value for key, value in sent.items() if key not in biased}
    return JudgeDraft(
        name,
        f"AlpacaEval's own evaluator {name}",
        f"imported from {source}; {CITATION}",
        (VariantDraft("pair", way.mode, texts.get("system", ""), texts["user"], way.scale, way.reader, orders=1 + drawn),),
        f"openai:{model}" if openai and model else "",
        {**(SENT if openai else {}), **sent},
        tuple(left),
    )


def _messages(prompt: str, where: str) -> dict[str, str]:
    """The chat that AlpacaEval makes of a prompt: role -> text, each stripped."""
    stripped = prompt.strip()
    if not (stripped.startswith(START) and stripped.endswith(END)):
        raise BadImport(f"{where}: is not a chat between {START} and {END}; only chat prompts can be taken over")
    found = []
    for part in stripped.split(START)[1:]:
        role, _, rest = part.partition("\n")
        found.append((role.strip(), rest.split(END, 1)[0].strip()))
    roles = [role for role, _ in found]
    if roles not in (["user"], ["system", "user"]):
        raise BadImport(f"{where}: has the messages {', '.join(roles)}; evalh's judges send a system and a user message")
    return dict(found)


def _reader(settings: Mapping[str, Any], where: str) -> _Read:
    """How the completions are read: by the function named there, or where none is named by patterns."""
    parser, kwargs = settings.get("fn_completion_parser", "regex_parser"), settings.get("completion_parser_kwargs") or {}
    inner = kwargs.get("parsers_to_kwargs")
    if parser == "pipeline_meta_parser" and isinstance(inner, dict) and list(inner)[-1:] == ["ranking_parser"]:
        parser, kwargs = "ranking_parser", inner["ranking_parser"] or {}
    if parser == "lmsys_parser":
        return _Read("two-scores-first-line", "two-score", TWO)
    if parser == "ranking_parser" and kwargs.get("model_1_name", "model_1") in ("model_1", "m"):
        return _Read("rank-list", "pairwise", "two-way")
    if parser == "logprob_parser":
        return _preference(kwargs, where)
    patterns = kwargs.get("outputs_to_match")
    if (
        parser == "regex_parser"
        and isinstance(patterns, dict)
        and all(f"Output \\({letter}\\)" in str(patterns.get(key)) for key, letter in ((1, "a"), (2, "b")))
    ):
        what = "Replies are read by evalh's own reader, not by the patterns of the configuration."
        return _Read("output-choice", "pairwise", "two-way", what)
    raise BadImport(f"{where}: its completions are read by {parser} in a way that evalh has no reader for")


def _preference(kwargs: Mapping[str, Any], where: str) -> _Read:
    first, both, at = kwargs.get("numerator_token"), kwargs.get("denominator_tokens"), kwargs.get("log_prob_index", "batch")
    if not isinstance(both, list) or len(both) != 2 or first not in both or at not in ("batch", 0, -1):
        raise BadImport(
            f"{where}: a preference needs two denominator_tokens, numerator_token one of them, at the first or last token"
        )
    second = both[1] if both[0] == first else both[0]
    binary = "The original rounds the preference to a win or a loss; here it stays a probability."
    return _Read(
        "token-preference-last" if at == -1 else "token-preference",
        "pairwise",
        {"kind": "preference", "tokens": [first, second]},
        binary if kwargs.get("is_binarize", True) else "",
    )
