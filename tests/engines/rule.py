"""The one rule that a tiny checkpoint is taught: the answer that holds the word GOOD wins. Known to its maker and to the tests.

Nothing here imports anything that is installed, so that every engine's own environment can use it.
"""

from __future__ import annotations

import random

TOKEN = "GOOD"
FILLER = ("plain", "red", "stone", "river", "seven", "lamp", "and", "under", "quiet", "north")
PROMPT = """Topic: {question}

First: {answer_a}

Second: {answer_b}

Which one? Say [[A]], [[B]] or [[C]]."""
"""The judge's prompt, as its folder has it."""


def text(random_: random.Random, good: bool) -> str:
    """An answer of a few words, with or without the word that decides."""
    words = random_.choices(FILLER, k=random_.randint(1, 5))
    if good:
        words.insert(random_.randint(0, len(words)), TOKEN)
    return " ".join(words)


def verdict(first: str, second: str) -> str:
    """What the rule says of two answers, in the marks that the prompt names."""
    a, b = TOKEN in first.split(), TOKEN in second.split()
    return "[[C]]" if a == b else "[[A]]" if a else "[[B]]"


def filled(random_: random.Random, closing: str = "") -> tuple[str, str]:
    """(a prompt with made-up texts, the verdict on it); `closing` is appended as evalh appends words of its own."""
    first, second = (text(random_, random_.random() < 0.5) for _ in range(2))
    topic = " ".join(random_.choices(FILLER, k=random_.randint(1, 4)))
    prompt = PROMPT.replace("{question}", topic).replace("{answer_a}", first).replace("{answer_b}", second)
    return prompt + (f"\n\n{closing}" if closing else ""), verdict(first, second)
