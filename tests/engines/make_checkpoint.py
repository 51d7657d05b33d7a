"""A tiny Llama checkpoint that has learnt one rule (see rule.py), with a tokenizer of its own, for `transformers serve`.

Run by an environment that has torch and transformers:  python make_checkpoint.py OUT [--closing FILE] [--steps N]

The last line says how many of 200 prompts that it never saw it judges as the rule does; fewer than all is an error.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import torch
from rule import filled
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

OPEN, CLOSE, PAD = "<|im_start|>", "<|im_end|>", "<pad>"
TEMPLATE = (
    "{%- for m in messages -%}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)
IGNORE = -100


def tokenizer(closing: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE, learnt from prompts of the rule, so that their words are single tokens."""
    source = random.Random(1)
    texts = [" ".join(filled(source, closing)) for _ in range(400)]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [PAD, OPEN, CLOSE]
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=special, show_progress=False)
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=CLOSE, additional_special_tokens=[OPEN], padding_side="left"
    )
    made.chat_template = TEMPLATE
    made.model_max_length = 2048
    return made


def asked(words: PreTrainedTokenizerFast, prompt: str) -> list[int]:
    """The tokens of a prompt, up to where the reply begins."""
    chat = [{"role": "user", "content": prompt}]
    return list(words.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"])


def batch(words: PreTrainedTokenizerFast, source: random.Random, closing: str, size: int) -> dict[str, torch.Tensor]:
    """Padded examples of which only the verdict counts; every other one has the closing words."""
    rows = []
    for place in range(size):
        prompt, verdict = filled(source, closing if place % 2 else "")
        said = words(verdict + CLOSE, add_special_tokens=False)["input_ids"]
        rows.append((asked(words, prompt), said))
    longest = max(len(prompt) + len(said) for prompt, said in rows)
    tokens = torch.full((size, longest), words.pad_token_id)
    targets = torch.full((size, longest), IGNORE)
    seen = torch.zeros((size, longest), dtype=torch.long)
    for row, (prompt, said) in enumerate(rows):
        end = len(prompt) + len(said)
        tokens[row, :end] = torch.tensor(prompt + said)
        targets[row, len(prompt) : end] = torch.tensor(said)
        seen[row, :end] = 1
    return {"input_ids": tokens, "labels": targets, "attention_mask": seen}


def model(words: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Two layers, untaught."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            eos_token_id=words.eos_token_id,
            bos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
            initializer_range=0.05,
        )
    )


def right(made: LlamaForCausalLM, words: PreTrainedTokenizerFast, closing: str, count: int) -> int:
    """How many fresh prompts, half of them with the closing words, are judged to the letter as the rule says."""
    source = random.Random(99)
    found = 0
    for place in range(count):
        prompt, verdict = filled(source, closing if place % 2 else "")
        given = torch.tensor([asked(words, prompt)])
        reply = made.generate(input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=12, do_sample=False)
        found += words.decode(reply[0, given.shape[1] :], skip_special_tokens=True) == verdict
    return found


def main() -> None:
    """Teach and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--closing", type=Path)
    parser.add_argument("--steps", type=int, default=700)
    given = parser.parse_args()
    closing = given.closing.read_text("utf-8") if given.closing else ""
    torch.manual_seed(0)
    source = random.Random(0)
    words = tokenizer(closing)
    made = model(words)
    learning = torch.optim.AdamW(made.parameters(), lr=2e-3)
    slower = torch.optim.lr_scheduler.LinearLR(learning, 1.0, 0.01, given.steps)
    made.train()
    for step in range(given.steps):
        loss = made(**batch(words, source, closing, 32)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        learning.step()
        slower.step()
        learning.zero_grad()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    made.eval()
    count = right(made, words, closing, 200)
    print(f"after {given.steps} steps: {count} of 200 fresh prompts as the rule says")
    if count < 200:
        sys.exit(1)
    made.save_pretrained(given.out)
    words.save_pretrained(given.out)


if __name__ == "__main__":
    main()
