"""Texts from outside, made safe to look at."""

import pytest

from evalh.reports.text import LIMIT, cut, line, shorten, visible


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("\x00\x07\x7f\x9b", "⟨U+0000⟩⟨U+0007⟩⟨U+007F⟩⟨U+009B⟩"),
        ("\u202egpj.exe\u2066\u2069", "⟨U+202E⟩gpj.exe⟨U+2066⟩⟨U+2069⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\ud83d", "⟨U+D83D⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("👩‍🔬 שלום می‌خواهم", "👩‍🔬 שלום می‌خواهم"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_cannot_be_seen_is_written_out(given, shown):
    """Controls, reordering and invisible characters appear by number; joiners that scripts and emoji need stay."""
    assert visible(given) == shown
    visible(given).encode("utf-8")


def test_a_name_is_one_line():
    """Line breaks and runs of blanks become one blank."""
    assert line("a\n b\t\tc ") == "a b c"


@pytest.mark.parametrize("width", [10, 11, 40])
def test_a_long_name_keeps_both_ends(width):
    """Exactly as wide as asked, with the middle left out."""
    name = "meta-llama/" + "x" * 60 + "-chat-v2"
    shown = shorten(name, width)
    assert len(shown) == width
    assert shown.startswith("meta") or width < 5
    assert shown.endswith("v2")
    assert shorten("short", width) == "short"


def test_a_long_text_says_how_much_is_left_out():
    """Up to the limit a text is complete; beyond it the number of characters left out and the place of the rest are named."""
    assert cut("a" * LIMIT, "x") == ("a" * LIMIT, "")
    text, sentence = cut("a" * 1_000_000, "answers.jsonl, answer 7")
    assert text == "a" * LIMIT
    assert sentence == "980,000 more characters are left out here; the full text is in answers.jsonl, answer 7."
