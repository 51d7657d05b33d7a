"""A tiny Llama with random weights as a GGUF file: half a megabyte, made in a second, for llama-server.

Run by an environment that has `gguf`:  python make_gguf.py OUT [--seed N] [--lean CHARACTERS]

The vocabulary spells: 256 byte tokens and the printable ASCII characters, so every text can be written and read. With `--lean`
the model nearly always says one of those characters next, and which one depends on the prompt: for probabilities of tokens.
`--lean text` stands for all printable characters: the server refuses a reply to a schema that is no UTF-8, with status 500.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np

SPECIAL = ["<unk>", "<s>", "</s>"]
PRINTABLE = ["\u2581", *map(chr, range(0x21, 0x7F))]
TURNS = ["<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)
WIDTH, LAYERS, HEADS, KEY_HEADS, INNER, CONTEXT = 64, 2, 4, 2, 128, 16_384
STEADY, RAISED = 12.0, 3.5


def vocabulary() -> list[tuple[str, gguf.TokenType, float]]:
    """Every token as (text, type, score)."""
    kinds = gguf.TokenType
    tokens = [(text, kinds.UNKNOWN if text == "<unk>" else kinds.CONTROL, 0.0) for text in SPECIAL]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE, 0.0) for byte in range(256)]
    tokens += [(text, kinds.NORMAL, -1.0 - rank) for rank, text in enumerate(PRINTABLE)]
    return tokens + [(text, kinds.CONTROL, 0.0) for text in TURNS]


def describe(writer: gguf.GGUFWriter, tokens: list[tuple[str, gguf.TokenType, float]]) -> None:
    """Everything in the file but the weights."""
    writer.add_name("evalh-engine-test")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text, _, _ in tokens])
    writer.add_token_types([int(kind) for _, kind, _ in tokens])
    writer.add_token_scores([score for _, _, score in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def weights(size: int, seed: int, raised: list[int]) -> dict[str, np.ndarray]:
    """Random weights by name; `raised` tokens are what the model says."""
    draw = np.random.default_rng(seed)
    narrow = WIDTH // HEADS * KEY_HEADS
    shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (narrow, WIDTH), "attn_v": (narrow, WIDTH), "attn_output": (WIDTH, WIDTH)}
    shapes |= {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
    spread = 0.15 if raised else 0.3
    found = {"token_embd.weight": draw.normal(0, 0.3, (size, WIDTH)), "output_norm.weight": np.ones(WIDTH)}
    for layer in range(LAYERS):
        found |= {f"blk.{layer}.{name}.weight": draw.normal(0, spread, shape) for name, shape in shapes.items()}
        found |= {f"blk.{layer}.{name}.weight": np.ones(WIDTH) for name in ("attn_norm", "ffn_norm")}
    output = draw.normal(0, 0.3, (size, WIDTH))
    if raised:
        # One coordinate is the same whatever was read, and only the raised tokens look at it.
        found["token_embd.weight"][:, 0] = STEADY
        output[:, 0] = 0.0
        output[raised] *= 0.5
        output[raised, 0] = RAISED
    found["output.weight"] = output
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in found.items()}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lean", default="")
    given = parser.parse_args()
    tokens = vocabulary()
    lean = PRINTABLE if given.lean == "text" else list(given.lean)
    places = {text: place for place, (text, _, _) in enumerate(tokens)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(given.out), "llama")
    describe(writer, tokens)
    for name, value in weights(len(tokens), given.seed, [places[c] for c in lean]).items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
