"""Families of models: said, known, published, or not known; never guessed."""

from __future__ import annotations

import pytest

from evalh.core.families import family_of, published
from evalh.core.models import catalog


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4", "gpt"),
        ("GPT-4/Vanilla", "gpt"),
        ("gpt-4o-2024-08-06", "gpt"),
        ("gpt4_1106_preview", "gpt"),
        ("ft:gpt-3.5-turbo:org::id", "gpt"),
        ("text_davinci_003", "gpt"),
        ("weighted_alpaca_eval_gpt4_turbo", "gpt"),
        ("claude-v1", "claude"),
        ("vicuna-13b-v1.2", "llama"),
        ("lmsys/vicuna-13b-v1.5", "llama"),
        ("meta-llama/Llama-2-13b-chat-hf", "llama"),
        ("llama3:8b", "llama"),
        ("alpaca-13b", "llama"),
        ("alpaca_eval_gpt4_turbo_fn", "gpt"),
        ("alpaca_eval_clf", None),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("prometheus-eval/prometheus-7b-v2.0", "mistral"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama"),
        ("gemini-1.5-pro", "gemini"),
        ("gemmatic", None),
        ("human", None),
        ("careful", None),
        ("", None),
    ],
)
def test_published_names(name: str, family: str | None) -> None:
    """A name that publishers gave tells the family; any other tells nothing."""
    assert published(name) == family


def test_what_a_run_says_comes_first() -> None:
    """`metadata.family`, then the model that was asked; the label only where no model is stored."""
    asked = {"provider": "openai", "model": "gpt-4o", "metadata": {}}
    assert family_of("gpt-4", {**asked, "metadata": {"family": "Mine"}}) == "mine"
    assert family_of("llama", asked) == "gpt"
    assert family_of("gpt-4", {"provider": "openai", "model": "my-own"}) is None
    assert family_of("gpt-4", {"provider": "file", "model": "claude.jsonl"}) == "gpt"
    assert family_of("koala", None) == "llama"


def test_the_catalogue_and_the_published_names_agree() -> None:
    """Every served model of the catalogue has a family, and its names do not say otherwise."""
    for name, entry in catalog().items():
        if entry["provider"] != "file":
            assert entry["family"] == published(name)
            assert family_of(name, entry) == entry["family"]
