"""The fence around every text that a judge is shown: a line before it and one after it, with a code that the text cannot hold.

    <<answer A 3f9c52d07be1a846>>
    … the answer, whatever it says …
    <<end of answer A 3f9c52d07be1a846>>

The code is a keyed hash of everything in the unit: the key comes from the run's seed and the judge's hash, the message is the
question's id, turn, mode and every text shown, in the order shown. So the two orders of a comparison have different codes, and
a unit that is asked again has the same bytes. Whoever wrote an answer cannot guess the code, even who knows seed and judge:
putting a guess into the answer changes the code. Should a text hold it nevertheless, the next one in a fixed series is taken,
so that the code occurs in no text is certain and not only likely.

`shown` is the other half: what an answer holds that is no text (control characters, chat-template marks that a local server
would take for its own) is written out, so that the judge reads it instead of obeying it. Pure, linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import count
from typing import Final

DIGITS: Final = 16
"""Hexadecimal digits of a code."""
FORM: Final = 1
"""Part of every fenced judge's hash: raise it whenever the bytes of a fenced prompt may change."""


class Block(str):
    """A text between its fence lines, which stand on lines of their own wherever in a prompt it is put."""

    __slots__ = ()


def code(seed: int, judge_hash: str, question_id: str, turn: int, mode: str, texts: Sequence[str]) -> str:
    """The code of a unit: 16 hexadecimal digits that occur in none of its texts.

    Args:
        seed: the run's seed.
        judge_hash: names prompt, scale, reader, model and parameters of the variant.
        question_id: what is asked about; with `turn` and `mode` it tells units apart that show the same texts.
        texts: every text that will be fenced (question, reference, answers), in the order shown.
    """
    key = blake2b(_joined((str(seed), judge_hash)), digest_size=32, person=b"evalh-key").digest()
    message = _joined((question_id, str(turn), mode, *texts))
    # The message is hashed once, however many codes are tried.
    base = blake2b(message, digest_size=32, key=key, person=b"evalh-fence").digest()
    lowered = [text.lower() for text in texts]
    series = (blake2b(number.to_bytes(8, "big"), digest_size=DIGITS // 2, key=base).hexdigest() for number in count())
    return next(found for found in series if not any(found in text for text in lowered))


def _joined(parts: Iterable[str]) -> bytes:
    """Parts as bytes with their lengths before them, so that no two lists of parts give the same bytes."""
    out: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        out += [len(data).to_bytes(8, "big"), data]
    return b"".join(out)


def enclose(name: str, text: str, mark: str) -> Block:
    """A text between its two fence lines; `name` says what it is ("answer A"), `mark` is the unit's code."""
    return Block(f"<<{name} {mark}>>\n{text}\n<<end of {name} {mark}>>")


# Controls (all but tab and newline), lone surrogates (no server could be sent them), noncharacters, and tags: letters that
# nobody sees and many models read. A tag sequence behind a black flag is a flag, such as Scotland's.
_ODD: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]")
_FLAG_OR_ODD: Final = re.compile(rf"\U0001f3f4[\U000e0020-\U000e007e]{{1,12}}\U000e007f|({_ODD.pattern})")
TEMPLATE: Final = re.compile(
    r"<(?=[|｜](?:im_[a-z]{1,9}|[a-z_]{1,20}_id|endof[a-z]{1,10}|end|system|user|assistant|tool|eom|pad|begin[\w▁]{1,24}"
    r"|end[\w▁]{1,24}|User|Assistant|System)[|｜]>|(?:start|end)_of_turn>|<SYS>>|</SYS>>)|\[(?=/?INST\])",
    re.I,
)
"""Where a chat-template mark opens, such as `<|im_start|>` or `[INST]`: what parts the turns of a conversation."""


def shown(text: str) -> str:
    """A text as a fenced prompt shows it: the same text but for two things.

    Characters that are no text (controls other than tab and newline, lone surrogates, noncharacters, invisible tags) are
    written out as their number, `⟨U+001B⟩`; a carriage return is a new line. Chat-template marks are parted by a space,
    `< |im_start|>`, because a local server may take them for its own and end the judge's turn there.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _ODD.search(text):
        text = _FLAG_OR_ODD.sub(lambda m: f"⟨U+{ord(m[1]):04X}⟩" if m[1] else m[0], text)
    if "<" in text or "[" in text:
        text = TEMPLATE.sub(lambda m: m[0] + " ", text)
    return text


def altered(text: str) -> bool:
    """Whether `shown` changes more of a text than its line ends."""
    return shown(text) != text.replace("\r\n", "\n").replace("\r", "\n")
