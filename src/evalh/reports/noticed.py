"""What servers did in silence, as a report says it: flags of records counted, and models that replied under another name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evalh.reports.numbers import count
from evalh.reports.text import line

LEFT_OUT: Final[Mapping[str, str]] = {
    "no_logprobs": "log-probabilities",
    "no_usage": "token counts",
    "schema_ignored": "the JSON form that was asked for",
    "grammar_ignored": "the grammar that was asked for",
    "choice_ignored": "the choice that was asked for",
}
"""Flags that say what a reply lacks although it was asked for."""


@dataclass(slots=True)
class Flags:
    """Of the records of one judge or model: how many came from a reply, and how many carry each flag."""

    replies: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, flags: Iterable[str], times: int) -> None:
        """Count so many replies with these flags."""
        self.replies += times
        for flag in flags:
            self.counts[flag] = self.counts.get(flag, 0) + times


class Tally:
    """The flags of a run: by judge, and by model of its answers."""

    def __init__(self) -> None:
        self.judges: dict[str, Flags] = {}
        self.models: dict[str, Flags] = {}

    def note(self, found: Mapping[str, Sequence[Any]]) -> None:
        """Count some answers or judgments, given as field -> values; one without a reply counts for nothing."""
        judged = "judge" in found
        by_name = self.judges if judged else self.models
        names = found["judge" if judged else "model"]
        status = found["status"] if judged else [""] * len(names)
        kinds = Counter(zip(names, status, map(bool, found["failure"]), map(tuple, found["flags"]), strict=True))
        for (name, status_of, failed, flags), times in kinds.items():
            seen = by_name.setdefault(name, Flags())
            if not failed and status_of != "no_answer":
                seen.note(flags, times)


@dataclass(frozen=True, slots=True)
class Served:
    """A model, or a judge's model, whose server says that another one replied."""

    label: str
    asked: str
    names: tuple[str, ...]


def versions_of(pairs: Iterable[Sequence[str | None]]) -> tuple[str, ...]:
    """The versions of one model that replied, in the order given; more than one of them is drift.

    Args:
        pairs: (model, fingerprint) as the server gave them. One without a fingerprint is no version of its own beside others
            of the same name: servers leave it out at times.
    """
    found = list(dict.fromkeys((pair[0] or "", pair[1] or "") for pair in pairs))
    named = {model for model, mark in found if mark}
    return tuple(" ".join(part for part in pair if part) or "unnamed" for pair in found if pair[1] or pair[0] not in named)


def left_out(flags: Flags | None) -> str:
    """What is missing from replies, as it goes on after "left out": "token counts in 3 of 80 replies"; empty for nothing."""
    if flags is None:
        return ""
    found = [(words, n) for flag, words in LEFT_OUT.items() if (n := flags.counts.get(flag, 0))]
    return ", ".join(f"{words} in {count(n)} of {count(flags.replies)} replies" for words, n in found)


def judge_lines(flags: Flags | None) -> Iterator[str]:
    """Sentences about a judge's server."""
    if found := left_out(flags):
        yield f"Left out by the server in silence: {found}."


def facts(
    models: Mapping[str, Flags], served: Sequence[Served], changed: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Facts about the servers of a run, as (name, words); `changed` holds what replied, by label."""
    missing = [f"{line(name)}: {found}" for name, flags in models.items() if (found := left_out(flags))]
    if missing:
        yield "left out by servers", "; ".join(missing)
    if served:
        said = [f"{line(s.label)}: asked for {line(s.asked)}, served as {', '.join(map(line, s.names))}" for s in served]
        yield "served under another name", "; ".join(said)
    if changed:
        said = [f"{line(label)}: {', then '.join(map(line, versions))}" for label, versions in changed.items()]
        yield "changed within the run", "; ".join(said)


def flags_json(flags: Flags | None) -> dict[str, Any]:
    """Flags for `report --format json`."""
    return (
        {"replies": 0, "flags": {}}
        if flags is None
        else {"replies": flags.replies, "flags": dict(sorted(flags.counts.items()))}
    )


def served_json(served: Sequence[Served]) -> list[dict[str, Any]]:
    """Renamed models for `report --format json`."""
    return [{"label": s.label, "asked": s.asked, "served": list(s.names)} for s in served]
