"""AlpacaEval's weights files, and its length-controlled win rates of imported runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalh.errors import BadImport
from evalh.published.alpaca_lengths import read_weights, write_weights
from evalh.stats.length_control_alpaca import GlmWeights

HEAD = ",np.tanh(std_delta_len),instruction_difficulty,not_gamed_baseline.astype(float)"


def test_weights_go_out_and_come_back(tmp_path: Path) -> None:
    """A written file reads back as the same numbers, to AlpacaEval's sixteen decimals, whatever models are called."""
    weights = {"gpt": GlmWeights(-1.8104339545938817, 0.8304070732099538, -1.25), 'a, "b"': GlmWeights(0.0, 1e-16, 3.5)}
    path = tmp_path / "weights.csv"
    write_weights(path, weights)
    assert read_weights(path) == weights
    assert path.read_text("utf-8").splitlines()[:2] == [
        HEAD,
        "gpt,-1.8104339545938817,0.8304070732099538,-1.2500000000000000",
    ]


def test_the_last_row_of_a_model_counts(tmp_path: Path) -> None:
    """A model that was fitted again stands there twice; the later row is its own."""
    path = tmp_path / "weights.csv"
    path.write_text(f"{HEAD}\na,1,2,3\nb,0,0,0\na,4,5,6\n", "utf-8")
    assert read_weights(path)["a"] == GlmWeights(4.0, 5.0, 6.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",x\na,1\n", "no column np.tanh"),
        (f"{HEAD}\na,1,two,3\n", "line 2: three numbers"),
        (f"{HEAD}\na,1\n", "line 2"),
        ("", "no column"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """What is not such a file is named, with its line."""
    path = tmp_path / "weights.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadImport, match=said):
        read_weights(path)
