"""The schema number of what is on disk, and the way from each number to the next.

Every record and every run.json carries the number of the evalh that wrote it: one number for all kinds, raised when any of them
changes. `STEPS[kind][n]` turns what was written under n into what n + 1 means; a kind that did not change then has no step. An
old value passes through all of them when it is read, and what lies on the disk stays as it is: a folder that goes on holds
lines of several numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evalh.errors import CorruptRecord, UnsupportedSchema

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One upgrade of one kind.

    Attributes:
        name: what it changes, in a few words.
        change: the decoded value without its number -> the same under the next number.
    """

    name: str
    change: Callable[[dict[str, Any]], dict[str, Any]]


STEPS: Final[Mapping[str, Mapping[int, Step]]] = {
    "run": {},
    "question": {},
    "answer": {},
    "judgment": {},
    "vote": {0: Step("votes carry a number", dict)},
}
UNNUMBERED: Final[Mapping[str, int]] = {"vote": 0}
"""What a value without a number was written under, for the kinds that once had none."""


def upgraded(kind: str, data: dict[str, Any], where: str = "") -> dict[str, Any]:
    """A decoded value as the present schema has it, its number taken out; `data` is consumed.

    Args:
        kind: a key of `STEPS`.
        where: file and line, for the message.

    Raises:
        CorruptRecord: it carries no number, or is not what its number says.
        UnsupportedSchema: written by a newer evalh.
    """
    number = data.pop("schema", UNNUMBERED.get(kind))
    if number == SCHEMA and type(number) is int:
        return data
    if type(number) is not int or number < min((1, *STEPS[kind])):
        raise CorruptRecord(f"{where}: the record carries no schema number")
    if number > SCHEMA:
        raise UnsupportedSchema(f"{where}: schema {number} was written by a newer evalh; this one reads up to {SCHEMA}")
    for n in range(number, SCHEMA):
        step = STEPS[kind].get(n)
        if step is not None:
            try:
                data = step.change(data)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                fault = f"step {n} to {n + 1}, {step.name}: {error!r}"
                raise CorruptRecord(f"{where}: not a valid {kind} of schema {number} ({fault})") from None
    return data
