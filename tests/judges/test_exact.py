"""Prompt files that are taken to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalh.errors import BadJudge
from evalh.judges.exact import parse_exact, quote, write_exact
from evalh.judges.prompt import fill
from evalh.judges.spec import load_spec

TEXT = st.text(st.one_of(st.sampled_from("{}aq_ \n\r\t[]user"), st.characters()), max_size=80)


@given(TEXT, TEXT)
def test_what_is_written_is_read_back(system: str, user: str) -> None:
    """Any two parts survive the file unchanged: blanks, line ends of every kind, half a surrogate pair."""
    prompt, faults = parse_exact(write_exact(quote(system), quote(user)))
    if user:
        assert not faults
    assert (fill(prompt.system, {}), fill(prompt.user, {})) == (system, user)


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    """A file of anything at all is a prompt or a list of faults."""
    prompt, faults = parse_exact(text)
    assert faults or prompt.user is not None


def test_fields_are_found_with_their_line() -> None:
    """A list of texts is put together without anything between; a field is named with its line in the file."""
    prompt, faults = parse_exact('{\n "system": "Be {{brief}}",\n "user": ["{question}\\n",\n  "{answer}"]\n}')
    assert (faults, prompt.user, dict(prompt.fields)) == ([], "{question}\n{answer}", {"question": 3, "answer": 4})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"user": "x",\n oops}', 2, "is not JSON"),
        ("[1]", 1, "must be an object"),
        ('{"user": 5}', 1, "user must be a text"),
        ('{"user": "x", "assistant": "y"}', 1, "unknown part 'assistant'"),
        ('{"system": "x"}', 1, 'there is no "user" part'),
        ("[" * 100_000, 1, "is not JSON"),
    ],
)
def test_faults_say_what_is_wrong(text: str, line: int, said: str) -> None:
    """Each fault names a line and what was expected."""
    _, faults = parse_exact(text)
    assert faults[0][0] == line
    assert said in faults[0][1]


def test_a_folder_may_mix_both_kinds(tmp_path: Path) -> None:
    """The ending of the file's name decides; an unknown field in either is a fault with its place."""
    folder = tmp_path / "j"
    folder.mkdir()
    head = 'mode = "absolute"\nscale = "rating"\nreader = "bracket-rating"\n'
    (folder / "judge.toml").write_text(
        f'[variants.a]\nprompt = "a.md"\n{head}[variants.b]\nprompt = "b.json"\nturns = 2\n{head}', "utf-8"
    )
    (folder / "a.md").write_text("[user]\n\n{question} {answer}\n\n", "utf-8")
    (folder / "b.json").write_text('{"user": "\\n{question} {answer} \\n"}', "utf-8")
    spec = load_spec(folder)
    assert [v.prompt.user for v in spec.variants.values()] == ["{question} {answer}", "\n{question} {answer} \n"]
    (folder / "b.json").write_text('{\n"user": "{question} {answer} {mood}"}', "utf-8")
    with pytest.raises(BadJudge, match=r"b\.json:2: unknown field \{mood\}"):
        load_spec(folder)
